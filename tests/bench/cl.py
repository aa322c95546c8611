"""The same measurements as cl.lua, by PyTorch on an NVIDIA GPU without TF32: `python3 tests/bench/cl.py [LARGEST]`."""

import sys
import time

import torch
from torch.nn import functional as F

if not torch.cuda.is_available():
    sys.exit("PyTorch sees no GPU here")
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
LARGEST = int(sys.argv[1]) if len(sys.argv) > 1 else 8192
SECONDS_A_RUN, RUNS = 0.2, 5
torch.set_grad_enabled(False)
torch.set_default_device("cuda")
torch.manual_seed(1)


def seconds(f, n):
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(n):
        f()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / n


def measure(name, work, f):
    seconds(f, 2)
    n = max(1, int(SECONDS_A_RUN / seconds(f, 3) + 1))
    times = sorted(seconds(f, n) for _ in range(RUNS))
    print(f"{name} {times[RUNS // 2]:.6g} {work:.6g}", flush=True)


def chain(x, one):
    y = x
    for _ in range(1000):
        y = y + one


print(f"device {torch.cuda.get_device_name().replace(' ', '_')} gpu")
one = torch.ones(64)
measure("chain_1000", 1000, lambda: chain(one, one))

n = 1 << 26
x, y = torch.rand(n), torch.rand(n)
square = x.view(n // 1024, 1024)
weight, bias = torch.ones(1024), torch.zeros(1024)
measure("copy", 8 * n, lambda: y.copy_(x))
measure("add", 12 * n, lambda: x + y)
measure("exp", 8 * n, lambda: x.exp())
measure("relu_", 8 * n, lambda: x.relu_())
measure("sum", 4 * n, lambda: x.sum())
measure("sum_rows", 4 * n, lambda: square.sum(1))
measure("sum_columns", 4 * n, lambda: square.sum(0))
measure("softmax", 8 * n, lambda: square.softmax(1))
measure("layer_norm", 8 * n, lambda: F.layer_norm(square, (1024,), weight, bias))

n = 256
while n <= LARGEST:
    a, b = torch.randn(n, n), torch.randn(n, n)
    measure(f"sgemm_{n}", 2 * n**3, lambda: a @ b)
    n *= 2
n = min(LARGEST, 4096)
for dtype, name in ((torch.float16, "f16"), (torch.bfloat16, "bf16")):
    a = torch.randn(n, n).to(dtype)
    measure(f"gemm_{name}_{n}", 2 * n**3, lambda: a @ a)

x, w = torch.randn(64, 64, 56, 56), torch.randn(64, 64, 3, 3)
measure("conv_3x3", 2 * 64 * 64 * 64 * 9 * 56 * 56, lambda: F.conv2d(x, w, padding=1))
