"""Golden values for tests/norm_test.lua, from PyTorch: softmax, normalisations and what is composed of them, with the
gradients of sum(w * y), w = cos(1), cos(2), ... in the order of y's elements. A case NAME is NAME.y, NAME.grad.INPUT;
inputs are stored once, under input.NAME."""

import math

import torch
import torch.nn.functional as F

from common import save

torch.manual_seed(11)
out = {}
inputs = {
    "cube": torch.randn(3, 4, 5, dtype=torch.float64),
    "matrix": torch.randn(6, 4, dtype=torch.float64) * 2,
    "image": torch.randn(3, 4, 5, 2, dtype=torch.float64),
    "video": torch.randn(2, 4, 3, 2, 2, dtype=torch.float64),
    "scalar": torch.tensor(0.75, dtype=torch.float64),
    "four": torch.rand(4, dtype=torch.float64) + 0.5,
    "four_b": torch.randn(4, dtype=torch.float64),
    "five": torch.rand(5, dtype=torch.float64) + 0.5,
    "five_b": torch.randn(5, dtype=torch.float64),
    "table": torch.rand(4, 5, dtype=torch.float64) + 0.5,
    "table_b": torch.randn(4, 5, dtype=torch.float64),
    "mean": torch.randn(4, dtype=torch.float64),
    "var": torch.rand(4, dtype=torch.float64) + 0.2,
    "other": torch.randn(3, 4, 5, dtype=torch.float64),
    "slope": torch.rand(4, dtype=torch.float64),
}
for key, value in inputs.items():
    out["input." + key] = value


def case(name, f, **given):
    """given: argument -> the name of an input. Those that y depends on get a gradient."""
    args = {k: inputs[v].clone().requires_grad_() for k, v in given.items()}
    y = f(**args)
    out[name + ".y"] = y
    w = torch.arange(1, y.numel() + 1, dtype=y.dtype).cos().reshape(y.shape)
    grads = torch.autograd.grad((w * y).sum(), list(args.values()), allow_unused=True)
    for k, g in zip(args, grads):
        if g is not None:
            out[f"{name}.grad.{k}"] = g


for x, dims in {"cube": 3, "matrix": 2, "scalar": 1, "four": 1}.items():
    for d in range(dims):
        case(f"softmax.{x}.{d + 1}", lambda x: x.softmax(d), x=x)
        case(f"log_softmax.{x}.{d + 1}", lambda x: x.log_softmax(d), x=x)
case("softmin", lambda x: F.softmin(x, 1), x="cube")

case("layer_norm.plain", lambda x: F.layer_norm(x, [5]), x="cube")
case("layer_norm.affine", lambda x, w, b: F.layer_norm(x, [5], w, b, 0.1), x="cube", w="five", b="five_b")
case("layer_norm.weight", lambda x, w: F.layer_norm(x, [5], w), x="cube", w="five")
case("layer_norm.two", lambda x, w, b: F.layer_norm(x, [4, 5], w, b), x="cube", w="table", b="table_b")
case("rms_norm.plain", lambda x: F.rms_norm(x, [5]), x="cube")
case("rms_norm.affine", lambda x, w: F.rms_norm(x, [5], w, 0.1), x="cube", w="five")
case("rms_norm.two", lambda x, w: F.rms_norm(x, [4, 5], w), x="cube", w="table")

for x in ("matrix", "cube", "image", "video"):
    def train(x, w, b, name=x):
        mean, var = inputs["mean"].clone(), inputs["var"].clone()
        y = F.batch_norm(x, mean, var, w, b, True, 0.3)
        out[f"batch_norm.train.{name}.mean"], out[f"batch_norm.train.{name}.var"] = mean, var
        return y
    case(f"batch_norm.train.{x}", train, x=x, w="four", b="four_b")
    case(f"batch_norm.bare.{x}", lambda x: F.batch_norm(x, None, None, None, None, True, 0.1, 0.2), x=x)
    case(f"batch_norm.eval.{x}", lambda x, w, b: F.batch_norm(x, inputs["mean"], inputs["var"], w, b), x=x, w="four",
         b="four_b")
    case(f"group_norm.{x}", lambda x, w, b: F.group_norm(x, 2, w, b), x=x, w="four", b="four_b")
    case(f"group_norm.bare.{x}", lambda x: F.group_norm(x, 1, eps=0.1), x=x)
    if x != "matrix":
        def instance(x, w, b, name=x):
            mean, var = inputs["mean"].clone(), inputs["var"].clone()
            y = F.instance_norm(x, mean, var, w, b, True, 0.3)
            out[f"instance_norm.{name}.mean"], out[f"instance_norm.{name}.var"] = mean, var
            return y
        case(f"instance_norm.{x}", instance, x=x, w="four", b="four_b")
        case(f"instance_norm.eval.{x}", lambda x, w: F.instance_norm(x, inputs["mean"], inputs["var"], w, None, False),
             x=x, w="four")

# Activations of stdlib/nn/functional.lua.
case("selu", lambda x: F.selu(x), x="cube")
# PyTorch keeps 1 / alpha in f32: 0.5 loses nothing.
case("celu", lambda x: F.celu(x, 0.5), x="cube")
case("glu", lambda x: F.glu(x, 1), x="cube")
case("prelu", lambda x, w: F.prelu(x, w), x="cube", w="slope")
case("threshold", lambda x: F.threshold(x, 0.3, -2.0), x="cube")
case("hardshrink", lambda x: F.hardshrink(x, 0.6), x="cube")
case("softshrink", lambda x: F.softshrink(x, 0.6), x="cube")
case("tanhshrink", lambda x: F.tanhshrink(x), x="cube")
case("normalize.2", lambda x: F.normalize(x), x="cube")
case("normalize.p", lambda x: F.normalize(x, 3.0, 2), x="cube")
case("cosine_similarity", lambda x, w: F.cosine_similarity(x, w, 2), x="cube", w="other")
case("pairwise_distance", lambda x, w: F.pairwise_distance(x, w), x="cube", w="other")

q, k, v = (torch.randn(2, 3, n, 4, dtype=torch.float64) for n in (5, 6, 6))
inputs.update(q=q, k=k, v=v, square=torch.randn(2, 3, 5, 4, dtype=torch.float64))
mask = torch.rand(5, 6) > 0.3
mask[:, 0] = True
bias = torch.randn(5, 6, dtype=torch.float64)
out.update({"input.q": q, "input.k": k, "input.v": v, "input.square": inputs["square"], "input.mask": mask,
            "input.bias": bias})
attention = F.scaled_dot_product_attention
case("attention.plain", lambda q, k, v: attention(q, k, v), q="q", k="k", v="v")
case("attention.mask", lambda q, k, v: attention(q, k, v, mask), q="q", k="k", v="v")
case("attention.bias", lambda q, k, v: attention(q, k, v, bias, scale=0.3), q="q", k="k", v="v")
case("attention.causal", lambda q, k, v: attention(q, k, v, is_causal=True), q="square", k="square", v="square")

# Rows with infinities and nan: values only.
inf, nan = math.inf, math.nan
edge = torch.tensor([[-inf, -inf, -inf], [inf, 0, 1], [nan, 0, 1], [-inf, 0, 1], [1e4, -1e4, 1e4], [-3e38, 0, 3e38]],
                    dtype=torch.float64)
out["input.edge"] = edge
out["edge.softmax"], out["edge.log_softmax"] = edge.softmax(1), edge.log_softmax(1)
out["edge.softmax.columns"] = edge.t().softmax(0)

save(out)
