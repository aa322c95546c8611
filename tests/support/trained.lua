--- Layers with PyTorch's weights against PyTorch's outputs and gradients.

local ap = require "apsis"

--- trained: checks outputs, and the gradients of their sum, weighed -1 to 1 in the order of elements, by inputs and
--- parameters. golden holds y1, y2..., NAME_grad of the inputs, grad/KEY of the parameters.
---@param layer table
---@param got Tensor[] what it gave for the inputs
---@param inputs table<string, Tensor> leaves
---@param golden table<string, Tensor>
---@param o {rtol: number, atol: number}
return function(layer, got, inputs, golden, o)
  local loss = 0
  for k, y in ipairs(got) do
    close(y:detach(), golden["y" .. k], o)
    loss = loss + (y * ap.linspace(-1, 1, y:numel(), {dtype = "f64"}):reshape(y:size())):sum()
  end
  truth(golden["y" .. #got + 1] == nil)
  loss:backward()
  for name, x in pairs(inputs) do close(x.grad, golden[name .. "_grad"], o) end
  for key, p in layer:named_parameters() do close(p.grad, golden["grad/" .. key], o) end
end
