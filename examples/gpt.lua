-- GPT: a small transformer learns to write like Shakespeare, letter by letter.
--   apsis examples/gpt.lua [--steps 500] [--data FILE] [--sample 400] [--temperature 0.8] [--top-k 20] [--resume]
--                          [--layers 4] [--heads 4] [--width 128] [--context 64] [--batch-size 16] [--dropout 0]
--                          [--lr 0.003] [--seed 1] [--device cpu] [--out gpt.safetensors]
-- The shape of GPT-2 (Radford et al. 2019): blocks of causal attention and a two-layer network, each behind a layer
-- norm and around a residual connection. Saves a checkpoint at the end; --resume goes on from it.

local ap = require "apsis"
local nn, F, optim, train = ap.nn, ap.nn.functional, ap.optim, ap.train

local here = (arg[0] or ""):match("^(.*[/\\])") or "./"

local options = {
  steps = 500, data = here .. "data/tinyshakespeare/input.txt", sample = 400, temperature = 0.8, top_k = 20,
  resume = false, layers = 4, heads = 4, width = 128, context = 64, batch_size = 16, dropout = 0, lr = 3e-3, seed = 1,
  device = "cpu", out = "gpt.safetensors",
}
do
  local i = 1
  while arg[i] do
    local name = (arg[i]:match "^%-%-(.+)$" or ""):gsub("-", "_")
    local default = options[name]
    local value = default == false or arg[i + 1]
    if type(default) == "number" then value = tonumber(value) end
    if default == nil or value == nil then
      io.stderr:write("gpt: ", arg[i], default == nil and ": no such option" or ": a value is missing or no number",
        "; see the first lines of the script\n")
      os.exit(2)
    end
    options[name] = value
    i = i + (default == false and 1 or 2)
  end
end
local T, D = options.context, options.width

ap.manual_seed(options.seed)

-- The text as ids 1..V of its different letters (bytes), in alphabetical order.
local file <close> = assert(io.open(options.data, "rb"))
local text = file:read "a"
local letters, ids = ap.from_bytes(text):unique {return_inverse = true}
local V = #letters
local train_size = 9 * #ids // 10
local parts = {train = ids[{ {1, train_size} }], test = ids[{ {train_size + 1, -1} }]}

-- Pieces of T letters from random places (N, T), and the letters that follow each of theirs.
local function batch(part, n)
  local places = ap.randint(1, #part - T, {n, 1}) + ap.arange(0, T - 1)
  return part[places]:to(options.device), part[places + 1]:to(options.device)
end

local Block = nn.Module:extend "Block"

function Block:init()
  self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
  self.qkv, self.out = nn.Linear(D, 3 * D, false), nn.Linear(D, D, false)
  self.mlp = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D), nn.Dropout(options.dropout))
end

-- x (N, T, D): every position looks at itself and those before it.
function Block:attend(x)
  local n, t = x:size(1), x:size(2)
  local function heads(y) return y:view(n, t, options.heads, -1):transpose(2, 3) end
  local q, k, v = table.unpack(self.qkv(x):chunk(3, -1))
  local y = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), {is_causal = true})
  return self.out(y:transpose(2, 3):reshape(n, t, D))
end

function Block:forward(x)
  x = x + self:attend(self.norm1(x))
  return x + self.mlp(self.norm2(x))
end

local GPT = nn.Module:extend "GPT"

function GPT:init()
  self.letter, self.position = nn.Embedding(V, D), nn.Embedding(T, D)
  self.blocks = nn.Sequential()
  for _ = 1, options.layers do self.blocks:append(Block()) end
  self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, V, false)
  self:apply(function(module)
    if module:is_a(nn.Linear) or module:is_a(nn.Embedding) then nn.init.normal_(module.weight, {std = 0.02}) end
  end)
end

-- ids (N, T) -> scores (N, T, V) of what comes next.
function GPT:forward(x)
  local positions = ap.arange(1, x:size(2), 1, {device = x.device})
  return self.head(self.norm(self.blocks(self.letter(x) + self.position(positions))))
end

-- Goes on from ids (1, T), letter by letter.
function GPT:write(x, count)
  local _ <close> = ap.no_grad()
  self:eval()
  for _ = 1, count do
    local seen = x[{ {}, {-math.min(x:size(2), T), -1} }]
    local scores = self(seen)[{ {}, -1 }] / options.temperature
    local best = scores:topk(math.min(options.top_k, V))
    scores = scores:masked_fill(scores:lt(best[{ {}, {-1, -1} }]), -math.huge)
    x = ap.cat({x, ap.multinomial(scores:softmax(-1), 1)}, 2)
  end
  self:train()
  return x
end

local model = GPT():to(options.device)
print(("%s: %d letters, %d of them different"):format(options.data:match "[^/]*$", #ids, V))
print(("%d blocks, %d parameters"):format(options.layers, model:num_parameters()))

-- Matrices decay, biases and the norms' scales do not.
local matrices, vectors = {}, {}
for _, p in ipairs(model:parameters()) do table.insert(p.ndim >= 2 and matrices or vectors, p) end
local optimizer = optim.AdamW({{params = matrices, weight_decay = 0.1}, {params = vectors, weight_decay = 0}},
  {lr = options.lr, betas = {0.9, 0.99}})
local schedule = optim.lr_scheduler.WarmupCosineLR(optimizer,
  {warmup = math.min(50, options.steps // 2), total = options.steps, eta_min = options.lr / 10})

local function loss_of(x, y) return F.cross_entropy(model(x):view(-1, V), y:view(-1)) end

local function test_loss()
  local _ <close> = ap.no_grad()
  model:eval()
  local sum, batches = 0, 5
  for _ = 1, batches do sum = sum + loss_of(batch(parts.test, 32)):item() end
  model:train()
  return sum / batches
end

local done = 0
if options.resume then
  local run = train.checkpoint.load(options.out, {model = model, optimizer = optimizer, scheduler = schedule})
  done = run.extra.step
  print(("%s: %d steps done"):format(options.out, done))
end

local start = ap.clock()
for step = done + 1, options.steps do
  local loss = loss_of(batch(parts.train, options.batch_size))
  optimizer:zero_grad()
  loss:backward()
  nn.utils.clip_grad_norm_(model:parameters(), 1)
  optimizer:step()
  schedule:step()
  if step % 100 == 0 or step == options.steps then
    print(("step %4d  loss %.4f  test loss %.4f  %.0f ms a step"):format(step, loss:item(), test_loss(),
      1000 * (ap.clock() - start) / (step - done)))
  end
end
if done < options.steps then
  train.checkpoint.save(options.out, {model = model, optimizer = optimizer, scheduler = schedule,
    extra = {step = options.steps}})
  print("checkpoint in " .. options.out)
end

local first = ids[{ {1, 1} }]:unsqueeze(1):to(options.device)
local written = model:write(first, options.sample):to("cpu")
print("\n" .. ap.bytes(letters[written[1]]))
