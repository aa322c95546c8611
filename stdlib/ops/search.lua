--- Looking values up, comparing sets, counting. None of them has a gradient. unique and unique_consecutive run on the
--- CPU only.
local core = require "apsis.core"
local no_gradient = core.no_gradient

--- searchsorted: the position before which each value belongs in sorted values: 1..n + 1.
---@param sorted Tensor shape (N), or (*, N) with values' leading sizes; ascending along the last dimension
---@param values Tensor|number
---@param right? boolean after equal elements instead of before them
---@param side? string "left" or "right": the same as a word
---@return Tensor i64, the shape of values. PyTorch's result + 1
--- Source: torch.searchsorted.  Example: ap.searchsorted(ap.tensor{1, 3, 5}, ap.tensor{3, 6}) --> [2, 4]
no_gradient("searchsorted")

--- bucketize: which bucket each value falls into: 1 up to boundaries[1], 2 up to boundaries[2], ..., n + 1 above all.
---@param values Tensor|number
---@param boundaries Tensor shape (N), ascending
---@param right? boolean a value equal to a boundary goes into the bucket above it
---@return Tensor i64, the shape of values. PyTorch's result + 1
--- Source: torch.bucketize.  Example: ap.bucketize(ap.tensor{0.5, 2}, ap.tensor{1.0, 2, 3}) --> [1, 2]
no_gradient("bucketize")

--- isin: which elements of x are among those of test.
---@param x Tensor
---@param test Tensor any shape
---@param invert? boolean which are not
---@return Tensor bool, the shape of x
--- Source: torch.isin.  Example: ap.tensor{1, 2, 3}:isin(ap.tensor{3, 1}) --> [true, false, true]
no_gradient("isin")

--- unique: the different elements of x, in ascending order. Each nan counts as different. CPU only: how many there are
--- must be known before memory is taken, so a device would have to be waited for twice.
---@param x Tensor
---@param sorted? boolean accepted for PyTorch's sake: they always come sorted
---@param return_inverse? boolean also which of them (from 1) each element is
---@param return_counts? boolean also how often each occurs
---@param dim? integer compare slices along dim instead of elements
---@return Tensor values
---@return Tensor? inverse i64, the shape of x (or (size of dim))
---@return Tensor? counts i64
--- Source: torch.unique.  Example: local v, n = x:unique{return_counts = true}
no_gradient("unique")

--- unique_consecutive: x without the elements that equal the one before them.
---@param x Tensor
---@param return_inverse? boolean also which of the results (from 1) each element is
---@param return_counts? boolean also how long each run is
---@param dim? integer compare slices along dim instead of elements
---@return Tensor values
---@return Tensor? inverse i64
---@return Tensor? counts i64
--- Source: torch.unique_consecutive.  Example: ap.tensor{1, 1, 2, 1}:unique_consecutive() --> [1, 2, 1]
no_gradient("unique_consecutive")

--- bincount: how often each of 1, 2, ... occurs. (Values count from 1, as positions and classes do.)
---@param x Tensor shape (N), integers from 1
---@param weights? Tensor shape (N): sum these instead of counting
---@param minlength? integer at least so many counts
---@return Tensor i64 (f32 for f32 weights, else f64), shape (largest value)
--- Errors: a value below 1.
--- Source: torch.bincount.  Example: ap.tensor{1, 3, 3}:bincount() --> [1, 0, 2]
no_gradient("bincount")

--- one_hot: 1 at each class, 0 elsewhere.
---@param x Tensor i64 or i32, any shape (*): classes from 1
---@param num_classes? integer C; default: the largest class in x
---@return Tensor i64, shape (*, C)
--- Errors: a class outside 1..C.
--- Source: torch.nn.functional.one_hot.  Example: ap.one_hot(ap.tensor{1, 3}) --> [[1, 0, 0], [0, 0, 1]]
no_gradient("one_hot")
