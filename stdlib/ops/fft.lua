--- Fourier transforms, and complex numbers as pairs.
---
--- There is no complex dtype. A complex tensor is a float tensor with one more dimension, the last, of size 2: real
--- part, imaginary part. That is the layout of PyTorch's torch.view_as_real, of NumPy's and C's complex arrays and of
--- their files, so data goes over without a rearrangement; every op, device, optimiser and file format takes it as
--- it is; and gradients are those of real numbers, which agree with PyTorch's convention for complex ones. What it
--- costs is that operators know nothing of it: z + w and z * 2 mean the right thing, a product of two is ap.cmul(z, w).
---
--- In these functions `dim` never counts the dimension of the pairs: ap.fft.fft(z) transforms a z of shape (N, T, 2)
--- along T, with dim = -1 as with dim = 2. fft takes pairs, always: a real signal goes through rfft, which is twice as
--- fast, or ap.fft.fft(ap.complex(x)). Functions that have PyTorch's names take real tensors or give them where PyTorch
--- does. The products, parts and angles of pairs have names of their own (C's: cabs, carg, cmul), since abs and mul
--- already mean something for a tensor of floats.
---
--- `norm` says who divides by the number of elements n: "backward" (default) the inverse transforms by n, "forward" the
--- forward ones by n, "ortho" both by sqrt(n). Lengths are free, large primes too (Bluestein's algorithm); the time is
--- O(n log n) for all of them, and least for products of 2, 3 and 5.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local named = arguments.named
local rule, define = core.rule, core.define

local fft = {}
core.fft = fft

-- --- arguments -----------------------------------------------------------------------------------------------------

-- The number of dimensions without that of the pairs.
local function check_pairs(op, x)
  if not core.is_tensor(x) or x.ndim < 1 or x:size(-1) ~= 2 then
    arguments.fail("%s: argument 1: expected pairs (real, imaginary) in a last dimension of size 2, got %s; real " ..
      "numbers become pairs by ap.complex(x)", op, arguments.got(x))
  end
  return x.ndim - 1
end

local function check_real(op, x)
  arguments.tensor(op, 1, x)
  return x.ndim
end

local function check_integer(op, what, n)
  local i = math.tointeger(n)
  if not i then arguments.fail("%s: %s: expected an integer, got %s", op, what, tostring(n)) end
  return i
end

local function check_length(op, n)
  n = check_integer(op, "the length", n)
  if n < 1 then arguments.fail("%s: expected a length of at least 1, got %d", op, n) end
  return n
end

local function check_dim(op, dim, ndim)
  local d = check_integer(op, "the dimension", dim)
  if ndim == 0 then arguments.fail("%s: expected a dimension to transform, got a 0-dim tensor", op) end
  if d < 0 then d = d + ndim + 1 end
  if d < 1 or d > ndim then
    arguments.fail("%s: dimension %d does not exist: dimensions run 1..%d (or -%d..-1)", op, dim, ndim, ndim)
  end
  return d
end

-- The dimensions to transform and the lengths given for them (nil: as they are).
local function check_axes(op, s, dim, ndim)
  if type(s) == "number" then s = {s} end
  if type(dim) == "number" then dim = {dim} end
  if (s ~= nil and type(s) ~= "table") or (dim ~= nil and type(dim) ~= "table") then
    arguments.fail("%s: expected lengths and dimensions as integers or tables of them", op)
  end
  local dims, used = {}, {}
  if dim then
    for i, d in ipairs(dim) do
      dims[i] = check_dim(op, d, ndim)
      if used[dims[i]] then arguments.fail("%s: dimension %d is given twice", op, dims[i]) end
      used[dims[i]] = true
    end
  else
    local count = s and #s or ndim
    if count > ndim then
      arguments.fail("%s: %d lengths for %d dimension%s", op, count, ndim, ndim == 1 and "" or "s")
    end
    for i = 1, count do dims[i] = ndim - count + i end
  end
  if s and #s ~= #dims then arguments.fail("%s: %d lengths for %d dimensions", op, #s, #dims) end
  local lengths = {}
  for i = 1, s and #s or 0 do lengths[i] = s[i] ~= -1 and check_length(op, s[i]) or nil end
  return dims, lengths
end

-- What a transform of n elements is multiplied by.
local function scale_of(op, norm, inverse, n)
  norm = norm or "backward"
  if norm == "ortho" then return 1 / math.sqrt(n) end
  if norm == "backward" then return inverse and 1 / n or 1 end
  if norm == "forward" then return inverse and 1 or 1 / n end
  arguments.fail("%s: norm: expected 'backward', 'ortho' or 'forward', got %s", op, tostring(norm))
end

-- x cut or filled up with zeros to n elements along dim.
local function resized(op, x, dim, n)
  local there = x:size(dim)
  if there < 1 and not n then
    arguments.fail("%s: expected at least one element along dimension %d, got shape %s", op, dim, arguments.shape(x))
  end
  if not n or n == there then return x end
  if n < there then return x:narrow(dim, 1, n) end
  local size = x:size()
  size[dim] = n - there
  return core.cat({x, core.zeros(size, {dtype = x.dtype, device = x.device})}, dim)
end

-- --- the three transforms and their adjoints -----------------------------------------------------------------------

-- Of the n / 2 + 1 pairs of a real sequence's transform, the first (and for even n the last) stand for themselves, the
-- others for their conjugates too. Their weights, to multiply g with, whose dimension `dim` they run along.
local function weighted(g, dim, n, inner)
  local pairs_there, size = n // 2 + 1, {}
  if dim < 0 then dim = dim + g.ndim end
  for d = dim, g.ndim do size[d - dim + 1] = 1 end
  size[1] = pairs_there
  local w = core.full({pairs_there}, inner, {dtype = g.dtype, device = g.device})
  w:narrow(1, 1, 1):fill_(1)
  if n % 2 == 0 then w:narrow(1, pairs_there, 1):fill_(1) end
  return g * w:reshape(size)
end

--- fft_c2c: pairs to pairs along dims, times scale: what the transforms of pairs are built on.
---@param x Tensor shape (*, 2)
---@param dims integer|integer[] without that of the pairs
---@param inverse boolean the sign of the exponent: exp(+2 pi i j k / n)
---@param scale number
---@return Tensor same shape
rule("fft_c2c", "", function(g, _, _, dims, inverse, scale) return core.fft_c2c(g, dims, not inverse, scale) end)

--- fft_r2c: real numbers to the first n / 2 + 1 pairs of their transform along dim, times scale.
---@param x Tensor
---@param dim integer
---@param inverse boolean the sign of the exponent
---@param scale number
---@return Tensor with n / 2 + 1 in the place of n, and the dimension of the pairs
rule("fft_r2c", "", function(g, _, x, dim, inverse, scale)
  local n = x:size(dim)
  return core.fft_c2r(weighted(g, dim, n, 0.5), dim, n, not inverse, scale)
end)

--- fft_c2r: the first n / 2 + 1 pairs of a Hermitian sequence to its transform, n real numbers, times scale.
---@param x Tensor shape (*, 2)
---@param dim integer without that of the pairs
---@param n integer
---@param inverse boolean the sign of the exponent
---@param scale number
---@return Tensor
rule("fft_c2r", "", function(g, _, _, dim, n, inverse, scale)
  return weighted(core.fft_r2c(g, dim, not inverse, scale), dim, n, 2)
end)

-- --- along one dimension -------------------------------------------------------------------------------------------

local ONE, SEVERAL = {"n", "dim", "norm"}, {"s", "dim", "norm"}

local function pairs_along(op, inverse, x, ...)
  local n, dim, norm = named(op, ONE, ...)
  local d = check_dim(op, dim or -1, check_pairs(op, x))
  x = resized(op, x, d, n and check_length(op, n))
  return core.fft_c2c(x, d, inverse, scale_of(op, norm, inverse, x:size(d)))
end

--- fft.fft: the discrete Fourier transform: y[k] = sum over j of x[j] exp(-2 pi i j k / n), j and k from 0.
---@param x Tensor pairs, shape (*, 2)
---@param n? integer the length: x is cut or filled with zeros to it; default: as it is
---@param dim? integer default -1, the last before the pairs
---@param norm? string "backward" (default), "ortho" or "forward": who divides by n
---@return Tensor pairs
--- Errors: x is not a tensor of pairs; a length below 1.
--- Source: torch.fft.fft.  Example: ap.fft.fft(ap.complex(ap.tensor{1, 0, 0, 0})) --> four pairs (1, 0)
function fft.fft(x, ...) return (pairs_along("fft", false, x, ...)) end

--- fft.ifft: the inverse of fft.
---@param x Tensor pairs, shape (*, 2)
---@param n? integer
---@param dim? integer default -1
---@param norm? string
---@return Tensor pairs
--- Source: torch.fft.ifft.  Example: ap.fft.ifft(ap.fft.fft(z)) -- z again
function fft.ifft(x, ...) return (pairs_along("ifft", true, x, ...)) end

local function half_along(op, inverse, x, ...)
  local n, dim, norm = named(op, ONE, ...)
  local d = check_dim(op, dim or -1, check_real(op, x))
  x = resized(op, x, d, n and check_length(op, n))
  return core.fft_r2c(x, d, inverse, scale_of(op, norm, inverse, x:size(d)))
end

--- fft.rfft: the transform of real numbers: its first n / 2 + 1 pairs, since the others are their conjugates.
---@param x Tensor real numbers
---@param n? integer the length: x is cut or filled with zeros to it
---@param dim? integer default -1
---@param norm? string
---@return Tensor pairs: n / 2 + 1 of them along dim
--- Source: torch.fft.rfft.  Example: ap.fft.rfft(ap.ones(4)) --> [[4, 0], [0, 0], [0, 0]]
function fft.rfft(x, ...) return (half_along("rfft", false, x, ...)) end

--- fft.ihfft: the inverse of hfft: as rfft, conjugated and divided by n.
---@param x Tensor real numbers
---@param n? integer
---@param dim? integer default -1
---@param norm? string
---@return Tensor pairs: n / 2 + 1 of them along dim
--- Source: torch.fft.ihfft.
function fft.ihfft(x, ...) return (half_along("ihfft", true, x, ...)) end

local function real_along(op, inverse, x, ...)
  local n, dim, norm = named(op, ONE, ...)
  local d = check_dim(op, dim or -1, check_pairs(op, x))
  n = check_length(op, n or 2 * (x:size(d) - 1))
  x = resized(op, x, d, n // 2 + 1)
  return core.fft_c2r(x, d, n, inverse, scale_of(op, norm, inverse, n))
end

--- fft.irfft: the inverse of rfft. Imaginary parts that the transform of real numbers cannot have are not looked at.
---@param x Tensor pairs, the first n / 2 + 1
---@param n? integer how many real numbers; default: even, 2 (m - 1) of m pairs. Give it where n was odd
---@param dim? integer default -1
---@param norm? string
---@return Tensor real numbers: n of them along dim
--- Source: torch.fft.irfft.  Example: ap.fft.irfft(ap.fft.rfft(x), x:size(-1)) -- x again
function fft.irfft(x, ...) return (real_along("irfft", true, x, ...)) end

--- fft.hfft: the transform of a Hermitian sequence, of which x is the first half: real numbers.
---@param x Tensor pairs, the first n / 2 + 1
---@param n? integer how many real numbers; default 2 (m - 1) of m pairs
---@param dim? integer default -1
---@param norm? string
---@return Tensor real numbers
--- Source: torch.fft.hfft.
function fft.hfft(x, ...) return (real_along("hfft", false, x, ...)) end

-- --- along several dimensions --------------------------------------------------------------------------------------

local LAST_TWO = {-2, -1}

local function pairs_over(op, inverse, default, x, ...)
  local s, dim, norm = named(op, SEVERAL, ...)
  local dims, lengths = check_axes(op, s, dim or default, check_pairs(op, x))
  local count = 1
  for i, d in ipairs(dims) do
    x = resized(op, x, d, lengths[i])
    count = count * x:size(d)
  end
  return core.fft_c2c(x, dims, inverse, scale_of(op, norm, inverse, count))
end

--- fft.fft2: fft along the last two dimensions.
---@param x Tensor pairs, shape (*, H, W, 2)
---@param s? integer[] two lengths; -1 keeps one
---@param dim? integer[] default {-2, -1}
---@param norm? string
---@return Tensor pairs
--- Source: torch.fft.fft2.
function fft.fft2(x, ...) return (pairs_over("fft2", false, LAST_TWO, x, ...)) end

--- fft.ifft2: the inverse of fft2.
---@param x Tensor pairs, shape (*, H, W, 2)
---@param s? integer[]
---@param dim? integer[] default {-2, -1}
---@param norm? string
---@return Tensor pairs
--- Source: torch.fft.ifft2.
function fft.ifft2(x, ...) return (pairs_over("ifft2", true, LAST_TWO, x, ...)) end

--- fft.fftn: fft along several dimensions.
---@param x Tensor pairs, shape (*, 2)
---@param s? integer[] lengths; -1 keeps one
---@param dim? integer|integer[] default: all, or as many of the last as there are lengths
---@param norm? string
---@return Tensor pairs
--- Source: torch.fft.fftn.
function fft.fftn(x, ...) return (pairs_over("fftn", false, nil, x, ...)) end

--- fft.ifftn: the inverse of fftn.
---@param x Tensor pairs, shape (*, 2)
---@param s? integer[]
---@param dim? integer|integer[]
---@param norm? string
---@return Tensor pairs
--- Source: torch.fft.ifftn.
function fft.ifftn(x, ...) return (pairs_over("ifftn", true, nil, x, ...)) end

local function half_over(op, inverse, default, x, ...)
  local s, dim, norm = named(op, SEVERAL, ...)
  local dims, lengths = check_axes(op, s, dim or default, check_real(op, x))
  if #dims == 0 then arguments.fail("%s: expected at least one dimension to transform", op) end
  local count = 1
  for i, d in ipairs(dims) do
    x = resized(op, x, d, lengths[i])
    count = count * x:size(d)
  end
  local last = table.remove(dims)
  x = core.fft_r2c(x, last, inverse, scale_of(op, norm, inverse, count))
  return #dims > 0 and core.fft_c2c(x, dims, inverse, 1) or x
end

--- fft.rfft2: the transform of real numbers along the last two dimensions; the last is halved as rfft does.
---@param x Tensor real numbers, shape (*, H, W)
---@param s? integer[] two lengths
---@param dim? integer[] default {-2, -1}
---@param norm? string
---@return Tensor pairs, shape (*, H, W / 2 + 1, 2)
--- Source: torch.fft.rfft2.
function fft.rfft2(x, ...) return (half_over("rfft2", false, LAST_TWO, x, ...)) end

--- fft.rfftn: the transform of real numbers along several dimensions; the last of them is halved as rfft does.
---@param x Tensor real numbers
---@param s? integer[] lengths; -1 keeps one
---@param dim? integer|integer[] default: all, or as many of the last as there are lengths
---@param norm? string
---@return Tensor pairs
--- Source: torch.fft.rfftn.
function fft.rfftn(x, ...) return (half_over("rfftn", false, nil, x, ...)) end

--- fft.ihfft2: the inverse of hfft2.
---@param x Tensor real numbers, shape (*, H, W)
---@param s? integer[] two lengths
---@param dim? integer[] default {-2, -1}
---@param norm? string
---@return Tensor pairs, shape (*, H, W / 2 + 1, 2)
--- Source: torch.fft.ihfft2.
function fft.ihfft2(x, ...) return (half_over("ihfft2", true, LAST_TWO, x, ...)) end

--- fft.ihfftn: the inverse of hfftn.
---@param x Tensor real numbers
---@param s? integer[] lengths; -1 keeps one
---@param dim? integer|integer[] default: all, or as many of the last as there are lengths
---@param norm? string
---@return Tensor pairs
--- Source: torch.fft.ihfftn.
function fft.ihfftn(x, ...) return (half_over("ihfftn", true, nil, x, ...)) end

local function real_over(op, inverse, default, x, ...)
  local s, dim, norm = named(op, SEVERAL, ...)
  local dims, lengths = check_axes(op, s, dim or default, check_pairs(op, x))
  if #dims == 0 then arguments.fail("%s: expected at least one dimension to transform", op) end
  local last, n = dims[#dims], lengths[#dims]
  n = n or check_length(op, 2 * (x:size(last) - 1))
  lengths[#dims] = n // 2 + 1
  local count = n
  for i, d in ipairs(dims) do
    x = resized(op, x, d, lengths[i])
    if i < #dims then count = count * x:size(d) end
  end
  dims[#dims] = nil
  if #dims > 0 then x = core.fft_c2c(x, dims, inverse, 1) end
  return core.fft_c2r(x, last, n, inverse, scale_of(op, norm, inverse, count))
end

--- fft.irfft2: the inverse of rfft2.
---@param x Tensor pairs, shape (*, H, W / 2 + 1, 2)
---@param s? integer[] the lengths H and W of the result; give them where W was odd
---@param dim? integer[] default {-2, -1}
---@param norm? string
---@return Tensor real numbers, shape (*, H, W)
--- Source: torch.fft.irfft2.
function fft.irfft2(x, ...) return (real_over("irfft2", true, LAST_TWO, x, ...)) end

--- fft.irfftn: the inverse of rfftn.
---@param x Tensor pairs
---@param s? integer[] the lengths of the result; give them where the last was odd
---@param dim? integer|integer[] default: all, or as many of the last as there are lengths
---@param norm? string
---@return Tensor real numbers
--- Source: torch.fft.irfftn.
function fft.irfftn(x, ...) return (real_over("irfftn", true, nil, x, ...)) end

--- fft.hfft2: the transform of a Hermitian field, of which x is the half: real numbers, along the last two dimensions.
---@param x Tensor pairs, shape (*, H, W / 2 + 1, 2)
---@param s? integer[] the lengths H and W of the result; give them where W was odd
---@param dim? integer[] default {-2, -1}
---@param norm? string
---@return Tensor real numbers, shape (*, H, W)
--- Source: torch.fft.hfft2.
function fft.hfft2(x, ...) return (real_over("hfft2", false, LAST_TWO, x, ...)) end

--- fft.hfftn: the transform of a Hermitian field along several dimensions: real numbers.
---@param x Tensor pairs
---@param s? integer[] the lengths of the result; give them where the last was odd
---@param dim? integer|integer[] default: all, or as many of the last as there are lengths
---@param norm? string
---@return Tensor real numbers
--- Source: torch.fft.hfftn.
function fft.hfftn(x, ...) return (real_over("hfftn", false, nil, x, ...)) end

-- --- frequencies and their order -----------------------------------------------------------------------------------

local FREQUENCIES = {"d", "dtype", "device", "requires_grad"}

-- Whole numbers from first to last and from `again` to -1, over n d.
local function frequencies(op, last, again, n, ...)
  local d, dtype, device, requires_grad = named(op, FREQUENCIES, ...)
  d = d or 1
  if type(d) ~= "number" then arguments.fail("%s: expected a distance between samples, got a %s", op, type(d)) end
  local options = {dtype = "f64", device = "cpu"} -- a device may have no f64
  local f = core.arange(0, last, 1, options)
  if again < 0 then f = core.cat({f, core.arange(again, -1, 1, options)}, 1) end
  f = (f / (n * d)):to(dtype or core.get_default_dtype()):to(device or core.get_default_device())
  return requires_grad and f:requires_grad_() or f
end

--- fft.fftfreq: the frequencies of fft's results, in cycles a unit: 0, 1, ..., then the negative ones, over n d.
---@param n integer the length of the transform
---@param d? number the distance between two samples; default 1
---@param dtype? string default f32; as {d =, dtype =, device =, requires_grad =}
---@return Tensor shape (n)
--- Source: torch.fft.fftfreq.  Example: ap.fft.fftfreq(4) --> [0, 0.25, -0.5, -0.25]
function fft.fftfreq(n, ...)
  n = check_length("fftfreq", n)
  return frequencies("fftfreq", (n - 1) // 2, -(n // 2), n, ...)
end

--- fft.rfftfreq: the frequencies of rfft's results: 0, 1, ..., n / 2, over n d.
---@param n integer the length of the real signal
---@param d? number the distance between two samples; default 1
---@param dtype? string default f32; as {d =, dtype =, device =, requires_grad =}
---@return Tensor shape (n / 2 + 1)
--- Source: torch.fft.rfftfreq.  Example: ap.fft.rfftfreq(4) --> [0, 0.25, 0.5]
function fft.rfftfreq(n, ...)
  n = check_length("rfftfreq", n)
  return frequencies("rfftfreq", n // 2, 0, n, ...)
end

local SHIFT = {"dim", "real"}

local function shifted(op, back, x, ...)
  local dim, real = named(op, SHIFT, ...)
  local ndim = check_real(op, x)
  if not real and ndim > 1 and x:size(-1) == 2 then ndim = ndim - 1 end
  local dims = check_axes(op, nil, dim, ndim)
  local shifts = {}
  for i, d in ipairs(dims) do shifts[i] = back and -(x:size(d) // 2) or x:size(d) // 2 end
  return #dims > 0 and x:roll(shifts, dims) or x
end

--- fft.fftshift: moves the frequency 0 from the first place to the middle, along dims.
---@param x Tensor pairs, or real numbers such as frequencies
---@param dim? integer|integer[] default: all, without that of the pairs
---@param real? boolean x holds real numbers although it has several dimensions, the last of size 2
---@return Tensor same shape
--- Source: torch.fft.fftshift.  Example: ap.fft.fftshift(ap.fft.fftfreq(4)) --> [-0.5, -0.25, 0, 0.25]
function fft.fftshift(x, ...) return (shifted("fftshift", false, x, ...)) end

--- fft.ifftshift: the inverse of fftshift.
---@param x Tensor pairs, or real numbers
---@param dim? integer|integer[] default: all, without that of the pairs
---@param real? boolean
---@return Tensor same shape
--- Source: torch.fft.ifftshift.
function fft.ifftshift(x, ...) return (shifted("ifftshift", true, x, ...)) end

-- --- complex numbers -----------------------------------------------------------------------------------------------

local function floating(op, x)
  arguments.tensor(op, 1, x)
  return x:is_floating_point() and x or x:to(core.get_default_dtype())
end

--- complex: pairs from real and imaginary parts.
---@param re Tensor
---@param im? Tensor|number the same shape; default 0
---@return Tensor the shape of re, and a last dimension of size 2
--- Source: torch.complex.  Example: ap.complex(ap.tensor{1, 2}, ap.tensor{3, 4}) --> [[1, 3], [2, 4]]
define("complex", function(re, im)
  re = floating("complex", re)
  if im == nil or type(im) == "number" then im = core.full_like(re, im or 0) end
  return core.stack({re, floating("complex", im)}, -1)
end)

--- polar: pairs from absolute values and angles.
---@param abs Tensor
---@param angle Tensor the same shape, in radians
---@return Tensor the shape of abs, and a last dimension of size 2
--- Source: torch.polar.  Example: ap.polar(ap.tensor{2}, ap.tensor{math.pi / 2}) --> [[0, 2]]
define("polar", function(abs, angle)
  abs, angle = floating("polar", abs), floating("polar", angle)
  return core.stack({abs * angle:cos(), abs * angle:sin()}, -1)
end)

--- real: the real parts of pairs.
---@param z Tensor shape (*, 2)
---@return Tensor shape (*), a view
--- Source: torch.real.  Example: ap.real(ap.complex(ap.tensor{1}, ap.tensor{3})) --> [1]
define("real", function(z)
  check_pairs("real", z)
  return z:select(-1, 1)
end)

--- imag: the imaginary parts of pairs.
---@param z Tensor shape (*, 2)
---@return Tensor shape (*), a view
--- Source: torch.imag.  Example: ap.imag(ap.complex(ap.tensor{1}, ap.tensor{3})) --> [3]
define("imag", function(z)
  check_pairs("imag", z)
  return z:select(-1, 2)
end)

--- conj: the conjugates of pairs.
---@param z Tensor shape (*, 2)
---@return Tensor same shape
--- Source: torch.conj.  Example: ap.conj(ap.tensor{{1, 3}}) --> [[1, -3]]
define("conj", function(z)
  check_pairs("conj", z)
  return z * core.tensor({1, -1}, {dtype = z.dtype, device = z.device})
end)

-- Where a pair is 0 it has no direction: the gradient there is 0, as PyTorch's.
local function with_direction(re, im, f)
  local y = f(re, im)
  if not y.requires_grad then return y end
  local zero = re:eq(0):logical_and(im:eq(0))
  if not zero:any():item() then return y end
  return core.where(zero, y:detach(), f(re:masked_fill(zero, 1), im))
end

--- cabs: the absolute values of pairs, without overflow; the gradient of 0 is 0.
---@param z Tensor shape (*, 2)
---@return Tensor shape (*)
--- Source: C's cabs; torch.abs.  Example: ap.cabs(ap.tensor{{3, 4}}) --> [5]
define("cabs", function(z)
  check_pairs("cabs", z)
  return with_direction(z:select(-1, 1), z:select(-1, 2), function(re, im) return core.hypot(re, im) end)
end)

--- carg: the angles of pairs, from -pi to pi; the gradient of 0 is 0.
---@param z Tensor shape (*, 2)
---@return Tensor shape (*), in radians
--- Source: C's carg; torch.angle.  Example: ap.carg(ap.tensor{{0, 2}}) --> [1.5708]
define("carg", function(z)
  check_pairs("carg", z)
  return with_direction(z:select(-1, 1), z:select(-1, 2), function(re, im) return core.atan2(im, re) end)
end)

--- cmul: the products of pairs.
---@param z Tensor shape (*, 2)
---@param w Tensor shape (*, 2); broadcasts
---@param conj? boolean multiply by the conjugates of w: correlation in place of convolution
---@return Tensor pairs
--- Source: torch.mul.  Example: ap.cmul(ap.tensor{{1, 2}}, ap.tensor{{3, 4}}) --> [[-5, 10]]
rule("cmul", {"2", "1"},
  function(g, _, _, w, conj) return core.cmul(g, w, not conj) end,
  function(g, _, z, _, conj)
    if conj then return core.cmul(z, g, true) end
    return core.cmul(g, z, true)
  end)

return core.define_module(fft)
