"""Special functions over hard ranges, in 50 digits: tiny and huge arguments, beside zeros, across the joints of the
formulas in lib/ops/*_functions.h, tails down to the smallest numbers. Needs mpmath.

Keys: "NAME.x" (and "NAME.a" or "NAME.n" for a second argument) and "NAME.y", all f64. "NAME.size": the largest value
nearby, which errors are relative to where a function oscillates.
"""

import random

import mpmath as mp
import torch

from common import save
from polynomials import RECURRENCES

mp.mp.dps = 50
random.seed(4)
out = {}


def put(name, f, *arguments, size=None):
    """arguments: name -> list."""
    names, columns = zip(*arguments)
    rows = [row for row in zip(*columns)]
    values = [f(*[mp.mpf(v) for v in row]) for row in rows]
    usual = [v == 0 or 1e-305 < abs(v) < 1e305 for v in values]
    if size:
        usual = [u and size(*r) < 1e305 for u, r in zip(usual, rows)]
    rows, values = zip(*[(r, v) for r, v, u in zip(rows, values, usual) if u])
    for k, which in enumerate(names):
        out[f"{name}.{which}"] = torch.tensor([r[k] for r in rows], dtype=torch.float64)
    out[name + ".y"] = torch.tensor([float(v) for v in values], dtype=torch.float64)
    if size:
        out[name + ".size"] = torch.tensor([float(max(abs(v), size(*r))) for r, v in zip(rows, values)],
                                           dtype=torch.float64)


def spread(n, low, high):
    return [low + (high - low) * random.random() for _ in range(n)]


def decades(n, low, high):
    return [10 ** v for v in spread(n, low, high)]


def root(x):
    return min(1, abs(x) ** -0.5) if x else 1


x = spread(40, 0, 40) + decades(30, -8, 6) + [8.0, 7.999999, 8.000001, 2.404825557695773, 3.831705970207512]
for nu in (0, 1):
    put(f"bessel_j{nu}", lambda t: mp.besselj(nu, t), ("x", x + [-t for t in x]), size=root)
    put(f"bessel_y{nu}", lambda t: mp.bessely(nu, t), ("x", x), size=root)
    k = spread(20, 0, 3) + decades(30, -8, 2.8) + [2.0, 1.9999999, 2.0000001]
    put(f"modified_bessel_k{nu}", lambda t: mp.besselk(nu, t), ("x", k))
    put(f"scaled_modified_bessel_k{nu}", lambda t: mp.besselk(nu, t) * mp.exp(t), ("x", k + decades(10, 3, 10)))
put("spherical_bessel_j0", mp.sinc, ("x", x + [-t for t in x]), size=lambda t: 1 / max(1, abs(t)))
put("airy_ai", mp.airyai, ("x", spread(60, -6, 4) + decades(20, -6, 2) + [-t for t in decades(20, 0, 4)] +
                           [2.0, -1.0, -4.0, 2.0000001, -1.0000001, -4.0000001]),
    size=lambda t: 0 if t > 0 else max(1, abs(t)) ** -0.25)


def lower(p, q):
    """igamma by its series: mpmath's own gives up for thousands."""
    total = term = mp.mpf(1)
    k = 0
    while term > total * mp.eps:
        k += 1
        term *= q / (p + k)
        total += term
    return total * mp.exp(p * mp.log(q) - q - mp.loggamma(p + 1))


def upper(p, q):
    with mp.workdps(380):
        return 1 - lower(p, q)


a, t = [], []
for first in decades(60, -8, 3.3):
    a, t = a + [first], t + [first * 10 ** random.uniform(-2, 0.7)]
for first in decades(40, 0, 3.5):
    second = first + random.uniform(-6, 6) * first ** 0.5
    a, t = a + [first], t + [abs(second)]
for first in spread(40, 30, 70):
    a, t = a + [first], t + [first * random.uniform(0.6, 1.5)]
for first in spread(40, 0.01, 3):
    a, t = a + [first], t + [random.uniform(0.001, 3)]
for first in decades(20, -12, -1):
    a, t = a + [first], t + [10 ** random.uniform(-12, 2)]
put("igamma", lower, ("a", a), ("x", t))
put("igammac", upper, ("a", a), ("x", t))


def recurrence(first, step):
    def f(v, n):
        p, q = mp.mpf(1), first(v)
        for i in range(1, int(n)):
            p, q = q, step(i, v, p, q)
        return q if n else p
    return f


v, n = [], []
for x in spread(6, -1, 1) + spread(3, -8, 8) + [1.0, -1.0, 0.0, 0.9999, 1.0001, -1000.0]:
    for degree in (0, 1, 2, 5, 17, 40, 64, 65, 301):
        v, n = v + [x], n + [degree]
for name, parts in RECURRENCES.items():
    if name.startswith("shifted"):
        continue  # those of t to w at 2 x - 1
    f = recurrence(*parts)
    # The largest of the degrees up to n.
    put(name, f, ("x", v), ("n", n),
        size=lambda t, m: max(abs(f(mp.mpf(t), k)) for k in range(max(0, int(m) - 3), int(m) + 1)))


# Across the joints, beside the roots 1 and 2 (in their gradient's own size), and below 0 where nothing but the absolute
# error can be small.
x = spread(80, 0, 9) + spread(40, 0.9, 2.1) + decades(40, -300, 300) + [0.5, 1.0, 1.5, 2.0, 2.5, 7.5, 8.0, 10.0] + \
    [1 + 1e-9, 1 - 1e-9, 2 + 1e-9, 2 - 1e-9]
below = [-t for t in spread(60, 0, 20) + decades(20, -300, 2)]
put("lgamma", lambda t: mp.re(mp.loggamma(t)), ("x", x + below), size=lambda t: 1 if t < 0 or t in (1, 2) else 0)
put("digamma", mp.digamma, ("x", x + below), size=lambda t: 1)
x = spread(60, -6, 6) + spread(60, -37, 12) + decades(20, -300, 5) + [-t for t in decades(20, -300, 1)] + [4.0, -1.0]
put("erfcx", lambda t: mp.exp(t * t) * mp.erfc(t), ("x", x))
put("ndtr", mp.ncdf, ("x", x))
put("log_ndtr", lambda t: mp.log(mp.ncdf(t)) if t < 0 else mp.log1p(-mp.ncdf(-t)), ("x", x))

save(out)
