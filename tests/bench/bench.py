"""The same measurements as bench.lua, on PyTorch: `python3 tests/bench/bench.py NAME` prints "NAME SECONDS"."""

import os
import sys
import time

import torch
from torch import nn

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
SECONDS_A_RUN, RUNS = 0.2, 5


def measure(f):
    n = 1
    while True:
        start = time.perf_counter()
        f(n)
        spent = time.perf_counter() - start
        if spent > SECONDS_A_RUN / 4:
            n = max(1, int(n * SECONDS_A_RUN / spent + 1))
            break
        n *= 4
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        f(n)
        times.append((time.perf_counter() - start) / n)
    return sorted(times)[RUNS // 2]


def repeat(expression):
    def run(n):
        for _ in range(n):
            expression()
    return run


def add_one(grad=False):
    a, b = torch.tensor([1.0], requires_grad=grad), torch.tensor([2.0])

    def run(n):
        for _ in range(n):
            a + b
    return run


def step(model, loss_of, x, y, opt):
    def run(n):
        for _ in range(n):
            opt.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            opt.step()
    return run


def simplenet():
    model = nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Linear(50, 10))
    return step(model, nn.MSELoss(), torch.randn(32, 10), torch.randn(32, 10),
                torch.optim.SGD(model.parameters(), lr=0.01))


def mlp():
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return step(model, nn.CrossEntropyLoss(), torch.randn(64, 784), torch.arange(64) * 7 % 10,
                torch.optim.SGD(model.parameters(), lr=0.01))


def mnist():
    model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1),
                          nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 7 * 7, 10))
    return step(model, nn.CrossEntropyLoss(), torch.randn(64, 1, 28, 28), torch.arange(64) * 7 % 10,
                torch.optim.Adam(model.parameters(), lr=0.001))


def rows(name):
    """softmax and its like on a matrix, NAME_ROWSxCOLUMNS; NAME_grad_... with the backward pass."""
    op, _, shape = name.rpartition("_")
    size = [int(n) for n in shape.split("x")]
    grad = op.endswith("_grad")
    x, g = torch.randn(size, requires_grad=grad), torch.randn(size)
    w, b = torch.ones(size[1], requires_grad=grad), torch.zeros(size[1], requires_grad=grad)
    f = {"softmax": lambda: x.softmax(1), "log_softmax": lambda: x.log_softmax(1),
         "layer_norm": lambda: torch.nn.functional.layer_norm(x, size[1:], w, b)}[op.removesuffix("_grad")]
    return repeat(lambda: f().backward(g)) if grad else repeat(f)


def fourier(name):
    """65,536 numbers in rows of N: fft_N of complex ones, rfft_N of real ones, fft_columns_N along columns."""
    op, _, length = name.rpartition("_")
    n = int(length)
    if op == "rfft":
        x = torch.randn(65536 // n, n)
        return repeat(lambda: torch.fft.rfft(x))
    dim = 0 if op == "fft_columns" else 1
    z = torch.randn((n, 65536 // n) if dim == 0 else (65536 // n, n), dtype=torch.complex64)
    return repeat(lambda: torch.fft.fft(z, dim=dim))


def cross_entropy(grad=False):
    x, t = torch.randn(64, 10, requires_grad=grad), torch.arange(64) * 7 % 10
    f = torch.nn.functional.cross_entropy
    return repeat(lambda: f(x, t).backward()) if grad else repeat(lambda: f(x, t))


def batch_norm():
    layer, x = nn.BatchNorm2d(32), torch.randn(64, 32, 28, 28, requires_grad=True)
    g = torch.randn(64, 32, 28, 28)
    return repeat(lambda: layer(x).backward(g))


def forward_backward(layer, x):
    x.requires_grad_()
    g = torch.ones_like(layer(x))

    def run(n):
        for _ in range(n):
            layer(x).backward(g)
    return run


LAYERS = {
    "conv_stem": lambda: forward_backward(nn.Conv2d(3, 64, 7, 2, 3), torch.randn(8, 3, 224, 224)),
    "conv_56": lambda: forward_backward(nn.Conv2d(64, 64, 3, 1, 1), torch.randn(8, 64, 56, 56)),
    "conv_28": lambda: forward_backward(nn.Conv2d(128, 128, 3, 1, 1), torch.randn(8, 128, 28, 28)),
    "conv_7": lambda: forward_backward(nn.Conv2d(512, 512, 3, 1, 1), torch.randn(8, 512, 7, 7)),
    "conv_down": lambda: forward_backward(nn.Conv2d(64, 128, 3, 2, 1), torch.randn(8, 64, 56, 56)),
    "conv_point": lambda: forward_backward(nn.Conv2d(256, 64, 1), torch.randn(8, 256, 56, 56)),
    "conv_depth": lambda: forward_backward(nn.Conv2d(128, 128, 3, 1, 1, groups=128), torch.randn(8, 128, 56, 56)),
    "pool_2": lambda: forward_backward(nn.MaxPool2d(2), torch.randn(64, 16, 28, 28)),
    "pool_3": lambda: forward_backward(nn.MaxPool2d(3, 2, 1), torch.randn(8, 64, 112, 112)),
}


def elementwise(name):
    op, size = name.split("_")
    if op == "sgemm":
        a, b = torch.randn(int(size), int(size)), torch.randn(int(size), int(size))
        return repeat(lambda: a @ b)
    a, b = torch.randn(int(float(size))), torch.randn(int(float(size)))
    return repeat({"add": lambda: a + b, "exp": a.exp, "tanh": a.tanh}[op])


name = sys.argv[1]
cases = {"add_one": add_one, "add_one_grad": lambda: add_one(True), "simplenet": simplenet, "mlp": mlp, "mnist": mnist,
         "cross_entropy": cross_entropy, "cross_entropy_grad": lambda: cross_entropy(True), "batch_norm_grad": batch_norm,
         **LAYERS}
if name not in cases:
    family = fourier if "fft_" in name else rows if "x" in name.rpartition("_")[2] else elementwise
    cases[name] = lambda: family(name)
print(f"{name} {measure(cases[name]()):.4g}")
