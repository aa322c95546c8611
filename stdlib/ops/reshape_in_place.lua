--- In-place changes of a tensor's shape and memory: x:unsqueeze_(1) is x:unsqueeze(1) in the same handle.
---
--- While gradients are recorded the change is recorded as the view is, and gradients flow through it. What the tape
--- kept of the tensor before is lost: backward says so, as after any other change in place. A leaf that requires a
--- gradient changes its shape only under no_grad, and without a .grad.

local arguments = require "apsis.ops.arguments"
local core = require "apsis.core"
local define, become_ = core.define, core.become_

-- NAME_ of a function NAME that gives a view.
local function in_place(name)
  local view, full = core[name], name .. "_"
  define(full, function(x, ...)
    arguments.tensor(full, 1, x)
    return become_(x, view(x, ...))
  end)
end

--- squeeze_: without the dimensions of size 1 (all of them, or those named), in place.
---@param x Tensor
---@param dim integer|table|nil
---@return Tensor x
--- Source: torch.Tensor.squeeze_.  Example: ap.ones(1, 3):squeeze_().shape --> {3}
in_place("squeeze")

--- unsqueeze_: with a new dimension of size 1 at position dim, in place.
---@param x Tensor
---@param dim integer
---@return Tensor x
--- Source: torch.Tensor.unsqueeze_.  Example: ap.ones(3):unsqueeze_(1).shape --> {1, 3}
in_place("unsqueeze")

--- transpose_: two dimensions exchanged, in place. Also swapaxes_, swapdims_.
---@param x Tensor
---@param dim1 integer
---@param dim2 integer
---@return Tensor x
--- Source: torch.Tensor.transpose_.  Example: ap.ones(2, 3):transpose_(1, 2).shape --> {3, 2}
in_place("transpose")

--- t_: the transpose of a matrix, in place.
---@param x Tensor shape (N, M), or fewer dimensions
---@return Tensor x
--- Source: torch.Tensor.t_.  Example: ap.ones(2, 3):t_().shape --> {3, 2}
in_place("t")

--- as_strided_: the sizes, strides and offset (from 1) given, over the same memory.
---@param x Tensor contiguous where a gradient is wanted
---@param size integer[]
---@param stride integer[]
---@param offset integer|nil default: where x starts
---@return Tensor x
--- Errors: the view reaches past the memory.
--- Source: torch.Tensor.as_strided_.  Example: ap.arange(6):as_strided_({2, 2}, {3, 1}) --> [[1, 2], [4, 5]]
in_place("as_strided")

local resize_, set_ = core.resize_, core.set_

-- The sizes of f(x, 2, 3) or f(x, {2, 3}), none negative.
local function sizes(op, ...)
  local size = type((...)) == "table" and not core.is_tensor((...)) and (...) or {...}
  for key in pairs(size) do
    if math.type(key) ~= "integer" then arguments.fail("%s: expected sizes, got the option '%s'", op, tostring(key)) end
  end
  size = arguments.integers(op, "sizes", size, #size)
  for _, n in ipairs(size) do
    if n < 0 then arguments.fail("%s: expected sizes of at least 0, got %d", op, n) end
  end
  return size
end

--- resize_: other sizes, in place, contiguous over x's memory; where that is too small it moves to a larger one, with
--- zeros where it ended. Views made of x before stay with the memory that they have.
---@param x Tensor
---@param ... integer the sizes, or one table of them
---@return Tensor x
--- Errors: x requires a gradient.
--- Source: torch.Tensor.resize_, whose new elements are undefined.
--- Example: ap.tensor{1, 2}:resize_(2, 2) --> [[1, 2], [0, 0]]
define("resize_", function(x, ...)
  arguments.tensor("resize_", 1, x)
  return resize_(x, sizes("resize_", ...))
end)

--- resize_as_: resize_ to the sizes of another tensor.
---@param x Tensor
---@param other Tensor
---@return Tensor x
--- Source: torch.Tensor.resize_as_.
define("resize_as_", function(x, other)
  arguments.tensors("resize_as_", x, other)
  return resize_(x, other:size())
end)

--- set_: x becomes another handle on the memory of a tensor, of which it takes sizes and strides, or those given.
---@param x Tensor
---@param source Tensor|nil of x's dtype, on its device; nil: x has no elements any more
---@param offset integer|nil of the first element in source's memory, from 1
---@param size integer[]|nil
---@param stride integer[]|nil default: contiguous
---@return Tensor x
--- Errors: a tensor that requires a gradient, where gradients are recorded.
--- Source: torch.Tensor.set_.  Example: ap.zeros(2):set_(ap.ones(3)) --> [1, 1, 1]
define("set_", function(x, source, offset, size, stride)
  arguments.tensor("set_", 1, x)
  if source == nil then return set_(x, core.empty({0}, {dtype = x.dtype, device = x.device})) end
  arguments.tensor("set_", 2, source)
  if offset == nil and size == nil and stride == nil then return set_(x, source) end
  size = size and sizes("set_", size) or source:size()
  if stride == nil then
    stride = {}
    local step = 1
    for d = #size, 1, -1 do stride[d], step = step, step * math.max(size[d], 1) end
  end
  return set_(x, source:as_strided(size, stride, offset))
end)

--- detach_: cut off from the tape, in place: x is a leaf that requires no gradient.
---@param x Tensor no view of another one
---@return Tensor x
--- Errors: a view; use x:detach().
--- Source: torch.Tensor.detach_.
define("detach_", core.detach_)

--- is_set_to: whether two tensors are the same elements of one memory, in the same shape.
---@param x Tensor
---@param other Tensor
---@return boolean
--- Source: torch.Tensor.is_set_to.
define("is_set_to", core.is_set_to)
