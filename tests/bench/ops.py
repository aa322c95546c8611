"""The ops of tests/bench/run ops and linalg on PyTorch, under the names of ops.lua: reads lines "NAME SIZE" and answers each with the
seconds of one call."""

import os
import sys
import time

import torch

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
SECONDS_A_RUN, RUNS, MOST_SECONDS = 0.004, 5, 0.1
clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter
SIDES = {100: (10, 10), 10000: (100, 100), 10000000: (2500, 4000)}


class Operands:
    def __init__(self, size):
        n = int(size)
        rows, columns = SIDES[n]
        self.x, self.y = torch.randn(rows, columns), torch.randn(rows, columns)
        self.row, self.column, self.flat = torch.randn(columns), torch.randn(rows, 1), torch.randn(n)
        self.index, self.rows = torch.randint(0, columns, (rows, columns)), torch.randint(0, rows, (rows,))
        self.weight, self.ids = torch.randn(1000, columns), torch.randint(0, 1000, (rows,))
        self.positive, self.whole = torch.rand(rows, columns) + 0.5, torch.randint(0, 1000, (n,))
        self.ones, self.mask = torch.ones(columns), torch.randn(rows, columns) > 0
        self.wide, self.edges = torch.randn(rows, 2 * columns), torch.linspace(-2, 2, 64)
        self.cube, self.columns = torch.randn(n // 10, 5, 2), columns


class Matrices:
    """n x n matrices, or "100x8": a batch of 100 such of 8 x 8."""

    def __init__(self, size):
        *shape, n = map(int, size.split("x"))
        self.a, self.b = torch.randn(*shape, n, n), torch.randn(*shape, n, 4)
        self.tall, self.sides = torch.randn(*shape, 2 * n, n), torch.randn(*shape, 2 * n, 4)
        self.symmetric = self.a + self.a.mT
        self.positive = self.a @ self.a.mT + n * torch.eye(n)


F, linalg = torch.nn.functional, torch.linalg
OPS = {
    "sum": lambda o: o.x.sum(),
    "sum_rows": lambda o: o.x.sum(1),
    "sum_columns": lambda o: o.x.sum(0),
    "sum_transposed": lambda o: o.x.t().sum(0),
    "sum_strided": lambda o: o.wide[:, ::2].sum(),
    "sum_middle": lambda o: o.cube.sum(1),
    "mean_rows": lambda o: o.x.mean(1),
    "prod": lambda o: o.positive.prod(),
    "amax": lambda o: o.x.amax(),
    "amax_rows": lambda o: o.x.amax(1),
    "max_rows": lambda o: o.x.max(1),
    "max_columns": lambda o: o.x.max(0),
    "argmax": lambda o: o.x.argmax(),
    "aminmax": lambda o: o.x.aminmax(),
    "any": lambda o: o.mask.any(),
    "all_rows": lambda o: o.mask.all(1),
    "count_nonzero": lambda o: o.x.count_nonzero(),
    "var": lambda o: o.x.var(),
    "var_rows": lambda o: o.x.var(1),
    "std_columns": lambda o: o.x.std(0),
    "norm": lambda o: o.x.norm(),
    "norm_rows": lambda o: o.x.norm(2, 1),
    "logsumexp_rows": lambda o: o.x.logsumexp(1),
    "logsumexp_columns": lambda o: o.x.logsumexp(0),
    "nansum": lambda o: o.x.nansum(),
    "cumsum": lambda o: o.flat.cumsum(0),
    "cumsum_rows": lambda o: o.x.cumsum(1),
    "cumsum_columns": lambda o: o.x.cumsum(0),
    "cumprod_rows": lambda o: o.x.cumprod(1),
    "cummax_rows": lambda o: o.x.cummax(1),
    "cummax_columns": lambda o: o.x.cummax(0),
    "logcumsumexp_rows": lambda o: o.x.logcumsumexp(1),
    "sort": lambda o: o.flat.sort(),
    "sort_rows": lambda o: o.x.sort(1),
    "sort_columns": lambda o: o.x.sort(0),
    "argsort_rows": lambda o: o.x.argsort(1),
    "topk": lambda o: o.flat.topk(10),
    "topk_rows": lambda o: o.x.topk(5, 1),
    "kthvalue_rows": lambda o: o.x.kthvalue(5, 1),
    "median": lambda o: o.flat.median(),
    "median_rows": lambda o: o.x.median(1),
    "mode_rows": lambda o: o.index.mode(1),
    "quantile_rows": lambda o: o.x.quantile(0.3, 1),
    "histc": lambda o: o.flat.histc(64, -2, 2),
    "bincount": lambda o: o.whole.bincount(),
    "unique": lambda o: o.whole.unique(),
    "searchsorted": lambda o: torch.searchsorted(o.edges, o.flat),
    "diff_rows": lambda o: o.x.diff(),
    "softmax": lambda o: o.x.softmax(1),
    "softmax_columns": lambda o: o.x.softmax(0),
    "log_softmax": lambda o: o.x.log_softmax(1),
    "layer_norm": lambda o: F.layer_norm(o.x, (o.columns,), o.ones, o.row),
    "cat": lambda o: torch.cat([o.x, o.y]),
    "cat_columns": lambda o: torch.cat([o.x, o.y], 1),
    "stack": lambda o: torch.stack([o.x, o.y], 2),
    "clone": lambda o: o.x.clone(),
    "transposed_copy": lambda o: o.x.t().contiguous(),
    "strided_copy": lambda o: o.wide[:, ::2].contiguous(),
    "expand_copy": lambda o: o.row.expand(o.x.shape).contiguous(),
    "add": lambda o: o.x + o.y,
    "add_transposed": lambda o: o.x.t() + o.y.t(),
    "add_mixed": lambda o: o.x.view(o.x.shape[1], -1) + o.y.t(),
    "add_row": lambda o: o.x + o.row,
    "add_column": lambda o: o.x + o.column,
    "exp": lambda o: o.x.exp(),
    "exp_transposed": lambda o: o.x.t().exp(),
    "where": lambda o: torch.where(o.mask, o.x, o.y),
    "masked_fill": lambda o: o.x.masked_fill(o.mask, 0),
    "masked_select": lambda o: o.x.masked_select(o.mask),
    "nonzero": lambda o: o.mask.nonzero(),
    "gather": lambda o: o.x.gather(1, o.index),
    "scatter": lambda o: o.x.scatter(1, o.index, o.y),
    "scatter_add": lambda o: o.x.scatter_add(1, o.index, o.y),
    "index_select": lambda o: o.x.index_select(0, o.rows),
    "index_add": lambda o: o.x.index_add(0, o.rows, o.y),
    "index": lambda o: o.x[o.rows],
    "embedding": lambda o: F.embedding(o.ids, o.weight),
    "flip": lambda o: o.x.flip(1),
    "flip_rows": lambda o: o.x.flip(0),
    "roll": lambda o: o.x.roll(3, 1),
    "roll_flat": lambda o: o.flat.roll(3, 0),
    "tril": lambda o: o.x.tril(),
    "repeat": lambda o: o.row.repeat(o.x.shape[0], 1),
    "lgamma": lambda o: o.positive.lgamma(),
    "digamma": lambda o: o.positive.digamma(),
}
LINALG = {
    "eigh": lambda o: linalg.eigh(o.symmetric),
    "eigvalsh": lambda o: linalg.eigvalsh(o.symmetric),
    "cholesky": lambda o: linalg.cholesky(o.positive),
    "inv": lambda o: linalg.inv(o.a),
    "det": lambda o: linalg.det(o.a),
    "slogdet": lambda o: linalg.slogdet(o.a),
    "solve": lambda o: linalg.solve(o.a, o.b),
    "lu_factor": lambda o: linalg.lu_factor(o.a),
    "qr": lambda o: linalg.qr(o.a),
    "svd": lambda o: linalg.svd(o.a),
    "svdvals": lambda o: linalg.svdvals(o.a),
    "eig": lambda o: linalg.eig(o.a),
    "lstsq": lambda o: linalg.lstsq(o.tall, o.sides),
    "solve_triangular": lambda o: linalg.solve_triangular(o.positive, o.b, upper=False),
}


def measure(f, o):
    n, spent, best, runs, total = 1, 0, float("inf"), 0, 0
    while spent < SECONDS_A_RUN / 4:
        start = clock()
        for _ in range(n):
            f(o)
        spent = clock() - start
        n *= 4
    n = max(1, int(n / 4 * SECONDS_A_RUN / spent + 1))
    while runs < RUNS and (runs < 2 or total < MOST_SECONDS):
        start = clock()
        for _ in range(n):
            f(o)
        spent = clock() - start
        runs, total, best = runs + 1, total + spent, min(best, spent / n)
    return best


made = {}
with torch.no_grad():
    for line in sys.stdin:
        name, size = line.split()
        f, make = (OPS[name], Operands) if name in OPS else (LINALG[name], Matrices)
        if (make, size) not in made:
            made[make, size] = make(size)
        print(f"{measure(f, made[make, size]):.6g}", flush=True)
