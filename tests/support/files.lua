--- Files for the tests of readers and writers.

local files = {}

--- Writes a file that is removed at the end, and returns its path.
function files.write(bytes)
  local path = tmpname()
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  return path
end

--- All bytes of a file.
function files.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

--- The bytes of a golden file: a u8 tensor of tests/golden/files.safetensors.
function files.golden(name)
  local bytes = golden("files")[name]:totable()
  local parts = {}
  for i = 1, #bytes, 4096 do parts[#parts + 1] = string.char(table.unpack(bytes, i, math.min(i + 4095, #bytes))) end
  return table.concat(parts)
end

--- The output of a shell command, without the line break at its end.
function files.shell(command)
  local pipe <close> = assert(io.popen(command))
  return (pipe:read("a"):gsub("\n$", ""))
end

--- A new empty folder; remove it with files.shell("rm -r ...").
function files.folder()
  return files.shell "mktemp -d"
end

--- Descriptors that this process has open (Linux; elsewhere always 0).
function files.descriptors()
  -- The pause lets popen close its end of the pipe first.
  return tonumber(files.shell "sleep 0.05; ls /proc/$PPID/fd 2>/dev/null | wc -l")
end

return files
