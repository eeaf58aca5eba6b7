--- Line editing with history and completion through libedit, and what a prompt asks of the terminal.
local ffi = require "ffi"
local posix = require "moongate.ffi.posix"

ffi.cdef [[
typedef struct mg_editline mg_editline;
typedef struct mg_history mg_history;
typedef struct { const char *buffer, *cursor, *lastchar; } mg_lineinfo;
typedef struct { int num; const char *str; } mg_histevent;
mg_editline *el_init(const char *, void *, void *, void *);
void el_end(mg_editline *);
const char *el_gets(mg_editline *, int *);
int el_set(mg_editline *, int, ...);
const mg_lineinfo *el_line(mg_editline *);
int el_insertstr(mg_editline *, const char *);
void el_deletestr(mg_editline *, int);
mg_history *history_init(void);
void history_end(mg_history *);
int history(mg_history *, mg_histevent *, int, ...);
extern void *mg_stdin __asm__("stdin");
extern void *mg_stdout __asm__("stdout");
extern void *mg_stderr __asm__("stderr");
char *mg_setlocale(int, const char *) __asm__("setlocale");
int mg_sigaction(int, const void *, void *) __asm__("sigaction");
int mg_raise(int) __asm__("raise");
]]

-- of histedit.h
local EL_PROMPT, EL_EDITOR, EL_SIGNAL, EL_BIND, EL_SETTY, EL_ADDFN, EL_HIST = 0, 2, 3, 4, 8, 9, 10
local H_SETSIZE, H_ENTER, H_LOAD, H_SAVE, H_SETUNIQUE = 1, 10, 17, 18, 20
local CC_NEWLINE, CC_REFRESH, CC_REDISPLAY, CC_REFRESH_BEEP = 1, 4, 8, 9
local LC_CTYPE, SIGINT, SIGTSTP, HISTORY_SIZE, LISTED = 0, 2, 20, 2000, 200

local Editor = {}
Editor.__index = Editor

local function load_library()
  local first
  for _, name in ipairs { "libedit.so.2", "edit" } do
    local found, library = pcall(ffi.load, name)
    if found then return library end
    first = first or library
  end
  return nil, first
end

local function integer(value) return ffi.cast("int", value) end

local function common_prefix(words)
  local prefix = words[1]
  for i = 2, #words do
    while words[i]:sub(1, #prefix) ~= prefix do prefix = prefix:sub(1, -2) end
  end
  return prefix
end

-- Words in columns of equal width below the line.
local function list(words)
  local width, shown, lines = 0, math.min(#words, LISTED), {}
  for i = 1, shown do width = math.max(width, #words[i] + 2) end
  local columns = math.max(1, math.floor((posix.columns() or 80) / width))
  for i = 1, shown, columns do
    local row = {}
    for j = i, math.min(i + columns - 1, shown) do row[#row + 1] = words[j] .. (" "):rep(width - #words[j]) end
    lines[#lines + 1] = table.concat(row):match("^(.-)%s*$")
  end
  if shown < #words then lines[#lines + 1] = ("... %d more"):format(#words - shown) end
  io.stdout:write("\n", table.concat(lines, "\n"), "\n")
  io.stdout:flush()
end

-- The TAB key: `complete(line, cursor)` gives the start of the word at the cursor and its candidates, each the whole word.
local function completion(library, complete)
  return function(handle)
    local info = library.el_line(handle)
    local line, cursor = ffi.string(info.buffer, info.lastchar - info.buffer), tonumber(info.cursor - info.buffer)
    local ok, start, words = pcall(complete, line, cursor)
    if not ok or #words == 0 then return CC_REFRESH_BEEP end
    local typed, prefix = line:sub(start, cursor), common_prefix(words)
    if #prefix > #typed or #words == 1 then
      library.el_deletestr(handle, #typed)
      library.el_insertstr(handle, prefix)
      return CC_REFRESH
    end
    list(words)
    return CC_REDISPLAY
  end
end

--- Whether a person types at the input and looks at the output.
---@return boolean
function Editor.interactive()
  return posix.isatty(0) and posix.isatty(1)
end

--- Opens the terminal for editing; nil and the loader's message where libedit is not there.
---@param options table name, history (path of its file), complete(line, cursor) -> start, words
---@return table|nil editor, string|nil message
function Editor.open(options)
  local library, message = load_library()
  if not library then return nil, message end
  ffi.C.mg_setlocale(LC_CTYPE, "")
  local handle = library.el_init(options.name, ffi.C.mg_stdin, ffi.C.mg_stdout, ffi.C.mg_stderr)
  if handle == nil then return nil, "libedit cannot use this terminal" end
  local self = setmetatable({ library = library, handle = handle, history_file = options.history }, Editor)
  self.signal_action = ffi.new("char[256]")
  ffi.C.mg_sigaction(SIGINT, nil, self.signal_action)
  self:open_history()
  self:bind_keys(options.complete)
  return self
end

function Editor:open_history()
  self.event, self.past = ffi.new("mg_histevent"), self.library.history_init()
  self.library.history(self.past, self.event, H_SETSIZE, integer(HISTORY_SIZE))
  self.library.history(self.past, self.event, H_SETUNIQUE, integer(1))
  if self.history_file then self.library.history(self.past, self.event, H_LOAD, self.history_file) end
end

-- The functions libedit calls; they live as long as the editor.
function Editor:make_callbacks(complete)
  self.prompt_text = ffi.new("char[64]")
  self.callbacks = {
    prompt = ffi.cast("char *(*)(mg_editline *)", function() return self.prompt_text end),
    tab = ffi.cast("unsigned char (*)(mg_editline *, int)", completion(self.library, complete)),
    abort = ffi.cast("unsigned char (*)(mg_editline *, int)", function()
      self.aborted = true
      return CC_NEWLINE
    end),
    suspend = ffi.cast("unsigned char (*)(mg_editline *, int)", function()
      ffi.C.mg_raise(SIGTSTP)
      return CC_REDISPLAY
    end),
  }
end

-- Keys send no signals while a line is edited: Ctrl-C drops the line (`read` tells it from a typed one), Ctrl-Z is passed on.
function Editor:bind_keys(complete)
  local library, handle, none = self.library, self.handle, ffi.cast("char *", nil)
  self:make_callbacks(complete)
  library.el_set(handle, EL_SIGNAL, integer(1))
  library.el_set(handle, EL_EDITOR, "emacs")
  library.el_set(handle, EL_PROMPT, self.callbacks.prompt)
  library.el_set(handle, EL_HIST, ffi.cast("void *", library.history), self.past)
  library.el_set(handle, EL_SETTY, "-d", "-isig", none)
  for key, name in pairs { ["^I"] = "tab", ["^C"] = "abort", ["^Z"] = "suspend" } do
    library.el_set(handle, EL_ADDFN, "moongate-" .. name, name, self.callbacks[name])
    library.el_set(handle, EL_BIND, key, "moongate-" .. name, none)
  end
  library.el_set(handle, EL_BIND, "^R", "em-inc-search-prev", none)
end

--- Reads one line; nil at the end of the input, false after Ctrl-C.
---@param prompt string
---@return string|boolean|nil
function Editor:read(prompt)
  ffi.copy(self.prompt_text, prompt:sub(1, 63))
  self.aborted = false
  local count = ffi.new("int[1]")
  local text = self.library.el_gets(self.handle, count)
  if self.aborted then
    io.write("^C\n")
    return false
  end
  if text == nil then return nil end
  local line = ffi.string(text, count[0]):gsub("\n$", "")
  if line:match("%S") then self.library.history(self.past, self.event, H_ENTER, line) end
  return line
end
jit.off(Editor.read) -- it calls back into Lua

--- Puts LuaJIT's own Ctrl-C handler back: it stays in force for one signal only.
function Editor:rearm_interrupt()
  ffi.C.mg_sigaction(SIGINT, self.signal_action, nil)
end

--- Saves the history and gives the terminal back.
function Editor:close()
  if self.history_file then self.library.history(self.past, self.event, H_SAVE, self.history_file) end
  self.library.el_end(self.handle)
  self.library.history_end(self.past)
end

return Editor
