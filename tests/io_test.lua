-- apsis.io: safetensors both ways, damaged and hostile files, atomic writes.

local ap = require "apsis"
local fio = require "apsis.io"
local files = require "support.files"

-- A run of this program with a script and arguments, and what it printed.
local program = arg and arg[-1] or "build/apsis"

-- The values of tests/golden/files.py.
local function values(dtype, ...)
  local list, n = {}, 1
  for _, size in ipairs {...} do n = n * size end
  for i = 0, n - 1 do
    if dtype == "bool" then
      list[i + 1] = i % 3 == 0
    elseif dtype:find "f" then
      list[i + 1] = i / 2 - 2
    else
      list[i + 1] = dtype == "u8" and i or i - 2
    end
  end
  return ap.tensor(list, {dtype = dtype}):reshape({...})
end

local function everything()
  return {
    f32 = values("f32", 2, 3), f64 = values("f64", 3), f16 = values("f16", 5), bf16 = values("bf16", 3),
    i8 = values("i8", 3), u8 = values("u8", 1, 3), i16 = values("i16", 3), i32 = values("i32", 2, 2),
    i64 = values("i64", 2), bool = values("bool", 5), empty = ap.zeros(0, 3), scalar = ap.full({}, -2.0),
    ["layer.0.weight"] = values("f32", 4), ["é \"\\\n\1😀"] = ap.full({}, -2.0),
  }
end

local note = {note = "line\n\"quoted\" é"}

-- --- reading and writing -------------------------------------------------------------------------------------

test("load: reads all dtypes, zero-size, 0-dim and metadata from a file that the Python package wrote", function()
  local tensors, metadata = fio.load(files.write(files.golden "safetensors/everything"))
  equal(tensors, everything())
  equal(metadata, note)
end)

test("save: writes byte for byte what the Python package writes", function()
  local path = tmpname()
  fio.save(path, everything(), note)
  truth(files.read(path) == files.golden "safetensors/everything", "the bytes differ")
  fio.save(path, {x = values("f32", 2, 3)})
  truth(files.read(path) == files.golden "safetensors/plain", "the bytes differ")
end)

test("save, load: strides, views and tied tensors come back as their values", function()
  local path, x = tmpname(), values("f32", 4, 6)
  local given = {t = x:t(), part = x:narrow(2, 2, 3), spread = x:narrow(1, 1, 1):expand(3, 6), same = x, tied = x,
    step = x[{{1, 4, 2}, {2, 6, 3}}]}
  fio.save(path, given)
  local tensors, metadata = fio.load(path)
  equal(tensors, given)
  equal(metadata, {})
  fio.save(path, {})
  equal((fio.load(path)), {})
end)

test("save: keeps nan, infinities and -0 to the bit, and writes leaves that need gradients", function()
  local path = tmpname()
  fio.save(path, {x = ap.tensor({0 / 0, 1 / 0, -1 / 0, -0.0}, {requires_grad = true})})
  local x = fio.load(path).x
  equal(x, ap.tensor {0 / 0, 1 / 0, -1 / 0, -0.0})
  truth(1 / x[4]:item() < 0 and not x.requires_grad)
end)

test("load: names chooses tensors; list tells what is there without reading it", function()
  local path = files.write(files.golden "safetensors/everything")
  equal((fio.load(path, {names = {"i64", "scalar"}})), {i64 = values("i64", 2), scalar = ap.full({}, -2.0)})
  raises("no tensor 'nothing'", function() fio.load(path, {names = {"nothing"}}) end)
  raises("io.load: unknown option 'name'; options: device names", function() fio.load(path, {name = 1}) end)
  raises("names: expected a table", function() fio.load(path, {names = "x"}) end)
  local list, metadata = fio.list(path)
  equal(list[1], {name = "i64", dtype = "I64", shape = {2}})
  equal(#list, 14)
  equal(metadata, note)
end)

test("load: unsigned integers without a dtype here come as the next wider one, where they fit", function()
  local tensors = fio.load(files.write(files.golden "safetensors/unsigned"))
  equal(tensors.u16, ap.tensor({0, 1, 65535}, {dtype = "i32"}))
  equal(tensors.u32, ap.tensor({1, 4294967295}, {dtype = "i64"}))
  equal(tensors.u64, ap.tensor({1, math.maxinteger}, {dtype = "i64"}))
  raises("'big': element 2 is 9223372036854775808", function()
    fio.load(files.write(files.golden "safetensors/u64"))
  end)
  local path = files.write(files.golden "safetensors/c64")
  raises("tensor 'z': no dtype here is C64", function() fio.load(path) end)
  equal((fio.load(path, {names = {"x"}})), {x = ap.ones(1)})
end)

test("load: a bool is true where its byte is not 0, and stored as 1", function()
  local header = '{"b":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}'
  local path = files.write(string.pack("<s8", header) .. "\0\1\255")
  local b = fio.load(path).b
  equal(b, ap.tensor {false, true, true})
  equal(b:to("u8"), ap.tensor({0, 1, 1}, {dtype = "u8"}))
end)

test("load: data that is not aligned, fields of later versions and spaces are read", function()
  local header = ' {"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},\n "later":{"dtype":"F64", "shape":[1],'
    .. '"data_offsets":[3,11],"more":{"x":[1,{"y":null}]}}, "\\u00e9":{"dtype":"I16","shape":[1],'
    .. '"data_offsets":[11,13]}}  '
  local tensors = fio.load(files.write(string.pack("<s8", header:sub(2)) .. "\1\2\3" .. string.pack("<di2", 2.5, -3)))
  equal(tensors, {a = ap.tensor({1, 2, 3}, {dtype = "u8"}), later = ap.tensor({2.5}, {dtype = "f64"}),
    ["é"] = ap.tensor({-3}, {dtype = "i16"})})
end)

-- --- hostile files -------------------------------------------------------------------------------------------

local function entry(dtype, shape, first, last)
  return ('{"dtype":"%s","shape":[%s],"data_offsets":[%s,%s]}'):format(dtype, shape, first, last)
end
local function one(...) return '{"a":' .. entry(...) .. "}" end
local function two(x, y) return '{"a":' .. x .. ',"b":' .. y .. "}" end
local good = entry("U8", "1", 0, 1)

-- {what, header (or all bytes with raw), data, pattern of the message}
local hostile = {
  {"an empty file", raw = "", "the file has 0 bytes, too short for the 8 bytes"},
  {"seven bytes", raw = "1234567", "the file has 7 bytes"},
  {"a length of 0", raw = ("\0"):rep(8), "length is given as 0 bytes, expected at least 2"},
  {"a length of 1", raw = string.pack("<I8", 1) .. "{", "length is given as 1 bytes"},
  {"a length beyond the file", raw = string.pack("<I8", 100) .. "{}",
    "given as 100 bytes, but only 2 follow: .*cut off"},
  {"a length beyond the limit", raw = string.pack("<I8", 100000001) .. "{}",
    "given as 100000001 bytes, expected at most 100000000"},
  {"a length of 2^63", raw = string.pack("<I8", math.mininteger) .. "{}", "given as 9223372036854775808 bytes"},
  {"a length of 2^64 - 1", raw = ("\255"):rep(8) .. "{}", "given as 18446744073709551615 bytes"},
  {"an npy file", raw = "\x93NUMPY\1\0" .. ("x"):rep(20), "npy file: use io.load_npy"},
  {"a zip file", raw = "PK\3\4" .. ("x"):rep(20), "zip file: for npz use io.load_npz"},
  {"a pickle", raw = "\x80\2" .. ("x"):rep(20), "Python pickle, which can run code"},
  {"a GGUF file", raw = "GGUF" .. ("\0"):rep(20), "GGUF"},
  {"a header that starts with a space", " {}", "the header starts with ' ', expected '{'"},
  {"a header that is an array", "[]", "starts with '%[', expected '{'"},
  {"a header of zero bytes", ("\0"):rep(16), "starts with '\\x00'"},
  {"a header that is cut off", '{"a":', "line 1, column 6: expected a value, got the end"},
  {"a header that ends in a name", '{"a', "the text ends inside a string"},
  {"a header with text after it", "{} x", "expected the end after the value, got 'x'"},
  {"a header with two objects", "{}{}", "expected the end after the value, got '{'"},
  {"a zero byte after the header", "{}\0", "expected the end after the value, got '\\x00'"},
  {"a comma at the end", '{"a":' .. good .. ",}", "expected a key in quotes, got '}'", data = "1"},
  {"no colon", '{"a"' .. good .. "}", "expected ':' after a key, got '{'", data = "1"},
  {"no comma", '{"a":' .. good .. '"b":' .. good .. "}", "expected ',' or '}', got '\"'", data = "1"},
  {"a name without quotes", "{a:" .. good .. "}", "expected a key in quotes or '}', got 'a'", data = "1"},
  {"names in single quotes", "{'a':" .. good .. "}", "expected a key in quotes or '}', got '''", data = "1"},
  {"a comment", "{/**/}", "expected a key in quotes or '}', got '/'"},
  {"bad UTF-8", '{"\xff":' .. good .. "}", "column 3: the text is not valid UTF%-8 %(byte 0xff%)", data = "1"},
  {"an overlong form", '{"\xc0\x80":' .. good .. "}", "UTF%-8 %(byte 0xc0%)", data = "1"},
  {"a surrogate in UTF-8", '{"\xed\xa0\x80":' .. good .. "}", "UTF%-8 %(byte 0xed%)", data = "1"},
  {"a surrogate's first half", '{"\\ud800":' .. good .. "}", "first half of a surrogate pair stands alone", data = "1"},
  {"a surrogate's second half", '{"\\udc00":' .. good .. "}", "second half of a surrogate pair stands alone",
    data = "1"},
  {"an unknown escape", '{"\\x41":' .. good .. "}", "no escape \\ with 'x'", data = "1"},
  {"a short escape", '{"\\u12":' .. good .. "}", "four hexadecimal digits", data = "1"},
  {"a line break in a name", '{"a\n":' .. good .. "}", "control character %(byte 0x0a%) inside a string", data = "1"},
  {"a name twice", two(good, good):gsub('"b"', '"a"'), "has the key 'a' twice", data = "1"},
  {"a name twice, once by escape", two(good, entry("U8", "0", 1, 1)):gsub('"b"', '"\\u0061"'),
    "has the key 'a' twice", data = "1"},
  {"deep nesting", '{"a":' .. ('{"x":'):rep(200) .. "1" .. ("}"):rep(201), "nested deeper than 128 levels"},
  {"very deep arrays", '{"a":{"x":' .. ("["):rep(1000000), "nested deeper than 128 levels"},
  {"an entry that is a number", '{"a":5}', "tensor 'a': its entry: expected an object, got the number 5"},
  {"an entry that is an array", '{"a":["U8",[1],[0,1]]}', "its entry: expected an object, got an array", data = "1"},
  {"an entry of null", '{"a":null}', "its entry: expected an object, got null"},
  {"no dtype", '{"a":{"shape":[1],"data_offsets":[0,1]}}', "tensor 'a': its entry has no dtype", data = "1"},
  {"no shape", '{"a":{"dtype":"U8","data_offsets":[0,1]}}', "its entry has no shape", data = "1"},
  {"no offsets", '{"a":{"dtype":"U8","shape":[1]}}', "its entry has no data_offsets", data = "1"},
  {"dtype twice", '{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    "tensor 'a': dtype is given twice", data = "1"},
  {"shape twice", '{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}',
    "tensor 'a': shape is given twice", data = "1"},
  {"an unknown field twice", '{"a":{"x":1,"x":2,"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    "has the key 'x' twice", data = "1"},
  {"an unknown dtype", one("F33", "1", 0, 1), "dtype: expected one of the format's .*, got the string 'F33'",
    data = "1"},
  {"a dtype in small letters", one("u8", "1", 0, 1), "got the string 'u8'", data = "1"},
  {"a dtype that is a number", '{"a":{"dtype":8,"shape":[1],"data_offsets":[0,1]}}',
    "dtype: expected a string, got the number 8", data = "1"},
  {"a shape that is a number", '{"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}}',
    "shape: expected an array, got the number 1", data = "1"},
  {"a negative size", one("U8", "-1", 0, 1), "shape: expected integers from 0 to 2^63 %- 1, got the number %-1",
    data = "1"},
  {"a size of -0", one("U8", "-0", 0, 0), "shape: expected integers .*, got the number %-0"},
  {"a fraction", one("U8", "1.5", 0, 1), "shape: .* got the number 1.5", data = "1"},
  {"a size written as 1.0", one("U8", "1.0", 0, 1), "shape: .* got the number 1", data = "1"},
  {"a size written as 1e0", one("U8", "1e0", 0, 1), "shape: .* got the number 1", data = "1"},
  {"a size of 2^64", one("U8", "18446744073709551616", 0, 1), "shape: .* got the number 1.8446744073709552e%+19",
    data = "1"},
  {"a size of 1e999", one("U8", "1e999", 0, 1), "a number is out of range", data = "1"},
  {"a size with a leading 0", one("U8", "01", 0, 1), "a number starts with 0", data = "1"},
  {"a size of NaN", one("U8", "NaN", 0, 1), "expected a value, got 'N'", data = "1"},
  {"a size in hex", one("U8", "0x1", 0, 1), "expected ',' or '%]', got 'x'", data = "1"},
  {"a size with a plus", one("U8", "+1", 0, 1), "expected a value, got '%+'", data = "1"},
  {"a size that is a string", one("U8", '"1"', 0, 1), "shape: .* got the string '1'", data = "1"},
  {"nested shapes", one("U8", "[1]", 0, 1), "shape: .* got an array", data = "1"},
  {"nine dimensions", one("U8", "1,1,1,1,1,1,1,1,1", 0, 1), "shape: a tensor has at most 8 dimensions", data = "1"},
  {"a million dimensions", one("U8", ("1,"):rep(1000000) .. "1", 0, 1), "at most 8 dimensions", data = "1"},
  {"a shape that overflows", one("F32", "4611686018427387904,4611686018427387904", 0, 1),
    "the shape %(4611686018427387904x4611686018427387904%) has too many elements", data = "1"},
  {"a shape that overflows to 0", one("U8", "4294967296,4294967296", 0, 0),
    "%(4294967296x4294967296%) has too many elements"},
  {"a shape that overflows in bytes", one("F64", "2305843009213693952", 0, 0),
    "%(2305843009213693952%) has too many elements"},
  {"an empty shape that overflows", one("U8", "0,4294967296,4294967296", 0, 0),
    "%(0x4294967296x4294967296%) has too many elements"},
  {"half a byte", one("F4", "1", 0, 1), "shape %(1%) of F4 takes no whole number of bytes", data = "1"},
  {"offsets that are too few", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}',
    "data_offsets: expected two integers .*, got '%]'", data = "1"},
  {"offsets that are too many", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}',
    "expected two integers and no more, got the number 2", data = "1"},
  {"offsets in an object", '{"a":{"dtype":"U8","shape":[1],"data_offsets":{}}}',
    "data_offsets: expected an array, got an object", data = "1"},
  {"a negative offset", one("U8", "1", -1, 0), "data_offsets: expected two integers .*, got the number %-1",
    data = "1"},
  {"an offset of 2^63", one("U8", "1", 0, "9223372036854775808"),
    "data_offsets: .* got the number 9.2233720368547758e%+18", data = "1"},
  {"offsets that end before they begin", one("U8", "1", 1, 0), "%[1, 0%] end before they begin", data = "1"},
  {"offsets past the end", one("U8", "2", 0, 2),
    "%[0, 2%] reach past the end of the file, which has 1 bytes of data", data = "1"},
  {"offsets far past the end", one("U8", "9223372036854775807", 0, "9223372036854775807"),
    "has too many elements|reach past the end", data = "1"},
  {"a size that the offsets do not have", one("F32", "2", 0, 4),
    "shape %(2%) of F32 takes 8 bytes, but data_offsets %[0, 4%] have 4", data = "1234"},
  {"a scalar of no bytes", one("F32", "", 0, 0), "shape %(0%-dim%) of F32 takes 4 bytes"},
  {"a hole at the start", one("U8", "1", 1, 2), "tensor 'a': its data begins at 1, expected 0: there is a hole",
    data = "12"},
  {"a hole in the middle", two(good, entry("U8", "1", 2, 3)),
    "tensor 'b': its data begins at 2, expected 1: there is a hole", data = "123"},
  {"an overlap", two(entry("U8", "2", 0, 2), entry("U8", "2", 1, 3)),
    "tensor 'b': its data begins at 1, expected 2: it overlaps tensor 'a'", data = "123"},
  {"the same bytes twice", two(good, good), "tensor 'b'.*begins at 0, expected 1: it overlaps|tensor 'a'.*overlaps",
    data = "1"},
  {"bytes left over", one("U8", "1", 0, 1), "the tensors take 1 bytes, but 3 follow the header", data = "123"},
  {"bytes without tensors", "{}", "the tensors take 0 bytes, but 1 follow", data = "1"},
  {"metadata of null", '{"__metadata__":null}', "__metadata__: expected an object, got null"},
  {"metadata that is an array", '{"__metadata__":["a"]}', "__metadata__: expected an object, got an array"},
  {"a number in the metadata", '{"__metadata__":{"epoch":3}}',
    "__metadata__: 'epoch': expected a string, got the number 3"},
  {"an object in the metadata", '{"__metadata__":{"x":{}}}', "__metadata__: 'x': expected a string, got an object"},
  {"a metadata key twice", '{"__metadata__":{"x":"1","x":"2"}}', "has the key 'x' twice"},
  {"metadata twice", '{"__metadata__":{},"__metadata__":{}}', "__metadata__ is given twice"},
}

-- Alternatives of a pattern stand between |.
local function matches(text, patterns)
  for pattern in (patterns .. "|"):gmatch "(.-)|" do
    if text:find(pattern) then return true end
  end
  return false
end

test("load: every rule of the format that a file breaks is an error that names the file and the rule", function()
  truth(#hostile >= 90)
  local before = files.descriptors()
  for _, case in ipairs(hostile) do
    local bytes = case.raw or string.pack("<s8", case[2]) .. (case.data or "")
    local pattern = case.raw and case[2] or case[3]
    local path = files.write(bytes)
    for _, read in ipairs {fio.load, fio.list} do
      local ok, message = pcall(read, path)
      truth(not ok, case[1] .. ": it was read")
      truth(message:find("io.load: " .. path .. ": ", 1, true),
        case[1] .. ": no name of function and file in: " .. message)
      truth(matches(message, pattern), case[1] .. ": expected " .. pattern .. ", got " .. message)
    end
    os.remove(path)
  end
  equal(files.descriptors(), before)
end)

test("load: a good file cut off at any byte, or with any byte of its header changed, never does harm", function()
  local bytes = files.golden "safetensors/everything"
  local length = 8 + string.unpack("<I8", bytes)
  local path = tmpname()
  local function try(text)
    local file <close> = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    return pcall(fio.load, path)
  end
  for n = 0, #bytes - 1, 7 do truth(not try(bytes:sub(1, n))) end
  for i = 1, length do
    for _, c in ipairs {"\0", "{", "9", '"', "\xff"} do try(bytes:sub(1, i - 1) .. c .. bytes:sub(i + 1)) end
  end
end)

test("load: what cannot be opened says why", function()
  raises("io.load: /nonexistent/x: No such file", function() fio.load "/nonexistent/x" end)
  raises("io.load: /: it is a folder, expected a file", function() fio.load "/" end)
  raises("io.load: /dev/zero: it is a device or a pipe", function() fio.load "/dev/zero" end)
  raises("io.load: argument 1: expected a string, got nil", function() fio.load() end)
  raises("io.load: argument 1: expected a string, got a table", function() fio.load {} end)
  raises("io.load: argument 1: expected a path without zero bytes", function() fio.load "a\0b" end)
  local folder = files.folder()
  os.execute("mkfifo " .. folder .. "/pipe")
  raises("it is a device or a pipe", function() fio.load(folder .. "/pipe") end)
  files.shell("rm -r " .. folder)
end)

test("load: an error carries the position in the user's script", function()
  raises("io_test.lua:%d+: io.load: /nonexistent", function() fio.load "/nonexistent" end)
  raises("io_test.lua:%d+: io.save: argument 2", function() fio.save("x", 5) end)
end)

test("a file that is read stays open on no path: 2,000 loads leave no descriptor", function()
  local path = files.write(files.golden "safetensors/plain")
  local before = files.descriptors()
  for _ = 1, 1000 do
    fio.load(path)
    pcall(fio.load, path, {names = {"nothing"}})
  end
  equal(files.descriptors(), before)
end)

-- --- wrong arguments of save ---------------------------------------------------------------------------------

test("save: what cannot be saved is named, and nothing is written", function()
  local path = files.write "old"
  raises("argument 2 %(tensors%): expected a table of tensors by name, got nil", function() fio.save(path) end)
  raises("argument 2 %(tensors%): expected a table .* got userdata", function() fio.save(path, ap.ones(2)) end)
  raises("expected names that are strings, got 1 %(a integer%)", function() fio.save(path, {ap.ones(2)}) end)
  raises("'x': expected a tensor, got number", function() fio.save(path, {x = 5}) end)
  raises("no tensor may be named __metadata__", function() fio.save(path, {__metadata__ = ap.ones(2)}) end)
  raises("name or metadata '\\xff' is not valid UTF%-8", function() fio.save(path, {["\xff"] = ap.ones(2)}) end)
  raises("metadata.* expected a table of strings, got string", function() fio.save(path, {}, "note") end)
  raises("expected strings by name, got epoch = 3 %(a integer%); use tostring", function()
    fio.save(path, {}, {epoch = 3})
  end)
  raises("not valid UTF", function() fio.save(path, {}, {x = "\xff"}) end)
  raises("io.save: argument 1: expected a string, got nil", function() fio.save(nil, {}) end)
  equal(files.read(path), "old")
end)

-- --- atomic writes -------------------------------------------------------------------------------------------

test("save: the old file's mode stays, a new one has the usual mode, a link stays a link", function()
  local folder = files.folder()
  local path = folder .. "/x.safetensors"
  fio.save(path, {x = ap.ones(1)})
  equal(files.shell("stat -c %a " .. path), files.shell "printf '%o' $((0666 & ~$(umask)))")
  files.shell("chmod 640 " .. path .. " && ln -s x.safetensors " .. folder .. "/link")
  fio.save(folder .. "/link", {x = ap.full({1}, 2.0)})
  equal(files.shell("stat -c %a " .. path), "640")
  equal(files.shell("readlink " .. folder .. "/link"), "x.safetensors")
  equal(fio.load(path).x, ap.full({1}, 2.0))
  equal(files.shell("ls -A " .. folder), "link\nx.safetensors")
  files.shell("rm -r " .. folder)
end)

test("save: a full device, a folder that takes no files, a folder in the file's place are errors", function()
  raises("io.save: /dev/full: cannot write: No space left", function() fio.save("/dev/full", {x = ap.ones(2)}) end)
  equal(files.shell "stat -c %F /dev/full", "character special file")
  raises("io.save: /proc/x.safetensors: cannot create", function() fio.save("/proc/x.safetensors",
    {x = ap.ones(2)}) end)
  raises("io.save: /nonexistent/x: cannot open its folder: No such file", function() fio.save("/nonexistent/x", {}) end)
  raises("io.save: /: it is", function() fio.save("/", {}) end)
  local folder = files.folder()
  raises("it is a folder, expected a file", function() fio.save(folder, {}) end)
  raises("it is the name of a folder, expected a file", function() fio.save(folder .. "/new/", {}) end)
  files.shell("ln -s nowhere " .. folder .. "/link")
  raises("No such file", function() fio.save(folder .. "/link", {}) end)
  if files.shell "id -u" ~= "0" then
    fio.save(folder .. "/x", {})
    files.shell("chmod 500 " .. folder)
    raises("cannot create a file in its folder: Permission denied", function() fio.save(folder .. "/x", {}) end)
    files.shell("chmod 700 " .. folder)
  end
  files.shell("rm -r " .. folder)
end)

test("save: into a pipe it writes directly", function()
  local copy = tmpname()
  local folder = files.folder()
  local pipe = folder .. "/pipe"
  os.execute(("mkfifo %s; cat %s > %s &"):format(pipe, pipe, copy))
  fio.save(pipe, {x = values("f32", 2, 3)})
  for _ = 1, 100 do
    if files.read(copy) == files.golden "safetensors/plain" then break end
    os.execute "sleep 0.02"
  end
  truth(files.read(copy) == files.golden "safetensors/plain", "the bytes differ")
  files.shell("rm -r " .. folder)
end)

test("save: temporary files whose writer died are swept; those in use and others' files stay", function()
  local folder = files.folder()
  local stale, used = folder .. "/.apsis-0123456789abcdef.tmp", folder .. "/.apsis-00000000000000ff.tmp"
  files.shell(("touch %s %s %s/.apsis-mine.tmp %s/x.tmp; mkfifo %s/.apsis-0000000000000000.tmp"):format(stale, used,
    folder, folder, folder))
  -- Holds the lock until its standard input ends.
  local holder = files.shell "command -v flock" ~= "" and io.popen(("flock %s cat"):format(used), "w")
  if holder then
    while files.shell(("flock -n %s true && echo free"):format(used)) == "free" do os.execute "sleep 0.01" end
  end
  fio.save(folder .. "/x", {})
  local rest = files.shell("ls -A " .. folder)
  truth(not rest:find "0123456789abcdef", "the stale file is still there")
  truth(rest:find(".apsis-mine.tmp", 1, true) and rest:find "x.tmp" and rest:find "0000000000000000", rest)
  if holder then
    truth(rest:find "ff.tmp", "the file in use is gone")
    holder:close()
  end
  files.shell("rm -r " .. folder)
end)

-- Saves until it is killed, ones and twos in turn.
local save_on = [[
local ap = require "apsis"
local path = arg[1]
local given = {{x = ap.ones(1 << 20)}, {x = ap.full({1 << 20}, 2.0)}}
while true do
  for i = 1, 2 do ap.io.save(path, given[i]) end
end]]

test("save: kill -9 at any moment leaves the old file or the new one, whole", function()
  local folder, script = files.folder(), files.write(save_on)
  local path = folder .. "/x.safetensors"
  fio.save(path, {x = ap.ones(1 << 20)})
  for i = 1, 12 do
    os.execute(("'%s' %s %s & pid=$!; sleep 0.%03d; kill -9 $pid; wait $pid 2>/dev/null"):format(program, script, path,
      15 + 7 * i))
    local x = fio.load(path).x
    equal(x:numel(), 1 << 20)
    local least, most = x:min():item(), x:max():item()
    truth(least == most and (least == 1 or least == 2), "the file is a mixture")
  end
  fio.save(path, {x = ap.ones(1)})
  equal(files.shell("ls -A " .. folder), "x.safetensors")
  files.shell("rm -r " .. folder)
end)

test("save: a file size limit is an error that leaves the old file, and the program runs on", function()
  local folder = files.folder()
  local path, script = folder .. "/x.safetensors", files.write [[
local ap = require "apsis"
print(pcall(ap.io.save, arg[1], {x = ap.ones(1 << 20)}))
print(pcall(ap.io.save_npz, arg[1], {x = ap.ones(1 << 20)}))
ap.io.save(arg[1] .. ".small", {x = ap.ones(2)})]]
  fio.save(path, {x = ap.ones(3)})
  local output = files.shell(("ulimit -f 200; '%s' %s %s 2>&1"):format(program, script, path))
  truth(output:find "false.*io.save: .*cannot write: File too large.*false.*io.save_npz: .*cannot write", output)
  equal(fio.load(path).x, ap.ones(3))
  equal(files.shell("ls -A " .. folder), "x.safetensors\nx.safetensors.small")
  files.shell("rm -r " .. folder)
end)

-- --- JSON ----------------------------------------------------------------------------------------------------

test("json_decode: values become Lua's", function()
  local v = fio.json_decode([[ {"a": [1, -2, 2.5, 1e2, true, false, null, ""], "b": {"c": {}},
    "\u00e9\n": "\ud83d\ude00"} ]])
  equal(v.a, {1, -2, 2.5, 100.0, true, false, fio.null, ""})
  equal(v.b, {c = {}})
  equal(v["é\n"], "😀")
  truth(math.type(v.a[1]) == "integer" and math.type(v.a[4]) == "float")
  equal(fio.json_decode "5", 5)
  equal(fio.json_decode '"x\\u0000y"', "x\0y")
  equal(fio.json_decode "[]", {})
  truth(fio.json_decode "null" == fio.null)
end)

test("json_decode: numbers are read to the last bit, whatever the locale", function()
  for text, value in pairs {["9223372036854775807"] = math.maxinteger, ["-9223372036854775808"] = math.mininteger,
    ["9223372036854775808"] = 2.0 ^ 63, ["0.1"] = 0.1, ["1e-400"] = 0.0, ["5e-324"] = 5e-324, ["-0"] = -0.0,
    ["1.7976931348623157e308"] = 1.7976931348623157e308, ["2.2250738585072011e-308"] = 2.2250738585072011e-308,
    ["123456789012345678901234567890"] = 123456789012345678901234567890.0, ["9007199254740993.0"] = 9007199254740992.0,
    ["0.000000000000000000000000000000000000000000000000000001"] = 1e-54, ["1E+2"] = 100.0,
    ["3.14159265358979323846264338327950288"] = math.pi} do
    local v = fio.json_decode(text)
    truth(v == value and math.type(v) == math.type(value), text .. " was read as " .. tostring(v))
  end
  truth(1 / fio.json_decode "-0" < 0)
  local old = os.setlocale(nil, "numeric")
  for _, name in ipairs {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"} do
    if os.setlocale(name, "numeric") then break end
  end
  local v = fio.json_decode "0.12345678901234567890123"
  os.setlocale(old, "numeric")
  equal(v, 0.12345678901234567890123)
end)

test("json_decode: numbers survive a round trip through 17 digits", function()
  local state = 88172645463325252
  for _ = 1, 20000 do
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    local x = string.unpack("<d", string.pack("<I8", state))
    if x == x and math.abs(x) ~= math.huge then equal(fio.json_decode(("%.17e"):format(x)), x) end
  end
end)

test("json_decode: what is no JSON is refused, with line and column", function()
  for text, pattern in pairs {
    [""] = "expected a value, got the end", ["  "] = "column 3: expected a value",
      ["[1,]"] = "expected a value, got '%]'",
    ["[1 2]"] = "expected ',' or '%]', got '2'", ["{\"a\":1,\n\"b\" 2}"] = "line 2, column 5: expected ':'",
    ["[1]]"] = "expected the end", ["nul"] = "expected a value", ["nulll"] = "expected the end",
      ["True"] = "expected a value",
    ["\xef\xbb\xbf1"] = "expected a value", ["[1.]"] = "a digit after the point", ["[.5]"] = "expected a value",
    ["[1e]"] = "a digit in the exponent", ["[-]"] = "a digit after '%-'", ["[00]"] = "starts with 0",
      ["[-01]"] = "starts with 0",
    ["[1e400]"] = "out of range", ["\"\t\""] = "control character", ["\"\\"] = "no escape",
      ["\"\\u00"] = "four hexadecimal",
    ["{\"a\":1,\"a\":2}"] = "key 'a' twice", ["[\"\xf5\"]"] = "not valid UTF%-8",
      ["[\"\xe2\x82\"]"] = "not valid UTF%-8",
    ["{1:2}"] = "expected a key in quotes", ["[Infinity]"] = "expected a value", ["[1}"] = "expected ',' or '%]'",
    ["{\"a\":1]"] = "expected ',' or '}'", [("["):rep(129)] = "nested deeper than 128", ["]"] = "expected a value",
    ["[\"a\0\"]"] = "control character %(byte 0x00%)", ["1\0"] = "expected the end", [","] = "expected a value",
  } do
    local ok, message = pcall(fio.json_decode, text)
    truth(not ok, ("%q was read"):format(text))
    truth(message:find "io.json_decode: line %d+, column %d+: " and message:find(pattern),
      ("%q: %s"):format(text, message))
  end
  equal(#fio.json_decode(("["):rep(128) .. ("]"):rep(128)), 1)
end)

test("json_decode: an object of 200,000 keys takes little time, and a duplicate in it is found", function()
  local parts = {}
  for i = 1, 200000 do parts[i] = ('"k%d":%d'):format(i, i) end
  local text = table.concat(parts, ",")
  local start = os.clock()
  equal(fio.json_decode("{" .. text .. "}").k200000, 200000)
  truth(os.clock() - start < 2)
  raises("the key 'k7' twice", function() fio.json_decode("{" .. text .. ',"k7":0}') end)
end)
