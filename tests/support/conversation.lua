--- The prompt on a terminal of its own (pty.c), and the session that it is built on.

local files = require "support.files"
local program = require "support.program"
local quote, sh = program.quote, program.sh

local conversation = {}

local SECONDS = program.sanitize and 100 or 20 -- that a conversation may take, where nothing else is said
local pty         -- the helper's binary, built once

--- The path of the program that runs others on a terminal of their own (pty.c), built at the first call.
---@return string
function conversation.helper()
  if not pty then
    pty = tmpname()
    local source = program.root .. "/tests/support/pty.c"
    program.must(("cc -std=c99 -Wall -Wextra -Werror -o %s %s"):format(pty, quote(source)))
  end
  return pty
end

-- A step of the helper's language.
local function step(word, text)
  return word .. " " .. text:gsub("\\", "\\\\"):gsub("%c", function(c) return ("\\x%02x"):format(c:byte()) end)
end

--- A conversation: a list of what to wait for and what to type, in turns. "" waits for nothing; {ms, text} waits for
--- the text so long at most. Ctrl-D is added at the end. Returns everything the program wrote and the status.
--- options: no_end, environment, term, history, arguments, seconds, before (what stands before env).
function conversation.run(turns, options)
  options = options or {}
  local steps = {}
  for i, turn in ipairs(turns) do
    if type(turn) == "table" then
      steps[#steps + 1] = step("within", ("%d %s"):format(turn[1], turn[2]))
    elseif turn ~= "" then
      steps[#steps + 1] = step(i % 2 == 1 and "expect" or "send", turn)
    end
  end
  if not options.no_end then steps[#steps + 1] = "send \\x04" end
  local path = files.write(table.concat(steps, "\n") .. "\n")
  local variables = "LC_ALL=C.UTF-8 COLORTERM= INPUTRC=/dev/null " .. (options.environment or "")
  local command = "%senv TERM=%s %s APSIS_HISTORY=%s %s %d %s %s <%s 2>&1"
  local output, status = sh(command:format(options.before or "", options.term or "dumb", variables,
    options.history or "", conversation.helper(), options.seconds or SECONDS, quote(program.path),
    options.arguments or "--no-init", path))
  truth(status == 0, output)
  return output, tonumber(output:match "\nstatus (%d+)\n$")
end

--- Fails where the text is not in the output.
function conversation.contains(output, text)
  truth(output:find(text, 1, true) ~= nil, ("no %q in:\n%s"):format(text, output))
end

--- What a script prints in a process of its own, in which `session` is a session without a terminal and
--- `failed(result)` the text of an error.
function conversation.talk(script)
  return (program.must(quote(program.path) .. " " .. files.write([[
    local session = require "apsis.repl.session"()
    local function failed(result) return result.error:text {colours = 0, columns = 80} end
    ]] .. script)):gsub("\n$", ""))
end

return conversation
