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


def elementwise(name):
    op, size = name.split("_")
    if op == "sgemm":
        a, b = torch.randn(int(size), int(size)), torch.randn(int(size), int(size))
        return repeat(lambda: a @ b)
    a, b = torch.randn(int(float(size))), torch.randn(int(float(size)))
    return repeat({"add": lambda: a + b, "exp": a.exp, "tanh": a.tanh}[op])


name = sys.argv[1]
cases = {"add_one": add_one, "add_one_grad": lambda: add_one(True), "simplenet": simplenet, "mlp": mlp, "mnist": mnist}
print(f"{name} {measure(cases[name]() if name in cases else elementwise(name)):.4g}")
