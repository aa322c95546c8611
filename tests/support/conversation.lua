-- Conversations with the prompt on a terminal.

local program = require "support.program"
local quote, sh = program.quote, program.sh

local conversation = {}

local pty -- the helper's binary, built once

--- The path of the program that runs others on a terminal of their own (tests/support/pty.c), built at the first call.
---@return string
function conversation.helper()
  if not pty then
    pty = tmpname()
    local source = program.root .. "/tests/support/pty.c"
    program.must(("cc -std=c99 -Wall -Wextra -Werror -o %s %s"):format(pty, quote(source)))
  end
  return pty
end

--- A conversation: a list of what to wait for and what to type, in turns ("" waits for nothing); Ctrl-D is added at the
--- end. Returns everything the program wrote and the status.
function conversation.run(turns, options)
  options = options or {}
  local steps = {}
  for i = 1, #turns do
    local word = i % 2 == 1 and "expect " or "send "
    if turns[i] ~= "" then steps[#steps + 1] = word .. turns[i]:gsub("\\", "\\\\"):gsub("%c", function(c)
      return ("\\x%02x"):format(c:byte())
    end) end
  end
  if not options.no_end then steps[#steps + 1] = "send \\x04" end
  local path = require("support.files").write(table.concat(steps, "\n") .. "\n")
  local variables = "LC_ALL=C.UTF-8 COLORTERM= INPUTRC=/dev/null " .. (options.environment or "")
  local output, status = sh(("env TERM=%s %s APSIS_HISTORY=%s %s 8 %s %s <%s 2>&1"):format(options.term or "dumb",
    variables, options.history or "", conversation.helper(), quote(program.path), options.arguments or "--no-init",
    path))
  truth(status == 0, output)
  return output, tonumber(output:match "\nstatus (%d+)\n$")
end

return conversation
