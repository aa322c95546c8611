--- Statistics and numerical calculus: histograms, covariance, distances, differences, integrals. All of them
--- run on every device; what has a gradient is written with other ops.
local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local define = core.define

-- How often the bins 1..n occur among those marked as inside, in the dtype of x; or the sums of their weights.
local function counts(x, n, bin, inside, weight)
  local none = core.zeros(n, {dtype = weight and x.dtype or "i64", device = x.device})
  bin = core.where(inside, bin, 1)
  if weight then return none:scatter_add(1, bin, core.where(inside, weight, 0)) end
  return none:scatter_add(1, bin, inside:to("i64")):to(x.dtype)
end

-- The ends of a histogram: as given, else those of the data; `apart` from it to both sides where that is one value.
local function ends(op, x, low, high, apart)
  arguments.number(op, "where the first bin starts", low)
  arguments.number(op, "where the last bin ends", high)
  if low == high and x:numel() == 0 then return 0, 1 end
  if low == high then low, high = x:amin():item(), x:amax():item() end
  if not (low - low == 0 and high - high == 0) then
    arguments.fail("%s: the data or the range is not finite: %s to %s", op, low, high)
  end
  if low > high then arguments.fail("%s: the range ends (%s) before it starts (%s)", op, high, low) end
  if low == high then return low - apart, high + apart end
  return low, high
end

--- count_bins: how many elements fall into each of some bins of equal width: histc with its range known. CPU only.
---@param x Tensor any shape, floating
---@param bins integer
---@param low number where the first bin starts
---@param high number where the last bin ends; it belongs to the bin
---@return Tensor i64 (bins)
--- Source: torch.histc.  Example: ap.count_bins(ap.tensor{1.0, 2}, 2, 0, 2) --> [0, 2]
core.no_gradient("count_bins")

local function check_bins(op, bins)
  if math.type(bins) ~= "integer" or bins < 1 then
    arguments.fail("%s: expected a number of bins of at least 1, got %s", op, tostring(bins))
  end
end

--- histc: how many elements fall into each of some bins of equal width. Elements outside, and NaN, count nowhere. One
--- pass on the CPU; on a device it is composed of ops (some eight passes, with scatter_add for the counts).
---@param x Tensor any shape, floating
---@param bins? integer default 100
---@param min? number where the first bin starts; min = max (default, 0): the smallest and the largest element
---@param max? number where the last bin ends; it belongs to the bin
---@return Tensor (bins), x's dtype. No gradient
--- Errors: a range that is not finite, or ends before it starts.
--- Source: torch.histc.  Example: ap.tensor{1.0, 2, 1}:histc(4, 0, 3) --> [0, 2, 1, 0]
define("histc", function(x, ...)
  arguments.tensor("histc", 1, x)
  local bins, low, high = arguments.named("histc", {"bins", "min", "max"}, ...)
  bins = bins or 100
  arguments.floating("histc", x)
  check_bins("histc", bins)
  x = x:detach()
  low, high = ends("histc", x, low or 0, high or 0, 1)
  if x.device == "cpu" then return core.count_bins(x, bins, low, high):to(x.dtype) end
  x = x:reshape(-1)
  local bin = ((x - low) * bins / (high - low)):clamp(0, bins - 1)
  return counts(x, bins, core.where(bin:isnan(), 0, bin):to("i64") + 1, x:ge(low) & x:le(high))
end)

--- histogram: how many elements (or the sum of their weights) fall between neighbouring edges. Each bin holds its lower
--- edge, the last one its upper edge too; elements outside, and NaN, count nowhere.
---@param x Tensor any shape, floating
---@param bins integer|Tensor how many of equal width, or the edges (N + 1), ascending
---@param range? number[] {low, high}: where a number of bins starts and ends; default: the smallest and largest element
---@param weight? Tensor what each element counts for; x's shape and dtype
---@param density? boolean divide so that the integral over all bins is 1
---@return Tensor hist (N), x's dtype. No gradient
---@return Tensor edges (N + 1)
--- Source: torch.histogram.  Example: local h, e = ap.tensor{1.0, 2, 1}:histogram(2) --> [2, 1], [1, 1.5, 2]
define("histogram", function(x, ...)
  arguments.tensor("histogram", 1, x)
  local bins, range, weight, density = arguments.named("histogram", {"bins", "range", "weight", "density"}, ...)
  arguments.floating("histogram", x)
  local edges = bins
  if not core.is_tensor(bins) then
    check_bins("histogram", bins)
    range = range or {0, 0}
    if type(range) ~= "table" or core.is_tensor(range) then
      arguments.fail("histogram: range: expected {low, high}, got %s", arguments.got(range))
    end
    local low, high = ends("histogram", x:detach(), range[1], range[2], 0.5)
    edges = core.linspace(low, high, bins + 1, {dtype = x.dtype, device = x.device})
  elseif range then
    arguments.fail("histogram: a range goes with a number of bins, not with edges")
  elseif bins.ndim ~= 1 or bins:numel() == 0 then
    arguments.fail("histogram: expected a vector of edges, got %d dimensions", bins.ndim)
  end
  local n, values = edges:numel() - 1, x:detach():reshape(-1)
  if weight then
    arguments.tensor("histogram", 4, weight)
    if weight:numel() ~= x:numel() or weight.dtype ~= x.dtype then
      arguments.fail("histogram: expected a weight for each of the %d elements, of dtype %s, got %d of %s", x:numel(),
        x.dtype, weight:numel(), weight.dtype)
    end
    weight = weight:detach():reshape(-1)
  end
  edges = edges:detach()
  if n == 0 then return core.zeros(0, {dtype = x.dtype, device = x.device}), edges end
  local first, last = edges:select(1, 1), edges:select(1, n + 1)
  local bin = (core.searchsorted(edges, values, true) - 1):clamp(1, n)
  local hist = counts(values, n, bin, values:ge(first) & values:le(last), weight)
  if density then hist = hist / (hist:sum() * (edges:narrow(1, 2, n) - edges:narrow(1, 1, n))) end
  return hist, edges
end)

-- The edges of each column of `values` (N, D), from what histogramdd takes for bins and range.
local function edges_of(values, bins, range)
  local op, dims, edges = "histogramdd", values:size(2), {}
  if type(bins) ~= "table" then
    local count = bins
    bins = {}
    for d = 1, dims do bins[d] = count end
  end
  if #bins ~= dims then arguments.fail("%s: expected bins for %d dimensions, got %d", op, dims, #bins) end
  if range ~= nil and (type(range) ~= "table" or #range ~= 2 * dims) then
    arguments.fail("%s: range: expected %d numbers, two for each dimension", op, 2 * dims)
  end
  for d = 1, dims do
    if core.is_tensor(bins[d]) then
      if range then arguments.fail("%s: a range goes with numbers of bins, not with edges", op) end
      if bins[d].ndim ~= 1 or bins[d]:numel() < 2 then
        arguments.fail("%s: dimension %d: expected a vector of at least 2 edges", op, d)
      end
      edges[d] = bins[d]:detach()
    else
      check_bins(op, bins[d])
      local low, high = ends(op, values:select(2, d), range and range[2 * d - 1] or 0, range and range[2 * d] or 0, 0.5)
      edges[d] = core.linspace(low, high, bins[d] + 1, {dtype = values.dtype, device = values.device})
    end
  end
  return edges
end

--- histogramdd: histogram of points: how many (or the sum of their weights) fall into each box of a grid. Boxes hold
--- their lower edges, the last ones their upper edges too; points outside, and NaN, count nowhere.
---@param x Tensor shape (..., D), floating: points of D dimensions
---@param bins integer|integer[]|Tensor[] how many of equal width in all or in each dimension, or each one's edges
---@param range? number[] {low, high, low, high, ...}; default: the smallest and largest coordinates
---@param weight? Tensor what each point counts for; x's shape without the last dimension, x's dtype
---@param density? boolean divide so that the integral over all boxes is 1
---@return Tensor hist (N1, ..., ND), x's dtype. No gradient
---@return Tensor[] edges of each dimension
--- Source: torch.histogramdd.  Example: local h, e = ap.rand(100, 2):histogramdd({4, 5}) -- h is (4, 5)
define("histogramdd", function(x, ...)
  local op = "histogramdd"
  arguments.tensor(op, 1, x)
  local bins, range, weight, density = arguments.named(op, {"bins", "range", "weight", "density"}, ...)
  arguments.floating(op, x)
  if x.ndim < 2 then arguments.fail("%s: expected points (..., D), got %s", op, arguments.shape(x)) end
  local values = x:detach():reshape(-1, x:size(-1))
  local edges = edges_of(values, bins, range)
  if weight ~= nil then
    arguments.tensor(op, 4, weight)
    if weight:numel() ~= values:size(1) or weight.dtype ~= x.dtype then
      arguments.fail("%s: expected a weight for each of the %d points, of dtype %s, got %d of %s", op, values:size(1),
        x.dtype, weight:numel(), weight.dtype)
    end
    weight = weight:detach():reshape(-1)
  end
  local box, inside, size, total = 0, nil, {}, 1
  for d, edge in ipairs(edges) do
    local n, coordinate = edge:numel() - 1, values:select(2, d):contiguous()
    local bin = (core.searchsorted(edge, coordinate, true) - 1):clamp(1, n)
    local within = coordinate:ge(edge:select(1, 1)) & coordinate:le(edge:select(1, n + 1))
    box, inside = box * n + (bin - 1), inside and inside & within or within
    size[d], total = n, total * n
  end
  local hist = counts(values, total, box + 1, inside, weight):reshape(size)
  if density then
    local sum = hist:sum()
    for d, edge in ipairs(edges) do
      local shape = {}
      for k = 1, #edges do shape[k] = k == d and -1 or 1 end
      hist = hist / edge:diff():reshape(shape)
    end
    hist = hist / sum
  end
  return hist, edges
end)

--- argwhere: the positions of the elements that are not zero, one a row.
---@param x Tensor
---@return Tensor i64, shape (N, ndim), from 1
--- Source: torch.argwhere.  Example: ap.tensor{0, 5, 7}:argwhere() --> [[2], [3]]
define("argwhere", function(x)
  arguments.tensor("argwhere", 1, x)
  return x:nonzero()
end)

-- --- covariance -----------------------------------------------------------------------------------------------------

local function check_weights(name, w, observations)
  if not core.is_tensor(w) then arguments.fail("cov: %s: expected a tensor, got %s", name, arguments.got(w)) end
  if w.ndim > 1 or w:numel() ~= observations then
    arguments.fail("cov: %s: expected a vector of %d, one for each observation, got %d", name, observations,
      w:numel())
  end
end

--- cov: the covariance of variables, whose observations stand in rows.
---@param x Tensor shape (V, N), or (N) for one variable
---@param correction? number default 1: the divisor is N - correction
---@param fweights? Tensor (N) integers: how often each observation occurred
---@param aweights? Tensor (N) how much each observation matters
---@return Tensor (V, V), 0-dim for one variable
--- Source: torch.cov.  Example: ap.tensor{{1, 2, 3}, {3, 2, 1}}:cov() --> [[1, -1], [-1, 1]]
define("cov", function(x, ...)
  arguments.tensor("cov", 1, x)
  local correction, fweights, aweights = arguments.named("cov", {"correction", "fweights", "aweights"}, ...)
  correction = correction or 1
  if type(correction) ~= "number" then
    arguments.fail("cov: correction: expected a number, got a %s", type(correction))
  end
  if x.ndim > 2 then arguments.fail("cov: expected at most 2 dimensions, got %d", x.ndim) end
  if x.ndim < 2 then x = x:reshape(1, -1) end
  if not x:is_floating_point() then x = x:to(core.get_default_dtype()) end
  local n = x:size(2)
  local weights, total = nil, n
  if fweights then
    check_weights("fweights", fweights, n)
    weights = fweights:to(x.dtype)
  end
  if aweights then
    check_weights("aweights", aweights, n)
    weights = weights and weights * aweights or aweights:to(x.dtype)
  end
  local function weighted(t) return weights and t * weights or t end
  if weights then total = weights:sum() end
  local centred = x - (weighted(x):sum(2) / total):unsqueeze(2)
  local divisor = total - correction
  if aweights and correction ~= 0 then divisor = total - correction * (weights * aweights):sum() / total end
  if core.is_tensor(divisor) then divisor = divisor:clamp(0) else divisor = math.max(divisor, 0) end
  return (centred:matmul(weighted(centred):t()) / divisor):squeeze()
end)

--- corrcoef: the correlation coefficients (Pearson's) of variables, whose observations stand in rows.
---@param x Tensor shape (V, N), or (N) for one variable
---@return Tensor (V, V), 0-dim for one variable
--- Source: torch.corrcoef.  Example: ap.tensor{{1, 2, 3}, {3, 2, 1}}:corrcoef() --> [[1, -1], [-1, 1]]
define("corrcoef", function(x)
  arguments.tensor("corrcoef", 1, x)
  if x.ndim > 2 then arguments.fail("corrcoef: expected at most 2 dimensions, got %d", x.ndim) end
  local c = core.cov(x)
  if c.ndim == 0 then return c / c end
  local deviation = c:diagonal():sqrt()
  return (c / deviation:unsqueeze(2) / deviation:unsqueeze(1)):clamp(-1, 1)
end)

-- --- norms ----------------------------------------------------------------------------------------------------------

--- dist: the norm of the difference of two tensors, which broadcast.
---@param a Tensor floating
---@param b Tensor floating
---@param p? number the norm's order, default 2
---@return Tensor 0-dim
--- Source: torch.dist.  Example: ap.tensor{0.0, 3}:dist(ap.tensor{4.0, 0}):item() --> 5
define("dist", function(a, b, p)
  arguments.tensor("dist", 1, a)
  arguments.tensor("dist", 2, b)
  return (a - b):norm(p or 2)
end)

-- What makes slices along dim no longer than maxnorm.
local function renormed(op, x, ...)
  arguments.tensor(op, 1, x)
  local p, dim, maxnorm = arguments.named(op, {"p", "dim", "maxnorm"}, ...)
  arguments.floating(op, x)
  if x.ndim < 2 then arguments.fail("%s: expected at least 2 dimensions, got %d", op, x.ndim) end
  if type(p) ~= "number" or p ~= p or p <= 0 then
    arguments.fail("%s: expected a norm's order above 0, got %s", op, tostring(p))
  end
  if type(maxnorm) ~= "number" or maxnorm ~= maxnorm or maxnorm < 0 then
    arguments.fail("%s: expected a norm of at least 0, got %s", op, tostring(maxnorm))
  end
  local d, others = arguments.dim(op, x.ndim, dim), {}
  for i = 1, x.ndim do
    if i ~= d then others[#others + 1] = i end
  end
  local norm = x:norm(p, others, true)
  return x * core.where(norm:gt(maxnorm), maxnorm / (norm + 1e-7), 1)
end

--- renorm: x with those slices along dim scaled down whose norm is above a bound.
---@param x Tensor 2 dimensions or more, floating
---@param p number the norm's order, above 0
---@param dim integer
---@param maxnorm number
---@return Tensor same shape
--- Source: torch.renorm.  Example: ap.tensor{{3.0, 4}, {0, 1}}:renorm(2, 1, 1) --> [[0.6, 0.8], [0, 1]]
define("renorm", function(x, ...) return renormed("renorm", x, ...) end)

--- norm_except_dim: the norms over all dimensions but one, which stay with size 1, as in weight normalisation.
---@param v Tensor floating
---@param pow? number|table the norm's order, default 2; or the options {pow =, dim =}
---@param dim? integer the dimension that stays, default 1
---@return Tensor
--- Source: torch.norm_except_dim, where a dim of -1 leaves none: x:norm() here.
define("norm_except_dim", function(v, ...)
  local op = "norm_except_dim"
  arguments.floating(op, v)
  local pow, dim = arguments.named(op, {"pow", "dim"}, ...)
  arguments.number(op, "pow", pow, true)
  local kept, dims = arguments.dim(op, v.ndim, dim or 1), {}
  for d = 1, v.ndim do if d ~= kept then dims[#dims + 1] = d end end
  if #dims == 0 then return v:abs() end
  return v:norm(pow or 2, dims, true)
end)

--- renorm_: renorm in place.
---@param x Tensor
---@param p number
---@param dim integer
---@param maxnorm number
---@return Tensor x
--- Source: torch.Tensor.renorm_.
define("renorm_", function(x, ...) return core.copy_(x, renormed("renorm_", x, ...)) end)

-- --- differences and integrals --------------------------------------------------------------------------------------

--- diff: the differences of neighbours along dim, n times over.
---@param x Tensor 1 dimension or more
---@param n? integer default 1
---@param dim? integer default: the last
---@param prepend? Tensor what x continues, along dim
---@param append? Tensor what continues x
---@return Tensor n shorter along dim. Of bools: whether neighbours differ
--- Source: torch.diff.  Example: ap.tensor{1, 4, 9}:diff() --> [3, 5]
define("diff", function(x, ...)
  arguments.tensor("diff", 1, x)
  local n, dim, prepend, append = arguments.named("diff", {"n", "dim", "prepend", "append"}, ...)
  n = n or 1
  local ndim = x.ndim
  if ndim == 0 then arguments.fail("diff: expected 1 dimension or more, got a 0-dim tensor") end
  if math.type(n) ~= "integer" or n < 0 then
    arguments.fail("diff: expected n of at least 0, got %s", tostring(n))
  end
  local d = arguments.dim("diff", ndim, dim or -1)
  if n == 0 then return x:clone() end
  if prepend or append then
    local parts = {}
    for _, part in ipairs {prepend or false, x, append or false} do
      if part then parts[#parts + 1] = part end
    end
    x = core.cat(parts, d)
  end
  local left, narrow, bool = x:size(d), core.narrow, x.dtype == "bool"
  for _ = 1, math.min(n, left) do
    left = left - 1
    local a, b = narrow(x, d, 2, left), narrow(x, d, 1, left)
    if bool then x = a:ne(b) else x = a - b end
  end
  return x
end)

-- The areas of the trapezoids between neighbours along d, doubled.
local function trapezoids(op, y, ...)
  arguments.tensor(op, 1, y)
  local x, dim, dx = arguments.named(op, {"x", "dim", "dx"}, ...)
  if type(x) == "number" then x, dx = nil, x end
  if x ~= nil and dx ~= nil then arguments.fail("%s: give x or dx, not both", op) end
  if y.ndim == 0 then arguments.fail("%s: expected 1 dimension or more, got a 0-dim tensor", op) end
  local d = arguments.dim(op, y.ndim, dim or -1)
  if not y:is_floating_point() then y = y:to(core.get_default_dtype()) end
  local n = y:size(d)
  if n < 2 then return y:narrow(d, 1, 0), d end
  local areas = y:narrow(d, 1, n - 1) + y:narrow(d, 2, n - 1)
  if x == nil then return areas * (dx or 1), d end
  arguments.tensor(op, 2, x)
  -- A vector of places lies along d; other shapes align as in broadcasting.
  if x.ndim == 1 then
    if x:numel() ~= n then
      arguments.fail("%s: expected %d places, one for each value along dimension %d, got %d", op, n, d, x:numel())
    end
    x = x:diff()
    for _ = d + 1, y.ndim do x = x:unsqueeze(-1) end
  else
    while x.ndim < y.ndim do x = x:unsqueeze(1) end
    x = x:diff(1, d)
  end
  return areas * x, d
end

--- trapezoid: the integral along dim by the trapezoidal rule.
---@param y Tensor 1 dimension or more; integers become f32
---@param x? Tensor|number where the values stand: (N), or a shape that broadcasts with y's; a number is dx
---@param dim? integer default: the last
---@param dx? number how far apart they stand; default 1
---@return Tensor y's shape without dim
--- Source: torch.trapezoid.  Example: ap.tensor{1, 2, 3}:trapezoid():item() --> 4
define("trapezoid", function(y, ...)
  local areas, d = trapezoids("trapezoid", y, ...)
  return areas:sum(d) / 2
end)

--- trapz: another name for trapezoid.
---@param y Tensor
---@param x? Tensor|number
---@param dim? integer
---@param dx? number
---@return Tensor
--- Source: torch.trapz.
define("trapz", function(y, ...)
  local areas, d = trapezoids("trapz", y, ...)
  return areas:sum(d) / 2
end)

--- cumulative_trapezoid: the integral up to each value along dim by the trapezoidal rule.
---@param y Tensor 1 dimension or more; integers become f32
---@param x? Tensor|number where the values stand: (N), or a shape that broadcasts with y's; a number is dx
---@param dim? integer default: the last
---@param dx? number how far apart they stand; default 1
---@return Tensor y's shape, 1 shorter along dim
--- Source: torch.cumulative_trapezoid.  Example: ap.tensor{1, 2, 3}:cumulative_trapezoid() --> [1.5, 4]
define("cumulative_trapezoid", function(y, ...)
  local areas, d = trapezoids("cumulative_trapezoid", y, ...)
  return areas:cumsum(d) / 2
end)

-- The derivative along d by central differences; h: the distance of two places, or the distances of neighbours (n - 1).
local function slope(f, d, h, edge_order)
  local n = f:size(d)
  local function at(first, length) return f:narrow(d, first, length or 1) end
  local function apart(first, length)
    if not core.is_tensor(h) then return h end
    local size = {}
    for k = 1, f.ndim do size[k] = k == d and -1 or 1 end
    return h:narrow(1, first, length or 1):reshape(size)
  end
  -- Through three neighbours a, b, c; p and q lie between them.
  local function middle(a, b, c, p, q)
    if not core.is_tensor(h) then return (c - a) / (2 * h) end
    return c * (p / (q * (p + q))) + b * ((q - p) / (p * q)) - a * (q / (p * (p + q)))
  end
  local function first_of(a, b, c, p, q)
    return b * ((p + q) / (p * q)) - a * ((2 * p + q) / (p * (p + q))) - c * (p / (q * (p + q)))
  end
  local low, high
  if edge_order == 1 then
    low, high = (at(2) - at(1)) / apart(1), (at(n) - at(n - 1)) / apart(n - 1)
  else
    low = first_of(at(1), at(2), at(3), apart(1), apart(2))
    high = -first_of(at(n), at(n - 1), at(n - 2), apart(n - 1), apart(n - 2))
  end
  if n == 2 then return core.cat({low, high}, d) end
  local inner = middle(at(1, n - 2), at(2, n - 2), at(3, n - 2), apart(1, n - 2), apart(2, n - 2))
  return core.cat({low, inner, high}, d)
end

-- For each dimension a distance, or the distances between the places of a vector.
local function distances(x, spacing, dims)
  local op, list = "gradient", {}
  for i, d in ipairs(dims) do
    local h = spacing == nil and 1 or spacing
    if type(h) == "table" then
      if #spacing ~= #dims then
        arguments.fail("%s: spacing: expected one for each of %d dimensions, got %d", op, #dims, #spacing)
      end
      h = spacing[i]
    end
    if core.is_tensor(h) then
      if h.ndim ~= 1 or h:numel() ~= x:size(d) then
        arguments.fail("%s: spacing: expected the %d places of dimension %d as a vector, got %s", op, x:size(d), d,
          arguments.shape(h))
      end
      h = h:diff()
    elseif type(h) ~= "number" then
      arguments.fail("%s: spacing: expected a number or a tensor, got a %s", op, type(h))
    end
    list[i] = h
  end
  return list
end

--- gradient: the derivatives along dims, of values on a grid: central differences of second order, one-sided at the
--- ends.
---@param x Tensor the values; integers become f32
---@param spacing? number|number[]|Tensor[] how far neighbours stand apart: one for all dims or one each; or, for each
---       dim, the places as a vector. Default 1
---@param dim? integer|integer[] default: all
---@param edge_order? integer of the differences at the ends: 1 (default) or 2
---@return Tensor[] one for each of dims, x's shape
--- Errors: fewer than edge_order + 1 values along a dim.
--- Source: torch.gradient; Fornberg 1988.  Example: ap.tensor{1.0, 4, 9}:gradient()[1] --> [3, 4, 5]
define("gradient", function(x, ...)
  local op = "gradient"
  arguments.tensor(op, 1, x)
  local spacing, dim, edge_order = arguments.named(op, {"spacing", "dim", "edge_order"}, ...)
  if core.is_tensor(spacing) then spacing = {spacing} end
  edge_order = edge_order or 1
  if edge_order ~= 1 and edge_order ~= 2 then
    arguments.fail("%s: edge_order: expected 1 or 2, got %s", op, tostring(edge_order))
  end
  local dims, seen = {}, {}
  if dim == nil then
    for d = 1, x.ndim do dims[d] = d end
  else
    for i, d in ipairs(type(dim) == "table" and dim or {dim}) do
      dims[i] = arguments.dim(op, x.ndim, d)
      if seen[dims[i]] then arguments.fail("%s: dimension %d is named twice", op, dims[i]) end
      seen[dims[i]] = true
    end
  end
  for _, d in ipairs(dims) do
    if x.ndim == 0 or x:size(d) <= edge_order then
      arguments.fail("%s: expected at least %d values along dimension %d, got %s", op, edge_order + 1, d,
        arguments.shape(x))
    end
  end
  if not x:is_floating_point() then x = x:to(core.get_default_dtype()) end
  local results, steps = {}, distances(x, spacing, dims)
  for i, d in ipairs(dims) do results[i] = slope(x, d, steps[i], edge_order) end
  return results
end)
