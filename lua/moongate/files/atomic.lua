-- Files that are either the old one or the new one, whenever the machine stops: written beside the target, synced, renamed.
local check = require "moongate.check"
local posix = require "moongate.ffi.posix"

local atomic = {}

local count = 0

local function folder_of(path)
  local folder = path:match("^(.*)/[^/]*$") or "."
  return folder == "" and "/" or folder
end

-- A dash and 16 hexadecimal digits, or "" where the system has no random ones.
local function random_digits()
  local source = io.open("/dev/urandom", "rb")
  if not source then return "" end
  source:setvbuf("no")
  local bytes = source:read(8) or ""
  source:close()
  return "-" .. bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
end

-- Beside the target, so that the rename stays on one disk; its own for each process and call, and random since containers and
-- machines that share a folder have processes of one number.
local function temporary_name(path)
  count = count + 1
  return ("%s.%d-%d%s.partial"):format(path, posix.getpid(), count, random_digits())
end

local function finish(temporary, path)
  local synced, message = posix.fsync(temporary)
  if not synced then return nil, message end
  local renamed
  renamed, message = os.rename(temporary, path)
  if not renamed then return nil, message end
  posix.fsync(folder_of(path)) -- not every file system syncs folders; the file itself is safe
  return true
end

--- Lets `write(name)` write a file under a name beside `path`, then puts it in the place of `path`. What `write` raises is raised
--- again after the unfinished file is gone.
---@param path string
---@param write fun(name: string): boolean|nil, string? true, or nil and what went wrong
---@return boolean|nil, string? true, or nil and what went wrong: `path` is then as before
function atomic.write(path, write)
  check.type("atomic.write", "path", path, "string")
  local temporary = temporary_name(path)
  local ran, written, message = pcall(write, temporary)
  if ran and written then written, message = finish(temporary, path) end
  if ran and written then return true end
  os.remove(temporary)
  if not ran then error(written, 0) end
  return nil, message
end

--- Makes a folder and those above it; what is there is fine.
---@param folder string
---@return boolean|nil, string?
function atomic.make_folder(folder)
  check.type("atomic.make_folder", "folder", folder, "string")
  local last = #folder > 0 and 0 or -1
  while last < #folder do
    last = folder:find("/", last + 2, true) or #folder + 1
    local made, message = posix.mkdir(folder:sub(1, last - 1))
    if not made then return nil, message end
  end
  return true
end

--- As atomic.write with a text
---@param path string
---@param text string
---@return boolean|nil, string?
function atomic.write_text(path, text)
  return atomic.write(path, function(name)
    local file, message = io.open(name, "wb")
    if not file then return nil, message end
    local written, reason = file:write(text)
    local closed, late = file:close()
    if not written or not closed then return nil, ("%s: %s"):format(path, reason or late) end
    return true
  end)
end

return atomic
