-- What answers the requests of a Jupyter front end, beside the user's code: cells are run in a session
-- (apsis.repl.session), their values shown as notebooks can. The program hands over requests by handle() and takes
-- messages by host.publish (vm/jupyter/work.c).

local display = require "apsis.jupyter.display"
local json = require "apsis.jupyter.json"
local question = require "apsis.repl.question"
local Session = require "apsis.repl.session"

local kernel = {}

local host = rawget(_G, "(host)") -- publish, base64, entries
rawset(_G, "(host)", nil)

-- Colours in tracebacks: front ends draw ANSI's sequences.
local ERROR_LOOK = {colours = 16, columns = display.look.columns}

local jupyter = require "apsis.jupyter"
rawset(_G, "display", jupyter.display)

local session = Session()
local print = print  -- the session may give the name another meaning
local count = 0      -- cells that were run and kept
local history = {}   -- {input, output} of cell n at n; output is nil where there is none
local output         -- the text of the running cell's result
local pages          -- texts that the running cell gives to the front end's pager
local asks = false   -- the running cell is ?name or the like

display.set_base64(host.base64)

local function publish(kind, content) host.publish(kind, json.encode(content)) end

jupyter.connect(publish)

-- --- running cells -----------------------------------------------------------------------------------------------

function session:look() return display.look end -- luacheck: ignore self

local function display_result(_, ...)
  local data = display.bundle_of(select("#", ...), ...)
  output = data["text/plain"]
  publish("execute_result", {execution_count = count, data = data, metadata = {}})
end

-- Help that was asked for by ?name goes to the front end's pager, that of help() to the cell's output.
package.loaded["apsis.help.pager"] = function(text)
  if not asks then return print(text) end
  pages[#pages + 1] = {source = "page", start = 0, data = {["text/plain"] = text}}
end

-- What went wrong, as messages tell it.
local function describe(caught)
  local message = tostring(caught)
  local name = caught.interrupted and "Interrupted" or caught.syntax and "SyntaxError" or "Error"
  local lines = {}
  for line in (caught:text(ERROR_LOOK) .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return {ename = name, evalue = message, traceback = json.array(lines)}
end

local function failure(caught, silent)
  local content = describe(caught)
  if not silent then publish("error", content) end
  content.status, content.execution_count = "error", count
  return content
end

local function expressions(wanted)
  local results = {}
  for name, expression in pairs(wanted) do
    local f, message = load("return " .. tostring(expression), "=expression", "t", session.env)
    local result = f and session:protect(function() return display.bundle((f())) end)
    if not f then
      results[name] = {status = "error", ename = "SyntaxError", evalue = message, traceback = json.array {message}}
    elseif result.ok then
      results[name] = {status = "ok", data = result[1], metadata = {}}
    else
      results[name] = describe(result.error)
      results[name].status = "error"
    end
  end
  return results
end

local handlers = {}

function handlers.execute_request(request)
  local code, silent = request.code, request.silent == true
  local kept = not silent and request.store_history ~= false
  if kept then count = count + 1 end
  if not silent then publish("execute_input", {code = code, execution_count = count}) end
  output, pages, asks = nil, {}, question.parse(code) ~= nil
  session.display = silent and function() end or display_result
  local result = session:execute(code, ("In[%d]"):format(count))
  if kept then history[count] = {code, output} end
  if not result.ok then return failure(result.error, silent), request.stop_on_error ~= false end
  if result.prefill then -- %load
    pages[#pages + 1] = {source = "set_next_input", text = result.prefill, replace = false}
  end
  return {status = "ok", execution_count = count, payload = json.array(pages),
    user_expressions = expressions(type(request.user_expressions) == "table" and request.user_expressions or {})}
end

-- --- looking at code ---------------------------------------------------------------------------------------------

-- The byte position of a cursor, which counts characters from 0.
local function cursor_of(request)
  local code, position = request.code, math.tointeger(request.cursor_pos)
  if not position then return #code end
  local at = utf8.offset(code, math.max(position, 0) + 1)
  return at and at - 1 or #code
end

-- How many characters the first n bytes are.
local function characters(code, n) return utf8.len(code, 1, n, true) or n end

local function files(prefix)
  local folder, start = prefix:match "^(.*/)(.*)$"
  local list = {}
  for name in host.entries(folder or "."):gmatch "[^\n]+" do
    if name:sub(1, #(start or prefix)) == (start or prefix) then list[#list + 1] = (folder or "") .. name end
  end
  return list
end

-- A pattern of the characters in a set.
local function outside(set) return "[^" .. set:gsub("%W", "%%%0") .. "]*$" end

function handlers.complete_request(request)
  local stop = cursor_of(request)
  local before = request.code:sub(1, stop)
  local pending, line = before:match "^(.*)\n(.-)$"
  local breaks, found = session:complete(line or before, pending)
  local prefix = before:match(outside(breaks or " "))
  local matches = json.array {}
  if found == true then
    for _, name in ipairs(files(prefix)) do matches[#matches + 1] = name end
  else
    for name in (found or ""):gmatch "[^\n]+" do
      if name:sub(1, #prefix) == prefix then matches[#matches + 1] = name end
    end
  end
  table.sort(matches)
  return {status = "ok", matches = matches, cursor_start = characters(request.code, stop - #prefix),
    cursor_end = characters(request.code, stop), metadata = {}}
end

function handlers.inspect_request(request)
  local text = require "apsis.jupyter.inspect"(request.code, cursor_of(request), request.detail_level == 1, session)
  return {status = "ok", found = text ~= nil, data = text and {["text/plain"] = text} or {}, metadata = {}}
end

function handlers.is_complete_request(request)
  local state, detail = session:check(request.code)
  return {status = state, indent = state == "incomplete" and detail or nil}
end

-- --- history -----------------------------------------------------------------------------------------------------

local SESSION = 1 -- there is no history of earlier ones

-- A Lua pattern of a glob: * stands for any text, ? for a character.
local function pattern_of(glob)
  return "^" .. glob:gsub("%W", "%%%0"):gsub("%%%*", ".*"):gsub("%%%?", ".") .. "$"
end

local function selected(request)
  local kind, n = request.hist_access_type, math.tointeger(request.n)
  local list = {}
  if kind == "range" then
    local from = math.tointeger(request.start) or 1
    local to = (math.tointeger(request.stop) or count + 1) - 1
    if request.session ~= nil and request.session ~= 0 and request.session ~= SESSION then return list end
    for i = math.max(from, 1), math.min(to, count) do list[#list + 1] = i end
    return list
  end
  local pattern = kind == "search" and pattern_of(type(request.pattern) == "string" and request.pattern or "*")
  local seen = {}
  for i = count, 1, -1 do
    local code = history[i] and history[i][1]
    if n and #list >= n then break end
    if code and (not pattern or code:find(pattern)) and not (request.unique == true and seen[code]) then
      seen[code] = true
      table.insert(list, 1, i)
    end
  end
  return list
end

function handlers.history_request(request)
  local items = json.array {}
  for _, i in ipairs(selected(request)) do
    local input, result = table.unpack(history[i] or {""}, 1, 2)
    if request.output == true then input = json.array {input, result or json.null} end
    items[#items + 1] = json.array {SESSION, i, input}
  end
  return {status = "ok", history = items}
end

-- --- the program's entries ---------------------------------------------------------------------------------------

--- Answers a request.
---@param kind string "execute_request"
---@param text string its content
---@return string reply the reply's content
---@return boolean abort whether the requests that wait are not to be run
function kernel.handle(kind, text)
  local request = json.decode(text)
  if type(request.code) ~= "string" then request.code = "" end
  local content, abort = handlers[kind](request)
  return json.encode(content), abort == true
end

--- Answers a request that handle() failed at.
---@param kind string
---@param _ string its content
---@param message string
---@return string reply
---@return boolean abort
function kernel.failed(kind, _, message)
  local interrupted = message:find "interrupted!$" ~= nil
  local content = {ename = interrupted and "Interrupted" or "Error", evalue = message,
    traceback = json.array {message}}
  if kind == "execute_request" then publish("error", content) end
  content.status, content.execution_count = "error", count
  return json.encode(content), kind == "execute_request"
end

return kernel
