-- Tensors as HTML tables: one for a vector or a matrix, one for each matrix of a larger tensor; the middle of what is
-- long is left out. Numbers are written as print writes them.

local print_module = require "apsis.print"

local html = {}

local MOST, EDGE = 20, 5 -- rows and columns that are shown whole, and how many at each end of more
local MOST_TABLES = 6    -- of a tensor with more than two dimensions

local ESCAPES = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;"}

--- The text with the characters that mean something in HTML escaped.
---@param text string
---@return string
function html.escape(text) return (text:gsub("[&<>\"']", ESCAPES)) end

local ROW = '<tr><th>%s</th>%s</tr>'
local NUMBER = '<td style="text-align:right;font-family:monospace">%s</td>'
local GAP = "<td>&hellip;</td>"

-- The positions of a dimension that are shown: numbers, and false where some are left out.
local function shown(size)
  local list = {}
  for i = 1, size do
    if size <= MOST or i <= EDGE or i > size - EDGE then
      list[#list + 1] = i
    elseif i == EDGE + 1 then
      list[#list + 1] = false
    end
  end
  return list
end

local function heading(columns)
  local cells = {}
  for i, c in ipairs(columns) do cells[i] = ("<th>%s</th>"):format(c or "&hellip;") end
  return ROW:format("", table.concat(cells))
end

-- One row of texts, `columns` telling which they are.
local function row(head, texts, columns)
  local cells, k = {}, 0
  for i, c in ipairs(columns) do
    if c then k = k + 1 end
    cells[i] = c and NUMBER:format(html.escape(texts[k])) or GAP
  end
  return ROW:format(head, table.concat(cells))
end

local function gap_row(columns)
  return ROW:format("&hellip;", GAP:rep(#columns))
end

local function matrix(texts, rows, columns)
  local lines, k = {heading(columns)}, 0
  for _, r in ipairs(rows) do
    if r then k = k + 1 end
    lines[#lines + 1] = r and row(r, texts[k], columns) or gap_row(columns)
  end
  return "<table>\n" .. table.concat(lines, "\n") .. "\n</table>"
end

-- Calls visit(index text, matrix of texts) for the matrices of a tensor with more than two dimensions.
local function each_matrix(texts, size, d, index, visit)
  if d > #size - 2 then return visit("[" .. index .. ":, :]", texts) end
  local k = 0
  for _, i in ipairs(shown(size[d])) do
    if i then
      k = k + 1
      each_matrix(texts[k], size, d + 1, index .. i .. ", ", visit)
    end
  end
end

local function tables(texts, size)
  local columns = shown(size[#size])
  if #size == 1 then return "<table>\n" .. heading(columns) .. "\n" .. row("", texts, columns) .. "\n</table>" end
  local rows = shown(size[#size - 1])
  if #size == 2 then return matrix(texts, rows, columns) end
  local parts, left = {}, 0
  each_matrix(texts, size, 1, "", function(index, m)
    if #parts < MOST_TABLES then
      parts[#parts + 1] = "<div>" .. index .. "</div>" .. matrix(m, rows, columns)
    else
      left = left + 1
    end
  end)
  if left > 0 then parts[#parts + 1] = "<div>&hellip;</div>" end
  return table.concat(parts, "\n")
end

--- The tensor as HTML; nil where a table says no more than its text: one number, or none.
---@param x Tensor
---@return string|nil
function html.tensor(x)
  if x.ndim == 0 or x:numel() == 0 then return nil end
  local texts = print_module.texts(x, MOST, EDGE)
  return ("%s\n<div><small>tensor %s</small></div>"):format(tables(texts, x:size()), html.escape(print_module.about(x)))
end

return html
