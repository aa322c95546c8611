--- Writes the manual as Markdown, from the documentation in the library's sources (apsis.help.docs): a page for each
--- family of ops and for each module, and README.md, which lists them.
local docs = require "apsis.help.docs"

local manual = {}

-- Pages of several files; every other file of stdlib/ops is a page of its own.
local PAGES = {
  F = "functional", nn = "nn", ["nn.init"] = "nn", ["nn.utils"] = "nn", optim = "optim",
  ["optim.lr_scheduler"] = "optim", data = "data", ["ap.io"] = "io", ["ap.train"] = "train",
  ["ap.train.metrics"] = "train", ["ap.train.checkpoint"] = "train", plot = "plot", ["ap.jupyter"] = "jupyter",
  ["ap.autograd"] = "autograd",
}

local function page_of(entry)
  return PAGES[entry.module] or entry.file:match "([%w_]+)%.lua$"
end

--- signature: how a function is called: "ap.sum(x, dim?, keepdim?)"; of a value its name.
---@param entry table
---@return string
function manual.signature(entry)
  if entry.value then return entry.qualified end
  local names = #entry.params == 0 and {entry.arguments} or {}
  for i, p in ipairs(entry.params) do names[i] = p.name .. (p.optional and "?" or "") end
  return ("%s(%s)"):format(entry.qualified, table.concat(names, ", "))
end

-- Text as Markdown takes it.
local function plain(text) return (text:gsub("[*_<|]", "\\%0")) end

local function code(text) return "`" .. text:gsub("`", "'") .. "`" end

local function add_entry(lines, entry)
  local function add(text, ...) lines[#lines + 1] = select("#", ...) > 0 and text:format(...) or text end
  add("### %s\n", code(manual.signature(entry)))
  add(plain(entry.summary) .. "\n")
  if entry.notes ~= "" then add(plain(entry.notes) .. "\n") end
  for _, p in ipairs(entry.params) do
    add("- %s %s%s%s", code(p.name), code(p.type), p.optional and ", optional" or "",
      p.text ~= "" and ": " .. plain(p.text) or "")
  end
  for _, r in ipairs(entry.returns) do
    add("- returns %s%s", code(r.type), r.text ~= "" and ": " .. plain(r.text) or "")
  end
  if #entry.params + #entry.returns > 0 then add "" end
  if entry.errors ~= "" then add("Errors: %s\n", plain(entry.errors)) end
  if entry.source ~= "" then add("Source: %s\n", plain(entry.source)) end
  for _, e in ipairs(entry.examples) do
    add("```lua\n%s%s\n```\n", e.code, e.result and "  --> " .. e.result or "")
  end
end

--- pages: the manual's pages as text.
---@return {name: string, title: string, text: string, entries: table[]}[] in alphabetical order
function manual.pages()
  local all, pages, names = docs.load(), {}, {}
  for _, entry in ipairs(all.entries) do
    local name = page_of(entry)
    if not pages[name] then
      pages[name] = {name = name, title = name, entries = {}, overviews = {}}
      names[#names + 1] = name
    end
    table.insert(pages[name].entries, entry)
  end
  for _, file in ipairs(all.files) do
    local page = pages[file.path:match "([%w_]+)%.lua$"]
    if page and file.overview then table.insert(page.overviews, file.overview) end
  end
  table.sort(names)
  local list = {}
  for i, name in ipairs(names) do
    local page = pages[name]
    local lines = {"# " .. name .. "\n"}
    for _, text in ipairs(page.overviews) do lines[#lines + 1] = plain(text) .. "\n" end
    for _, entry in ipairs(page.entries) do add_entry(lines, entry) end
    page.text = table.concat(lines, "\n")
    list[i] = page
  end
  return list
end

local function save(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

--- write: writes the pages and README.md into a folder, which must exist.
---@param folder string
---@return integer pages
function manual.write(folder)
  local pages = manual.pages()
  local index = {"# The manual of Apsis\n", "- [all ops](ops.md): their dtypes, gradients and devices"}
  for _, page in ipairs(pages) do
    save(("%s/%s.md"):format(folder, page.name), page.text)
    local names = {}
    for i, entry in ipairs(page.entries) do names[i] = code(entry.qualified) end
    index[#index + 1] = ("- [%s](%s.md): %s"):format(page.name, page.name, table.concat(names, ", "))
  end
  save(folder .. "/README.md", table.concat(index, "\n") .. "\n")
  return #pages
end

return manual
