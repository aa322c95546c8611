"""PyTorch's answers at the edges, from the sample inputs of its OpInfo database: opinfo_edges.safetensors.

    python3 tests/golden/edges.py [build/apsis]        needs what opinfo.py needs

Of each op a few samples are changed: every dimension of one size becomes 0, all tensors become 0-dim, or nan stands
first in a floating tensor. What PyTorch refuses is left out. tests/opinfo_test.lua calls what stands in the file; its
form is that of opinfo.py's files, without gradients.
"""

import itertools
import random
import sys
import warnings

sys.path.append(sys.path.pop(0))  # statistics.py beside this file is not the library's

import numpy
import torch
from torch.testing._internal import common_methods_invocations as db

import common
import opinfo
from opinfo_table import CUSTOM, parse

MOST_SAMPLES, MOST_CASES = 8, 5

# What these give from such arguments is not a matter of right or wrong: memory as it is, other bits of one truth.
LEFT_OUT = {"empty", "empty_like", "new_empty", "as_strided", "as_strided.partial_views"}


def changed(sample, f):
    """A copy of the sample with f over its tensors."""
    from torch.testing._internal.opinfo.core import SampleInput
    return SampleInput(opinfo.mapped(sample.input, f), args=tuple(opinfo.mapped(list(sample.args), f)),
                       kwargs=opinfo.mapped(sample.kwargs, f))


def emptied(size):
    def f(t):
        to = [0 if n == size else n for n in t.shape]
        return t.detach().clone() if to == list(t.shape) else torch.zeros(to, dtype=t.dtype)
    return f


def scalar(t):
    return t.detach().reshape(-1)[0].clone() if t.numel() else t


def with_nan(t):
    t = t.detach().clone(memory_format=torch.contiguous_format)
    if t.is_floating_point() and t.numel():
        t.view(-1)[0] = torch.nan
    return t


def variants(sample):
    tensors = opinfo.tensors_in([sample.input, *sample.args, *sample.kwargs.values()])
    if not tensors:
        return
    sizes = sorted({n for n in tensors[0].shape if n > 1}, reverse=True)
    for size in sizes[:2]:
        yield changed(sample, emptied(size))
    yield changed(sample, with_nan)
    yield changed(sample, scalar)


def main():
    warnings.simplefilter("ignore")
    apsis = sys.argv[1] if len(sys.argv) > 1 else "build/apsis"
    table = parse()
    names = {op: entry[1] for op, entry in table.items()} | {op: entry[1] for op, entry in CUSTOM.items()}
    has = opinfo.available(apsis, set(names.values()))
    writer = opinfo.Writer()
    writer.seen = set()
    counts = {}
    for info in db.op_db:
        op = info.name + ("." + info.variant_test_name if info.variant_test_name else "")
        family = CUSTOM[op][0] if op in CUSTOM else table[op][0] if op in table else None
        if names.get(op) not in has or op in LEFT_OUT or family == "fft":
            continue
        dtype = next(d for d in (torch.float64, torch.int64) if info.supports_dtype(d, "cpu"))
        torch.manual_seed(0)
        random.seed(0)
        numpy.random.seed(0)
        taken = 0
        for sample in itertools.islice(opinfo.samples(info, dtype, False), MOST_SAMPLES):
            for variant in variants(sample):
                if taken == MOST_CASES:
                    break
                try:
                    opinfo.write(writer, info.op, op, table.get(op), variant)
                    taken += 1
                except opinfo.Unusable:
                    pass
                except Exception as e:  # a sample that no longer fits together fails in many ways
                    print(op, type(e).__name__, str(e).splitlines()[0][:80] if str(e) else "")
        counts[op] = taken
    text = torch.tensor(list("\n".join(writer.cases).encode()), dtype=torch.uint8)
    common.save({"cases": text, "inputs": torch.tensor(writer.inputs, dtype=torch.float32),
                 "values": torch.tensor(writer.values, dtype=torch.float64)}, "opinfo_edges")
    print(sum(counts.values()), "cases of", sum(1 for n in counts.values() if n), "ops; none:",
          " ".join(op for op, n in counts.items() if not n))


if __name__ == "__main__":
    main()
