-- The runtime of a VM: binds the C surface, makes coroutines pass waits up to the scheduler, builds the ngx table from
-- its groups, and makes the functions that run a phase. The first thing a VM loads; called with the surface's text, a
-- loader of embedded files and the scheduler's token. Answers the table that C++ uses (Vm::PushRuntime).
local getinfo = debug.getinfo
local surface, load_embedded, token = ...

local ffi = require "ffi"
local bit = require "bit"
ffi.cdef(surface)
local C = ffi.C
local current = C.mg_context_current()
local band = bit.band
local raw_yield, isyieldable = coroutine.yield, coroutine.isyieldable

local runtime = { current = current, token = token }

-- What Lua keeps for a context, under its slot: {ctx = ngx.ctx, piece = ngx.arg[1], ...}. C++ clears it at the end.
local states = {}
-- The tables of loaded policies and scripts, by path.
runtime.modules = {}
runtime.states = states

function runtime.state()
  local slot = current.slot
  local state = states[slot]
  if state == nil then
    state = {}
    states[slot] = state
    C.mg_context_keep()
  end
  return state
end

-- Phases ---------------------------------------------------------------------------------------------------------

local phase = {
  INIT = C.MG_PHASE_INIT,
  INIT_WORKER = C.MG_PHASE_INIT_WORKER,
  REWRITE = C.MG_PHASE_REWRITE,
  ACCESS = C.MG_PHASE_ACCESS,
  CONTENT = C.MG_PHASE_CONTENT,
  BALANCER = C.MG_PHASE_BALANCER,
  HEADER_FILTER = C.MG_PHASE_HEADER_FILTER,
  BODY_FILTER = C.MG_PHASE_BODY_FILTER,
  LOG = C.MG_PHASE_LOG,
  TIMER = C.MG_PHASE_TIMER,
  EXIT_WORKER = C.MG_PHASE_EXIT_WORKER,
  SERVER_REWRITE = C.MG_PHASE_SERVER_REWRITE,
  SET = C.MG_PHASE_SET,
  SSL_CLIENT_HELLO = C.MG_PHASE_SSL_CLIENT_HELLO,
  SSL_CERTIFICATE = C.MG_PHASE_SSL_CERTIFICATE,
}
phase.ENTRY = phase.SERVER_REWRITE + phase.REWRITE + phase.ACCESS + phase.CONTENT
phase.HANDSHAKE = phase.SSL_CLIENT_HELLO + phase.SSL_CERTIFICATE
phase.FILTERS = phase.HEADER_FILTER + phase.BODY_FILTER
phase.REQUEST = phase.SET + phase.ENTRY + phase.BALANCER + phase.FILTERS + phase.LOG
runtime.phase = phase

runtime.phase_names = {
  [phase.INIT] = "init",
  [phase.INIT_WORKER] = "init_worker",
  [phase.REWRITE] = "rewrite",
  [phase.ACCESS] = "access",
  [phase.CONTENT] = "content",
  [phase.BALANCER] = "balancer",
  [phase.HEADER_FILTER] = "header_filter",
  [phase.BODY_FILTER] = "body_filter",
  [phase.LOG] = "log",
  [phase.TIMER] = "timer",
  [phase.EXIT_WORKER] = "exit_worker",
  [phase.SERVER_REWRITE] = "server_rewrite",
  [phase.SET] = "set",
  [phase.SSL_CLIENT_HELLO] = "ssl_client_hello",
  [phase.SSL_CERTIFICATE] = "ssl_cert",
}

function runtime.context_name()
  local bits = current.phase
  if bits == phase.TIMER then
    return "ngx.timer"
  end
  if bits == phase.SSL_CERTIFICATE then
    return "ssl_certificate_by_lua*"
  end
  return (runtime.phase_names[bits] or "unknown") .. "_by_lua*"
end

-- Raises OpenResty's error for a call in a phase where it is not to be had, as if in the caller of the caller. In the
-- wrappers of calls: `if band(current.phase, MASK) == 0 then disabled() end`.
function runtime.disabled()
  if current.phase == phase.INIT then
    error("no request found", 3)
  end
  error("API disabled in the context of " .. runtime.context_name(), 3)
end
local disabled = runtime.disabled

-- The same for what can be called in any phase that has a request; `level` is error's, of who calls this (2).
function runtime.no_request(level)
  error(current.phase == phase.INIT and "no request found" or "API disabled in the current context", (level or 2) + 1)
end

-- What threads and timers take: a C function could not wait.
function runtime.is_lua_function(f)
  return type(f) == "function" and getinfo(f, "S").what ~= "C"
end

-- Lua's own words for an argument of the wrong type; `level` is error's, of the function that was called wrongly.
function runtime.bad_argument(number, name, expected, value, level)
  local reason = expected .. " expected, got " .. type(value)
  error("bad argument #" .. number .. " to '" .. name .. "' (" .. reason .. ")", level + 1)
end

-- An argument that must be a text: a number is taken for one.
function runtime.text_argument(number, name, value)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" then
    return tostring(value)
  end
  error("bad argument #" .. number .. " to '" .. name .. "' (string expected, got " .. kind .. ")", 3)
end

-- Whether `value` is a pointer of that kind, or one of a library that brings its own by ffi; never a number.
function runtime.points_to(value, kind)
  if type(value) ~= "cdata" or value == nil then
    return false
  end
  local name = tostring(ffi.typeof(value))
  return ffi.istype(kind, value) or (string.find(name, "*>", 1, true) ~= nil and not string.find(name, "mg_", 1, true))
end

function runtime.check(mask)
  if band(current.phase, mask) == 0 then
    error("API disabled in the context of " .. runtime.context_name(), 3)
  end
end

-- Waiting --------------------------------------------------------------------------------------------------------

-- To be asked before an operation begins: whether the running function can wait.
function runtime.can_wait()
  return isyieldable()
end

function runtime.check_wait()
  if not isyieldable() then
    if current.slot == 0 then
      disabled()
    end
    error("attempt to yield across C-call boundary", 3)
  end
end

-- After a call answered MG_AGAIN: answers what the wait ends with.
local OP_WAIT = C.MG_OP_WAIT
function runtime.wait()
  return raw_yield(token, OP_WAIT)
end

-- Another operation of the scheduler (C.MG_OP_*).
function runtime.operation(number, ...)
  return raw_yield(token, number, ...)
end

-- Running a phase --------------------------------------------------------------------------------------------------

-- A function that takes (conf, ctx) gets ngx.ctx made for it; one that does not ask for it, and a chunk, cost no table.
local function wants_context(f)
  local info = debug.getinfo(f, "Su")
  return info.what ~= "main" and (info.isvararg or info.nparams >= 2)
end

local function context_table()
  local state = runtime.state()
  local ctx = state.ctx
  if ctx == nil then
    ctx = {}
    state.ctx = ctx
  end
  return ctx
end
runtime.context_table = context_table

-- runner(from): calls the functions from that index on, each with its configuration.
function runtime.make_runner(functions, confs)
  local count = #functions
  local wants = {}
  for i = 1, count do
    wants[i] = wants_context(functions[i])
  end
  if count == 1 then
    local entry, conf = functions[1], confs[1]
    if wants[1] then
      return function()
        entry(conf, context_table())
      end
    end
    return function()
      entry(conf)
    end
  end
  return function(from)
    for i = from, count do
      if i ~= from then
        C.mg_context_policy(i - 1)
      end
      if wants[i] then
        functions[i](confs[i], context_table())
      else
        functions[i](confs[i])
      end
    end
  end
end

-- A policy with a canary: the request's own of the two functions; a script without the phase has none.
function runtime.make_canary(number, old, old_conf, new, new_conf)
  return function(_, ctx)
    if C.mg_canary_pick(number) ~= 0 then
      if new then
        new(new_conf, ctx)
      end
    elseif old then
      old(old_conf, ctx)
    end
  end
end

-- The same for body filters: the first call has the piece and whether it is the last; ngx.arg shows them to each
-- function in turn, and what is left in ngx.arg[1] goes on to the client.
function runtime.make_body_runner(functions, confs)
  local run = runtime.make_runner(functions, confs)
  local count = #functions
  local cut = {} -- what the state says under this key is of these functions alone: a phase may be several runners'
  return function(from, piece, last)
    local state = runtime.state()
    if piece ~= nil then
      if state[cut] then
        piece = ""
      end
      state.piece, state.last = piece, last
    end
    if from <= count then
      run(from)
    end
    local out = state.piece
    if out ~= nil and out ~= "" then
      C.mg_filter_output(out, #out)
    end
    state[cut] = state[cut] or state.last
    state.piece = nil
  end
end

-- Chunks that give variables their values (`set` of the configuration): what each returns is its variable's.
function runtime.make_set_runner(functions, names)
  local count = #functions
  return function(from)
    for i = from, count do
      if i ~= from then
        C.mg_context_policy(i - 1)
      end
      local value = functions[i]()
      value = value == nil and "" or tostring(value)
      C.mg_variable_set(names[i], #names[i], value, #value)
    end
  end
end

-- Globals of scripts and policies: what libraries have, but a new one is an error.
runtime.strict_environment = setmetatable({}, {
  __index = _G,
  __newindex = function(_, name)
    error("global '" .. tostring(name) .. "' is written here: declare it local (lua.strict_globals)", 2)
  end,
})

-- Timers: the functions that wait for their time, by the number C++ keeps.
local timers = {}
local last_timer = 0

function runtime.add_timer(entry)
  repeat
    last_timer = last_timer < 2147483647 and last_timer + 1 or 1
  until timers[last_timer] == nil
  timers[last_timer] = entry
  return last_timer
end

function runtime.remove_timer(id)
  timers[id] = nil
end

-- (from, id, premature): `from` is every runner's first argument.
function runtime.fire(_, id, premature)
  local timer = timers[id]
  if timer == nil then
    return
  end
  if not timer.every or premature then
    timers[id] = nil
  end
  local entry = timer.callback -- the name that log lines do not tell
  entry(premature, unpack(timer, 1, timer.count))
end

-- Loading ------------------------------------------------------------------------------------------------------------

local function load(name, ...)
  local chunk, message = load_embedded(name)
  if chunk == nil then
    error(message, 0)
  end
  return chunk(...)
end
runtime.load = load

package.loaded["moongate.runtime"] = runtime
load("moongate/coroutines.lua", runtime)
load("moongate/patterns.lua", runtime) -- before anything keeps string.find and its like

local ngx = {}
rawset(_G, "ngx", ngx)
package.loaded["ngx"] = ngx
for _, group in ipairs {
  "constants",
  "phase",
  "log",
  "output",
  "headers",
  "control",
  "variables",
  "request",
  "location",
  "arguments",
  "time",
  "timer",
  "thread",
  "encoding",
  "regex",
  "worker",
  "semaphore",
  "errlog",
  "pipe",
  "worker_thread",
  "process",
  "modules",
  "shared",
  "socket",
  "socket_udp",
} do
  load("ngx/" .. group .. ".lua", ngx, runtime)
end

return runtime
