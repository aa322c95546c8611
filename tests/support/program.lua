--- The program under test and other commands, from any working directory.

local program = {}

--- The text as one word of a shell command.
function program.quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
local quote = program.quote

--- sh(command) -> its standard output, its exit status (128 + n where signal n ended it)
function program.sh(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read "a"
  local _, how, code = pipe:close()
  return output, how == "signal" and 128 + code or code
end

--- Like sh, for commands that must succeed: raises an error with the output otherwise. Returns the output.
function program.must(command)
  local output, status = program.sh("{ " .. command .. "\n} 2>&1")
  if status ~= 0 then error(("status %d from: %s\n%s"):format(status, command, output), 2) end
  return output
end

local function line(command) return (program.must(command):gsub("\n$", "")) end

--- The root of the repository and the program that runs this, as absolute paths.
program.root = line("cd " .. quote((arg[0]:match("^(.*)/[^/]*$") or ".") .. "/..") .. " && pwd -P")
do
  local i = 0
  while arg[i - 1] do i = i - 1 end
  local path = arg[i]
  if not path:find "/" then path = line("command -v " .. quote(path)) end
  local folder, name = path:match "^(.*)/([^/]*)$"
  program.folder = line("cd " .. quote(folder ~= "" and folder or "/") .. " && pwd -P")
  program.path = program.folder .. "/" .. name
end

--- run(arguments) -> standard output and error together, exit status. arguments: shell words, redirections and all.
function program.run(arguments) return program.sh(quote(program.path) .. " " .. arguments .. " 2>&1") end

--- script(text) -> the path of a file with that text, removed at the end.
function program.script(text)
  local path = tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  return path
end

--- run_script(text, environment) -> standard output and error together, exit status, of the program that runs the text
--- with variables of the environment set ("NAME=VALUE ...", shell words).
function program.run_script(text, environment)
  return program.sh(("%s %s %s 2>&1"):format(environment or "", quote(program.path), quote(program.script(text))))
end

--- What a checked build (make SANITIZE=...) was built with: "address,undefined"; nil for a plain one.
program.sanitize = program.folder:match "/build%-([%w-]+)$"
program.sanitize = program.sanitize and program.sanitize:gsub("-", ",") or nil

--- A fresh folder, removed at the end.
function program.tmpdir()
  local path = tmpname()
  os.remove(path)
  assert(os.execute("mkdir " .. quote(path)))
  return path
end

return program
