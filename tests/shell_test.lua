-- The manual page and the shells' completion: they tell of every option and every variable, and they work.

local program = require "support.program"
local read = require("support.files").read
local quote, must, sh = program.quote, program.must, program.sh

local SHELL = program.root .. "/vm/shell/"

local function has(tool) return select(2, sh("command -v " .. tool .. " >/dev/null 2>&1")) == 0 end

local function contains(text, part, what)
  truth(text:find(part, 1, true) ~= nil, ("no %s in %s"):format(part, what))
end

-- The options that `apsis --help` lists.
local function options()
  local list = {}
  for line in must(quote(program.path) .. " --help"):gmatch "[^\n]+" do
    local names = line:match "^  (%-[^ ]*,? ?%-?%-?%a*)"
    for name in (names or ""):gmatch "%-%-?[%w-]+" do list[#list + 1] = name end
  end
  return list
end

test("the manual page and both completions know every option of the program", function()
  local page = read(SHELL .. "apsis.1.in"):gsub("\\%-", "-")
  local bash, zsh = read(SHELL .. "apsis.bash"), read(SHELL .. "_apsis")
  local list = options()
  truth(#list >= 9, table.concat(list, " "))
  for _, option in ipairs(list) do
    contains(page, option, "apsis.1.in")
    contains(bash, option, "apsis.bash")
    contains(zsh, option, "_apsis")
  end
  for option in must(quote(program.path) .. " kernel --help"):gmatch "%-%-[%a-]+" do
    contains(page, option, "apsis.1.in")
    contains(bash, option, "apsis.bash")
    contains(zsh, option, "_apsis")
  end
end)

-- Variables that are no settings of the program: the system's, and those of Jupyter and Python.
local NO_SETTING = {HOME = true, JPY_PARENT_PID = true, JUPYTER_DATA_DIR = true, XDG_DATA_HOME = true,
  VIRTUAL_ENV = true, CONDA_PREFIX = true, TMPDIR = true}

test("the manual page knows every environment variable that the sources read", function()
  local page, count = read(SHELL .. "apsis.1.in"), 0
  local command = [[cd %s && grep -rhoE '(getenv|variable) *\(?"[A-Z_]+"' lib vm stdlib |
    grep -oE '[A-Z_]+"' | sort -u]]
  for name in must(command:format(quote(program.root))):gmatch '([A-Z_]+)"' do
    if not NO_SETTING[name] then
      count = count + 1
      contains(page, name, "apsis.1.in")
    end
  end
  truth(count > 8, count)
end)

test("the manual page is well formed", function()
  if not has "groff" then return end
  local output = must("groff -man -ww -z " .. quote(SHELL .. "apsis.1.in"))
  equal(output, "")
  contains(must("groff -man -Tascii -P-c -P-b -P-u " .. quote(SHELL .. "apsis.1.in")), "an interactive environment",
    "the page")
end)

-- What bash offers for a command line whose last word is being typed.
local function bash(words, folder)
  local list = {}
  for i, word in ipairs(words) do list[i] = quote(word) end
  local script = ([[cd %s; compopt() { :; }; . %s; COMP_WORDS=(%s); COMP_CWORD=%d; _apsis
    printf '%%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ']]):format(quote(folder or "/"), quote(SHELL .. "apsis.bash"),
    table.concat(list, " "), #words - 1)
  return (must("bash -c " .. quote(script)):gsub("^ +", ""):gsub(" $", ""))
end

test("bash completes options, modules, scripts and the words of `apsis kernel`", function()
  if not has "bash" then return end
  must("bash -n " .. quote(SHELL .. "apsis.bash"))
  local folder = program.tmpdir()
  must(("cd %s; mkdir sub; touch train.lua 'two words.lua' data.csv"):format(quote(folder)))
  equal(bash {"apsis", "--"}, "--help --no-init --version")
  equal(bash {"apsis", "-l", "apsis.n"}, "apsis.nn apsis.nn.functional")
  equal(bash({"apsis", ""}, folder), "kernel sub train.lua two words.lua")
  equal(bash({"apsis", "-q", "tr"}, folder), "train.lua")
  equal(bash({"apsis", "-e", ""}, folder), "")
  equal(bash({"apsis", "train.lua", "--"}, folder), "")
  equal(bash {"apsis", "kernel", "i"}, "install")
  equal(bash {"apsis", "kernel", "install", "--"}, "--display-name --name --prefix --sys-prefix --user")
  equal(bash {"apsis", "kernel", "install", "--name", ""}, "")
  local registered = must("bash -c " .. quote(". " .. quote(SHELL .. "apsis.bash") .. "; complete -p apsis"))
  equal(registered, "complete -F _apsis apsis\n")
  must("rm -r " .. quote(folder))
end)

test("zsh reads its completion", function()
  if has "zsh" then must("zsh -n " .. quote(SHELL .. "_apsis")) end
  truth(read(SHELL .. "_apsis"):find "^#compdef apsis\n")
end)
