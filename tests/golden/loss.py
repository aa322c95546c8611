"""Golden values for tests/loss_test.lua, from PyTorch. A case NAME is NAME.y and NAME.grad.INPUT: the gradients of
sum(w * y), w = cos(1), cos(2), ... in the order of y's elements; inputs are stored once, under input.NAME. Classes are
stored counting from 1."""

import torch
import torch.nn.functional as F

from common import save

torch.manual_seed(12)
out = {}
double = torch.float64
inputs = {
    "x": torch.randn(5, 4, dtype=double), "t": torch.randn(5, 4, dtype=double) * 1.5,
    "logits": torch.randn(6, 4, dtype=double) * 2, "row": torch.randn(4, dtype=double),
    "map": torch.randn(2, 4, 3, 2, dtype=double), "weight": torch.rand(4, dtype=double) + 0.5,
    "probs": torch.rand(6, 4, dtype=double).softmax(1), "map_probs": torch.rand(2, 4, 3, 2, dtype=double).softmax(1),
    "row_probs": torch.rand(4, dtype=double).softmax(0),
    "unit": torch.rand(5, 4, dtype=double) * 0.9 + 0.05, "target": torch.rand(5, 4, dtype=double),
    "each": torch.rand(5, 4, dtype=double) + 0.5, "log_probs": torch.randn(5, 4, dtype=double).log_softmax(1),
    "log_target": torch.randn(5, 4, dtype=double).log_softmax(1),
}
classes = {
    "logits": torch.tensor([0, 3, 1, 2, 2, 0]), "row": torch.tensor(2),
    "map": torch.randint(0, 4, (2, 3, 2)),
}
for key, value in inputs.items():
    out["input." + key] = value
for key, value in classes.items():
    out["classes." + key] = value + 1


def case(name, f, **given):
    args = {k: inputs[v].clone().requires_grad_() for k, v in given.items()}
    y = f(**args)
    out[name + ".y"] = y
    w = torch.arange(1, y.numel() + 1, dtype=y.dtype).cos().reshape(y.shape)
    grads = torch.autograd.grad((w * y).sum(), list(args.values()), allow_unused=True)
    for k, g in zip(args, grads):
        if g is not None:
            out[f"{name}.grad.{k}"] = g


for r in ("mean", "sum", "none"):
    case(f"mse_loss.{r}", lambda x, t: F.mse_loss(x, t, reduction=r), x="x", t="t")
    case(f"l1_loss.{r}", lambda x, t: F.l1_loss(x, t, reduction=r), x="x", t="t")
    case(f"smooth_l1_loss.{r}", lambda x, t: F.smooth_l1_loss(x, t, reduction=r, beta=0.7), x="x", t="t")
    case(f"huber_loss.{r}", lambda x, t: F.huber_loss(x, t, reduction=r, delta=0.7), x="x", t="t")
    bce, logits = F.binary_cross_entropy, F.binary_cross_entropy_with_logits
    case(f"binary_cross_entropy.{r}", lambda x, t: bce(x, t, reduction=r), x="unit", t="target")
    case(f"binary_cross_entropy.weight.{r}", lambda x: bce(x, inputs["target"], inputs["each"], reduction=r), x="unit")
    case(f"bce_logits.{r}", lambda x, t: logits(x, t, reduction=r), x="x", t="target")
    case(f"bce_logits.weight.{r}", lambda x, t: logits(x, t, inputs["each"], reduction=r), x="x", t="target")
    case(f"bce_logits.pos.{r}", lambda x, t: logits(x, t, pos_weight=inputs["weight"], reduction=r), x="x", t="target")
    case(f"bce_logits.both.{r}", lambda x, t: logits(x, t, inputs["weight"], pos_weight=inputs["weight"], reduction=r),
         x="x", t="target")
    case(f"kl_div.{r}", lambda x, t: F.kl_div(x, t, reduction=r), x="log_probs", t="target")
    case(f"kl_div.log.{r}", lambda x, t: F.kl_div(x, t, reduction=r, log_target=True), x="log_probs", t="log_target")
    for x in ("logits", "row", "map"):
        t = classes[x]
        case(f"nll_loss.{x}.{r}", lambda x: F.nll_loss(x, t, reduction=r), x=x)
        case(f"nll_loss.weight.{x}.{r}", lambda x: F.nll_loss(x, t, inputs["weight"], reduction=r, ignore_index=2), x=x)
        case(f"cross_entropy.{x}.{r}", lambda x: F.cross_entropy(x, t, reduction=r), x=x)
        case(f"cross_entropy.weight.{x}.{r}",
             lambda x: F.cross_entropy(x, t, inputs["weight"], reduction=r, ignore_index=0), x=x)
        case(f"cross_entropy.smooth.{x}.{r}",
             lambda x: F.cross_entropy(x, t, reduction=r, ignore_index=0, label_smoothing=0.2), x=x)
        case(f"cross_entropy.all.{x}.{r}",
             lambda x: F.cross_entropy(x, t, inputs["weight"], reduction=r, ignore_index=3, label_smoothing=0.2), x=x)
        p = {"logits": "probs", "row": "row_probs", "map": "map_probs"}[x]
        case(f"cross_entropy.probs.{x}.{r}", lambda x, t: F.cross_entropy(x, t, reduction=r), x=x, t=p)
        case(f"cross_entropy.probs_all.{x}.{r}",
             lambda x, t: F.cross_entropy(x, t, inputs["weight"], reduction=r, label_smoothing=0.2), x=x, t=p)
case("kl_div.batchmean", lambda x, t: F.kl_div(x, t, reduction="batchmean"), x="log_probs", t="target")

save(out)
