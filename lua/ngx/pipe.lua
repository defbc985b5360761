-- ngx.pipe: child processes, their streams read and written without blocking.
local _, runtime = ...
local ffi = require "ffi"
local C, ffi_new, ffi_string = ffi.C, ffi.new, ffi.string
local current = runtime.current
local type, tostring, tonumber, concat = type, tostring, tonumber, table.concat
local IN, OUT, ERR, END = 0, 1, 2, 3
local ALL, LINE, BYTES, ANY = 0, 1, 2, 3
local AGAIN = C.MG_AGAIN
local failure = ffi_new("mg_string")

local pipe = { version = "0.1.29", _VERSION = "0.1.29" }
local proc = {}
local meta = {
  __index = proc,
  __tostring = function(self)
    return "process: " .. C.mg_pipe_pid(self.cell.number)
  end,
}

-- The number of a process, in a cell whose collection kills it.
local cell = ffi.metatype("struct { double number; }", {
  __gc = function(self)
    C.mg_pipe_free(self.number)
  end,
})

local function failed()
  local message = ffi_string(failure.data, failure.size)
  return nil, message
end

local function number_of(self)
  local held = type(self) == "table" and rawget(self, "cell")
  if type(held) ~= "cdata" then
    error("not a process instance", 3)
  end
  return held.number
end

-- A list of strings as mg_strings, and how many; the list keeps them alive.
local function strings(list, what)
  local count = #list
  local out = ffi_new("mg_string[?]", count + 1)
  for i = 1, count do
    local text = list[i]
    if type(text) ~= "string" then
      error("bad " .. what .. " (string expected, got " .. type(text) .. ")", 3)
    end
    out[i - 1].data, out[i - 1].size = text, #text
  end
  return out, count
end

local function checked_timeout(value, name, level)
  if value == nil then
    return nil
  end
  local number = tonumber(value)
  if number == nil or number < 0 then
    error("bad " .. name .. " option", level + 1)
  end
  return number
end

local timeouts = { "write_timeout", "stdout_read_timeout", "stderr_read_timeout", "wait_timeout" }

function pipe.spawn(args, opts)
  if current.slot == 0 then
    runtime.disabled()
  end
  if type(args) == "string" then
    args = { "/bin/sh", "-c", args }
  elseif type(args) ~= "table" then
    error("bad args arg: table expected, got " .. type(args), 2)
  elseif #args == 0 then
    error("bad args arg: non-empty table expected", 2)
  end
  if opts ~= nil and type(opts) ~= "table" then
    error("bad opts arg: table expected, got " .. type(opts), 2)
  end
  opts = opts or {}
  local buffer_size = opts.buffer_size == nil and 4096 or tonumber(opts.buffer_size)
  if buffer_size == nil or buffer_size < 1 then
    error("bad buffer_size option", 2)
  end
  local environment, variables = nil, -1
  if opts.environ ~= nil then
    if type(opts.environ) ~= "table" then
      error("bad environ option: table expected, got " .. type(opts.environ), 2)
    end
    environment, variables = strings(opts.environ, "value at environ option")
  end
  local limits = {}
  for i, name in ipairs(timeouts) do
    limits[i] = checked_timeout(opts[name], name, 2)
  end
  local command, count = strings(args, "value at args arg")
  local merge = opts.merge_stderr and 1 or 0
  local number = C.mg_pipe_spawn(command, count, environment, variables, merge, buffer_size, failure)
  if number < 0 then
    return failed()
  end
  local self = setmetatable({ cell = cell(number) }, meta)
  self:set_timeouts(limits[1], limits[2], limits[3], limits[4])
  return self
end

function proc:set_timeouts(write, stdout_read, stderr_read, wait)
  local number = number_of(self)
  for stream, value in pairs { [IN] = write, [OUT] = stdout_read, [ERR] = stderr_read, [END] = wait } do
    C.mg_pipe_timeout(number, stream, checked_timeout(value, timeouts[stream + 1], 2))
  end
end

function proc:pid()
  return C.mg_pipe_pid(number_of(self))
end

function proc:kill(signal)
  local number = number_of(self)
  if type(signal) ~= "number" then
    error("bad signal arg: number expected, got " .. type(signal), 2)
  end
  if C.mg_pipe_kill(number, signal, failure) ~= 0 then
    return failed()
  end
  return true
end

local directions = { stdin = IN, stdout = OUT, stderr = ERR }

function proc:shutdown(direction)
  local number = number_of(self)
  local stream = directions[direction]
  if stream == nil then
    error("bad shutdown arg: " .. tostring(direction), 2)
  end
  if C.mg_pipe_close(number, stream, failure) ~= 0 then
    return failed()
  end
  return true
end

function proc:write(data)
  local number = number_of(self)
  local kind = type(data)
  if kind == "table" then
    data = concat(data)
  elseif kind == "number" then
    data = tostring(data)
  elseif kind ~= "string" then
    error("bad data arg: string, number, or table expected, got " .. kind, 2)
  end
  runtime.check_wait()
  if C.mg_pipe_write(number, data, #data, failure) ~= AGAIN then
    return failed()
  end
  return runtime.wait()
end

local function read(self, stream, how, size)
  local number = number_of(self)
  runtime.check_wait()
  if C.mg_pipe_read(number, stream, how, size, failure) ~= AGAIN then
    return failed()
  end
  return runtime.wait()
end

local function checked_size(size, least)
  if type(size) ~= "number" then
    error("bad len arg: number expected, got " .. type(size), 3)
  end
  if size < least then
    error("bad len arg: must not be less than " .. least, 3)
  end
  return size
end

for name, stream in pairs { stdout = OUT, stderr = ERR } do
  proc[name .. "_read_all"] = function(self)
    return read(self, stream, ALL, 0)
  end
  proc[name .. "_read_line"] = function(self)
    return read(self, stream, LINE, 0)
  end
  proc[name .. "_read_bytes"] = function(self, size)
    if checked_size(size, 0) == 0 then
      return ""
    end
    return read(self, stream, BYTES, size)
  end
  proc[name .. "_read_any"] = function(self, size)
    return read(self, stream, ANY, checked_size(size, 1))
  end
end

function proc:wait()
  local number = number_of(self)
  runtime.check_wait()
  if C.mg_pipe_wait(number, failure) ~= AGAIN then
    return failed()
  end
  return runtime.wait()
end

package.loaded["ngx.pipe"] = pipe
