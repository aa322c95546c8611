"""What the golden scripts share. Run a script with a Python that has torch; it writes NAME.safetensors beside itself."""

import json
import os
import struct
import sys

import torch

NAMES = {
    torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}

torch.manual_seed(0)


def save(tensors, name=None):
    """Writes a dict of tensors to NAME.safetensors; NAME is the running script's."""
    if name is None:
        name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    header, blocks, offset = {}, [], 0
    for key, value in tensors.items():
        value = value.detach().contiguous()
        data = bytes(value.reshape(-1).view(torch.uint8).tolist()) if value.numel() else b""
        header[key] = {"dtype": NAMES[value.dtype], "shape": list(value.shape),
                       "data_offsets": [offset, offset + len(data)]}
        blocks.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".safetensors")
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))
    print(f"{path}: {len(tensors)} tensors, {8 + len(text) + offset} bytes")
