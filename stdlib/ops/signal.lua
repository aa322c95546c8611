--- Short-time Fourier transforms and their windows. Spectra are pairs (stdlib/ops/fft.lua).

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local named = require "apsis.ops.arguments".named
local define = core.define

-- --- windows -------------------------------------------------------------------------------------------------------

local OPTIONS = {"periodic", "dtype", "device", "requires_grad"}

-- A window of n values w(k), k from 0 to `last`: last is n for a periodic window, n - 1 for a symmetric one. `w` gets k
-- and last, k as an f64 tensor.
local function window(op, n, w, periodic, dtype, device, requires_grad)
  local length = math.tointeger(n)
  if not length or length < 0 then
    arguments.fail("%s: expected a length of at least 0, got %s", op, tostring(n))
  end
  if periodic == nil then periodic = true end
  if type(periodic) ~= "boolean" then
    arguments.fail("%s: periodic: expected true or false, got %s", op, tostring(periodic))
  end
  local y
  if length < 2 then
    y = core.ones({length}, {dtype = dtype, device = device})
  else
    local k = core.arange(0, length - 1, 1, {dtype = "f64", device = "cpu"})
    y = w(k, periodic and length or length - 1):to(dtype or core.get_default_dtype())
    y = y:to(device or core.get_default_device())
  end
  return requires_grad and y:requires_grad_() or y
end

-- a0 - a1 cos(2 pi k / last) + a2 cos(4 pi k / last)
local function cosines(a0, a1, a2)
  return function(k, last)
    local angle = k * (2 * math.pi / last)
    local y = a0 - a1 * angle:cos()
    return a2 and y + a2 * (angle * 2):cos() or y
  end
end

--- hann_window: sin^2(pi k / N), a raised cosine.
---@param n integer
---@param periodic? boolean default true: N = n, for spectra; false: N = n - 1, symmetric, for filters
---@param dtype? string default f32; as {periodic =, dtype =, device =, requires_grad =}
---@return Tensor shape (n)
--- Source: torch.hann_window.  Example: ap.hann_window(4) --> [0, 0.5, 1, 0.5]
define("hann_window", function(n, ...)
  return window("hann_window", n, cosines(0.5, 0.5), named("hann_window", OPTIONS, ...))
end)

local HAMMING = {"periodic", "alpha", "beta", "dtype", "device", "requires_grad"}

--- hamming_window: alpha - beta cos(2 pi k / N).
---@param n integer
---@param periodic? boolean default true
---@param alpha? number default 0.54
---@param beta? number default 0.46
---@param dtype? string default f32; as {periodic =, alpha =, beta =, dtype =, device =, requires_grad =}
---@return Tensor shape (n)
--- Source: torch.hamming_window.
define("hamming_window", function(n, ...)
  local periodic, alpha, beta, dtype, device, requires_grad = named("hamming_window", HAMMING, ...)
  return window("hamming_window", n, cosines(alpha or 0.54, beta or 0.46), periodic, dtype, device, requires_grad)
end)

--- blackman_window: 0.42 - 0.5 cos(2 pi k / N) + 0.08 cos(4 pi k / N).
---@param n integer
---@param periodic? boolean default true
---@param dtype? string default f32; as {periodic =, dtype =, device =, requires_grad =}
---@return Tensor shape (n)
--- Source: torch.blackman_window.
define("blackman_window", function(n, ...)
  return window("blackman_window", n, cosines(0.42, 0.5, 0.08), named("blackman_window", OPTIONS, ...))
end)

--- bartlett_window: a triangle, 1 - |2 k / N - 1|.
---@param n integer
---@param periodic? boolean default true
---@param dtype? string default f32; as {periodic =, dtype =, device =, requires_grad =}
---@return Tensor shape (n)
--- Source: torch.bartlett_window.
define("bartlett_window", function(n, ...)
  return window("bartlett_window", n, function(k, last) return 1 - (k * (2 / last) - 1):abs() end,
    named("bartlett_window", OPTIONS, ...))
end)

-- The modified Bessel function of order 0, by its power series: all terms are positive, so it loses nothing.
local function bessel_i0(x)
  local sum, term, k = 1, 1, 0
  repeat
    k = k + 1
    term = term * (x / (2 * k)) ^ 2
    sum = sum + term
  until term <= sum * 1e-17
  return sum
end

local KAISER = {"periodic", "beta", "dtype", "device", "requires_grad"}

--- kaiser_window: I0(beta sqrt(1 - (2 k / N - 1)^2)) / I0(beta).
---@param n integer
---@param periodic? boolean default true
---@param beta? number default 12: the larger, the wider the main lobe and the lower the others
---@param dtype? string default f32; as {periodic =, beta =, dtype =, device =, requires_grad =}
---@return Tensor shape (n)
--- Source: Kaiser and Schafer 1980; torch.kaiser_window.
define("kaiser_window", function(n, ...)
  local periodic, beta, dtype, device, requires_grad = named("kaiser_window", KAISER, ...)
  beta = beta or 12
  if type(beta) ~= "number" or beta ~= beta or math.abs(beta) > 700 then
    arguments.fail("kaiser_window: beta: expected a number from -700 to 700, got %s", tostring(beta))
  end
  return window("kaiser_window", n, function(k, last)
    local values, whole = {}, bessel_i0(beta)
    for i = 1, k:numel() do
      local x = 2 * (i - 1) / last - 1
      values[i] = bessel_i0(beta * math.sqrt(math.max(0, 1 - x * x))) / whole
    end
    return core.tensor(values, {dtype = "f64", device = "cpu"})
  end, periodic, dtype, device, requires_grad)
end)

-- --- short-time transforms -----------------------------------------------------------------------------------------

local function check_signal(op, x, ndim, what)
  if core.is_tensor(x) and (x.ndim == ndim or x.ndim == ndim - 1) then return x.ndim == ndim end
  arguments.fail("%s: argument 1: expected %s, got %s", op, what,
    arguments.got(x))
end

local function check_size(op, what, n, most, most_is)
  local i = math.tointeger(n)
  if not i or i < 1 or i > (most or math.maxinteger) then
    arguments.fail("%s: %s: expected an integer from 1%s, got %s", op, what,
      most and (" to %s %d"):format(most_is, most) or "", tostring(n))
  end
  return i
end

-- The window in the middle of n_fft values, of x's dtype and on its device.
local function centred(op, w, n_fft, win_length, x)
  if w == nil then
    w = core.ones({win_length}, {dtype = x.dtype, device = x.device})
  elseif not core.is_tensor(w) or w.ndim ~= 1 or w:size(1) ~= win_length then
    arguments.fail("%s: window: expected a tensor of shape (%d), got %s", op, win_length,
      arguments.got(w))
  end
  if w.dtype ~= x.dtype then w = w:to(x.dtype) end
  local left = (n_fft - win_length) // 2
  return win_length < n_fft and core.pad(w, {left, n_fft - win_length - left}) or w
end

local STFT = {"n_fft", "hop_length", "win_length", "window", "center", "pad_mode", "normalized", "onesided"}

--- stft: the spectra of overlapping pieces of a real signal.
---@param x Tensor shape (L) or (B, L), real
---@param n_fft integer the length of a piece
---@param hop_length? integer from one piece to the next; default n_fft / 4
---@param win_length? integer default n_fft; a shorter window stands in the middle of n_fft zeros
---@param window? Tensor shape (win_length); default ones
---@param center? boolean default true: piece t is centred at t * hop_length, the signal padded by n_fft / 2
---@param pad_mode? string how: "reflect" (default), "constant", "replicate" or "circular"
---@param normalized? boolean divide by sqrt(n_fft); default false
---@param onesided? boolean default true: the first n_fft / 2 + 1 frequencies; false: all
---@return Tensor pairs, shape (*, N, T, 2): N frequencies, T pieces
--- Errors: a signal shorter than a piece; a window of another length; pairs in place of a real signal.
--- Source: torch.stft.  Example: x:stft{n_fft = 512, hop_length = 128, window = ap.hann_window(512)}
define("stft", function(x, ...)
  local n_fft, hop, win_length, w, center, pad_mode, normalized, onesided = named("stft", STFT, ...)
  local batched = check_signal("stft", x, 2, "a real signal of shape (L) or (B, L)")
  n_fft = check_size("stft", "n_fft", n_fft)
  hop = check_size("stft", "hop_length", hop or math.max(n_fft // 4, 1))
  win_length = check_size("stft", "win_length", win_length or n_fft, n_fft, "n_fft")
  if not x:is_floating_point() then x = x:to(core.get_default_dtype()) end
  if not batched then x = x:unsqueeze(1) end
  if center ~= false then x = core.pad(x, {n_fft // 2, n_fft // 2}, pad_mode or "reflect") end
  if x:size(2) < n_fft then
    arguments.fail("stft: a signal of %d samples is shorter than a piece of n_fft %d", x:size(2), n_fft)
  end
  local pieces = x:unfold(2, n_fft, hop)
  if w ~= nil or win_length < n_fft then pieces = pieces * centred("stft", w, n_fft, win_length, x) end
  local scale = normalized and 1 / math.sqrt(n_fft) or 1
  local y
  if onesided ~= false then
    y = core.fft_r2c(pieces, -1, false, scale)
  else
    y = core.fft_c2c(core.complex(pieces), -1, false, scale)
  end
  y = y:transpose(2, 3)
  return batched and y or y:squeeze(1)
end)

local ISTFT = {"n_fft", "hop_length", "win_length", "window", "center", "normalized", "onesided", "length"}

--- istft: the signal whose stft is closest to x (Griffin and Lim 1984): the inverse of stft.
---@param x Tensor pairs, shape (N, T, 2) or (B, N, T, 2), as stft gives
---@param n_fft integer
---@param hop_length? integer default n_fft / 4
---@param win_length? integer default n_fft
---@param window? Tensor shape (win_length); default ones
---@param center? boolean default true
---@param normalized? boolean default false
---@param onesided? boolean default: as x has n_fft / 2 + 1 frequencies or n_fft
---@param length? integer of the signal: cut or filled with zeros to it
---@return Tensor shape (L) or (B, L)
--- Errors: another number of frequencies; windows that leave a sample without weight.
--- Source: torch.istft.  Example: y:istft{n_fft = 512, hop_length = 128, window = ap.hann_window(512), length = 16000}
define("istft", function(x, ...)
  local n_fft, hop, win_length, w, center, normalized, onesided, length = named("istft", ISTFT, ...)
  local batched = check_signal("istft", x, 4, "pairs of shape (N, T, 2) or (B, N, T, 2)")
  if x:size(-1) ~= 2 or x:numel() == 0 then
    arguments.fail("istft: argument 1: expected pairs of shape (N, T, 2) or (B, N, T, 2), got %s", arguments.shape(x))
  end
  n_fft = check_size("istft", "n_fft", n_fft)
  win_length = check_size("istft", "win_length", win_length or n_fft, n_fft, "n_fft")
  hop = check_size("istft", "hop_length", hop or math.max(n_fft // 4, 1), win_length, "win_length")
  length = length and check_size("istft", "length", length)
  if not x:is_floating_point() then x = x:to(core.get_default_dtype()) end
  if not batched then x = x:unsqueeze(1) end
  local half = n_fft // 2 + 1
  if onesided == nil then onesided = x:size(2) ~= n_fft end
  local wanted = onesided and half or n_fft
  if x:size(2) ~= wanted then
    arguments.fail("istft: n_fft %d has %d frequencies, got %d", n_fft, wanted, x:size(2))
  end
  local t = x:size(3)
  w = centred("istft", w, n_fft, win_length, x)
  local pieces = core.fft_c2r(x:narrow(2, 1, half):transpose(2, 3), -1, n_fft, true,
    normalized and 1 / math.sqrt(n_fft) or 1 / n_fft)
  local there, overlap_add = n_fft + (t - 1) * hop, require "apsis.ops.overlap"
  local y = overlap_add(pieces * w, there, 2, hop)
  local weight = overlap_add((w * w):expand(1, t, n_fft), there, 2, hop)
  local first, last = 1, there
  if center ~= false then first, last = n_fft // 2 + 1, there - n_fft // 2 end
  if length then last = math.min(first + length - 1, there) end
  if last < first then arguments.fail("istft: %d pieces of %d leave no sample", t, n_fft) end
  y, weight = y:narrow(2, first, last - first + 1), weight:narrow(2, first, last - first + 1)
  if weight:detach():amin():item() < 1e-11 then
    arguments.fail("istft: the windows leave samples without weight: they are 0 there, or hop_length is too long")
  end
  y = y / weight
  if length and length > last - first + 1 then y = core.pad(y, {0, length - (last - first + 1)}) end
  return batched and y or y:squeeze(1)
end)
