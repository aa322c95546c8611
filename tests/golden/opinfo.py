"""PyTorch's own sample inputs (its OpInfo database) as golden values: opinfo_FAMILY.safetensors.

    python3 tests/golden/opinfo.py [build/apsis]        needs torch, expecttest, hypothesis and pytest

opinfo_table.py says how an op is called in Apsis. What is written is what the program has; the ops that it lacks, and
the samples that could not be used, are printed. tests/opinfo_test.lua calls what stands in the files.

A file holds three tensors. `cases` is text, one line a call of Lua's:
    call("sum",n(x{3,3},{1,2},true),n(y{1,1}))
with the arguments and the results, tensors by kind and size: x floating, g floating with a gradient to check, i integers, b bool; among the results y
floating, w floating and part of what is differentiated. `inputs` holds their values in order, f32, and results that
are integers or bool; `values` holds, f64, the floating results and then the gradients of the g, case by case. The
gradients are those of the sum of w cos(1), w cos(2), ... over all elements of all w.
"""

import math
import os
import random
import subprocess
import sys
import warnings

sys.path.append(sys.path.pop(0))  # statistics.py beside this file is not the library's

import numpy
import torch
from torch.testing._internal import common_methods_invocations as db
from torch.testing._internal.opinfo import core
from torch.testing._internal.opinfo.definitions import _masked, linalg, special

import common
from opinfo_table import CUSTOM, REFUSED, Dim, Named, Pos, parse

MOST_SAMPLES, MOST_ELEMENTS, MOST_BYTES = 20, 128, 4500

# PyTorch's sizes S, M and L; ours, tried first, are smaller.
SIZES = (3, 4, 5), (5, 10, 20)

DTYPES = {torch.float64: "f64", torch.float32: "f32", torch.int64: "i64", torch.bool: "bool"}


class Unusable(Exception):
    """A sample that Apsis has no way to say, or that is too large."""


def shifted(t):
    """Positions from 1; those from the end stay."""
    return torch.where(t >= 0, t + 1, t)


class Writer:
    def __init__(self):
        self.cases, self.inputs, self.values = [], [], []

    def number(self, v):
        if isinstance(v, bool):
            return "true" if v else "false"
        if isinstance(v, int):
            return str(v)
        if math.isnan(v):
            return "nan"
        if math.isinf(v):
            return "inf" if v > 0 else "-inf"
        return repr(float(v))

    def tensor(self, t, kind, stream):
        if t.is_sparse or t.layout != torch.strided:
            raise Unusable("sparse")
        if t.is_complex():  # as Apsis has them: pairs
            t = torch.view_as_real(t.detach().resolve_conj())
        if t.is_floating_point() and t.dtype != torch.float64:
            raise Unusable(f"a tensor of {t.dtype}")
        values = t.detach().reshape(-1).to(torch.float64)
        if kind not in "yw":
            single = values.to(torch.float32)
            if not torch.equal(torch.nan_to_num(single.double()), torch.nan_to_num(values)):
                raise Unusable("a value that f32 does not hold")
            values = single
        stream.extend(values.tolist())
        return kind + "{" + ",".join(map(str, t.shape)) + "}"

    def argument(self, v, kind, inputs, wanted):
        if isinstance(v, Pos):
            v, kind = v.value, "i"
        if v is None:
            return "nil"
        if isinstance(v, Named):
            return "{" + ",".join(f"{k}={self.argument(x, '', inputs, wanted)}" for k, x in v.items()) + "}"
        if isinstance(v, Dim) or (kind in ("d", "i") and isinstance(v, int) and not isinstance(v, bool)):
            return str(v + 1 if v >= 0 else int(v))
        if isinstance(v, (bool, int, float)):
            return self.number(v)
        if isinstance(v, str):
            return '"' + v + '"'
        if isinstance(v, torch.dtype):
            if v not in DTYPES:
                raise Unusable(f"dtype {v}")
            return '"' + DTYPES[v] + '"'
        if isinstance(v, torch.Tensor):
            if kind == "p" and v.numel() and v.min() < 0:
                raise Unusable("positions from the end")
            if kind in ("i", "p") and not v.is_floating_point() and v.dtype != torch.bool:
                v = shifted(v)
            if v.is_floating_point() or v.is_complex():
                if kind != "x" and any(v is w for w in wanted):
                    self.met.append(v)
                    return self.tensor(v, "g", inputs)
                return self.tensor(v, "x", inputs)
            if v.dtype not in (torch.int64, torch.bool):
                raise Unusable(f"a tensor of {v.dtype}")
            return self.tensor(v, "b" if v.dtype == torch.bool else "i", inputs)
        if isinstance(v, (tuple, list)):
            if any(x is None for x in v) and kind != "i":
                raise Unusable("a list with None")
            return "{" + ",".join("false" if x is None else self.argument(x, kind, inputs, wanted) for x in v) + "}"
        raise Unusable(f"an argument of {type(v).__name__}")


def flat(v):
    if isinstance(v, (tuple, list)):
        return [t for item in v for t in flat(item)]
    return [v]


def tensors_in(v):
    return [t for t in flat(v) if isinstance(t, torch.Tensor)]


def mapped_dims(v):
    return [Dim(d) for d in v] if isinstance(v, (tuple, list)) else Dim(v)


def bound(op, entry, sample):
    """The arguments of Apsis's function, as (value, kind) pairs or Named."""
    _, _, parameters, order, _ = entry
    given = [sample.input, *sample.args]
    if parameters and parameters[0][0] == "...":
        items = given[0] if isinstance(given[0], (tuple, list)) else given
        given, parameters = [], parameters[1:]
    else:
        items = None
    if len(given) > len(parameters):
        # view(x, 2, 3): the sizes one by one
        if parameters and isinstance(given[-1], int) and parameters[-1][1] in ("s", "d"):
            at = len(parameters) - 1
            given = given[:at] + [tuple(given[at:])]
        else:
            raise Unusable("more arguments than parameters")
    values = dict(zip((p for p, _ in parameters), given))
    names = {p for p, _ in parameters}
    for key, value in sample.kwargs.items():
        if key not in names:
            # The first parameters often have other names in PyTorch; what is left over is not in the table.
            raise Unusable(f"parameter {key}")
        values[key] = value
    kinds = dict(parameters)
    for p, kind in parameters:
        if kind == "!" and values.get(p) is not None and values[p] is not False:
            if not (p == "sorted" and values[p] is True):
                raise Unusable(f"uses {p}")
        if kind == "n" and isinstance(values.get(p), torch.Tensor):
            raise Unusable(f"{p} is a tensor")
    arguments, named = [], Named()
    for p in order:
        if p == "...":
            arguments.extend((item, "") for item in items)
        elif p.startswith("="):
            if values.get(p[1:]) is not None:
                named[p[1:]] = mapped_dims(values[p[1:]]) if kinds[p[1:]] == "d" else values[p[1:]]
        else:
            value, kind = values.get(p), kinds[p]
            if kind in ("d", "i") and p == "start" and isinstance(value, torch.Tensor):
                value = value.item()
            arguments.append((None if value == () and p == "stride" else value, kind))
    if named:
        arguments.append((named, ""))
    while arguments and arguments[-1][0] is None:
        arguments.pop()
    return arguments


def single(t):
    """The tensor's values as f32 holds them, in a leaf of its own."""
    if t.dtype == torch.complex128:
        return t.detach().clone(memory_format=torch.contiguous_format).to(torch.complex64).to(t.dtype) \
            .requires_grad_(t.requires_grad)
    if t.dtype != torch.float64:
        return t.detach().clone() if isinstance(t, torch.Tensor) else t
    wanted = t.requires_grad
    return t.detach().clone(memory_format=torch.contiguous_format).float().double().requires_grad_(wanted)


def mapped(v, f):
    if isinstance(v, torch.Tensor):
        return f(v)
    if isinstance(v, dict):
        return {k: mapped(x, f) for k, x in v.items()}
    if isinstance(v, torch.Size):
        return v
    if isinstance(v, (tuple, list)):
        return type(v)([mapped(x, f) for x in v])
    return v


def floats(t):
    if t._is_zerotensor():  # zeros that PyTorch has not made yet
        t = torch.zeros(t.shape, dtype=t.dtype)
    return torch.view_as_real(t.resolve_conj()) if t.is_complex() else t


def gradients(outputs, inputs):
    """The outputs that are differentiated, and the inputs' gradients."""
    sources = [y for y in outputs
               if (y.is_floating_point() or y.is_complex()) and y.requires_grad and y.grad_fn is not None]
    wanted = [x for x in inputs if x.requires_grad]
    if not sources or not wanted:
        return [], [], []
    total, k = 0, 1
    for y in map(floats, sources):
        n = y.numel()
        weights = torch.arange(k, k + n, dtype=torch.float64).cos().reshape(y.shape)
        total, k = total + (y * weights).sum(), k + n
    found = torch.autograd.grad(total, wanted, allow_unused=True)
    return sources, [x for x, g in zip(wanted, found) if g is not None], [g for g in found if g is not None]


def write(writer, op, name, entry, sample):
    """Adds the sample's case. Returns the bytes it took."""
    sample.input, sample.args = mapped(sample.input, single), mapped(sample.args, single)
    sample.kwargs = mapped(sample.kwargs, single)
    if name in REFUSED and REFUSED[name][0](sample):
        raise Unusable(REFUSED[name][1])
    if name in CUSTOM:
        arguments, kinds = CUSTOM[name][2](sample)
        if arguments is None:
            raise Unusable("no way to say it")
        arguments = [(a, "") for a in arguments]
        while arguments and arguments[-1][0] is None:
            arguments.pop()
    else:
        arguments, kinds = bound(op, entry, sample), entry[4]
    given = tensors_in([sample.input, *sample.args, *sample.kwargs.values()])
    for t in given:
        if t.numel() > MOST_ELEMENTS:
            raise Unusable("large")
    before = [t.detach().clone() for t in given]
    try:
        made = flat(op(sample.input, *sample.args, **sample.kwargs))
    except (RuntimeError, IndexError, ValueError) as e:
        raise Unusable("PyTorch refuses it: " + str(e).splitlines()[0][:60])
    outputs = [y if isinstance(y, torch.Tensor) else torch.tensor(y) for y in made]
    if sum(y.numel() for y in outputs) > 2 * MOST_ELEMENTS:
        raise Unusable("large")
    try:
        compared = [y for k, y in enumerate(outputs) if not kinds or kinds[min(k, len(kinds) - 1)] != "-"]
        sources, wanted, grads = gradients(compared, given)
    except (RuntimeError, NotImplementedError):
        sources, wanted, grads = [], [], []
    with torch.no_grad():
        for t, old in zip(given, before):
            t.copy_(old)
    inputs, results, values, writer.met = [], [], [], []
    text = [writer.argument(a, kind, inputs, wanted) for a, kind in arguments]
    for k, y in enumerate(outputs):
        kind = kinds[min(k, len(kinds) - 1)] if kinds else "v"
        if kind == "-":
            results.append("nil")
        elif y.is_floating_point() or y.is_complex():
            results.append(writer.tensor(y, "w" if any(y is s for s in sources) else "y", values))
        else:
            y = shifted(y) if kind == "i" else y
            results.append(writer.tensor(y, "b" if y.dtype == torch.bool else "i", inputs))
    # In the order in which they stand in the call.
    for x in writer.met:
        values.extend(floats(next(g for w, g in zip(wanted, grads) if w is x)).reshape(-1).tolist())
    apsis = CUSTOM[name][1] if name in CUSTOM else entry[1]
    line = 'call("%s",n(%s),n(%s))' % (apsis, ",".join(text), ",".join(results))
    if "g{5,5},g{5,5},g{1,5,2}" in line:
        raise Unusable("shapes that torch.addcmul itself refuses: not explained yet")
    key = (line, str(inputs))
    if key in writer.seen:
        raise Unusable("twice")
    writer.seen.add(key)
    writer.cases.append(line)
    writer.inputs.extend(inputs)
    writer.values.extend(values)
    return len(line) + 4 * len(inputs) + 8 * len(values)


def samples(info, dtype, grad):
    for make in (info.sample_inputs, info.reference_inputs):
        for sizes in SIZES:
            for module in (db, core, _masked, linalg, special):
                for name, size in zip(("S", "M", "L"), sizes):
                    if hasattr(module, name):
                        setattr(module, name, size)
            try:
                yield from make("cpu", dtype, requires_grad=grad)
                break
            except Exception as e:  # some of PyTorch's generators take its sizes for granted
                print(f"  {info.full_name}: {make.__name__} at {sizes}: {str(e).splitlines()[0][:90]}")


def available(apsis, names):
    """Those of the names that the program has."""
    script = """
        local modules = {F = require "apsis.nn.functional"}
        local ap = require "apsis"
        for name in io.lines() do
          local first, rest = name:match "^(.-)%.(.*)$"
          local from = ap
          if first then from = modules[first] or ap[first] end
          if type(from) == "table" and from[rest or name] then print(name) end
        end"""
    result = subprocess.run([apsis, "-e", script], input="\n".join(sorted(names)) + "\n", capture_output=True, text=True,
                            check=True)
    return set(result.stdout.split())


def main():
    warnings.simplefilter("ignore")
    apsis = sys.argv[1] if len(sys.argv) > 1 else "build/apsis"
    table = parse()
    infos = {}
    for info in db.op_db:
        name = info.name + ("." + info.variant_test_name if info.variant_test_name else "")
        infos[name] = info
    unknown = [op for op in [*table, *CUSTOM] if op not in infos]
    if unknown:
        print("not in PyTorch's database:", " ".join(unknown))
    names = {op: entry[1] for op, entry in table.items()} | {op: entry[1] for op, entry in CUSTOM.items()}
    has = available(apsis, set(names.values()))
    families, refused, counts = {}, {}, {}
    for op, info in infos.items():
        if names.get(op) not in has:
            continue
        family = CUSTOM[op][0] if op in CUSTOM else table[op][0]
        writer = families.setdefault(family, Writer())
        writer.seen = getattr(writer, "seen", set())
        dtypes = [torch.float64, torch.int64] if family != "fft" or op == "stft" else [torch.complex128, torch.float64]
        dtype = next(d for d in dtypes if info.supports_dtype(d, "cpu"))
        torch.manual_seed(0)
        random.seed(0)
        numpy.random.seed(0)
        grad = info.supports_autograd and dtype != torch.int64
        bytes_taken = taken = 0
        for sample in samples(info, dtype, grad):
            if taken == MOST_SAMPLES or bytes_taken > MOST_BYTES:
                break
            try:
                bytes_taken += write(writer, info.op, op, table.get(op), sample)
                taken += 1
            except Unusable as e:
                if str(e) not in ("large", "twice"):
                    refused.setdefault(op, {}).setdefault(str(e), 0)
                    refused[op][str(e)] += 1
        counts[op] = (taken, dtype)
    for family, writer in families.items():
        text = torch.tensor(list("\n".join(writer.cases).encode()), dtype=torch.uint8)
        common.save({"cases": text, "inputs": torch.tensor(writer.inputs, dtype=torch.float32),
                     "values": torch.tensor(writer.values, dtype=torch.float64)}, "opinfo_" + family)
    f64 = [n for n, dtype in counts.values() if dtype != torch.int64]
    print(f"{sum(1 for n in f64 if n)} ops and {sum(f64)} samples in f64, {sum(n for n, _ in counts.values()) - sum(f64)} in i64")
    print("no sample:", " ".join(op for op, (n, _) in counts.items() if not n))
    print("few samples:", " ".join(f"{op}:{n}" for op, (n, _) in counts.items() if 0 < n < 4))
    for op, reasons in refused.items():
        print(f"left out of {op}:", ", ".join(f"{n} {reason}" for reason, n in reasons.items()))
    print("Apsis lacks:", " ".join(op for op in infos if op in names and names[op] not in has))
    print("not in the table:", " ".join(op for op in infos if op not in names))


if __name__ == "__main__":
    main()
