"""Functions of several operands that are composed of ops, with their gradients (f64): stdlib/ops/arithmetic.lua,
activation.lua and special.lua.

Keys: "a", "b", "c" (6), "p" (positive), "x" (2, 4), "w" (4) and "special" (nan, infinities); "NAME" the result, "NAME.a",
"NAME.b", "NAME.c" the gradients of sum(result * weights) with weights 1, 2, 3, ... Where the inputs of a function are
others, tests/arithmetic_test.lua says so.
"""

import torch
import torch.nn.functional as F

from common import save

nan, inf = float("nan"), float("inf")


def leaf(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


a = leaf([-2.5, -1.0, 0.0, 0.5, 1.0, 3.0])
b = leaf([0.5, -1.0, 2.0, -0.25, 1.0, 0.75])
c = leaf([0.25, 0.75, -0.5, 0.5, 1.5, 2.0])
p = leaf([0.2, 0.9, 1.0, 2.5, 7.0, 30.0])
x = leaf([[-1.5, 0.5, 2.0, -0.25], [1.0, -3.0, 0.75, 4.0]])
w = leaf([0.1, 0.2, 0.3, 0.4])
special = leaf([nan, inf, -inf, 1.5])
zeros_a, zeros_b = leaf([0.0, 0.0, 2.0, 0.0, 1.5, 0.0]), leaf([0.0, 2.0, 3.0, -1.0, 0.5, nan])
out = {"a": a, "b": b, "c": c, "p": p, "x": x, "w": w, "special": special, "xlogy_a": zeros_a, "xlogy_b": zeros_b}


def case(name, f, **inputs):
    y = f(**inputs)
    out[name] = y
    weights = torch.arange(1, y.numel() + 1, dtype=torch.float64).reshape(y.shape)
    grads = torch.autograd.grad((y * weights).sum(), list(inputs.values()), allow_unused=True)
    for key, t, g in zip(inputs, inputs.values(), grads):
        out[f"{name}.{key}"] = torch.zeros_like(t) if g is None else g


case("lerp", lambda a, b, c: torch.lerp(a, b, c), a=a, b=b, c=c)
case("addcmul", lambda a, b, c: torch.addcmul(a, b, c, value=2.5), a=a, b=b, c=c)
case("addcdiv", lambda a, b, c: torch.addcdiv(a, b, c, value=2.5), a=a, b=b, c=c)
case("clamp_both", lambda a, b, c: torch.clamp(a, b, c), a=a, b=b, c=c)
case("clamp_min", lambda a, b: torch.clamp_min(a, b), a=a, b=b)
case("clamp_max", lambda a, b: torch.clamp_max(a, b), a=a, b=b)
case("glu", lambda x: F.glu(x, 0), x=x)
case("prelu", lambda x, w: F.prelu(x, w), x=x, w=w)
case("rrelu", lambda x: F.rrelu(x), x=x)
case("polygamma1", lambda p: torch.polygamma(1, p), p=p)
case("polygamma3", lambda p: torch.polygamma(3, p), p=p)
case("mvlgamma", lambda p: torch.mvlgamma(p + 1, 3), p=p)
case("nan_to_num", lambda s: torch.nan_to_num(s), s=special)
case("nan_to_num_named", lambda s: torch.nan_to_num(s, nan=2.0, posinf=9.0), s=special)
case("xlogy", lambda a, b: torch.xlogy(a, b), a=zeros_a, b=zeros_b)
case("float_power", lambda p, b: torch.float_power(p, b), p=p, b=b)
out["div_floor"] = torch.div(a, b, rounding_mode="floor")
out["div_trunc"] = torch.div(a, b, rounding_mode="trunc")

save(out)
