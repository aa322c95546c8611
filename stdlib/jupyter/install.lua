-- Tells Jupyter of the kernel: a folder with kernel.json and the logo, where front ends look for such.
-- Source: https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs

local json = require "apsis.jupyter.json"
local logo = require "apsis.jupyter.logo"

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function variable(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local function output_of(command)
  local pipe = io.popen(command)
  local text = pipe and pipe:read "l"
  return pipe and pipe:close() and text or nil
end

-- Jupyter's folder for the user's data.
local function user_folder()
  if variable "JUPYTER_DATA_DIR" then return variable "JUPYTER_DATA_DIR" end
  local home = variable "HOME" or error("--user: HOME is not set", 0)
  if output_of "uname -s" == "Darwin" then return home .. "/Library/Jupyter" end
  return (variable "XDG_DATA_HOME" or home .. "/.local/share") .. "/jupyter"
end

-- The prefix of the Python environment that is active.
local function environment()
  local prefix = variable "VIRTUAL_ENV" or variable "CONDA_PREFIX"
    or output_of "python3 -c 'import sys; print(sys.prefix)' 2>/dev/null"
  return prefix or error("--sys-prefix: no Python environment is active, and there is no python3", 0)
end

local TAKES_VALUE = {["--prefix"] = true, ["--name"] = true, ["--display-name"] = true}
local PLAIN = {["--user"] = true, ["--sys-prefix"] = true}

-- The words of the command line: option -> its value, or true.
local function options_of(words)
  local options, i = {}, 1
  while i <= #words do
    local word, value = words[i], words[i]:match "^%-%-[%a-]+=(.*)$"
    local name = value and word:match "^(%-%-[%a-]+)=" or word
    if TAKES_VALUE[name] then
      if not value then
        i = i + 1
        value = words[i] or error(name .. ": a value is missing", 0)
      end
      options[name] = value
    elseif PLAIN[name] and not value then
      options[name] = true
    else
      error(("unknown option '%s'; options: --user --sys-prefix --prefix DIR --name NAME --display-name TEXT"):format(
        word), 0)
    end
    i = i + 1
  end
  return options
end

local function data_folder(options)
  local chosen = 0
  for _, name in ipairs {"--user", "--sys-prefix", "--prefix"} do chosen = chosen + (options[name] and 1 or 0) end
  if chosen > 1 then error("expected one of --user, --sys-prefix and --prefix", 0) end
  if options["--prefix"] then return options["--prefix"] .. "/share/jupyter" end
  if options["--sys-prefix"] then return environment() .. "/share/jupyter" end
  return user_folder()
end

local function write(path, bytes)
  local file = assert(io.open(path, "wb"))
  local ok, message = file:write(bytes)
  local closed, late = file:close()
  if not (ok and closed) then error(path .. ": " .. (message or late), 0) end
end

--- Writes the folder and says where.
---@param program string the path of the main program, which starts the kernel's
---@param _ string the path of the kernel's
---@param ... string the words of the command line
return function(program, _, ...)
  local options = options_of {...}
  local name = options["--name"] or "apsis"
  -- Front ends compare names in lower case.
  if not name:find "^[%w._-]+$" then
    error("--name: expected letters, digits, '.', '_' and '-', got " .. name, 0)
  end
  local folder = data_folder(options) .. "/kernels/" .. name:lower()
  if not os.execute("mkdir -p " .. quote(folder)) then error("cannot make the folder " .. folder, 0) end
  write(folder .. "/kernel.json", json.encode {
    argv = json.array {program, "kernel", "run", "{connection_file}"},
    display_name = options["--display-name"] or "Apsis",
    language = "lua",
    interrupt_mode = "message",
    kernel_protocol_version = "5.4",
    metadata = {debugger = false},
  } .. "\n")
  for _, size in ipairs {32, 64} do write(("%s/logo-%dx%d.png"):format(folder, size, size), logo.png(size)) end
  write(folder .. "/logo-svg.svg", logo.svg())
  print("the kernel is in " .. folder)
end
