-- Attention and transformer layers against PyTorch (tests/golden/attention.py): outputs, weights and gradients.

local ap = require "apsis"
local nn = require "apsis.nn"
local trained = require "support.trained"

local all = golden "attention"
local later = ap.ones({5, 5}, {dtype = "bool"}):triu(1)
local small = {dim_feedforward = 6, dropout = 0}

local CASES = {
  self = {function() return nn.MultiheadAttention(4, 2) end, function(m, x) return m(x, x, x, {attn_mask = later}) end},
  cross = {function() return nn.MultiheadAttention(4, 2, {bias = false, batch_first = true}) end, function(m, x)
    return m(x:narrow(2, 1, 3), x, x * 2, {key_padding_mask = all.padding, average_attn_weights = false})
  end},
  scores = {function() return nn.MultiheadAttention(4, 2) end,
    function(m, x) return m(x, x, x, {attn_mask = all.scores}) end},
  one = {function() return nn.MultiheadAttention(4, 2) end, function(m, x) return m(x, x, x) end},
  layer = {function() return nn.TransformerEncoderLayer(4, 2, small) end,
    function(m, x) return m(x, {is_causal = true}) end},
  layer_first = {function()
    return nn.TransformerEncoderLayer(4, 2,
      {dim_feedforward = 6, dropout = 0, activation = "gelu", batch_first = true, norm_first = true})
  end, function(m, x) return m(x, {src_key_padding_mask = all.padding}) end},
  encoder = {function()
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, small), 2, nn.LayerNorm(4))
  end, function(m, x) return m(x) end},
}

for name, case in pairs(CASES) do
  test(name .. ": takes PyTorch's state dict and gives its outputs and gradients", function()
    local g, o = under(all, name .. "/"), {rtol = 1e-9, atol = 1e-11}
    local layer = case[1]():double()
    layer:load_state_dict(under(g, "state/"))
    local x = g.x:clone():requires_grad_()
    trained(layer, {case[2](layer, x)}, {x = x}, g, o)
  end)
end

test("MultiheadAttention: wrong inputs are named; no weights where none are wanted", function()
  local m, x = nn.MultiheadAttention(4, 2), ap.ones(5, 2, 4)
  equal(select("#", m(x, x, x, {need_weights = false})), 1)
  raises("MultiheadAttention: embed_dim: expected a multiple of num_heads %(3%), got 4", nn.MultiheadAttention, 4, 3)
  raises("MultiheadAttention: argument 2: expected %(%*, N, 4%) or %(%*, 4%), got %(5x2x3%)", m, x, ap.ones(5, 2, 3), x)
  raises("MultiheadAttention: argument 3: expected a tensor", m, x, x)
  raises("MultiheadAttention: key_padding_mask: expected %(N, S%), got %(5x2%)", m, x, ap.ones(4, 2, 4),
    ap.ones(4, 2, 4), {key_padding_mask = ap.ones(5, 2):gt(0)})
  raises("MultiheadAttention: unknown option 'mask'", m, x, x, x, {mask = 1})
end)

test("Module.clone: tensors of its own, what was shared still shared", function()
  local m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
  m:append(m[1])
  local copy = m:clone()
  truth(ap.equal(copy[1].weight, m[1].weight) and not rawequal(copy[1].weight, m[1].weight))
  truth(rawequal(copy[1], copy[3]) and #copy:parameters() == 4 and copy[1].weight.requires_grad)
  do
    local _ <close> = ap.no_grad()
    copy[1].weight:zero_()
    copy[2].running_mean:fill_(3)
  end
  truth(m[1].weight:abs():sum():item() > 0 and m[2].running_mean:sum():item() == 0)
  copy:eval()
  truth(m.training and m[2].training)
end)
