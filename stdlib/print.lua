--- How tensors print: as PyTorch prints them (torch/_tensor_str.py describes the rules), values aligned, only the edges
--- of large ones; then shape, dtype and device.
--
--   > ap.arange(6):reshape(2, 3) / 4
--   tensor([[0.2500, 0.5000, 0.7500],
--           [1.0000, 1.2500, 1.5000]], 2x3, f32, cpu)

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"

local print_module = {}

local DEFAULTS = {precision = 4, threshold = 1000, edgeitems = 3, linewidth = 80, sci_mode = "auto"}
local settings = {}
for name, value in pairs(DEFAULTS) do settings[name] = value end

--- set_printoptions: how tensors print from now on; fields that are left out stay.
---@param options {precision: integer, threshold: integer, edgeitems: integer, linewidth: integer, sci_mode:
--- boolean|string} digits after the point (4); elements from which on only edges are shown (1000), and how many at each
--- end of a dimension (3); characters of a line (80); scientific notation always, never or "auto". No table: defaults.
--- Source: torch.set_printoptions.  Example: ap.set_printoptions {precision = 2}
function print_module.set_printoptions(options)
  options = options or DEFAULTS
  arguments.known("set_printoptions", options, DEFAULTS)
  for name, value in pairs(options) do
    local good = name == "sci_mode" and (value == "auto" or type(value) == "boolean")
      or name ~= "sci_mode" and math.type(value) == "integer" and value >= 0
    if not good then arguments.fail("set_printoptions: %s: got %s", name, tostring(value)) end
    settings[name] = value
  end
end

-- --- values ------------------------------------------------------------------------------------------------------

local function is_finite(v) return v == v and v ~= math.huge and v ~= -math.huge end

local function special(v)
  if v ~= v then return "nan" end
  return v > 0 and "inf" or "-inf"
end

-- A function from a float to its text, chosen by all values that are shown.
local function float_format(values)
  local least, most, whole = math.huge, 0, true
  for _, v in ipairs(values) do
    if is_finite(v) and v ~= 0 then
      local size = math.abs(v)
      least, most = math.min(least, size), math.max(most, size)
      whole = whole and v == math.floor(v)
    end
  end
  local sci = settings.sci_mode
  if sci == "auto" then sci = most > 0 and (most / least > 1000 or most > 1e8 or not whole and least < 1e-4) end
  local pattern = sci and "%." .. settings.precision .. "e" or whole and "%.0f." or "%." .. settings.precision .. "f"
  return function(v) return is_finite(v) and pattern:format(v) or special(v) end
end

local function formatter(x, values)
  if x:is_floating_point() then return float_format(values) end
  return tostring
end

-- --- layout ------------------------------------------------------------------------------------------------------

-- x with the middle of its long dimensions left out: of more than `most`, the first and the last n stay.
local function edges(x, most, n)
  for d = 1, x.ndim do
    local size = x:size(d)
    if size > most then
      if n == 0 then return x:narrow(d, 1, 0) end
      x = core.cat({x:narrow(d, 1, n), x:narrow(d, size - n + 1, n)}, d)
    end
  end
  return x
end

-- Items joined with ", ", in lines that fit; "..." in the middle where something was left out.
local function row(items, indent, style, cut)
  local per_line = math.max(1, (style.room - indent) // (style.width + 2))
  if cut then table.insert(items, settings.edgeitems + 1, " ...") end
  local lines = {}
  for first = 1, #items, per_line do
    lines[#lines + 1] = table.concat(items, ", ", first, math.min(first + per_line - 1, #items))
  end
  return "[" .. table.concat(lines, ",\n" .. (" "):rep(indent + 1)) .. "]"
end

-- The nested table `values` of a tensor whose real sizes are given from dimension d on. style: room (columns), width of
-- an element's text, text (a function that gives it), summary (whether the middle is left out).
local function layout(values, size, d, indent, style)
  local cut = style.summary and size[d] > 2 * settings.edgeitems
  local items = {}
  if d == #size then
    for i, v in ipairs(values) do
      local item = style.text(v)
      items[i] = (" "):rep(style.width - #item) .. item
    end
    return row(items, indent, style, cut)
  end
  for i, v in ipairs(values) do items[i] = layout(v, size, d + 1, indent + 1, style) end
  if cut then table.insert(items, settings.edgeitems + 1, "...") end
  return "[" .. table.concat(items, "," .. ("\n"):rep(#size - d) .. (" "):rep(indent + 1)) .. "]"
end

local function flatten(values, into)
  for _, v in ipairs(values) do
    if type(v) == "table" then flatten(v, into) else into[#into + 1] = v end
  end
  return into
end

local function body(x, indent, room)
  if x.ndim == 0 then
    local v = x:item()
    return formatter(x, {v})(v)
  end
  if x:numel() == 0 then return "[]" end
  local summary = x:numel() > settings.threshold
  local n = settings.edgeitems
  local values = (summary and edges(x, 2 * n, n) or x):totable()
  local flat = flatten(values, {})
  local style = {room = room, width = 0, text = formatter(x, flat), summary = summary}
  for _, v in ipairs(flat) do style.width = math.max(style.width, #style.text(v)) end
  return layout(values, x:size(), 1, indent, style)
end

-- "requires_grad", or the op that made the tensor.
local function gradient_text(x)
  local node = core.node_of(x)
  if node then return "grad_fn=" .. tostring(node) end
  return x.requires_grad and "requires_grad" or nil
end

local function shape_text(x)
  return x.ndim == 0 and "0-dim" or table.concat(x:size(), "x")
end

--- Shape, dtype, device and what autograd knows, as they stand behind the values.
---@param x Tensor
---@return string
---@private
function print_module.about(x)
  local parts = {shape_text(x), x.dtype, x.device}
  parts[#parts + 1] = gradient_text(x)
  return table.concat(parts, ", ")
end

--- The texts of the elements, as nested lists.
---@param x Tensor with one dimension at least
---@param most integer of a dimension longer than this ...
---@param n integer ... only the first and the last n elements
---@return table
---@private
function print_module.texts(x, most, n)
  local values = core.no_grad(function() return edges(x:detach(), most, n):totable() end)
  local text = formatter(x, flatten(values, {}))
  local function map(t)
    local list = {}
    for i, v in ipairs(t) do list[i] = type(v) == "table" and map(v) or text(v) end
    return list
  end
  return map(values)
end

--- The text that print shows of a tensor.
---@param x Tensor
---@param columns? integer of the terminal: lines are no longer, nor longer than linewidth
---@return string
---@private
function print_module.tostring(x, columns)
  local prefix = "tensor("
  local room = math.min(columns or settings.linewidth, settings.linewidth)
  local text = prefix .. core.no_grad(body, x:detach(), #prefix, room)
  local suffix = print_module.about(x) .. ")"
  local last_line = #text - (text:match(".*()\n") or 0)
  local fits = last_line + 2 + #suffix <= room
  return text .. (fits and ", " or ",\n" .. (" "):rep(#prefix)) .. suffix
end

return print_module
