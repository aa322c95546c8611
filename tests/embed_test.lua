-- Programs in C and C++ that use the library as it is installed: found by pkg-config, shared and static.

local program = require "support.program"
local quote, must, sh = program.quote, program.must, program.sh

local prefix          -- where the library is installed for these tests
local static_prefix   -- the same without the shared library

-- The variables on the command line of an outer make count for this one too, its job server does not.
local function make(goals)
  local flags = sh [[printf %s "$MAKEFLAGS" | sed 's/ *--jobserver[^ ]*//; s/ *-j[0-9]*//']]
  -- Relative, as the make that built the program had it: the names of what it made are the same then.
  local build = program.folder:match "[^/]*$"
  truth(program.root .. "/" .. build == program.folder, "these tests install the build that runs them")
  return must(("cd %s && MAKEFLAGS=%s make BUILD=%s%s %s"):format(quote(program.root), quote(flags), build,
    program.sanitize and " SANITIZE=" .. program.sanitize or "", goals))
end

local function need(tool)
  local _, status = sh("command -v " .. tool .. " >/dev/null 2>&1")
  truth(status == 0, tool .. " is missing: `make deps` installs what the tests need")
end

local function installed()
  if prefix then return prefix, static_prefix end
  for _, tool in ipairs {"make", "cc", "c++", "pkg-config"} do need(tool) end
  local folder = program.tmpdir()
  make("install DESTDIR=" .. quote(folder) .. " PREFIX=/usr")
  prefix, static_prefix = folder .. "/usr", folder .. "/static"
  must(("cp -r %s %s && rm %s/lib/*.so*"):format(quote(prefix), quote(static_prefix), quote(static_prefix)))
  return prefix, static_prefix
end

local languages = {
  {name = "C99", compiler = "cc -std=c99"},
  {name = "C++17", compiler = "c++ -std=c++17 -x c++"},
}

local function pkg_config(at, options)
  return must(("PKG_CONFIG_PATH=%s/lib/pkgconfig pkg-config --define-variable=prefix=%s %s apsis"):format(
    quote(at), quote(at), options)):gsub("\n$", "")
end

-- Builds tests/embed/NAME.c or another source and returns the command that runs it.
local function build(source, language, static)
  local shared_at, static_at = installed()
  local at = static and static_at or shared_at
  local flags = pkg_config(at, static and "--static --cflags --libs" or "--cflags --libs")
  local binary = tmpname()
  local checked = program.sanitize and " -g -fsanitize=" .. program.sanitize or ""
  must(("%s -Wall -Wextra -Werror%s -o %s %s -x none %s -lpthread"):format(language.compiler, checked, binary,
    quote(program.root .. "/" .. source), flags))
  -- Some ask for more memory than there is: a checked build is to say no, as the C library does.
  return ("cd %s && ASAN_OPTIONS=$ASAN_OPTIONS:allocator_may_return_null=1 LD_LIBRARY_PATH=%s/lib %s 2>&1"):format(
    quote(binary:match "^(.*)/"), quote(at), binary)
end

local function passes(source, language, static)
  local output, status = sh(build(source, language, static))
  truth(status == 0 and output:find " 0 failed", ("status %d: %s"):format(status, output))
end

for _, name in ipairs {"api", "tensors", "interrupt"} do
  test(name .. ".c passes as C99 with the shared library", function()
    passes("tests/embed/" .. name .. ".c", languages[1], false)
  end)
end

for _, name in ipairs {"api", "tensors"} do
  test(name .. ".c passes as C++17 with the static library", function()
    passes("tests/embed/" .. name .. ".c", languages[2], true)
  end)
end

for _, language in ipairs(languages) do
  for _, static in ipairs {false, true} do
    test(("host.c trains as %s with the %s library"):format(language.name, static and "static" or "shared"), function()
      local output, status = sh(build("examples/embed/host.c", language, static))
      truth(status == 0, output)
      truth(output:find "^lua: training with Adam\n" ~= nil, output)
      local accuracy = tonumber(output:match "accuracy on new points: ([%d.]+) %%")
      truth(accuracy and accuracy > 90, output)
      truth(output:find "as expected: script:%d+: " ~= nil, output)
    end)
  end
end

test("the installed program runs, and the libraries show the names of apsis.h only", function()
  local at = installed()
  equal(must(quote(at .. "/bin/apsis") .. " -e 'print(1 + 1)'"), "2\n")
  local functions = {}
  for name in must("cat " .. quote(at .. "/include/apsis.h")):gmatch "APSIS_API [%w_ *]-(apsis_[%w_]+)%(" do
    functions[#functions + 1] = name
  end
  table.sort(functions)
  truth(#functions > 15)
  local list = table.concat(functions, "\n") .. "\n"
  local names = " | awk 'NF == 3 && $3 !~ /^(__|_init|_fini|_edata|_end)/ {print $3}' | LC_ALL=C sort"
  equal(must("nm -D --defined-only " .. quote(at .. "/lib/libapsis.so") .. names), list)
  equal(must("nm -g --defined-only " .. quote(at .. "/lib/libapsis.a") .. names), list)
end)

test("make uninstall removes what make install put there", function()
  local folder = program.tmpdir()
  make("install DESTDIR=" .. quote(folder) .. " PREFIX=/opt LIBDIR=/opt/lib64")
  truth(must("cat " .. quote(folder .. "/opt/lib64/pkgconfig/apsis.pc")):find "libdir=${prefix}/lib64\n" ~= nil)
  make("uninstall DESTDIR=" .. quote(folder) .. " PREFIX=/opt LIBDIR=/opt/lib64")
  equal(must("find " .. quote(folder) .. " ! -type d"), "")
end)
