-- Recurrent layers against PyTorch (tests/golden/recurrent.py): outputs, states and gradients.

local ap = require "apsis"
local nn = require "apsis.nn"
local trained = require "support.trained"

local LAYERS = {
  rnn = function() return nn.RNN(3, 4) end,
  rnn_relu = function() return nn.RNN(3, 4, 2, {nonlinearity = "relu", bias = false}) end,
  lstm = function() return nn.LSTM(3, 4) end,
  lstm_deep = function() return nn.LSTM(3, 4, 2, {batch_first = true, bidirectional = true}) end,
  lstm_one = function() return nn.LSTM(3, 4) end,
  gru = function() return nn.GRU(3, 4) end,
  gru_deep = function() return nn.GRU(3, 4, {num_layers = 2, batch_first = true, bidirectional = true}) end,
  rnn_cell = function() return nn.RNNCell(3, 4) end,
  lstm_cell = function() return nn.LSTMCell(3, 4) end,
  gru_cell = function() return nn.GRUCell(3, 4) end,
}

-- The tensors that a layer gives, in a row: y, h, c.
local function in_a_row(...)
  local row = {}
  for _, v in ipairs {...} do
    if ap.is_tensor(v) then row[#row + 1] = v else table.move(v, 1, #v, #row + 1, row) end
  end
  return row
end

for name, make in pairs(LAYERS) do
  test(name .. ": takes PyTorch's state dict and gives its outputs, states and gradients", function()
    local g = under(golden "recurrent", name .. "/")
    local layer, o = make():double(), {rtol = 1e-10, atol = 1e-12}
    layer:load_state_dict(under(g, "state/"))
    local inputs = {x = g.x:clone():requires_grad_(), s1 = g.s1:clone():requires_grad_()}
    inputs.s2 = g.s2 and g.s2:clone():requires_grad_()
    local got = in_a_row(layer(inputs.x, g.s2 and {inputs.s1, inputs.s2} or inputs.s1))
    trained(layer, got, inputs, g, o)
  end)
end

test("recurrent layers: states left out are zeros, and one given goes on where it was taken", function()
  ap.manual_seed(1)
  for _, make in ipairs {nn.RNN, nn.LSTM, nn.GRU} do
    local layer, x = make(3, 4, {num_layers = 2}), ap.randn(6, 2, 3)
    local whole, last = layer(x)
    local _, state = layer(x[{ {1, 4} }])
    local rest, again = layer(x[{ {5, 6} }], state)
    close(rest:detach(), whole[{ {5, 6} }]:detach(), {rtol = 1e-6, atol = 1e-7})
    close(in_a_row(again)[1]:detach(), in_a_row(last)[1]:detach(), {rtol = 1e-6, atol = 1e-7})
  end
end)

test("recurrent layers: dropout between layers in training only; printed with what is not the default", function()
  local layer, x = nn.GRU(3, 8, 2, {dropout = 0.5}), ap.randn(4, 2, 3)
  truth(not ap.equal(layer(x), (layer(x))))
  layer:eval()
  truth(ap.equal(layer(x), (layer(x))))
  truth(tostring(layer):find("GRU(3, 8, num_layers=2, dropout=0.5)", 1, true))
  truth(tostring(nn.LSTMCell(3, 4, false)):find("LSTMCell(3, 4, bias=false)", 1, true))
end)

test("recurrent layers: wrong inputs and states are named", function()
  local lstm = nn.LSTM(3, 4)
  raises("LSTM: argument 1: expected %(T, N, 3%) or %(T, 3%), got %(5x2x4%)", lstm, ap.ones(5, 2, 4))
  raises("LSTM: argument 1: expected a tensor", lstm, 3)
  raises("LSTM: argument 2: expected the states {h, c}", lstm, ap.ones(5, 2, 3), ap.ones(1, 2, 4))
  raises("LSTM: argument 2: expected a state of shape %(1x2x4%), got %(1x4%)", lstm, ap.ones(5, 2, 3),
    {ap.ones(1, 4), ap.ones(1, 4)})
  raises("GRU: argument 1: expected at least one time step", nn.GRU(3, 4), ap.ones(0, 2, 3))
  raises("RNN: nonlinearity: expected 'tanh' or 'relu', got 'gelu'", nn.RNN, 3, 4, {nonlinearity = "gelu"})
  raises("GRU: unknown option 'layers'", nn.GRU, 3, 4, {layers = 2})
  raises("GRUCell: argument 1: expected %(N, 3%) or %(3%), got %(4%)", nn.GRUCell(3, 4), ap.ones(4))
end)
