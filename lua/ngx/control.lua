-- ngx.exit, redirect, exec: they end the running function (or the phase) and never return.
local ngx, runtime = ...
local ffi = require "ffi"
local C = ffi.C
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local disabled, operation = runtime.disabled, runtime.operation
local OP_EXIT = C.MG_OP_EXIT
local EXIT = phase.ENTRY + phase.BALANCER + phase.FILTERS + phase.LOG + phase.TIMER + phase.INIT_WORKER
local ENTRY = phase.ENTRY

function ngx.exit(status)
  if band(current.phase, EXIT) == 0 then
    disabled()
  end
  local number = tonumber(status)
  if number == nil then
    runtime.bad_argument(1, "exit", "number", status, 2)
  end
  C.mg_control_exit(number)
  return operation(OP_EXIT)
end

local redirects = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

function ngx.redirect(uri, status)
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  if type(uri) ~= "string" then
    runtime.bad_argument(1, "redirect", "string", uri, 2)
  end
  status = status == nil and 302 or status
  if not redirects[status] then
    error("only ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY, ngx.HTTP_PERMANENT_REDIRECT, " ..
      "ngx.HTTP_SEE_OTHER, and ngx.HTTP_TEMPORARY_REDIRECT are allowed", 2)
  end
  if C.mg_response_started() ~= 0 then
    error("attempt to call ngx.redirect after sending out the headers", 2)
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

function ngx.exec(uri, args)
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  if type(uri) ~= "string" then
    runtime.bad_argument(1, "exec", "string", uri, 2)
  end
  if uri == "" then
    error("The uri argument is empty", 2)
  end
  if C.mg_response_started() ~= 0 then
    error("attempt to call ngx.exec after sending out response headers", 2)
  end
  if string.byte(uri) == 64 then -- "@": a route by its name; the URI and its arguments stay
    if C.mg_control_exec_named(string.sub(uri, 2), #uri - 1) ~= 0 then
      ngx.log(ngx.ERR, 'could not find named location "', uri, '"')
      C.mg_control_exit(500)
      return operation(OP_EXIT)
    end
    forget_context()
    return operation(OP_EXIT)
  end
  local query
  if type(args) == "table" then
    query = ngx.encode_args(args)
  elseif args ~= nil then
    query = tostring(args)
  end
  local mark = string.find(uri, "?", 1, true)
  if mark then
    local inline = string.sub(uri, mark + 1)
    uri = string.sub(uri, 1, mark - 1)
    query = query and query ~= "" and (inline .. "&" .. query) or inline
  end
  query = query or ""
  if C.mg_control_exec(uri, #uri, query, #query) ~= 0 then
    error("unsafe uri: " .. uri, 2)
  end
  forget_context()
  return operation(OP_EXIT)
end
