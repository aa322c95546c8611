"""Golden values for tests/reduce_test.lua, from PyTorch (2.11, CPU): python3 tests/golden/reduce.py
Writes reduce.safetensors beside itself. Positions are PyTorch's + 1: ours count from 1."""
import os, math, torch
from safetensors.torch import save_file

torch.manual_seed(7)
out = {}


def put(name, t):
    out[name] = t.detach().clone().contiguous()


inputs = {
    "cube": torch.randn(3, 4, 5, dtype=torch.float64),
    "ties": torch.randint(0, 3, (4, 6)).double(),
    "zeros": torch.tensor([[2.0, 0.0, 3.0], [0.0, 0.0, 1.5], [4.0, -5.0, 0.5]], dtype=torch.float64),
    "row": torch.randn(130, dtype=torch.float64),
    "scalar": torch.tensor(1.25, dtype=torch.float64),
}
dims = {"all": None, "1": (0,), "2": (1,), "12": (0, 1), "last": (-1,)}


def gradients(key, f, x, grad2=True):
    """The gradient of sum(w * f(x)), and of sum(v * gradient), for fixed w and v: cos of the position."""
    x = x.clone().requires_grad_()
    y = f(x)
    put(key, y)
    w = torch.arange(y.numel(), dtype=x.dtype).add(1).cos().reshape(y.shape)
    (g,) = torch.autograd.grad((w * y).sum(), x, create_graph=True, allow_unused=True)
    if g is None:
        g = torch.zeros_like(x)
    put(key + ".grad", g)
    if grad2 and g.requires_grad:
        v = torch.arange(x.numel(), dtype=x.dtype).add(2).cos().reshape(x.shape)
        (h,) = torch.autograd.grad((v * g).sum(), x, allow_unused=True)
        put(key + ".grad2", h if h is not None else torch.zeros_like(x))


for xname, x in inputs.items():
    put(xname, x)
    for dname, d in dims.items():
        if d is not None and x.dim() < max(abs(i if i < 0 else i + 1) for i in d):
            continue
        every = tuple(range(x.dim())) if d is None else d
        for keep in (False, True):
            k = f"{xname}/{dname}/{'keep' if keep else 'drop'}/"
            gradients(k + "sum", lambda t: t.sum(every, keepdim=keep), x)
            gradients(k + "mean", lambda t: t.mean(every, keepdim=keep), x)
            gradients(k + "amax", lambda t: t.amax(every, keepdim=keep), x)
            gradients(k + "amin", lambda t: t.amin(every, keepdim=keep), x)
            gradients(k + "logsumexp", lambda t: t.logsumexp(every, keepdim=keep), x)
            if x.dim() and xname != "zeros":
                gradients(k + "var", lambda t: t.var(every, keepdim=keep), x)
                gradients(k + "var0", lambda t: t.var(every, correction=0, keepdim=keep), x)
            if xname in ("cube", "row"):
                gradients(k + "std", lambda t: t.std(every, keepdim=keep), x)
                for p in (1, 2, 3.5, math.inf, -math.inf, 0):
                    gradients(k + f"norm{p}", lambda t: torch.linalg.vector_norm(t, p, every, keepdim=keep), x)
            put(k + "all", x.all(dim=every, keepdim=keep) if x.dim() else x.all())
            put(k + "any", x.any(dim=every, keepdim=keep) if x.dim() else x.any())
            put(k + "count_nonzero", (x != 0).sum(every, keepdim=keep))
            if len(every) == 1:
                gradients(k + "prod", lambda t: t.prod(every[0], keepdim=keep), x)
                gradients(k + "max", lambda t: t.max(every[0], keepdim=keep)[0], x)
                gradients(k + "min", lambda t: t.min(every[0], keepdim=keep)[0], x)
                put(k + "argmax", x.argmax(every[0], keepdim=keep) + 1)
                put(k + "argmin", x.argmin(every[0], keepdim=keep) + 1)
            if dname == "all" and not keep:
                gradients(k + "prod", lambda t: t.prod(), x)
                put(k + "argmax", x.argmax() + 1)
                put(k + "argmin", x.argmin() + 1)
    for d in range(max(1, x.dim())):
        k = f"{xname}/{d + 1}/"
        gradients(k + "cumsum", lambda t: t.cumsum(d), x)
        gradients(k + "cumprod", lambda t: t.cumprod(d), x)
        gradients(k + "logcumsumexp", lambda t: t.logcumsumexp(d), x, grad2=False)
        for down in (False, True):
            name = "descending" if down else "ascending"
            gradients(k + name, lambda t: t.sort(dim=d, descending=down, stable=True)[0], x)
            put(k + name + ".positions", x.sort(dim=d, descending=down, stable=True)[1] + 1)
        if x.dim() and xname != "ties":  # which of equal elements PyTorch's topk takes is not defined
            gradients(k + "topk", lambda t: t.topk(2, d)[0], x)
            gradients(k + "bottomk", lambda t: t.topk(2, d, largest=False)[0], x)

save_file(out, os.path.join(os.path.dirname(os.path.abspath(__file__)), "reduce.safetensors"))
print(len(out), "tensors")
