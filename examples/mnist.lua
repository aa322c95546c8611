-- MNIST: a convolutional network learns to read digits from 9,000 images and is tested on 1,000 others.
--   apsis examples/mnist.lua [--epochs 4] [--batch-size 64] [--lr 0.002] [--seed 1] [--device cpu] [--data DIR]
--                            [--out mnist.safetensors] [--resume]
-- Saves a checkpoint after each epoch and draws a few test digits beside their prediction.

local ap = require "apsis"
local nn = require "apsis.nn"
local optim = require "apsis.optim"
local data = require "apsis.data"
local train = require "apsis.train"

local here = (arg[0] or ""):match("^(.*[/\\])") or "./"

-- Command line: --name value, or a bare --name for a flag.
local options = {
  epochs = 4, batch_size = 64, lr = 0.002, seed = 1, device = "cpu", data = here .. "data/mnist",
  out = "mnist.safetensors", resume = false,
}
do
  local i = 1
  while arg[i] do
    local name = arg[i]:match("^%-%-(.+)$")
    name = name and name:gsub("-", "_")
    local default = options[name]
    if default == nil then
      io.stderr:write("mnist: no option ", arg[i], "; see the first lines of the script\n")
      os.exit(2)
    end
    if type(default) == "boolean" then
      options[name] = true
    else
      i = i + 1
      local value = arg[i]
      if type(default) == "number" then value = tonumber(value) end
      if value == nil then
        io.stderr:write("mnist: --", name, ": expected a ", type(default), "\n")
        os.exit(2)
      end
      options[name] = value
    end
    i = i + 1
  end
end

ap.manual_seed(options.seed)

-- Images (10000, 28, 28) u8 -> (10000, 1, 28, 28) f32, normalised by the mean and deviation of MNIST; the files' labels
-- 0..9 become classes 1..10.
local images = data.read_idx(options.data .. "/t10k-images-idx3-ubyte.gz")
local labels = data.read_idx(options.data .. "/t10k-labels-idx1-ubyte.gz")
local x = (images:to("f32"):unsqueeze(2) / 255 - 0.1307) / 0.3081
local y = labels:to("i64") + 1

local function part(first, count)
  return data.TensorDataset(x:narrow(1, first, count), y:narrow(1, first, count))
end
local test_set = part(9001, 1000)
local train_loader = data.DataLoader(part(1, 9000),
  {batch_size = options.batch_size, shuffle = true, seed = options.seed})
local test_loader = data.DataLoader(test_set, {batch_size = 250})

local model = nn.Sequential(
  nn.Conv2d(1, 16, 3, {padding = 1}), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
  nn.Conv2d(16, 32, 3, {padding = 1}), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
  nn.Flatten(), nn.Dropout(0.2), nn.Linear(32 * 7 * 7, 10)
):to(options.device)
print(model)

local optimizer = optim.AdamW(model:parameters(), {lr = options.lr})
train.fit(model, {
  train = train_loader, valid = test_loader,
  loss = nn.CrossEntropyLoss(), optimizer = optimizer, epochs = options.epochs,
  scheduler = optim.lr_scheduler.OneCycleLR(optimizer,
    {max_lr = options.lr, total_steps = math.max(options.epochs * #train_loader, 10)}),
  scheduler_step = "batch",
  metrics = {accuracy = train.metrics.accuracy},
  device = options.device ~= "cpu" and options.device or nil,
  checkpoint = options.out, resume = options.resume,
})

local result = train.evaluate(model, test_loader, {
  loss = nn.CrossEntropyLoss(), metrics = {"accuracy"}, device = options.device ~= "cpu" and options.device or nil,
})
print(("test accuracy %.2f %%, loss %.4f; checkpoint in %s"):format(100 * result.accuracy, result.loss, options.out))

-- An image as text, two rows of pixels a line, in half blocks.
local function draw(image)
  local pixels, lines = image:totable(), {}
  for r = 1, 28, 2 do
    local line = {}
    for c = 1, 28 do
      local top, bottom = pixels[r][c] > 100, pixels[r + 1][c] > 100
      line[c] = top and (bottom and "█" or "▀") or (bottom and "▄" or " ")
    end
    lines[#lines + 1] = table.concat(line)
  end
  return lines
end

-- Some test digits side by side, each over what the network takes it for.
do
  local _ <close> = ap.no_grad()
  local count = 4
  local output = model(x:narrow(1, 9001, count):to(options.device))
  local probability, predicted = output:softmax(2):max(2)
  local drawings, captions = {}, {}
  for i = 1, count do
    drawings[i] = draw(images[9000 + i])
    captions[i] = ("%-28s"):format(("    %d  (%.1f %%; label %d)"):format(predicted[i]:item() - 1,
      100 * probability[i]:item(), labels[9000 + i]:item()))
  end
  for row = 1, 14 do
    local line = {}
    for i = 1, count do line[i] = drawings[i][row] end
    print(table.concat(line))
  end
  print(table.concat(captions))
end
