-- The pages of help: what is known of a function, a class, an object, a tensor, a module or any other value.

local core = require "apsis.core"
local docs = require "apsis.help.docs"
local layout = require "apsis.help.layout"
local manual = require "apsis.help.manual"
local names = require "apsis.help.names"
local peek = require "apsis.repl.peek"
local terminal = require "apsis.terminal"

local pages = {}

local MOST_NAMES = 8 -- other names that a page lists

-- --- documented functions and classes ------------------------------------------------------------------------------

-- The first sentence, for lists.
local function brief(entry)
  local text = entry.summary ~= "" and entry.summary or entry.notes
  return text:match "^(.-[^.]%.)%s+%u" or text
end

local function typed(page, kind) return (kind:gsub("%S+", function(word) return page.paint("note", word) end)) end

local function parameter_rows(page, params)
  local rows = {}
  for _, p in ipairs(params) do
    local fields, text = docs.fields(p)
    local kind = typed(page, fields and p.type:gsub("%b{}", "table") or p.type)
    local row = {p.name .. (p.optional and "?" or ""), kind .. (text ~= "" and ": " .. text or "")}
    if fields then
      function row.below(indent)
        local list = {}
        for i, f in ipairs(fields) do
          list[i] = {f.name, typed(page, f.type) .. (f.text ~= "" and ": " .. f.text or "")}
        end
        page.rows(list, indent)
      end
    end
    rows[#rows + 1] = row
  end
  return rows
end

local function section(page, title, rows)
  if #rows == 0 then return end
  page.blank()
  page.heading(title)
  page.rows(rows, 2)
end

-- With a capital where it begins with a word, and not with a variable.
local function capital(text)
  local is_word = text:find "^%l%l+[%s,;:]" or text:find "^a %l%l"
  return is_word and text:sub(1, 1):upper() .. text:sub(2) or text
end

local function add_signature(page, signature)
  page.paragraph(page.paint("name", signature:match "^[^(]+") .. (signature:match "%(.*$" or ""), 4, "")
end

local function add_entry(page, entry, also, in_place)
  local signature = manual.signature(entry)
  add_signature(page, in_place and also[1] .. signature:match "%(.*$" or signature)
  if #also > 0 and not in_place then
    page.paragraph("also " .. table.concat(also, ", ", 1, math.min(#also, MOST_NAMES)), 4, "  ")
  end
  page.blank()
  if in_place then
    page.paragraph(("In place: the result is written into the tensor. The rest is as of %s:"):format(entry.qualified),
      2, "  ")
    page.blank()
  end
  if entry.summary ~= "" then page.paragraph(capital(entry.summary), 2, "  ") end
  if entry.notes ~= "" then
    page.blank()
    page.paragraph(entry.notes, 2, "  ")
  end
end

local function add_examples(page, entry)
  if #entry.examples == 0 then return end
  page.blank()
  page.heading(#entry.examples > 1 and "Examples" or "Example")
  for _, e in ipairs(entry.examples) do
    local result = e.result and "--> " .. e.result or ""
    local fits = 4 + terminal.width(e.code) + terminal.width(result) <= page.room and not e.code:find "\n"
    page.code(e.code .. (fits and result ~= "" and "  " .. result or ""), 2)
    if not fits and result ~= "" then page.code("-" .. result, 2) end
  end
end

local function add_details(page, entry)
  section(page, "Parameters", parameter_rows(page, entry.params))
  local results = {}
  for i, r in ipairs(entry.returns) do results[i] = {r.type, r.text} end
  section(page, "Returns", results)
  for _, part in ipairs {{"Errors", entry.errors}, {"Source", entry.source}} do
    if part[2] ~= "" then
      page.blank()
      page.heading(part[1])
      page.paragraph(capital(part[2]), 2, "  ")
    end
  end
  add_examples(page, entry)
end

local function add_place(page, where)
  page.blank()
  page.paragraph(page.paint("note", where), 2, "  ")
end

local function entry_place(page, entry)
  add_place(page, ("%s:%d"):format(entry.file:gsub("^stdlib", "apsis"), entry.line))
end

-- --- classes -------------------------------------------------------------------------------------------------------

-- The methods that a class defines itself, as rows; the names of those it inherits, by class.
local function methods_of(class)
  local own, inherited, seen = {}, {}, {init = true, super = true}
  local c = class
  while c do
    local list = {}
    for name, f in next, c do
      if type(name) == "string" and type(f) == "function" and not name:find "^__" and not seen[name] then
        list[#list + 1] = name
      end
    end
    table.sort(list)
    for i, name in ipairs(list) do
      seen[name] = true
      if c == class then
        local entry = names.of_value(c[name])
        own[i] = {name, entry and entry.qualified:find(":" .. name, 1, true) and brief(entry) or ""}
      end
    end
    if c ~= class and #list > 0 then inherited[#inherited + 1] = {rawget(c, "__name"), table.concat(list, ", ")} end
    c = rawget(c, "super")
  end
  return own, inherited
end

local function add_methods(page, class)
  local own, inherited = methods_of(class)
  section(page, "Methods", own)
  section(page, "Inherited", inherited)
end

-- A class of the user's own.
local function add_plain_class(page, class, inputs)
  local init = rawget(class, "init")
  local super = rawget(class, "super")
  page.paragraph(page.paint("name", "class " .. rawget(class, "__name")) ..
    (super and rawget(super, "__name") and (", a " .. rawget(super, "__name")) or ""))
  if init then
    page.blank()
    local comment = require("apsis.help.source").comment(init, inputs)
    page.code(pages.signature(init, rawget(class, "__name")), 2)
    if comment ~= "" then page.paragraph(comment, 2, "  ") end
  end
end

local function class_page(page, class, inputs)
  local entry, also = names.of_value(class)
  if entry then
    add_entry(page, entry, also)
    add_details(page, entry)
  else
    add_plain_class(page, class, inputs)
  end
  add_methods(page, class)
  if entry then entry_place(page, entry) end
end

-- --- functions without documentation -------------------------------------------------------------------------------

--- How a function of Lua is called: "f(a, b, ...)".
---@param f function
---@param name? string
---@return string
function pages.signature(f, name)
  local parameters = require("apsis.repl.show").parameters(f)
  if parameters[1] == "self" then table.remove(parameters, 1) end
  return ("%s(%s)"):format(name or "function", table.concat(parameters, ", "))
end

local function add_builtin(page, builtin)
  add_signature(page, builtin.signature)
  page.blank()
  page.paragraph(builtin.text, 2, "  ")
  add_place(page, builtin.link)
end

--- The page of something of Lua's own, as apsis.help.lua describes it.
---@param builtin table
---@param look table
---@return string
function pages.of_builtin(builtin, look)
  local page = layout.page(look)
  add_builtin(page, builtin)
  return page.text()
end

local function function_page(page, f, name, inputs)
  local builtin = require("apsis.help.lua").find(f)
  if builtin then
    return add_builtin(page, builtin)
  end
  local info = debug.getinfo(f, "S")
  if info.what == "C" then
    page.paragraph(page.paint("name", name or "function") .. ": a built-in function without documentation")
    return
  end
  page.code(pages.signature(f, name), 0)
  local comment = require("apsis.help.source").comment(f, inputs)
  if comment ~= "" then
    page.blank()
    for line in (comment .. "\n"):gmatch "(.-)\n" do page.paragraph(line, 2, "  ") end
  end
  add_place(page, ("%s:%d"):format(info.short_src, info.linedefined))
end

-- --- values --------------------------------------------------------------------------------------------------------

local function field_rows(value)
  local rows = {}
  for _, pair in ipairs(value) do
    if pair[2] ~= nil then rows[#rows + 1] = {pair[1], tostring(pair[2])} end
  end
  return rows
end

local function tensor_page(page, x, name)
  local size = x:size()
  page.paragraph(page.paint("name", name or "tensor") .. (name and ": a tensor" or ""))
  page.blank()
  page.rows(field_rows {
    {"shape", #size == 0 and "0-dim: a single number" or table.concat(size, "x")},
    {"dtype", x.dtype}, {"device", x.device},
    {"memory", ("%s, %s"):format(require("apsis.repl.show").bytes(x:numel() * x:element_size()),
      x:is_contiguous() and "contiguous" or "a view with strides " .. table.concat(x:stride(), ", "))},
    {"gradient", core.node_of(x) and "computed by " .. tostring(core.node_of(x))
      or x.requires_grad and "wanted: requires_grad" or nil},
  }, 2)
  page.blank()
  local count = 0
  peek.each_tensor_field(function(_, f) count = count + (f ~= nil and 1 or 0) end)
  page.paragraph(("It has %d methods: `x:`, then Tab, lists them; `help \"x:sum\"` or `?x:sum` tells of one. "
    .. "Indexing: `?ap.Indexing`."):format(count))
end

-- Is a function a method of tensors that users call so?
local function is_method(f, entry)
  local found = false
  if not entry.params[1] or not entry.params[1].type:find "^Tensor%f[^%w%[]" then return false end
  peek.each_tensor_field(function(_, method) found = found or rawequal(method, f) end)
  return found
end

-- Tensors in general: their fields, and their methods by the file that documents them.
local function tensors_page(page)
  local fields, families, order = {}, {}, {}
  peek.each_tensor_field(function(name, f)
    if f == nil and not name:find "^_" then fields[#fields + 1] = name end
  end)
  for _, entry in ipairs(docs.load().entries) do
    local f = entry.module == "ap" and rawget(core, entry.name)
    local is_inner = entry.name:find "_grad$" or entry.name:find "_train$" or entry.name:find "_eval$"
    if f and not entry.class and not is_inner and is_method(f, entry) then
      local family = entry.file:match "([%w_]+)%.lua$"
      if not families[family] then
        families[family] = {}
        order[#order + 1] = family
      end
      table.insert(families[family], entry.name)
    end
  end
  table.sort(fields)
  page.paragraph(page.paint("name", "Tensor") .. ": an array of numbers of one dtype in up to eight dimensions")
  page.blank()
  page.paragraph("Made by `ap.tensor{...}`, `ap.zeros(2, 3)`, `ap.randn(2, 3)` and others (`help \"ap\"`). "
    .. "Operators + - * / // % ^ work with numbers and broadcast; x[i], x[{1, 3}] and x[\"1:3, :\"] are views "
    .. "(`?ap.Indexing`). A name that ends in _ changes the tensor itself.", 2, "  ")
  section(page, "Fields", {{table.concat(fields, " "), ""}})
  local rows = {}
  for i, family in ipairs(order) do
    table.sort(families[family])
    rows[i] = {family, table.concat(families[family], ", ")}
  end
  section(page, "Methods", rows)
end

--- The page on tensors.
---@param look {colours: integer, columns: integer}
---@return string
function pages.of_tensors(look)
  local page = layout.page(look)
  tensors_page(page)
  return page.text()
end

local function module_page(page, title)
  local rows, seen = {}, {}
  local all = docs.load()
  for _, entry in ipairs(all.entries) do
    local is_own = entry.module == title and (not entry.class or entry.class == entry.name)
    if is_own and not seen[entry.name] then
      seen[entry.name] = true
      rows[#rows + 1] = {entry.name, brief(entry)}
    end
  end
  for _, other in ipairs(docs.MODULES) do
    local inner = other:match("^" .. title:gsub("%p", "%%%0") .. "%.([%w_]+)$")
    if inner then rows[#rows + 1] = {inner, "more functions: help \"" .. other .. "\""} end
  end
  table.sort(rows, function(a, b) return a[1] < b[1] end)
  page.paragraph(page.paint("name", title) .. (": %d functions and classes of the library"):format(#rows))
  page.blank()
  page.rows(rows, 2)
end

local function plain_page(page, value, name, look)
  local kind = math.type(value) or type(value)
  page.paragraph((name and page.paint("name", name) .. ": " or "") .. (kind:find "^[aeio]" and "an " or "a ") .. kind)
  page.blank()
  for line in (require("apsis.repl.show").text(value, look) .. "\n"):gmatch "(.-)\n" do
    page.lines[#page.lines + 1] = line
  end
end

-- Which module a table is, as users call it.
local function module_name(value)
  for _, name in ipairs(docs.MODULES) do
    if rawequal(names.module(name), value) then return name end
  end
end

-- One of Lua's own libraries.
local function library_page(page, value, name)
  local rows = {}
  for i, entry in ipairs(require("apsis.help.lua").library(value)) do rows[i] = {entry.signature, entry.text} end
  page.paragraph(page.paint("name", name or "A library") .. ", of Lua itself")
  page.blank()
  page.rows(rows, 2)
  if rawequal(value, package.loaded.io) then
    page.blank()
    page.paragraph "Tensors in files: `help \"ap.io\"`, `ap.io.load`, `ap.io.save`."
  end
end

local function object_page(page, value, name, look, inputs)
  plain_page(page, value, name, look)
  page.lines[1] = (name and page.paint("name", name) .. ": an object of " or "An object of ")
    .. rawget(names.class_of(value), "__name")
  page.blank()
  class_page(page, names.class_of(value), inputs)
end

--- The page of a module: what it holds.
---@param name string
---@param look {colours: integer, columns: integer}
---@return string
function pages.of_module(name, look)
  local page = layout.page(look)
  module_page(page, name)
  return page.text()
end

--- The page of an entry of the documentation alone.
---@param entry table
---@param look {colours: integer, columns: integer}
---@return string
function pages.of_entry(entry, look)
  local page = layout.page(look)
  add_entry(page, entry, {})
  add_details(page, entry)
  entry_place(page, entry)
  return page.text()
end

--- The page of a value.
---@param value any
---@param look {colours: integer, columns: integer}
---@param name? string what the user called it
---@param inputs? table<string, string[]> the lines of the session's inputs
---@return string
function pages.of_value(value, look, name, inputs)
  local page = layout.page(look)
  local module = type(value) == "table" and module_name(value)
  if peek.is_tensor(value) then
    tensor_page(page, value, name)
  elseif module then
    module_page(page, module)
  elseif type(value) == "table" and #require("apsis.help.lua").library(value) > 0 then
    library_page(page, value, name)
  elseif names.is_class(value) then
    class_page(page, value, inputs)
  elseif names.class_of(value) then
    object_page(page, value, name, look, inputs)
  elseif type(value) == "function" then
    local entry, also, in_place = names.of_value(value)
    if not entry then
      function_page(page, value, name, inputs)
    else
      if is_method(value, entry) then also[#also + 1] = "x:" .. entry.name end
      add_entry(page, entry, also, in_place)
      add_details(page, entry)
      entry_place(page, entry)
    end
  else
    plain_page(page, value, name, look)
  end
  return page.text()
end

pages.brief = brief

return pages
