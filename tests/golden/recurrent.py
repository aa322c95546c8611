"""Recurrent layers of PyTorch in f64: state dicts, outputs, states and gradients: recurrent.safetensors."""
import sys

sys.path = sys.path[1:] + sys.path[:1]  # this folder has a statistics.py
import torch
from torch import nn
from common import save

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
out = {}
layers = {
    "rnn": (nn.RNN(3, 4), (5, 2, 3)), "rnn_relu": (nn.RNN(3, 4, 2, nonlinearity="relu", bias=False), (5, 2, 3)),
    "lstm": (nn.LSTM(3, 4), (5, 2, 3)), "lstm_deep": (nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True), (2, 5, 3)),
    "lstm_one": (nn.LSTM(3, 4), (5, 3)),
    "gru": (nn.GRU(3, 4), (5, 2, 3)), "gru_deep": (nn.GRU(3, 4, 2, batch_first=True, bidirectional=True), (2, 5, 3)),
    "rnn_cell": (nn.RNNCell(3, 4), (2, 3)), "lstm_cell": (nn.LSTMCell(3, 4), (2, 3)), "gru_cell": (nn.GRUCell(3, 4), (2, 3)),
}
for name, (layer, shape) in layers.items():
    x = torch.randn(shape, requires_grad=True)
    is_cell, is_lstm = name.endswith("cell"), "lstm" in name
    count = getattr(layer, "num_layers", 1) * (2 if getattr(layer, "bidirectional", False) else 1)
    size = (2, 4) if is_cell else (count, 4) if len(shape) == 2 else (count, 2, 4)
    states = [torch.randn(size, requires_grad=True) for _ in range(2 if is_lstm else 1)]
    got = layer(x, tuple(states) if is_lstm else states[0])
    if is_cell:
        got = got if is_lstm else (got,)
    else:
        got = (got[0], *(got[1] if is_lstm else (got[1],)))
    out[name + "/x"] = x
    loss = 0
    for k, t in enumerate(got):
        out[f"{name}/y{k + 1}"] = t
        loss = loss + (t * torch.linspace(-1, 1, t.numel()).reshape(t.shape)).sum()
    loss.backward()
    out[name + "/x_grad"] = x.grad
    for k, s in enumerate(states):
        out[f"{name}/s{k + 1}"], out[f"{name}/s{k + 1}_grad"] = s, s.grad
    for key, p in layer.named_parameters():
        out[f"{name}/state/{key}"], out[f"{name}/grad/{key}"] = p, p.grad
save(out)
