-- SimpleNet: PyTorch's first tutorial in Apsis. Two linear layers fit a linear map with noise.
--   apsis examples/simplenet.lua [--epochs 100]

local ap = require "apsis"
local nn = require "apsis.nn"
local optim = require "apsis.optim"

local SimpleNet = nn.Module:extend "SimpleNet"

function SimpleNet:init()
  self.fc1 = nn.Linear(10, 50)
  self.relu = nn.ReLU()
  self.fc2 = nn.Linear(50, 10)
end

function SimpleNet:forward(x)
  return self.fc2(self.relu(self.fc1(x)))
end

local epochs = 100
for i = 1, #arg do
  if arg[i] == "--epochs" then
    epochs = assert(math.tointeger(tonumber(arg[i + 1])), "--epochs: expected an integer")
  end
end

ap.manual_seed(0)

-- What the network is to learn: y = A x + noise.
local A = ap.randn(10, 10)
local function sample(n)
  local x = ap.randn(n, 10)
  return x, x:matmul(A) + ap.randn(n, 10) * 0.1
end
local inputs, targets = sample(500)
local test_inputs, test_targets = sample(100)

local model = SimpleNet()
local criterion = nn.MSELoss()
local optimizer = optim.SGD(model:parameters(), {lr = 0.1, momentum = 0.9})
print(model)

for epoch = 1, epochs do
  optimizer:zero_grad()
  local loss = criterion(model(inputs), targets)
  loss:backward()
  optimizer:step()
  if epoch % 10 == 0 then print(("epoch %3d  loss %.4f"):format(epoch, loss:item())) end
end

do
  local _ <close> = ap.no_grad()
  print(("test loss %.4f"):format(criterion(model(test_inputs), test_targets):item()))
end
