-- The names that require takes: of the library's modules, of those that are loaded, and of the files that package.path
-- leads to.

local peek = require "apsis.repl.peek"

local popen, open = io.popen, io.open -- the session may give these names other meanings

local MOST_FILES = 2000 -- of one folder that are looked at

-- The entries of a folder; folders end in a slash.
local function entries(folder)
  local list = {}
  local pipe = popen("LC_ALL=C ls -p -- '" .. folder:gsub("'", "'\\''") .. "' 2>/dev/null")
  if not pipe then return list end
  for name in pipe:lines() do
    if #list < MOST_FILES then list[#list + 1] = name end
  end
  pipe:close()
  return list
end

local function is_file(path)
  local file = open(path)
  if file then file:close() end
  return file ~= nil
end

-- Adds the modules in a folder by a template's ending: "NAME.lua", or "NAME/init.lua"; those of the folders in it whose
-- names continue `last` too.
local function add_from(folder, parent, ending, last, add, deeper)
  for _, entry in ipairs(entries(folder)) do
    local inner = entry:match "^([%w_-]+)/$"
    local name = ending == ".lua" and entry:match "^([%w_-]+)%.lua$"
      or inner and ending == "/init.lua" and is_file(folder .. inner .. ending) and inner
    if name and name ~= "init" then add(parent .. name) end
    if inner and not deeper and inner:sub(1, #last) == last then
      add_from(folder .. inner .. "/", parent .. inner .. ".", ending, "", add, true)
    end
  end
end

local function add_files(prefix, add)
  local parent, last = prefix:match "^(.-)([^.]*)$"
  for template in tostring(package.path):gmatch "[^;]+" do
    local before, ending = template:match "^(.*/)%?(.*)$"
    if before and (ending == ".lua" or ending == "/init.lua") then
      add_from(before .. parent:gsub("%.", "/"), parent, ending, last, add)
    end
  end
end

--- The modules whose names begin with the prefix, one a line.
---@param prefix string
---@return string
return function(prefix)
  local list, seen = {}, {}
  local function add(name)
    if type(name) == "string" and not seen[name] and name:sub(1, #prefix) == prefix and not name:find "[^%w._-]" then
      seen[name] = true
      list[#list + 1] = name
    end
  end
  for _, name in ipairs(peek.MODULES) do add(name) end
  for name in next, package.loaded do
    if type(name) == "string" and not name:find "^apsis" then add(name) end
  end
  for name in next, package.preload do add(name) end
  if not prefix:find "[^%w._-]" then add_files(prefix, add) end
  return table.concat(list, "\n")
end
