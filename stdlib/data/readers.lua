-- data.read_idx and data.read_csv.

local core = require "apsis.core"
local arguments = require "apsis.ops.arguments"
local formats = core.formats

local readers = {}

--- Reads an IDX file, the format of the MNIST files, plain or in gzip.
---@param path string
---@return Tensor u8, i8, i16, i32, f32 or f64, as the file says; labels keep the file's base (0 for MNIST)
--- Source: yann.lecun.com/exdb/mnist.  Example: data.read_idx "t10k-images-idx3-ubyte.gz"
function readers.read_idx(path)
  return formats.read_idx(path)
end

-- Fields that mean that there is no value.
local MISSING_WORDS = {"", "NA", "N/A", "NaN", "nan", "null"}

local OPTIONS = {header = true, delimiter = true, dtype = true, columns = true, missing = true, missing_words = true,
  matrix = true}

local function fail(message, ...)
  formats.fail(("read_csv: " .. message):format(...))
end

-- A column's number, from its name or number.
local function position_of(path, names, count, column)
  if math.type(column) == "integer" then
    if column >= 1 and column <= count then return column end
    fail("%s: column %d does not exist: columns run 1..%d", path, column, count)
  end
  local found
  for i, name in ipairs(names or {}) do
    if name == column then
      if found then fail("%s: columns %d and %d are both named '%s'; give its number", path, found, i, name) end
      found = i
    end
  end
  if not found then
    if not names then fail("%s: no column '%s': there is no header; give numbers", path, tostring(column)) end
    fail("%s: no column '%s'; there are: %s", path, tostring(column), table.concat(names, ", "):sub(1, 200))
  end
  return found
end

-- The numbers of the columns to read, and what each will be called.
local function chosen(path, names, count, columns)
  local numbers, keys, taken = {}, {}, {}
  if columns ~= nil and type(columns) ~= "table" then fail("columns: expected a table, got %s", type(columns)) end
  for i = 1, columns and #columns or count do
    local number = columns and position_of(path, names, count, columns[i]) or i
    local key = names and names[number] or number
    if taken[key] == number then fail("columns: '%s' is given twice", key) end
    if taken[key] then
      fail("%s: columns %d and %d are both named '%s'; choose with columns", path, taken[key], number, key)
    end
    numbers[i], keys[i], taken[key] = number, key, number
  end
  return numbers, keys
end

-- {[column number] = dtype} from one dtype for all or a table by column.
local function dtypes_of(path, names, count, numbers, dtype)
  local dtypes = {}
  if type(dtype) == "string" then
    for _, number in ipairs(numbers) do dtypes[number] = dtype end
  elseif type(dtype) == "table" then
    for column, name in pairs(dtype) do
      if type(name) ~= "string" then fail("dtype: expected a string, got %s", type(name)) end
      dtypes[position_of(path, names, count, column)] = name
    end
  elseif dtype ~= nil then
    fail("dtype: expected a string or a table by column, got %s", type(dtype))
  end
  return dtypes
end

local function missing_of(options)
  local value, words = options.missing, options.missing_words or MISSING_WORDS
  if value == nil or value == "nan" then value = 0 / 0 end
  if type(value) ~= "number" and value ~= "error" then
    fail([[missing: expected a number, "nan" or "error", got %s]], tostring(value))
  end
  if type(words) ~= "table" then fail("missing_words: expected a table of strings, got %s", type(words)) end
  for _, word in ipairs(words) do
    if type(word) ~= "string" then fail("missing_words: expected strings, got a %s", type(word)) end
  end
  return words, value
end

local function default_of(kind) return kind == "real" and core.get_default_dtype() or "i64" end

-- One tensor (rows, columns) of all columns.
local function read_matrix(path, file, rows, numbers, keys, kinds, dtype)
  local kind = "integer"
  for i, number in ipairs(numbers) do
    if kinds[number] == "text" then
      local line, text = file:text_at(number)
      fail("%s: line %d, column '%s': '%s': no number, and a matrix has nothing else", path, line, keys[i],
        text:sub(1, 40))
    end
    if kinds[number] == "real" then kind = "real" end
  end
  local matrix = core.empty(rows, #numbers, {dtype = dtype or default_of(kind), device = "cpu"})
  for j, number in ipairs(numbers) do file:store(number, matrix, j) end
  return matrix
end

-- A tensor for each column of numbers, a list of strings for each of text.
local function read_columns(file, rows, numbers, keys, kinds, dtypes)
  local columns, texts, text_keys = {}, {}, {}
  for i, number in ipairs(numbers) do
    if kinds[number] == "text" then
      texts[#texts + 1], text_keys[#text_keys + 1] = number, keys[i]
    else
      local column = core.empty(rows, {dtype = dtypes[number] or default_of(kinds[number]), device = "cpu"})
      file:store(number, column)
      columns[keys[i]] = column
    end
  end
  if #texts > 0 then
    for i, list in ipairs(file:texts(texts)) do columns[text_keys[i]] = list end
  end
  return columns
end

--- Reads a CSV file (RFC 4180: fields in quotes may hold delimiters, line breaks and doubled quotes; LF or CRLF).
--- Empty lines are skipped; every other row must have as many fields as the first.
---
--- A column of numbers becomes a tensor: i64 where all are integers, else the default dtype. Any other column becomes a
--- list of strings.
---@param path string
---@param options? {header: boolean, delimiter: string, dtype: string|table, columns: table, missing: number|string,
--- missing_words: string[], matrix: boolean}
--- header: whether the first row has names; nil: it has, unless all its fields are numbers. delimiter: one character
--- (","). dtype: of all columns, or a table by name or number; "text" keeps text; with a dtype, a field that
--- is no such number is an error that names line and column. columns: names or numbers of the ones to read, in that
--- order (all). missing: what a missing number becomes: a number, "nan" (the default; an i64 column turns floating) or
--- "error", which names line and column. missing_words: fields that count as missing ("", "NA", "N/A", "NaN", "nan",
--- "null"). matrix: one tensor (rows, columns) in place of a table; all columns must be numbers.
---@return table|Tensor columns tensors and lists by name; by number where there is no header
---@return table names of the columns, in the order of the file or of `columns`
--- Source: pandas.read_csv.  Example: local iris = data.read_csv "iris.csv"; print(iris.sepal_length:mean())
function readers.read_csv(path, options)
  options = options or {}
  arguments.known("read_csv", options, OPTIONS)
  local words, missing = missing_of(options)
  local file <close> = formats.csv(path, options.delimiter or ",", options.header)
  local rows, count = file:size()
  local names = file:names()
  local numbers, keys = chosen(path, names, count, options.columns)
  if options.matrix and type(options.dtype) == "table" then
    fail("dtype: expected a string, got a table: a matrix has one dtype")
  end
  local dtypes = dtypes_of(path, names, count, numbers, options.dtype)
  local kinds = file:parse(numbers, dtypes, words, missing)
  if options.matrix then return read_matrix(path, file, rows, numbers, keys, kinds, options.dtype), keys end
  return read_columns(file, rows, numbers, keys, kinds, dtypes), keys
end

return require "apsis.core".define_module(readers)
