-- ngx.socket.udp: datagrams to and from one peer, over UDP or a unix socket.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string, ffi_new = ffi.C, ffi.string, ffi.new
local current, disabled = runtime.current, runtime.disabled
local check_wait, wait = runtime.check_wait, runtime.wait
local sockets = runtime.sockets
local new_handle, milliseconds, message = sockets.new_handle, sockets.milliseconds, sockets.message
local check_self, check_count, failed = sockets.check_self, sockets.check_count, sockets.failed
local type, tonumber, select, floor = type, tonumber, select, math.floor
local OK, AGAIN = C.MG_OK, C.MG_AGAIN
local data_place = ffi_new("mg_string")
local DEFAULT = 65536 -- bytes of a datagram

local methods = {}
local meta = { __index = methods }

function methods:settimeout(...)
  check_self(self)
  local count = select("#", ...)
  if count < 1 then
    error("ngx.socket settimeout: expecting at least 2 arguments (including the object) but seen " .. count + 1, 2)
  end
  local time = ...
  self[1].read_timeout = milliseconds(time)
end

function methods:setpeername(...)
  check_self(self)
  local count = select("#", ...)
  if count ~= 1 and count ~= 2 then
    error("ngx.socket.udp setpeername: expecting 2 or 3 arguments (including the object), but seen " .. count + 1, 2)
  end
  local host, port = ...
  host = runtime.text_argument(1, "setpeername", host)
  if host:sub(1, 5) == "unix:" then
    port = 0
  else
    local number = tonumber(port)
    if number == nil then
      error("bad argument #2 to 'setpeername' (number expected, got " .. (count == 1 and "no value" or type(port)) ..
        ")", 2)
    end
    port = floor(number)
    if port < 0 or port > 65535 then
      return nil, "bad port number: " .. port
    end
  end
  check_wait()
  local code = C.mg_udp_connect(self[1], host, #host, port, message)
  if code == OK then
    return 1
  elseif code == AGAIN then
    return wait()
  end
  return failed(code)
end

methods.bind = sockets.binder(C.mg_udp_bind)

function methods:send(...)
  local text = sockets.text_to_send(self, ...)
  local code = C.mg_udp_send(self[1], text, #text, message)
  if code ~= OK then
    return failed(code)
  end
  return 1
end

function methods:receive(...)
  check_self(self)
  check_count(select("#", ...), 0, 1, "1 or 2 arguments")
  local size = ...
  local most = DEFAULT
  if size ~= nil then
    most = tonumber(size)
    if most == nil then
      error("bad argument #1 to 'receive' (number expected, got " .. type(size) .. ")", 2)
    end
  end
  check_wait()
  local code = C.mg_udp_receive(self[1], most, data_place, message)
  if code == OK then
    local text = ffi_string(data_place.data, data_place.size)
    return text
  elseif code == AGAIN then
    return wait()
  end
  return failed(code)
end

function methods:close()
  check_self(self)
  local code = C.mg_udp_close(self[1], message)
  if code ~= OK then
    return failed(code)
  end
  return 1
end

function ngx.socket.udp(...)
  if current.slot == 0 then
    disabled()
  end
  sockets.check_none(select("#", ...))
  return setmetatable({ new_handle() }, meta)
end
