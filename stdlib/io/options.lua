-- The check of an options table that the readers share.

local fail = require("apsis.core").formats.fail

--- options (nil: an empty table) if it has only fields that are keys of `known`; else an error that lists them.
return function(what, options, known)
  if options == nil then return {} end
  if type(options) ~= "table" then
    fail(("%s: argument 2 (options): expected a table, got %s"):format(what, type(options)))
  end
  for key in pairs(options) do
    if not known[key] then
      local names = {}
      for option in pairs(known) do names[#names + 1] = option end
      table.sort(names)
      fail(("%s: no option %s; there are: %s"):format(what, tostring(key), table.concat(names, ", ")))
    end
  end
  return options
end
