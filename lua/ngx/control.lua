-- ngx.exit, redirect, exec: they end the running function (or the phase) and never return.
local ngx, runtime = ...
local ffi = require "ffi"
local C = ffi.C
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local disabled, operation = runtime.disabled, runtime.operation
local match, gsub, format = string.match, string.gsub, string.format
local OP_EXIT = C.MG_OP_EXIT
local EXIT = phase.ENTRY + phase.BALANCER + phase.HEADER_FILTER + phase.TIMER + phase.HANDSHAKE
local ENTRY = phase.ENTRY

function ngx.exit(status)
  if band(current.phase, EXIT) == 0 then
    disabled()
  end
  local number = tonumber(status)
  if number == nil then
    runtime.bad_argument(1, "exit", "number", status, 2)
  end
  local sent = C.mg_control_exit(number)
  if sent > 0 then
    runtime.complain(2, "attempt to set status " .. number ..
      " via ngx.exit after sending out the response status " .. sent)
  end
  return operation(OP_EXIT)
end

-- What may stand neither in a URI nor in a field: control bytes other than the tab. nil, or the first as "0x0a".
function runtime.unsafe_byte(uri)
  local byte = match(uri, "[%z\1-\8\10-\31\127]")
  return byte and format("0x%02x", string.byte(byte))
end

-- As nginx writes a text into its log: what cannot be read there as \xHH.
function runtime.log_escaped(text)
  return (gsub(text, '[%c"\\\128-\255]', function(c)
    return format("\\x%02X", string.byte(c))
  end))
end

-- The callback runs as a light thread of the running phase when the client goes away.
function ngx.on_abort(callback)
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  if type(callback) ~= "function" then
    runtime.bad_argument(1, "on_abort", "function", callback, 2)
  end
  local state = runtime.state()
  if state.on_abort ~= nil then
    return nil, "duplicate call"
  end
  if C.mg_control_on_abort() ~= 0 then
    return nil, "lua_check_client_abort is off"
  end
  state.on_abort = runtime.new_thread(callback)
  return 1
end

local redirects = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

function ngx.redirect(...)
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  local count = select("#", ...)
  if count ~= 1 and count ~= 2 then
    error("expecting one or two arguments", 2)
  end
  local uri, status = ...
  uri = runtime.text_argument(1, "redirect", uri)
  if status == nil then
    status = 302
  else
    local number = tonumber(status)
    if number == nil then
      runtime.bad_argument(2, "redirect", "number", status, 2)
    end
    status = number
  end
  if not redirects[status] then
    error("only ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY, ngx.HTTP_PERMANENT_REDIRECT, " ..
      "ngx.HTTP_SEE_OTHER, and ngx.HTTP_TEMPORARY_REDIRECT are allowed", 2)
  end
  if C.mg_response_started() ~= 0 then
    error("attempt to call ngx.redirect after sending out the headers", 2)
  end
  local byte = runtime.unsafe_byte(uri)
  if byte ~= nil then
    error('unsafe byte "' .. byte .. '" in redirect uri "' .. runtime.log_escaped(uri) .. '"', 2)
  end
  ngx.header["Location"] = uri
  C.mg_control_exit(status)
  return operation(OP_EXIT)
end

-- An internal redirect begins with an empty ngx.ctx.
local function forget_context()
  local state = runtime.states[current.slot]
  if state then
    state.ctx = nil
  end
end

function ngx.exec(...)
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  local given = select("#", ...)
  if given ~= 1 and given ~= 2 then
    error("expecting one or two arguments, but got " .. given, 2)
  end
  local uri, args = ...
  uri = runtime.text_argument(1, "exec", uri)
  if uri == "" then
    error("The uri argument is empty", 2)
  end
  local query
  if type(args) == "table" then
    query = runtime.encode_args(args, 2)
  elseif type(args) == "string" or type(args) == "number" then
    query = tostring(args)
  elseif args ~= nil then
    error("bad argument #2 to 'exec' (string, number, or table expected, but got " .. type(args) .. ")", 2)
  end
  if C.mg_response_started() ~= 0 then
    error("attempt to call ngx.exec after sending out response headers", 2)
  end
  if string.byte(uri) == 64 then -- "@": a route by its name; the URI and its arguments stay
    if C.mg_control_exec_named(string.sub(uri, 2), #uri - 1) ~= 0 then
      runtime.complain(2, 'could not find named location "' .. uri .. '"')
      C.mg_control_exit(500)
      return operation(OP_EXIT)
    end
    forget_context()
    return operation(OP_EXIT)
  end
  local mark = string.find(uri, "?", 1, true)
  if mark then
    local inline = string.sub(uri, mark + 1)
    uri = string.sub(uri, 1, mark - 1)
    query = query and query ~= "" and (inline .. "&" .. query) or inline
  end
  query = query or ""
  local climbs = string.find(uri .. "/", "/../", 1, true) ~= nil
  if climbs or C.mg_control_exec(uri, #uri, query, #query) ~= 0 then
    error("unsafe uri: " .. uri, 2)
  end
  forget_context()
  return operation(OP_EXIT)
end
