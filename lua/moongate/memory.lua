-- Memory of tensors: pooled handles, scopes that free at once, and the collector run before the memory that it does not see grows.
local ffi = require "ffi"
local check = require "moongate.check"
local core = require "moongate.ffi.core"
local C = core.C

local memory = {}

local POOL_MOST = 65536
local MB = 2 ^ 20
local LEAST_LIMIT, STEPS, STEP_BYTES, STEP_LUA = 32 * MB, 25, 16 * MB, 4 * MB
local PAUSE = 400 -- per cent of the Lua heap at which it is collected: that takes as long as a thousand small operations
local HANDLE_BYTES = 256 -- what a handle itself takes, about

local pool, pooled = {}, 0
local since = 0 -- bytes of tensors allocated since the last collection
local limit -- how many of them start the next
local steps, most_steps, step_limit, heap_limit = 0 -- training steps since then; what starts the next after one
local first_step, few = 0, 0 -- `since` at the end of the first of them; a Lua heap that is not worth a collection
local pause = collectgarbage("setpause", PAUSE)
if pause ~= 200 then collectgarbage("setpause", pause) end -- the program's own choice
local out = ffi.new("mg_tensor *[1]")
local info = ffi.new("mg_memory_info")
-- The running scope's list of tensors, of length list.n. Lists are kept by depth and used again, so that they seldom grow.
local scope, depth, lists = false, 0, {}

-- A collection takes time in proportion to the Lua heap, so a large heap waits for more; and half of the living tensors' bytes may
-- be allocated in between.
local function set_limits()
  local heap = collectgarbage "count" * 1024
  C.mg_memory(info)
  since, limit = 0, math.max(LEAST_LIMIT, 16 * heap, tonumber(info.live_bytes) / 2)
  steps, most_steps = 0, math.max(STEPS, heap / 2 ^ 18)
  step_limit, heap_limit, few = math.max(STEP_BYTES, 8 * heap), heap + math.max(STEP_LUA, heap), 2 * heap
end
set_limits()

local function collect()
  collectgarbage()
  set_limits()
end
memory.collect = collect

--- Bytes about to be allocated: runs the collector first when the soft limit is passed. A scope holds its tensors until it ends,
--- so that a collection would find none of them: it comes after the outermost one.
function memory.account(bytes)
  since = since + bytes + HANDLE_BYTES
  if since > limit and not scope then
    collect()
    since = bytes
  end
end

--- The end of a training step, when most of what it made is garbage: collects after a number of steps, sooner where they make much,
--- so that a loop written by hand and without scopes takes no more memory after many steps than after a few. Where scopes have
--- freed the tensors of the steps, it waits until the Lua heap has grown.
function memory.settle()
  steps = steps + 1
  if steps == 1 then first_step = since end
  local heap = collectgarbage "count" * 1024
  local is_due = steps >= most_steps and (since > 2 * first_step or heap > few)
  if is_due or since > step_limit or heap > heap_limit then collect() end
end

-- A handle with a finalizer costs 0.8 us, a pooled one a few ns: released handles keep theirs and are filled again.
--- An empty handle.
function memory.take()
  if pooled > 0 then
    local handle = pool[pooled]
    pool[pooled] = false -- else the pool would keep the tensor's memory alive
    pooled = pooled - 1
    return handle
  end
  core.check(C.mg_tensor_create(out))
  return ffi.gc(out[0], C.mg_tensor_destroy)
end

--- Drops the memory of a handle that nobody uses any more and keeps the handle for later.
function memory.give(handle, bytes)
  C.mg_tensor_clear(handle)
  since = since - bytes - HANDLE_BYTES
  if since < 0 then since = 0 end
  if pooled < POOL_MOST then
    pooled = pooled + 1
    pool[pooled] = handle
  end
end

--- Notes a new tensor in the running scope, if there is one.
function memory.track(tensor)
  local list = scope
  if list then
    local n = list.n + 1
    list.n = n
    list[n] = tensor
  end
end

local function survive(value, survivors)
  if type(value) ~= "table" or not rawget(value, "handle") then return end
  survivors[value] = true
  survive(rawget(value, "keras_mask"), survivors)
  survive(rawget(value, "grad"), survivors)
end

-- Frees the tensors of `list` but those kept, returned, or held in a returned table; the survivors belong to the outer scope.
local function close(list, outer, results)
  local survivors = {}
  for i = 1, results.n do
    local value = results[i]
    survive(value, survivors)
    if type(value) == "table" and not rawget(value, "handle") then
      for _, item in pairs(value) do survive(item, survivors) end
    end
  end
  scope, depth = outer, depth - 1
  local release = memory.release
  for i = 1, list.n do
    local tensor = list[i]
    list[i] = false
    if rawget(tensor, "handle") and not rawget(tensor, "kept") then
      if survivors[tensor] then memory.track(tensor) else release(tensor) end
    end
  end
end

local function finish(list, outer, ok, ...)
  local results = { n = ok and select("#", ...) or 0, ... }
  close(list, outer, results)
  if since > limit and not scope then collect() end
  if not ok then error((...), 0) end
  return ...
end

--- Calls f(...) and frees at once every tensor made inside, except those that it returns (or that a returned table holds) and
--- those kept with t:keep(). Use it around one training step of a loop written by hand. f must not yield out of it: tensors made
--- elsewhere before it goes on would be freed with its own.
---@param f function
---@return any what f returns
---@example local loss = mg.memory.scope(function() return step(x, y) end)
function memory.scope(f, ...)
  check.callable("scope", "f", f)
  local outer = scope
  depth = depth + 1
  local list = lists[depth] or { n = 0 }
  lists[depth], list.n, scope = list, 0, list
  return finish(list, outer, pcall(f, ...))
end

--- Bytes in use: live (held by tensors), peak, cached (released, kept for reuse), workspace (scratch), lua (the Lua heap).
---@return table
function memory.report()
  core.check(C.mg_memory(info))
  return {
    live = tonumber(info.live_bytes), peak = tonumber(info.peak_bytes), cached = tonumber(info.cached_bytes),
    workspace = tonumber(info.workspace_bytes), lua = collectgarbage("count") * 1024, pooled_handles = pooled,
  }
end

--- Collects garbage and gives memory that is kept for reuse back to the system.
function memory.trim()
  collect()
  C.mg_memory_trim()
end

return setmetatable(memory, { __call = memory.report })
