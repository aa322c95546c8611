--- apsis.jupyter: what a notebook's cells may show beside their values. In a program that no notebook runs, the same
--- functions print.
--
--   local jupyter = require "apsis.jupyter"
--   jupyter.display(plot(losses))
--   jupyter.display(jupyter.html "<b>done</b>")

local arguments = require "apsis.ops.arguments"

local jupyter = {}

local publish -- from the kernel

--- Tells how messages are sent; the kernel does so.
---@param f fun(kind: string, content: table)
function jupyter.connect(f) publish = f end

local function check_text(op, what, text)
  if type(text) ~= "string" then
    arguments.fail("%s: %s: expected a string, got %s", op, what, arguments.got(text))
  end
end

local function show(kind, value, id)
  local display = require "apsis.jupyter.display"
  local data = display.bundle(value)
  if not publish then return print(data["text/plain"]) end
  publish(kind, {data = data, metadata = {}, transient = {display_id = id}})
end

--- display: shows a value where the cell's output is now: tensors as tables, plots as pictures, what has a metamethod
--- `__display` as that says: a function of the value that returns a table from media types to contents.
---@param value any
---@param id? string a name by which `update` finds it
function jupyter.display(value, id)
  if id ~= nil then check_text("display", "the id", id) end
  show("display_data", value, id)
end

--- update: shows a value in place of the ones that `display` showed under that name.
---@param value any
---@param id string
function jupyter.update(value, id)
  check_text("update", "the id", id)
  show("update_display_data", value, id)
end

--- clear_output: removes what the cell showed so far.
---@param wait? boolean only when the next output comes, so that nothing flickers
function jupyter.clear_output(wait)
  if publish then publish("clear_output", {wait = wait == true}) end
end

-- A value that is shown as one media type.
local Content = {}
Content.__index = Content
function Content:__display() return {[self.media] = self.text, ["text/plain"] = self.plain} end
function Content:__tostring() return self.plain end

local function content(name, media, plain)
  return function(text)
    check_text(name, "the contents", text)
    return setmetatable({media = media, text = text, plain = plain or text}, Content)
  end
end

--- html: a value that is shown as HTML.
---@param text string
---@return table
jupyter.html = content("html", "text/html")
--- markdown: a value that is shown as Markdown.
---@param text string
---@return table
jupyter.markdown = content("markdown", "text/markdown")
--- latex: a value that is shown as LaTeX, between dollar signs.
---@param text string
---@return table
jupyter.latex = content("latex", "text/latex")
--- svg: a value that is shown as the picture that an SVG text describes.
---@param text string
---@return table
jupyter.svg = content("svg", "image/svg+xml", "<SVG>")
--- png: a value that is shown as the picture that a PNG file's bytes are.
---@param bytes string
---@return table
jupyter.png = content("png", "image/png", "<PNG>")

return jupyter
