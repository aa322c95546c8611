-- The progress of an epoch: on a terminal one line that is redrawn, with rate, loss and time left; elsewhere nothing
-- until the epoch's closing line.

local class = require "apsis.class"
local system = require "apsis.train.system"

local WIDTH, NARROWEST = 24, 5 -- cells of the bar; with fewer it is left out
local REDRAW = 0.1 -- seconds between two drawings
local EIGHTHS = {[0] = "", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

--- A bar of `width` cells, `share` of it full, drawn in eighths of a cell.
---@param share number in [0, 1]
---@param width integer
---@return string
local function bar(share, width)
  local eighths = math.floor(math.min(math.max(share, 0), 1) * width * 8 + 0.5)
  local full, part = eighths // 8, eighths % 8
  local text = ("█"):rep(full) .. EIGHTHS[part]
  return text .. (" "):rep(width - full - (part > 0 and 1 or 0))
end

--- Seconds as 7s, 3m05s or 2h03m.
---@param seconds number
---@return string
local function duration(seconds)
  local s = math.floor(seconds + 0.5)
  if s < 60 then return s .. "s" end
  if s < 3600 then return ("%dm%02ds"):format(s // 60, s % 60) end
  return ("%dh%02dm"):format(s // 3600, s % 3600 // 60)
end

local Progress = class "Progress"

Progress.bar, Progress.duration = bar, duration

--- The progress of one epoch, drawn on a terminal.
---@param options {total: integer, label: string, out: file*, live: boolean|nil} live nil asks whether out is a terminal
function Progress:init(options)
  self.total, self.label, self.out = options.total, options.label, options.out or io.stdout
  self.live = options.live
  if self.live == nil then self.live = system.is_terminal(self.out) end
  self.start, self.drawn = system.now(), 0
end

-- The line that is redrawn, cut to the terminal's width: a line that wraps cannot be drawn over.
local function compose(self, k, text)
  local room = (system.columns(self.out) or math.huge) - 1
  local cells = math.min(WIDTH, room - #self.label - #text - 2)
  if cells >= NARROWEST then return self.label .. " " .. bar(k / self.total, cells // 1 | 0) .. " " .. text end
  local line = self.label .. "  " .. text
  return line:sub(1, math.min(#line, room) // 1 | 0)
end

--- After batch k, which brought the samples seen to `samples`; `text` is a function that gives the numbers to show,
--- called only where they are drawn.
---@param k integer
---@param samples integer
---@param text fun(): string
function Progress:update(k, samples, text)
  if not self.live then return end
  local now = system.now()
  if now - self.drawn < REDRAW and k < self.total then return end
  self.drawn = now
  local spent = math.max(now - self.start, 1e-9)
  self.out:write("\r", compose(self, k, ("%d/%d  %.0f samples/s  %s  %s left"):format(k, self.total, samples / spent,
    text(), duration(spent / k * (self.total - k)))), "\27[K")
  self.out:flush()
end

--- Replaces the bar by the epoch's closing line.
---@param text string
function Progress:finish(text)
  self.out:write(self.live and "\r\27[K" or "", self.label, "  ", text, "\n")
  self.out:flush()
  self.drawn = 0
end

-- An epoch that an error or Ctrl-C ends leaves its bar, and the message a line of its own.
function Progress:__close()
  if self.drawn == 0 then return end
  self.out:write("\n")
  self.out:flush()
end

--- Seconds since the start.
---@return number
function Progress:elapsed()
  return system.now() - self.start
end

return Progress
