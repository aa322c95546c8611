-- A small class system: classes are tables, instances have the class as their metatable.
--
--   local class = require "apsis.class"
--   local Point = class("Point")
--   function Point:init(x, y) self.x, self.y = x, y end
--   local Point3 = Point:extend("Point3")
--   local p = Point3(1, 2)            -- calls init
--   p:is_a(Point)                     --> true
--
-- Metamethods (__call, __len, __tostring, ...) are inherited: extend copies them, since Lua looks them up raw.

local core = require "apsis.core"

-- Of a constructor: how many arguments it takes. Lua drops what comes after them; of the library's own that is an
-- error, as with its functions. Those of users follow Lua's rule.
local most_of = setmetatable({}, {__mode = "k"})

local function most_arguments(init)
  local most = most_of[init]
  if not most then
    most = math.max((core.parameters(init) or math.huge) - 1, 0) -- but for self, where init has it
    most_of[init] = most
  end
  return most
end

local function refuse_more_than(most, class, ...)
  local given = select("#", ...)
  while given > most and (select(given, ...)) == nil do given = given - 1 end
  if given > most then
    core.fail(("%s: expected at most %d argument%s, got %d"):format(rawget(class, "__name"), most,
      most == 1 and "" or "s", given))
  end
end

local function construct(class, ...)
  local object, init = setmetatable({}, class), class.init
  if select("#", ...) > most_arguments(init) then refuse_more_than(most_of[init], class, ...) end
  init(object, ...)
  return object
end

local function class_name(class)
  return "class " .. rawget(class, "__name")
end

local function derive(name, parent)
  local class = {}
  for key, value in next, parent or {} do
    if type(key) == "string" and key:sub(1, 2) == "__" then class[key] = value end
  end
  class.__index = class
  class.__name = name
  class.super = parent
  return setmetatable(class, {__index = parent, __call = construct, __tostring = class_name})
end

local Object = derive("Object")

--- The constructor: Class(...) makes the object and calls init(...). The default takes nothing and does nothing.
function Object.init() end

--- A subclass.
---@param name string the name that print and error messages show
---@return table class
function Object:extend(name)
  assert(type(name) == "string", "extend: expected the name of the class as a string")
  return derive(name, self)
end

--- Is this object (or class) one of `class`, or of a class derived from it?
---@param class table
---@return boolean
function Object:is_a(class)
  local mine = rawget(self, "__index") == self and self or getmetatable(self)
  while mine do
    if mine == class then return true end
    mine = rawget(mine, "super")
  end
  return false
end

--- The name of the object's class.
---@return string
function Object:class_name()
  return getmetatable(self).__name
end

--- class(NAME [, PARENT]) makes a class; class.Object is the root.
return setmetatable({Object = Object}, {
  __call = function(_, name, parent) return (parent or Object):extend(name) end,
})
