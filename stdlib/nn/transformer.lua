-- TransformerEncoderLayer and TransformerEncoder. Shape letters: N batch, T time, D width of the model.

local arguments = require "apsis.ops.arguments"
local Dropout = require "apsis.nn.Dropout"
local F = require "apsis.nn.functional"
local Linear = require "apsis.nn.Linear"
local Module = require "apsis.nn.Module"
local ModuleList = require "apsis.nn.ModuleList"
local MultiheadAttention = require("apsis.nn.attention").MultiheadAttention
local LayerNorm = require("apsis.nn.norm").LayerNorm
local check = require "apsis.nn.check"

local TransformerEncoderLayer = Module:extend "TransformerEncoderLayer"

local OPTIONS = {"dim_feedforward", "dropout", "activation", "layer_norm_eps", "batch_first", "norm_first", "bias"}
local ACTIVATIONS = {relu = F.relu, gelu = F.gelu}

--- Attention and a network of two layers, each around a residual connection with a layer norm behind it (norm_first:
--- before it). Called with x (T, N, D), with batch_first (N, T, D), and {src_mask =, src_key_padding_mask =,
--- is_causal =} as nn.MultiheadAttention's masks.
---@param d_model integer D
---@param nhead integer heads
---@param options? {dim_feedforward: integer, dropout: number, activation: string|function, layer_norm_eps: number,
--- batch_first: boolean, norm_first: boolean, bias: boolean} 2048, 0.1, "relu" (or "gelu", or a function), 1e-5, false,
--- false, true; also by position
--- Source: Vaswani et al. 2017; torch.nn.TransformerEncoderLayer.
--- Example: nn.TransformerEncoderLayer(8, 2, {dim_feedforward = 16})(ap.ones(5, 3, 8)).shape --> {5, 3, 8}
function TransformerEncoderLayer:init(d_model, nhead, ...)
  local name = "TransformerEncoderLayer"
  local options = check.options(name, OPTIONS, ...)
  local dropout, eps = options.dropout or 0.1, options.layer_norm_eps or 1e-5
  local bias, hidden = check.flag(name, options, "bias", true), options.dim_feedforward or 2048
  self.activation = ACTIVATIONS[options.activation or "relu"] or options.activation
  if type(self.activation) == "string" then
    arguments.fail("%s: activation: expected 'relu', 'gelu' or a function, got '%s'", name, self.activation)
  end
  self.norm_first = check.flag(name, options, "norm_first", false)
  self.self_attn = MultiheadAttention(d_model, nhead,
    {dropout = dropout, bias = bias, batch_first = check.flag(name, options, "batch_first", false)})
  self.linear1, self.dropout = Linear(d_model, hidden, bias), Dropout(dropout)
  self.linear2 = Linear(hidden, d_model, bias)
  self.norm1 = LayerNorm(d_model, {eps = eps, bias = bias})
  self.norm2 = LayerNorm(d_model, {eps = eps, bias = bias})
  self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
end

local CALL = {"src_mask", "src_key_padding_mask", "is_causal"}

function TransformerEncoderLayer:forward(x, options)
  options = arguments.options("TransformerEncoderLayer", 2, options, CALL)
  local masks = {attn_mask = options.src_mask, key_padding_mask = options.src_key_padding_mask,
    is_causal = options.is_causal, need_weights = false}
  local function attend(y) return self.dropout1((self.self_attn(y, y, y, masks))) end
  local function feed(y) return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(y))))) end
  if self.norm_first then
    x = x + attend(self.norm1(x))
    return x + feed(self.norm2(x))
  end
  x = self.norm1(x + attend(x))
  return self.norm2(x + feed(x))
end

local TransformerEncoder = Module:extend "TransformerEncoder"

--- Several layers, copies of the one given, one after the other; then the norm, where there is one.
---@param encoder_layer table a TransformerEncoderLayer
---@param num_layers integer
---@param norm? table a module
--- Source: torch.nn.TransformerEncoder.
--- Example: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 3)(ap.ones(5, 3, 8)).shape --> {5, 3, 8}
function TransformerEncoder:init(encoder_layer, num_layers, norm)
  if type(encoder_layer) ~= "table" or not encoder_layer.is_module then
    arguments.fail("TransformerEncoder: argument 1: expected a module, got %s", arguments.got(encoder_layer))
  end
  self.layers = ModuleList()
  for _ = 1, check.size("TransformerEncoder", 2, "num_layers", num_layers) do
    self.layers:append(encoder_layer:clone())
  end
  self.norm = norm
end

function TransformerEncoder:forward(x, options)
  local named = options and {src_mask = options.mask, src_key_padding_mask = options.src_key_padding_mask,
    is_causal = options.is_causal}
  arguments.options("TransformerEncoder", 2, options, {"mask", "src_key_padding_mask", "is_causal"})
  for _, layer in ipairs(self.layers) do x = layer(x, named) end
  return self.norm and self.norm(x) or x
end

return {TransformerEncoderLayer = TransformerEncoderLayer, TransformerEncoder = TransformerEncoder}
