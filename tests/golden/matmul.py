"""Golden values for tests/matmul_test.lua from PyTorch (2.11, CPU): python3 tests/golden/matmul.py

For each case NAME: NAME.a, NAME.b, the product NAME.y, and the gradients NAME.ga, NAME.gb of sum(cos(k) y[k])."""
import torch
from common import save

CASES = {
    "matrices": ((7, 5), (5, 9)),
    "wide": ((17, 20), (20, 18)),
    "vectors": ((6,), (6,)),
    "matrix_vector": ((7, 5), (5,)),
    "vector_matrix": ((5,), (5, 7)),
    "row": ((1, 19), (19, 20)),
    "column": ((20, 19), (19, 1)),
    "batch": ((3, 4, 5), (3, 5, 2)),
    "batch_left": ((2, 3, 4, 5), (5, 2)),
    "batch_right": ((4, 5), (3, 5, 2)),
    "broadcast": ((2, 1, 4, 3), (3, 3, 2)),
    "batch_vector": ((3, 4, 5), (5,)),
    "vector_batch": ((4,), (3, 4, 5)),
    "no_inner": ((3, 0), (0, 4)),
    "no_rows": ((0, 3), (3, 4)),
    "no_batch": ((0, 2, 3), (3, 4)),
}

out = {}
for name, (sa, sb) in CASES.items():
    a = torch.randn(sa, dtype=torch.float64, requires_grad=True)
    b = torch.randn(sb, dtype=torch.float64, requires_grad=True)
    y = a @ b
    weight = torch.arange(1, y.numel() + 1, dtype=torch.float64).cos().reshape(y.shape)
    ga, gb = torch.autograd.grad((y * weight).sum(), (a, b))
    out.update({f"{name}.a": a, f"{name}.b": b, f"{name}.y": y, f"{name}.ga": ga, f"{name}.gb": gb})

for shape in ((8, 6), (2, 4, 6), (6,)):
    name = f"linear{len(shape)}"
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    w = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    b = torch.randn(5, dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.linear(x, w, b)
    weight = torch.arange(1, y.numel() + 1, dtype=torch.float64).cos().reshape(y.shape)
    gx, gw, gb = torch.autograd.grad((y * weight).sum(), (x, w, b))
    out.update({f"{name}.x": x, f"{name}.w": w, f"{name}.b": b, f"{name}.y": y, f"{name}.gx": gx, f"{name}.gw": gw,
                f"{name}.gb": gb})
save(out)
