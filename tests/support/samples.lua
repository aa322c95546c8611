--- What gradcheck feeds each op that has a gradient rule: name -> list of {make =, f =, second =}.
-- A sample's tensors are made afresh by a function, in f64, and require a gradient. An op with a rule and no sample
-- here is a failure of tests/autograd_test.lua.

local ap = require "apsis"

local samples = {}

-- Their gradient is zero everywhere, so there is no second one to check.
local flat = {sign = true, ceil = true, floor = true, round = true, trunc = true, floor_divide = true,
  trunc_divide = true, nextafter = true, frexp_exponent = true, fill_ = true, zero_ = true, uniform_ = true,
  normal_ = true, exponential_ = true, random_ = true, bernoulli_ = true, bernoulli = true}

-- Values in (low, high), all different and never near a kink at an integer or a half.
local function spread(size, low, high)
  local n = 1
  for _, s in ipairs(size) do n = n * s end
  local list, k = {}, 0.137
  for i = 1, n do
    k = (k + 0.6180339887) % 1
    list[i] = low + (high - low) * k
  end
  return ap.tensor(list, {dtype = "f64"}):reshape(size):clone():requires_grad_()
end

local function real(...) return spread({...}, -2.3, 2.7) end
local function positive(...) return spread({...}, 0.3, 2.7) end
local function unit(...) return spread({...}, -0.9, 0.9) end
local function inner(...) return spread({...}, 0.1, 0.9) end
samples.real, samples.positive, samples.unit, samples.inner = real, positive, unit, inner

local function index(list) return ap.tensor(list, {dtype = "i64"}) end
local function mask(list) return ap.tensor(list, {dtype = "bool"}) end

local ops = {}
samples.ops = ops

-- sample(name, make, f): make() gives the arguments; f defaults to the op itself.
local function sample(name, make, options)
  options = options or {}
  ops[name] = ops[name] or {}
  table.insert(ops[name], {make = make, f = options.f, second = not flat[name]})
end

for _, name in ipairs {"abs", "neg", "sign", "ceil", "floor", "round", "trunc", "frac", "square", "exp", "exp2",
  "expm1", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "asinh", "erf", "erfc", "sigmoid", "relu", "relu6",
  "leaky_relu", "elu", "softplus", "logsigmoid", "silu", "mish", "gelu", "gelu_tanh", "hardtanh", "hardsigmoid",
  "hardswish", "softsign", "clone", "contiguous"} do
  sample(name, function() return real(2, 3) end)
  sample(name, function() return real() end)
end
for _, name in ipairs {"sqrt", "rsqrt", "reciprocal", "log", "log2", "log10", "log1p"} do
  sample(name, function() return positive(2, 3) end)
end
for _, name in ipairs {"asin", "acos", "atanh"} do sample(name, function() return unit(5) end) end
sample("acosh", function() return spread({5}, 1.2, 3) end)
sample("logit", function() return inner(5) end)
for _, name in ipairs {"deg2rad", "rad2deg", "erfcx", "ndtr", "log_ndtr", "sinc", "i0", "i0e", "i1", "i1e", "celu",
  "selu", "hardshrink", "softshrink", "tanhshrink", "frexp_mantissa", "frexp_exponent"} do
  sample(name, function() return real(2, 3) end)
end
for _, name in ipairs {"lgamma", "digamma", "entr"} do sample(name, function() return positive(2, 3) end) end
sample("lgamma", function() return spread({4}, -0.9, -0.1) end)
sample("erfinv", function() return unit(5) end)
sample("ndtri", function() return inner(5) end)
sample("celu", function() return real(2, 3), 0.7 end)
sample("hardshrink", function() return real(2, 3), 1.1 end)
sample("softshrink", function() return real(2, 3), 1.1 end)
sample("threshold", function() return real(2, 3), 0.3, 5 end)
sample("zeta", function() return ap.tensor({2.5, 4}, {dtype = "f64"}), positive(3, 2) end)
sample("zeta", function() return 3, real(2, 3) end)
for _, name in ipairs {"bessel_j0", "bessel_j1", "spherical_bessel_j0"} do
  sample(name, function() return real(2, 3) * 5 end)
end
for _, name in ipairs {"bessel_y0", "bessel_y1", "modified_bessel_k0", "modified_bessel_k1",
  "scaled_modified_bessel_k0", "scaled_modified_bessel_k1"} do
  sample(name, function() return positive(2, 3) end)
end
for _, name in ipairs {"igamma", "igammac"} do
  sample(name, function() return ap.tensor({0.3, 1, 2.5}, {dtype = "f64"}), positive(2, 3) end)
  sample(name, function() return 1.7, positive(2, 3) end)
end
for _, name in ipairs {"chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v",
  "chebyshev_polynomial_w", "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u",
  "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he",
  "laguerre_polynomial_l", "legendre_polynomial_p"} do
  for n = 0, 5 do sample(name, function() return real(4), n end) end
end
sample("xlog1py", function() return real(2, 3), positive(3) end)
sample("xlog1py", function() return 0.31, positive(3) end)
sample("xlog1py", function() return real(2, 3), 0.31 end)
for _, name in ipairs {"logaddexp", "logaddexp2"} do
  sample(name, function() return real(2, 3), real(2, 3) * 1.1 end)
  sample(name, function() return real(2, 1), 0.31 end)
end
sample("ldexp", function() return real(2, 3), unit(3) end)
sample("ldexp", function() return real(2, 3), -2 end)
sample("lerp", function() return real(2, 3), unit(3), 0.3 end)
sample("lerp_tensor", function() return real(2, 3), unit(3), real(2, 1) end)
sample("addcmul", function() return real(2, 3), unit(3), real(2, 1) end)
sample("addcmul", function() return real(2, 3), unit(3), real(2, 1), 0.7 end)
sample("addcmul", function() return real(2, 3), 1.5, real(3) end)
sample("addcdiv", function() return real(2, 3), unit(3), positive(2, 1) end)
sample("addcdiv", function() return real(2, 3), unit(3), positive(2, 1), -0.7 end)
sample("clamp_tensor", function() return real(2, 3), unit(3) - 1, positive(2, 1) end)
sample("clamp_tensor", function() return real(2, 3), -0.61, unit(3) end)
sample("lerp", function() return real(2, 3), unit(3), 0.8 end)
sample("nextafter", function() return real(2, 3), unit(3) end)
sample("trunc_divide", function() return positive(2, 3), spread({2, 3}, 0.4, 1.9) end)
sample("clamp", function() return real(2, 3), -1, 1.5 end)
sample("clamp", function() return real(2, 3), nil, 1.5 end)
sample("leaky_relu", function() return real(2, 3), 0.3 end)
sample("elu", function() return real(2, 3), 0.7 end)
sample("softplus", function() return real(2, 3), 2, 3 end)
sample("hardtanh", function() return real(2, 3), -0.6, 1.1 end)

for _, name in ipairs {"add", "sub", "mul", "maximum", "minimum", "fmax", "fmin"} do
  sample(name, function() return real(2, 3), real(2, 3) * 1.1 end)
  sample(name, function() return real(2, 1), unit(3) end)
  sample(name, function() return real(3), unit() end)
  sample(name, function() return real(2, 3), 0.31 end)
  sample(name, function() return 0.31, real(2, 3) end)
end
for _, name in ipairs {"div", "floor_divide", "remainder", "fmod", "atan2", "hypot", "copysign", "xlogy", "pow"} do
  sample(name, function() return positive(2, 3), spread({2, 3}, 0.4, 1.9) end)
  sample(name, function() return positive(2, 1), spread({3}, 0.4, 1.9) end)
  sample(name, function() return positive(2, 3), 0.77 end)
  -- copysign's second argument has no gradient, so nothing depends on it.
  if name ~= "copysign" then sample(name, function() return 1.31, positive(2, 3) end) end
end
sample("add", function() return real(2, 3), unit(3), 2.5 end)
sample("sub", function() return real(2, 3), unit(3), 2.5 end)
sample("pow", function() return real(2, 3), 2 end)
sample("pow", function() return real(2, 3), 3 end)
sample("nextafter", function() return real(2, 3), unit(2, 3) end, {f = function(a, b)
  return ap.nextafter(a, b) + a
end})
for _, name in ipairs {"relu_grad", "leaky_relu_grad", "sigmoid_grad", "tanh_grad", "silu_grad", "gelu_grad",
  "gelu_tanh_grad"} do
  sample(name, function() return unit(2, 3), real(2, 3) end)
end

-- Shapes. Views give gradients to what they were taken from.
sample("view", function() return real(2, 6), {3, 4} end)
sample("reshape", function() return real(2, 6), {4, -1} end)
sample("flatten", function() return real(2, 3, 2), 2 end)
sample("unflatten", function() return real(2, 6), 2, {2, 3} end)
sample("transpose", function() return real(2, 3, 2), 1, 3 end)
sample("t", function() return real(2, 3) end)
sample("permute", function() return real(2, 3, 2), {3, 1, 2} end)
sample("movedim", function() return real(2, 3, 2), 1, 3 end)
sample("squeeze", function() return real(2, 1, 3), 2 end)
sample("unsqueeze", function() return real(2, 3), 2 end)
sample("expand", function() return real(2, 1), {3, 2, 4} end)
sample("expand_as", function() return real(2, 1), ap.zeros({3, 2, 4}, {dtype = "f64"}) end)
sample("select", function() return real(3, 4), 2, -1 end)
sample("narrow", function() return real(3, 5), 2, 2, 3 end)
sample("unfold", function() return real(7), 1, 3, 2 end)
sample("diagonal", function() return real(3, 4) end)
sample("diagonal", function() return real(3, 4), 1 end)
sample("as_strided", function() return real(8), {3, 2}, {2, 1} end)
sample("to", function() return real(2, 3), "f64" end)
sample("cat", function() return real(2, 3), unit(1, 3) end, {f = function(a, b) return ap.cat({a, b}, 1) end})
sample("stack", function() return real(2, 3), unit(2, 3) end, {f = function(a, b) return ap.stack({a, b}, 2) end})
sample("getitem", function() return real(3, 4) end, {f = function(x) return x["2:3, :2"] end})
sample("getitem", function() return real(3, 4) end, {f = function(x) return x[{2, 3}] end})
sample("getitem", function() return real(3, 4) end, {f = function(x) return x[index {3, 1, 3}] end})
sample("getitem", function() return real(3, 4) end, {f = function(x) return x[x:detach():gt(0.2)] end})
sample("setitem_", function() return real(3, 4), unit(4) end, {f = function(x, v)
  local y = x * 1
  y[2] = v
  return y
end})
sample("setitem_", function() return real(3, 4), unit(2, 2) end, {f = function(x, v)
  local y = x * 1
  y["1:2, 2:3"] = v
  return y
end})
sample("setitem_", function() return real(3, 4), unit() end, {f = function(x, v)
  local y = x * 1
  y[index {1, 3}] = v
  return y
end})
sample("copy_", function() return real(3, 4), unit(4) end, {f = function(x, v) return (x * 1):copy_(v) end})
sample("fill_", function() return real(3, 4) end, {f = function(x) return (x * 1):fill_(2) + x end})
sample("zero_", function() return real(3, 4) end, {f = function(x) return (x * 1):zero_() + x end})

-- Reductions and scans.
for _, name in ipairs {"sum", "mean", "prod", "logsumexp", "norm", "var", "std", "amax", "amin"} do
  if name ~= "logsumexp" then sample(name, function() return real(2, 3) end) end
  sample(name, function() return real(2, 3, 2), 2 end)
  sample(name, function() return real(2, 3), {dim = -1, keepdim = true} end)
end
sample("norm", function() return real(2, 3), {p = 3, dim = 2} end)
sample("norm", function() return real(2, 3), {p = 1} end)
sample("var_mean", function() return real(2, 3), 2 end)
sample("aminmax", function() return real(2, 3), 2 end)
sample("std_mean", function() return real(2, 3), 2 end)
sample("sum_to_size", function() return real(2, 3), {1, 3} end)
for _, name in ipairs {"cumsum", "cumprod", "logcumsumexp"} do sample(name, function() return real(3, 4), 2 end) end
local function values_only(name, ...)
  local rest = table.pack(...)
  return {f = function(x) return (ap[name](x, table.unpack(rest, 1, rest.n))) end}
end
sample("max_dim", function() return real(3, 4) end, values_only("max_dim", 2))
sample("min_dim", function() return real(3, 4) end, values_only("min_dim", 2))
sample("sort", function() return real(3, 4) end, values_only("sort", 2))
sample("topk", function() return real(3, 4) end, values_only("topk", 2))
for _, name in ipairs {"cummax", "cummin", "median_dim", "nanmedian_dim", "mode_dim"} do
  sample(name, function() return real(3, 4) end, values_only(name, 2))
end
sample("kthvalue", function() return real(3, 4) end, values_only("kthvalue", 2, 1))
for _, name in ipairs {"median_all", "nanmedian_all", "nansum"} do sample(name, function() return real(3, 4) end) end

-- softmax, normalisations, losses: tests/norm_test.lua and tests/loss_test.lua check more of them.
for _, name in ipairs {"softmax", "log_softmax"} do sample(name, function() return real(2, 3), 2 end) end
sample("layer_norm", function() return real(2, 3), 3, positive(3), real(3) end)
sample("rms_norm", function() return real(2, 3), 3, positive(3), 0.1 end)
sample("group_norm", function() return real(2, 4, 3), 2, positive(4), real(4) end)
sample("batch_norm_train", function() return real(4, 3), positive(3), real(3) end)
sample("batch_norm_eval", function() return real(4, 3), real(3), positive(3), positive(3), real(3) end)
sample("mse_loss", function() return real(2, 3), unit(2, 3) end)
sample("binary_cross_entropy", function() return inner(2, 3), inner(2, 3) end)
sample("binary_cross_entropy_with_logits", function() return real(2, 3), inner(2, 3) end)
sample("cross_entropy", function() return real(2, 3), index {3, 1} end)
sample("nll_loss", function() return real(2, 3), index {3, 1} end)
sample("nll_loss_grad", function() return real(2), real(2, 3), index {3, 1}, nil, nil, "none" end)

-- Indexing by tensors.
sample("where", function() return mask {true, false, true}, real(2, 3), unit(3) end)
sample("where", function() return mask {true, false, true}, real(2, 3), 0.5 end)
sample("gather", function() return real(3, 4), 2, index {{1, 1}, {4, 2}, {3, 3}} end)
sample("index_select", function() return real(3, 4), 1, index {3, 1, 3} end)
sample("take_along_dim", function() return real(3, 4), index {{1, 1}, {4, 2}, {3, 3}}, 2 end)
sample("scatter_add", function() return real(3, 4), 2, index {{1, 1}, {4, 2}, {3, 3}}, unit(3, 2) end)
sample("scatter", function() return real(3, 4), 2, index {{1, 2}, {4, 2}, {3, 1}}, unit(3, 2) end)
sample("index_add", function() return real(3, 4), 1, index {3, 1, 3}, unit(3, 4) end)
sample("index_add", function() return real(3, 4), 2, index {3, 1, 3}, unit(3, 3), 2.5 end)
sample("index_copy", function() return real(3, 4), 2, index {3, 1}, unit(3, 2) end)
sample("index_fill", function() return real(3, 4), 1, index {3, 1}, unit() end)
sample("take", function() return real(3, 4), index {{1, 5}, {-1, 5}} end)
sample("put", function() return real(3, 4), index {{1, 5}, {-1, 4}}, unit(4) end)
sample("put", function() return real(3, 4), index {{1, 5}, {-1, 5}}, unit(2, 2), true end)
sample("put", function() return real(3, 4), index {{1, 5}, {-1, 4}}, unit(2) end)
sample("index", function() return real(3, 4, 2), {index {1, 3, -1}} end)
sample("index", function() return real(3, 4, 2), {index {{1}, {3}}, false, index {1, 2}} end)
sample("index", function() return real(3, 4, 2), {false, mask {true, false, true, true}} end)
sample("index_put", function() return real(3, 4), {index {1, 3}}, unit(4) end)
sample("index_put", function() return real(3, 4), {index {1, 3, 3}, index {2, 4, 4}}, unit(3), true end)
sample("masked_fill", function() return real(2, 3), mask {true, false, true}, 0.5 end)
sample("masked_fill", function() return real(3), mask {{true, false, true}, {false, false, true}}, unit() end)
sample("masked_select", function() return real(2, 3), mask {true, false, true} end)
sample("masked_select", function() return real(3), mask {{true, false, true}, {false, false, true}} end)
sample("masked_scatter", function() return real(2, 3), mask {true, false, true}, unit(5) end)
sample("embedding", function() return index {{1, 5}, {1, 2}}, real(5, 3), 4 end)
sample("embedding_backward", function() return real(2, 2, 3), index {{1, 5}, {1, 2}}, 6, 2 end)
for _, reduce in ipairs {"sum", "mean", "amax", "amin", "prod"} do
  for _, include_self in ipairs {true, false} do
    sample("scatter_reduce", function()
      return positive(3, 4), 2, index {{1, 1}, {4, 2}, {3, 3}}, positive(3, 3) * 1.1, reduce, include_self
    end)
  end
end

-- Rearranging.
sample("flip", function() return real(2, 3, 2), {1, -1} end)
sample("flip", function() return real(2, 3), 2 end)
sample("roll", function() return real(2, 3), 1 end)
sample("roll", function() return real(2, 3), {-1, 2}, {1, 2} end)
sample("tile", function() return real(2, 3), 2, 3, 2 end)
sample("tile", function() return real(2, 3), 2 end)
sample("repeat_interleave", function() return real(2, 3), 2, 2 end)
sample("repeat_interleave", function() return real(2, 3), 2 end)
sample("repeat_interleave", function() return real(3, 2), index {2, 0, 1}, 1 end)
sample("tril", function() return real(2, 3, 4) end)
sample("triu", function() return real(3, 4), 1 end)

-- Matrices.
sample("matmul", function() return real(2, 3), unit(3, 4) end)
sample("matmul", function() return real(3), unit(3) end)
sample("matmul", function() return real(2, 3), unit(3) end)
sample("matmul", function() return real(3), unit(3, 2) end)
sample("matmul", function() return real(2, 2, 3), unit(3, 4) end)
sample("matmul", function() return real(2, 1, 2, 3), unit(2, 3, 2) end)
sample("mm", function() return real(2, 3), unit(3, 4) end)
sample("bmm", function() return real(2, 2, 3), unit(2, 3, 4) end)
sample("mv", function() return real(2, 3), unit(3) end)
sample("dot", function() return real(3), unit(3) end)
sample("addmm", function() return real(2, 4), real(2, 3), unit(3, 4) end)
sample("linear", function() return real(2, 3), unit(4, 3), real(4) end)
sample("linear", function() return real(2, 2, 3), unit(4, 3) end)

-- Fourier transforms.
sample("fft_c2c", function() return real(2, 3, 2), 2, false, 0.5 end)
sample("fft_c2c", function() return real(4, 3, 2), {1, 2}, true, 1 end)
sample("fft_r2c", function() return real(2, 4), 2, false, 1 end)
sample("fft_r2c", function() return real(5, 2), 1, true, 0.5 end)
sample("fft_c2r", function() return real(2, 3, 2), 2, 4, true, 0.25 end)
sample("fft_c2r", function() return real(3, 2, 2), -2, 5, false, 1 end)
sample("cmul", function() return real(2, 3, 2), unit(3, 2) end)
sample("cmul", function() return real(1, 2), unit(2, 3, 2), true end)

-- Convolution and pooling.
sample("conv2d", function() return real(2, 2, 4, 3), unit(4, 1, 2, 2), real(4), {2, 1}, 1, 1, 2 end)
sample("conv2d_input_grad", function() return real(1, 2, 3, 2), unit(2, 1, 2, 2), {4, 3}, 1, 0, 1, 1 end)
sample("conv2d_weight_grad", function() return real(1, 1, 4, 3), unit(1, 2, 3, 2), {2, 2}, 1, 0, 1, 1 end)
sample("max_pool2d", function() return real(1, 2, 4, 5), 2 end)
sample("max_pool2d", function() return real(1, 1, 4, 5), 3, 2, 1 end)
sample("max_pool2d_grad", function() return unit(1, 1, 2, 2), real(1, 1, 4, 5), 2 end)
sample("max_pool2d_pick", function() return unit(1, 1, 4, 5), real(1, 1, 4, 5), 2 end)
sample("avg_pool2d", function() return real(1, 2, 4, 5), 3, 2, 1 end)
sample("avg_pool2d_grad", function() return real(1, 1, 2, 3), {4, 5}, 3, 2, 1 end)
sample("adaptive_avg_pool2d", function() return real(1, 2, 4, 5), {3, 2} end)
sample("adaptive_avg_pool2d_grad", function() return real(1, 1, 3, 2), {4, 5} end)

-- Random numbers: the same draw at every call. Nothing of what a tensor held goes into what is drawn over it.
for name, arguments in pairs {uniform_ = {}, normal_ = {}, exponential_ = {}, random_ = {1, 6}, bernoulli_ = {0.4}} do
  sample(name, function() return real(2, 3) end, {f = function(x)
    ap.manual_seed(1)
    local copy = x * 1
    return copy[name](copy, table.unpack(arguments))
  end})
end
sample("bernoulli", function() return inner(2, 3) end, {f = function(p)
  ap.manual_seed(1)
  return ap.bernoulli(p)
end})
sample("dropout_at", function() return real(2, 3), 0.4, 1, 0 end)

-- --- linear algebra: matrices with an inverse, and distinct singular and eigenvalues -------------------------------

local function matrix(n, m)
  local x = real(n, m or n):detach()
  return (n == (m or n) and x + ap.eye(n, {dtype = "f64"}) * 3 or x):requires_grad_()
end
local function symmetric(name)
  return {f = function(a, ...) return ap["linalg." .. name]((a + a:t()) / 2, ...) end}
end

for _, name in ipairs {"linalg.inv", "linalg.lu_factor", "linalg.svdvals", "linalg.eigvals"} do
  sample(name, function() return matrix(3) end)
end
-- Of several results those that do not tell how the work was done.
sample("linalg.det", function() return matrix(3) end, {f = function(a) return (ap["linalg.det"](a)) end})
sample("linalg.slogdet", function() return matrix(3) end, {f = function(a) return select(2, ap.linalg.slogdet(a)) end})
sample("linalg.solve", function() return matrix(3), real(3, 2) end, {f = function(a, b)
  return ap.linalg.solve(a, b)
end})
sample("linalg.solve_ex", function() return matrix(3), real(3, 2) end, {f = function(a, b)
  return (ap.linalg.solve_ex(a, b))
end})
sample("linalg.inv_ex", function() return matrix(3) end, {f = function(a) return (ap.linalg.inv_ex(a)) end})
sample("linalg.cholesky_ex", function() return matrix(3) end, {f = function(a)
  return (ap.linalg.cholesky_ex((a + a:t()) / 2))
end})
sample("linalg.solve_triangular", function() return matrix(3), real(3, 2), true end)
sample("linalg.solve_triangular", function() return matrix(3), real(3, 2), false, true end)
sample("linalg.lu_solve", function()
  return matrix(3), ap.tensor({2, 3, 3}, {dtype = "i32"}), real(3, 2), true
end)
sample("linalg.lu_solve", function() return matrix(3), ap.tensor({2, 3, 3}, {dtype = "i32"}), real(3, 2) end)
sample("linalg.cholesky", function() return matrix(3) end, symmetric "cholesky")
sample("linalg.cholesky", function() return matrix(3), true end, symmetric "cholesky")
sample("linalg.eigh", function() return matrix(3) end, symmetric "eigh")
sample("linalg.eigvalsh", function() return matrix(3), true end, symmetric "eigvalsh")
sample("linalg.eig", function() return matrix(3) end, {f = function(a)
  local w, v = ap.linalg.eig(a)
  return w, v:square():sum(-1) -- the phases of the vectors are arbitrary
end})
sample("linalg.qr", function() return matrix(4, 3) end)
sample("linalg.qr", function() return matrix(3, 4), "complete" end)
sample("linalg.svd", function() return matrix(3, 4), false end)
sample("linalg.lstsq", function() return matrix(4, 3), real(4, 2) end, {f = function(a, b)
  return (ap.linalg.lstsq(a, b))
end})

return samples
