-- The inner loops of matrix products keep their sums in registers: in GCC's release build no vector moves between them and the
-- stack. Inlined into larger functions, or with one vector too many, compilers put sums there, at two thirds of the speed; so the
-- machine code itself is looked at.
local where = require "where"

-- Names of the functions with such loops, N a number; how many there are at least for vectors of 16 lanes (zmm), 8 (ymm), or with
-- tiles (tmm). SSE has no fused multiply-add and 16 registers: its tiles are too large by one, and not looked at.
local KERNELS = {
  { name = "tile_N_N", zmm = 24, ymm = 12 }, -- many rows
  { name = "bf16_tile_N_N", zmm = 24 },
  { name = "amx_tile_N_N_N", tmm = 12 },
  { name = "project_N_N", zmm = 12, ymm = 9 }, -- one row: x K, then h R, few units' steps of each layer, dx and dh
  { name = "sum_N", zmm = 4, ymm = 4 },
  { name = "bf16_sum_N", zmm = 4 },
  { name = "gru_units_steps_N", zmm = 4, ymm = 4 },
  { name = "lstm_units_steps_N", zmm = 4, ymm = 4 },
  { name = "simple_units_steps_N", zmm = 4, ymm = 4 },
  { name = "gradient_tile", zmm = 1, ymm = 1 },
  { name = "add_dots", zmm = 1 },
  { name = "gru_step_N", zmm = 4, ymm = 4 }, -- streams
  { name = "gru_block_N", zmm = 4 }, -- AVX2's registers do not hold a block of two, and what its gates' activations need
}

local function read(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local text = pipe:read("*a")
  pipe:close()
  return text
end

-- Why there is nothing to look at, or nil.
local function unfit()
  local file = io.open(where.build .. "/CMakeCache.txt")
  if not file then return "no build by CMake" end
  local cache = file:read("*a")
  file:close()
  if not cache:match("CMAKE_BUILD_TYPE:%w+=Release\n") then return "not a release build" end
  if cache:match("MG_SANITIZE:%w+=%w") or cache:match("MG_COVERAGE:%w+=ON") then return "an instrumented build" end
  if read("objdump --version") == "" then return "no objdump (Debian: binutils)" end
  if not read("objdump -s -j .comment '" .. where.build .. "/moongate/core.so'"):match("GCC") then return "not built by GCC" end
  if read("uname -m") ~= "x86_64\n" then return "vectors of another processor" end
end

-- Instructions of a function: { address, operation, operands }.
local function instructions(body)
  local list = {}
  for address, operation, operands in body:gmatch("\n%s*(%x+):%s+(%S+)[ \t]*([^\n]*)") do
    list[#list + 1] = { address = tonumber(address, 16), operation = operation, operands = operands }
  end
  return list
end

-- Where a backward jump leads, as an index.
local function loop_start(list, i, index_of)
  local target = list[i].operation:match("^j") and list[i].operands:match("^(%x+)")
  local start = target and index_of[tonumber(target, 16)]
  return start and start <= i and start
end

-- Loops without a loop inside: { first, last } instruction.
local function inner_loops(list)
  local index_of, loops = {}, {}
  for i, instruction in ipairs(list) do index_of[instruction.address] = i end
  local covered = 0 -- a loop that begins before the end of the one before it holds that one
  for i = 1, #list do
    local start = loop_start(list, i, index_of)
    if start and start > covered then
      loops[#loops + 1], covered = { start, i }, i
    end
  end
  return loops
end

local function is_product(operation)
  return operation:match("^vfn?m%a+%d+[ps]s$") or operation:match("^vdpbf16ps$")
end

-- What an activation computes beside products: its constants may lie on the stack.
local function is_elementwise(operation)
  for _, name in ipairs { "vrcp", "vdiv", "vscalef", "vmax", "vmin", "vpslld", "vrndscale", "vround" } do
    if operation:sub(1, #name) == name then return true end
  end
end

-- Whether %rbp points into the stack.
local function has_frame(list)
  for i = 1, math.min(#list, 40) do
    if list[i].operation == "mov" and list[i].operands:match("^%%rsp,%%rbp") then return true end
  end
end

-- The inner loops of a function that only add up products: their registers and, if one moves to or from the stack, the instruction.
local function product_loops(body)
  local list, found = instructions(body), {}
  local frame = has_frame(list)
  for _, loop in ipairs(inner_loops(list)) do
    local register, elementwise
    local spills = {} -- by register
    for i = loop[1], loop[2] do
      local operation, operands = list[i].operation, list[i].operands
      elementwise = elementwise or is_elementwise(operation)
      if is_product(operation) then register = operands:match("%%([xyz]mm)") end
      local on_stack = operands:match("%(%%rsp") or frame and operands:match("%(%%rbp")
      local moved = on_stack and operands:match("%%([xyz]mm)")
      if moved then spills[moved] = operation .. " " .. operands end
    end
    if register and not elementwise then found[#found + 1] = { register = register, spill = spills[register] } end
  end
  return found
end

local SPILLING = [[

  100:	mov    0x10(%rdi),%rsi
  104:	vmovups (%rcx),%zmm1
  10a:	vmovups 0x40(%rsp),%zmm2
  112:	vfmadd231ps (%rax){1to16},%zmm1,%zmm2
  118:	vmovups %zmm2,0x40(%rsp)
  120:	dec    %rsi
  123:	jne    104 <tile_8_3+0x4>
  125:	ret]]

describe("the inner loops of the products", function()
  it("are judged by what moves between them and the stack", function()
    assert.same({ { register = "zmm", spill = "vmovups %zmm2,0x40(%rsp)" } }, product_loops(SPILLING))
    assert.same({ { register = "zmm" } }, product_loops((SPILLING:gsub("0x40%(%%rsp%)", "0x40(%%rdx)"))))
    assert.same({ { register = "zmm" } }, product_loops((SPILLING:gsub("0x40%(%%rsp%)", "0x40(%%rbp)")))) -- a pointer like others
    local frame = SPILLING:gsub("0x40%(%%rsp%)", "0x40(%%rbp)"):gsub("mov    0x10%(%%rdi%),%%rsi", "mov    %%rsp,%%rbp")
    assert.is_truthy(product_loops(frame)[1].spill)
    assert.same({}, product_loops((SPILLING:gsub("vfmadd231ps", "vaddps"))))
    assert.same({}, product_loops((SPILLING:gsub("dec    %%rsi", "vdivps %%zmm2,%%zmm3,%%zmm3"))))
    assert.same({}, product_loops((SPILLING:gsub("jne    104", "jne    125"))))
  end)

  it("keep their sums in registers", function()
    local reason = unfit()
    if reason then return pending(reason) end
    local text = read("objdump -d --no-show-raw-insn '" .. where.build .. "/moongate/core.so'")
    for _, kernel in ipairs(KERNELS) do
      local seen = {}
      for name, body in text:gmatch("<([%w_%.]+)>:(.-)\n\n") do
        local loops = name:match("^" .. kernel.name:gsub("N", "%%d+") .. "$") and product_loops(body) or {}
        local register = loops[1] and loops[1].register
        if register then seen[register] = (seen[register] or 0) + 1 end
        for _, loop in ipairs(kernel[register] and loops or {}) do
          assert.is_nil(loop.spill, ("%s with %s: %s"):format(name, register, loop.spill or ""))
        end
      end
      for _, register in ipairs { "zmm", "ymm" } do
        local found, least = seen[register] or 0, kernel[register] or 0
        assert(found >= least, ("%s with %s: %d functions, expected %d"):format(kernel.name, register, found, least))
      end
    end
  end)

  -- amx_tile_PIECES_ROWS_COLUMNS, rows and columns in tiles: products of pieces, and loads of tiles of a and of b.
  it("of bf16 pieces multiply tiles as often as they must", function()
    local reason = unfit()
    if reason then return pending(reason) end
    local text, seen = read("objdump -d --no-show-raw-insn '" .. where.build .. "/moongate/core.so'"), 0
    local products, of_a, of_b = { 1, 4, 6 }, { 1, 3, 4 }, { 1, 2, 3 }
    for pieces, rows, columns, body in text:gmatch("<amx_tile_(%d)_(%d)_(%d)>:(.-)\n\n") do
      local function count(operation) return select(2, body:gsub("%f[%w]" .. operation .. "%f[%W]", "")) end
      pieces, seen = tonumber(pieces), seen + 1
      assert.equal(products[pieces] * rows * columns, count "tdpbf16ps")
      assert.equal(of_a[pieces] * rows + of_b[pieces] * columns, count "tileloadd")
      assert.equal(rows * columns, count "tilezero")
      assert.equal(rows * columns, count "tilestored")
      assert.equal(0, count "call")
    end
    assert.equal(12, seen)
  end)
end)
