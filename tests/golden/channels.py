"""What PyTorch's sample database lacks, or has no usable sample of, with gradients (f64): pooling by norms, segments,
shuffles of pixels and channels, volumes, norms but for a dimension, angles, lobpcg, ldl_solve.

Keys: NAME the result, NAME.x the gradient of x under sum(result * weights) with weights 1, 2, 3, ...; inputs are "x"
(2, 3, 6), "image" (1, 4, 4, 6), "positive" (2, 3, 6), "rows" (6, 2), "volume" (2, 2, 4, 5, 3), "kernel" (2, 2, 2, 3, 2),
"sym" (12, 12) and "side" (12, 2).
"""

import torch
import torch.nn.functional as F

from common import save


def leaf(t):
    return t.double().requires_grad_()


x = leaf(torch.randn(2, 3, 6))
image = leaf(torch.randn(1, 4, 4, 6))
positive = leaf(torch.rand(2, 3, 6) + 0.1)
rows = leaf(torch.randn(6, 2))
sym = torch.randn(12, 12).double()
sym = sym + sym.T
side = leaf(torch.randn(12, 2))
out = {"x": x, "image": image, "positive": positive, "rows": rows, "sym": sym, "side": side}


def case(name, f, given):
    y = f(given)
    out[name] = y
    if not y.requires_grad:
        return
    weights = torch.arange(1, y.numel() + 1, dtype=torch.float64).reshape(y.shape)
    out[name + ".x"] = torch.autograd.grad((y * weights).sum(), given, allow_unused=True)[0]


case("lp_pool1d", lambda t: F.lp_pool1d(t, 2, 3, 2), x)
case("lp_pool1d_ceil", lambda t: F.lp_pool1d(t, 1.5, 4, ceil_mode=True), positive)
case("lp_pool2d", lambda t: F.lp_pool2d(t, 3, (2, 3), (1, 2)), positive.reshape(1, 2, 3, 6).detach().requires_grad_())
case("lp_pool_inf", lambda t: F.lp_pool1d(t, float("inf"), 3), x)
case("pixel_shuffle", lambda t: F.pixel_shuffle(t, 2), image)
case("pixel_unshuffle", lambda t: F.pixel_unshuffle(t, 2), image)
case("channel_shuffle", lambda t: torch.channel_shuffle(t, 2), image)
case("local_response_norm4", lambda t: F.local_response_norm(t, 3, 0.5, 0.6, 2.0), image)
case("norm_except_dim2", lambda t: torch.norm_except_dim(t, 2, 0), x)
case("norm_except_dim1", lambda t: torch.norm_except_dim(t, 1, 2), x)
case("angle", torch.angle, x)
case("adaptive_max_pool2d", lambda t: F.adaptive_max_pool2d(t, (3, 4)), image)
out["adaptive_max_pool2d_at"] = F.adaptive_max_pool2d(image, (3, 4), return_indices=True)[1] + 1  # from 1
lengths = torch.tensor([2, 0, 3, 1])
for reduce in ("sum", "mean", "max", "min", "prod"):
    case("segment_" + reduce, lambda t: torch.segment_reduce(t, reduce, lengths=lengths, axis=0), rows)
    case("segment_initial_" + reduce, lambda t: torch.segment_reduce(t, reduce, lengths=lengths, axis=0, initial=0.5), rows)
    both = torch.tensor([[1, 5], [4, 2]])
    case("segment_batch_" + reduce, lambda t: torch.segment_reduce(t, reduce, lengths=both, axis=1), rows.T[:2].detach()
         .contiguous().requires_grad_())
volume, kernel = leaf(torch.randn(2, 2, 4, 5, 3)), leaf(torch.randn(2, 2, 2, 3, 2))
out["volume"], out["kernel"] = volume, kernel
bias = torch.tensor([0.5, -1.0, 2.0, 0.25]).double()
case("conv3d", lambda t: F.conv3d(t, kernel.detach(), bias[:2], (2, 1, 1), (1, 1, 0), (1, 1, 2)), volume)
case("conv3d_same", lambda t: F.conv3d(t, kernel.detach(), None, 1, "same"), volume)
case("conv3d_groups", lambda t: F.conv3d(volume.detach(), t, bias[:2], 1, 1, 1, 2), kernel.detach()[:, :1].requires_grad_())
case("conv_transpose3d", lambda t: F.conv_transpose3d(t, kernel.detach(), bias[:2], (2, 1, 3), (1, 0, 1), (1, 0, 2)), volume)
case("conv_transpose3d_groups", lambda t: F.conv_transpose3d(volume.detach(), t, bias, 1, 0, 0, 2, (1, 2, 1)), kernel)
case("max_pool3d", lambda t: F.max_pool3d(t, (2, 3, 2), (1, 2, 1), (1, 1, 0), ceil_mode=True), volume)
out["max_pool3d_at"] = F.max_pool3d(volume, (2, 3, 2), (1, 2, 1), (1, 1, 0), ceil_mode=True, return_indices=True)[1] + 1
case("avg_pool3d", lambda t: F.avg_pool3d(t, 3, 2, 1, True, False), volume)
case("avg_pool3d_divisor", lambda t: F.avg_pool3d(t, 2, 1, divisor_override=3), volume)
case("adaptive_max_pool3d", lambda t: F.adaptive_max_pool3d(t, (3, 2, 2)), volume)
out["adaptive_max_pool3d_at"] = F.adaptive_max_pool3d(volume, (3, 2, 2), return_indices=True)[1] + 1
case("adaptive_avg_pool3d", lambda t: F.adaptive_avg_pool3d(t, (3, 2, None)), volume)
case("lp_pool3d", lambda t: F.lp_pool3d(t, 2, 2, 1), volume)
theta, theta3 = leaf(torch.randn(2, 2, 3)), leaf(torch.randn(1, 3, 4))
out["theta"], out["theta3"] = theta, theta3
case("affine_grid", lambda t: F.affine_grid(t, (2, 1, 3, 4), align_corners=False), theta)
case("affine_grid_corners", lambda t: F.affine_grid(t, (2, 1, 3, 4), align_corners=True), theta)
case("affine_grid3", lambda t: F.affine_grid(t, (1, 1, 2, 3, 1), align_corners=False), theta3)
grid3 = leaf(torch.rand(2, 2, 2, 3, 3) * 2.6 - 1.3)
out["grid3"] = grid3
for mode in ("bilinear", "nearest"):
    for padding in ("zeros", "border", "reflection"):
        case(f"grid_sample_{mode}_{padding}", lambda t: F.grid_sample(volume.detach(), t, mode, padding, False), grid3)
        case(f"grid_sample_x_{mode}_{padding}", lambda t: F.grid_sample(t, grid3.detach(), mode, padding, True), volume)
logits = leaf(torch.randn(7, 3, 5))
targets = torch.tensor([[1, 2, 2], [3, 1, 4], [4, 4, 4]])
lengths, counts = torch.tensor([7, 5, 4]), torch.tensor([3, 2, 3])  # the last does not fit: twice a blank between three
out["logits"] = logits
case("ctc", lambda t: F.ctc_loss(t.log_softmax(2), targets, lengths, counts, reduction="none")[:2], logits)
case("ctc_mean", lambda t: F.ctc_loss(t.log_softmax(2), targets, lengths, counts, zero_infinity=True), logits)
case("ctc_sum", lambda t: F.ctc_loss(t.log_softmax(2), torch.tensor([1, 2, 2, 3]), lengths, torch.tensor([3, 1, 0]), 4, "sum"),
     logits)
case("ctc_single", lambda t: F.ctc_loss(t.log_softmax(1), torch.tensor([1, 1]), torch.tensor(7), torch.tensor(2)),
     logits[:, 0].detach().requires_grad_())
LD, pivots = torch.linalg.ldl_factor(sym)
out["ldl"], out["ldl_pivots"] = LD, pivots
case("ldl_solve", lambda t: torch.linalg.ldl_solve(LD, pivots, t), side.detach())
values, vectors = torch.linalg.eigh(sym)
out["largest"], out["smallest"] = values[-2:].flip(0), values[:2]
save(out)
