--- The reference manual in Markdown, from the annotations of every module: `moongate help --reference`.
local annotations = require "moongate.cli.annotations"

local function source_files(root)
  local pipe = assert(io.popen("cd '" .. root:gsub("'", "'\\''") .. "' && find . -name '*.lua' | LC_ALL=C sort"))
  local files = {}
  for path in pipe:lines() do
    path = path:gsub("^%./", "")
    if path ~= "ffi/cdef.lua" and not path:match("^cli/") then files[#files + 1] = path end
  end
  pipe:close()
  return files
end

local function module_name(path)
  return "moongate." .. path:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
end

local function add(lines, ...) lines[#lines + 1] = table.concat { ... } end

local function add_entry(lines, entry)
  add(lines, "\n### `", entry.class or (entry.name == "return" and "the module" or entry.name), entry.arguments or "", "`\n")
  for _, text in ipairs(entry.text) do add(lines, text) end
  for i, param in ipairs(entry.params) do
    add(lines, i == 1 and "\n" or "", ("- `%s` (%s) %s"):format(param.name, param.type, param.text))
  end
  for _, text in ipairs(entry.returns) do add(lines, "- returns ", text) end
  if #entry.example > 0 then add(lines, "\n```lua\n", table.concat(entry.example, "\n"), "\n```") end
end

--- The manual of all modules below the folder that holds this one.
---@return string
return function()
  local root = debug.getinfo(1, "S").source:match("^@(.*)/cli/reference%.lua$")
  local lines = { "# moongate: reference" }
  for _, path in ipairs(source_files(root)) do
    local entries, header = annotations.of_file(root .. "/" .. path)
    if #entries > 0 then
      add(lines, "\n## ", module_name(path), "\n")
      add(lines, table.concat(header, "\n"))
      for _, entry in ipairs(entries) do add_entry(lines, entry) end
    end
  end
  return table.concat(lines, "\n") .. "\n"
end
