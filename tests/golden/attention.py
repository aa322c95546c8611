"""Attention and transformer layers of PyTorch in f64: attention.safetensors."""
import sys

sys.path = sys.path[1:] + sys.path[:1]  # this folder has a statistics.py
import torch
from torch import nn
from common import save

torch.manual_seed(2)
torch.set_default_dtype(torch.float64)
out = {}


def keep(name, layer, x, call):
    for p in layer.parameters():
        torch.nn.init.uniform_(p, -0.5, 0.5)
    x.requires_grad_()
    got = call(layer, x)
    got = [t for t in (got if isinstance(got, tuple) else (got,)) if t is not None]
    out[name + "/x"] = x
    sum((t * torch.linspace(-1, 1, t.numel()).reshape(t.shape)).sum() for t in got).backward()
    for k, t in enumerate(got):
        out[f"{name}/y{k + 1}"] = t
    out[name + "/x_grad"] = x.grad
    for key, p in layer.named_parameters():
        out[f"{name}/state/{key}"], out[f"{name}/grad/{key}"] = p, p.grad


mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
padding = torch.tensor([[False] * 5, [False, False, False, True, True]])
scores = torch.randn(2 * 2, 5, 5)
out["padding"], out["scores"] = padding, scores
keep("self", nn.MultiheadAttention(4, 2), torch.randn(5, 2, 4), lambda m, x: m(x, x, x, attn_mask=mask))
keep("cross", nn.MultiheadAttention(4, 2, bias=False, batch_first=True), torch.randn(2, 5, 4),
     lambda m, x: m(x[:, :3], x, x * 2, key_padding_mask=padding, average_attn_weights=False))
keep("scores", nn.MultiheadAttention(4, 2), torch.randn(5, 2, 4), lambda m, x: m(x, x, x, attn_mask=scores))
keep("one", nn.MultiheadAttention(4, 2), torch.randn(5, 4), lambda m, x: m(x, x, x))
layer = dict(dim_feedforward=6, dropout=0.0)
keep("layer", nn.TransformerEncoderLayer(4, 2, **layer), torch.randn(5, 2, 4), lambda m, x: m(x, src_mask=mask))
keep("layer_first", nn.TransformerEncoderLayer(4, 2, **layer, activation="gelu", batch_first=True, norm_first=True),
     torch.randn(2, 5, 4), lambda m, x: m(x, src_key_padding_mask=padding))
keep("encoder", nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, **layer), 2, nn.LayerNorm(4)), torch.randn(5, 2, 4), lambda m, x: m(x))
save(out)
