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
  local out, clips, clipped = {}, 0, false
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
    if clipped then add "</g>" end
    clipped = x ~= nil
    if not clipped then return end
    clips = clips + 1
    add('<clipPath id="c%d"><rect x="%s" y="%s" width="%s" height="%s"/></clipPath><g clip-path="url(#c%d)">', clips,
      place(x), place(y), place(w), place(h), clips)
  end

  function paper.finish()
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" '
      .. 'font-family="sans-serif" font-size="12">\n%s\n</svg>\n'):format(width, height, width, height,
      table.concat(out, "\n"))
  end

  return paper
end
