-- ngx.balancer, as OpenResty's: in the balance phase, which is entered for each try. It says where the request goes,
-- how often it may be tried again and how long it may take. What is not said is as the upstream is configured.
--
--   local balancer = require "ngx.balancer"
--   balancer.set_current_peer("127.0.0.1", 9001)
local ffi = require "ffi"
local runtime = require "moongate.runtime"
local C, ffi_string, ffi_new = ffi.C, ffi.string, ffi.new
local type, tonumber = type, tonumber

local balancer = { version = "0.1.29" }
local message = ffi_new("mg_string")
local status = ffi_new("int[1]")

-- The error is taken where there is one only: the text is C's until the next call.
local function answer(rc)
  if rc == C.MG_ERROR then
    return nil, ffi_string(message.data, message.size)
  end
  return true
end

local function need_request()
  if runtime.current.has_request == 0 then
    error("no request found", 3)
  end
end

function balancer.set_current_peer(addr, port, host)
  need_request()
  if type(addr) ~= "string" then
    runtime.bad_argument(1, "set_current_peer", "string", addr, 2)
  end
  if host ~= nil and type(host) ~= "string" then
    runtime.bad_argument(3, "set_current_peer", "string", host, 2)
  end
  if port == nil then
    port = 0
  elseif type(port) ~= "number" then
    local number = tonumber(port)
    if number == nil then
      runtime.bad_argument(2, "set_current_peer", "number", port, 2)
    end
    port = number
  end
  if port < 0 or port > 65535 or port % 1 ~= 0 then
    return nil, "invalid port"
  end
  host = host or ""
  return answer(C.mg_balancer_set_peer(addr, #addr, port, host, #host, message))
end

function balancer.set_more_tries(count)
  need_request()
  if type(count) ~= "number" then
    runtime.bad_argument(1, "set_more_tries", "number", count, 2)
  end
  count = count < 0 and 0 or count > 1000 and 1000 or count
  local granted = C.mg_balancer_more_tries(count, message)
  if granted == C.MG_ERROR then
    return answer(granted)
  end
  if granted < count then
    return true, "reduced tries due to limit"
  end
  return true
end

local states = { "next", "failed" }

-- nil in the first try; else "next" (a status that is tried again) or "failed", and the status.
function balancer.get_last_failure()
  need_request()
  local state = C.mg_balancer_last_failure(status)
  if state == C.MG_ERROR then
    return nil, nil, "API disabled in the current context"
  end
  if state == 0 then
    return nil
  end
  return states[state], status[0]
end

local function seconds(name, value)
  if value == nil then
    return 0
  end
  if type(value) ~= "number" or value ~= value or value <= 0 then
    error("bad " .. name .. " timeout", 3)
  end
  return value
end

-- In seconds, for this try and those that follow; nil leaves one as it is.
function balancer.set_timeouts(connect_timeout, send_timeout, read_timeout)
  need_request()
  local connect = seconds("connect", connect_timeout)
  local send = seconds("send", send_timeout)
  local read = seconds("read", read_timeout)
  return answer(C.mg_balancer_set_timeouts(connect, send, read, message))
end

-- How connections to addresses of set_current_peer are kept: seconds (60), requests (100; 0: no limit).
function balancer.enable_keepalive(idle_timeout, max_requests)
  need_request()
  if idle_timeout ~= nil and type(idle_timeout) ~= "number" then
    runtime.bad_argument(1, "enable_keepalive", "number", idle_timeout, 2)
  end
  if max_requests ~= nil and type(max_requests) ~= "number" then
    runtime.bad_argument(2, "enable_keepalive", "number", max_requests, 2)
  end
  idle_timeout, max_requests = idle_timeout or 60, max_requests or 100
  if idle_timeout ~= idle_timeout or idle_timeout < 0 then
    error("bad argument #1 to 'enable_keepalive' (expected >= 0)", 2)
  end
  if max_requests ~= max_requests or max_requests < 0 then
    error("bad argument #2 to 'enable_keepalive' (expected >= 0)", 2)
  end
  return answer(C.mg_balancer_keepalive(idle_timeout, max_requests, message))
end

-- Changes that the hook makes to the request reach the upstream in every try: there is nothing to recreate.
function balancer.recreate_request()
  need_request()
  return answer(C.mg_balancer_recreate(message))
end

-- TLS off, or on again as the upstream is configured, for this try and those that follow.
function balancer.set_upstream_tls(on)
  need_request()
  if type(on) ~= "boolean" then
    runtime.bad_argument(1, "set_upstream_tls", "boolean", on, 2)
  end
  return answer(C.mg_balancer_tls(on and 1 or 0, message))
end

return balancer
