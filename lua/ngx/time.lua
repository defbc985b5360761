-- ngx.now, time, update_time, dates, sleep.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string = ffi.C, ffi.string
local current = runtime.current
local type, floor, ceil, tonumber = type, math.floor, math.ceil, tonumber
local out = ffi.new("mg_string")
local TODAY, LOCAL, UTC, HTTP, COOKIE = 0, 1, 2, 3, 4

function ngx.now()
  return C.mg_time_now()
end

function ngx.time()
  return floor(C.mg_time_now())
end

function ngx.update_time()
  C.mg_time_update()
end

local function formatted(kind, time)
  C.mg_time_format(kind, time, out)
  local text = ffi_string(out.data, out.size)
  return text
end

function ngx.today()
  return formatted(TODAY, C.mg_time_now())
end

function ngx.localtime()
  return formatted(LOCAL, C.mg_time_now())
end

function ngx.utctime()
  return formatted(UTC, C.mg_time_now())
end

function ngx.http_time(time)
  if type(time) ~= "number" then
    error("number argument only", 2)
  end
  return formatted(HTTP, time)
end

function ngx.cookie_time(time)
  if type(time) ~= "number" then
    error("number argument only", 2)
  end
  return formatted(COOKIE, time)
end

function ngx.parse_http_time(text)
  if type(text) ~= "string" then
    error("string argument only", 2)
  end
  local time = C.mg_time_parse_http(text, #text)
  if time < 0 then
    return nil
  end
  return time
end

function ngx.sleep(...)
  local count = select("#", ...)
  if count ~= 1 then
    error("attempt to pass " .. count .. " arguments, but accepted 1", 2)
  end
  local seconds = ...
  local number = tonumber(seconds)
  if number == nil then
    runtime.bad_argument(1, "sleep", "number", seconds, 2)
  end
  if number <= -0.001 or number ~= number then
    error('invalid sleep duration "' .. ceil(number * 1000) .. '"', 2) -- in milliseconds
  end
  if current.slot == 0 then
    runtime.disabled()
  end
  runtime.check_wait()
  C.mg_sleep(number)
  runtime.wait()
end
