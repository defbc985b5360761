-- ngx.errlog: writing to the log without a position, and reading back what the loop has logged (lua.capture_error_log).
local ffi = require "ffi"
local C, ffi_string = ffi.C, ffi.string
local type = type
local out, time = ffi.new("mg_string"), ffi.new("double[1]")
local EMERG, DEBUG, DEFAULT_MOST = 1, 8, 10
local NOT_SET = 'directive "lua_capture_error_log" is not set'

local errlog = { version = "0.1.29" }

function errlog.set_filter_level(level)
  if level == nil then
    return nil, 'missing "level" argument'
  elseif type(level) ~= "number" then
    error("bad argument #1 to 'set_filter_level' (must be a number)", 2)
  end
  if C.mg_errlog_captures() == 0 then
    return nil, NOT_SET
  end
  if level < EMERG or level > DEBUG then
    return nil, "bad log level: " .. level
  end
  C.mg_errlog_filter(level)
  return true
end

-- Takes at most `most` records out: level, time, message, level, ...
function errlog.get_logs(most, logs)
  if C.mg_errlog_captures() == 0 then
    return nil, NOT_SET
  end
  most = tonumber(most) or DEFAULT_MOST
  logs = logs or {}
  local count = 0
  while count < most do
    local level = C.mg_errlog_take(time, out)
    if level < 0 then
      break
    end
    logs[3 * count + 1], logs[3 * count + 2] = level, time[0]
    logs[3 * count + 3] = ffi_string(out.data, out.size)
    count = count + 1
  end
  logs[3 * count + 1] = nil
  return logs
end

function errlog.get_sys_filter_level()
  return C.mg_errlog_level()
end

function errlog.raw_log(level, message)
  if type(level) ~= "number" then
    error("bad argument #1 to 'raw_log' (must be a number)", 2)
  end
  if type(message) ~= "string" then
    error("bad argument #2 to 'raw_log' (must be a string)", 2)
  end
  if level < 0 or level > DEBUG then
    error("bad log level", 2)
  end
  if C.mg_log_enabled(level) ~= 0 then
    C.mg_log_write(level, message, #message)
  end
end

package.loaded["ngx.errlog"] = errlog
