-- What the system offers and Lua lacks: syncing, folders, the terminal's size, a clock. Failures give nil and the system's words.
local ffi = require "ffi"

ffi.cdef [[
typedef struct mg_posix_time { long seconds, nanoseconds; } mg_posix_time;
typedef struct mg_posix_window { unsigned short rows, columns, width, height; } mg_posix_window;
int mg_posix_open(const char *path, int flags, ...) __asm__("open");
int mg_posix_close(int descriptor) __asm__("close");
int mg_posix_fsync(int descriptor) __asm__("fsync");
int mg_posix_mkdir(const char *path, unsigned mode) __asm__("mkdir");
int mg_posix_getpid(void) __asm__("getpid");
int mg_posix_isatty(int descriptor) __asm__("isatty");
int mg_posix_ioctl(int descriptor, unsigned long request, ...) __asm__("ioctl");
int mg_posix_clock(int clock, mg_posix_time *time) __asm__("clock_gettime");
char *mg_posix_strerror(int number) __asm__("strerror");
]]

local C = ffi.C
local posix = {}

local O_RDONLY, MODE_ALL, MONOTONIC, TIOCGWINSZ, EEXIST = 0, 511, 1, 0x5413, 17 -- of Linux
local time, window = ffi.new("mg_posix_time"), ffi.new("mg_posix_window")

local function failure(path)
  return nil, ("%s: %s"):format(path, ffi.string(C.mg_posix_strerror(ffi.errno())))
end

--- Waits until what was written to a file, or the names in a folder, are on the disk.
---@param path string
---@return boolean|nil, string?
function posix.fsync(path)
  local descriptor = C.mg_posix_open(path, O_RDONLY)
  if descriptor < 0 then return failure(path) end
  local synced = C.mg_posix_fsync(descriptor)
  local message = synced ~= 0 and select(2, failure(path))
  C.mg_posix_close(descriptor)
  if message then return nil, message end
  return true
end

--- Makes a folder; one that is there is fine.
---@param path string
---@return boolean|nil, string?
function posix.mkdir(path)
  if C.mg_posix_mkdir(path, MODE_ALL) == 0 or ffi.errno() == EEXIST then return true end
  return failure(path)
end

--- The number of this process.
---@return integer
function posix.getpid() return C.mg_posix_getpid() end

--- Whether a descriptor (0 input, 1 output, 2 errors) is a terminal.
---@param descriptor integer
---@return boolean
function posix.isatty(descriptor) return C.mg_posix_isatty(descriptor) == 1 end

--- Columns of the terminal on standard output; nil when it is none.
---@return integer|nil
function posix.columns()
  if C.mg_posix_ioctl(1, TIOCGWINSZ, window) ~= 0 or window.columns == 0 then return nil end
  return window.columns
end

--- Seconds since some moment in the past; never runs backwards.
---@return number
function posix.now()
  C.mg_posix_clock(MONOTONIC, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

return posix
