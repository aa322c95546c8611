"""Golden values for tests/index_test.lua, from PyTorch (2.11, CPU): python3 tests/golden/index.py
Writes index.safetensors beside itself. Tensors named index... hold positions, stored + 1: ours count from 1.

case(key, f, x = ..., index = ...) stores KEY/NAME for every argument, KEY/out (or out1, out2, ... for several),
and the gradients of sum(w * out), w = cos of the position from 1, as KEY/grad.NAME, for arguments that are f64.
Values are small integers, so that the test may run the same case in every dtype exactly."""

import torch
from common import save

out = {}
f64 = torch.float64


def whole(*size):
    """Different values 0..9 next to each other, some equal further off."""
    n = 1
    for s in size:
        n *= s
    return ((torch.arange(n) * 7) % 10).to(f64).reshape(size)


def ix(values):
    return torch.tensor(values, dtype=torch.int64)


def mask(values):
    return torch.tensor(values, dtype=torch.bool)


def case(key, f, grad=True, positions=False, **given):
    """positions: the result holds positions, stored + 1."""
    leaves = {}
    for name, t in given.items():
        shift = 1 if name.startswith("index") else 0
        if shift:
            stored = torch.where(t < 0, t, t + 1)  # negative positions count from the end in both
        else:
            stored = t
        out[f"{key}/{name}"] = stored.clone()
        if grad and t.dtype == f64:
            given[name] = leaves[name] = t.clone().requires_grad_()
    y = f(**given)
    if isinstance(y, tuple):
        for i, part in enumerate(y):
            out[f"{key}/out{i + 1}"] = part.detach().clone()
        return
    out[f"{key}/out"] = y.detach() + 1 if positions else y.detach().clone()
    if leaves and y.requires_grad:
        w = torch.arange(y.numel(), dtype=f64).add(1).cos().reshape(y.shape)
        grads = torch.autograd.grad((w * y).sum(), list(leaves.values()), allow_unused=True)
        for name, leaf, g in zip(leaves, leaves.values(), grads):
            out[f"{key}/grad.{name}"] = torch.zeros_like(leaf) if g is None else g


x, cube = whole(4, 5), whole(3, 4, 3)
scalar = torch.tensor(3.0, dtype=f64)
index = ix([[0, 4, 2], [1, 1, 3], [4, 0, 0], [2, 3, 1]])
none = ix([]).reshape(0, 5)

# gather and its kin
case("gather/1", lambda x, index: x.gather(0, index), x=x, index=ix([[3, 0, 0, 2, 1], [1, 1, 3, 0, 2]]))
case("gather/2", lambda x, index: x.gather(1, index), x=x, index=index)
case("gather/cube2", lambda x, index: x.gather(1, index), x=cube, index=ix([[[0, 3, 1], [2, 2, 0]]]))
case("gather/zero", lambda x, index: x.gather(0, index), x=x, index=none)
case("gather/scalar", lambda x, index: x.gather(0, index), x=scalar, index=ix(0))
case("gather/vector", lambda x, index: x.gather(0, index), x=x[0], index=ix([4, 4, 0]))
case("index_select/1", lambda x, index: x.index_select(0, index), x=x, index=ix([3, 0, 3]))
case("index_select/2", lambda x, index: x.index_select(1, index), x=x, index=ix([4, 1]))
case("index_select/cube2", lambda x, index: x.index_select(1, index), x=cube, index=ix([3, 3, 0, 1, 2]))
case("index_select/none", lambda x, index: x.index_select(1, index), x=x, index=ix([]))
case("index_select/scalar", lambda x, index: x.index_select(0, index), x=scalar, index=ix([0]))
case("take", lambda x, index: x.take(index), x=x, index=ix([[0, 19, -1], [-20, 7, 7]]))
case("take_along_dim/2", lambda x, index: x.take_along_dim(index, 1), x=x, index=ix([[4, 0, 0]]))
case("take_along_dim/1", lambda x, index: x.take_along_dim(index, 0), x=x[:, :1], index=ix([[0, 3, 2, 2, 1]]))
case("embedding", lambda x, index: torch.nn.functional.embedding(index, x), x=x, index=ix([[0, 3], [3, 1]]))
case("embedding/padding", lambda x, index: torch.nn.functional.embedding(index, x, padding_idx=3), x=x,
     index=ix([[0, 3], [3, 1]]))
case("embedding/none", lambda x, index: torch.nn.functional.embedding(index, x), x=x, index=ix([]))

# scatter and its kin
src = whole(4, 3) + 1
once = ix([[0, 4, 2], [1, 0, 3], [4, 0, 2], [2, 3, 1]])
case("scatter/2", lambda x, index, src: x.scatter(1, index, src), x=x, index=once, src=src)
case("scatter/1", lambda x, index, src: x.scatter(0, index, src), x=x, index=ix([[3, 0, 1], [0, 2, 2]]), src=src[:2])
# PyTorch has no gradient where src is larger than index; ours is checked by gradcheck.
case("scatter/larger", lambda x, index, src: x.scatter(0, index, src), grad=False, x=x, index=ix([[3, 0], [0, 2]]),
     src=src)
case("scatter/number", lambda x, index: x.scatter(1, index, 7), x=x, index=index)
case("scatter/zero", lambda x, index, src: x.scatter(0, index, src), x=x, index=none, src=x[:0])
case("scatter/scalar", lambda x, index, src: x.scatter(0, index, src), x=scalar, index=ix(0), src=scalar + 1)
case("scatter_add/2", lambda x, index, src: x.scatter_add(1, index, src), x=x, index=index, src=src)
case("scatter_add/1", lambda x, index, src: x.scatter_add(0, index, src), x=x, index=ix([[3, 3, 0], [3, 2, 0]]),
     src=src[:2])
case("scatter_add/cube2", lambda x, index, src: x.scatter_add(1, index, src), x=cube,
     index=ix([[[0, 3, 1], [2, 3, 0]], [[1, 1, 1], [1, 1, 2]]]), src=cube[:2, :2])
case("scatter_add/scalar", lambda x, index, src: x.scatter_add(0, index, src), x=scalar, index=ix(0), src=scalar)
for how in ("sum", "prod", "mean", "amax", "amin"):
    for self in (True, False):
        suffix = how + ("" if self else "/without")
        # PyTorch gives a share of the gradient to elements of x that tie although they do not take part: no ties here.
        to = x if self or how in ("sum", "prod", "mean") else x + 20
        case("scatter_reduce/" + suffix,
             lambda x, index, src: x.scatter_reduce(1, index, src, how, include_self=self),
             x=to, index=index, src=src)
        case("scatter_reduce/zeros/" + suffix,
             lambda x, index, src: x.scatter_reduce(1, index, src, how, include_self=self),
             x=to, index=index, src=whole(4, 3))
case("scatter_reduce/integers", lambda x, index, src: x.scatter_reduce(1, index, src, "mean"), x=x.long() - 5,
     index=index, src=src.long())
case("index_add/1", lambda x, index, src: x.index_add(0, index, src), x=x, index=ix([3, 0, 3]), src=whole(3, 5))
case("index_add/2", lambda x, index, src: x.index_add(1, index, src, alpha=2), x=x, index=ix([4, 4, 0]), src=src)
case("index_add/scalar", lambda x, index, src: x.index_add(0, index, src), x=scalar, index=ix([0]), src=scalar)
case("index_copy/1", lambda x, index, src: x.index_copy(0, index, src), x=x, index=ix([3, 0]), src=whole(2, 5) + 1)
case("index_copy/2", lambda x, index, src: x.index_copy(1, index, src), x=x, index=ix([4, 1, 0]), src=src)
case("index_fill/1", lambda x, index: x.index_fill(0, index, 6), x=x, index=ix([3, 0, 3]))
case("index_fill/2", lambda x, index, value: x.index_fill(1, index, value), x=x, index=ix([1]), value=scalar)
case("put", lambda x, index, src: torch.put(x, index, src), x=x, index=ix([[0, 19], [-3, 7]]), src=whole(2, 2) + 1)
case("put/add", lambda x, index, src: torch.put(x, index, src, accumulate=True), x=x, index=ix([0, 19, -1, 0]),
     src=whole(4))

# t[key]
keys = {
    "rows": lambda t, i, m: (i([2, -3, 1]),),
    "matrix": lambda t, i, m: (slice(None), i([[2, 0], [-3, 3]])),
    "columns": lambda t, i, m: (slice(None), i([3, 0, -2])),
    "pairs": lambda t, i, m: (i([2, 0, 1]), i([1, 1, 3])),
    "outer": lambda t, i, m: (i([[2], [0]]), i([1, 1, 3])),
    "apart": lambda t, i, m: (i([2, 0]), slice(None), i([1, -1])),
    "last": lambda t, i, m: (Ellipsis, i([2, 0])),
    "with range": lambda t, i, m: (slice(1, 3), i([3, 0, 2])),
    "with position": lambda t, i, m: (1, i([3, 0, 2])),
    "position between": lambda t, i, m: (i([2, 0]), 1, i([1, -1])),
    "new dimension": lambda t, i, m: (None, i([2, 0])),
    "scalar index": lambda t, i, m: (i(2),),
    "no index": lambda t, i, m: (i([]),),
    "mask": lambda t, i, m: (t > 4,),
    "row mask": lambda t, i, m: (m([True, False, True]),),
    "plane mask": lambda t, i, m: (t[..., 0] > 3,),
    "column mask": lambda t, i, m: (slice(None), t[0, :, 0] > 2),
    "mask and index": lambda t, i, m: (m([True, False, True]), i([1, 3])),
    "mask of nothing": lambda t, i, m: (t > 99,),
}
for name, key in keys.items():
    at = key(cube, ix, mask)
    case("index/" + name, lambda x: x[at], x=cube)
    sample = cube[at]
    value = whole(*sample.shape) + 1

    def put(x, src):
        y = x.clone()
        y[at] = src
        return y

    case("index_put/" + name, put, x=cube, src=value)
    if sample.dim():
        case("index_put/broadcast/" + name, put, x=cube, src=value[..., :1] if sample.shape[-1] else value)
case("index_put/add", lambda x, src: x.index_put((ix([1, 1, 0]), ix([2, 2, -1])), src, accumulate=True), x=cube,
     src=whole(3, 3))
case("index/scalar mask", lambda x: x[torch.tensor([True, False, True])], x=whole(3))

# masks
m = mask([[True, False, True, False, False]])
case("where", lambda mask, x, src: torch.where(mask, x, src), mask=x > 4, x=x, src=whole(4, 5).flip(0))
case("where/broadcast", lambda mask, x, src: torch.where(mask, x, src), mask=m, x=x, src=whole(4, 1))
case("where/number", lambda mask, x: torch.where(mask, x, 2), mask=x > 4, x=x)
case("where/scalars", lambda mask, x, src: torch.where(mask, x, src), mask=mask(True), x=scalar, src=scalar + 1)
case("where/zero", lambda mask, x, src: torch.where(mask, x, src), mask=m[:, :0], x=x[:, :0], src=scalar)
case("masked_fill", lambda x, mask: x.masked_fill(mask, 6), x=x, mask=x > 4)
case("masked_fill/broadcast", lambda x, mask, value: x.masked_fill(mask, value), x=whole(4, 1), mask=m, value=scalar)
case("masked_select", lambda x, mask: x.masked_select(mask), x=x, mask=x > 4)
case("masked_select/broadcast", lambda x, mask: x.masked_select(mask), x=whole(4, 1), mask=m)
case("masked_select/scalar", lambda x, mask: x.masked_select(mask), x=scalar, mask=mask(True))
case("masked_scatter", lambda x, mask, src: x.masked_scatter(mask, src), x=x, mask=m, src=whole(3, 4))
for name, t in {"matrix": (x > 4) * x, "cube": (cube > 6) * cube, "scalar": scalar, "none": x[:0]}.items():
    case("nonzero/" + name, lambda x: x.nonzero(), grad=False, positions=True, x=t)

# rearranging
case("flip/1", lambda x: x.flip(0), x=x)
case("flip/13", lambda x: x.flip(0, -1), x=cube)
case("flip/none", lambda x: x.flip(0), x=x[:0])
case("roll/flat", lambda x: x.roll(3), x=x)
case("roll/2", lambda x: x.roll(-7, 1), x=x)
case("roll/12", lambda x: x.roll((1, 2), (0, 1)), x=cube)
case("roll/scalar", lambda x: x.roll(1), x=scalar)
case("tile/more", lambda x: x.tile(2, 1, 3), x=x)
case("tile/less", lambda x: x.tile(2), x=cube)
case("tile/zero", lambda x: x.tile(0, 2), x=x)
case("tile/scalar", lambda x: x.tile(3), x=scalar)
case("repeat_interleave/flat", lambda x: x.repeat_interleave(2), x=x)
case("repeat_interleave/2", lambda x: x.repeat_interleave(3, 1), x=cube)
case("repeat_interleave/counts", lambda x, counts: x.repeat_interleave(counts, 0), x=x, counts=ix([2, 0, 1, 3]))
for k in (-9, -2, 0, 1, 9):
    case(f"tril/{k}", lambda x: x.tril(k), x=cube)
    case(f"triu/{k}", lambda x: x.triu(k), x=cube)
    out[f"tril_indices/{k}"] = torch.tril_indices(3, 4, k) + 1
    out[f"triu_indices/{k}"] = torch.triu_indices(3, 4, k) + 1

# searching and counting
row = torch.tensor([1.0, 3, 3, 5, 8], dtype=f64)
sought = torch.tensor([[0.0, 1, 2, 3], [8, 9, 5, float("nan")]], dtype=f64)
for right in (False, True):
    s = "right" if right else "left"
    case("searchsorted/" + s, lambda x, v: torch.searchsorted(x, v, right=right), grad=False, positions=True, x=row,
         v=sought)
    case("searchsorted/rows/" + s, lambda x, v: torch.searchsorted(x, v, right=right), grad=False, positions=True,
         x=torch.stack([row, row * 2]), v=sought)
    case("bucketize/" + s, lambda v, x: torch.bucketize(v, x, right=right), grad=False, positions=True, v=sought, x=row)
case("isin", lambda x, v: torch.isin(x, v), grad=False, x=x, v=torch.tensor([[3.0, 7], [0, 11]], dtype=f64))
case("isin/none", lambda x, v: torch.isin(x, v), grad=False, x=x, v=row[:0])


def unique(x, **options):
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True, **options)
    return values, inverse + 1, counts


def consecutive(x, **options):
    values, inverse, counts = torch.unique_consecutive(x, return_inverse=True, return_counts=True, **options)
    return values, inverse + 1, counts


doubled = x.repeat(2, 1)[ix([5, 0, 4, 1, 3])]
case("unique", unique, grad=False, x=x)
case("unique/nan", unique, grad=False, x=torch.tensor([float("nan"), 2, float("nan"), -1, 2], dtype=f64))
case("unique/1", lambda x: unique(x, dim=0), grad=False, x=doubled)
case("unique/2", lambda x: unique(x, dim=1), grad=False, x=doubled.t().contiguous())
case("unique/none", unique, grad=False, x=row[:0])
case("unique/scalar", unique, grad=False, x=scalar)
runs = torch.tensor([2.0, 2, 1, 1, 1, 2], dtype=f64)
case("unique_consecutive", consecutive, grad=False, x=runs)
case("unique_consecutive/1", lambda x: consecutive(x, dim=0), grad=False, x=doubled[ix([0, 0, 1, 0])])
# bincount counts 1, 2, ... where PyTorch counts 0, 1, ...
case("bincount", lambda index: torch.bincount(index), index=ix([0, 4, 4, 2]))
case("bincount/weights", lambda index, src: torch.bincount(index, src), grad=False, index=ix([0, 4, 4, 2]), src=row[:4])
case("bincount/minlength", lambda index: torch.bincount(index, minlength=8), index=ix([0, 4, 4, 2]))
case("one_hot", lambda index: torch.nn.functional.one_hot(index), index=ix([[0, 2], [1, 0]]))
case("one_hot/classes", lambda index: torch.nn.functional.one_hot(index, 5), index=ix([[0, 2], [1, 0]]))

# Half the bytes where nothing is lost; the test converts back.
save({key: t.float() if t.dtype == f64 and torch.equal(t.float().double(), t) else t for key, t in out.items()})
