"""NumPy's accuracy set for its mathematical functions, the float32 rows: inputs, results rounded from higher precision and
the error allowed, in units in the last place. From numpy/_core/tests/data/umath-validation-set-*.csv of the NumPy that is
installed; Copyright (c) 2005-2025, NumPy Developers, under the licence in umath.LICENSE."""

import glob
import os

import numpy
import torch

import common

# PyTorch's names. It has no cbrt.
NAMES = {"arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctanh": "atanh"}
LEFT_OUT = {"cbrt"}

out = {}
folder = os.path.join(os.path.dirname(numpy.__file__), "_core", "tests", "data")
for path in sorted(glob.glob(os.path.join(folder, "umath-validation-set-*.csv"))):
    name = os.path.basename(path)[len("umath-validation-set-"):-len(".csv")]
    if name in LEFT_OUT:
        continue
    rows = [line.strip().split(",") for line in open(path) if line.startswith("np.float32")]
    bits = numpy.array([[int(row[1], 16), int(row[2], 16)] for row in rows], dtype=numpy.uint32).view(numpy.float32)
    # As NumPy's own test does, each function is held to the largest error that its rows allow: they all allow the same.
    errors = {int(row[3]) for row in rows}
    assert len(errors) == 1, name
    out[f"{NAMES.get(name, name)}.{errors.pop()}"] = torch.from_numpy(bits.copy())

common.save(out)
