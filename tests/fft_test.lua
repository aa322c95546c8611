-- Fourier transforms against PyTorch's values (tests/golden/fft.py), the sum that defines them, and what holds of them.
local ap = require "apsis"

local FLOAT = {rtol = 1e-10, atol = 1e-12}

-- cos(from), cos(from + 1), ... in the shape of x: the weights of the golden gradients.
local function weights(x, from)
  return ap.arange(from, from + x:numel() - 1):to(x.dtype):cos():reshape(x:size())
end

-- Value and gradient of f at x against the golden values of that name.
local function agrees(g, key, f, x)
  x = x:detach():requires_grad_()
  local y = f(x)
  close(y:detach(), g[key], FLOAT)
  close(ap.autograd.grad({(weights(y, 1) * y):sum()}, {x})[1], g[key .. ".grad"], FLOAT)
end

local LAYOUTS = require "support.layouts".pick("contiguous", "transposed", "inner", "strided")

local function integers(text)
  local t = {}
  for n in text:gmatch "[^,]+" do t[#t + 1] = math.tointeger(n) end
  return #t == 1 and t[1] or t
end

-- "fft z n=7 dim=2 norm=ortho" -> "fft", "z", {n = 7, ...}
local function parsed(key)
  local name, source, rest = key:match "^(%S+) (%S+)(.*)$"
  local options = {}
  if not name then return end
  for field, value in rest:gmatch "(%w+)=(%S+)" do
    options[field] = field == "norm" and value or integers(value)
  end
  return name, source, next(options) and options
end

local NAMES = {"fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn",
  "rfftn", "irfftn"}

for _, wanted in ipairs(NAMES) do
  test(wanted .. ": values and gradients agree with PyTorch, for every length, norm, dim and layout", function()
    local g, found = golden "fft", 0
    for key in pairs(g) do
      local name, source, options = parsed(key)
      if name == wanted and not key:find ".grad" then
        for _, layout in pairs(LAYOUTS) do
          agrees(g, key, function(x) return ap.fft[name](x, options or nil) end, layout(g[source]))
          found = found + 1
        end
      end
    end
    assert(found >= 8)
  end)
end

local HANN = ap.hann_window(8, {dtype = "f64"})
local STFT = {
  default = {n_fft = 8},
  hann = {n_fft = 8, hop_length = 3, window = HANN},
  short = {n_fft = 12, hop_length = 4, win_length = 8, window = HANN, normalized = true},
  plain = {n_fft = 10, hop_length = 5, center = false},
  odd = {n_fft = 9, hop_length = 2, pad_mode = "constant"},
  whole = {n_fft = 8, hop_length = 4, window = HANN, onesided = false},
}

local function with(options, field, value)
  local t = {}
  for k, v in pairs(options) do t[k] = v end
  t[field] = value
  return t
end

local function on_device_of(x, options)
  return options.window and with(options, "window", options.window:to(x.device)) or options
end

for name, options in pairs(STFT) do
  test("stft and istft (" .. name .. "): values and gradients agree with PyTorch", function()
    local g = golden "fft"
    local o = on_device_of(g.signal, options)
    agrees(g, "stft " .. name, function(x) return x:stft(o) end, g.signal)
    o = with(o, "pad_mode", nil)
    agrees(g, "istft " .. name, function(x) return x:istft(o) end, g["stft " .. name])
    if options.center ~= false then
      agrees(g, "istft " .. name .. " 27", function(x) return x:istft(with(o, "length", 27)) end, g["stft " .. name])
    end
  end)
end

test("stft: a single signal is a batch of one; istft gives it back", function()
  local x = ap.randn({200}, {dtype = "f64"})
  local w = ap.hann_window(32, {dtype = "f64", device = x.device})
  local y = x:stft {n_fft = 32, hop_length = 8, window = w}
  equal(y:size(), {17, 26, 2})
  close(y, x:unsqueeze(1):stft(32, 8, nil, w)[1], FLOAT)
  local options = {n_fft = 32, hop_length = 8, window = w, length = 200}
  close(y:istft(options), x, FLOAT)
  options.length = 230
  close(y:istft(options), ap.nn.functional.pad(y:istft {n_fft = 32, hop_length = 8, window = w, length = 216}, {0, 14}),
    FLOAT)
end)

test("windows agree with PyTorch, periodic and symmetric, of every length", function()
  local g, found = golden "fft", 0
  for key, want in pairs(g) do
    local name, n, periodic = key:match "^(%a+_window) (%d+) (%a+)$"
    if name then
      found = found + 1
      close(ap[name](math.tointeger(n), periodic == "True", {dtype = "f64", device = want.device}), want, FLOAT)
    end
  end
  equal(found, 50)
  local device = g.z.device
  local f64 = {dtype = "f64", device = device}
  close(ap.hamming_window(7, true, 0.6, 0.4, f64), g["hamming_window 7 0.6 0.4"], FLOAT)
  close(ap.kaiser_window(7, {beta = 5, dtype = "f64", device = device}), g["kaiser_window 7 5"], FLOAT)
  equal(ap.hann_window(4).dtype, "f32")
end)

test("frequencies and shifts agree with PyTorch", function()
  local g = golden "fft"
  for _, n in ipairs {1, 2, 7, 8} do
    local f64 = {dtype = "f64", device = g.z.device}
    close(ap.fft.fftfreq(n, 0.5, f64), g["fftfreq " .. n], FLOAT)
    close(ap.fft.rfftfreq(n, {d = 0.5, dtype = "f64", device = g.z.device}), g["rfftfreq " .. n], FLOAT)
    local x = ap.arange(0, n * 3 - 1):to("f32"):reshape(n, 3)
    equal(ap.fft.fftshift(x), g["fftshift " .. n])
    equal(ap.fft.ifftshift(x, 1), g["ifftshift " .. n])
    equal(ap.fft.ifftshift(ap.fft.fftshift(x)), x)
  end
  local pairs_of = ap.arange(1, 12):to("f32"):reshape(3, 2, 2)
  equal(ap.fft.fftshift(pairs_of), pairs_of:roll({1, 1}, {1, 2}))
  equal(ap.fft.fftshift(pairs_of, -1), pairs_of:roll(1, 2))
  equal(ap.fft.fftshift(pairs_of, {dim = 3, real = true}), pairs_of:roll(1, 3))
end)

-- The sum that defines the transform is a product with matrices of cosines and sines (n, n).
local function fourier_matrices(n, like)
  local j = ap.arange(0, n - 1, 1, {dtype = "i64"}):to(like.device)
  local angle = (j:unsqueeze(2) * j % n):to("f64") * (-2 * math.pi / n)
  return angle:cos(), angle:sin()
end

local function by_definition(z)
  local c, s = fourier_matrices(z:size(2), z)
  local re, im = ap.real(z), ap.imag(z)
  return ap.stack({re:matmul(c) - im:matmul(s), re:matmul(s) + im:matmul(c)}, -1)
end

-- The size of the difference over that of b.
local function distance(a, b)
  return (a:to("f64") - b:to("f64")):norm():item() / b:to("f64"):norm():item()
end

local LENGTHS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 22, 23, 25, 26, 27, 29, 30,
  31, 32, 33, 37, 40, 48, 49, 53, 60, 64, 72, 74, 80, 96, 97, 100, 121, 125, 127, 128, 169, 192, 200,
  243, 256, 289, 343, 511, 512}

test("fft: every kind of length agrees with the sum that defines it, f64 and f32, along rows and columns", function()
  for _, n in ipairs(LENGTHS) do
    local bound = 4 + math.log(n, 2)
    for _, batch in ipairs {1, 5, 17} do
      local z = ap.randn({batch, n, 2}, {dtype = "f64"})
      local want = by_definition(z)
      for dtype, eps in pairs {f64 = 2 ^ -53, f32 = 2 ^ -24} do
        local x = z:to(dtype)
        local reference = dtype == "f64" and want or by_definition(x:to("f64"))
        local name = ("n = %d, batch %d, %s"):format(n, batch, dtype)
        local columns = x:transpose(1, 2):contiguous()
        -- The matrix product that is the reference errs by more than the transform does in f64.
        local allowed = eps * bound * (dtype == "f64" and 1 + n / 16 or 1)
        truth(distance(ap.fft.fft(x), reference) <= allowed, name)
        truth(distance(ap.fft.fft(columns, nil, 1), reference:transpose(1, 2)) <= allowed, name .. ", columns")
        truth(distance(ap.fft.fft(columns:transpose(1, 2), nil, 2), reference) <= allowed, name .. ", strided")
        truth(distance(ap.fft.ifft(ap.fft.fft(x)), x) <= 2 * eps * bound, name .. ", round trip")
      end
    end
  end
end)

test("rfft and irfft: every kind of length is the half of fft, and comes back", function()
  for _, n in ipairs(LENGTHS) do
    local bound = 4 + math.log(n, 2)
    for _, batch in ipairs {1, 5, 18} do
      local r = ap.randn({batch, n}, {dtype = "f64"})
      local half = ap.fft.fft(ap.complex(r)):narrow(2, 1, n // 2 + 1)
      for dtype, eps in pairs {f64 = 2 ^ -53, f32 = 2 ^ -24} do
        local x = r:to(dtype)
        local name = ("n = %d, batch %d, %s"):format(n, batch, dtype)
        local allowed = eps * bound
        local y = ap.fft.rfft(x)
        truth(distance(y, half) <= 2 * allowed, name)
        local columns = ap.fft.rfft(x:t():contiguous(), nil, 1)
        truth(distance(columns:transpose(1, 2), half) <= 2 * allowed, name .. ", columns")
        truth(distance(ap.fft.irfft(y, n), x) <= 2 * allowed, name .. ", round trip")
        local strided = y:transpose(1, 2):contiguous()
        truth(distance(ap.fft.irfft(strided, n, 1):t(), x) <= 2 * allowed, name .. ", round trip, columns")
      end
    end
  end
end)

test("long transforms: an impulse, a wave, Parseval's sum and the round trip, primes too", function()
  for _, n in ipairs {1000, 1009, 1024, 2310, 4096, 6561, 10007, 16384, 20000, 65536, 78125} do
    local impulse = ap.zeros({n, 2}, {dtype = "f64"})
    impulse[{2, 1}] = 1
    local k = ap.arange(0, n - 1, 1, {dtype = "f64"})
    local angle = k * (-2 * math.pi / n)
    close(ap.fft.fft(impulse), ap.stack({angle:cos(), angle:sin()}, -1), {rtol = 0, atol = 1e-11})
    close(ap.fft.rfft(ap.real(impulse)), ap.fft.fft(impulse):narrow(1, 1, n // 2 + 1), {rtol = 0, atol = 1e-12})
    for dtype, eps in pairs {f64 = 2 ^ -53, f32 = 2 ^ -24} do
      local z = ap.randn({3, n, 2}, {dtype = dtype})
      local y = ap.fft.fft(z, {norm = "ortho"})
      local energy, back = z:to("f64"):square():sum():item(), ap.fft.ifft(y, {norm = "ortho"})
      close(y:to("f64"):square():sum():item(), energy, {rtol = 40 * eps})
      truth(distance(back, z) <= eps * (4 + 2 * math.log(n, 2)), ("n = %d, %s"):format(n, dtype))
      truth(distance(ap.fft.fft(z:transpose(1, 2):contiguous(), nil, 1, "ortho"), y:transpose(1, 2)) <=
        eps * (4 + 2 * math.log(n, 2)), ("n = %d, %s, columns"):format(n, dtype))
      local r = ap.real(z)
      truth(distance(ap.fft.irfft(ap.fft.rfft(r), n), r) <= eps * (4 + 2 * math.log(n, 2)),
        ("n = %d, %s, real"):format(n, dtype))
    end
  end
end)

test("fft: the same bits for any number of threads, and of a line for any batch around it", function()
  local before = ap.get_num_threads()
  for _, n in ipairs {60, 512, 1009} do
    local z = ap.randn({700, n, 2})
    ap.set_num_threads(1)
    local one = ap.fft.fft(z)
    local alone = ap.fft.fft(z:narrow(1, 333, 1))
    ap.set_num_threads(2)
    equal(ap.fft.fft(z), one)
    equal(alone, one:narrow(1, 333, 1))
  end
  ap.set_num_threads(before)
end)

test("gradients of all transforms pass gradcheck and gradgradcheck", function()
  local z = ap.randn({2, 3, 5, 2}, {dtype = "f64"}):requires_grad_()
  local r = ap.randn({2, 3, 5}, {dtype = "f64"}):requires_grad_()
  local function check(f, x)
    assert(ap.autograd.gradcheck(f, {x}))
    assert(ap.autograd.gradgradcheck(f, {x}))
  end
  for _, name in ipairs {"fft", "ifft", "irfft", "hfft", "fft2", "ifft2", "irfft2", "fftn", "ifftn", "irfftn"} do
    check(function(x) return ap.fft[name](x) end, z)
  end
  for _, name in ipairs {"rfft", "ihfft", "rfft2", "rfftn"} do
    check(function(x) return ap.fft[name](x) end, r)
  end
  check(function(x) return ap.fft.fft(x, 7, 2, "ortho") end, z)
  check(function(x) return ap.fft.irfft(x, 5, 1) end, z)
  check(function(x) return ap.fft.rfft(x, 4, 2, "forward") end, r)
  check(function(x) return ap.fft.fftshift(x) end, z)
  check(function(x) return x:cabs() end, z)
  check(function(x) return x:carg() end, z)
  check(function(x) return x:conj() end, z)
  check(function(x) return ap.complex(x:real(), x:imag()) end, z)
  check(function(x) return ap.polar(x, x * 2) end, r)
  check(function(x) return ap.cmul(x, x:conj() + 1) end, z)
  local wave = ap.randn({2, 20}, {dtype = "f64"}):requires_grad_()
  local w = ap.hann_window(8, {dtype = "f64"}):to(wave.device)
  check(function(x) return x:stft {n_fft = 8, hop_length = 4, window = w} end, wave)
  local spectrum = wave:detach():stft {n_fft = 8, hop_length = 4, window = w}
  check(function(y) return y:istft {n_fft = 8, hop_length = 4, window = w} end,
    spectrum:contiguous():detach():requires_grad_())
end)

test("complex numbers as pairs: parts, absolute values, angles, products", function()
  local g = golden "fft"
  for _, name in ipairs {"cabs", "carg", "conj"} do
    agrees(g, name .. " z", function(z) return ap[name](z) end, g.z)
  end
  local z = ap.complex(ap.tensor {3, 0}, ap.tensor {4, -2})
  equal(z, ap.tensor {{3.0, 4}, {0, -2}})
  equal(ap.complex(ap.tensor {1, 2}), ap.tensor {{1.0, 0}, {2, 0}})
  equal(ap.complex(ap.tensor({1}, {dtype = "i64"}), 2).dtype, "f32")
  equal(z:real(), ap.tensor {3.0, 0})
  equal(z:imag(), ap.tensor {4.0, -2})
  equal(z:cabs(), ap.tensor {5.0, 2})
  equal(ap.cmul(ap.tensor {{1.0, 2}}, ap.tensor {{3.0, 4}, {1, 0}}), ap.tensor {{-5.0, 10}, {1, 2}})
  close(ap.polar(z:cabs(), z:carg()), z, {rtol = 1e-6, atol = 1e-6})
  equal(ap.tensor({{3e38, 0}}):cabs(), ap.tensor {3e38})
end)

test("cmul: in every layout and dtype, broadcast and by conjugates, the sum of four products", function()
  local function by_parts(z, w)
    local a, b, c, d = z:real(), z:imag(), w:real(), w:imag()
    return ap.stack({a * c - b * d, a * d + b * c}, -1)
  end
  for _, n in ipairs {1, 7, 8, 33, 5000} do
    local z, w = ap.randn({3, n, 2}, {dtype = "f64"}), ap.randn({3, n, 2}, {dtype = "f64"})
    for _, x in ipairs {z, z:transpose(1, 2):contiguous():transpose(1, 2), z:narrow(1, 2, 1)} do
      for _, y in ipairs {w, w:transpose(1, 2):contiguous():transpose(1, 2), w[1], w:flip(-1)} do
        close(ap.cmul(x, y), by_parts(x, y), FLOAT)
        close(ap.cmul(x, y, true), by_parts(x, y:conj()), FLOAT)
      end
    end
    close(ap.cmul(z:to("f32"), w:to("f32")), by_parts(z, w):to("f32"), {rtol = 1e-4, atol = 1e-6})
  end
  equal(ap.cmul(ap.zeros(0, 2), ap.zeros(1, 2)):size(), {0, 2})
  equal(ap.cmul(ap.ones(2, 2):to("f16"), ap.ones(2, 2):to("f16")).dtype, "f16")
  equal(ap.cmul(ap.tensor {{1, 2}}, ap.tensor {{3, 4}}), ap.tensor {{-5.0, 10.0}})
  raises("cmul: expected pairs", function() ap.cmul(ap.zeros(3), ap.zeros(2)) end)
end)

test("cabs and carg: the gradient of 0 is 0", function()
  for _, name in ipairs {"cabs", "carg"} do
    local z = ap.tensor {{0.0, 0}, {3, 4}}:requires_grad_()
    z[name](z):sum():backward()
    equal(z.grad[1], ap.tensor {0.0, 0})
    assert(z.grad[2]:abs():sum():item() > 0)
  end
end)

test("convolution by transforms is convolution", function()
  local a, b = ap.randn({3, 20}, {dtype = "f64"}), ap.randn({3, 9}, {dtype = "f64"})
  local y = ap.fft.irfft(ap.cmul(ap.fft.rfft(a, 32), ap.fft.rfft(b, 32)), 32)
  for row = 1, 3 do
    local want = ap.zeros({32}, {dtype = "f64"})
    for j = 1, 9 do want:narrow(1, j, 20):add_(a[row] * b[row][j]) end
    close(y[row], want, FLOAT)
  end
end)

test("dtypes: integers and bool become f32, halves stay and are computed in f32", function()
  local x = ap.tensor({{1, 2, 3, 4}}, {dtype = "i32"})
  local want = ap.fft.rfft(x:to("f32"))
  equal(want.dtype, "f32")
  for _, dtype in ipairs {"i64", "i32", "i16", "i8", "u8"} do equal(ap.fft.rfft(x:to(dtype)), want) end
  for _, dtype in ipairs {"f16", "bf16"} do equal(ap.fft.rfft(x:to(dtype)), want:to(dtype)) end
  equal(ap.fft.fft(ap.ones(2, 2):to("bool")):size(), {2, 2})
end)

test("empty batches are empty; no dimensions leave a copy", function()
  equal(ap.fft.fft(ap.zeros(0, 4, 2)):size(), {0, 4, 2})
  equal(ap.fft.rfft(ap.zeros(3, 0, 6)):size(), {3, 0, 4, 2})
  equal(ap.fft.irfft(ap.zeros(0, 4, 2)):size(), {0, 6})
  local z = ap.randn(2, 3, 2)
  equal(ap.fft.fftn(z, {dim = {}}), z)
end)

test("bad input: errors say what was expected and what came", function()
  local z, r = ap.zeros(4, 2), ap.zeros(4)
  raises("fft: argument 1: expected pairs .* size 2, got a f32 tensor %(4%); real", function() ap.fft.fft(r) end)
  raises("fft: argument 1: expected pairs .* got nil", function() ap.fft.fft() end)
  raises("rfft: argument 1: expected a tensor, got a string", function() ap.fft.rfft("x") end)
  raises("rfft: expected a dimension to transform, got a 0%-dim tensor", function() ap.fft.rfft(ap.tensor(1)) end)
  raises("fft: dimension 2 does not exist: dimensions run 1..1", function() ap.fft.fft(z, nil, 2) end)
  raises("fft: expected a length of at least 1, got 0", function() ap.fft.fft(z, 0) end)
  raises("fft: the length: expected an integer, got 1.5", function() ap.fft.fft(z, 1.5) end)
  raises("irfft: expected a length of at least 1, got 0", function() ap.fft.irfft(ap.zeros(1, 2)) end)
  raises("fft: norm: expected 'backward', 'ortho' or 'forward', got backwards", function()
    ap.fft.fft(z, {norm = "backwards"})
  end)
  raises("fft: unknown option 'axis'; options: n dim norm", function() ap.fft.fft(z, {axis = 1}) end)
  raises("fft: expected at least one element along dimension 1, got shape %(0x2%)", function()
    ap.fft.fft(ap.zeros(0, 2))
  end)
  raises("fftn: dimension 1 is given twice", function() ap.fft.fftn(ap.zeros(3, 4, 2), nil, {1, -2}) end)
  raises("fftn: 2 lengths for 1 dimensions", function() ap.fft.fftn(z, {1, 2}, {1}) end)
  raises("fftn: 2 lengths for 1 dimension", function() ap.fft.fftn(z, {1, 2}) end)
  raises("fft2: dimension %-2 does not exist", function() ap.fft.fft2(z) end)
  raises("fft_c2r: 6 real elements have 4 pairs along dimension 1, got shape %(3x2%)", function()
    ap.fft_c2r(ap.zeros(3, 2), 1, 6)
  end)
  raises("fft_c2c: argument 1: expected pairs", function() ap.fft_c2c(r, 1) end)
  raises("fft_r2c: a tensor has at most 8 dimensions", function() ap.fft.rfft(ap.zeros(1, 1, 1, 1, 1, 1, 1, 2)) end)
  raises("stft: argument 1: expected a real signal of shape %(L%) or %(B, L%), got a f32 tensor %(1x2x3%)", function()
    ap.zeros(1, 2, 3):stft(2)
  end)
  raises("stft: a signal of 4 samples is shorter than a piece of n_fft 8", function()
    r:stft {n_fft = 8, center = false}
  end)
  raises("stft: window: expected a tensor of shape %(4%), got a f32 tensor %(3%)", function()
    r:stft {n_fft = 4, window = ap.ones(3)}
  end)
  raises("stft: win_length: expected an integer from 1 to n_fft 4, got 5", function()
    r:stft {n_fft = 4, win_length = 5}
  end)
  raises("istft: n_fft 8 has 5 frequencies, got 4", function() ap.zeros(4, 3, 2):istft(8) end)
  raises("istft: the windows leave samples without weight", function()
    ap.zeros(5, 3, 2):istft {n_fft = 8, window = ap.zeros(8)}
  end)
  raises("hann_window: expected a length of at least 0, got %-1", function() ap.hann_window(-1) end)
end)
