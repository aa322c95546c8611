-- MultiheadAttention. Shape letters: N batch, L queries, S keys, E width of the model, H heads.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local F = require "apsis.nn.functional"
local Linear = require "apsis.nn.Linear"
local Module = require "apsis.nn.Module"
local Parameter = require "apsis.nn.Parameter"
local check = require "apsis.nn.check"
local init = require "apsis.nn.initializers"

local MultiheadAttention = Module:extend "MultiheadAttention"

--- Attention of several heads: queries look at keys, each head in its own part of the width.
---   attention(query, key, value, {key_padding_mask =, attn_mask =, is_causal =, need_weights =})
--- query is (L, N, E), key and value (S, N, E), with batch_first (N, *, E); without a batch (*, E). Returns the output,
--- of query's shape, and the weights (N, L, S), the heads' mean; with need_weights = false nothing second. In masks of
--- bools true means: do not look (F.scaled_dot_product_attention's masks say the opposite); floating ones are added to
--- the scores. key_padding_mask is (N, S), attn_mask (L, S) or (N H, L, S); is_causal hides what comes after a query.
---@param embed_dim integer E
---@param num_heads integer H, divides E
---@param options? {dropout: number, bias: boolean, batch_first: boolean} 0, true, false; also by position
--- Source: Vaswani et al. 2017; torch.nn.MultiheadAttention.
--- Example: nn.MultiheadAttention(8, 2)(ap.ones(5, 3, 8), ap.ones(4, 3, 8), ap.ones(4, 3, 8)).shape --> {5, 3, 8}
function MultiheadAttention:init(embed_dim, num_heads, ...)
  local name = "MultiheadAttention"
  local options = check.options(name, {"dropout", "bias", "batch_first"}, ...)
  self.embed_dim = check.size(name, 1, "embed_dim", embed_dim)
  self.num_heads = check.size(name, 2, "num_heads", num_heads)
  if self.num_heads == 0 or self.embed_dim % self.num_heads ~= 0 then
    arguments.fail("%s: embed_dim: expected a multiple of num_heads (%d), got %d", name, self.num_heads, self.embed_dim)
  end
  self.dropout = options.dropout or 0
  arguments.number(name, "dropout", self.dropout)
  self.batch_first = check.flag(name, options, "batch_first", false)
  local has_bias = check.flag(name, options, "bias", true)
  self.in_proj_weight = Parameter.new(init.xavier_uniform_(ap.empty(3 * self.embed_dim, self.embed_dim)))
  if has_bias then self.in_proj_bias = Parameter.new(ap.zeros(3 * self.embed_dim)) end
  self.out_proj = Linear(self.embed_dim, self.embed_dim, has_bias)
  if has_bias then init.zeros_(self.out_proj.bias) end
end

-- Queries, keys and values of inputs (N, *, E), each (N, *, E).
local function projected(self, query, key, value)
  local w, b, E = self.in_proj_weight, self.in_proj_bias, self.embed_dim
  if rawequal(query, key) and rawequal(key, value) then return table.unpack(F.linear(query, w, b):chunk(3, -1)) end
  local parts = {}
  for i, x in ipairs {query, key, value} do
    parts[i] = F.linear(x, w:narrow(1, (i - 1) * E + 1, E), b and b:narrow(1, (i - 1) * E + 1, E))
  end
  return table.unpack(parts)
end

-- A mask as what is added to the scores.
local function added(mask, x)
  if mask.dtype ~= "bool" then return mask end
  return ap.zeros(mask:size(), {dtype = x.dtype, device = x.device}):masked_fill_(mask, -math.huge)
end

-- The masks together, to be added to scores (N, H, L, S); nil where there are none.
local function mask_of(self, options, q, k)
  local n, heads, l, s = q:size(1), self.num_heads, q:size(2), k:size(2)
  local mask
  local function add(given, what, ...)
    arguments.tensor("MultiheadAttention: " .. what, 4, given)
    if given:numel() ~= select(1, ...) then
      arguments.fail("MultiheadAttention: %s: expected %s, got %s", what, select(2, ...), arguments.shape(given))
    end
    local part = added(given, q):reshape(select(3, ...))
    mask = mask and mask + part or part
  end
  local padding, given = options.key_padding_mask, options.attn_mask
  if padding then add(padding, "key_padding_mask", n * s, "(N, S)", n, 1, 1, s) end
  if given and ap.is_tensor(given) and given.ndim == 3 then
    add(given, "attn_mask", n * heads * l * s, "(N H, L, S)", n, heads, l, s)
  elseif given then
    add(given, "attn_mask", l * s, "(L, S)", 1, 1, l, s)
  elseif options.is_causal then
    local later = ap.ones({l, s}, {dtype = "bool", device = q.device}):triu(1)
    add(later, "is_causal", l * s, "(L, S)", 1, 1, l, s)
  end
  return mask
end

local CALL = {"key_padding_mask", "need_weights", "attn_mask", "average_attn_weights", "is_causal"}

local function check_inputs(self, query, key, value)
  for i, x in ipairs {query or false, key or false, value or false} do
    arguments.tensor("MultiheadAttention", i, x)
    if x.ndim ~= query.ndim or x.ndim ~= 3 and x.ndim ~= 2 or x:size(-1) ~= self.embed_dim then
      arguments.fail("MultiheadAttention: argument %d: expected %s or (*, %d), got %s", i,
        ("(%s, %d)"):format(self.batch_first and "N, *" or "*, N", self.embed_dim), self.embed_dim, arguments.shape(x))
    end
  end
end

function MultiheadAttention:forward(query, key, value, options)
  options = arguments.options("MultiheadAttention", 4, options, CALL)
  check_inputs(self, query, key, value)
  local is_batch, same = query.ndim == 3, rawequal(query, key) and rawequal(key, value)
  local function batched(x)
    if not is_batch then return x:unsqueeze(1) end
    return self.batch_first and x or x:transpose(1, 2)
  end
  query = batched(query)
  key = same and query or batched(key)
  value = same and query or batched(value)
  local q, k, v = projected(self, query, key, value)
  local mask = mask_of(self, options, q, k)
  local function heads(x) return x:unflatten(3, {self.num_heads, -1}):transpose(2, 3) end
  q, k, v = heads(q), heads(k), heads(v)
  local scores = (q * q:size(-1) ^ -0.5):matmul(k:transpose(-2, -1))
  local weights = (mask and scores + mask or scores):softmax(-1)
  if self.training and self.dropout > 0 then weights = F.dropout(weights, self.dropout, true) end
  local y = self.out_proj(weights:matmul(v):transpose(2, 3):flatten(3))
  if not is_batch then y = y:squeeze(1) elseif not self.batch_first then y = y:transpose(1, 2) end
  if options.need_weights == false then return y end
  if options.average_attn_weights ~= false then weights = weights:mean(2) end
  return y, is_batch and weights or weights:squeeze(1)
end

function MultiheadAttention:extra_repr()
  return ("embed_dim=%d, num_heads=%d"):format(self.embed_dim, self.num_heads)
end

return {MultiheadAttention = MultiheadAttention}
