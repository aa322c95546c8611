"""Parameters after 12 steps of PyTorch's optimisers, and the rates of its schedules: optimizers.safetensors."""
import sys

sys.path = sys.path[1:] + sys.path[:1]  # this folder has a statistics.py
import torch
from common import save

torch.manual_seed(3)
x, y = torch.randn(16, 4, dtype=torch.float64), torch.randn(16, 3, dtype=torch.float64)
w, b = torch.randn(4, 3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
out = {"x": x, "y": y, "w": w, "b": b}

cases = {
    "RMSprop": dict(lr=0.02), "RMSprop_centered": dict(lr=0.02, momentum=0.8, centered=True, weight_decay=0.1, alpha=0.9),
    "Adagrad": dict(lr=0.1), "Adagrad_decay": dict(lr=0.1, lr_decay=0.1, initial_accumulator_value=0.2, weight_decay=0.1),
    "Adadelta": dict(), "Adadelta_decay": dict(lr=0.5, rho=0.8, weight_decay=0.1, maximize=True),
    "Adamax": dict(lr=0.05), "Adamax_decay": dict(betas=(0.8, 0.95), weight_decay=0.1),
    "NAdam": dict(lr=0.05), "NAdam_decay": dict(betas=(0.8, 0.95), weight_decay=0.1, momentum_decay=0.01),
    "RAdam": dict(lr=0.05), "RAdam_decay": dict(betas=(0.8, 0.95), weight_decay=0.1),
}
for name, options in cases.items():
    p = [w.clone().requires_grad_(), b.clone().requires_grad_()]
    optimizer = getattr(torch.optim, name.split("_")[0])(p, **options)
    for _ in range(12):
        optimizer.zero_grad()
        ((torch.tanh(x @ p[0] + p[1]) - y) ** 2).mean().backward()
        optimizer.step()
    out[name + "/w"], out[name + "/b"] = p[0].detach(), p[1].detach()


def rates(make, steps=25, metric=None):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    schedule = make(optimizer)
    list_ = []
    for i in range(steps):
        list_.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(metric[i]) if metric else schedule.step()
    return torch.tensor(list_, dtype=torch.float64)


s = torch.optim.lr_scheduler
metric = [1, 0.9, 0.95, 0.96, 0.9, 0.899999, 0.7, 0.8, 0.8, 0.8, 0.8, 0.69, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.6, 0.7, 0.7, 0.7]
out["metric"] = torch.tensor(metric, dtype=torch.float64)
out["ConstantLR"] = rates(lambda o: s.ConstantLR(o, factor=0.25, total_iters=7))
out["PolynomialLR"] = rates(lambda o: s.PolynomialLR(o, total_iters=10, power=2.0))
out["WarmRestarts"] = rates(lambda o: s.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2, eta_min=0.01))
out["WarmRestarts_1"] = rates(lambda o: s.CosineAnnealingWarmRestarts(o, T_0=5))
out["Sequential"] = rates(lambda o: s.SequentialLR(
    o, [s.LinearLR(o, start_factor=0.1, total_iters=5), s.CosineAnnealingLR(o, T_max=12), s.ExponentialLR(o, gamma=0.9)], milestones=[5, 17]))
out["Plateau"] = rates(lambda o: s.ReduceLROnPlateau(o, factor=0.5, patience=2, cooldown=1, min_lr=0.05), metric=metric)
out["Plateau_max"] = rates(lambda o: s.ReduceLROnPlateau(o, mode="max", factor=0.1, patience=1, threshold=0.05, threshold_mode="abs"), metric=metric)
save(out)
