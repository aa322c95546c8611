-- The examples run as a user runs them, and learn what they say they learn.

-- The program that runs this test, and the repository's root.
local program = arg and arg[-1] or "build/apsis"

local function run(command)
  local pipe <close> = assert(io.popen(("'%s' %s 2>&1"):format(program, command)))
  local output = pipe:read "a"
  local ok = pipe:close()
  if not ok then error("failed: " .. command .. "\n" .. output) end
  return output
end

test("simplenet.lua: fits its data and says so", function()
  local output = run "examples/simplenet.lua"
  truth(output:find("1,060 parameters", 1, true) ~= nil)
  local first = tonumber(output:match "epoch  10  loss ([%d.]+)")
  local last = tonumber(output:match "epoch 100  loss ([%d.]+)")
  local unseen = tonumber(output:match "test loss ([%d.]+)")
  truth(last < first / 5)
  truth(unseen < 1)
end)

test("mnist.lua: reads at least 97.5 % of the test digits, saves a checkpoint and draws digits", function()
  local path = tmpname() .. ".safetensors"
  local output = run("examples/mnist.lua --out " .. path)
  local accuracy = tonumber(output:match "test accuracy ([%d.]+) %%")
  truth(accuracy >= 97.5)
  truth(output:find "█" ~= nil)
  truth(output:find "%(%d+%.%d %%; label %d%)" ~= nil)
  local file = io.open(path, "rb")
  truth(file ~= nil)
  file:close()
  -- Resuming a finished run trains no further and finds the same accuracy.
  local again = run("examples/mnist.lua --resume --out " .. path)
  truth(not again:find "epoch 1/")
  equal(tonumber(again:match "test accuracy ([%d.]+) %%"), accuracy)
  os.remove(path)
  os.remove((path:gsub("%.safetensors$", "-best.safetensors")))
end)

test("mnist.lua: an unknown option is refused", function()
  raises("no option %-%-speed", function() run "examples/mnist.lua --speed 3" end)
end)

test("gpt.lua: learns from Shakespeare, writes, and goes on from its checkpoint", function()
  local path = tmpname() .. ".safetensors"
  local small = "examples/gpt.lua --width 32 --layers 1 --context 32 --batch-size 8 --sample 80 --out " .. path
  local output = run(small .. " --steps 100")
  truth(output:find("1115394 letters, 65 of them different", 1, true), output)
  local loss = tonumber(output:match "step  100  loss ([%d.]+)")
  truth(loss < 3.3, output) -- 4.17 = log 65 at the start
  truth(#output:match "\n\n(.*)$" >= 80, output)
  local again = run(small .. " --steps 110 --resume")
  truth(again:find("100 steps done", 1, true) and again:find "step  110  loss [%d.]+", again)
  os.remove(path)
  raises("%-%-speed: no such option", function() run "examples/gpt.lua --speed 3" end)
  raises("%-%-steps: a value is missing or no number", function() run "examples/gpt.lua --steps many" end)
end)
