-- Modules whose fields are loaded at their first use, so that requiring the module is cheap.

--- lazy: a table of names. pairs walks all of them, loaded or not, in alphabetical order; completion, which calls no
--- functions, reads the metatable's __names.
---@param prefix string of the modules' names: "apsis.nn."
---@param modules table<string, string> name -> the module that is its value
---@param fields table<string, string> name -> the module that has it as a field; "module.field" where that is named
--- otherwise
---@return table
return function(prefix, modules, fields)
  local function load(self, name)
    local value
    if modules[name] then
      value = require(prefix .. modules[name])
    elseif fields[name] then
      local module, field = fields[name]:match "^(.-)%.(.*)$"
      value = require(prefix .. (module or fields[name]))[field or name]
    end
    self[name] = value
    return value
  end

  local function all(self)
    local names = {}
    for _, set in ipairs {modules, fields} do
      for name in next, set do names[#names + 1] = name end
    end
    table.sort(names)
    local i = 0
    return function()
      i = i + 1
      return names[i], names[i] and self[names[i]]
    end
  end

  return setmetatable({}, {__index = load, __pairs = all, __names = {modules, fields}})
end
