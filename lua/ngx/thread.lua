-- ngx.thread: light threads. A thread is a coroutine that the scheduler resumes on its own.
local ngx, runtime = ...
local C = require("ffi").C
local current = runtime.current
local type, operation = type, runtime.operation
local OP_SPAWN, OP_JOIN, OP_KILL = C.MG_OP_SPAWN, C.MG_OP_JOIN, C.MG_OP_KILL

ngx.thread = {}

local function check()
  if current.slot == 0 then
    error("API disabled in the context of " .. runtime.context_name(), 3)
  end
  if not runtime.can_wait() then
    error("attempt to yield across C-call boundary", 3)
  end
end

function ngx.thread.spawn(f, ...)
  if type(f) ~= "function" then
    error("bad argument #1 to 'spawn' (function expected, got " .. (f == nil and "no value" or type(f)) .. ")", 2)
  end
  check()
  return operation(OP_SPAWN, runtime.raw_create(f), ...)
end

function ngx.thread.wait(...)
  local count = select("#", ...)
  if count == 0 then
    error("at least one coroutine should be specified", 2)
  end
  for i = 1, count do
    if type((select(i, ...))) ~= "thread" then
      error("bad argument #" .. i .. " to 'wait' (lua thread expected)", 2)
    end
  end
  check()
  return operation(OP_JOIN, ...)
end

function ngx.thread.kill(thread)
  if type(thread) ~= "thread" then
    error("bad argument #1 to 'kill' (lua thread expected)", 2)
  end
  check()
  return operation(OP_KILL, thread)
end
