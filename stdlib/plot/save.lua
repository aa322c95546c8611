-- Figures as files and as their bytes.

local core = require "apsis.core"

local save = {}

local WIDEST = 8192 -- pixels

local function size_of(figure)
  local width, height = math.tointeger(figure.width), math.tointeger(figure.height)
  if not width or not height or width < 100 or height < 100 or width > WIDEST or height > WIDEST then
    core.fail(("save: expected a width and a height in 100..%d pixels, got %s and %s"):format(WIDEST,
      tostring(figure.width), tostring(figure.height)))
  end
  return width, height
end

local function write(path, bytes)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(bytes))
end

-- The figure drawn on the paper of a kind; also its size.
local function drawn(figure, kind)
  local width, height = size_of(figure)
  local paper = require(kind == "svg" and "apsis.plot.svg" or "apsis.plot.raster")(width, height)
  require "apsis.plot.layout"(figure, paper, width, height)
  return paper.finish(), width, height
end

--- The figure as pixels of that size, three bytes each.
---@param figure Figure
---@param width integer
---@param height integer
---@return string
function save.pixels(figure, width, height)
  local paper = require "apsis.plot.raster"(width, height)
  require "apsis.plot.layout"(figure, paper, width, height)
  return paper.finish()
end

--- The bytes of the figure's file.
---@param figure Figure
---@param kind "svg"|"png"
---@return string
function save.encode(figure, kind)
  local drawing, width, height = drawn(figure, kind)
  return kind == "svg" and drawing or core.formats.encode_png(width, height, 3, drawing)
end

--- Writes a file; the name's end says which kind.
---@param figure Figure
---@param path string
function save.save(figure, path)
  local kind = type(path) == "string" and path:lower():match "%.(%a+)$"
  if kind ~= "svg" and kind ~= "png" then
    core.fail("save: expected a file name that ends in .svg or .png, got " .. tostring(path))
  end
  local drawing, width, height = drawn(figure, kind)
  if kind == "svg" then return write(path, drawing) end
  core.formats.save_png(path, width, height, 3, drawing)
end

return save
