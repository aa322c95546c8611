-- Checks that the constructors of layers share.

local arguments = require "apsis.ops.arguments"

local check = {}

--- value if it is a non-negative integer; else an error that names the layer and its argument.
function check.size(layer, position, name, value)
  local n = math.tointeger(value)
  if type(value) ~= "number" or not n or n < 0 then
    arguments.fail("%s: argument %d (%s): expected an integer of 0 or more, got %s", layer, position, name,
      type(value) == "number" and tostring(value) or type(value))
  end
  return n
end

--- What stands behind a layer's required arguments, by position in PyTorch's order or by name in a last table, as a
--- table by name.
---@param layer string for errors
---@param names string[]
---@param ... any
---@return table
--- Errors: an unknown name, more values than names.
function check.options(layer, names, ...)
  local given = select("#", ...)
  local last = given > 0 and select(given, ...)
  if type(last) == "table" and next(last) == nil then given = given - 1 end -- {}: no options
  local values, options = {arguments.named(layer, names, table.unpack({...}, 1, given))}, {}
  for i, name in ipairs(names) do options[name] = values[i] end
  return options
end

--- options[name], a boolean; `default` where it is not given.
function check.flag(layer, options, name, default)
  local value = options[name]
  if value == nil then return default end
  if type(value) ~= "boolean" then
    arguments.fail("%s: %s: expected true or false, got %s", layer, name, arguments.got(value))
  end
  return value
end

--- value if it is a probability; else an error.
function check.probability(layer, name, value)
  if type(value) ~= "number" or not (value >= 0 and value <= 1) then
    arguments.fail("%s: %s: expected a number in [0, 1], got %s", layer, name,
      type(value) == "number" and value or arguments.got(value))
  end
  return value
end

--- A pair {height, width} from one number for both, a table of two, or nil (then `default`).
function check.pair(layer, name, value, default)
  if value == nil then value = default end
  if type(value) == "number" then return {value, value} end
  if type(value) ~= "table" or #value ~= 2 then
    arguments.fail("%s: %s: expected an integer or a table of two, got %s", layer, name, type(value))
  end
  return {value[1], value[2]}
end

--- "3" or "(3, 5)", for printed forms: a pair of equal numbers shows once.
function check.pair_text(pair)
  if pair[1] == pair[2] then return tostring(pair[1]) end
  return ("(%s, %s)"):format(pair[1], pair[2])
end

return check
