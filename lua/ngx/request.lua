-- ngx.req: method, headers, URI and body of the request. (Its arguments: arguments.lua.)
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string = ffi.C, ffi.string
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local disabled = runtime.disabled
local type, tostring = type, tostring
local REQUEST = phase.REQUEST
local out = ffi.new("mg_string")
local AGAIN = C.MG_AGAIN

ngx.req = ngx.req or {}
local req = ngx.req

-- Method -----------------------------------------------------------------------------------------------------------

local methods = {}
runtime.methods = methods
for _, name in ipairs {
  "GET", "HEAD", "POST", "PUT", "DELETE", "MKCOL", "COPY", "MOVE", "OPTIONS", "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK",
  "PATCH", "TRACE",
} do
  methods[ngx["HTTP_" .. name]] = name
end

function req.get_method()
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  C.mg_request_method(out)
  local method = ffi_string(out.data, out.size)
  return method
end

function req.set_method(id)
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  if type(id) ~= "number" then
    error("bad argument #1 to 'set_method' (number expected, got " .. type(id) .. ")", 2)
  end
  local name = methods[id]
  if name == nil then
    error("unsupported HTTP method: " .. id, 2)
  end
  C.mg_request_set_method(name, #name)
end

-- Headers ----------------------------------------------------------------------------------------------------------

local function fill_request(headers, most)
  return C.mg_request_headers(headers, most)
end

function req.get_headers(most, raw)
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  return runtime.header_table(fill_request, most, raw)
end

local values, fill_values = runtime.header_values, runtime.fill_header_values

local function set_header(name, value, add)
  if type(name) ~= "string" then
    if type(name) ~= "number" then
      error("bad 'name' argument: string expected, got " .. type(name), 3)
    end
    name = tostring(name)
  end
  local count = fill_values(value, 3)
  C.mg_request_set_header(name, #name, values, count, add)
end

function req.set_header(name, value)
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  if value == nil and type(name) ~= "string" then
    error("bad 'name' argument: string expected, got " .. type(name), 2)
  end
  set_header(name, value, 0)
end

function req.add_header(name, value)
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  set_header(name, value, 1)
end

function req.clear_header(name)
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  set_header(name, nil, 0)
end

function req.raw_header(without_line)
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  C.mg_request_raw_header(without_line and 1 or 0, out)
  local text = ffi_string(out.data, out.size)
  return text
end

-- The rest of the head ---------------------------------------------------------------------------------------------

function req.http_version()
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  local version = C.mg_request_http_version()
  if version == 0 then
    return nil
  end
  return version
end

function req.start_time()
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  return C.mg_request_start_time()
end

function req.is_internal()
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  return C.mg_request_is_internal() ~= 0
end

local REWRITE = phase.REWRITE + phase.SERVER_REWRITE
local SET_URI = phase.SET + phase.ENTRY + phase.HEADER_FILTER + phase.BODY_FILTER

-- Text for an error: control characters as \\xHH.
function runtime.printable(text)
  local shown = string.gsub(text, "[%z\1-\31\127]", function(c)
    return string.format("\\x%02X", string.byte(c))
  end)
  return shown
end

function req.set_uri(uri, jump, binary)
  if band(current.phase, SET_URI) == 0 then
    disabled()
  end
  if type(uri) ~= "string" then
    error("bad argument #1 to 'set_uri' (string expected, got " .. type(uri) .. ")", 2)
  end
  if uri == "" then
    error("attempt to use zero-length uri", 2)
  end
  if jump and band(current.phase, REWRITE) == 0 then
    error("ngx.req.set_uri can only be called with jump in the context of rewrite_by_lua*", 2)
  end
  local unsafe = not binary and string.match(uri, "[%z\1-\31\127]")
  if unsafe then
    local byte = string.format("0x%02x", string.byte(unsafe))
    error('unsafe byte "' .. byte .. '" in uri "' .. runtime.printable(uri) ..
      '" (maybe you want to set the \'binary\' argument?)', 2)
  end
  if C.mg_request_set_path(uri, #uri) ~= 0 then
    error("unsafe uri: " .. uri, 2)
  end
  if jump then
    C.mg_control_jump()
    return runtime.operation(C.MG_OP_EXIT)
  end
end

-- Body -------------------------------------------------------------------------------------------------------------

local BODY = phase.ENTRY + phase.BALANCER + phase.FILTERS + phase.LOG

function req.read_body()
  if band(current.phase, BODY) == 0 then
    disabled()
  end
  local code = C.mg_request_read_body(runtime.can_wait() and 1 or 0)
  if code == 0 then
    return
  end
  if code == AGAIN then
    if runtime.wait() then
      return
    end
  end
  -- The client is told why; no script goes on without the body it asked for.
  C.mg_control_exit(C.mg_request_body_error())
  return runtime.operation(C.MG_OP_EXIT)
end

function req.discard_body()
  if band(current.phase, BODY) == 0 then
    disabled()
  end
  C.mg_request_discard_body()
end

function req.get_body_data(most)
  if band(current.phase, BODY) == 0 then
    disabled()
  end
  if C.mg_request_body(out) ~= 0 then
    return nil
  end
  local size = tonumber(out.size)
  if most ~= nil and most > 0 and most < size then
    size = most
  end
  local body = ffi_string(out.data, size)
  return body
end

-- Bodies stay in memory, within the route's limit.
function req.get_body_file()
  if band(current.phase, BODY) == 0 then
    disabled()
  end
  return nil
end

function req.set_body_data(data)
  if band(current.phase, BODY) == 0 then
    disabled()
  end
  data = type(data) == "string" and data or tostring(data)
  C.mg_request_set_body(data, #data)
end

function req.set_body_file(name)
  if band(current.phase, BODY) == 0 then
    disabled()
  end
  local file, message = io.open(name, "rb")
  if file == nil then
    error(message, 2)
  end
  local data = file:read("*a")
  file:close()
  C.mg_request_set_body(data, #data)
end

function req.init_body()
  if band(current.phase, BODY) == 0 then
    disabled()
  end
  runtime.state().body = {}
end

function req.append_body(piece)
  if band(current.phase, BODY) == 0 then
    disabled()
  end
  local pieces = runtime.state().body
  if pieces == nil then
    error("request body not initialized", 2)
  end
  pieces[#pieces + 1] = tostring(piece)
end

function req.finish_body()
  if band(current.phase, BODY) == 0 then
    disabled()
  end
  local state = runtime.state()
  if state.body == nil then
    error("request body not initialized", 2)
  end
  local data = table.concat(state.body)
  state.body = nil
  C.mg_request_set_body(data, #data)
end
