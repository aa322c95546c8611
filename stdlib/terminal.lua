-- What a terminal can show: colours, and how many columns a text takes.

local core = require "apsis.core"

local terminal = {}

local TRUE_COLOUR = 1 << 24

local function variable(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

-- Terminals that show 24 bits without a COLORTERM that says so.
local CAPABLE = {"kitty", "ghostty", "wezterm", "alacritty", "foot", "direct"}

--- How many colours the terminal that a file leads to can show: 0 (also for pipes and files, with NO_COLOR and for
--- TERM=dumb), 16, 256 or 2^24.
---@param file file*
---@return integer
--- Source: https://no-color.org.
function terminal.colours(file)
  local term = variable "TERM"
  if not core.isatty(file) or variable "NO_COLOR" or not term or term == "dumb" then return 0 end
  local depth = variable "COLORTERM"
  if depth == "truecolor" or depth == "24bit" then return TRUE_COLOUR end
  for _, name in ipairs(CAPABLE) do
    if term:find(name, 1, true) then return TRUE_COLOUR end
  end
  return term:find("256color", 1, true) and 256 or 16
end

--- Columns of the terminal that a file leads to; 80 where it leads to none.
---@param file file*
---@return integer
function terminal.columns(file)
  local columns = core.window_size(file)
  return columns and columns > 0 and columns or 80
end

--- Rows of the terminal that a file leads to; nil where it leads to none or does not say.
---@param file file*
---@return integer|nil
function terminal.rows(file)
  local _, rows = core.window_size(file)
  return rows and rows > 0 and rows or nil
end

-- First and last code points of characters that take two columns (East Asian Width W and F, emoji) and none (marks that
-- combine, joiners, variation selectors). Source: Unicode 15, EastAsianWidth.txt and UnicodeData.txt, in blocks.
local WIDE = {
  {0x1100, 0x115F}, {0x231A, 0x231B}, {0x2329, 0x232A}, {0x23E9, 0x23EC}, {0x2614, 0x2615}, {0x26A1, 0x26A1},
  {0x2705, 0x2705}, {0x2728, 0x2728}, {0x274C, 0x274C}, {0x2753, 0x2755}, {0x2795, 0x2797}, {0x2B50, 0x2B50},
  {0x2E80, 0x303E}, {0x3041, 0x33FF}, {0x3400, 0x4DBF}, {0x4E00, 0xA4CF}, {0xA960, 0xA97C}, {0xAC00, 0xD7A3},
  {0xF900, 0xFAFF}, {0xFE10, 0xFE19}, {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F18E, 0x1F18E},
  {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F64F}, {0x1F680, 0x1F6FC}, {0x1F7E0, 0x1F7EB},
  {0x1F90C, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
}
local NONE = {
  {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F}, {0x0E31, 0x0E31},
  {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x202A, 0x202E},
  {0x2060, 0x2064}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF},
}

local function within(ranges, code)
  local low, high = 1, #ranges
  while low <= high do
    local middle = (low + high) // 2
    local range = ranges[middle]
    if code < range[1] then
      high = middle - 1
    elseif code > range[2] then
      low = middle + 1
    else
      return true
    end
  end
  return false
end

local typed = ""

--- Keeps bytes that the user typed while the terminal was asked something, for the prompt's next line.
---@param bytes string
function terminal.keep_typed(bytes) typed = typed .. bytes end

--- Those bytes, once.
---@return string
function terminal.take_typed()
  local bytes = typed
  typed = ""
  return bytes
end

--- Columns that a line of text takes. Colour sequences take none, bytes that are no UTF-8 one each.
---@param text string
---@return integer
function terminal.width(text)
  if not text:find "[\27\128-\255]" then return #text end
  text = text:gsub("\27%[[%d;]*m", "")
  if not utf8.len(text) then return #text end
  local width = 0
  for _, code in utf8.codes(text) do
    if within(WIDE, code) then
      width = width + 2
    elseif not within(NONE, code) then
      width = width + 1
    end
  end
  return width
end

--- The text cut so that it takes at most `room` columns, with a mark where something is left out. Bytes that are no
--- UTF-8 become question marks then.
---@param text string
---@param room integer
---@param mark string "…" or "..."
---@return string
function terminal.cut(text, room, mark)
  local width = terminal.width
  if width(text) <= room then return text end
  local parts, used = {}, width(mark)
  for _, code in utf8.codes(utf8.len(text) and text or text:gsub("[\128-\255]", "?")) do
    local c = utf8.char(code)
    used = used + width(c)
    if used > room then break end
    parts[#parts + 1] = c
  end
  return table.concat(parts) .. mark
end

return terminal
