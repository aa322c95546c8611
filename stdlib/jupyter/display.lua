-- Values as notebooks show them: a table from media types to contents, text/plain always among them.

local core = require "apsis.core"
local json = require "apsis.jupyter.json"
local show = require "apsis.repl.show"

local display = {}

local COLUMNS = 100 -- of text in a notebook

local base64 -- from the kernel program

--- Tells how bytes become text: without, pictures are shown as SVG alone.
---@param f fun(bytes: string): string
function display.set_base64(f) base64 = f end

--- How text is laid out.
display.look = {colours = 0, columns = COLUMNS}

-- The pictures of a figure.
local function add_figure(data, figure)
  local save = require "apsis.plot.save"
  data["image/svg+xml"] = save.encode(figure, "svg")
  if base64 then data["image/png"] = base64(save.encode(figure, "png")) end
end

local LEAST_PIXELS = 240 -- that a small image is drawn at

local function add_image(data, image)
  if not base64 then return end
  local scale = math.max(1, LEAST_PIXELS // math.max(image.rows, image.columns))
  local width, height, pixels = image:pixels(scale)
  data["image/png"] = base64(core.formats.encode_png(width, height, 3, pixels))
end

-- The class of an object of the library's, by its module: loaded already where a value of it exists.
local function is_a(value, module)
  local class = package.loaded[module]
  local meta = debug.getmetatable(value)
  return type(class) == "table" and meta == class
end

-- What the value's own __display says: a table from media types to contents.
local function add_own(data, value)
  local meta = debug.getmetatable(value)
  local own = type(meta) == "table" and rawget(meta, "__display")
  if not own then return end
  local contents = own(value)
  if type(contents) ~= "table" then error("__display: expected a table from media types to contents", 0) end
  for media, content in pairs(contents) do
    if type(media) ~= "string" or not media:find "^[%w+.-]+/[%w+.-]+$" then
      error(("__display: '%s' is no media type"):format(tostring(media)), 0)
    end
    local is_text = media:find "^text/" or media:find "%+xml$" or media:find "json$" or media:find "javascript$"
    data[media] = type(content) == "string" and not is_text and base64 and base64(content) or content
  end
end

--- The contents of a value by media type.
---@param value any
---@return table data
function display.bundle(value)
  local data = {}
  if core.is_tensor(value) then
    data["text/html"] = require("apsis.jupyter.html").tensor(value)
  elseif is_a(value, "apsis.plot.Figure") then
    add_figure(data, value)
  elseif is_a(value, "apsis.plot.Image") then
    add_image(data, value)
  else
    add_own(data, value)
  end
  data["text/plain"] = data["text/plain"] or json.utf8(show.text(value, display.look))
  return data
end

--- The same of several values: the text of all, with the rich contents of one.
function display.bundle_of(n, ...)
  if n == 1 then return display.bundle((...)) end
  return {["text/plain"] = show.values(display.look, ...)}
end

return display
