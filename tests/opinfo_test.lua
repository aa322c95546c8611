--- PyTorch's own sample inputs (its OpInfo database): results and gradients of every op that both have. What is called
--- with what is in tests/golden/opinfo_FAMILY.safetensors; tests/golden/opinfo.py made them and says how they read.

local ap = require "apsis"
local opinfo = require "support.opinfo"
local place = require "support.device".place

-- Relative to each value, and absolute relative to the largest of the result, where sums cancel.
local RTOL, GRADIENT_RTOL, CANCEL = 1e-10, 1e-7, 1e-13

-- The looser ones: name -> {rtol of results, rtol of gradients}, and why.
local LOOSER = {
  -- PyTorch's own are off by 8e-11 where both arguments are some hundreds (special_test.lua has them in 50 digits).
  igamma = {1e-9, GRADIENT_RTOL}, igammac = {1e-9, GRADIENT_RTOL},
}

-- Where PyTorch's gradient is nan and ours is not: at infinity its formula divides infinity by itself.
local FINITE = {["F.softsign"] = true, i0 = true, i1 = true}

-- Where PyTorch's result is nan and ours is not: infinity times 0 for large arguments.
local FINITE_RESULT = {i0 = true, i1 = true, zeta = true, polygamma = true}

-- Where PyTorch's gradient is off: trigamma beside its poles, and log_ndtr far below 0 (it is -x there).
local function beside_poles(x, expected) return ~expected:abs():lt(1e12) | (x:lt(0) & x:eq(x:floor())) end
local OFF = {
  digamma = beside_poles,
  polygamma = beside_poles,
  log_ndtr = function(x) return x:lt(-100) end,
}

-- Samples at the edges where we differ on purpose: how the line of the call starts, and why.
local EDGES = {
  {'"F.cross_entropy",n(x{2,0}', "the mean over rows of no classes: 0 here, 0 / 0 there"},
  {'"F.conv_transpose2d",n(x{1,1,4,3},x{1,2,3,4}', "nan in the weight meets the zeros of the padding, which are read"},
  {'"F.conv1d",n(x{1,0,5}', "without input channels PyTorch gives as many output channels, not the weight's"},
  {'"F.conv2d",n(x{1,0,5,5}', "the same"},
  {'"F.conv2d",n(x{0,5,5}', "the same"},
  {'"F.batch_norm",n(x{0,1}', "training on no values is an error here"},
  {'"mode",n(x{3,3,3}', "of values that are equally frequent PyTorch takes nan, where it sorts it first"},
  {'"bincount",n(i{0},i{0}', "PyTorch forgets the weights' dtype where nothing is counted"},
  {'"linalg.qr"', "LAPACK's R of a matrix with nan: numbers or nan, as its blocks fall"},
  {'"geqrf"', "the same of its R and reflectors"},
  {'"linalg.ldl_factor', "nan is an error here"},
  {'"F.adaptive_avg_pool1d",n(x{3,0,0}', "means of nothing are an error here"},
  {'"F.adaptive_avg_pool3d",n(x{1,8,4,3,0}', "the same"},
  {'"F.adaptive_avg_pool3d",n(x{8,4,3,0}', "the same"},
  {'"F.grid_sample",n(x{2,3,3,3},x{2,3,3,2},"bilinear","border"', "a place of nan reads nan here, the border there"},
  {'"F.grid_sample",n(x{2,3,3,3},x{2,3,3,2},"bilinear","reflection"', "the same"},
  {'"F.multi_margin_loss"', "a score of nan gives nan here, and counts for nothing there"},
  {'"F.multilabel_margin_loss"', "the same; the mean over no samples is nan here, and memory as it was there"},
  {'"F.pixel_unshuffle",n(x{1,1,0,0}', "PyTorch forgets to move channels where there are no pixels"},
  {'"linalg.slogdet"', "the sign of nan: nan here, 0 there"},
}

local function differs_on_purpose(line)
  for _, edge in ipairs(EDGES) do
    if line:find("call(" .. edge[1], 1, true) then return true end
  end
  return false
end

-- What these give depends on where x lies in memory: one layout only.
local MEMORY = {as_strided = true}

-- --- one call ----------------------------------------------------------------------------------------------------

-- Every other element of a wider tensor.
local function strided(x)
  if x.ndim == 0 or x.ndim > 6 then return x end
  local wide = x:unsqueeze(-1):tile(2):clone()
  wide:select(-1, 2):zero_()
  return wide:select(-1, 1)
end

-- An argument as the op takes it; adds the tensors whose gradients are wanted to `leaves`.
local function built(v, layout, leaves)
  if type(v) ~= "table" then return v end
  if not v.is_entry then
    local list = {}
    for k, item in pairs(v) do list[k] = built(item, layout, leaves) end
    return list
  end
  -- What gives a gradient is a leaf: an op that writes in place or asks for contiguous memory gets what is made of it.
  if v.wants and leaves then
    local leaf = v.tensor:detach():clone():requires_grad_()
    leaves[#leaves + 1] = leaf
    return leaf
  end
  local x = v.tensor:detach():clone()
  return layout == "strided" and strided(x) or x
end

local function flatten(results, list)
  for k = 1, results.n or #results do
    local v = results[k]
    if type(v) == "table" then
      flatten(v, list)
    elseif v ~= nil then
      list[#list + 1] = v
    end
  end
  return list
end

local function largest(x)
  if x:numel() == 0 then return 0 end
  local finite = x:abs():masked_fill(~x:isfinite(), 0)
  return finite:amax():item()
end

local function agrees(got, expected, rtol, what)
  if not ap.is_tensor(got) then got = ap.tensor(got, {dtype = expected.dtype}) end
  if got.dtype == "i32" then got = got:to("i64") end -- the files keep all integers so
  if not expected:is_floating_point() then
    return close(got, expected, {rtol = 0, atol = 0, what = what})
  end
  local atol = CANCEL * math.max(largest(expected), 1) * math.max(rtol / RTOL, 1)
  close(got:detach(), expected, {rtol = rtol, atol = atol, what = what})
end

local function weights(y, k)
  return place(ap.arange(k, k + y:numel() - 1)):to("f64"):cos():reshape(y:size())
end

local function replay(name, call, layout)
  local looser = LOOSER[name] or {}
  local differentiate = layout == "contiguous" and #call.gradients > 0
  local leaves = {}
  local arguments = {}
  for k = 1, call.arguments.n do arguments[k] = built(call.arguments[k], layout, differentiate and leaves) end
  local f = opinfo.resolve(name)
  local ys = flatten(table.pack(f(table.unpack(arguments, 1, call.arguments.n))), {})
  local total, k = 0, 1
  truth(#ys == call.results.n, ("%d results, expected %d"):format(#ys, call.results.n))
  for i, y in ipairs(ys) do
    local expected = call.results[i]
    if expected then
      local wanted, given = expected.tensor, y
      if FINITE_RESULT[name] then
        local off = wanted:isnan()
        wanted, given = wanted:masked_fill(off, 0), y:masked_fill(off, 0)
      end
      agrees(given, wanted, looser[1] or RTOL, "result " .. i)
      if differentiate and expected.weighted and y:numel() > 0 then total = total + (y * weights(y, k)):sum() end
      if expected.weighted then k = k + y:numel() end
    end
  end
  if not differentiate or total == 0 then return end
  truth(total.requires_grad, "the result has no gradient")
  total:backward()
  for i, leaf in ipairs(leaves) do
    local x, got, expected = leaf:detach(), leaf.grad or ap.zeros_like(leaf:detach()), call.gradients[i]
    -- At nan nothing is differentiable; PyTorch's own answer changes with the length of the tensor.
    local undefined = x:isnan()
    if FINITE[name] then undefined = undefined | expected:isnan() end
    if OFF[name] then undefined = undefined | OFF[name](x, expected) end
    agrees(got:masked_fill(undefined, 0), expected:masked_fill(undefined, 0), looser[2] or GRADIENT_RTOL,
      ("gradient of tensor %d"):format(i))
  end
end

-- --- the tests ---------------------------------------------------------------------------------------------------

-- Ops that have no kernel beyond the CPU's say so; anything else is a failure.
local function refused(message) return message:find "has no kernel for %w+ on cl" end

local function replay_all(family, title, layouts)
  local calls, order = opinfo.read(family)
  for _, name in ipairs(order) do
    test(title:format(name, #calls[name]), function()
      local failures, count, made = {}, 0, 0
      for _, call in ipairs(calls[name]) do
        for _, layout in ipairs(MEMORY[name] and {"contiguous"} or layouts) do
          made = made + 1
          local ok, e = pcall(replay, name, call, layout)
          local message = ok or type(e) == "table" and e.check or tostring(e)
          if not ok and not refused(message) and not (family == "edges" and differs_on_purpose(call.line)) then
            count = count + 1
            if count <= 3 then failures[count] = ("%s, %s: %s"):format(call.line, layout, message) end
          end
        end
      end
      truth(count == 0, ("%d of %d differ:\n%s"):format(count, made, table.concat(failures, "\n")))
    end)
  end
end

for _, family in ipairs(opinfo.families) do
  replay_all(family, "%s: %d samples of PyTorch's", {"contiguous", "strided"})
end
-- No elements, no dimensions, nan (tests/golden/edges.py).
replay_all("edges", "%s: %d samples at the edges", {"contiguous"})
