-- Plots: in the terminal, as SVG and as PNG (read again by hand: chunks, checksums, pixels).

local ap = require "apsis"
local plot = require "apsis.plot"
local read = require("support.files").read

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return lines
end

local function letters(line) return utf8.len((line:gsub("\27%[[%d;]*m", ""))) end

test("plot: a rising line goes from the lower left to the upper right", function()
  local text = plot.plot({0, 1, 2, 3}, {0, 10, 20, 30}):text {columns = 40, rows = 10}
  local lines = lines_of(text)
  equal(#lines, 12)
  for _, line in ipairs(lines) do truth(letters(line) <= 40, line) end
  local function first_dot(line)
    local inside = line:gsub("^[ %d]*", ""):gsub("^│", ""):gsub("^┤", "")
    return (inside:find "[^ ]")
  end
  truth(first_dot(lines[1]) > first_dot(lines[9]), text)
  truth(text:find("20 ┤", 1, true) and text:find("\n *0 ┤"), text)
  truth(lines[11]:find("┬", 1, true) and lines[12]:find("0 .* 1 .* 2 .* 3"), text)
end)

test("plot: titles, names of lines and of axes are shown; colours only where there are some", function()
  local f = plot.plot({1, 2, 3}, {title = "Loss", xlabel = "step", ylabel = "nats", label = "train"})
    :plot({3, 2, 1}, {label = "valid"})
  local text = f:text {columns = 60}
  for _, word in ipairs {"Loss", "step", "nats", "1: train", "2: valid"} do truth(text:find(word, 1, true), text) end
  truth(not text:find "\27", text)
  truth(f:text({colours = 16}):find("\27[34m", 1, true))
  truth(f:text({colours = 256}):find("\27[38;5;", 1, true))
  truth(f:text({colours = 1 << 24}):find("\27[38;2;0;114;178m", 1, true))
end)

test("plot: nan and inf leave gaps, one point and equal values are shown, empty plots are no error", function()
  local gap = plot.plot {1, 0 / 0, math.huge, 1}
  truth(not gap:text({columns = 40}):find "nan", gap:text {})
  truth(plot.plot({5}):text({}):find "[⠀-⣿]")
  truth(plot.plot({}):text({}):find "┬")
  truth(plot.plot({2, 2, 2}):text({}):find "2")
  truth(plot.plot({1e-30, 2e-30}):text({}))
  truth(plot.plot({-1e300, 1e300}):text({}))
  truth(plot.plot({1, 5, 2}, {ylim = {0, 2}}):text({}):find "2.0")
end)

test("plot: tensors of any dtype and device-free views; bad arguments name themselves", function()
  truth(plot.plot(ap.arange(5), ap.ones(5, 2)[{{}, 1}]):text {})
  truth(plot.scatter(ap.tensor {1, 2}, ap.tensor {3.5, 4}):text {})
  raises("plot: 2 values of x and 3 of y", function() plot.plot({1, 2}, {1, 2, 3}) end)
  raises("plot: y: expected values in one dimension, got %(2x2%)", function() plot.plot(ap.ones(2, 2)) end)
  raises("plot: y: value 2 is no number but a string", function() plot.plot {1, "b"} end)
  raises("plot: y: expected a tensor or a table of numbers, got number", function() plot.plot(1) end)
  raises("unknown option 'colour'; options: height", function() plot.plot({1}, {2}, {colour = 1}) end)
  raises("xlim: expected {low, high}", function() plot.plot({1}, {2}, {xlim = 3}) end)
  raises("ends in .svg or .png", function() plot.plot({1}):save "a.bmp" end)
end)

test("hist: counts fall into bins of equal width, the last one closed", function()
  local f = plot.hist({0, 0.5, 1, 2, 2, 4, 0 / 0, math.huge}, 4)
  local s = f.series[1]
  close(s.x, {0, 1, 2, 3, 4})
  close(s.y, {2, 1, 2, 1})
  close(plot.hist({3, 3, 3}, 3).series[1].y, {0, 3, 0})
  truth(plot.hist(ap.randn(10, 10), {bins = 5, title = "n"}):text({}):find "n")
  raises("hist: bins", function() plot.hist({1}, 0) end)
  raises("there is no finite value", function() plot.hist {0 / 0} end)
end)

test("imshow: half blocks in two colours a letter, shades without colours", function()
  local img = plot.imshow(ap.tensor {{0, 1}, {1, 0}}, {map = "gray"})
  equal(img:text {colours = 1 << 24},
    "\27[38;2;0;0;0m\27[48;2;255;255;255m▀\27[38;2;255;255;255m\27[48;2;0;0;0m▀\27[0m")
  equal(plot.imshow(ap.tensor {{0, 1}, {0, 1}}, {map = "gray"}):text {}, " █")
  equal(#lines_of(plot.imshow(ap.rand(100, 300)):text {columns = 60}), 10)
  local rgb = plot.imshow(ap.tensor({{{255, 0, 0}}, {{255, 0, 0}}}, {dtype = "u8"}))
  equal(rgb:text {colours = 1 << 24}, "\27[38;2;255;0;0m\27[48;2;255;0;0m▀\27[0m")
  equal({plot.imshow(ap.zeros(3, 5, 6)):colour(1, 1)}, {0, 0, 0})
  raises("imshow: expected", function() plot.imshow(ap.ones(2, 2, 2, 2)) end)
  raises("no colour map 'jet'", function() plot.imshow(ap.ones(2, 2), {map = "jet"}) end)
end)

test("save: SVG with escaped text, one polyline a line", function()
  local path = tmpname() .. ".svg"
  plot.plot({1, 2, 3}, {1, 4, 9}, {title = "<a & b>", label = "y"}):save(path)
  local text = read(path)
  os.remove(path)
  truth(text:find("^<svg xmlns=", 1) and text:find "</svg>\n$", text)
  truth(text:find("&lt;a &amp; b&gt;", 1, true), text)
  truth(text:find('stroke="#0072b2" stroke-width="2"', 1, true), text)
  local _, opened = text:gsub("<g ", "")
  local _, closed = text:gsub("</g>", "")
  equal(opened, closed)
end)

-- The pixels of a PNG: size, and a function from x, y (from 0) to its three bytes. Python reads it where there is one.
local function chunks(bytes)
  local list, at = {}, 9
  while at <= #bytes do
    local n = (">I4"):unpack(bytes, at)
    list[bytes:sub(at + 4, at + 7)] = bytes:sub(at + 8, at + 7 + n)
    at = at + 12 + n
  end
  return list
end

test("save: PNG with a header, pixels and an end; images keep each element", function()
  local path = tmpname() .. ".png"
  plot.plot({1, 2, 3}):save(path)
  local bytes = read(path)
  equal(bytes:sub(1, 8), "\x89PNG\r\n\x1a\n")
  local list = chunks(bytes)
  equal({(">I4I4BB"):unpack(list.IHDR)}, {640, 400, 8, 2, 11})
  equal(list.IEND, "")
  plot.imshow(ap.tensor {{0, 1}, {0.5, 1}}, {map = "gray"}):save(path, 2)
  list = chunks(read(path))
  equal({(">I4I4BB"):unpack(list.IHDR)}, {4, 4, 8, 2, 11})
  os.remove(path)
end)

test("save: the PNG's checksums and pixels are what zlib and Python say", function()
  local program = require "support.program"
  local _, missing = program.sh "python3 -c 'import zlib' 2>/dev/null"
  if missing ~= 0 then return end
  local path = tmpname() .. ".png"
  plot.imshow(ap.tensor {{0, 1}, {1, 0}}, {map = "gray"}):save(path)
  local script = [[
import struct, sys, zlib
b = open(sys.argv[1], "rb").read(); p = 8; data = b""
while p < len(b):
    n, = struct.unpack(">I", b[p:p+4])
    assert zlib.crc32(b[p+4:p+8+n]) == struct.unpack(">I", b[p+8+n:p+12+n])[0]
    if b[p+4:p+8] == b"IDAT": data += b[p+8:p+8+n]
    p += 12 + n
print(zlib.decompress(data).hex())]]
  local code = require("support.files").write(script)
  equal(program.must(("python3 %s %s"):format(code, path)), "00000000ffffff00ffffff000000\n")
  os.remove(path)
end)
