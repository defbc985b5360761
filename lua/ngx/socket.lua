-- ngx.socket.tcp, stream, connect, ngx.req.socket: TCP and unix sockets, and the client's side of a request, that wait
-- without holding the loop. The object is a table, as libraries expect; its first element is the handle by which the
-- gateway knows the socket.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string, ffi_new, ffi_gc, ffi_cast = ffi.C, ffi.string, ffi.new, ffi.gc, ffi.cast
local band, ENTRY = require("bit").band, runtime.phase.ENTRY
local current, disabled = runtime.current, runtime.disabled
local check_wait, wait, points_to = runtime.check_wait, runtime.wait, runtime.points_to
local type, tostring, tonumber, select, floor = type, tostring, tonumber, select, math.floor
local setmetatable, istype = setmetatable, ffi.istype
local OK, AGAIN, STALE, CLOSED, ENDED = C.MG_OK, C.MG_AGAIN, C.MG_STALE, C.MG_CLOSED, C.MG_ENDED
local SIZE, LINE, ALL, ANY, UNTIL =
  C.MG_READ_SIZE, C.MG_READ_LINE, C.MG_READ_ALL, C.MG_READ_ANY, C.MG_READ_UNTIL
local LONGEST = 2147483647 -- milliseconds

local message, data_place = ffi_new("mg_string"), ffi_new("mg_string")
local number_place = ffi_new("int[1]")
local new_handle = ffi.metatype("mg_socket", { __gc = C.mg_socket_collect })

local session_type = ffi.typeof("mg_tls_session *")

local socket = {}
ngx.socket = socket

local methods = {}
local meta = { __index = methods }

-- A call that was refused: nil and the reason.
local function failed(code)
  if code == STALE then
    error("bad request", 2) -- all are tail calls
  end
  local text = ffi_string(message.data, message.size)
  return nil, text
end

-- How many arguments a method must have been given; `level` is error's, of who calls this.
local function check_count(count, least, most, expected, level)
  if count < least or count > most then
    error("expecting " .. expected .. " (including the object), but got " .. count + 1, (level or 2) + 1)
  end
end

local function check_self(self, level)
  if type(self) ~= "table" or not istype(new_handle, self[1]) then
    error("bad argument #1 (a socket expected, got " .. type(self) .. "): call it with a colon", (level or 2) + 1)
  end
end

-- What a script gives `send`, as a string.
local function text_to_send(self, ...)
  check_self(self, 3)
  check_count(select("#", ...), 1, 1, "2 arguments", 3)
  local data = ...
  local kind = type(data)
  if kind == "string" then
    return data
  elseif kind == "number" or kind == "boolean" or kind == "nil" then
    return tostring(data)
  elseif kind == "table" then
    local ok, text = pcall(runtime.flatten, data, true)
    if ok then
      return text
    end
    error("bad argument #1 to 'send' (" .. tostring(text) .. ")", 3)
  end
  error("bad argument #1 to 'send' (string, number, boolean, nil, or array table expected, got " .. kind .. ")", 3)
end

-- The method `bind`, of sockets that `call` binds.
local function binder(call)
  return function(self, ...)
    check_self(self)
    local count = select("#", ...)
    if count ~= 1 then
      error("expecting 2 arguments, but got " .. count + 1, 2)
    end
    local address = runtime.text_argument(1, "bind", (...))
    local code = call(self[1], address, #address)
    if code == STALE then
      error("bad request", 2)
    end
    if code ~= OK then
      return nil, "bad address"
    end
    return true
  end
end

-- Timeouts ---------------------------------------------------------------------------------------------------------

local function milliseconds(value)
  local time = tonumber(value) or 0
  if time < 0 or time > LONGEST then
    error("bad timeout value", 3)
  end
  return floor(time)
end

-- What datagrams share with this file (socket_udp.lua).
runtime.sockets = {
  new_handle = new_handle, message = message, failed = failed, check_self = check_self, check_count = check_count,
  text_to_send = text_to_send, binder = binder, milliseconds = milliseconds,
}

function methods:settimeout(...)
  local count = select("#", ...)
  check_self(self)
  if count ~= 1 then
    error("ngx.socket settimeout: expecting 2 arguments (including the object) but seen " .. count + 1, 2)
  end
  local time = ...
  local handle, timeout = self[1], milliseconds(time)
  handle.connect_timeout, handle.send_timeout, handle.read_timeout = timeout, timeout, timeout
end

function methods:settimeouts(...)
  check_self(self)
  local count = select("#", ...)
  if count ~= 3 then
    error("ngx.socket settimeout: expecting 4 arguments (including the object) but seen " .. count + 1, 2)
  end
  local connect, send, read = ...
  local handle = self[1]
  handle.connect_timeout = milliseconds(connect)
  handle.send_timeout = milliseconds(send)
  handle.read_timeout = milliseconds(read)
end

-- Connecting -------------------------------------------------------------------------------------------------------

local function bad_option(index, what, name, value)
  error("bad argument #" .. index .. " to 'connect' (bad \"" .. name .. "\" option " .. what .. ": " .. value .. ")", 4)
end

-- pool, pool_size, backlog; sizes that are not given are -1.
local function read_options(index, options)
  if options == nil then
    return "", -1, -1
  end
  if type(options) ~= "table" then
    error("bad argument #" .. index .. " to 'connect' (table expected, got " .. type(options) .. ")", 3)
  end
  local pool, size, backlog = options.pool, options.pool_size, options.backlog
  if pool ~= nil and type(pool) ~= "string" and type(pool) ~= "number" then
    bad_option(index, "type", "pool", type(pool))
  end
  if size ~= nil then
    local number = tonumber(size) or bad_option(index, "type", "pool_size", type(size))
    size = floor(number)
    if size <= 0 then
      bad_option(index, "value", "pool_size", size)
    end
  end
  if backlog ~= nil then
    local number = tonumber(backlog) or bad_option(index, "type", "backlog", type(backlog))
    backlog = floor(number)
    if backlog < 0 then
      bad_option(index, "value", "backlog", backlog)
    end
  end
  return pool ~= nil and tostring(pool) or "", size or -1, backlog or -1
end

local function connect(self, host, port, options, index)
  local pool, size, backlog = read_options(index, options)
  check_wait()
  local code = C.mg_socket_connect(self[1], host, #host, port, pool, #pool, size, backlog, message)
  if code == OK then
    return 1
  elseif code == AGAIN then
    return wait()
  end
  return failed(code)
end

function methods.connect(self, ...)
  local count = select("#", ...)
  if self == nil or count < 1 or count > 3 then
    local seen = self == nil and 0 or count + 1
    error("ngx.socket connect: expecting 2, 3, or 4 arguments (including the object), but seen " .. seen, 2)
  end
  check_self(self)
  local host, port, options = ...
  host = runtime.text_argument(1, "connect", host)
  if host == "unix:" then
    return nil, 'failed to parse host name "unix:": no path in the unix domain socket'
  end
  if host:sub(1, 5) == "unix:" then
    if type(port) == "table" then
      return connect(self, host, 0, port, 2)
    end
    return connect(self, host, 0, options, 3)
  end
  local number = tonumber(port)
  if number == nil then
    return nil, "missing the port number"
  end
  number = floor(number)
  if number < 0 or number > 65535 then
    return nil, "bad port number: " .. number
  end
  return connect(self, host, number, options, 3)
end

methods.bind = binder(C.mg_socket_bind)

-- Before there was a connection, what asks something of it is an error of the script.
local function check_created(self)
  if self[1].slot == 0 then
    error("socket is never created nor connected", 3)
  end
end

local function session_of(self, reused)
  if reused == false then
    return true
  end
  local session = C.mg_socket_session(self[1])
  if session == nil then
    return true
  end
  return ffi_gc(session, C.mg_socket_free_session)
end

function methods:sslhandshake(...)
  check_self(self)
  local count = select("#", ...)
  if count > 4 then
    error("ngx.socket sslhandshake: expecting 1 ~ 5 arguments (including the object), but seen " .. count + 1, 2)
  end
  local reused, name, verify, ask_status = ...
  if name ~= nil and type(name) ~= "string" then
    error("bad argument #2 to 'sslhandshake' (string expected, got " .. type(name) .. ")", 2)
  end
  check_created(self)
  check_wait()
  local session = ffi.istype(session_type, reused) and reused or nil
  name = name or ""
  local code = C.mg_socket_handshake(self[1], session, name, #name, verify and 1 or 0, ask_status and 1 or 0, message)
  if code == AGAIN then
    local ok, err = wait()
    if not ok then
      return nil, err
    end
  elseif code ~= OK then
    return failed(code)
  end
  return session_of(self, reused)
end

function methods:setclientcert(cert, key)
  check_self(self)
  if (cert == nil) ~= (key == nil) then
    return nil, "client certificate must be supplied with corresponding private key"
  end
  if cert ~= nil and not points_to(cert, "mg_ssl_chain*") then
    return nil, "bad cert arg: cdata expected, got " .. type(cert)
  end
  if key ~= nil and not points_to(key, "mg_ssl_key*") then
    return nil, "bad pkey arg: cdata expected, got " .. type(key)
  end
  local chain = cert ~= nil and ffi_cast("void *", cert) or nil
  local code = C.mg_socket_certificate(self[1], chain, key ~= nil and ffi_cast("void *", key) or nil)
  if code == STALE then
    error("bad request", 2)
  end
  return true
end

-- Sending and receiving --------------------------------------------------------------------------------------------

function methods:send(...)
  local text = text_to_send(self, ...)
  check_wait()
  local code = C.mg_socket_send(self[1], text, #text, message)
  if code == OK then
    return #text
  elseif code == AGAIN then
    return wait()
  end
  return failed(code)
end

-- The outcome of mg_socket_receive: data; or nil, an error and what has come all the same.
local function received(code)
  if code == OK then
    local text = ffi_string(data_place.data, data_place.size)
    return text
  elseif code == AGAIN then
    return wait()
  elseif code == STALE then
    error("bad request", 2)
  end
  local text = ffi_string(message.data, message.size)
  if data_place.data == nil then
    return nil, text
  end
  local partial = ffi_string(data_place.data, data_place.size)
  return nil, text, partial
end

-- A socket without a connection says so, whatever it was asked for.
local function is_open(self)
  return C.mg_socket_reused(self[1]) ~= CLOSED
end

local function bad_pattern(self, pattern)
  if is_open(self) then
    local told = type(pattern) == "string" and ": " .. pattern or ""
    error("bad argument #1 to 'receive' (bad pattern argument" .. told .. ")", 3)
  end
end

function methods:receive(...)
  check_self(self)
  local count = select("#", ...)
  check_count(count, 0, 1, "1 or 2 arguments")
  local pattern = ...
  local mode, size = LINE, 0
  if count == 1 and pattern ~= "*l" then
    local number = tonumber(pattern)
    if number ~= nil then
      number = floor(number)
      if number ~= number or number < 0 then
        bad_pattern(self, pattern)
      end
      mode, size = SIZE, number
    elseif pattern == "*a" then
      mode = ALL
    else
      bad_pattern(self, pattern)
    end
  end
  check_wait()
  return received(C.mg_socket_receive(self[1], mode, size, nil, 0, 0, data_place, message))
end

function methods:receiveany(...)
  check_self(self)
  check_count(select("#", ...), 1, 1, "2 arguments")
  local most = tonumber((...))
  if most == nil or floor(most) <= 0 then
    if is_open(self) then
      error("bad argument #1 to 'receiveany' (bad max argument)", 2)
    end
    most = 1
  end
  check_wait()
  return received(C.mg_socket_receive(self[1], ANY, floor(most), nil, 0, 0, data_place, message))
end

function methods:receiveuntil(...)
  check_self(self)
  check_count(select("#", ...), 1, 2, "2 or 3 arguments")
  local pattern, options = ...
  if type(pattern) == "number" then
    pattern = tostring(pattern)
  elseif type(pattern) ~= "string" then
    error("bad argument #1 to 'receiveuntil' (string expected, got " .. type(pattern) .. ")", 2)
  end
  local inclusive = 0
  if options ~= nil then
    if type(options) ~= "table" then
      error("bad argument #2 to 'receiveuntil' (table expected, got " .. type(options) .. ")", 2)
    end
    if options.inclusive ~= nil and type(options.inclusive) ~= "boolean" then
      error("bad \"inclusive\" option value type: " .. type(options.inclusive), 2)
    end
    inclusive = options.inclusive and 1 or 0
  end
  if pattern == "" then
    return nil, "pattern is empty"
  end
  local met = false -- a reader by pieces has come to the pattern: the next call says so
  local function ended(data, err, partial, at_pattern)
    met = at_pattern or false
    if data ~= nil then
      return data
    end
    return data, err, partial
  end
  return function(size)
    local most = 0
    if size ~= nil then
      local number = tonumber(size)
      if number == nil then
        error("bad argument #1 to 'receiveuntil' (number expected, got " .. type(size) .. ")", 2)
      end
      most = floor(number)
      if most < 0 then
        error("bad argument #1 to 'receiveuntil' (bad size argument)", 2)
      end
    end
    if met then
      met = false
      return nil, nil, nil
    end
    check_wait()
    local code = C.mg_socket_receive(self[1], UNTIL, most, pattern, #pattern, inclusive, data_place, message)
    if code == ENDED then
      met = most > 0
      local text = ffi_string(data_place.data, data_place.size)
      return text
    elseif code == AGAIN and most > 0 then
      return ended(wait())
    elseif code == AGAIN then
      local data, err, partial = wait()
      if data ~= nil then
        return data
      end
      return data, err, partial
    end
    return received(code)
  end
end

-- The end ----------------------------------------------------------------------------------------------------------

function methods:setkeepalive(...)
  check_self(self)
  check_count(select("#", ...), 0, 2, "1 to 3 arguments")
  local timeout, size = ...
  if timeout ~= nil then
    timeout = tonumber(timeout) or runtime.bad_argument(1, "setkeepalive", "number", timeout, 2)
  end
  timeout = timeout ~= nil and timeout >= 0 and floor(timeout) or -1
  if size ~= nil then
    size = tonumber(size)
    if size == nil then
      error("bad argument #2 to 'setkeepalive' (number expected, got " .. type((select(2, ...))) .. ")", 2)
    end
    if size <= 0 then
      error("bad \"pool_size\" option value: " .. size, 2)
    end
  end
  local code = C.mg_socket_keep(self[1], timeout, size or 0, message)
  if code ~= OK then
    return failed(code)
  end
  return 1
end

function methods:close()
  check_self(self)
  local code = C.mg_socket_close(self[1], message)
  if code ~= OK then
    return failed(code)
  end
  return 1
end

function methods:shutdown(direction)
  check_self(self)
  if direction ~= "send" then
    error("bad argument #1 to 'shutdown' (bad shutdown argument: " .. tostring(direction) .. ")", 2)
  end
  local code = C.mg_socket_shutdown(self[1], message)
  if code ~= OK then
    return failed(code)
  end
  return 1
end

function methods:getreusedtimes()
  check_self(self)
  local count = C.mg_socket_reused(self[1])
  if count == CLOSED then
    return nil, "closed"
  end
  return count
end

-- Options ----------------------------------------------------------------------------------------------------------

local options = { keepalive = 0, reuseaddr = 1, ["tcp-nodelay"] = 2, sndbuf = 3, rcvbuf = 4 }

local function option_number(value)
  if type(value) == "boolean" then
    return value and 1 or 0
  end
  return tonumber(value)
end

local function option_failed(code)
  if code == CLOSED then
    return nil, "closed"
  end
  return failed(code)
end

function methods:setoption(name, value)
  check_self(self)
  check_created(self)
  if name == nil then
    return nil, "missing the \"option\" argument"
  elseif value == nil then
    return nil, "missing the \"value\" argument"
  end
  local option = options[name]
  if option == nil then
    return nil, "unsupported option " .. tostring(name)
  end
  local number = option_number(value)
  if number == nil then
    return nil, "bad value for option " .. name .. ": a number or a boolean expected, got " .. type(value)
  end
  local code = C.mg_socket_set_option(self[1], option, number, message)
  if code ~= OK then
    return option_failed(code)
  end
  return true
end

function methods:getoption(name)
  check_self(self)
  check_created(self)
  if name == nil then
    return nil, "missing the \"option\" argument"
  end
  local option = options[name]
  if option == nil then
    return nil, "unsupported option " .. tostring(name)
  end
  local code = C.mg_socket_get_option(self[1], option, number_place, message)
  if code ~= OK then
    return option_failed(code)
  end
  return number_place[0]
end

-- ------------------------------------------------------------------------------------------------------------------

-- The client's side of a request: its body or, raw, both directions of the connection.
local body_methods, raw_methods = {}, {}
for _, name in ipairs { "receive", "receiveany", "receiveuntil", "settimeout", "settimeouts" } do
  body_methods[name], raw_methods[name] = methods[name], methods[name]
end
raw_methods.send = methods.send
local body_meta, raw_meta = { __index = body_methods }, { __index = raw_methods }

function ngx.req.socket(...)
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  local count = select("#", ...)
  if count > 1 then
    error("expecting zero arguments, but got " .. count, 2)
  end
  local raw = ...
  local handle = new_handle()
  if C.mg_request_socket(handle, raw and 1 or 0, message) ~= OK then
    local text = ffi_string(message.data, message.size)
    return nil, text
  end
  return setmetatable({ handle }, raw and raw_meta or body_meta)
end

local function check_none(count)
  if count > 0 then
    error("expecting zero arguments, but got " .. count, 3)
  end
end
runtime.sockets.check_none = check_none

function socket.tcp(...)
  if current.slot == 0 then
    disabled()
  end
  check_none(select("#", ...))
  return setmetatable({ new_handle() }, meta)
end
socket.stream = socket.tcp

function socket.connect(...)
  if current.slot == 0 then
    disabled()
  end
  local count = select("#", ...)
  if count < 1 or count > 3 then
    error("ngx.socket connect: expecting 2, 3, or 4 arguments (including the object), but seen " .. count + 1, 2)
  end
  local self = setmetatable({ new_handle() }, meta)
  local ok, err = self:connect(...)
  if not ok then
    return nil, err
  end
  return self
end
