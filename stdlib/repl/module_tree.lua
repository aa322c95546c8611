-- A module as a tree: what it is made of, how many numbers its parameters hold and which shapes they and the buffers
-- have.
--
--   Sequential                                      560
--   ├─ [1] Linear(in_features=10, out_features=50)  550  weight 50x10, bias 50
--   └─ [2] ReLU()
--   560 parameters, 2.2 KiB, f32, cpu

local Module = require "apsis.nn.Module"
local terminal = require "apsis.terminal"

local width, rep, concat = terminal.width, string.rep, table.concat

local MOST_ROWS = 200
local LEAST_SHAPES = 12 -- columns below which shapes that need more are left out
local GAP = "  "

local function with_commas(n)
  local text = tostring(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

local function cut(text, room) return terminal.cut(text, room, "…") end

local function shape_of(t)
  local size = t:size()
  return #size == 0 and "0-dim" or concat(size, "x")
end

local function settings_of(module)
  local ok, text = pcall(module.extra_repr, module)
  return ok and type(text) == "string" and text or ""
end

-- "weight 50x10, bias 50": what the module holds itself.
local function shapes_of(module)
  local parts = {}
  for _, iterate in ipairs {Module.named_parameters, Module.named_buffers} do
    for name, t in iterate(module) do
      if not name:find(".", 1, true) then parts[#parts + 1] = name .. " " .. shape_of(t) end
    end
  end
  return concat(parts, ", ")
end

-- How a child is reached: [1] at a position, (fc) in a field. State dicts count positions from 0.
local function label_of(module, name, child)
  local position = math.tointeger(tonumber(name))
  if position and rawequal(rawget(module, position + 1), child) then return ("[%d] "):format(position + 1) end
  return ("(%s) "):format(name)
end

local function name_of(module) return debug.getmetatable(module).__name or "Module" end

local function add_rows(rows, module, label, head, below, seen)
  if #rows > MOST_ROWS then return end
  local row = {head = head, label = label, name = name_of(module)}
  rows[#rows + 1] = row
  if seen[module] then
    row.settings = " (the same as above)"
    return
  end
  seen[module] = true
  local settings, children = settings_of(module), {}
  for name, child in Module.named_children(module) do children[#children + 1] = {name, child} end
  row.settings = (settings ~= "" or #children == 0) and "(" .. settings .. ")" or ""
  row.count, row.shapes = Module.num_parameters(module), shapes_of(module)
  for i, c in ipairs(children) do
    local last = i == #children
    add_rows(rows, c[2], label_of(module, c[1], c[2]), below .. (last and "└─ " or "├─ "),
      below .. (last and "   " or "│  "), seen)
  end
end

local function sorted_keys(set)
  local list = {}
  for key in next, set do list[#list + 1] = key end
  table.sort(list)
  return concat(list, " and ")
end

-- The last line: all parameters together.
local function sum_of(module)
  local n, frozen, bytes, dtypes, devices = 0, 0, 0, {}, {}
  for _, p in ipairs(Module.parameters(module)) do
    local size = p:numel()
    n, bytes = n + size, bytes + size * p:element_size()
    if not p.requires_grad then frozen = frozen + size end
    dtypes[p.dtype], devices[p.device] = true, true
  end
  if n == 0 then return nil end
  return ("%s parameter%s%s, %s, %s, %s"):format(with_commas(n), n == 1 and "" or "s",
    frozen > 0 and (" (%s frozen)"):format(frozen == n and "all" or with_commas(frozen)) or "",
    require("apsis.repl.show").bytes(bytes), sorted_keys(dtypes), sorted_keys(devices))
end

local function row_text(row, wide, most, shapes_room, paint)
  local room = wide
  local head, label = cut(row.head, room), row.label
  room = room - width(head)
  label = cut(label, math.max(room, 1))
  room = room - width(label)
  local name = cut(row.name, math.max(room, 1))
  room = room - width(name)
  local settings = room > 0 and cut(row.settings, room) or ""
  local line = paint("note", head) .. paint("key", label) .. paint("name", name) .. settings
  if not row.count or row.count == 0 and row.shapes == "" then return line end
  local count = row.count > 0 and with_commas(row.count) or ""
  line = line .. rep(" ", room - width(settings)) .. GAP .. rep(" ", most - #count) .. paint("number", count)
  if shapes_room == 0 or row.shapes == "" then return line end
  return line .. GAP .. paint("note", cut(row.shapes, shapes_room))
end

--- The tree as text.
---@param module table
---@param room integer columns
---@param paint fun(kind: string, text: string): string
---@return string
return function(module, room, paint)
  local rows, names, wide, most, shapes = {}, 0, 0, 0, 0
  add_rows(rows, module, "", "", "", {})
  for _, row in ipairs(rows) do
    local name = width(row.head .. row.label .. row.name)
    names, wide = math.max(names, name), math.max(wide, name + width(row.settings))
    most = math.max(most, row.count and row.count > 0 and #with_commas(row.count) or 0)
    shapes = math.max(shapes, width(row.shapes or ""))
  end
  -- Where not all fits, shapes keep a third of the room, or go; settings are cut before names.
  local counts = most > 0 and #GAP + most or 0
  local kept = math.min(shapes, room // 3) + #GAP
  if kept < math.min(shapes, LEAST_SHAPES) or room - counts - kept < names then kept = 0 end
  wide = math.max(math.min(wide, room - counts - kept), 1)
  local shapes_room = kept > 0 and room - wide - counts - #GAP or 0
  local lines = {}
  for i, row in ipairs(rows) do
    if i > MOST_ROWS then
      lines[i] = paint("note", "...")
      break
    end
    lines[i] = row_text(row, wide, most, shapes_room, paint)
  end
  lines[#lines + 1] = sum_of(module)
  return concat(lines, "\n")
end
