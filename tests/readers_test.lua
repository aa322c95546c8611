-- npy, npz, IDX and CSV: what NumPy and gzip write is read, what is damaged or hostile is refused.

local ap = require "apsis"
local fio = require "apsis.io"
local data = require "apsis.data"
local files = require "support.files"

local function numbers(first, step, count, dtype, ...)
  local list = {}
  for i = 1, count do list[i] = first + step * (i - 1) end
  return ap.tensor(list, {dtype = dtype}):reshape({...})
end

-- Fails unless reading `bytes` raises an error that names function, file and what is wrong.
local function refused(what, name, read, bytes, pattern)
  local path = files.write(bytes)
  local ok, message = pcall(read, path)
  os.remove(path)
  truth(not ok, what .. ": it was read")
  truth(message:find(name .. ": " .. path .. ": ", 1, true), what .. ": no name of function and file in: " .. message)
  truth(message:find(pattern), ("%s: expected '%s', got: %s"):format(what, pattern, message))
end

-- A test of compressed files. Built without zlib, the program must say how to get it.
local function test_zlib(name, f)
  test(name, function()
    local path = files.write(files.golden "idx/gzip")
    local ok, message = pcall(data.read_idx, path)
    if not ok and message:find("without zlib", 1, true) then
      truth(message:find("install zlib1g-dev (`make deps`) and build again", 1, true), message)
    else
      f()
    end
  end)
end

-- --- npy -----------------------------------------------------------------------------------------------------

-- NumPy's name -> ours.
local dtypes = {float32 = "f32", float64 = "f64", float16 = "f16", int8 = "i8", int16 = "i16", int32 = "i32",
  int64 = "i64", uint8 = "u8"}

test("load_npy: reads every dtype in both byte orders, as NumPy wrote it", function()
  for name, dtype in pairs(dtypes) do
    local expected = dtype:find "f" and numbers(-2, 0.5, 6, dtype, 2, 3)
      or numbers(dtype == "u8" and 0 or -2, 1, 6, dtype, 2, 3)
    equal(fio.load_npy(files.write(files.golden("npy/" .. name))), expected)
    if not name:find "int8" then
      equal(fio.load_npy(files.write(files.golden("npy/big " .. name))), expected)
    end
  end
  equal(fio.load_npy(files.write(files.golden "npy/bool")), ap.tensor {{true, false, false}, {true, false, false}})
end)

test("load_npy: Fortran order comes as strides, without a copy", function()
  local x = fio.load_npy(files.write(files.golden "npy/fortran"))
  equal(x, numbers(0, 1, 24, "f32", 2, 3, 4))
  equal(x:stride(), {1, 2, 6})
end)

test("load_npy: scalars, empty arrays, versions 2 and 3", function()
  equal(fio.load_npy(files.write(files.golden "npy/scalar")), ap.full({}, -2.0, {dtype = "f64"}))
  equal(fio.load_npy(files.write(files.golden "npy/empty")), ap.zeros(0, 3))
  for _, name in ipairs {"npy/vector", "npy/version 2", "npy/version 3"} do
    equal(fio.load_npy(files.write(files.golden(name))), numbers(0, 1, 3, "f32", 3))
  end
end)

test("load_npy: unsigned integers come as the next wider dtype, where they fit", function()
  equal(fio.load_npy(files.write(files.golden "npy/uint16")), ap.tensor({0, 1, 65535}, {dtype = "i32"}))
  equal(fio.load_npy(files.write(files.golden "npy/uint32")), ap.tensor({0, 1, 4294967295}, {dtype = "i64"}))
  refused("a u64 of 2^63", "io.load_npy", fio.load_npy, files.golden "npy/uint64", "element 3 is 9223372036854775808")
end)

test("save_npy: writes byte for byte what numpy.save writes", function()
  local path = tmpname()
  for name, dtype in pairs(dtypes) do
    fio.save_npy(path, dtype:find "f" and numbers(-2, 0.5, 6, dtype, 2, 3)
      or numbers(dtype == "u8" and 0 or -2, 1, 6, dtype, 2, 3))
    truth(files.read(path) == files.golden("npy/" .. name), name .. ": the bytes differ")
  end
  for name, x in pairs {scalar = ap.full({}, -2.0, {dtype = "f64"}), empty = ap.zeros(0, 3),
    vector = numbers(0, 1, 3, "f32", 3), bool = ap.tensor {{true, false, false}, {true, false, false}}} do
    fio.save_npy(path, x)
    truth(files.read(path) == files.golden("npy/" .. name), name .. ": the bytes differ")
  end
  local x = numbers(0, 1, 24, "f32", 4, 6)
  fio.save_npy(path, x:t())
  equal(fio.load_npy(path), x:t())
end)

test("save_npy: what NumPy has no dtype for and what is no tensor is named", function()
  local path = files.write "old"
  raises("io.save_npy: npy has no bf16; convert the tensor to f32", function()
    fio.save_npy(path, ap.ones(2):to "bf16")
  end)
  raises("io.save_npy: argument 2: expected a tensor, got nil", function() fio.save_npy(path) end)
  raises("io.save_npy: argument 1: expected a string, got nil", function() fio.save_npy(nil, ap.ones(2)) end)
  equal(files.read(path), "old")
end)

local function npy(header, bytes) return "\x93NUMPY\1\0" .. string.pack("<s2", header) .. (bytes or "") end
local function dict(descr, order, shape)
  return ("{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n"):format(descr, order, shape)
end

local hostile_npy = {
  {"an empty file", "", "cut off: the magic number takes 8 bytes, but only 0 are left"},
  {"another magic", "\x93NUMPX\1\0" .. ("x"):rep(20), "no npy file"},
  {"version 4", "\x93NUMPY\4\0" .. ("x"):rep(20), "version 4.0 of npy"},
  {"version 1.1", "\x93NUMPY\1\1" .. ("x"):rep(20), "version 1.1 of npy"},
  {"no header", "\x93NUMPY\1\0", "cut off: the header's length"},
  {"a header that is cut off", "\x93NUMPY\1\0\100\0{}", "cut off: the header takes 100 bytes, but only 2"},
  {"a header of 4 GiB", "\x93NUMPY\2\0\255\255\255\255{}",
    "length is given as 4294967295 bytes, expected at most 10000"},
  {"a header of 10,001 bytes", npy((" "):rep(10001)), "given as 10001 bytes"},
  {"an empty header", npy "", "expected '{', got the end"},
  {"no dict", npy "[1]", "expected '{', got '%[1%]'"},
  {"a call", npy "__import__('os').system('true')", "expected '{', got '__import__%('"},
  {"a field that calls", npy(dict("'<f4'", "False", "(eval('1'),)"), "1234"), "shape: expected sizes .*, got 'eval"},
  {"a dict that does not end", npy "{'descr': '<f4', ", "expected a string, got the end"},
  {"text after the dict", npy(dict("'<f4'", "False", "()") .. "x", "1234"), "expected the end, got 'x'"},
  {"a zero byte in the header", npy(dict("'<f4'", "False", "()") .. "\0", "1234"), "holds a zero byte"},
  {"no shape", npy("{'descr': '<f4', 'fortran_order': False}", "1234"), "the header has no shape"},
  {"no descr", npy("{'shape': (), 'fortran_order': False}", "1234"), "the header has no descr"},
  {"no order", npy("{'shape': (), 'descr': '<f4'}", "1234"), "the header has no fortran_order"},
  {"a field twice", npy("{'shape': (), 'shape': ()}", "1234"), "the header has shape twice"},
  {"an unknown field", npy("{'shape': (), 'x': 1}", "1234"), "expected descr, fortran_order and shape, got 'x'"},
  {"a string that does not end", npy "{'descr", "a string does not end"},
  {"a string with an escape", npy "{'descr\\x41': 1}", "a string does not end"},
  {"a very long name", npy("{'" .. ("x"):rep(500) .. "': 1}"), "expected a short string"},
  {"an order that is no bool", npy(dict("'<f4'", "1", "()"), "1234"), "fortran_order: expected True or False"},
  {"a negative size", npy(dict("'<f4'", "False", "(-1,)"), "1234"), "sizes from 0 to 2^63 %- 1, got '%-1"},
  {"a size of 2^63", npy(dict("'<f4'", "False", "(9223372036854775808,)"), "1"),
    "sizes from 0 to 2^63 %- 1, got '92233"},
  {"a size of 1e3", npy(dict("'<f4'", "False", "(1e3,)"), "1234"), "sizes from 0 to 2^63 %- 1, got '1e3"},
  {"nine dimensions", npy(dict("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), "1234"), "more than 8 dimensions"},
  {"a shape that overflows", npy(dict("'<f4'", "False", "(4294967296, 4294967296)"), "1234"),
    "%(4294967296x4294967296%) has too many elements"},
  {"an absurd shape", npy(dict("'<f4'", "False", "(1000000000000,)"), "1234"),
    "takes 4000000000000 bytes, but only 4 follow"},
  {"data that is cut off", npy(dict("'<f4'", "False", "(2,)"), "1234567"), "takes 8 bytes, but only 7 follow"},
  {"bytes left over", npy(dict("'<f4'", "False", "(2,)"), "123456789"), "1 bytes are left over after the data"},
  {"an unknown dtype", npy(dict("'<x4'", "False", "()"), "1234"), "no dtype here is '<x4'"},
  {"a dtype without byte order", npy(dict("'f4'", "False", "()"), "1234"), "no dtype here is 'f4'"},
  {"an empty dtype", npy(dict("''", "False", "()"), "1234"), "no dtype here is ''"},
  {"a 16-byte float", npy(dict("'<f16'", "False", "()"), ("x"):rep(16)), "no dtype here is '<f16'"},
}

test("load_npy: a damaged or hostile file is an error that says what is wrong", function()
  for _, case in ipairs(hostile_npy) do refused(case[1], "io.load_npy", fio.load_npy, case[2], case[3]) end
  for name, pattern in pairs {objects = "'|O' %(objects are pickled code, which is not run here%)",
    strings = "'<U2' %(strings%)", complex = "'<c16' %(complex numbers%)", records = "records of several fields"} do
    refused(name, "io.load_npy", fio.load_npy, files.golden("npy/" .. name), pattern)
  end
  raises("io.load_npy: /nonexistent: No such file", function() fio.load_npy "/nonexistent" end)
end)

-- --- npz -----------------------------------------------------------------------------------------------------

local function npz_expected()
  return {x = numbers(0, 1, 6, "f32", 2, 3), labels = numbers(0, 1, 3, "i64", 3), zeros = ap.zeros(40, 50)}
end

test_zlib("load_npz: reads what numpy.savez and numpy.savez_compressed write", function()
  for _, name in ipairs {"npz/stored", "npz/deflated"} do
    local path = files.write(files.golden(name))
    equal(fio.load_npz(path), npz_expected())
    equal(fio.load_npz(path, {names = {"labels"}}), {labels = numbers(0, 1, 3, "i64", 3)})
    raises("io.load_npz: .*: there is no tensor 'y'", function() fio.load_npz(path, {names = {"y"}}) end)
  end
end)

test("save_npz: comes back as it was, always the same bytes, and other programs find no fault in it", function()
  local path, other = tmpname(), tmpname()
  local given = npz_expected()
  given["é é"], given.t = ap.full({}, 7, {dtype = "u8"}), numbers(0, 1, 6, "f64", 2, 3):t()
  fio.save_npz(path, given)
  equal(fio.load_npz(path), given)
  fio.save_npz(other, given)
  truth(files.read(path) == files.read(other), "the bytes differ")
  if files.shell "command -v unzip" ~= "" then
    truth(files.shell("unzip -t " .. path):find "No errors detected", "unzip finds errors")
  end
  fio.save_npz(path, {})
  equal(fio.load_npz(path), {})
  raises("io.save_npz: npy has no bf16", function() fio.save_npz(path, {x = ap.ones(1):to "bf16"}) end)
  equal(fio.load_npz(path), {})
end)

-- `bytes` with those at `at` (from 1) replaced.
local function patch(bytes, at, new) return bytes:sub(1, at - 1) .. new .. bytes:sub(at + #new) end

test("load_npz: a damaged or hostile file is an error that says what is wrong", function()
  local path = tmpname()
  fio.save_npz(path, {a = numbers(0, 1, 4, "f32", 4), b = numbers(0, 1, 4, "f32", 4)})
  local good = files.read(path)
  local central = good:find "PK\1\2"
  local second = good:find("PK\1\2", central + 1, true)
  local last = good:find "PK\5\6"
  local cases = {
    {"an empty file", "", "no zip file: it has only 0 bytes"},
    {"no zip", ("x"):rep(100), "no zip file, or one that is cut off"},
    {"a zip that is cut off", good:sub(1, -2), "no directory at its end"},
    {"bytes after the end", good .. "x", "no directory at its end"},
    {"a directory past the end", patch(good, last + 16, "\255\255\255\127"),
      "directory of %d+ bytes at byte 2147483647"},
    {"a directory too long", patch(good, last + 12, "\255\255\255\127"), "directory of 2147483647 bytes"},
    {"too many entries", patch(good, last + 10, "\255\255"), "65535 entries do not fit"},
    {"too few entries", patch(good, last + 10, "\1\0"), "bytes of its directory are left over"},
    {"an entry that is none", patch(good, central, "XX"), "entry 1 of 2 is no directory entry"},
    {"a name past the directory", patch(good, second + 28, "\255\255"), "entry 2 reaches past the directory"},
    {"an encrypted entry", patch(good, central + 8, "\1"), "'a.npy': it is encrypted"},
    {"another method", patch(good, central + 10, "\12"), "'a.npy': packed by method 12"},
    {"an entry past the directory", patch(good, central + 42, "\255\255\255\127"), "do not fit before the directory"},
    {"sizes that differ", patch(good, central + 24, "\1\0\0\0"), "stored, but its sizes %d+ and 1 differ"},
    {"a name twice", patch(good, second + 46, "a"), "two entries named 'a.npy'"},
    {"entries over each other", patch(good, second + 42, "\1\0\0\0"), "it overlaps the entry before it"},
    {"an entry that is not there", patch(good, 1, "XX"), "'a.npy': damaged zip: no entry at byte 0"},
    {"a local name too long", patch(good, 27, "\255\255"), "'a.npy': damaged zip: it reaches into the next entry"},
    {"a wrong CRC", patch(good, central + 16, "\0\0\0\0"), "'a.npy': its CRC%-32 is %x+, expected 00000000"},
    {"wrong data", patch(good, 170, "\99"), "CRC%-32 is"},
    {"no npy inside", patch(good, good:find "\x93NUMPY", "xx"), "'a.npy': no npy file"},
    {"wide sizes without their field", patch(good, central + 20, ("\255"):rep(8)), "extra fields are cut off"},
  }
  for _, case in ipairs(cases) do refused(case[1], "io.load_npz", fio.load_npz, case[2], case[3]) end
  fio.save_npz(path, {["archive/data.pkl"] = ap.ones(1)})
  raises("it is a PyTorch file, which holds pickled code", function() fio.load_npz(path) end)
  local before = files.descriptors()
  for i = 1, #good do
    for _, c in ipairs {"\0", "\255"} do
      local file <close> = assert(io.open(path, "wb"))
      file:write(patch(good, i, c))
      file:close()
      pcall(fio.load_npz, path)
    end
  end
  equal(files.descriptors(), before)
end)

test_zlib("load_npz: damaged compressed data is an error", function()
  local good = files.golden "npz/deflated"
  local path = tmpname()
  for i = 1, #good do
    local file <close> = assert(io.open(path, "wb"))
    file:write(patch(good, i, string.char(good:byte(i) ~ 0x55)))
    file:close()
    pcall(fio.load_npz, path)
  end
  local central = good:find "PK\1\2"
  refused("an absurd unpacked size", "io.load_npz", fio.load_npz, patch(good, central + 24, "\255\255\255\127"),
    "damaged zip: %d+ bytes cannot unpack to 2147483647")
  refused("an unpacked size that is wrong", "io.load_npz", fio.load_npz, patch(good, central + 24, "\1\1\0\0"),
    "damaged zip: it has %d+ bytes, its directory says 257")
end)

-- --- IDX -----------------------------------------------------------------------------------------------------

local function idx(type, sizes, bytes)
  local text = string.char(0, 0, type, #sizes)
  for _, n in ipairs(sizes) do text = text .. string.pack(">I4", n) end
  return text .. bytes
end

test("read_idx: reads every type, big-endian", function()
  equal(data.read_idx(files.write(idx(0x08, {2, 3}, "\0\1\2\3\4\255"))),
    ap.tensor({{0, 1, 2}, {3, 4, 255}}, {dtype = "u8"}))
  for code, case in pairs {[0x09] = {"i8", "b"}, [0x0b] = {"i16", "h"}, [0x0c] = {"i32", "i4"}, [0x0d] = {"f32", "f"},
    [0x0e] = {"f64", "d"}} do
    local dtype, format = case[1], ">" .. case[2]:rep(3)
    equal(data.read_idx(files.write(idx(code, {3}, string.pack(format, -1, 2, 100)))),
      ap.tensor({-1, 2, 100}, {dtype = dtype}))
  end
  equal(data.read_idx(files.write(idx(0x0d, {}, string.pack(">f", 2.5)))), ap.full({}, 2.5))
  equal(data.read_idx(files.write(idx(0x08, {0, 28}, ""))), ap.zeros({0, 28}, {dtype = "u8"}))
end)

test_zlib("read_idx: reads gzip of one or two members", function()
  for _, name in ipairs {"idx/gzip", "idx/gzip two members"} do
    equal(data.read_idx(files.write(files.golden(name))), numbers(0, 1, 6, "u8", 2, 3))
  end
end)

test_zlib("read_idx: MNIST's files have the shapes and labels that they should", function()
  local images = data.read_idx "examples/data/mnist/t10k-images-idx3-ubyte.gz"
  local labels = data.read_idx "examples/data/mnist/t10k-labels-idx1-ubyte.gz"
  equal(images:size(), {10000, 28, 28})
  equal(labels:narrow(1, 1, 5):totable(), {7, 2, 1, 0, 4})
  equal(images.dtype, "u8")
end)

test("read_idx: a damaged or hostile file is an error that says what is wrong", function()
  local cases = {
    {"an empty file", "", "cut off: the magic number takes 4 bytes, but only 0 are left"},
    {"text", "hello world", "no IDX file: it starts with bytes 68 65, expected 00 00"},
    {"an unknown type", idx(0x0a, {1}, "x"), "its type is 0x0a, expected 08 %(u8%)"},
    {"nine dimensions", idx(8, {1, 1, 1, 1, 1, 1, 1, 1, 1}, "x"), "it has 9 dimensions, a tensor has at most 8"},
    {"255 dimensions", "\0\0\8\255", "it has 255 dimensions"},
    {"no shape", "\0\0\8\2\0\0\0\1", "cut off: the shape takes 8 bytes, but only 4 are left"},
    {"an absurd shape", idx(8, {0x7fffffff, 0x7fffffff}, "x"), "takes 4611686014132420609 bytes, but only 1 follow"},
    {"a shape that overflows", idx(0x0e, {0xffffffff, 0xffffffff, 0xffffffff}, "x"), "has too many elements"},
    {"data that is cut off", idx(0x0d, {2}, "1234567"), "shape %(2%) of f32 takes 8 bytes, but only 7 follow"},
    {"bytes left over", idx(8, {2}, "123"), "1 bytes are left over after the data"},
  }
  for _, case in ipairs(cases) do refused(case[1], "read_idx", data.read_idx, case[2], case[3]) end
  raises("read_idx: argument 1: expected a string, got nil", function() data.read_idx() end)
end)

test_zlib("read_idx: damaged or hostile gzip is an error that says what is wrong", function()
  local cases = {
    {"a gzip bomb", files.golden "idx/gzip bomb", "bytes are left over after the data"},
    {"gzip of too little", files.golden "idx/gzip short", "cut off: the data takes 6 bytes, but only 5 are left"},
    {"gzip of an absurd shape", files.golden "idx/gzip absurd",
      "shape %(2147483648x2147483648%) of u8 takes 4611686018427387904 bytes, but at most %d+ follow"},
    {"gzip that is cut off", files.golden("idx/gzip"):sub(1, -9), "cut off"},
    {"gzip without its checksum", files.golden("idx/gzip"):sub(1, -5), "the compressed data is cut off"},
    {"gzip with a wrong checksum", patch(files.golden "idx/gzip", #files.golden "idx/gzip" - 6, "\1\2"),
      "the compressed data is damaged: incorrect data check"},
    {"gzip with bytes after it", files.golden "idx/gzip" .. "xyz", "bytes are left over after the data"},
    {"gzip's magic alone", "\x1f\x8b", "cut off"},
  }
  for _, case in ipairs(cases) do refused(case[1], "read_idx", data.read_idx, case[2], case[3]) end
  local before, good, path = files.descriptors(), files.golden "idx/gzip", tmpname()
  for i = 1, #good do
    local file <close> = assert(io.open(path, "wb"))
    file:write(patch(good, i, string.char(good:byte(i) ~ 0xff)))
    file:close()
    pcall(data.read_idx, path)
  end
  equal(files.descriptors(), before)
end)

-- --- CSV -----------------------------------------------------------------------------------------------------

local function csv(text, options) return data.read_csv(files.write(text), options) end

test("read_csv: columns of numbers are tensors, the others lists", function()
  local columns, names = csv "id,name,x,y\n1,ada,1.5,2\n2,bob,-3e2,-4\n"
  equal(names, {"id", "name", "x", "y"})
  equal(columns, {id = ap.tensor({1, 2}, {dtype = "i64"}), name = {"ada", "bob"}, x = ap.tensor {1.5, -300},
    y = ap.tensor({2, -4}, {dtype = "i64"})})
end)

test("read_csv: quotes, what may stand in them, CRLF, empty lines, no line break at the end", function()
  local columns, names = csv '"a","b ""c"" d",e\r\n"x, y",1,"two\nlines"\r\n\r\n\n"",2,""""\r\nplain "text",3, z '
  equal(names, {"a", 'b "c" d', "e"})
  equal(columns.a, {"x, y", "", 'plain "text"'})
  equal(columns['b "c" d'], ap.tensor({1, 2, 3}, {dtype = "i64"}))
  equal(columns.e, {"two\nlines", '"', " z "})
  equal((csv "\xef\xbb\xbfa\n1\n").a, ap.tensor({1}, {dtype = "i64"}))
end)

test("read_csv: without a header the columns are numbered; a header is recognised unless given", function()
  local _, named = csv "1,x\n2,y\n"
  equal(named, {"1", "x"})
  local columns, names = csv("1,x\n2,y\n", {header = false})
  equal(names, {1, 2})
  equal(columns, {ap.tensor({1, 2}, {dtype = "i64"}), {"x", "y"}})
  columns = csv "1,2\n3,4\n"
  equal(columns[2], ap.tensor({2, 4}, {dtype = "i64"}))
  columns = csv("1,2\n3,4\n", {header = true})
  equal(columns["2"], ap.tensor({4}, {dtype = "i64"}))
  columns = csv "a,b\n"
  equal(columns.a:size(), {0})
end)

test("read_csv: columns chooses, by name or number, in its own order", function()
  local text = "a,b,a\n1,2,3\n4,5,6\n"
  local columns, names = csv(text, {columns = {"b", 1}})
  equal(names, {"b", "a"})
  equal(columns, {b = ap.tensor({2, 5}, {dtype = "i64"}), a = ap.tensor({1, 4}, {dtype = "i64"})})
  raises("columns 1 and 3 are both named 'a'; give its number", function() csv(text, {columns = {"a"}}) end)
  raises("columns 1 and 3 are both named 'a'; choose with columns", function() csv(text) end)
  raises("no column 'z'; there are: a, b, a", function() csv(text, {columns = {"z"}}) end)
  raises("column 4 does not exist: columns run 1..3", function() csv(text, {columns = {4}}) end)
  raises("column 0 does not exist", function() csv(text, {columns = {0}}) end)
  raises("columns: 'b' is given twice", function() csv(text, {columns = {"b", 2}}) end)
  raises("there is no header; give numbers", function() csv("1,2\n", {columns = {"a"}}) end)
end)

test("read_csv: matrix makes one tensor", function()
  local text = "a,b,c\n1,2.5,x\n3,4,y\n"
  local matrix, names = csv(text, {columns = {"a", "b"}, matrix = true})
  equal(matrix, ap.tensor {{1, 2.5}, {3, 4}})
  equal(names, {"a", "b"})
  equal((csv("1,2\n3,4\n", {matrix = true})), ap.tensor({{1, 2}, {3, 4}}, {dtype = "i64"}))
  equal((csv("1,2\n3,4\n", {matrix = true, dtype = "f64"})), ap.tensor({{1, 2}, {3, 4}}, {dtype = "f64"}))
  raises("line 2, column 'c': 'x': no number, and a matrix has nothing else", function() csv(text, {matrix = true}) end)
  raises("a matrix has one dtype", function() csv(text, {matrix = true, dtype = {a = "f32"}}) end)
end)

test("read_csv: dtype sets what a column is; what does not fit is named with its line and column", function()
  local text = "a,b,c\n1,2,true\n3,4,False\n"
  local columns = csv(text, {dtype = {a = "f64", b = "text", c = "bool"}})
  equal(columns, {a = ap.tensor({1, 3}, {dtype = "f64"}), b = {"2", "4"}, c = ap.tensor {true, false}})
  for _, dtype in ipairs {"f16", "bf16", "f32", "f64", "i8", "u8", "i16", "i32", "i64"} do
    equal((csv("1,2\n3,4\n", {matrix = true, dtype = dtype})), ap.tensor({{1, 2}, {3, 4}}, {dtype = dtype}))
  end
  equal((csv("a\n3.0\n1e2\n", {dtype = "i32"})).a, ap.tensor({3, 100}, {dtype = "i32"}))
  raises("read_csv: .*: line 3, column 'a': '2.5': no integer", function() csv("a\n1\n2.5\n", {dtype = "i64"}) end)
  raises("line 2, column 2: '300': out of the dtype's range", function() csv("1,2\n1,300\n", {dtype = "u8"}) end)
  raises("line 2, column 'a': '%-1': out of the dtype's range", function() csv("a\n-1\n", {dtype = "u8"}) end)
  raises("line 4, column 'b': 'x': no number", function() csv("a,b\n1,1\n\n2,x\n", {dtype = {b = "f32"}}) end)
  raises("line 2, column 'a': 'maybe': neither true nor false", function() csv("a\nmaybe\n", {dtype = "bool"}) end)
  raises("dtype: expected a dtype or \"text\", got 'f33'", function() csv(text, {dtype = "f33"}) end)
  raises("no column 'z'", function() csv(text, {dtype = {z = "f32"}}) end)
end)

test("read_csv: missing numbers become nan, another number, or an error with line and column", function()
  local text = "a,b\n1,2\n,NA\n3,4.5\n"
  equal((csv(text)), {a = ap.tensor {1, 0 / 0, 3}, b = ap.tensor {2, 0 / 0, 4.5}})
  equal((csv(text, {missing = -1})), {a = ap.tensor({1, -1, 3}, {dtype = "i64"}), b = ap.tensor {2, -1, 4.5}})
  equal((csv(text, {missing = 0.5})).a, ap.tensor {1, 0.5, 3})
  raises("line 3, column 'a': '': a value is missing", function() csv(text, {missing = "error"}) end)
  raises("line 3, column 'a': '': a value is missing, and integers have no nan", function()
    csv(text, {dtype = {a = "i64"}})
  end)
  equal((csv(text, {dtype = {a = "i32"}, missing = 0})).a, ap.tensor({1, 0, 3}, {dtype = "i32"}))
  equal((csv("a\n1\n-999\n?\n", {missing_words = {"-999", "?"}})).a, ap.tensor {1, 0 / 0, 0 / 0})
  equal((csv("a,b\nx,1\n,2\n")).a, {"x", ""})
  raises("missing: expected a number, .* got nothing", function() csv(text, {missing = "nothing"}) end)
end)

test("read_csv: numbers with spaces, signs, exponents, infinities; large integers turn real", function()
  local columns = csv "a,b,c,d\n 1 ,+2,inf,9223372036854775807\n\t-3,.5,-Infinity,9223372036854775808\n4,5.,1e-3,0\n"
  equal(columns.a, ap.tensor({1, -3, 4}, {dtype = "i64"}))
  equal(columns.b, ap.tensor {2, 0.5, 5})
  equal(columns.c, ap.tensor {1 / 0, -1 / 0, 0.001})
  equal(columns.d, ap.tensor {2.0 ^ 63, 2.0 ^ 63, 0})
  equal((csv "a\n1_000\n").a, {"1_000"})
  equal((csv "a\n0x10\n").a, {"0x10"})
  equal((csv "a\n1 2\n").a, {"1 2"})
end)

test("read_csv: other delimiters; one that numbers could hold is refused", function()
  for _, delimiter in ipairs {";", "\t", "|", " "} do
    equal((csv(("a%sb\n1%s2.5\n"):gsub("%%s", delimiter):format(delimiter, delimiter), {delimiter = delimiter})),
      {a = ap.tensor({1}, {dtype = "i64"}), b = ap.tensor {2.5}})
  end
  for _, delimiter in ipairs {"", ",,", "e", "1", ".", "-", '"', "\n", "\0", "é"} do
    raises("delimiter: expected one character", function() csv("a\n", {delimiter = delimiter}) end)
  end
end)

test("read_csv: what is no CSV is an error that names the line", function()
  local cases = {
    {"an empty file", "", "it has no rows"},
    {"empty lines", "\n\r\n\n", "it has no rows"},
    {"a row too long", "a,b\n1,2\n1,2,3\n", "line 3: expected 2 fields, got 3"},
    {"a row too short", "a,b\n1\n", "line 2: expected 2 fields, got 1"},
    {"a row too short after a line break in quotes", 'a,b\n"x\n\ny",2\n1\n', "line 5: expected 2 fields, got 1"},
    {"a quote that never closes", 'a,b\n1,"x\n2,3\n', "line 2: a quote is opened and never closed"},
    {"a quote at the end", 'a\n"', "line 2: a quote is opened"},
    {"text after a quote", 'a,b\n"x"y,2\n', "line 2: expected a delimiter .* after a closing quote, got 'y'"},
    {"UTF-16", "\xff\xfea\0,\0", "it is UTF%-16, expected UTF%-8"},
    {"gzip", "\x1f\x8b\8\0", "it is compressed"},
    {"two million columns", (","):rep(2000000), "its first row has 2000001 fields, expected at most 1000000"},
  }
  for _, case in ipairs(cases) do refused(case[1], "read_csv", data.read_csv, case[2], case[3]) end
  raises("read_csv: argument 1: expected a string, got nil", function() data.read_csv() end)
  raises("read_csv: expected a table of options, got a string", function() csv("a\n1\n", ";") end)
  raises("read_csv: unknown option 'sep'; options: columns delimiter", function() csv("a\n1\n", {sep = ";"}) end)
  raises("readers_test.lua:%d+: read_csv", function() csv("a\n1\n", {columns = 5}) end)
end)

test("read_csv: random tables come back as they were written", function()
  local pieces = {"a", "1", '"', ",", "\n", "\r\n", " ", "é", "", "x y", "-2.5"}
  local seed = 7
  local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n + 1
  end
  for _ = 1, 300 do
    local rows, count = {}, random(4)
    for r = 1, random(6) do
      rows[r] = {}
      for c = 1, count do
        local text = ""
        for _ = 1, random(3) do text = text .. pieces[random(#pieces)] end
        rows[r][c] = text
      end
    end
    local lines = {}
    for r, row in ipairs(rows) do
      local fields = {}
      for c, text in ipairs(row) do fields[c] = '"' .. text:gsub('"', '""') .. '"' end
      lines[r] = table.concat(fields, ",") .. (random(2) == 1 and "\n" or "\r\n")
    end
    local columns = csv(table.concat(lines), {header = false, dtype = "text"})
    for r, row in ipairs(rows) do
      for c, text in ipairs(row) do equal(columns[c][r], text) end
    end
  end
end)

test("a folder, a device, no file and an empty one: an error that names the reader and the path", function()
  local readers = {["io.load"] = fio.load, ["io.load_npy"] = fio.load_npy, ["io.load_npz"] = fio.load_npz,
    read_idx = ap.data.read_idx, read_csv = ap.data.read_csv}
  local empty, noise = tmpname(), tmpname()
  for path, text in pairs {[empty] = "", [noise] = "\255\255\255\255\255\255\255\127\0\8\3\255"} do
    local file <close> = assert(io.open(path, "wb"))
    file:write(text)
  end
  for name, read in pairs(readers) do
    for path, what in pairs {["/"] = "it is a folder", ["/dev/null"] = "it is a device or a pipe",
      ["/nonexistent/x"] = "No such file", [empty] = ".", [noise] = "."} do
      local ok, message = pcall(read, path)
      if name == "read_csv" and path == noise then goto next end -- one column that is named so
      truth(not ok and message:find(name .. ": " .. path .. ": ", 1, true) and message:find(what),
        ("%s of %s: %s"):format(name, path, tostring(message)))
      ::next::
    end
  end
end)
