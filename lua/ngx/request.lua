-- ngx.req: method, headers, URI and body of the request. (Its arguments: arguments.lua.)
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string = ffi.C, ffi.string
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local disabled, no_request = runtime.disabled, runtime.no_request
local type, tostring = type, tostring
local REQUEST = phase.REQUEST
local out = ffi.new("mg_string")
local AGAIN = C.MG_AGAIN
local IN_MEMORY, ROUTES_SIZE = 0, -1 -- how much of a new body is kept in memory: all, or what the route says

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
    no_request()
  end
  C.mg_request_method(out)
  local method = ffi_string(out.data, out.size)
  return method
end

function req.set_method(id)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  if type(id) ~= "number" then
    error("bad method number", 2)
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
    no_request()
  end
  return runtime.header_table(fill_request, most, raw)
end

local fill_values = runtime.fill_header_values

local function set_header(name, value, add)
  if value == "" and add == 0 then
    value = nil -- an empty field is none, as in OpenResty
  end
  if name == nil then
    error("bad 'name' argument: string expected, got nil", 3)
  elseif type(name) ~= "string" then
    name = tostring(name)
  end
  local values, count = fill_values(value)
  if count == 0 and add ~= 0 then
    error("bad 'value' argument: " ..
      (value == nil and "string or table expected, got nil" or "non-empty table expected"), 3)
  end
  C.mg_request_set_header(name, #name, values, count, add)
end

function req.set_header(name, value)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  set_header(name, value, 0)
end

function req.add_header(name, value)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  set_header(name, value, 1)
end

function req.clear_header(name)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  set_header(name, nil, 0)
end

function req.raw_header(without_line)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  C.mg_request_raw_header(without_line and 1 or 0, out)
  local text = ffi_string(out.data, out.size)
  return text
end

-- The rest of the head ---------------------------------------------------------------------------------------------

function req.http_version()
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  local version = C.mg_request_http_version()
  if version == 0 then
    return nil
  end
  return version
end

function req.start_time()
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  return C.mg_request_start_time()
end

function req.is_internal()
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  return C.mg_request_is_internal() ~= 0
end

local REWRITE = phase.REWRITE + phase.SERVER_REWRITE
local SET_URI = phase.SET + phase.ENTRY + phase.HEADER_FILTER + phase.BODY_FILTER

local function check_boolean(number, name, value)
  if value ~= nil and type(value) ~= "boolean" then
    error("bad argument #" .. number .. " to '" .. name .. "' (boolean expected, got " .. type(value) .. ")", 3)
  end
end

function req.set_uri(...)
  local given = select("#", ...)
  if given < 1 or given > 3 then
    error("expecting 1, 2 or 3 arguments but seen " .. given, 2)
  end
  local uri, jump, binary = ...
  if band(current.phase, REQUEST) == 0 then
    no_request()
  elseif band(current.phase, SET_URI) == 0 then
    disabled()
  end
  uri = runtime.text_argument(1, "set_uri", uri)
  if uri == "" then
    error("attempt to use zero-length uri", 2)
  end
  check_boolean(2, "set_uri", jump)
  check_boolean(3, "set_uri", binary)
  local byte = not binary and runtime.unsafe_byte(uri)
  if byte then
    error('unsafe byte "' .. byte .. '" in uri "' .. runtime.log_escaped(uri) ..
      '" (maybe you want to set the \'binary\' argument?)', 2)
  end
  if jump and band(current.phase, REWRITE) == 0 then
    error("API disabled in the context of " .. runtime.context_name(), 2)
  end
  if C.mg_request_set_path(uri, #uri) ~= 0 then
    error("unsafe uri: " .. uri, 2)
  end
  if jump then
    C.mg_control_jump()
    return runtime.operation(C.MG_OP_EXIT)
  end
end

-- The extension of the path's file name: "" when it has none; at most `most` characters of it.
function req.get_uri_ext(most)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  local extension = string.match(ngx.var.uri, "%.([^./]*)$") or ""
  return string.sub(extension, 1, most or 255)
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
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  C.mg_request_discard_body()
end

-- Raises OpenResty's error unless at most `most` arguments were given.
local function check_count(given, most, expected)
  if given > most then
    error("expecting " .. expected .. " but seen " .. given, 3)
  end
end

-- The one argument that must be given, as a text.
local function only_text(name, given, value)
  if given ~= 1 then
    error("expecting 1 arguments but seen " .. given, 3)
  end
  return runtime.text_argument(1, name, value)
end

function req.get_body_data(most)
  if band(current.phase, REQUEST) == 0 then
    no_request()
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

-- The name of the file that holds the body: it was larger than the route keeps in memory, or a script named one.
function req.get_body_file(...)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  check_count(select("#", ...), 0, "0 arguments")
  if C.mg_request_body_file(out) ~= 0 then
    return nil
  end
  local name = ffi_string(out.data, out.size)
  return name
end

-- There may be another body once it is known that there is none, or which.
local function check_replaceable()
  if C.mg_request_body_ready() ~= 0 then
    error("request body not read yet", 3)
  end
end

local function check_replaced(code)
  if code ~= 0 then
    error(ffi_string(out.data, out.size), 3)
  end
end

function req.set_body_data(...)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  local data = only_text("set_body_data", select("#", ...), (...))
  check_replaceable()
  check_replaced(C.mg_request_set_body(data, #data, IN_MEMORY, out))
end

function req.set_body_file(...)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  local given = select("#", ...)
  if given ~= 1 and given ~= 2 then
    error("expecting 1 or 2 arguments but seen " .. given, 2)
  end
  local name, auto_clean = ...
  name = runtime.text_argument(1, "set_body_file", name)
  check_boolean(2, "set_body_file", auto_clean)
  check_replaceable()
  check_replaced(C.mg_request_set_body_file(name, #name, auto_clean and 1 or 0, out))
end

function req.init_body(...)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  check_count(select("#", ...), 1, "0 or 1 argument")
  local size = ...
  if size ~= nil then
    local number = tonumber(size)
    if number == nil then
      runtime.bad_argument(1, "init_body", "number", size, 2)
    elseif number < 0 then
      error("bad size argument: " .. number, 2)
    end
    size = number
  end
  check_replaceable()
  runtime.state().body = { size = size }
end

function req.append_body(...)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  local piece = only_text("append_body", select("#", ...), (...))
  local pieces = runtime.state().body
  if pieces == nil then
    error("request_body not initialized", 2)
  end
  pieces[#pieces + 1] = piece
end

function req.finish_body(...)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  check_count(select("#", ...), 0, "0 argument")
  local state = runtime.state()
  local pieces = state.body
  if pieces == nil then
    error("request_body not initialized", 2)
  end
  local data = table.concat(pieces)
  state.body = nil
  check_replaced(C.mg_request_set_body(data, #data, pieces.size or ROUTES_SIZE, out))
end
