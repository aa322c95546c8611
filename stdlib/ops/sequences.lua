--- Sequences of different lengths: embedding_bag and ctc_loss. Compositions of other ops.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local losses = require "apsis.ops.losses"
local define, named, fail = core.define, arguments.named, arguments.fail

-- --- embedding_bag ---------------------------------------------------------------------------------------------------

local BAG = {"offsets", "mode", "per_sample_weights", "include_last_offset", "padding_idx"}

-- Of each of n ids: which bag it belongs to, from 1, and how many bags there are.
local function bags(op, n, offsets, include_last)
  arguments.whole(op, offsets, 3)
  if offsets.ndim ~= 1 then fail("%s: offsets: expected a vector, got %s", op, arguments.shape(offsets)) end
  local starts = offsets:to("i64")
  if starts:numel() > 0 then
    if starts[1]:item() ~= 1 then fail("%s: offsets: the first bag starts at 1; add 1 to 0-based offsets", op) end
    if starts:diff():lt(0):any():item() or starts[-1]:item() > n + 1 then
      fail("%s: offsets: expected them in order, from 1 to %d", op, n + 1)
    end
  end
  if include_last then
    if starts:numel() == 0 then fail("%s: offsets: the last one is missing", op) end
    starts = starts:narrow(1, 1, starts:numel() - 1)
  end
  local count = starts:numel()
  local at = core.arange(1, n, 1, {dtype = "i64", device = offsets.device})
  if n == 0 or count == 0 then return at, count end
  return starts:contiguous():searchsorted(at, {right = true}) - 1, count
end

-- The rows (n, D) of each bag reduced; `kept` (n): 1, or 0 for what counts for nothing.
local function reduce_bags(mode, rows, bag, count, kept)
  local size = {count, rows:size(2)}
  local options = {dtype = rows.dtype, device = rows.device}
  if rows:size(1) == 0 or count == 0 then return rows:sum() * 0 + core.zeros(size, options) end
  if mode == "max" then
    local least = core.full(size, -math.huge, options)
    if kept then rows = core.where(kept:unsqueeze(2):gt(0), rows, -math.huge) end
    local y = least:scatter_reduce(1, bag:unsqueeze(2):expand(rows:size()), rows, "amax", true)
    return core.where(y:eq(-math.huge), 0, y) -- bags without a row
  end
  if kept then rows = rows * kept:unsqueeze(2) end
  local sums = core.zeros(size, options):index_add(1, bag, rows)
  if mode == "sum" then return sums end
  local ones = kept or core.ones({rows:size(1)}, options)
  local counts = core.zeros({count}, options):index_add(1, bag, ones)
  return sums / counts:clamp(1):unsqueeze(2)
end

local function check_bag(op, input, weight, mode, weights)
  arguments.whole(op, input, 1)
  arguments.floating(op, weight, 2)
  if weight.ndim ~= 2 or input.ndim < 1 or input.ndim > 2 then
    fail("%s: expected ids (n) or (B, L) and a weight (V, D), got %s and %s", op, arguments.shape(input),
      arguments.shape(weight))
  end
  if mode ~= "sum" and mode ~= "mean" and mode ~= "max" then
    fail("%s: mode: expected 'sum', 'mean' or 'max', got '%s'", op, tostring(mode))
  end
  if weights == nil then return end
  arguments.tensor(op, 5, weights)
  if mode ~= "sum" then fail("%s: per_sample_weights: expected mode 'sum', got '%s'", op, mode) end
  if arguments.shape(weights) ~= arguments.shape(input) or weights.dtype ~= weight.dtype then
    fail("%s: per_sample_weights: expected a %s tensor of the ids' shape %s, got %s", op, weight.dtype,
      arguments.shape(input), arguments.got(weights))
  end
end

--- embedding_bag: sums, means or maxima of the embeddings of bags of ids.
---@param input Tensor ids from 1: shape (B, L), a bag a row; or (n), with offsets
---@param weight Tensor shape (V, D), floating
---@param offsets? Tensor|table shape (B): where bags start, from 1; or the options {offsets =, mode =,
--- per_sample_weights =, include_last_offset =, padding_idx =}
---@param mode? string "mean" (default), "sum" or "max"; zeros for a bag without ids
---@param per_sample_weights? Tensor the shape of input: what each embedding is multiplied by, with "sum"
---@param include_last_offset? boolean the last offset lies behind the last bag; default false
---@param padding_idx? integer an id that counts for nothing
---@return Tensor shape (B, D)
--- Source: torch.nn.functional.embedding_bag, whose ids and offsets count from 0.
define("embedding_bag", function(input, weight, ...)
  local op = "embedding_bag"
  local offsets, mode, weights, include_last, padding_idx = named(op, BAG, ...)
  mode = mode or "mean"
  check_bag(op, input, weight, mode, weights)
  if (input.ndim == 1) ~= (offsets ~= nil) then
    fail("%s: offsets: expected with ids (n), and not with (B, L)", op)
  end
  local ids = input:reshape(input:numel()):to("i64")
  local bag, count
  if offsets then
    bag, count = bags(op, ids:numel(), offsets, include_last)
  else
    count = input:size(1)
    local row = core.arange(1, count, 1, {dtype = "i64", device = input.device})
    bag = row:unsqueeze(2):expand(count, input:size(2)):reshape(ids:numel())
  end
  local kept
  if padding_idx ~= nil then
    if math.type(padding_idx) ~= "integer" or padding_idx == 0 then
      fail("%s: padding_idx: expected an id from 1, or from the end, got %s", op, tostring(padding_idx))
    end
    if padding_idx < 0 then padding_idx = padding_idx + weight:size(1) + 1 end
    kept = ids:ne(padding_idx):to(weight.dtype)
  end
  local rows = core.embedding(ids, weight)
  if weights then rows = rows * weights:reshape(ids:numel(), 1) end
  return reduce_bags(mode, rows, bag, count, kept)
end)

-- --- ctc_loss --------------------------------------------------------------------------------------------------------

-- Below any logarithm of a probability; finite, so that differences of two are no nan.
local NEVER = -1e30

local function lengths_of(op, what, given, batch, most, device)
  if type(given) == "table" then given = core.tensor(given, {dtype = "i64", device = device}) end
  if type(given) == "number" then given = core.tensor({given}, {device = device}) end
  if not core.is_tensor(given) or given:is_floating_point() or given.dtype == "bool" or given:numel() ~= batch then
    fail("%s: %s: expected %d integers, got %s", op, what, batch, arguments.got(given))
  end
  given = given:reshape(batch):to("i64"):to(device)
  if batch > 0 and (given:lt(0) | given:gt(most)):any():item() then
    fail("%s: %s: expected lengths from 0 to %d", op, what, most)
  end
  return given
end

-- Targets (N, S) from (N, S), or from all targets one after the other.
local function padded_targets(op, targets, lengths, classes)
  arguments.whole(op, targets, 2)
  local batch = lengths:size(1)
  if targets.ndim == 2 and targets:size(1) == batch then return targets:to("i64") end
  if targets.ndim ~= 1 or lengths:sum():item() > targets:numel() then
    fail("%s: targets: expected (N, S), or all of them in one vector, got %s", op, arguments.shape(targets))
  end
  local most = batch > 0 and lengths:amax():item() or 0
  if most == 0 then return core.full({batch, 1}, classes, {dtype = "i64", device = targets.device}) end
  local starts = lengths:cumsum(1) - lengths
  local at = starts:unsqueeze(2) + core.arange(1, most, 1, {dtype = "i64", device = targets.device})
  return targets:to("i64"):index_select(1, at:clamp(1, targets:numel()):reshape(batch * most)):reshape(batch, most)
end

-- Blanks and targets in turns, (N, 2 S + 1); and where a step may skip the blank between two different targets.
local function with_blanks(targets, blank)
  local n, s = targets:size(1), targets:size(2)
  local blanks = core.full({n, s, 1}, blank, {dtype = "i64", device = targets.device})
  local turns = core.cat({blanks, targets:unsqueeze(3)}, 3):reshape(n, 2 * s)
  local labels = core.cat({turns, core.full({n, 1}, blank, {dtype = "i64", device = targets.device})}, 2)
  local before = core.cat({core.full({n, 2}, blank, {dtype = "i64", device = targets.device}),
    labels:narrow(2, 1, 2 * s - 1)}, 2)
  return labels, labels:ne(blank) & labels:ne(before)
end

-- (N, L) moved to the right by k places.
local function moved(a, k)
  local n, l = a:size(1), a:size(2)
  return core.cat({core.full({n, k}, NEVER, {dtype = a.dtype, device = a.device}), a:narrow(2, 1, l - k)}, 2)
end

-- The logarithm of the probability of each sample's targets: Graves et al. 2006, equations 6 to 8.
local function alignments(log_probs, labels, skips, input_lengths, target_lengths)
  local steps, n, l = log_probs:size(1), labels:size(1), labels:size(2)
  local options = {dtype = log_probs.dtype, device = log_probs.device}
  local scores = log_probs:gather(3, labels:unsqueeze(1):expand(steps, n, l)):clamp(NEVER)
  local first = core.arange(1, l, 1, {device = log_probs.device}):le(2):unsqueeze(1)
  local start = core.full({n, l}, NEVER, options)
  local alpha = core.where(first & input_lengths:gt(0):unsqueeze(2), scores[1], start)
  for step = 2, steps do
    local ways = core.logaddexp(alpha, moved(alpha, 1))
    ways = core.logaddexp(ways, core.where(skips, moved(alpha, 2), NEVER))
    alpha = core.where(input_lengths:ge(step):unsqueeze(2), (ways + scores[step]):clamp(NEVER), alpha)
  end
  local last = (target_lengths * 2 + 1):unsqueeze(2)
  local before = core.where(last:gt(1), alpha:gather(2, (last - 1):clamp(1)), NEVER)
  local ends = core.logaddexp(alpha:gather(2, last), before)
  -- Nothing read is right for no targets alone.
  local nothing = core.where(target_lengths:eq(0), 0.0, NEVER):to(options.dtype)
  return core.where(input_lengths:eq(0), nothing, ends:squeeze(2))
end

local CTC = {"blank", "reduction", "zero_infinity"}

--- ctc_loss: minus the logarithm of the probability of a sequence of classes, over all ways to spread it, with blanks,
--- over the steps of an input.
---@param log_probs Tensor shape (T, N, C), or (T, C) without a batch, floating: logarithms of probabilities
---@param targets Tensor shape (N, S), or all targets one after the other; classes from 1, no blank
---@param input_lengths Tensor|integer[]|integer steps of each sample, up to T
---@param target_lengths Tensor|integer[]|integer classes of each sample
---@param blank? integer|table the blank's class, default 1; or the options {blank =, reduction =, zero_infinity =}
---@param reduction? string "mean" (default: each loss over its target's length, then over the batch), "sum" or "none"
---@param zero_infinity? boolean 0 in place of the infinite loss of a target that the input is too short for, whose
---       gradient is 0 either way; default false
---@return Tensor 0-dim; shape (N) with "none"
--- It is composed of other ops, about ten a step, and has gradients of every order.
--- Source: Graves et al. 2006; torch.nn.functional.ctc_loss, whose classes count from 0.
define("ctc_loss", function(log_probs, targets, input_lengths, target_lengths, ...)
  local op = "ctc_loss"
  arguments.floating(op, log_probs, 1)
  arguments.tensor(op, 2, targets)
  local blank, reduction, zero_infinity = named(op, CTC, ...)
  blank = blank or 1
  losses.check_reduction(op, reduction)
  if log_probs.ndim ~= 3 and log_probs.ndim ~= 2 then
    fail("%s: expected logarithms (T, N, C) or (T, C), got %s", op, arguments.shape(log_probs))
  end
  local single = log_probs.ndim == 2
  if single then
    log_probs = log_probs:unsqueeze(2)
    if targets.ndim == 1 then targets = targets:unsqueeze(1) end
  end
  local steps, batch, classes = table.unpack(log_probs:size())
  if math.type(blank) ~= "integer" or blank < 1 or blank > classes then
    fail("%s: blank: expected a class from 1 to %d, got %s", op, classes, tostring(blank))
  end
  if steps == 0 or batch == 0 then
    fail("%s: expected at least one step and sample, got %s", op, arguments.shape(log_probs))
  end
  local inputs = lengths_of(op, "input_lengths", input_lengths, batch, steps, log_probs.device)
  local most = targets.ndim == 2 and targets:size(2) or targets:numel()
  local counts = lengths_of(op, "target_lengths", target_lengths, batch, most, log_probs.device)
  local padded = padded_targets(op, targets, counts, classes)
  if padded:size(2) == 0 then padded = core.full({batch, 1}, blank, {dtype = "i64", device = log_probs.device}) end
  local place = core.arange(1, padded:size(2), 1, {dtype = "i64", device = log_probs.device})
  local used = place:le(counts:unsqueeze(2))
  local wrong = used & (padded:lt(1) | padded:gt(classes) | padded:eq(blank))
  if wrong:any():item() then
    local class = padded:masked_select(wrong)[1]:item()
    fail("%s: class %d: classes run 1..%d without the blank, %d%s", op, class, classes, blank,
      class == 0 and "; add 1 to 0-based labels" or "")
  end
  local labels, skips = with_blanks(core.where(used, padded, blank), blank)
  local loss = -alignments(log_probs, labels, skips, inputs, counts)
  loss = core.where(loss:gt(-NEVER / 2), zero_infinity and 0 or math.huge, loss)
  if reduction == "none" then return single and loss:squeeze(1) or loss end
  if reduction == "sum" then return loss:sum() end
  return (loss / counts:clamp(1):to(loss.dtype)):mean()
end)
