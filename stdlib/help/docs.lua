--- Reads the documentation out of the standard library's own sources: the `---` comments above what they document, with
--- LuaLS annotations. The manual (apsis.help.manual) and help() rest on it.
---
--- An entry is a table: name ("sum"), qualified ("ap.sum"), module ("ap"), class ("SGD" for a class and its methods),
--- method (true for x:name), value (true for what is no function), arguments (the parameters' names in the code),
--- file, line, summary, notes, params {{name, type, text, optional}}, returns {{type, text}}, errors, source, examples
--- {{code, result}}.
local core = require "apsis.core"

local docs = {}

-- --- the files ---------------------------------------------------------------------------------------------------

--- The text of a file of the library, from the folder that APSIS_PATH names where it is set.
---@param path string "stdlib/ops/reduce.lua"
---@return string|nil
function docs.text(path)
  local tree = os and os.getenv and os.getenv "APSIS_PATH"
  if not tree or tree == "" then return core.source(path) end
  local file = io.open(tree .. path:sub(#"stdlib" + 1))
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

-- What users call the module whose functions a file defines: by its path, longest first.
local MODULES = {
  {"stdlib/nn/functional", "F"}, {"stdlib/nn/initializers", "nn.init"}, {"stdlib/nn/utils", "nn.utils"},
  {"stdlib/optim/lr_scheduler", "optim.lr_scheduler"}, {"stdlib/train/metrics", "ap.train.metrics"},
  {"stdlib/train/checkpoint", "ap.train.checkpoint"}, {"stdlib/nn/", "nn"}, {"stdlib/optim/", "optim"},
  {"stdlib/data/", "data"}, {"stdlib/io/", "ap.io"}, {"stdlib/train/", "ap.train"}, {"stdlib/plot/", "plot"},
  {"stdlib/jupyter", "ap.jupyter"},
  {"stdlib/autograd", "ap.autograd"}, {"stdlib/", "ap"},
}

-- Files, and folders, that serve the library itself.
local INNER = {}
for path in ([[class.lua init.lua lazy.lua terminal.lua help/ repl/ jupyter/ plot/colours.lua plot/draw_text.lua
  plot/graphics.lua plot/layout.lua plot/raster.lua plot/save.lua plot/svg.lua plot/ticks.lua ops/arguments.lua
  ops/in_place.lua ops/reduced.lua nn/check.lua train/progress.lua train/system.lua]]):gmatch "%S+" do
  INNER["stdlib/" .. path] = true
end

local function module_of(path)
  if INNER[path] or INNER[path:match "^.*/"] then return nil end
  for _, m in ipairs(MODULES) do
    if path:sub(1, #m[1]) == m[1] then return m[2] end
  end
end

-- --- one comment -------------------------------------------------------------------------------------------------

-- The type at the start of the text, with blanks inside brackets and after , : and |, and what follows.
local function split_type(text)
  local depth, i = 0, 1
  while i <= #text do
    local c = text:sub(i, i)
    if c:find "[%(%[{<]" then depth = depth + 1 end
    if c:find "[%)%]}>]" then depth = depth - 1 end
    if c == " " and depth <= 0 and not text:sub(1, i - 1):find "[,:|]$" then break end
    i = i + 1
  end
  return text:sub(1, i - 1), (text:sub(i):gsub("^%s+", ""))
end

local function joined(a, b) return a == "" and b or a .. " " .. b end

-- "Source: X.  Example: Y" and the like: the fields of a line that starts with one of them.
local FIELDS = {Errors = "errors", Source = "source", Example = "example"}

local function split_fields(text)
  local found, positions = {}, {}
  for at, word in ("  " .. text):gmatch "()%s%s(%u%l+):" do
    if FIELDS[word] then positions[#positions + 1] = {at, word} end
  end
  for i, p in ipairs(positions) do
    local last = positions[i + 1] and positions[i + 1][1] - 1 or #text
    found[#found + 1] = {FIELDS[p[2]], (text:sub(p[1] + #p[2] + 1, last):gsub("^%s+", ""):gsub("%s+$", ""))}
  end
  return found, positions[1] and text:sub(1, math.max(positions[1][1] - 1, 0)):gsub("%s+$", "") or text
end

-- The names that a comment gives itself in its first line: "sum: the sum over dims", "get_state, set_state: ...".
local function own_names(line)
  local list = line and line:match "^%s*([%w_., ]+): "
  local names = {}
  for name in (list and list .. ", " or ""):gmatch "(.-), " do
    if not name:find "^[%a_][%w_.]*$" or FIELDS[name] then return {} end
    names[#names + 1] = name
  end
  return names
end

-- How many brackets of a text are still open.
local function depth_of(text)
  local _, opened = text:gsub("[%(%[{]", "")
  local _, closed = text:gsub("[%)%]}]", "")
  return opened - closed
end

local FULL = 108 -- letters of a comment's line to which no word was added any more, about

-- Does a line go on with the annotation that ends with the line `last`? It does within brackets, indented, where it
-- tells of fields that the annotation names (and after such a line), or where it only did not fit any more.
local function goes_on(annotation, last, line, telling)
  if line:find "^@" or FIELDS[line:match "^%s*(%u%l+):"] then return false end
  if depth_of(annotation) > 0 or line:find "^%s%s" or last:find ",$" then return true, telling end
  local name = own_names(line)[1]
  local known = name and annotation:find("%f[%w_]" .. name .. "%f[^%w_]") ~= nil
  if name or telling then return known ~= false, known ~= false end
  return #last + 1 + #line:match "%S*" > FULL and not last:find "[.:]$" and not line:find "^%u", false
end

-- The lines with each annotation in one.
local function unwrap(lines)
  local list, last, telling = {}, nil, false
  for _, line in ipairs(lines) do
    local annotation, more = list[#list], false
    if annotation and annotation:find "^@" then more, telling = goes_on(annotation, last, line, telling) end
    if more then
      local stop = own_names(line)[1] and depth_of(annotation) == 0 and not annotation:find "[.:;,}]$" and "." or ""
      list[#list] = annotation .. stop .. " " .. line:gsub("^%s+", "")
    else
      list[#list + 1] = line
    end
    last = line
  end
  return list
end

-- Parses the lines of a comment (without the dashes) into an entry's fields.
local function parse(lines)
  local entry = {summary = "", notes = {}, params = {}, returns = {}, errors = "", source = "", example = "",
    code = {}}
  local last = "summary" -- what a line without a mark goes on with
  local annotated = false
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^@(%w+)%s*(.*)$"
    local fields, text = {}, line:gsub("^%s+", "")
    if not tag then fields, text = split_fields(text) end
    if tag == "param" then
      local name, typed = rest:match "^(%S+)%s*(.*)$"
      local kind, about = split_type(typed or "")
      local optional = name and name:sub(-1) == "?" or kind:gsub("%b{}", ""):find "|nil" ~= nil
      last = {name = (name or ""):gsub("%?$", ""), type = kind:gsub("|nil", ""), text = about, optional = optional}
      table.insert(entry.params, last)
    elseif tag == "return" then
      local kind, about = split_type(rest)
      last = {type = kind, text = about}
      table.insert(entry.returns, last)
    elseif tag == "function" then
      entry.named = rest
    elseif tag == "private" then
      entry.private = true
    elseif tag then
      last = "notes"
    elseif text ~= "" or #fields == 0 then
      if (last == "summary" or last == "notes") and line:find "^%s%s" then
        table.insert(entry.code, (line:gsub("^%s%s", "")))
      elseif text == "" then
        last = last == "summary" and last or "notes"
      elseif type(last) == "table" or last == "notes" then
        table.insert(entry.notes, text)
        last = "notes"
      elseif last == "summary" and annotated then
        table.insert(entry.notes, text)
      else
        entry[last] = joined(entry[last], text)
      end
    end
    for _, f in ipairs(fields) do
      entry[f[1]] = joined(entry[f[1]], f[2])
      last = f[1]
    end
    annotated = annotated or tag ~= nil
  end
  entry.notes = table.concat(entry.notes, " ")
  entry.examples = {}
  if entry.example ~= "" then
    local code, result = entry.example:match "^(.-)%s*%-%->%s*(.*)$"
    entry.examples[1] = {code = code or entry.example, result = result}
  end
  if #entry.code > 0 then table.insert(entry.examples, {code = table.concat(entry.code, "\n")}) end
  entry.example, entry.code = nil, nil
  return entry
end

-- --- what a comment stands above ---------------------------------------------------------------------------------

-- What the line after a comment defines: owner (a table's name or nil), name, method.
local function defined(line)
  local name = line:match '^%s*rule%("([^"]+)"' or line:match '^%s*rule_joint%("([^"]+)"' or
    line:match '^%s*[%w_.]*no_gradient%("([^"]+)"' or line:match '^%s*[%w_.]*define%("([^"]+)"' or
    line:match '^add_product%("([^"]+)"' or line:match '^in_place%("([^"]+)"'
  if name then return nil, name end
  -- Classes: local X = ..., activation("ReLU", ...). CONSTANTS are none.
  if line:find "^local %u%u" then return nil end
  local class = line:match "^local (%u[%w]*) = " or line:match '^%l%w*%("(%u%w*)"'
  if class then return class, "init" end
  name = line:match "^local function ([%w_]+)%("
  if name then return nil, name end
  local owner, separator
  owner, separator, name = line:match "^function ([%w_.]+)([.:])([%w_]+)%("
  if not owner then
    owner, name = line:match "^([%w_]+)%.([%w_]+)[%s,=]"
    separator = "."
  end
  return owner, name, separator == ":"
end

-- The names of the parameters in a definition's line, nil where it shows none: rules show the gradient's.
local function arguments_of(line)
  if line:find "^%s*rule" then return nil end
  return line:match "function%s*[%w_.:]*%(([%w_, .]*)%)"
end

-- Is what a line defines a plain value?
local function is_value(line)
  local value = line:match "^[%w_]+%.[%w_]+ *= *(.*)$"
  return value ~= nil and (value:find "^[%d\"'{-]" or value:find "^true" or value:find "^false"
    or value:find "^nil") ~= nil
end

local function qualify(entry, module, owner, name, method)
  entry.name, entry.module, entry.method = name, module, method or nil
  if owner and owner:find "^%u" and owner ~= "F" then
    local is_constructor = name == "init" or name == "new"
    entry.class = owner
    entry.qualified = module .. "." .. owner .. (is_constructor and "" or (method and ":" or ".") .. name)
    if is_constructor then entry.name, entry.method = owner, nil end
  elseif owner == "linalg" or owner == "fft" or name:find "^%l+%." then
    -- "fft.fft: ..." above function fft.fft; "data.random_split(...): ..." names its module too.
    local first = name:match "^(%l+)%."
    entry.name = name:gsub("^%l+%.", "")
    entry.module = first == module and module or "ap." .. (first or owner)
    entry.qualified = entry.module .. "." .. entry.name
  else
    entry.qualified = module .. "." .. name
  end
end

-- Several entries may stand in one comment: a line "NAME: ..." after annotations starts the next one.
local function cut(lines)
  local parts, part, annotated = {}, {}, false
  for _, line in ipairs(lines) do
    if annotated and own_names(line)[1] and not line:find "^%s%s" and not line:find "^%u" then
      parts[#parts + 1] = part
      part, annotated = {}, false
    end
    part[#part + 1] = line
    annotated = annotated or line:find "^@" ~= nil
  end
  parts[#parts + 1] = part
  return parts
end

-- "sum: the sum", "data.TensorDataset(x, ...): samples" without what comes before the colon.
local function without_name(summary, name)
  if own_names(summary)[1] then return (summary:gsub("^[^:]*: ", "")) end
  return (summary:gsub("^[%w_.:]-%f[%w_]" .. name:gsub("%p", "%%%0") .. "%b(): ", ""))
end

-- A file's first comment tells of the file: "Indexing: ...", "apsis.jupyter: ...", and not of a function.
local function opens_file(name) return name ~= nil and (name:find "^%u" or name:find "^apsis%.") ~= nil end

local function read_file(path, add)
  local module, number, lines, from, first = module_of(path), 0, nil, nil, true
  local overview
  local function finish(next_line)
    local parts = cut(unwrap(lines))
    for i, part in ipairs(parts) do
      local owner, name, method
      if i == #parts then owner, name, method = defined(next_line) end
      local names = own_names(part[1])
      if not name or (not owner and #names > 0 and names[1] ~= name) then
        owner, name = nil, names[1]
      end
      local entry = parse(part)
      local home = module
      if entry.private or first and opens_file(names[1]) then name = nil end
      if entry.named then owner, name, home = nil, entry.named:match "([%w_]+)$", "ap" end
      if name then
        entry.file, entry.line = path, from
        qualify(entry, home, owner, name, method)
        if i == #parts then entry.arguments, entry.value = arguments_of(next_line), is_value(next_line) or nil end
        entry.summary = without_name(entry.summary, entry.name)
        add(entry)
        for k = 2, #names do
          local other = {}
          for key, value in pairs(entry) do other[key] = value end
          qualify(other, home, owner, names[k], method)
          add(other)
        end
      elseif first then
        overview = part
      end
    end
    lines, first = nil, false
  end
  for line in (docs.text(path) .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local text = line:match "^%s*%-%-%-(@.*)$" or line:match "^%s*%-%-%-%s?(.*)$"
    if text and not line:find "^%s*%-%-%-%-" then
      if not lines then lines, from = {}, number end
      lines[#lines + 1] = text
    elseif lines then
      finish(line)
    elseif line ~= "" then
      first = false
    end
  end
  return overview and table.concat(overview, "\n")
end

-- --- all of them -------------------------------------------------------------------------------------------------

-- In which modules a bare name is looked for, in this order.
docs.MODULES = {"ap", "F", "nn", "optim", "data", "ap.train", "ap.io", "plot", "ap.jupyter", "ap.autograd",
  "ap.linalg", "ap.fft", "ap.cl", "nn.init", "nn.utils", "optim.lr_scheduler", "ap.train.metrics",
  "ap.train.checkpoint"}

local loaded

--- load: reads all sources, once.
---@return table {entries = list in the order of files, by_name = qualified name -> entry, files = {{path, overview}}}
function docs.load()
  if loaded then return loaded end
  loaded = {entries = {}, by_name = {}, files = {}}
  local function add(entry)
    local old = loaded.by_name[entry.qualified]
    if old then -- the function that users call stands below the op that it is made of
      for key in pairs(old) do old[key] = nil end
      for key, value in pairs(entry) do old[key] = value end
      return
    end
    loaded.by_name[entry.qualified] = entry
    table.insert(loaded.entries, entry)
  end
  for _, path in ipairs(core.sources()) do
    if path:find "^stdlib/.*%.lua$" and module_of(path) then
      table.insert(loaded.files, {path = path, overview = read_file(path, add)})
    end
  end
  return loaded
end

--- find: the entry of a function, by any of the names that users write: "sum", "ap.sum", "F.pad", "nn.Linear".
---@param name string
---@return table|nil entry
function docs.find(name)
  local all = docs.load().by_name
  if all[name] then return all[name] end
  for _, module in ipairs(docs.MODULES) do
    local entry = all[module .. "." .. name]
    if entry then return entry end
  end
  local plain = name:match "^%w+%.(.*)$"
  return plain and docs.find(plain) or nil
end

--- Do users call a module so?
---@param name string
---@return boolean
function docs.is_module(name)
  for _, module in ipairs(docs.MODULES) do
    if module == name then return true end
  end
  return false
end

-- --- the fields of a table that a function takes -----------------------------------------------------------------

-- The parts of a text between commas outside brackets.
local function split_commas(text)
  local parts, depth, from = {}, 0, 1
  for at, c in text:gmatch "()(.)" do
    if c:find "[%(%[{<]" then depth = depth + 1 end
    if c:find "[%)%]}>]" then depth = depth - 1 end
    if c == "," and depth == 0 then
      parts[#parts + 1] = text:sub(from, at - 1)
      from = at + 1
    end
  end
  parts[#parts + 1] = text:sub(from)
  return parts
end

-- Where the text tells of a list of these fields: "name: ...", "one, other: ..." at the start of a sentence.
local function next_field(text, from, known)
  local at = from
  while true do
    local start, list, stop = text:match("()([%a_][%w_]*[%w_, ]*): ()", at)
    if not start then return nil end
    local before = text:sub(1, start - 1)
    local fields = {}
    for name in list:gmatch "[%w_]+" do fields[#fields + 1] = known[name] end
    if (before == "" or before:find "[.;:}]%s+$") and #fields > 0 and select(2, list:gsub("[%w_]+", "")) == #fields then
      return start, fields, stop
    end
    at = stop
  end
end

--- The fields of a parameter whose type is a table of named fields, "{lr: number, betas: number[]}", each with what the
--- parameter's text says of it ("lr: the learning rate. betas: ..."); nil where the type is another.
---@param param {type: string, text: string}
---@return {name: string, type: string, text: string}[]|nil
---@return string text what it says of none of them
function docs.fields(param)
  local inner = param.type:match "^{(.*)}" or param.type:match "|{(.*)}"
  if not inner or not inner:find "^[%a_][%w_]*%??: " then return nil, param.text end
  local fields, known = {}, {}
  for _, part in ipairs(split_commas(inner)) do
    local name, kind = part:match "^%s*([%a_][%w_]*)%??:%s*(.-)%s*$"
    if name then
      local field = {name = name, type = kind:gsub("|nil", ""):gsub("%?$", ""), text = ""}
      fields[#fields + 1] = field
      known[name] = field
    end
  end
  local start, told, stop = next_field(param.text, 1, known)
  local general = start and param.text:sub(1, start - 1):gsub("%s+$", "") or param.text
  while start do
    local following, others, behind = next_field(param.text, stop, known)
    local text = param.text:sub(stop, (following or #param.text + 1) - 1):gsub("[%s;]+$", "")
    for _, field in ipairs(told) do field.text = joined(field.text, text) end
    start, told, stop = following, others, behind
  end
  return fields, general
end

return docs
