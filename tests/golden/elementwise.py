"""Elementwise ops, every dtype, and the type promotion tables.

Keys: "x.DTYPE" and the second operands "b.DTYPE" (no zeros), "e.DTYPE" (small, not negative), "p.DTYPE" (any),
"u.DTYPE" (within [-1, 1]), "m.DTYPE" (moderate), "s.DTYPE" (shifts), "n.DTYPE" (degrees), "l.DTYPE" and "z.DTYPE" (for lerp and zeta), all of
shape (n). "OP.DTYPE" or "OP(params).DTYPE": unary, f(x). "OP:s.DTYPE": binary, f(x[i], s[j]) of shape (n, m), where s
names the second operand (x is "a.DTYPE"; for the gradients of activations "m.DTYPE"). A value of dtype u8 and shape (0) means that PyTorch refuses the dtype.
"promote": the dtype of a tensor with a tensor, as positions (from 1) in DTYPES; "promote_scalar": a tensor with a 0-dim
tensor; "promote_int", "promote_float", "promote_bool": a tensor with a Python number.
"""

import math

import mpmath as mp
import torch
import torch.nn.functional as F

from common import save
from polynomials import RECURRENCES

inf, nan = float("inf"), float("nan")
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 0.25, 2.0, -2.75, 3.0, -3.0, 6.5, 0.9375, -0.96875, 25.0, -25.0, 90.0, -110.0,
          1e-3, -1e-9, 1e-40, 1e20, inf, -inf, nan]
INTS = {torch.int64: [0, 1, -1, 2, -3, 7, -8, 100, -127, 2**31, -2**33, 2**53 + 1],
        torch.int32: [0, 1, -1, 2, -3, 7, -8, 100, -127, 70000, -2**20, 2**31 - 1],
        torch.uint8: [0, 1, 2, 3, 7, 8, 100, 127, 128, 200, 254, 255],
        torch.bool: [0, 1]}
SECOND = {torch.int64: [1, -1, 2, -3, 5, 7, -10, 64], torch.int32: [1, -1, 2, -3, 5, 7, -10, 64],
          torch.uint8: [1, 2, 3, 5, 7, 64, 255], torch.bool: [1]}
BINARY_FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.75, 3.0, 7.25, -1e-3, 1e20, 1e-40, inf, -inf, nan]
SHORT = {torch.float32: "f32", torch.float64: "f64", torch.int64: "i64", torch.int32: "i32", torch.uint8: "u8",
         torch.bool: "bool"}

out = {}

# name -> (function, calls): calls are lists of positional parameters in our order.
UNARY = {
    "relu": F.relu, "relu6": F.relu6, "leaky_relu": (F.leaky_relu, [[], [0.2]]), "elu": (F.elu, [[], [0.5]]),
    "softplus": (F.softplus, [[], [2.0, 10.0]]), "logsigmoid": F.logsigmoid, "silu": F.silu, "mish": F.mish,
    "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "hardtanh": (F.hardtanh, [[], [-2.0, 0.75]]), "hardsigmoid": F.hardsigmoid, "hardswish": F.hardswish,
    "softsign": F.softsign, "logit": torch.logit,
    "clamp": (torch.clamp, [[-2, 3], [-0.5, 0.75], [1, 3], [3, 1]]),
    "celu": (F.celu, [[], [0.5]]), "selu": F.selu, "hardshrink": (F.hardshrink, [[], [2.75]]),
    "softshrink": (F.softshrink, [[], [2.75]]), "tanhshrink": F.tanhshrink,
    "threshold": (F.threshold, [[0, 0], [1, 7]]),
    "frexp_mantissa": lambda x: torch.frexp(x)[0],
    "frexp_exponent": lambda x: torch.frexp(x)[1].masked_fill(~x.isfinite(), 0).to(x.dtype),
}
for name in ("abs neg sign ceil floor round trunc frac square sqrt rsqrt reciprocal exp exp2 expm1 log log2 log10 log1p "
             "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc sigmoid isnan isinf isfinite "
             "logical_not bitwise_not deg2rad rad2deg lgamma digamma erfinv sinc i0 isposinf isneginf signbit").split():
    UNARY[name] = getattr(torch, name)
for name in ("erfcx ndtr ndtri log_ndtr entr i0e i1 i1e bessel_j0 bessel_j1 bessel_y0 bessel_y1 spherical_bessel_j0 "
             "modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1 airy_ai").split():
    UNARY[name] = getattr(torch.special, name)
# These are exact in any precision, or defined by it.
EXACT = set("abs neg sign ceil floor round trunc frac square relu relu6 clamp hardtanh isnan isinf isfinite logical_not "
            "bitwise_not".split())


def in_f64(f, dtype, *tensors, exact=False):
    """f in f64, rounded once to the dtype that f itself would give."""
    y = f(*tensors)
    if exact or y.dtype != torch.float32 or not all(t.dtype == torch.float32 for t in tensors):
        return y
    return f(*[t.double() for t in tensors]).float()


# PyTorch's own are off by more than a few ulp here and there: these are rounded from 200 digits. Where a function is not
# finite, PyTorch's value stays.
mp.mp.dps = 200
SPECIAL = {
    "lgamma": lambda x: mp.log(abs(mp.gamma(x))), "digamma": mp.digamma, "sinc": mp.sincpi,
    "erfinv": mp.erfinv, "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
    "ndtr": mp.ncdf, "ndtri": lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1),
    "log_ndtr": lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2),
    "i0": lambda x: mp.besseli(0, x), "i0e": lambda x: mp.besseli(0, x) * mp.exp(-abs(x)),
    "i1": lambda x: mp.besseli(1, x), "i1e": lambda x: mp.besseli(1, x) * mp.exp(-abs(x)),
    "bessel_j0": lambda x: mp.besselj(0, x), "bessel_j1": lambda x: mp.besselj(1, x),
    "bessel_y0": lambda x: mp.bessely(0, x), "bessel_y1": lambda x: mp.bessely(1, x),
    "spherical_bessel_j0": mp.sinc, "airy_ai": mp.airyai,
    "modified_bessel_k0": lambda x: mp.besselk(0, x), "modified_bessel_k1": lambda x: mp.besselk(1, x),
    "scaled_modified_bessel_k0": lambda x: mp.besselk(0, x) * mp.exp(x),
    "scaled_modified_bessel_k1": lambda x: mp.besselk(1, x) * mp.exp(x),
}
# Their size beyond 1e10 is 1 / sqrt(x), or less; the phase is that of the exact x.
FAR = {"bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"}


def exactly(name, x, value):
    wide = value.double()
    for k, v in enumerate((x if x.is_floating_point() else x.float()).double().tolist()):
        if name == "airy_ai" and (math.isinf(v) or v < -1e9 and x.dtype != torch.float64):
            wide[k] = 0
        elif name in FAR and math.isinf(v):
            wide[k] = 0 if v > 0 or "j" in name else nan
        elif abs(v) < (1e17 if name == "sinc" else inf if name in FAR else 1e10) and wide[k].isfinite():
            wide[k] = float(mp.re(SPECIAL[name](mp.mpf(v))))
    return wide.to(value.dtype)


def text(call):
    return "(" + ",".join(repr(v) for v in call) + ")" if call else ""


for dtype, short in SHORT.items():
    floating = dtype.is_floating_point
    x = torch.tensor(FLOATS if floating else INTS[dtype], dtype=dtype)
    out["x." + short] = x
    for name, entry in UNARY.items():
        f, calls = entry if isinstance(entry, tuple) else (entry, [[]])
        for call in calls:
            if dtype == torch.uint8 and name == "clamp" and call[0] < 0:
                continue  # PyTorch takes the -2 as 254
            try:
                value = in_f64(lambda t: f(t, *call), dtype, x, exact=name in EXACT)
            except (RuntimeError, TypeError, NotImplementedError):
                value = torch.zeros(0, dtype=torch.uint8)
            if name in ("hardtanh", "softsign") and not floating:
                continue  # ours take integers as f32; PyTorch's softsign overflows abs there
            if name == "hardswish" and floating:
                value[x == -inf] = 0  # the limit; PyTorch computes -inf * 0
            if name in SPECIAL:
                value = exactly(name, x, value)
            if name in ("i0", "i1") and floating:
                value[x == inf], value[x == -inf] = inf, inf if name == "i0" else -inf  # PyTorch: inf * 0
            out[f"{name}{text(call)}.{short}"] = value

BINARY = {name: (getattr(torch, name), "p") for name in
          ("mul div maximum minimum fmax fmin atan2 hypot xlogy copysign eq ne lt le gt ge logical_and logical_or "
           "logical_xor bitwise_and bitwise_or bitwise_xor logaddexp logaddexp2 heaviside").split()}
BINARY["add"] = (lambda a, b, alpha=1: torch.add(a, b, alpha=alpha), "p", [[], [3]])
BINARY["sub"] = (lambda a, b, alpha=1: torch.sub(a, b, alpha=alpha), "p", [[], [3]])
BINARY["floor_divide"] = (torch.floor_divide, "b")
BINARY["remainder"] = (torch.remainder, "b")
BINARY["fmod"] = (torch.fmod, "b")
BINARY["pow"] = (torch.pow, "e")
BINARY["trunc_divide"] = (lambda a, b: torch.div(a, b, rounding_mode="trunc"), "b")
BINARY["bitwise_left_shift"] = (torch.bitwise_left_shift, "s")
BINARY["bitwise_right_shift"] = (torch.bitwise_right_shift, "s")
BINARY["lerp"] = (lambda a, b, w: torch.lerp(a, b, w), "l", [[0.25], [0.75]])
BINARY["isclose"] = (lambda a, b, r=1e-5, t=1e-8: torch.isclose(a, b, rtol=r, atol=t), "p", [[], [0.5, 1], [0, 2]])
BINARY["xlog1py"] = (torch.special.xlog1py, "p")
BINARY["zeta"] = (torch.special.zeta, "z")
BINARY["igamma"], BINARY["igammac"] = (torch.igamma, "p"), (torch.igammac, "p")


def recurrence(first, step):
    """p_0 = 1, p_1 = first(x), p_(k+1) = step(k, x, p_(k-1), p_k), in 200 digits; far out the sign of the limit."""
    def value(x, n):
        n = math.trunc(n)
        if n < 0 or x != x:
            return 0 if n < 0 else nan
        if math.isinf(x):
            return 1 if n == 0 else float(mp.sign(value(mp.mpf(x > 0 and 1e9 or -1e9), n))) * inf
        x = mp.mpf(x)
        p, q = mp.mpf(1), first(x)
        for k in range(1, n):
            p, q = q, step(k, x, p, q)
        return float(q if n else p)

    def f(x, n):
        x, n = torch.broadcast_tensors(x, n)
        dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        values = [value(a, b) for a, b in zip(x.to(dtype).flatten().tolist(), n.flatten().tolist())]
        return torch.tensor(values, dtype=torch.float64).reshape(x.shape).to(dtype)
    return f


for name, (first_one, next_one) in RECURRENCES.items():
    BINARY[name] = (recurrence(first_one, next_one), "n")
BINARY["nextafter"] = (torch.nextafter, "p")
BINARY["ldexp"] = (torch.ldexp, "e")
for name in ("gcd", "lcm"):
    f = getattr(torch, name)
    BINARY[name] = (lambda a, b, f=f: f(a.long(), b.long()).to(a.dtype) if not a.is_floating_point() else f(a, b), "p")
aten = torch.ops.aten
BINARY["relu_grad"] = (lambda g, y: aten.threshold_backward(g, y, 0), "p")
BINARY["leaky_relu_grad"] = (lambda g, x, s=0.01: aten.leaky_relu_backward(g, x, s, False), "p", [[], [0.2]])
BINARY["sigmoid_grad"] = (aten.sigmoid_backward, "u")
BINARY["tanh_grad"] = (aten.tanh_backward, "u")
BINARY["silu_grad"] = (aten.silu_backward, "m")
BINARY["gelu_grad"] = (lambda g, x: aten.gelu_backward(g, x), "m")
BINARY["gelu_tanh_grad"] = (lambda g, x: aten.gelu_backward(g, x, approximate="tanh"), "m")
THROUGH_F64 = {"pow", "igamma", "igammac", "atan2", "hypot", "xlogy", "xlog1py", "zeta", "logaddexp", "logaddexp2", "lerp"}

for dtype, short in SHORT.items():
    floating = dtype.is_floating_point
    first = torch.tensor(BINARY_FLOATS if floating else INTS[dtype], dtype=dtype)
    second = first if floating else torch.tensor(SECOND[dtype], dtype=dtype)
    small = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.5, -2.5, 3.0, inf, -inf, nan] if floating
                         else [0, 1] if dtype == torch.bool else [0, 1, 2, 3, 5], dtype=dtype)
    out["a." + short], out["p." + short], out["b." + short], out["e." + short] = first, first, second, small
    out["s." + short] = torch.tensor([0, 1, 5, 7] if dtype != torch.bool else [0, 1], dtype=dtype)
    out["l." + short] = torch.tensor([0.0, -1.0, 3.0, 7.25, 1e20, inf, nan] if floating else [0, 1], dtype=dtype)
    out["z." + short] = torch.tensor([0.0, 0.125, 1.0, 2.5, 30.0, -1.25, -2.0, nan] if floating else [0, 1],
                                     dtype=dtype)
    out["n." + short] = torch.tensor([0.0, 1.0, 2.0, 3.5, 6.0, -1.0] if floating else
                                     [0, 1] if dtype == torch.bool else [0, 1, 2, 5], dtype=dtype)
    if floating:
        out["u." + short] = torch.tensor([0.0, -1.0, 1.0, 0.25, -0.875, 0.999, nan], dtype=dtype)
        out["m." + short] = torch.tensor([0.0, -0.0, -1.0, 1.0, 0.25, -2.875, 4.5, -6.0, 12.0, nan], dtype=dtype)
    for name, (f, which, *calls) in BINARY.items():
        other = out.get(f"{which}.{short}")
        first = out["m." + short] if name.endswith("_grad") and floating else out["a." + short]
        for call in calls[0] if calls else [[]]:
            if name.endswith("_grad") and not floating:
                continue  # gradients are floats
            try:
                value = in_f64(lambda a, b: f(a, b, *call), dtype, first[:, None], other[None, :],
                               exact=name not in THROUGH_F64 and not name.endswith("_grad"))
                value = torch.broadcast_to(value, (len(first), len(other)))
                if name in ("igamma", "igammac") and floating:  # PyTorch: not nan for nan and 0 or infinity
                    value = value.masked_fill(first[:, None].isnan() | other.isnan(), nan)
                if name == "zeta" and floating:  # PyTorch: nan for large s, not nan for nan and a whole q below 0
                    value = value.clone()
                    value[(first[:, None] >= 1e20) & (other > 1)] = 0
                    value[first.isnan()] = nan
            except (RuntimeError, TypeError, NotImplementedError):
                value = torch.zeros(0, dtype=torch.uint8)
            out[f"{name}{text(call)}:{which}.{short}"] = value

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int16, torch.int32,
          torch.int64, torch.bool]


def position(dtype):
    return DTYPES.index(dtype) + 1


out["promote"] = torch.tensor([[position(torch.promote_types(a, b)) for b in DTYPES] for a in DTYPES])
out["promote_scalar"] = torch.tensor(
    [[position(torch.result_type(torch.ones(2, dtype=a), torch.ones((), dtype=b))) for b in DTYPES] for a in DTYPES])
for name, number in (("int", 2), ("float", 2.5), ("bool", True)):
    out["promote_" + name] = torch.tensor([position(torch.result_type(torch.ones(2, dtype=a), number)) for a in DTYPES])
    out["promote_scalar_" + name] = torch.tensor(
        [position(torch.result_type(torch.ones((), dtype=a), number)) for a in DTYPES])

save(out)
