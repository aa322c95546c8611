-- Pictures in the terminal: what is sent is decoded again by the test's own readers of base64, PNG and Sixel; a
-- terminal that the test plays answers the questions.

local ap = require "apsis"
local plot = require "apsis.plot"
local graphics = require "apsis.plot.graphics"
local conversation = require "support.conversation"
local program = require "support.program"

local function contains(text, part) truth(text:find(part, 1, true) ~= nil, ("no %q in:\n%q"):format(part, text)) end

-- Pixels as a string of bytes, from f(x, y) -> red, green, blue; x and y from 0.
local function picture(width, height, f)
  local parts = {}
  for y = 0, height - 1 do
    for x = 0, width - 1 do parts[#parts + 1] = string.char(f(x, y)) end
  end
  return width, height, table.concat(parts)
end

-- --- decoders ----------------------------------------------------------------------------------------------------

-- A Sixel picture as width, height and an array of {red, green, blue} in percent, nil where nothing was painted.
local function read_sixel(text)
  local width, height, body = text:match '^\27P[%d;]*q"1;1;(%d+);(%d+)(.*)\27\\$'
  width, height = math.tointeger(width), math.tointeger(height)
  local palette, pixels, colour, x, y, at = {}, {}, nil, 0, 0, 1
  local function paint(letter, times)
    local bits = letter:byte() - 63
    for _ = 1, times do
      truth(x < width, "beyond the right edge")
      for k = 0, 5 do
        if bits >> k & 1 == 1 then
          truth(y + k < height, "below the lower edge")
          truth(pixels[(y + k) * width + x] == nil, "painted twice")
          pixels[(y + k) * width + x] = palette[colour]
        end
      end
      x = x + 1
    end
  end
  while at <= #body do
    local i, r, g, b, stop = body:match("^#(%d+);2;(%d+);(%d+);(%d+)()", at)
    if i then
      palette[tonumber(i)], at = {tonumber(r), tonumber(g), tonumber(b)}, stop
    elseif body:find("^#%d+", at) then
      i, stop = body:match("^#(%d+)()", at)
      colour, at = tonumber(i), stop
      truth(palette[colour], "a colour that was not defined")
    elseif body:find("^!", at) then
      local n, letter
      n, letter, stop = body:match("^!(%d+)([?-~])()", at)
      paint(letter, tonumber(n))
      at = stop
    elseif body:find("^[?-~]", at) then
      paint(body:sub(at, at), 1)
      at = at + 1
    elseif body:sub(at, at) == "$" then
      x, at = 0, at + 1
    else
      equal(body:sub(at, at), "-")
      x, y, at = 0, y + 6, at + 1
    end
  end
  return width, height, pixels
end

-- The largest and the mean difference between a Sixel picture and its pixels, in steps of 255.
local function sixel_error(width, height, bytes)
  local w, h, pixels = read_sixel(graphics.sixel(width, height, bytes))
  equal({w, h}, {width, height})
  local most, sum = 0, 0
  for i = 0, width * height - 1 do
    truth(pixels[i], "a pixel was left out")
    for k = 1, 3 do
      local d = math.abs(pixels[i][k] * 2.55 - bytes:byte(3 * i + k))
      most, sum = math.max(most, d), sum + d
    end
  end
  return most, sum / (3 * width * height)
end

local function unbase64(text)
  local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  local bytes, value, bits = {}, 0, 0
  for c in text:gsub("=", ""):gmatch "." do
    value, bits = value << 6 | letters:find(c, 1, true) - 1, bits + 6
    if bits >= 8 then
      bits = bits - 8
      bytes[#bytes + 1] = string.char(value >> bits & 255)
      value = value & (1 << bits) - 1
    end
  end
  return table.concat(bytes)
end

-- The PNG in Kitty's sequences, which must be of the right size and say what comes.
local function read_kitty(text)
  local data, last = {}, nil
  for control, chunk in text:gmatch "\27_G([^;]*);([^\27]*)\27\\" do
    truth(#chunk <= 4096 and #chunk % 4 == 0, #chunk)
    if #data == 0 then contains(control, "a=T,f=100,q=2,m=") end
    if last then equal(last, "1") end
    last = control:match "m=(%d)"
    data[#data + 1] = chunk
  end
  equal(last, "0")
  equal(text:gsub("\27_G[^\27]*\27\\", ""), "")
  return unbase64(table.concat(data))
end

-- --- encoders ----------------------------------------------------------------------------------------------------

test("base64 as of RFC 4648", function()
  local known = {[""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=",
    foobar = "Zm9vYmFy", ["\0\255\254"] = "AP/+"}
  for bytes, text in pairs(known) do equal(graphics.base64(bytes), text) end
  local bytes = {}
  for i = 0, 999 do bytes[i + 1] = string.char(i * 37 % 256) end
  equal(unbase64(graphics.base64(table.concat(bytes))), table.concat(bytes))
end)

test("Sixel: every pixel comes back, in its colour to the percent, whatever the size", function()
  for _, size in ipairs {{1, 1}, {7, 6}, {5, 13}, {300, 7}} do
    local most = sixel_error(picture(size[1], size[2], function(x, y)
      return x % 16 * 17, y * 19 % 256, x // 9 % 2 * 255
    end))
    truth(most <= 1.3, most)
  end
  truth(sixel_error(picture(40, 12, function() return 10, 20, 30 end)) <= 1.3)
end)

test("Sixel: many colours are brought down to 256 that are near", function()
  local most, mean = sixel_error(picture(64, 64, function(x, y) return x * 4, y * 4, (x + y) * 2 % 256 end))
  truth(most <= 40 and mean <= 8, ("%g %g"):format(most, mean))
end)

test("Sixel: a run is written as a count", function()
  local text = graphics.sixel(picture(100, 6, function() return 255, 0, 0 end))
  contains(text, "#0;2;100;0;0#0!100~\27\\")
end)

test("Kitty: a PNG with the same pixels, in pieces of at most 4096 bytes", function()
  for _, size in ipairs {{3, 2}, {200, 150}} do
    local width, height, bytes = picture(size[1], size[2], function(x, y)
      return x * 31 % 256, y * 57 % 256, (x * y * 13 + x) % 256
    end)
    equal(read_kitty(graphics.kitty(width, height, bytes)), ap.formats.encode_png(width, height, 3, bytes))
  end
end)

test("the PNG is one: another reader finds the pixels in it", function()
  local python = program.sh "python3 -c 'import zlib; print(1)' 2>/dev/null"
  if python ~= "1\n" then return end
  local width, height, bytes = picture(9, 4, function(x, y) return x * 20, y * 60, x + y end)
  local path = require("support.files").write(ap.formats.encode_png(width, height, 3, bytes))
  local output = program.must(([[python3 -c '
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
at, parts = 8, {}
while at < len(data):
    n, kind = struct.unpack(">I4s", data[at:at + 8])
    body = data[at + 8:at + 8 + n]
    assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0]
    parts[kind] = body
    at += 12 + n
rows = zlib.decompress(parts[b"IDAT"])
print("".join(rows[i * 28 + 1:(i + 1) * 28].hex() for i in range(4)), end="")
' %s]]):format(program.quote(path)))
  equal(output, (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
end)

test("figures and images fill their room and keep their proportions", function()
  local width, height, bytes = plot.plot({1, 2, 3}):picture(500, 400, 1)
  equal({width, height, #bytes}, {500, 312, 3 * 500 * 312})
  width, height = plot.plot({1, 2}, {width = 400, height = 800}):picture(500, 400, 1)
  equal({width, height}, {200, 400})
  local w, h, pixels, scale = plot.imshow(ap.tensor {{0, 1}, {1, 0}}, {map = "gray"}):picture(500, 400, 2)
  equal({w, h, scale}, {2, 2, 400})
  equal(pixels, "\0\0\0\255\255\255\255\255\255\0\0\0")
  w, h, pixels, scale = plot.imshow(ap.rand(300, 1200)):picture(600, 400, 1)
  equal({w, h, scale, #pixels}, {600, 150, 1, 3 * 600 * 150})
end)

-- --- what the terminal can ---------------------------------------------------------------------------------------

test("answers: Kitty's OK, Sixel among the attributes, the size of a cell, and what was typed between", function()
  local function read(text)
    local known, typed = graphics.read_answers(text)
    return {known.protocol, known.cell_width, known.cell_height, typed}
  end
  equal(read "\27_Gi=31;OK\27\\\27[6;18;9t\27[?62;4;22c", {"kitty", 9, 18, ""})
  equal(read "\27[?62;4;22c", {"sixel", nil, nil, ""})
  equal(read "\27[?64;1;2;22;44c", {nil, nil, nil, ""})
  equal(read "\27[?4c", {nil, nil, nil, ""}) -- a VT132
  equal(read "\27_Gi=31;ENOTSUP:no\27\\\27[?1;2c", {nil, nil, nil, ""})
  equal(read "ab\27[?6c\27[Ac", {nil, nil, nil, "ab\27[Ac"})
  equal(read "", {nil, nil, nil, ""})
end)

local ASKED = "\27_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\27\\\27[16t\27[c"

-- A conversation without the variables that say what the terminal is.
local function talk(turns, environment, term)
  local clear = "env -u TMUX -u STY -u KITTY_WINDOW_ID -u APSIS_GRAPHICS -u TERM_PROGRAM -u INSIDE_EMACS "
  return conversation.run(turns, {term = term or "xterm-256color", before = clear,
    environment = "NO_COLOR=1 " .. (environment or "")})
end

test("a terminal that says Sixel gets Sixel, after one question", function()
  local output = talk {"> ", "plot{1, 2, 3}\n", ASKED, "\27[6;12;6t\27[?62;4;22c", '\27P0;1q"1;1;403;251#0;', "",
    "\27\\\n", "", "> ", "imshow(ap.eye(2))\n", '\27P0;1q"1;1;252;252#0;', "", "\27\\\n", "", "> "}
  truth(select(2, output:gsub("\27%[c", "")) == 1, "asked again")
end)

test("a terminal that says Kitty gets Kitty's sequences", function()
  talk {"> ", "plot{1, 2, 3}\n", ASKED, "\27_Gi=31;OK\27\\\27[?62c", "\27_Ga=T,f=100,q=2,m=", "", "\27\\\n", "", "> "}
end)

test("a terminal that says neither, or nothing, gets letters", function()
  contains(talk {"> ", "plot{1, 2, 3}\n", ASKED, "\27[?1;2c", "┬", "", "> "}, "┬")
  contains(talk {"> ", "plot{1, 2, 3}\n", ASKED, "", "┬", "", "> ", "1 + 1\n", "2\n", "", "> "}, "┬")
end)

test("what is typed while the terminal is asked is not lost", function()
  talk {"> ", "plot{1, 2, 3}\n", ASKED, "6 *\27[?62c", "┬", "", "> ", " 7\n", "42\n", "", "> "}
  talk {"> ", "plot{1, 2, 3}\n", ASKED, "6 * 7\n8 * 9\n10\27[?62c", "┬", "", "42\n", "", "72\n", "", "> ", " * 10\n",
    "100\n", "", "> "}
  -- Typed before the question: nothing is asked, and the letters are the next line.
  local slow = "(function() local t = os.time() + 1 repeat until os.time() > t return plot{1, 2} end)()\n"
  local output = talk {"> ", slow, "", "5 + 6\n", "┬", "", "11\n", "", "> "}
  truth(not output:find(ASKED, 1, true), output)
end)

test("settings choose without a question; in tmux Kitty is not asked about", function()
  talk({"> ", "plot{1, 2}\n", "\27P0;1q", "", "\27\\\n", "", "> "}, "APSIS_GRAPHICS=sixel")
  talk({"> ", "plot{1, 2}\n", "\27_Ga=T", "", "\27\\\n", "", "> "}, "KITTY_WINDOW_ID=1")
  talk({"> ", "ap.plot.protocol = 'kitty'\n", "> ", "plot{1, 2}\n", "\27_Ga=T", "", "\27\\\n", "", "> "})
  talk({"> ", "ap.plot.protocol = 'text'\n", "> ", "plot{1, 2}\n", "┬", "", "> "}, "KITTY_WINDOW_ID=1")
  talk({"> ", "ap.plot.protocol = 'jpeg'\n", "> ", "plot{1, 2}\n",
    "plot.protocol: expected 'kitty', 'sixel' or 'text', got jpeg", "", "> "})
  local output = talk({"> ", "plot{1, 2}\n", "\27[16t\27[c", "\27[?1;2;4c", "\27P0;1q", "", "\27\\\n", "", "> "},
    "TMUX=x", "screen-256color")
  truth(not output:find("\27_G", 1, true))
  output = talk({"> ", "plot{1, 2}\n", "\27[16t\27[c", "\27[?1;2c", "┬", "", "> "}, "TERM_PROGRAM=Apple_Terminal")
  truth(not output:find("\27_G", 1, true))
  output = talk({"> ", "plot{1, 2}\n", "┬", "", "> "}, "", "linux")
  truth(not output:find("\27[c", 1, true))
end)

test("print, tables and pipes get letters, show() the picture", function()
  local output = talk({"> ", "print(plot{1, 2}) t = {plot{1, 2}}\n", "┬", "", "> ", "t\n", "┬", "", "> ",
    "plot{1, 2}:show();\n", "\27P0;1q", "", "\27\\\n", "", "> "}, "APSIS_GRAPHICS=sixel")
  equal(select(2, output:gsub("\27P", "")), 1)
  local piped = program.must("printf 'plot{1, 2}\\nplot{1, 2}:show();\\n' | APSIS_GRAPHICS=kitty "
    .. program.quote(program.path) .. " -i --no-init")
  truth(not piped:find "\27" and piped:find "┬", piped)
end)
