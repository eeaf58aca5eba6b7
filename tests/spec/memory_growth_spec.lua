-- Resident memory does not grow with the number of training steps, and nobody has to call the collector.
local command = require "command"
local where = require "where"

-- arg[1]: how to train. Prints the most kilobytes that this process had in steps 101 to 300 and in steps 801 to 1000: within a
-- window the Lua heap grows and is collected, some 500 kB of 13 MB, and single steps would be compared at different points of that.
local SCRIPT = [[
local mg = require "moongate"
local V, B, T = 64, 16, 20
local how, steps, most = arg[1], 0, 0
local function resident()
  for line in io.lines("/proc/self/status") do
    local kilobytes = line:match("^VmRSS:%s*(%d+)")
    if kilobytes then return tonumber(kilobytes) end
  end
end
local function count()
  steps = steps + 1
  if steps == 101 or steps == 801 then most = 0 end
  if steps % 5 == 0 then most = math.max(most, resident()) end
  if steps == 300 or steps == 1000 then print(most) end
end
local function ids(rows) return mg.random.uniform({ rows, T }, 0, V, { seed = rows }):to("int32") end
local model = mg.Sequential {
  mg.layers.Embedding(V, 16), mg.layers.GRU(48, { return_sequences = true }), mg.layers.Dense(V),
}
local loss = mg.losses.SparseCategoricalCrossentropy { from_logits = true }
local optimizer = mg.optimizers.Adam(1e-3)
if how == "by hand" then
  local x, y = ids(B), ids(B)
  model:build { mg.null, T }
  for _ = 1, 1000 do
    optimizer:apply(mg.gradients(loss(y, model(x)), model.trainable_weights), model.trainable_weights)
    count()
  end
elseif how == "fit" then
  model:compile { optimizer = optimizer, loss = loss }
  model:fit(ids(500 * B), ids(500 * B), { batch_size = B, epochs = 2, verbose = 0,
    callbacks = { mg.callbacks.LambdaCallback { on_train_batch_end = count } } })
else
  model:compile { optimizer = optimizer, loss = loss }
  local x, y = ids(B), ids(B)
  for _ = 1, 1000 do
    model:train_on_batch(x, y)
    count()
  end
end
]]

describe("resident memory", function()
  for _, how in ipairs { "fit", "batches", "by hand" } do
    it("stays when training goes on: " .. how, function()
      if where.preload then return pending("measured without sanitizers") end
      local path, early, late = command.file(SCRIPT)
      for _ = 1, 5 do -- what the compiler of traces takes varies by some 200 kB; a leak would show every time
        local text = command.run(path .. " '" .. how .. "'")
        early, late = text:match("^(%d+)\n(%d+)")
        assert(late, text)
        if late / early <= 1.02 then break end
      end
      os.remove(path)
      assert(late / early <= 1.02, ("%d kB at most in steps 101 to 300, %d kB in 801 to 1000"):format(early, late))
    end)
  end
end)
