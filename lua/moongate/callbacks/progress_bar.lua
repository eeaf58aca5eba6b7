-- Keras 3's progress bar. Format: keras/src/utils/progbar.py; 20 cells, redrawn at most every 50 ms. Where the output is no
-- terminal, or with verbose = 2, one line per epoch.
local Callback = require "moongate.callbacks.callback"
local figure = require "moongate.callbacks.figure"
local check = require "moongate.check"
local terminal = require "moongate.terminal"

local ProgressBar = Callback:extend("ProgressBar")

local WIDTH, INTERVAL = 20, 0.05

--- The bar that fit, evaluate and predict show. `write`, `now` and `columns` may be given: what prints text, what
--- tells seconds, and what tells the terminal's width (nil: unknown).
---@param options? table { write = function, now = function, columns = function, dynamic = boolean, colour =, utf8 = }
---@return Callback
---@example model:fit(x, y, { verbose = 0, callbacks = { mg.callbacks.ProgressBar { colour = false } } })
function ProgressBar:init(options)
  options = check.options("ProgressBar", options, { "write", "now", "columns", "dynamic", "colour", "utf8" })
  local function pick(value, default)
    if value == nil then return default() end
    return value
  end
  self.write = options.write or function(text)
    io.stdout:write(text)
    io.stdout:flush()
  end
  self.now = options.now or terminal.now
  self.columns = options.columns or (not options.write and terminal.columns) or function() end
  self.dynamic = pick(options.dynamic, terminal.is_terminal)
  self.colour = pick(options.colour, terminal.has_colour)
  self.cell = pick(options.utf8, terminal.is_utf8) and "\226\148\129" or nil
  self.in_fit = false
end

function ProgressBar:set_params(params)
  self.params, self.verbose, self.epochs, self.target = params, params.verbose, params.epochs, params.steps
end

local function start(self)
  self.began, self.drawn, self.after_first, self.seen, self.width = self.now(), -math.huge, nil, 0, 0
end

-- "2s", "1:05", "1:02:03"
local function clock_text(seconds)
  local s = math.floor(seconds)
  if s > 3600 then return ("%d:%02d:%02d"):format(math.floor(s / 3600), math.floor(s % 3600 / 60), s % 60) end
  if s > 60 then return ("%d:%02d"):format(math.floor(s / 60), s % 60) end
  return ("%ds"):format(s)
end

local function per_step(seconds)
  if seconds >= 1 or seconds == 0 then return (" %.0fs/step"):format(seconds) end
  if seconds >= 1e-3 then return (" %.0fms/step"):format(seconds * 1e3) end
  return (" %.0fus/step"):format(seconds * 1e6)
end

local function step_seconds(self, current, now)
  if current == 0 then return 0 end
  local seconds
  if self.after_first and current > 1 then
    seconds = (now - self.after_first) / (current - 1)
  else
    seconds = (now - self.began) / current
  end
  if current == 1 then self.after_first = now end
  return seconds
end

-- " - loss: 0.4122 - val_loss: 0.2101": names in order, those of validation last.
local function figures(logs)
  local names, words = {}, {}
  for name in pairs(logs or {}) do names[#names + 1] = name end
  table.sort(names, function(a, b)
    local va, vb = a:sub(1, 4) == "val_", b:sub(1, 4) == "val_"
    if va ~= vb then return vb end
    return a < b
  end)
  for _, name in ipairs(names) do
    local value = figure.number(logs[name])
    words[#words + 1] = (math.abs(value) > 1e-3 and " - %s: %.4f" or " - %s: %.4e"):format(name, value)
  end
  return table.concat(words)
end

local function paint(self, code, text)
  if text == "" or not self.colour then return text end
  return ("\27[%sm%s\27[0m"):format(code, text)
end

local function counter(self, current)
  local target = self.target
  if not target then return ("%7d/Unknown"):format(current) end
  return ("%" .. #tostring(target) .. "d/%d"):format(current, target)
end

-- The filled and the empty part; without UTF-8 "=" and ".".
local function cells(self, current)
  if not self.target then return "" end
  local filled = math.floor(WIDTH * current / math.max(1, self.target))
  local full, empty = self.cell or "=", self.cell and (self.colour and self.cell or " ") or "."
  return " " .. paint(self, "32", full:rep(filled)) .. paint(self, "37", empty:rep(WIDTH - filled))
end

-- A frame that will be drawn over has to stay on one line; its last column is left free. What the head leaves for the rest.
local function fitting(self, head, rest, final)
  local columns = not final and self.columns()
  return columns and rest:sub(1, math.max(0, columns - 1 - head)) or rest
end

local function draw(self, current, logs, final)
  local now = self.now()
  local seconds = step_seconds(self, current, now)
  if now - self.drawn < INTERVAL and not final then return end
  local running = self.target and not final
  local time = running and clock_text(seconds * (self.target - current)) or ("%.0fs"):format(now - self.began)
  local count, rest = counter(self, current), per_step(seconds) .. figures(logs)
  local bar = self.target and 1 + WIDTH or 0
  if not final and (self.columns() or math.huge) <= #count + bar + 1 + #time then bar = 0 end
  rest = fitting(self, #count + bar + 1 + #time, rest, final)
  local width = #count + bar + 1 + #time + #rest
  self.write("\r" .. paint(self, "1", count) .. (bar > 0 and cells(self, current) or "") .. " " .. paint(self, "1", time) .. rest
    .. (" "):rep(self.width - width) .. (final and "\n" or ""))
  self.width, self.drawn = width, now
end

local function line(self, head, logs)
  local now = self.now()
  local seconds = step_seconds(self, self.seen, now)
  self.write(("%s%s - %.0fs -%s%s\n"):format(head, counter(self, self.seen), now - self.began, per_step(seconds), figures(logs)))
end

local function update(self, batch, logs)
  self.seen = batch + 1
  if self.verbose == 1 and self.dynamic then
    draw(self, self.seen, logs, false)
  else
    step_seconds(self, self.seen, self.now())
  end
end

local function finish(self, logs)
  if self.verbose == 0 then return end
  if not self.target then self.target = self.seen end
  if self.verbose == 1 and self.dynamic then
    draw(self, self.seen, logs, true)
  else
    line(self, self.head or "", logs)
  end
end

function ProgressBar:on_train_begin() self.in_fit = true end

function ProgressBar:on_epoch_begin(epoch)
  start(self)
  local title = self.epochs > 1 and ("Epoch %d/%d"):format(epoch + 1, self.epochs)
  self.head = title and not self.dynamic and title .. " - " or ""
  if title and self.verbose > 0 and (self.dynamic or self.verbose == 2) then
    self.head = ""
    self.write(title .. "\n")
  end
end

function ProgressBar:on_train_batch_end(batch, logs) update(self, batch, logs) end
function ProgressBar:on_epoch_end(_, logs) finish(self, logs) end

function ProgressBar:on_test_begin()
  if not self.in_fit then start(self) end
end

function ProgressBar:on_test_batch_end(batch, logs)
  if not self.in_fit then update(self, batch, logs) end
end

function ProgressBar:on_test_end(logs)
  if not self.in_fit then finish(self, logs) end
end

function ProgressBar:on_predict_begin() start(self) end
function ProgressBar:on_predict_batch_end(batch) update(self, batch) end
function ProgressBar:on_predict_end() finish(self) end

return ProgressBar
