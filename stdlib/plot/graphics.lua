-- Pictures of pixels in a terminal, by Kitty's protocol or as Sixel, and which of them the terminal can show.
-- Sources: https://sw.kovidgoyal.net/kitty/graphics-protocol; DEC, VT330/VT340 Programmer Reference Manual (1988),
-- chapter 14.

local core = require "apsis.core"
local terminal = require "apsis.terminal"

local graphics = {}

local PROTOCOLS = {kitty = true, sixel = true, text = true}

-- --- which protocol ----------------------------------------------------------------------------------------------

local WAIT = 0.5 -- seconds for the terminal's answer
local KITTY_QUERY = "\27_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\27\\"
local CELL_QUERY, ATTRIBUTES_QUERY = "\27[16t", "\27[c"
local SIXEL_ATTRIBUTE = 4

local known = {} -- what the terminal answered: protocol, cell_width, cell_height

local function variable(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

-- Inside of a multiplexer the variables of the terminal around it say nothing, and Kitty's query would become a title.
local function is_multiplexed()
  local term = variable "TERM" or ""
  return variable "TMUX" ~= nil or variable "STY" ~= nil or term:find "^screen" ~= nil or term:find "^tmux" ~= nil
end

-- Terminals that print a sequence that they do not know.
local function prints_sequences()
  return variable "TERM_PROGRAM" == "Apple_Terminal" or variable "INSIDE_EMACS" ~= nil
end

local function is_kitty()
  local term = variable "TERM" or ""
  return variable "KITTY_WINDOW_ID" ~= nil or term:find("kitty", 1, true) ~= nil or term:find("ghostty", 1, true) ~= nil
end

--- What the terminal's answers say, and the bytes among them that are none: keys that were pressed meanwhile.
---@param text string
---@return {protocol: string|nil, cell_width: integer|nil, cell_height: integer|nil} known
---@return string typed
function graphics.read_answers(text)
  local found = {}
  text = text:gsub("\27_G([^\27]*)\27\\", function(answer)
    if answer:find ";OK$" then found.protocol = "kitty" end
    return ""
  end)
  text = text:gsub("\27%[6;(%d+);(%d+)t", function(height, width)
    found.cell_width, found.cell_height = math.tointeger(width), math.tointeger(height)
    return ""
  end)
  text = text:gsub("\27%[%?([%d;]*)c", function(attributes)
    -- The first number is the terminal's kind.
    for attribute in attributes:gmatch ";(%d+)" do
      if math.tointeger(attribute) == SIXEL_ATTRIBUTE and not found.protocol then found.protocol = "sixel" end
    end
    return ""
  end)
  return found, text
end

-- Asks the terminal, once; nothing where input waits to be read: the next time then.
local function ask()
  local term = variable "TERM"
  if known.asked or not term or term == "dumb" or term == "linux" then return end
  local query = ((is_multiplexed() or prints_sequences()) and "" or KITTY_QUERY) .. CELL_QUERY .. ATTRIBUTES_QUERY
  local text = core.ask_terminal(query, WAIT)
  if not text then return end
  local typed
  known, typed = graphics.read_answers(text)
  known.asked = true
  terminal.keep_typed(typed)
end

--- How plots are drawn on standard output: "kitty", "sixel" or "text"; always "text" where it leads to no terminal.
---@return string
function graphics.protocol()
  if not io or not io.stdout or not core.isatty(io.stdout) then return "text" end
  local chosen = require("apsis.plot").protocol or variable "APSIS_GRAPHICS"
  if chosen ~= nil then
    if not PROTOCOLS[chosen] then
      error(("plot.protocol: expected 'kitty', 'sixel' or 'text', got %s"):format(tostring(chosen)), 0)
    end
    return chosen
  end
  if is_kitty() and not is_multiplexed() then return "kitty" end
  ask()
  return known.protocol or "text"
end

-- --- sizes -------------------------------------------------------------------------------------------------------

local CELL_WIDTH, CELL_HEIGHT = 10, 20 -- pixels of a letter's place where the terminal does not say
local MOST_COLUMNS = 80                -- that a plot takes
local ROWS_LEFT = 3                    -- for the prompt
local DENSE = 16                       -- pixels of height for each pixel of the drawing

--- The room that a picture may take, in pixels, and how many of them are to stand for one.
---@return integer width
---@return integer height
---@return integer scale
function graphics.room()
  local columns, rows, width, height = core.window_size(io.stdout)
  columns, rows = columns and columns > 0 and columns or 80, rows and rows > 0 and rows or 24
  local cell_width, cell_height = known.cell_width, known.cell_height
  if width and width > 0 and height > 0 then cell_width, cell_height = width // columns, height // rows end
  cell_width, cell_height = cell_width or CELL_WIDTH, cell_height or CELL_HEIGHT
  return math.min(columns - 1, MOST_COLUMNS) * cell_width, math.max(rows - ROWS_LEFT, 4) * cell_height,
    math.max(1, cell_height // DENSE)
end

-- --- Kitty -------------------------------------------------------------------------------------------------------

local LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local CHUNK = 4096 -- bytes of base64 that the protocol allows in one piece

local pairs_of -- the two letters of 12 bits

local function make_pairs()
  pairs_of = {}
  for i = 0, 4095 do
    local a, b = i >> 6, i & 63
    pairs_of[i] = LETTERS:sub(a + 1, a + 1) .. LETTERS:sub(b + 1, b + 1)
  end
end

--- The bytes in base64 (RFC 4648).
---@param bytes string
---@return string
function graphics.base64(bytes)
  if not pairs_of then make_pairs() end
  local parts, byte, n = {}, string.byte, #bytes
  for i = 1, n - 2, 3 do
    local a, b, c = byte(bytes, i, i + 2)
    parts[#parts + 1] = pairs_of[a << 4 | b >> 4] .. pairs_of[(b & 15) << 8 | c]
  end
  local rest = n % 3
  if rest > 0 then
    local a, b = byte(bytes, n - rest + 1, n)
    b = b or 0
    local last = pairs_of[a << 4 | b >> 4] .. pairs_of[(b & 15) << 8]
    parts[#parts + 1] = rest == 1 and last:sub(1, 2) .. "==" or last:sub(1, 3) .. "="
  end
  return table.concat(parts)
end

--- The sequences that show a picture, without answers from the terminal.
---@param width integer
---@param height integer
---@param pixels string three bytes each
---@return string
function graphics.kitty(width, height, pixels)
  local text = graphics.base64(core.formats.encode_png(width, height, 3, pixels))
  local parts = {}
  for i = 1, #text, CHUNK do
    local more = i + CHUNK <= #text and 1 or 0
    parts[#parts + 1] = ("\27_G%sm=%d;%s\27\\"):format(i == 1 and "a=T,f=100,q=2," or "q=2,", more,
      text:sub(i, i + CHUNK - 1))
  end
  return table.concat(parts)
end

-- --- Sixel -------------------------------------------------------------------------------------------------------

local MOST_COLOURS = 256

local EVERY, COARSE = 0xFFFFFF, 0xF8F8F8 -- bits of a colour that tell it from others: all, or five a channel

-- The picture's colours, as red << 16 | green << 8 | blue, and how often each comes.
local function count_colours(pixels, bits)
  local counts, list, byte = {}, {}, string.byte
  for i = 1, #pixels, 3 do
    local r, g, b = byte(pixels, i, i + 2)
    local c = (r << 16 | g << 8 | b) & bits
    local n = counts[c]
    if not n then list[#list + 1] = c end
    counts[c] = (n or 0) + 1
  end
  return list, counts
end

local SHIFTS = {16, 8, 0}

-- The channel in which the colours of a box differ most, and by how much.
local function widest(box)
  local best, most = 16, -1
  for _, shift in ipairs(SHIFTS) do
    local low, high = 255, 0
    for _, c in ipairs(box) do
      local v = c >> shift & 255
      if v < low then low = v end
      if v > high then high = v end
    end
    if high - low > most then best, most = shift, high - low end
  end
  return best, most
end

-- The box in two, with about as many pixels in each. Source: Heckbert, Color image quantization for frame buffer
-- display (1982).
local function cut(box, counts)
  table.sort(box, function(a, b)
    local x, y = a >> box.shift & 255, b >> box.shift & 255
    return x < y or x == y and a < b
  end)
  local total, sum = 0, 0
  for _, c in ipairs(box) do total = total + counts[c] end
  local at = 1
  while at < #box - 1 and sum + counts[box[at]] < total / 2 do
    sum = sum + counts[box[at]]
    at = at + 1
  end
  return table.move(box, 1, at, 1, {}), table.move(box, at + 1, #box, 1, {})
end

local function measured(box)
  box.shift, box.spread = widest(box)
  return box
end

local function mean(box, counts, middle)
  local r, g, b, n = 0, 0, 0, 0
  for _, c in ipairs(box) do
    local k = counts[c]
    r, g, b, n = r + k * (c >> 16), g + k * (c >> 8 & 255), b + k * (c & 255), n + k
  end
  return {r / n + middle, g / n + middle, b / n + middle}
end

-- A palette of at most MOST_COLOURS, {red, green, blue} each, the place in it of every colour, and the bits that tell
-- these from each other.
local function palette_of(pixels)
  local bits = EVERY
  local list, counts = count_colours(pixels, bits)
  if #list > MOST_COLOURS then
    bits = COARSE
    list, counts = count_colours(pixels, bits)
  end
  local boxes = {}
  if #list <= MOST_COLOURS then
    for i, c in ipairs(list) do boxes[i] = {c} end
  else
    boxes[1] = measured(list)
    while #boxes < MOST_COLOURS do
      local at, most = 1, -1
      for i, box in ipairs(boxes) do
        if #box > 1 and box.spread > most then at, most = i, box.spread end
      end
      local a, b = cut(boxes[at], counts)
      boxes[at] = measured(a)
      boxes[#boxes + 1] = measured(b)
    end
  end
  local palette, place = {}, {}
  for i, box in ipairs(boxes) do
    palette[i] = mean(box, counts, bits == COARSE and 3.5 or 0)
    for _, c in ipairs(box) do place[c] = i end
  end
  return palette, place, bits
end

-- A letter n times.
local function run(n, bits)
  local letter = string.char(63 + bits)
  return n > 3 and ("!%d%s"):format(n, letter) or letter:rep(n)
end

-- What one colour paints in a band: columns and their six bits, in order; further columns are empty.
local function stripe(columns, bits)
  local parts, at = {}, 1
  local i = 1
  while i <= #columns do
    local first, b = columns[i], bits[i]
    local last = first
    while columns[i + 1] == last + 1 and bits[i + 1] == b do i, last = i + 1, last + 1 end
    if first > at then parts[#parts + 1] = run(first - at, 0) end
    parts[#parts + 1] = run(last - first + 1, b)
    at = last + 1
    i = i + 1
  end
  return table.concat(parts)
end

-- Six rows, from row y on.
local function band(pixels, place, mask, width, height, y)
  local columns, bits, used = {}, {}, {}
  local byte = string.byte
  for x = 1, width do
    for k = 0, math.min(5, height - y) do
      local r, g, b = byte(pixels, 3 * ((y + k - 1) * width + x - 1) + 1, 3 * ((y + k - 1) * width + x - 1) + 3)
      local c = place[(r << 16 | g << 8 | b) & mask]
      local list = columns[c]
      if not list then
        list = {}
        columns[c], bits[c], used[#used + 1] = list, {}, c
      end
      local n = #list
      if list[n] ~= x then
        n = n + 1
        list[n], bits[c][n] = x, 0
      end
      bits[c][n] = bits[c][n] | 1 << k
    end
  end
  for i, c in ipairs(used) do used[i] = ("#%d%s"):format(c - 1, stripe(columns[c], bits[c])) end
  return table.concat(used, "$")
end

--- The sequence that shows a picture, in at most 256 colours.
---@param width integer
---@param height integer
---@param pixels string three bytes each
---@return string
function graphics.sixel(width, height, pixels)
  local palette, place, mask = palette_of(pixels)
  local parts = {('\27P0;1q"1;1;%d;%d'):format(width, height)}
  local function percent(v) return math.floor(v * 100 / 255 + 0.5) end
  for i, c in ipairs(palette) do
    parts[#parts + 1] = ("#%d;2;%d;%d;%d"):format(i - 1, percent(c[1]), percent(c[2]), percent(c[3]))
  end
  local bands = {}
  for y = 1, height, 6 do bands[#bands + 1] = band(pixels, place, mask, width, height, y) end
  return table.concat(parts) .. table.concat(bands, "-") .. "\27\\"
end

-- --- figures and images ------------------------------------------------------------------------------------------

-- Each pixel as scale x scale of them.
local function enlarge(width, height, pixels, scale)
  if scale == 1 then return width, height, pixels end
  local rows = {}
  for y = 0, height - 1 do
    local row = pixels:sub(3 * y * width + 1, 3 * (y + 1) * width):gsub("...", function(p) return p:rep(scale) end)
    for _ = 1, scale do rows[#rows + 1] = row end
  end
  return width * scale, height * scale, table.concat(rows)
end

--- The sequence that shows a figure or an image in the terminal; nil where it shows no pictures.
---@param drawing table with `picture(room_width, room_height)`, which gives width, height and pixels
---@return string|nil
function graphics.draw(drawing)
  local protocol = graphics.protocol()
  if protocol == "text" then return nil end
  local width, height, scale = graphics.room()
  return graphics[protocol](enlarge(drawing:picture(width // scale, height // scale, scale)))
end

return graphics
