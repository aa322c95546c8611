"""Golden values for tests/fft_test.lua, from PyTorch (2.15, CPU): python3 tests/golden/fft.py
Complex tensors are stored as pairs (torch.view_as_real). A key is the call, with dimensions from 1 and without that of
the pairs: "fft z n=7 dim=2 norm=ortho"; KEY.grad is the gradient of sum(cos(1, 2, ...) * result)."""
import itertools

import torch

from common import save

torch.manual_seed(3)
out = {}
inputs = {
    "z": torch.randn(2, 3, 4, 2, dtype=torch.float64),
    "r": torch.randn(2, 3, 4, dtype=torch.float64),
    "line": torch.randn(12, 2, dtype=torch.float64),
    "wave": torch.randn(11, dtype=torch.float64),
}
out.update(inputs)


def put(key, f, x, complex_in):
    x = x.clone().requires_grad_()
    y = f(torch.view_as_complex(x) if complex_in else x)
    if y.is_complex():
        y = torch.view_as_real(y.resolve_conj())
    out[key] = y
    w = torch.arange(y.numel(), dtype=x.dtype).add(1).cos().reshape(y.shape)
    (out[key + ".grad"],) = torch.autograd.grad((w * y).sum(), x)


def case(name, source, sizes=None, dims=None, norm=None):
    one = name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    key, options = f"{name} {source}", {}
    if sizes is not None:
        key += (" n=%s" if one else " s=%s") % ",".join(map(str, sizes))
        options["n" if one else "s"] = sizes[0] if one else sizes
    if dims is not None:
        key += " dim=" + ",".join(str(d if d < 0 else d + 1) for d in dims)
        options["dim"] = dims[0] if one else dims
    if norm is not None:
        key += " norm=" + norm
        options["norm"] = norm
    put(key, lambda x: getattr(torch.fft, name)(x, **options), inputs[source], source in ("z", "line"))


for pair, real in (("z", "r"), ("line", "wave")):
    for name in ("fft", "ifft", "irfft", "hfft"):
        case(name, pair)
    for name in ("rfft", "ihfft"):
        case(name, real)
for name, source in (("fft", "z"), ("ifft", "z"), ("rfft", "r"), ("irfft", "z"), ("hfft", "z"), ("ihfft", "r")):
    for n, dim in ((3, 1), (5, 0), (6, 2), (1, 1), (2, 2)):
        case(name, source, (n,), (dim,))
    for norm in ("ortho", "forward"):
        case(name, source, (6,), (-2,), norm)
for name, source in (("fft2", "z"), ("ifft2", "z"), ("rfft2", "r"), ("irfft2", "z")):
    case(name, source)
    case(name, source, (3, 5), (0, 2), "ortho")
for name, source in (("fftn", "z"), ("ifftn", "z"), ("rfftn", "r"), ("irfftn", "z")):
    case(name, source)
    case(name, source, (4, 5))
    case(name, source, None, (1,))
    case(name, source, (3, 2, 4), (2, 0, 1), "forward")

signal = torch.randn(2, 24, dtype=torch.float64)
out["signal"] = signal
window = torch.hann_window(8, dtype=torch.float64)
STFT = {
    "default": dict(n_fft=8),
    "hann": dict(n_fft=8, hop_length=3, window=window),
    "short": dict(n_fft=12, hop_length=4, win_length=8, window=window, normalized=True),
    "plain": dict(n_fft=10, hop_length=5, center=False),
    "odd": dict(n_fft=9, hop_length=2, pad_mode="constant"),
    "whole": dict(n_fft=8, hop_length=4, window=window, onesided=False),
}
for name, options in STFT.items():
    put("stft " + name, lambda x: torch.stft(x, return_complex=True, **options), signal, False)
    options = {k: v for k, v in options.items() if k != "pad_mode"}
    spectrum = out["stft " + name].detach()
    put("istft " + name, lambda x: torch.istft(x, **options), spectrum, True)
    if options.get("center", True):
        put("istft " + name + " 27", lambda x: torch.istft(x, length=27, **options), spectrum, True)

for name in ("hann", "hamming", "blackman", "bartlett", "kaiser"):
    f = getattr(torch, name + "_window")
    for n, periodic in itertools.product((0, 1, 2, 9, 16), (True, False)):
        out[f"{name}_window {n} {periodic}"] = f(n, periodic=periodic, dtype=torch.float64)
out["hamming_window 7 0.6 0.4"] = torch.hamming_window(7, True, 0.6, 0.4, dtype=torch.float64)
out["kaiser_window 7 5"] = torch.kaiser_window(7, True, 5.0, dtype=torch.float64)
for n in (1, 2, 7, 8):
    out[f"fftfreq {n}"] = torch.fft.fftfreq(n, 0.5, dtype=torch.float64)
    out[f"rfftfreq {n}"] = torch.fft.rfftfreq(n, 0.5, dtype=torch.float64)
    out[f"fftshift {n}"] = torch.fft.fftshift(torch.arange(n * 3.0).reshape(n, 3))
    out[f"ifftshift {n}"] = torch.fft.ifftshift(torch.arange(n * 3.0).reshape(n, 3), dim=0)
put("cabs z", torch.abs, inputs["z"], True)
put("carg z", torch.angle, inputs["z"], True)
put("conj z", torch.conj, inputs["z"], True)

save(out)
