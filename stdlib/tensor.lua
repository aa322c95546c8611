--- The tensors' metamethods: operators and text.

local core = require "apsis.core"
local meta = core.tensor_meta

meta.__add, meta.__sub, meta.__mul, meta.__div = core.add, core.sub, core.mul, core.true_divide
meta.__idiv, meta.__mod, meta.__pow = core.floor_divide, core.remainder, core.pow
meta.__band, meta.__bor, meta.__bxor = core.bitwise_and, core.bitwise_or, core.bitwise_xor
meta.__shl, meta.__shr = core.bitwise_left_shift, core.bitwise_right_shift

-- Lua passes a unary operator's operand twice.
local neg, bitwise_not = core.neg, core.bitwise_not
meta.__unm = function(x) return neg(x) end
meta.__bnot = function(x) return bitwise_not(x) end

meta.__tostring = function(x) return require("apsis.print").tostring(x) end

-- Text that concatenates: print("loss " .. loss)
meta.__concat = function(a, b) return tostring(a) .. tostring(b) end
