-- Paper that becomes an SVG file.

local ESCAPES = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;"}

local function hex(c) return ("#%02x%02x%02x"):format(c[1], c[2], c[3]) end

-- A coordinate with two digits at most.
local function place(v) return (("%.2f"):format(v):gsub("%.?0+$", "")) end

--- A paper of that size, see layout.lua; paper.finish() gives the file's text.
---@param width integer
---@param height integer
---@return table
return function(width, height)
  local out, clipped = {}, false
  local paper = {ink = {0, 0, 0}}
  local function add(format, ...) out[#out + 1] = format:format(...) end

  function paper.line(points, colour, thickness)
    local list = {}
    for i = 1, #points, 2 do list[#list + 1] = place(points[i]) .. "," .. place(points[i + 1]) end
    add('<polyline points="%s" fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round"/>',
      table.concat(list, " "), hex(colour), place(thickness))
  end

  function paper.rectangle(x, y, w, h, colour)
    add('<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>', place(x), place(y), place(w), place(h), hex(colour))
  end

  function paper.disc(x, y, radius, colour)
    add('<circle cx="%s" cy="%s" r="%s" fill="%s"/>', place(x), place(y), place(radius), hex(colour))
  end

  function paper.text(x, y, text, anchor)
    text = tostring(text):gsub('[&<>"]', ESCAPES):gsub("%c", " ")
    add('<text x="%s" y="%s" text-anchor="%s" fill="%s">%s</text>', place(x), place(y), anchor, hex(paper.ink), text)
  end

  function paper.clip(x, y, w, h)
    if clipped then add "</svg>" end
    clipped = x ~= nil
    if not clipped then return end
    -- An inner picture with the same coordinates: a clipPath has a name, which another picture on a page may have too.
    x, y, w, h = place(x), place(y), place(w), place(h)
    add('<svg x="%s" y="%s" width="%s" height="%s" viewBox="%s %s %s %s">', x, y, w, h, x, y, w, h)
  end

  function paper.finish()
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" '
      .. 'font-family="sans-serif" font-size="12">\n%s\n</svg>\n'):format(width, height, width, height,
      table.concat(out, "\n"))
  end

  return paper
end
