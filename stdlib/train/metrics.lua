-- Metrics for train.fit: functions of (output, target) that return one number, the mean over the batch.

local arguments = require "apsis.ops.arguments"

local metrics = {}

--- The share of samples whose highest score is at the target's class.
---@param output Tensor (N, C)
---@param target Tensor (N) classes 1..C
---@return number in [0, 1]
function metrics.accuracy(output, target)
  arguments.tensors("accuracy", output, target)
  return output:argmax(2):eq(target):to("f32"):mean():item()
end

--- The share of right yes-or-no answers: logits above 0 count as yes.
---@param output Tensor logits
---@param target Tensor same shape, 0 or 1
---@return number in [0, 1]
function metrics.binary_accuracy(output, target)
  arguments.tensors("binary_accuracy", output, target)
  return output:gt(0):eq(target:gt(0.5)):to("f32"):mean():item()
end

--- Mean absolute error.
---@param output Tensor
---@param target Tensor same shape
---@return number
function metrics.mean_absolute_error(output, target)
  arguments.tensors("mean_absolute_error", output, target)
  return (output - target):abs():mean():item()
end

return require "apsis.core".define_module(metrics)
