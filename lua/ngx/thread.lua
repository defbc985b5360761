-- ngx.thread: light threads. A thread is a coroutine that the scheduler resumes on its own.
local ngx, runtime = ...
local C = require("ffi").C
local current, token = runtime.current, runtime.token
local type, select, operation = type, select, runtime.operation
local running, new_thread = runtime.raw_running, runtime.new_thread
local OP_SPAWN, OP_JOIN, OP_KILL = C.MG_OP_SPAWN, C.MG_OP_JOIN, C.MG_OP_KILL

ngx.thread = {}

local function is_thread(thread)
  local owner = runtime.owners[thread]
  return owner == "thread" or owner == "zombie" or owner == true
end

local function check()
  if current.slot == 0 then
    error("no request found", 3)
  end
  if not runtime.can_wait() then
    error("attempt to yield across C-call boundary", 3)
  end
end

function ngx.thread.spawn(f, ...)
  if not runtime.is_lua_function(f) then
    error("bad argument #1 to 'spawn' (Lua function expected)", 2)
  end
  check()
  return operation(OP_SPAWN, new_thread(f), running(), ...)
end

-- Called at the end of wait and kill, whose caller an error is told to come from.
local function outcome(first, ...)
  if first == token then
    error((...), 2)
  end
  return first, ...
end

function ngx.thread.wait(...)
  local count = select("#", ...)
  if count == 0 then
    error("at least one coroutine should be specified", 2)
  end
  for i = 1, count do
    local thread = select(i, ...)
    if type(thread) ~= "thread" then
      error("bad argument #" .. i .. " to 'wait' (lua thread expected)", 2)
    end
    if not is_thread(thread) then
      error("attempt to wait on a coroutine that is not a user thread", 2)
    end
  end
  check()
  return outcome(operation(OP_JOIN, running(), ...))
end

function ngx.thread.kill(thread)
  if type(thread) ~= "thread" then
    error("bad argument #1 to 'kill' (lua thread expected)", 2)
  end
  if not is_thread(thread) then
    return nil, "not user thread"
  end
  check()
  return outcome(operation(OP_KILL, running(), thread))
end
