-- ngx.timer.at, every, running_count, pending_count.
local ngx, runtime = ...
local C = require("ffi").C
local current = runtime.current

ngx.timer = {}

local function start(name, every, delay, callback, ...)
  if current.slot == 0 then
    error("no request", 3)
  end
  local seconds = tonumber(delay)
  if seconds == nil then
    runtime.bad_argument(1, name, "number", delay, 3)
  end
  if every and seconds < 0 then
    error("bad argument #1 to '" .. name .. "' (delay cannot be a negative number)", 3)
  elseif seconds < 0 then
    seconds = 0 -- at once, as in OpenResty
  end
  if every and seconds == 0 then
    error("delay cannot be zero", 3)
  end
  if not runtime.is_lua_function(callback) then
    error("bad argument #2 to '" .. name .. "' (Lua function expected)", 3)
  end
  if C.mg_worker_exiting() ~= 0 and (every or seconds > 0) then
    return nil, "process exiting"
  end
  local entry = { callback = callback, every = every, count = select("#", ...), ... }
  local id = runtime.add_timer(entry)
  if C.mg_timer_start(seconds, id, every and 1 or 0) ~= 0 then
    runtime.remove_timer(id)
    return nil, "too many pending timers"
  end
  return true
end

local function check_count(...)
  local count = select("#", ...)
  if count < 2 then
    error("expecting at least 2 arguments but got " .. count, 3)
  end
end

function ngx.timer.at(...)
  check_count(...)
  local ok, message = start("at", false, ...)
  if ok then
    return 1
  end
  return nil, message
end

function ngx.timer.every(...)
  check_count(...)
  local ok, message = start("every", true, ...)
  if ok then
    return 1
  end
  return nil, message
end

function ngx.timer.running_count()
  return C.mg_timer_running()
end

function ngx.timer.pending_count()
  return C.mg_timer_pending()
end
