-- The name that somebody meant: the one with the fewest letters inserted, left out, replaced or swapped with their
-- neighbour. Source: Damerau, A technique for computer detection and correction of spelling errors (1964).

local SHORT = 3 -- names below this length have no neighbours but in capitals

-- How many such changes lead from a to b; more than `most` where it is not worth counting.
local function distance(a, b, most)
  if math.abs(#a - #b) > most then return most + 1 end
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = {[0] = i}
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

--- The nearest of the names; nil where none is near: a third of the letters may differ.
---@param name string
---@param names string[]
---@return string|nil
return function(name, names)
  local best, least = nil, (#name < SHORT and 0 or math.max(1, #name // 3)) + 1
  for _, candidate in ipairs(names) do
    local d = distance(name:lower(), candidate:lower(), least)
    local preferred = best and (candidate:byte() == name:byte() and best:byte() ~= name:byte() or candidate < best)
    if d < least or d == least and preferred then best, least = candidate, d end
  end
  return best
end
