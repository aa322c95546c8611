"""Golden files for tests/io_test.lua and tests/readers_test.lua: what the safetensors package (0.8), NumPy (2.4) and
Python's gzip write, each file as a u8 tensor of its bytes. python3 tests/golden/files.py writes files.safetensors."""
import gzip
import io
import struct

import numpy as np
import safetensors.torch
import torch

from common import save

out = {}


def put(name, data):
    out[name] = torch.tensor(list(data), dtype=torch.uint8)


# The values that the tests expect: -2, -1.5, ... for floats, -2, -1, ... for integers, by rows.
def values(dtype, *shape):
    n = int(np.prod(shape))
    if dtype == torch.bool:
        return (torch.arange(n) % 3 == 0).reshape(shape)
    if dtype.is_floating_point:
        return (torch.arange(n).double() / 2 - 2).to(dtype).reshape(shape)
    return (torch.arange(n) - (0 if dtype == torch.uint8 else 2)).to(dtype).reshape(shape)


everything = {
    "f32": values(torch.float32, 2, 3), "f64": values(torch.float64, 3), "f16": values(torch.float16, 5),
    "bf16": values(torch.bfloat16, 3), "i8": values(torch.int8, 3), "u8": values(torch.uint8, 1, 3),
    "i16": values(torch.int16, 3), "i32": values(torch.int32, 2, 2), "i64": values(torch.int64, 2),
    "bool": values(torch.bool, 5), "empty": torch.zeros(0, 3), "scalar": torch.tensor(-2.0),
    "layer.0.weight": values(torch.float32, 4), "\u00e9 \"\\\n\u0001\U0001f600": torch.tensor(-2.0),
}
put("safetensors/everything", safetensors.torch.save(everything, {"note": "line\n\"quoted\" \u00e9"}))
put("safetensors/plain", safetensors.torch.save({"x": values(torch.float32, 2, 3)}))
put("safetensors/unsigned", safetensors.torch.save({
    "u16": torch.tensor([0, 1, 65535], dtype=torch.uint16), "u32": torch.tensor([1, 2**32 - 1], dtype=torch.uint32),
    "u64": torch.tensor([1, 2**63 - 1], dtype=torch.uint64)}))
put("safetensors/u64", safetensors.torch.save({"big": torch.tensor([1, 2**63], dtype=torch.uint64)}))
put("safetensors/c64", safetensors.torch.save({"z": torch.ones(2, dtype=torch.complex64), "x": torch.ones(1)}))


def npy(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


for code in ("f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "?"):
    array = (np.arange(6) / 2 - 2 if code[0] == "f" else np.arange(6) % 3 == 0 if code == "?" else
             np.arange(6) - (0 if code[0] == "u" else 2)).astype(code).reshape(2, 3)
    put("npy/" + array.dtype.name, npy(array))
    if array.dtype.itemsize > 1:
        put("npy/big " + array.dtype.name, npy(array.astype(array.dtype.newbyteorder(">"))))
put("npy/fortran", npy(np.asfortranarray(np.arange(24, dtype="f4").reshape(2, 3, 4))))
put("npy/scalar", npy(np.array(-2.0)))
put("npy/empty", npy(np.zeros((0, 3), "f4")))
put("npy/vector", npy(np.arange(3, dtype="f4")))
put("npy/uint16", npy(np.array([0, 1, 65535], ">u2")))
put("npy/uint32", npy(np.array([0, 1, 2**32 - 1], "u4")))
put("npy/uint64", npy(np.array([0, 1, 2**63], "u8")))
put("npy/version 2", npy(np.arange(3, dtype="f4"), (2, 0)))
put("npy/version 3", npy(np.arange(3, dtype="f4"), (3, 0)))
put("npy/strings", npy(np.array(["ab"])))
put("npy/complex", npy(np.array([1j])))
put("npy/records", npy(np.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f4")])))
file = io.BytesIO()
np.save(file, np.array([1, None], dtype=object))
put("npy/objects", file.getvalue())

for name, f in (("npz/stored", np.savez), ("npz/deflated", np.savez_compressed)):
    file = io.BytesIO()
    f(file, x=np.arange(6, dtype="f4").reshape(2, 3), labels=np.arange(3), zeros=np.zeros((40, 50), "f4"))
    put(name, file.getvalue())

idx = struct.pack(">BBBBII", 0, 0, 8, 2, 2, 3) + bytes(range(6))
put("idx/gzip", gzip.compress(idx, mtime=0))
put("idx/gzip two members", gzip.compress(idx[:9], mtime=0) + gzip.compress(idx[9:], mtime=0))
# 16 MiB of zeros behind a header that asks for 6 bytes.
put("idx/gzip bomb", gzip.compress(idx[:12] + bytes(1 << 24), mtime=0))
put("idx/gzip short", gzip.compress(idx[:-1], mtime=0))
put("idx/gzip absurd", gzip.compress(struct.pack(">BBBBII", 0, 0, 8, 2, 2**31, 2**31), mtime=0))

save(out)
