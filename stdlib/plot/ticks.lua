-- Where an axis is marked: round numbers, 1, 2 or 5 times a power of ten apart, and their texts.

local ticks = {}

-- The smallest 1, 2 or 5 times a power of ten that is at least x.
local function round_up(x)
  local power = 10.0 ^ math.floor(math.log(x, 10))
  for _, m in ipairs {1, 2, 5, 10} do
    if m * power >= x * (1 - 1e-9) then return m * power end
  end
  return 10 * power
end

local function marks_of(low, high, most)
  local step = round_up((high - low) / math.max(most - 1, 1))
  local first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
  return step, first, last
end

--- The marks in [low, high], about `most` at most but two at least, and how their numbers are written.
---@param low number
---@param high number larger than low
---@param most integer
---@return number[] marks
---@return string[] texts
function ticks.of(low, high, most)
  local step, first, last = marks_of(low, high, most)
  while last - first < 1 do
    most = most + 1
    step, first, last = marks_of(low, high, most)
  end
  local marks, texts = {}, {}
  local digits = math.max(0, -math.floor(math.log(step, 10) + 1e-9))
  local large = math.max(math.abs(low), math.abs(high))
  local pattern = (large >= 1e6 or digits > 5) and "%.4g" or "%." .. digits .. "f"
  for i = first, last do
    local v = i * step
    marks[#marks + 1] = v
    texts[#texts + 1] = pattern:format(v == 0 and 0 or v)
  end
  return marks, texts
end

--- A range that holds both ends, has some width and only finite ends.
---@param low number
---@param high number
---@return number low
---@return number high
function ticks.widen(low, high)
  if low > high then low, high = 0, 1 end
  if high - low <= 1e-12 * math.max(math.abs(low), math.abs(high)) or high == low then
    local margin = low == 0 and 1 or math.abs(low) * 0.5
    return low - margin, high + margin
  end
  return low, high
end

return ticks
