-- What Lua itself offers, in a line each, after sections 3.3 and 6 of the Lua 5.4 Reference Manual, which tells more.

local lua = {}

local MANUAL = "https://www.lua.org/manual/5.4/manual.html"

-- A signature, two blanks, the text; lines that begin with a blank go on.
local FUNCTIONS = [[
assert(v, message?)  raises the message (or v, if it is an error) where v is nil or false; else returns its arguments
collectgarbage(opt?, arg?)  "collect" runs the collector (the default), "count" tells the KiB that Lua uses; "stop",
 "restart", "step", "isrunning", "incremental", "generational"
dofile(filename?)  runs a file (or standard input) and returns what it returns
error(message, level?)  raises an error; level 1 (default) adds the position of the call of error, 2 that of the call of
 its function, 0 none
getmetatable(object)  the metatable, or its field __metatable; nil where there is none
ipairs(t)  for i, v in ipairs(t) do: the positions 1, 2, ... up to the first nil
load(chunk, chunkname?, mode?, env?)  compiles a string, or the strings that a function returns: a function, or nil and
 the message
loadfile(filename?, mode?, env?)  compiles a file without running it
next(table, index?)  a key after index, and its value; nil at the end. next(t) == nil: the table is empty
pairs(t)  for k, v in pairs(t) do: every key and value, in any order
pcall(f, ...)  calls f: true and its results, or false and the error
print(...)  writes its arguments, by tostring, with tabs between them
rawequal(v1, v2)  v1 == v2 without __eq
rawget(table, index)  table[index] without __index
rawlen(v)  #v without __len
rawset(table, index, value)  table[index] = value without __newindex
require(modname)  loads a module once; its value, and where it came from
select(n, ...)  the arguments from the n-th on (negative: from the end); select("#", ...): how many there are
setmetatable(table, metatable)  sets a table's metatable (nil: none) and returns the table
tonumber(e, base?)  a number from a string or a number; nil where that is none. base: 2 to 36
tostring(v)  as text; __tostring or __name decide where there is one
type(v)  "nil", "number", "string", "boolean", "table", "function", "thread" or "userdata"
warn(msg1, ...)  issues a warning; warn "@on" shows them
xpcall(f, msgh, ...)  pcall with a function that handles the message, called where the error was raised
coroutine.close(co)  closes a coroutine and its pending to-be-closed variables
coroutine.create(f)  a coroutine that will run f
coroutine.isyieldable(co?)  whether the running coroutine can yield
coroutine.resume(co, ...)  starts or goes on: true and what it yields or returns, or false and the error
coroutine.running()  the running coroutine, and whether it is the main one
coroutine.status(co)  "running", "suspended", "normal" or "dead"
coroutine.wrap(f)  a function that resumes a coroutine of f at each call
coroutine.yield(...)  pauses the coroutine; the arguments are resume's results
debug.debug()  a prompt that runs lines until "cont"
debug.gethook(thread?)  the hook: function, mask, count
debug.getinfo(thread?, f, what?)  about a function or a level of the stack: source, currentline, name, nparams, ...
debug.getlocal(thread?, f, local)  name and value of a local variable; of a function its parameters' names
debug.getmetatable(value)  the metatable, whatever __metatable says
debug.getregistry()  the registry
debug.getupvalue(f, up)  name and value of an upvalue
debug.getuservalue(u, n)  a user value of a userdata
debug.sethook(thread?, hook, mask, count?)  calls hook on "c"alls, "r"eturns, "l"ines or every count instructions
debug.setlocal(thread?, level, local, value)  sets a local variable
debug.setmetatable(value, table)  sets the metatable of any value
debug.setupvalue(f, up, value)  sets an upvalue
debug.setuservalue(udata, value, n)  sets a user value
debug.traceback(thread?, message?, level?)  the call stack as text
debug.upvalueid(f, n)  an identifier of an upvalue: shared ones are equal
debug.upvaluejoin(f1, n1, f2, n2)  makes two upvalues one
io.close(file?)  closes a file, or the default output
io.flush()  writes what the default output has buffered
io.input(file?)  sets or gives the default input
io.lines(filename?, ...)  for line in io.lines(name) do: closes the file at the end; formats as of read
io.open(filename, mode?)  a file, or nil, message, code; "r", "w", "a", "r+", "w+", "a+", with "b" for binary
io.output(file?)  sets or gives the default output
io.popen(prog, mode?)  starts a program; "r" reads its output, "w" writes its input
io.read(...)  from the default input: "l" a line (default), "L" with its end, "n" a number, "a" all, or a count of bytes
io.tmpfile()  a temporary file, removed at the end
io.type(obj)  "file", "closed file" or nil
io.write(...)  writes strings and numbers to the default output
math.abs(x)  the absolute value
math.acos(x)  in radians
math.asin(x)  in radians
math.atan(y, x?)  the angle of y / x in radians, in the right quadrant; x: default 1
math.ceil(x)  the smallest integer not below x
math.cos(x)  of radians
math.deg(x)  degrees of radians
math.exp(x)  e^x
math.floor(x)  the largest integer not above x
math.fmod(x, y)  the remainder that rounds towards zero
math.log(x, base?)  natural, or of the base
math.max(x, ...)  the largest
math.min(x, ...)  the smallest
math.modf(x)  the integral part and the rest
math.rad(x)  radians of degrees
math.random(m?, n?)  a float in [0, 1); with m an integer in 1..m, with both in m..n; math.random(0): all bits random
math.randomseed(x?, y?)  seeds math.random (not ap's numbers: ap.manual_seed)
math.sin(x)  of radians
math.sqrt(x)  the square root
math.tan(x)  of radians
math.tointeger(x)  x as an integer where it is one, else nil
math.type(x)  "integer", "float", or nil where x is no number
math.ult(m, n)  m < n as unsigned integers
os.clock()  seconds of processor time
os.date(format?, time?)  "%Y-%m-%d %H:%M:%S" and the like; "*t" gives a table; a ! in front: UTC
os.difftime(t2, t1)  seconds between two times
os.execute(command?)  runs a shell command: true or nil, "exit" or "signal", the number
os.exit(code?, close?)  ends the program
os.getenv(varname)  an environment variable; nil where it is not set
os.remove(filename)  deletes a file or an empty folder: true, or nil, message, code
os.rename(oldname, newname)  renames: true, or nil, message, code
os.setlocale(locale, category?)  sets or (nil) gives the locale
os.time(table?)  seconds since the epoch: now, or of {year =, month =, day =, hour =, min =, sec =}
os.tmpname()  a name for a temporary file
package.loadlib(libname, funcname)  a C function of a dynamic library
package.searchpath(name, path, sep?, rep?)  the file that require would load
string.byte(s, i?, j?)  the codes of the bytes i to j; default the first
string.char(...)  a string of these byte codes
string.dump(function, strip?)  a function's compiled code as a string
string.find(s, pattern, init?, plain?)  first and last position of the first match, then captures; nil where there is
 none. plain = true: no pattern but the text itself
string.format(formatstring, ...)  %d integer, %.3f float, %g, %s string, %q quoted, %x hexadecimal, %5d width, %%
string.gmatch(s, pattern, init?)  for a, b in s:gmatch(pattern) do: the captures (or the whole) of every match
string.gsub(s, pattern, repl, n?)  with matches replaced by a string (%1: a capture), a table's values or a function's
 results; and how many there were
string.len(s)  bytes
string.lower(s)  in small letters
string.match(s, pattern, init?)  the captures (or the whole) of the first match; nil where there is none
string.pack(fmt, ...)  values as bytes: "<i4" a little-endian 32-bit integer, "d" a double, ...
string.packsize(fmt)  bytes of a format of fixed size
string.rep(s, n, sep?)  n copies, with sep between them
string.reverse(s)  the bytes in reverse
string.sub(s, i, j?)  the bytes i to j; negative ones count from the end
string.unpack(fmt, s, pos?)  the values that string.pack packed, and the position behind them
string.upper(s)  in capitals
table.concat(list, sep?, i?, j?)  the strings and numbers in one string, with sep between them
table.insert(list, pos?, value)  inserts at a position; default at the end
table.move(a1, f, e, t, a2?)  copies a1[f..e] to a2[t..]; a2: default a1
table.pack(...)  {n = how many, ...}
table.remove(list, pos?)  removes and returns an element; default the last
table.sort(list, comp?)  sorts in place; comp(a, b): whether a comes before b. Not stable
table.unpack(list, i?, j?)  the elements as values
utf8.char(...)  the text of these code points
utf8.codepoint(s, i?, j?, lax?)  the code points that begin at bytes i to j
utf8.codes(s, lax?)  for position, code in utf8.codes(s) do
utf8.len(s, i?, j?, lax?)  characters; nil and a position where s is no UTF-8
utf8.offset(s, n, i?)  the byte where the n-th character begins
]]

local KEYWORDS = [[
and  a and b: a where a is nil or false, else b. b is computed only where it is needed
break  leaves the innermost loop
do  do ... end: a block, whose locals end with it
for  for i = first, last, step do ... end, or for k, v in pairs(t) do ... end
function  function f(a, b) ... end, local function f() ... end, function t.name() ... end, function t:method() ... end
 (which has self), or a value: function(x) return x end
goto  goto name jumps to ::name::
if  if a then ... elseif b then ... else ... end. Only nil and false are false: 0 and "" are true
local  local x, y = 1, 2. <const> forbids assignments, <close> calls __close at the end of the block: local f <close> =
 io.open(path)
nil  no value; a field set to nil is gone
not  not a: true where a is nil or false
or  a or b: a where a is neither nil nor false, else b
repeat  repeat ... until condition, which sees the block's locals
return  ends a function with results; last in its block
while  while condition do ... end
]]

local function entries(text, link)
  local list = {}
  for line in (text:gsub("\n ", " ")):gmatch "[^\n]+" do
    local signature, about = line:match "^(.-)  (.*)$"
    local name = signature:match "^[^(]+"
    list[name] = {name = name, signature = signature, text = about, link = link(name)}
  end
  return list
end

local functions, keywords

local function load_all()
  if functions then return end
  functions = entries(FUNCTIONS, function(name) return MANUAL .. "#pdf-" .. name end)
  keywords = entries(KEYWORDS, function() return MANUAL .. "#3.3" end)
end

--- A function or a keyword of Lua: {name, signature, text, link}.
---@param name string "string.rep", "for"
---@return table|nil
function lua.by_name(name)
  load_all()
  return functions[name] or functions["string." .. name] or keywords[name]
end

--- A function of Lua's libraries by its value.
---@param f function
---@return table|nil
function lua.find(f)
  load_all()
  for name, entry in next, functions do
    local library, part = name:match "^(%w+)%.(%w+)$"
    local owner = library and package.loaded[library] or not library and _G
    if type(owner) == "table" and rawequal(rawget(owner, part or name), f) then return entry end
  end
end

--- The functions of one of Lua's libraries, by the library's name or value.
---@param library string|table "string", math
---@return table[] sorted by name
function lua.library(library)
  load_all()
  local list = {}
  for name, entry in next, functions do
    local owner = name:match "^(%w+)%."
    if owner and (owner == library or rawequal(package.loaded[owner], library)) then list[#list + 1] = entry end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- The functions whose names or texts have all the words, sorted by name.
---@param words string
---@return table[]
function lua.search(words)
  load_all()
  local list = {}
  for _, entry in next, functions do
    local text, fits = (entry.signature .. " " .. entry.text):lower(), words:find "%S" ~= nil
    for word in words:lower():gmatch "%S+" do fits = fits and text:find(word, 1, true) ~= nil end
    if fits then list[#list + 1] = entry end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

return lua
