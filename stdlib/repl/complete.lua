-- What could stand at the cursor: names, fields, methods, keys, modules, files, commands. Values are looked at raw
-- (peek.lua): no code runs, so completing never changes the session.

local compile = require "apsis.repl.compile"
local lexer = require "apsis.repl.lexer"
local peek = require "apsis.repl.peek"

local next = next
local each_field, is_callable, is_tensor, value_of = peek.each_field, peek.is_callable, peek.is_tensor, peek.value_of

local CODE_BREAKS = " \t\n\"'`@$><=;|&{(:.,+-*/%^#~[])}!?\\"

-- --- lists of matches --------------------------------------------------------------------------------------------

-- Names that begin with an underscore are offered only to who types one.
local function collector(prefix)
  local list, seen = {}, {[compile.LOCAL] = true}
  return list, function(name)
    local hidden = name:sub(1, 1) == "_" and prefix:sub(1, 1) ~= "_"
    if name:sub(1, #prefix) == prefix and not hidden and not seen[name] and name:find "^[%a_][%w_]*$" then
      seen[name] = true
      list[#list + 1] = name
    end
  end
end

local function fields_of(value, prefix, only_methods)
  local list, add = collector(prefix)
  each_field(value, function(name, v)
    if not only_methods or v ~= nil and is_callable(v) then add(name) end
  end)
  return table.concat(list, "\n")
end

local function names_in_scope(env, prefix)
  local list, add = collector(prefix)
  each_field(env, add)
  for word in next, lexer.KEYWORDS do add(word) end
  return table.concat(list, "\n")
end

-- --- where the cursor is -----------------------------------------------------------------------------------------

-- The names that help knows.
local function help_names() return table.concat(require("apsis.help.names").all(), "\n") end

local HELP = {help = true, apropos = true}

-- In the string that is the last token: a module's name, something to ask help about, a key, a word that the function
-- takes there, or a file.
local function in_string(tokens, env)
  local n = #tokens
  local quote = tokens[n].text:sub(1, 1)
  local prefix = tokens[n].text:sub(2)
  local before, further = tokens[n - 1], tokens[n - 2]
  if quote == "[" then return CODE_BREAKS end
  local called = before and (before.text == "(" and further or before)
  if called and called.text == "require" then return quote, require "apsis.repl.modules"(prefix), quote end
  if called and HELP[called.text] then return quote, help_names(), quote end
  if before and before.text == "[" and n > 2 then
    local owner, known = value_of(tokens, n - 2, env)
    if known and not is_tensor(owner) then
      local keys = {}
      each_field(owner, function(name)
        if not name:find "[%c\\\"']" then keys[#keys + 1] = name end
      end)
      return quote, table.concat(keys, "\n"), quote
    end
  end
  local words = {}
  for _, word in ipairs(require("apsis.repl.call").words(table.move(tokens, 1, n - 1, 1, {}), env) or {}) do
    if word:sub(1, #prefix) == prefix then words[#words + 1] = word end
  end
  return quote, #words == 0 or table.concat(words, "\n"), quote
end

-- The keys of the options that begin with the prefix, each with the sign behind it; nil where there are none.
local function option_keys(tokens, n, prefix, env)
  local keys = require("apsis.repl.call").keys(table.move(tokens, 1, n, 1, {}), env)
  local list = {}
  for _, key in ipairs(keys or {}) do
    if key:sub(1, #prefix) == prefix then list[#list + 1] = key .. " = " end
  end
  return #list > 0 and table.concat(list, "\n") or nil
end

local function in_code(text, tokens, env)
  local last = tokens[#tokens]
  local n, prefix = #tokens, ""
  if last and (last.kind == "name" or last.kind == "keyword") and last.stop == #text then
    prefix, n = last.text, n - 1
  elseif last and last.kind == "number" and last.stop == #text then
    return CODE_BREAKS
  end
  local dot = tokens[n] and tokens[n].text
  if dot ~= "." and dot ~= ":" then
    local keys = (dot == "{" or dot == ",") and option_keys(tokens, n, prefix, env)
    return CODE_BREAKS, keys or names_in_scope(env, prefix)
  end
  local value, known = value_of(tokens, n - 1, env)
  if not known or value == nil then return CODE_BREAKS end
  return CODE_BREAKS, fields_of(value, prefix, dot == ":")
end

-- The text of a command's line: its name, or its argument.
local function in_command(line, env)
  local name = line:match "^%%(%a*)$"
  if name then
    local list = {}
    for _, command in ipairs(require("apsis.repl.commands").names()) do list[#list + 1] = "%" .. command end
    return " \t", table.concat(list, "\n"), " "
  end
  local command, argument = line:match "^%%(%a+)%s+(.*)$"
  if command == "run" or command == "load" or command == "save" or command == "edit" then return " \t", true, " " end
  if not argument then return " \t" end
  return in_code(argument, lexer.tokens(argument), env)
end

-- After a question mark: what can be named here, else what help knows.
local function in_question(name, env)
  local tokens = lexer.tokens(name)
  if #tokens > 0 then
    local breaks, matches = in_code(name, tokens, env)
    if matches and matches ~= "" then return breaks, matches end
  end
  return " \t?", help_names()
end

--- See repl.complete.
return function(line, pending, env)
  if not pending then
    local start = line:match "^%s*()"
    local first = line:sub(start, start)
    if first == "%" then return in_command(line:sub(start), env) end
    if first == "!" then return " \t", true, " " end
    if first == "?" then return in_question(line:match "^%s*%?+%s*(.*)$", env) end
  end
  local text = pending and pending .. "\n" .. line or line
  local tokens = lexer.tokens(text, true)
  local last = tokens[#tokens]
  if last and last.stop == #text and last.kind == "comment" then return CODE_BREAKS end
  if last and last.kind == "string" and not last.finished then return in_string(tokens, env) end
  for i = #tokens, 1, -1 do
    if tokens[i].kind == "comment" then table.remove(tokens, i) end
  end
  return in_code(text, tokens, env)
end
