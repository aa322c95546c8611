"""Golden values for tests/nn_test.lua and tests/optim_test.lua: layers of PyTorch with their state dicts, inputs and outputs, and
weights after 20 steps of training. Run with PyTorch and safetensors installed; writes beside itself.

Classes, ids and positions are stored counting from 1, as Apsis takes them: 1 is added here."""
import os

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(0)


def save(name, tensors):
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, os.path.join(HERE, name + ".safetensors"))


def layers():
    out = {}

    def layer(name, module, *inputs, one_based=False):
        for p in module.parameters():  # away from the trivial ones and zeros of the norms
            p.data.add_(0.1 * torch.randn_like(p))
        for key, value in module.state_dict().items():
            out[f"{name}/state/{key}"] = value.clone()
        for i, x in enumerate(inputs):
            out[f"{name}/x{i + 1}"] = x + 1 if one_based else x
        xs = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
        y = module(*xs)
        out[f"{name}/y"] = y
        for key, value in module.state_dict().items():
            if "running" in key or "tracked" in key:
                out[f"{name}/after/{key}"] = value.clone()
        for p in module.parameters():
            p.grad = None
        (y * torch.linspace(-1, 1, y.numel()).reshape(y.shape)).sum().backward()
        for key, p in module.named_parameters():
            out[f"{name}/grad/{key}"] = p.grad
        if xs[0].is_floating_point():
            out[f"{name}/x_grad"] = xs[0].grad

    image = torch.randn(3, 4, 9, 8)
    layer("Linear", nn.Linear(5, 7), torch.randn(6, 5))
    layer("Conv2d", nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), image)
    layer("MaxPool2d", nn.MaxPool2d(3, stride=2, padding=1), image)
    layer("AvgPool2d", nn.AvgPool2d(2), image)
    layer("BatchNorm2d", nn.BatchNorm2d(4), image)
    layer("BatchNorm1d", nn.BatchNorm1d(5), torch.randn(6, 5))
    layer("LayerNorm", nn.LayerNorm([8]), image)
    layer("Embedding", nn.Embedding(10, 4), torch.tensor([[0, 9, 3], [3, 3, 1]]), one_based=True)
    layer("GELU", nn.GELU(), image)
    layer("SiLU", nn.SiLU(), image)
    layer("Softmax", nn.Softmax(dim=-1), image)
    layer("LeakyReLU", nn.LeakyReLU(0.2), image)
    layer("Sequential", nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Sequential(nn.Linear(8, 3), nn.Sigmoid())), torch.randn(4, 5))
    save("nn_layers", out)


def losses():
    out = {}
    x, t = torch.randn(6, 4), torch.randn(6, 4)
    classes, probs = torch.tensor([0, 3, 1, 2, 2, 0]), torch.rand(6, 4)
    weight = torch.rand(4) + 0.5
    out.update(x=x, t=t, classes=classes + 1, probs=probs, weight=weight)
    out["MSELoss"] = F.mse_loss(x, t)
    out["MSELoss_sum"] = F.mse_loss(x, t, reduction="sum")
    out["L1Loss"] = F.l1_loss(x, t)
    out["SmoothL1Loss"] = F.smooth_l1_loss(x, t)
    out["HuberLoss"] = F.huber_loss(x, t, delta=0.5)
    out["CrossEntropyLoss"] = F.cross_entropy(x, classes)
    out["CrossEntropyLoss_weight"] = F.cross_entropy(x, classes, weight=weight)
    out["NLLLoss"] = F.nll_loss(x.log_softmax(1), classes)
    out["NLLLoss_weight"] = F.nll_loss(x.log_softmax(1), classes, weight=weight)
    out["BCELoss"] = F.binary_cross_entropy(x.sigmoid(), probs)
    out["BCEWithLogitsLoss"] = F.binary_cross_entropy_with_logits(x, probs)
    out["BCEWithLogitsLoss_pos"] = F.binary_cross_entropy_with_logits(x, probs, pos_weight=weight)
    out["KLDivLoss"] = F.kl_div(x.log_softmax(1), probs)
    save("nn_losses", out)


def train(name, model, x, y, loss, optimizer, steps=20, clip=None):
    out = {"x": x, "y": y + 1 if y.dtype == torch.int64 else y}
    for key, value in model.state_dict().items():
        out["before/" + key] = value.clone()
    values = []
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        values.append(value.detach())
    for key, value in model.state_dict().items():
        out["after/" + key] = value.clone()
    out["losses"] = torch.stack(values)
    save("optim_" + name, out)


def mlp():
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4))


def cnn():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 4 * 4, 5))


def optimisers():
    x, y = torch.randn(12, 6), torch.randn(12, 4)

    def run(name, make, clip=None):
        model = mlp()
        train(name, model, x, y, nn.MSELoss(), make(model.parameters()), clip=clip)

    run("sgd", lambda p: torch.optim.SGD(p, lr=0.1))
    run("sgd_momentum", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01))
    run("sgd_dampening", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.3))
    run("sgd_nesterov", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True))
    run("adam", lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.05))
    run("adamw", lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1))
    run("adamw_amsgrad", lambda p: torch.optim.AdamW(p, lr=0.03, betas=(0.8, 0.95), amsgrad=True))
    run("sgd_clip", lambda p: torch.optim.SGD(p, lr=0.5), clip=0.3)

    model = cnn()
    images, classes = torch.randn(16, 1, 8, 8), torch.randint(0, 5, (16,))
    train("cnn_adam", model, images, classes, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=3e-3))


def schedules():
    out = {}

    def rates(name, make, steps=20):
        opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
        schedule, values = make(opt), []
        for _ in range(steps):
            values.append(opt.param_groups[0]["lr"])
            opt.step()
            schedule.step()
        out[name] = torch.tensor(values, dtype=torch.float64)

    s = torch.optim.lr_scheduler
    rates("StepLR", lambda o: s.StepLR(o, 5, 0.3))
    rates("MultiStepLR", lambda o: s.MultiStepLR(o, [3, 11], 0.2))
    rates("ExponentialLR", lambda o: s.ExponentialLR(o, 0.9))
    rates("CosineAnnealingLR", lambda o: s.CosineAnnealingLR(o, 20, 0.01))
    rates("LambdaLR", lambda o: s.LambdaLR(o, lambda t: 1 / (1 + t)))
    rates("LinearLR", lambda o: s.LinearLR(o, 0.25, 1.0, 8))
    rates("OneCycleLR", lambda o: s.OneCycleLR(o, 0.7, 20, cycle_momentum=False))
    save("optim_schedules", out)


layers()
losses()
optimisers()
schedules()
