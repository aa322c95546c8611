"""Golden values for tests/conv_test.lua from PyTorch (2.11, CPU): python3 tests/golden/conv.py

NAME.x, NAME.w, NAME.b where there is one, NAME.y, and the gradients NAME.gx, NAME.gw, NAME.gb of sum(cos(k) y[k])."""
import torch
import torch.nn.functional as F
from common import save

out = {}


def put(name, f, *inputs):
    leaves = [t.clone().requires_grad_() for t in inputs]
    y = f(*leaves)
    weight = torch.arange(1, y.numel() + 1, dtype=torch.float64).cos().reshape(y.shape)
    grads = torch.autograd.grad((y * weight).sum(), leaves)
    out[name + ".y"] = y
    for letter, t, g in zip("xwb", inputs, grads):
        out[f"{name}.{letter}"], out[f"{name}.g{letter}"] = t, g


def r(*shape):
    return torch.randn(shape, dtype=torch.float64)


x = r(2, 4, 6, 5)
put("conv_plain", lambda x, w, b: F.conv2d(x, w, b), x, r(3, 4, 3, 2), r(3))
put("conv_stride", lambda x, w: F.conv2d(x, w, stride=(2, 1), padding=(1, 2)), x, r(3, 4, 3, 3))
put("conv_dilation", lambda x, w, b: F.conv2d(x, w, b, padding=2, dilation=(2, 1), groups=2), x, r(6, 2, 3, 3), r(6))
put("conv_depthwise", lambda x, w: F.conv2d(x, w, padding=1, groups=4), x, r(8, 1, 3, 3))
put("conv_pointwise", lambda x, w, b: F.conv2d(x, w, b), x, r(5, 4, 1, 1), r(5))
put("conv_same", lambda x, w: F.conv2d(x, w, padding="same"), x, r(3, 4, 4, 3))
put("conv_single", lambda x, w: F.conv2d(x, w, stride=3, padding=1), r(4, 6, 5), r(2, 4, 3, 3))
put("conv_far", lambda x, w: F.conv2d(x, w, padding=3), r(1, 1, 2, 2), r(1, 1, 3, 3))
put("conv1d", lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=2, dilation=2), r(2, 3, 9), r(4, 3, 3), r(4))
put("transpose", lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1, groups=2,
                                                    dilation=(1, 2)), r(2, 4, 3, 4), r(4, 3, 3, 2), r(6))
put("transpose1d", lambda x, w: F.conv_transpose1d(x, w, stride=3, output_padding=2), r(2, 3, 4), r(3, 2, 4))

p = r(2, 3, 7, 6)
put("max_2", lambda x: F.max_pool2d(x, 2), p)
put("max_3", lambda x: F.max_pool2d(x, 3, 2, 1), p)
put("max_ceil", lambda x: F.max_pool2d(x, (3, 2), (2, 3), (1, 0), ceil_mode=True), p)
put("max_dilated", lambda x: F.max_pool2d(x, 2, 1, 0, 3), p)
put("max_1d", lambda x: F.max_pool1d(x, 3, 2, 1), r(2, 3, 8))
put("avg_2", lambda x: F.avg_pool2d(x, 2), p)
put("avg_3", lambda x: F.avg_pool2d(x, 3, 2, 1), p)
put("avg_ceil", lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), p)
put("avg_inside", lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False), p)
put("avg_divisor", lambda x: F.avg_pool2d(x, (2, 3), divisor_override=5), p)
put("avg_1d", lambda x: F.avg_pool1d(x, 3, 2, 1), r(2, 3, 8))
put("adaptive", lambda x: F.adaptive_avg_pool2d(x, (3, 4)), p)
put("adaptive_1", lambda x: F.adaptive_avg_pool2d(x, 1), p)
put("adaptive_up", lambda x: F.adaptive_avg_pool2d(x, (9, 2)), p)
out["indices"] = F.max_pool2d(p, 3, 2, 1, return_indices=True)[1] + 1
out["indices.x"] = p

q = r(2, 2, 4, 3)
put("unfold", lambda x: F.unfold(x, (2, 3), dilation=(2, 1), padding=1, stride=(1, 2)), q)
put("fold", lambda x: F.fold(x, (4, 5), (2, 3), padding=1, stride=2), r(2, 12, 9))
put("pad_constant", lambda x: F.pad(x, (1, 2, -1, 1), value=2.5), q)
put("pad_reflect", lambda x: F.pad(x, (2, 1, 1, 3), "reflect"), q)
put("pad_replicate", lambda x: F.pad(x, (4, 1, 0, 3), "replicate"), q)
put("pad_circular", lambda x: F.pad(x, (2, 1, 1, 3), "circular"), q)
put("nearest", lambda x: F.interpolate(x, size=(7, 2)), q)
put("nearest_2", lambda x: F.interpolate(x, scale_factor=2), q)
put("bilinear", lambda x: F.interpolate(x, size=(7, 2), mode="bilinear"), q)
put("bilinear_corners", lambda x: F.interpolate(x, size=(7, 5), mode="bilinear", align_corners=True), q)
put("linear", lambda x: F.interpolate(x, size=7, mode="linear"), r(2, 3, 4))
save(out)
