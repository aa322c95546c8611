"""Golden values for tests/statistics_test.lua, from PyTorch (2.15, CPU): python3 tests/golden/statistics.py
Positions are PyTorch's + 1: ours count from 1. NAME.grad is the gradient of the sum of cos(1), cos(2), ... times the
result."""

import math

import torch

from common import save

torch.manual_seed(11)
nan, inf = math.nan, math.inf
F64 = torch.float64
out = {}

inputs = {
    "cube": torch.randn(3, 4, 5, dtype=F64),
    "ties": torch.randint(0, 3, (4, 6)).double(),
    "row": torch.randn(31, dtype=F64),
    "scalar": torch.tensor(1.25, dtype=F64),
    "nans": torch.tensor([[nan, 2, -inf, 4, 1], [3, 0, 5, inf, -1], [nan] * 5, [inf, 1, nan, 2, inf]], dtype=F64),
}
integers = {
    "int": torch.randint(-5, 6, (4, 7)),
}


def put(key, value):
    out[key] = value.detach().clone()


def weighted(y):
    return (torch.arange(1, y.numel() + 1, dtype=F64).cos().reshape(y.shape) * y).sum()


def record(key, f, x, grad=True):
    """f(x) gives a value, or a value and positions."""
    leaf = x.clone().requires_grad_(grad)
    y = f(leaf)
    if isinstance(y, tuple):
        y, positions = y
        put(key + ".positions", positions + 1)
    put(key, y)
    if grad:
        g = torch.autograd.grad(weighted(y), leaf, allow_unused=True)[0]
        put(key + ".grad", torch.zeros_like(x) if g is None else g)


def along_dims(name, f, skip=(), grad=True, positions=True):
    """f(x, dim, keepdim) along every dim of every input."""
    for xname, x in {**inputs, **integers}.items():
        if xname in skip:
            continue
        for d in range(max(1, x.dim())):
            for keep in (False, True):
                def call(t):
                    y = tuple(f(t, d, keep))
                    return y if positions else y[0]
                record(f"{xname}/{d + 1}/{'keep' if keep else 'drop'}/{name}", call, x,
                       grad and x.is_floating_point())


# Which of equal elements PyTorch's selections take is not defined: positions and gradients of the others only.
along_dims("median", lambda x, d, k: torch.median(x, d, k), skip=("ties", "int", "nans"))
along_dims("nanmedian", lambda x, d, k: torch.nanmedian(x, d, k), skip=("ties", "int", "nans"))
along_dims("kthvalue", lambda x, d, k: torch.kthvalue(x, 1 + (x.shape[d] > 1 if x.dim() else 0), d, k),
           skip=("ties", "int", "nans"))
for name, f in {"median": torch.median, "nanmedian": torch.nanmedian}.items():
    along_dims(name, lambda x, d, k: f(x, d, k)[:1], skip=("cube", "row", "scalar"), grad=False, positions=False)
along_dims("kthvalue", lambda x, d, k: torch.kthvalue(x, 2, d, k)[:1], skip=("cube", "row", "scalar"), grad=False,
           positions=False)
along_dims("mode", lambda x, d, k: torch.mode(x, d, k), skip=("nans",))
for name, f in {"cummax": torch.cummax, "cummin": torch.cummin}.items():
    for xname, x in {**inputs, **integers}.items():
        for d in range(max(1, x.dim())):
            record(f"{xname}/{d + 1}/{name}", lambda t: tuple(f(t, d)), x, x.is_floating_point())

# PyTorch's quantile may take any of equal elements.
UNORDERED = ("nans", "ties")
for xname, x in {**inputs, **integers}.items():
    floating = x.is_floating_point()
    record(f"{xname}/all/median", torch.median, x, floating and xname != "nans")
    record(f"{xname}/all/nanmedian", torch.nanmedian, x, floating)
    record(f"{xname}/all/nansum", torch.nansum, x, floating)
    if not floating:
        continue
    record(f"{xname}/all/nanmean", torch.nanmean, x)
    for side in (0, 1):
        record(f"{xname}/all/aminmax{side}", lambda t: torch.aminmax(t)[side], x, xname != "nans")
    for d in range(x.dim()):
        record(f"{xname}/{d + 1}/nansum", lambda t: t.nansum(d, keepdim=True), x)
        record(f"{xname}/{d + 1}/nanmean", lambda t: t.nanmean(d), x)
        for side in (0, 1):
            record(f"{xname}/{d + 1}/aminmax{side}", lambda t: torch.aminmax(t, dim=d)[side], x, xname != "nans")
    for p in (0, 0.5, 1, 2, 3.5, -1, -2.5, inf, -inf):
        if xname in ("cube", "row"):
            record(f"{xname}/all/norm{p}", lambda t: torch.linalg.vector_norm(t, p), x)
        if xname == "cube":
            record(f"{xname}/13/norm{p}", lambda t: torch.linalg.vector_norm(t, p, (0, 2), keepdim=True), x)
    for how in ("linear", "lower", "higher", "midpoint", "nearest"):
        for name, f in {"quantile": torch.quantile, "nanquantile": torch.nanquantile}.items():
            if xname != "nans" or name == "nanquantile":
                record(f"{xname}/all/{name}_{how}", lambda t: f(t, 0.3, interpolation=how), x, xname not in UNORDERED)
            many = torch.tensor([0, 0.25, 0.5, 0.9, 1], dtype=F64)
            for d in range(x.dim()):
                for keep in (False, True) if how == "linear" else (False,):
                    # PyTorch's interpolation between equal infinities gives NaN; ours the infinity.
                    record(f"{xname}/{d + 1}/{'keep' if keep else 'drop'}/{name}_{how}",
                           lambda t: f(t.nan_to_num(nan, 50, -50), many, d, keepdim=keep, interpolation=how), x,
                           xname not in UNORDERED)

small = inputs["cube"][0]
put("histc/x", inputs["row"])
put("histc/5", torch.histc(inputs["row"], 5))
put("histc/range", torch.histc(inputs["row"], 7, -1, 1))
put("histc/ties", torch.histc(inputs["ties"], 4))
edges = torch.tensor([-1.5, -0.5, 0.25, 0.5, 2], dtype=F64)
weights = torch.rand(31, dtype=F64)
put("histogram/edges", edges)
put("histogram/weights", weights)
for density in (False, True):
    for wname, w in {"plain": None, "weighted": weights}.items():
        key = f"histogram/{wname}/{'density' if density else 'count'}/"
        put(key + "edges", torch.histogram(inputs["row"], edges, weight=w, density=density)[0])
        hist, e = torch.histogram(inputs["row"], 6, weight=w, density=density)
        put(key + "6", hist)
        put(key + "6.edges", e)
        put(key + "range", torch.histogram(inputs["row"], 6, range=(-1.0, 2.0), weight=w, density=density)[0])

fw, aw = torch.tensor([1, 2, 1, 3, 1]), torch.tensor([0.5, 1, 2, 0.25, 1], dtype=F64)
put("cov/x", small)
put("cov/fweights", fw)
put("cov/aweights", aw)
record("cov/plain", lambda t: torch.cov(t), small)
record("cov/correction0", lambda t: torch.cov(t, correction=0), small)
record("cov/weights", lambda t: torch.cov(t, fweights=fw, aweights=aw), small)
record("cov/vector", lambda t: torch.cov(t), inputs["row"])
record("corrcoef/plain", lambda t: torch.corrcoef(t), small)
for p in (1, 2, 3.5, inf):
    for d in range(3):
        record(f"renorm/{p}/{d + 1}", lambda t: torch.renorm(t, p, d, 1.5), inputs["cube"])
    record(f"dist/{p}", lambda t: torch.dist(t, t[0] * 0.5 + 1, p), inputs["cube"])
before, after = torch.randn(3, 2, 5, dtype=F64), torch.randn(3, 1, 5, dtype=F64)
put("diff/prepend", before)
put("diff/append", after)
for d in range(3):
    for n in (0, 1, 2, 9):
        record(f"diff/{d + 1}/{n}", lambda t: torch.diff(t, n, d), inputs["cube"], n < 9)
record("diff/both", lambda t: torch.diff(t, dim=1, prepend=before, append=after), inputs["cube"])
places = torch.tensor([0, 0.5, 2, 2.25, 4], dtype=F64)
grid = torch.randn(3, 4, 5, dtype=F64)
put("trapezoid/places", places)
put("trapezoid/grid", grid)
for name, f in {"trapezoid": torch.trapezoid, "cumulative_trapezoid": torch.cumulative_trapezoid}.items():
    for d in range(3):
        record(f"{name}/{d + 1}", lambda t: f(t, dim=d), inputs["cube"])
        record(f"{name}/{d + 1}/grid", lambda t: f(t, grid, dim=d), inputs["cube"])
    record(f"{name}/dx", lambda t: f(t, dx=0.5), inputs["cube"])
    record(f"{name}/vector", lambda t: f(t, places), inputs["cube"])

for name, x in {**inputs, **integers}.items():
    put(name, x)
save(out)
