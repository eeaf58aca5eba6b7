-- Writing whole files or none.
local atomic = require "moongate.files.atomic"
local command = require "command"
local posix = require "moongate.ffi.posix"
local lfs = require "lfs"

describe("atomic.write", function()
  local folder, path
  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(posix.mkdir(folder))
    path = folder .. "/file"
  end)
  after_each(function()
    for name in lfs.dir(folder) do os.remove(folder .. "/" .. name) end
    lfs.rmdir(folder)
  end)

  local function content()
    local file = io.open(path, "rb")
    if not file then return nil end
    local text = file:read("*a")
    file:close()
    return text
  end
  local function names()
    local list = {}
    for name in lfs.dir(folder) do
      if name ~= "." and name ~= ".." then list[#list + 1] = name end
    end
    return list
  end

  it("makes a folder with those above it", function()
    assert.is_true(atomic.make_folder(folder .. "/a/b"))
    assert.is_true(atomic.make_folder(folder .. "/a/b/"))
    assert.equal("directory", lfs.attributes(folder .. "/a/b", "mode"))
    assert.is_nil((atomic.make_folder("/proc/none/b")))
    lfs.rmdir(folder .. "/a/b")
    lfs.rmdir(folder .. "/a")
  end)

  it("puts the new file in the place of the old one", function()
    assert(atomic.write_text(path, "old"))
    assert(atomic.write_text(path, "new\0bytes"))
    assert.equal("new\0bytes", content())
    assert.same({ "file" }, names())
  end)

  it("writes beside the target, which stays until the end", function()
    assert(atomic.write_text(path, "old"))
    assert(atomic.write(path, function(name)
      assert.not_equal(path, name)
      assert.equal(folder, name:match("^(.*)/"))
      assert.equal("old", content())
      local file = io.open(name, "wb")
      file:write("new")
      return file:close()
    end))
    assert.equal("new", content())
  end)

  it("leaves everything as it was when writing fails or raises", function()
    assert(atomic.write_text(path, "old"))
    local function half(name)
      local file = io.open(name, "wb")
      file:write("ha")
      file:close()
    end
    local written, message = atomic.write(path, function(name)
      half(name)
      return nil, "the disk is full"
    end)
    assert.is_nil(written)
    assert.equal("the disk is full", message)
    assert.has_error(function()
      atomic.write(path, function(name)
        half(name)
        error("broken", 0)
      end)
    end, "broken")
    assert.equal("old", content())
    assert.same({ "file" }, names())
  end)

  it("takes another name beside the target each time, be it in a process of the same number", function()
    local seen, count = {}, 0
    for _ = 1, 2 do
      package.loaded["moongate.files.atomic"] = nil
      local fresh = require "moongate.files.atomic"
      for _ = 1, 2 do
        fresh.write(path, function(name)
          count = count + (seen[name] and 0 or 1)
          seen[name] = true
        end)
      end
    end
    package.loaded["moongate.files.atomic"] = atomic
    assert.equal(4, count)
  end)

  it("keeps whole files when two programs write one at once", function()
    local script = command.file [[
local atomic = require "moongate.files.atomic"
local text = arg[2]:rep(100000)
for _ = 1, 10 do assert(atomic.write_text(arg[1], text)) end
]]
    local function writer(letter) return ("%s %s %s %s"):format(command.moongate, script, path, letter) end
    local said = command.shell(writer "a" .. " & " .. writer "b" .. "; wait")
    os.remove(script)
    assert.equal("", said)
    local text = content()
    assert.equal(text:sub(1, 1):rep(100000), text)
    assert.same({ "file" }, names())
  end)

  it("says when the folder is missing", function()
    local written, message = atomic.write_text(folder .. "/none/file", "x")
    assert.is_nil(written)
    assert.matches("No such file or directory", message, 1, true)
  end)
end)

describe("posix", function()
  it("makes folders and syncs", function()
    local path = os.tmpname()
    assert.is_true(posix.fsync(path))
    os.remove(path)
    assert.is_true(posix.mkdir(path))
    assert.is_true(posix.mkdir(path))
    assert.equal("directory", lfs.attributes(path, "mode"))
    lfs.rmdir(path)
    local synced, message = posix.fsync(path)
    assert.is_nil(synced)
    assert.matches("No such file", message, 1, true)
  end)

  it("knows the process, the clock and terminals", function()
    local stat = assert(io.open("/proc/self/stat"))
    assert.equal(stat:read("*n"), posix.getpid())
    stat:close()
    local first = posix.now()
    assert.is_true(posix.now() >= first)
    assert.is_false(posix.isatty(99))
    local columns = posix.columns()
    assert.is_true(columns == nil or columns > 0)
  end)
end)
