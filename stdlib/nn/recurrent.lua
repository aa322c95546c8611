-- Recurrent layers: RNN, LSTM, GRU, and one step of each: RNNCell, LSTMCell, GRUCell. Shape letters: T time, N batch,
-- I input, H hidden, L layers, R directions (1 or 2), G gates.
--
-- The input's part of the gates is one product for all times; only the hidden state's is computed step by step.

local arguments = require "apsis.ops.arguments"
local ap = require "apsis"
local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"
local Parameter = require "apsis.nn.Parameter"
local check = require "apsis.nn.check"

-- --- one step ------------------------------------------------------------------------------------------------------
-- step(x, state, w): the next state, from the gates' part of the input x (N, G H), which has its bias, the state, a
-- table of (N, H), and the weights w = {hh (H, G H), bias of hh or nil}. A state's first tensor is the output.

local function hidden_part(h, w)
  local y = h:matmul(w.hh)
  return w.bias and y + w.bias or y
end

local function rnn_step(activation)
  return function(x, state, w) return {activation(x + hidden_part(state[1], w))} end
end

-- Gates: input, forget, cell, output. Source: Hochreiter, Schmidhuber 1997; Gers, Schmidhuber, Cummins 2000.
local function lstm_step(x, state, w)
  local gates, size = x + hidden_part(state[1], w), state[1]:size(2)
  local kept = gates:narrow(2, 1, 2 * size):sigmoid()
  local cell = gates:narrow(2, 2 * size + 1, size):tanh()
  local c = kept:narrow(2, size + 1, size) * state[2] + kept:narrow(2, 1, size) * cell
  return {gates:narrow(2, 3 * size + 1, size):sigmoid() * c:tanh(), c}
end

-- Gates: reset, update, new. Source: Cho et al. 2014; the reset gate as in cuDNN, after the product.
local function gru_step(x, state, w)
  local h, size = state[1], state[1]:size(2)
  local y = hidden_part(h, w)
  local gates = (x:narrow(2, 1, 2 * size) + y:narrow(2, 1, 2 * size)):sigmoid()
  local new = (x:narrow(2, 2 * size + 1, size) + gates:narrow(2, 1, size) * y:narrow(2, 2 * size + 1, size)):tanh()
  return {new + gates:narrow(2, size + 1, size) * (h - new)}
end

local KINDS = {
  RNN_TANH = {gates = 1, states = 1, step = rnn_step(ap.tanh)},
  RNN_RELU = {gates = 1, states = 1, step = rnn_step(ap.relu)},
  LSTM = {gates = 4, states = 2, step = lstm_step}, GRU = {gates = 3, states = 1, step = gru_step},
}

local function rnn_kind(layer, nonlinearity)
  if nonlinearity == nil or nonlinearity == "tanh" then return KINDS.RNN_TANH end
  if nonlinearity == "relu" then return KINDS.RNN_RELU end
  arguments.fail("%s: nonlinearity: expected 'tanh' or 'relu', got '%s'", layer, tostring(nonlinearity))
end

-- --- parameters ----------------------------------------------------------------------------------------------------

-- weight_ih (G H, I), weight_hh (G H, H), bias_ih and bias_hh (G H) under PyTorch's names.
local function add_weights(self, suffix, input_size, has_bias)
  local hidden, rows = self.hidden_size, self.kind.gates * self.hidden_size
  local bound = hidden > 0 and 1 / math.sqrt(hidden) or 0
  local function add(name, ...) self[name .. suffix] = Parameter.new(ap.empty(...):uniform_(-bound, bound)) end
  add("weight_ih", rows, input_size)
  add("weight_hh", rows, hidden)
  if has_bias then
    add("bias_ih", rows)
    add("bias_hh", rows)
  end
end

local function weights_of(self, suffix)
  return {ih = self["weight_ih" .. suffix], bias_ih = self["bias_ih" .. suffix],
    hh = self["weight_hh" .. suffix]:t(), bias = self["bias_hh" .. suffix]}
end

-- --- states --------------------------------------------------------------------------------------------------------

-- The states given by the caller, as a table of tensors of `size`; zeros where there are none.
local function states_of(self, given, size, x)
  local name, count = self:class_name(), self.kind.states
  local states = {}
  if given == nil then
    for k = 1, count do states[k] = ap.zeros(size, {dtype = x.dtype, device = x.device}) end
    return states
  end
  if count == 1 then given = {given} end
  if type(given) ~= "table" or #given ~= count then
    arguments.fail("%s: argument 2: expected the states {h, c}, got %s", name, arguments.got(given))
  end
  for k = 1, count do
    local s = given[k]
    arguments.tensor(name, 2, s)
    if arguments.shape(s) ~= "(" .. table.concat(size, "x") .. ")" then
      arguments.fail("%s: argument 2: expected a state of shape (%s), got %s", name, table.concat(size, "x"),
        arguments.shape(s))
    end
    states[k] = s
  end
  return states
end

local function check_input(self, x, ...)
  local name = self:class_name()
  arguments.tensor(name, 1, x)
  for _, ndim in ipairs {...} do
    if x.ndim == ndim and x:size(-1) == self.input_size then return end
  end
  arguments.fail("%s: argument 1: expected %s, got %s", name, self.expected, arguments.shape(x))
end

-- --- layers over time ----------------------------------------------------------------------------------------------

local Recurrent = Module:extend "Recurrent"

local NAMES = {"num_layers", "bias", "batch_first", "dropout", "bidirectional"}
local RNN_NAMES = {"num_layers", "nonlinearity", "bias", "batch_first", "dropout", "bidirectional"}

local function configure(self, kind, names, input_size, hidden_size, ...)
  local layer = self:class_name()
  local options = check.options(layer, names, ...)
  self.kind = kind or rnn_kind(layer, options.nonlinearity)
  self.nonlinearity = options.nonlinearity
  self.input_size = check.size(layer, 1, "input_size", input_size)
  self.hidden_size = check.size(layer, 2, "hidden_size", hidden_size)
  self.num_layers = check.size(layer, 3, "num_layers", options.num_layers or 1)
  self.batch_first = check.flag(layer, options, "batch_first", false)
  self.bidirectional = check.flag(layer, options, "bidirectional", false)
  self.has_bias = check.flag(layer, options, "bias", true)
  self.dropout = check.probability(layer, "dropout", options.dropout or 0)
  self.expected = ("%s, %d) or (T, %d)"):format(self.batch_first and "(N, T" or "(T, N", input_size, input_size)
  self.suffixes = self.bidirectional and {"", "_reverse"} or {""}
  for l = 0, self.num_layers - 1 do
    for _, suffix in ipairs(self.suffixes) do
      local size = l == 0 and self.input_size or #self.suffixes * self.hidden_size
      add_weights(self, "_l" .. l .. suffix, size, self.has_bias)
    end
  end
end

-- One direction of one layer over x (T, N, *): the outputs of all times (T, N, H) and the last states.
local function run(kind, x, states, w, backwards)
  local gates = F.linear(x, w.ih, w.bias_ih):unbind(1)
  local outputs = {}
  local first, last, by = 1, #gates, 1
  if backwards then first, last, by = last, first, -1 end
  for t = first, last, by do
    states = kind.step(gates[t], states, w)
    outputs[t] = states[1]
  end
  return ap.stack(outputs, 1), states
end

function Recurrent:forward(x, given)
  check_input(self, x, 2, 3)
  local is_batch = x.ndim == 3
  if not is_batch then x = x:unsqueeze(2) elseif self.batch_first then x = x:transpose(1, 2) end
  if x:size(1) == 0 then arguments.fail("%s: argument 1: expected at least one time step", self:class_name()) end
  local directions, count = #self.suffixes, self.kind.states
  local size = {self.num_layers * directions, x:size(2), self.hidden_size}
  if not is_batch then table.remove(size, 2) end
  local starts, ends = states_of(self, given, size, x), {}
  for k = 1, count do
    ends[k] = {}
    if not is_batch then starts[k] = starts[k]:unsqueeze(2) end
  end
  for l = 1, self.num_layers do
    local outputs = {}
    for d, suffix in ipairs(self.suffixes) do
      local i, states = (l - 1) * directions + d, {}
      for k = 1, count do states[k] = starts[k][i] end
      outputs[d], states = run(self.kind, x, states, weights_of(self, "_l" .. l - 1 .. suffix), d == 2)
      for k = 1, count do ends[k][i] = states[k] end
    end
    x = directions == 1 and outputs[1] or ap.cat(outputs, 3)
    if self.dropout > 0 and l < self.num_layers then x = F.dropout(x, self.dropout, self.training) end
  end
  for k = 1, count do
    ends[k] = ap.stack(ends[k], 1)
    if not is_batch then ends[k] = ends[k]:squeeze(2) end
  end
  if not is_batch then x = x:squeeze(2) elseif self.batch_first then x = x:transpose(1, 2) end
  return x, count == 1 and ends[1] or ends
end

function Recurrent:extra_repr()
  local text = ("%d, %d"):format(self.input_size, self.hidden_size)
  local function add(name, value, default)
    if value ~= nil and value ~= default then text = text .. (", %s=%s"):format(name, value) end
  end
  add("num_layers", self.num_layers, 1)
  add("nonlinearity", self.nonlinearity, "tanh")
  add("bias", self.has_bias, true)
  add("batch_first", self.batch_first, false)
  add("dropout", self.dropout, 0)
  add("bidirectional", self.bidirectional, false)
  return text
end

local RNN = Recurrent:extend "RNN"

--- h = tanh(W_ih x + b_ih + W_hh h + b_hh) over time: y, h = rnn(x, h). x is (T, N, I), y (T, N, R H), with batch_first
--- (N, T, *); without a batch (T, *). h is (L R, N, H), zeros at first where it is left out. R is 2 with bidirectional.
---@param input_size integer I
---@param hidden_size integer H
---@param options? {num_layers: integer, nonlinearity: string, bias: boolean, batch_first: boolean, dropout: number,
--- bidirectional: boolean} 1, "tanh" (or "relu"), true, false, 0 (between layers), false; also by position
--- Source: Elman 1990; torch.nn.RNN.  Example: nn.RNN(4, 8)(ap.randn(5, 2, 4)).shape --> {5, 2, 8}
function RNN:init(...) configure(self, nil, RNN_NAMES, ...) end

local LSTM = Recurrent:extend "LSTM"

--- Long short-term memory over time: y, {h, c} = lstm(x, {h, c}). x is (T, N, I), y (T, N, R H), with batch_first
--- (N, T, *); without a batch (T, *). h and c are (L R, N, H), zeros at first where they are left out. R is 2 with
--- bidirectional.
---@param input_size integer I
---@param hidden_size integer H
---@param options? {num_layers: integer, bias: boolean, batch_first: boolean, dropout: number, bidirectional: boolean}
--- 1, true, false, 0 (between layers), false; also by position
--- Source: Hochreiter, Schmidhuber 1997; torch.nn.LSTM.  Example: nn.LSTM(4, 8)(ap.randn(5, 2, 4)).shape --> {5, 2, 8}
function LSTM:init(...) configure(self, KINDS.LSTM, NAMES, ...) end

local GRU = Recurrent:extend "GRU"

--- Gated recurrent units over time: y, h = gru(x, h). Shapes as of RNN.
---@param input_size integer I
---@param hidden_size integer H
---@param options? {num_layers: integer, bias: boolean, batch_first: boolean, dropout: number, bidirectional: boolean}
--- 1, true, false, 0 (between layers), false; also by position
--- Source: Cho et al. 2014; torch.nn.GRU.  Example: nn.GRU(4, 8)(ap.randn(5, 2, 4)).shape --> {5, 2, 8}
function GRU:init(...) configure(self, KINDS.GRU, NAMES, ...) end

-- --- cells ---------------------------------------------------------------------------------------------------------

local Cell = Module:extend "RecurrentCell"

local function configure_cell(self, kind, names, input_size, hidden_size, ...)
  local layer = self:class_name()
  local options = check.options(layer, names, ...)
  self.kind, self.nonlinearity = kind or rnn_kind(layer, options.nonlinearity), options.nonlinearity
  self.input_size = check.size(layer, 1, "input_size", input_size)
  self.hidden_size = check.size(layer, 2, "hidden_size", hidden_size)
  self.has_bias = check.flag(layer, options, "bias", true)
  self.expected = ("(N, %d) or (%d)"):format(input_size, input_size)
  add_weights(self, "", self.input_size, self.has_bias)
end

function Cell:forward(x, given)
  check_input(self, x, 1, 2)
  local is_batch = x.ndim == 2
  if not is_batch then x = x:unsqueeze(1) end
  local states = states_of(self, given, is_batch and {x:size(1), self.hidden_size} or {self.hidden_size}, x)
  local w = weights_of(self, "")
  if not is_batch then
    for k = 1, #states do states[k] = states[k]:unsqueeze(1) end
  end
  states = self.kind.step(F.linear(x, w.ih, w.bias_ih), states, w)
  if not is_batch then
    for k = 1, #states do states[k] = states[k]:squeeze(1) end
  end
  return table.unpack(states)
end

function Cell:extra_repr()
  return ("%d, %d%s"):format(self.input_size, self.hidden_size, self.has_bias and "" or ", bias=false")
end

local RNNCell = Cell:extend "RNNCell"

--- One step of RNN: h = cell(x, h), with x (N, I) and h (N, H).
---@param input_size integer I
---@param hidden_size integer H
---@param options? {bias: boolean, nonlinearity: string} true, "tanh"; also by position
--- Source: torch.nn.RNNCell.  Example: nn.RNNCell(4, 8)(ap.randn(2, 4)).shape --> {2, 8}
function RNNCell:init(...) configure_cell(self, nil, {"bias", "nonlinearity"}, ...) end

local LSTMCell = Cell:extend "LSTMCell"

--- One step of LSTM: h, c = cell(x, {h, c}), with x (N, I), h and c (N, H).
---@param input_size integer I
---@param hidden_size integer H
---@param bias? boolean|{bias: boolean} default true
--- Source: torch.nn.LSTMCell.  Example: nn.LSTMCell(4, 8)(ap.randn(2, 4)).shape --> {2, 8}
function LSTMCell:init(...) configure_cell(self, KINDS.LSTM, {"bias"}, ...) end

local GRUCell = Cell:extend "GRUCell"

--- One step of GRU: h = cell(x, h), with x (N, I) and h (N, H).
---@param input_size integer I
---@param hidden_size integer H
---@param bias? boolean|{bias: boolean} default true
--- Source: torch.nn.GRUCell.  Example: nn.GRUCell(4, 8)(ap.randn(2, 4)).shape --> {2, 8}
function GRUCell:init(...) configure_cell(self, KINDS.GRU, {"bias"}, ...) end

return {RNN = RNN, LSTM = LSTM, GRU = GRU, RNNCell = RNNCell, LSTMCell = LSTMCell, GRUCell = GRUCell}
