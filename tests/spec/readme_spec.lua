-- The README's Lua, as it stands there and in its order, runs.
local command = require "command"
local lfs = require "lfs"
local where = require "where"

-- What has to hold after its blocks: the stream's last output is the model's for the sequence.
local AFTER = [[
local expected = mean(x:slice(1, 1, 1)):item()
assert(math.abs(stream:run(x:slice(1, 1, 1)):to_flat_table()[20] - expected) < 1e-5)
stream:reset()
for t = 1, 20 do stream:step(x[{ 1, t }]) end
assert(math.abs(stream.output:item() - expected) < 1e-5)
]]

describe("README.md", function()
  it("has Lua that runs", function()
    local file = assert(io.open(where.root .. "/README.md"))
    local text, blocks = file:read("*a"), {}
    file:close()
    for block in text:gmatch("\n```lua\n(.-)```") do blocks[#blocks + 1] = block end
    assert.is_true(#blocks >= 3)
    local folder, before = os.tmpname(), lfs.currentdir()
    os.remove(folder)
    assert(lfs.mkdir(folder) and lfs.chdir(folder))
    local output, status = command.run(command.file(table.concat(blocks, "\n") .. AFTER))
    lfs.chdir(before)
    os.execute("rm -rf '" .. folder .. "'")
    assert(status == 0, output)
  end)
end)
