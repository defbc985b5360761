-- ngx.location: subrequests. What they answer is collected by the gateway; the caller waits.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string, ffi_new = ffi.C, ffi.string, ffi.new
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local disabled = runtime.disabled
local type, tostring, pairs = type, tostring, pairs
local lower, gsub, find, sub = string.lower, string.gsub, string.find, string.sub
local REQUEST = phase.REQUEST
local AGAIN = C.MG_AGAIN
local methods = runtime.methods
local message = ffi_new("mg_string")

ngx.location = {}

-- The headers of an answer: as they came, and found in any case and with "_" for "-" too, as in ngx.header.
local function normal(name)
  name = gsub(lower(name), "_", "-")
  return name
end

local by_any_case = {
  __index = function(self, name)
    if type(name) ~= "string" then
      return nil
    end
    local wanted = normal(name)
    for key, value in pairs(self) do
      if normal(key) == wanted then
        return value
      end
    end
    return nil
  end,
}

local function set_text(to, text)
  to.data, to.size = text, #text
end

-- Levels of error in here: `fill` is called by the functions of the API themselves.
local function fill_target(request, kept, index, uri, args)
  if type(uri) == "number" then
    uri = tostring(uri)
  elseif uri == nil then
    error("query argument " .. index - 1 .. " expecting one or two arguments", 4)
  elseif type(uri) ~= "string" then
    runtime.bad_argument(1, "capture", "string", uri, 4)
  end
  local query
  local kind = type(args)
  if kind == "table" then
    query = runtime.encode_args(args, 4)
  elseif kind == "string" or kind == "number" then
    query = tostring(args)
  elseif kind ~= "nil" then
    error("Bad args option value", 4)
  end
  local mark = find(uri, "?", 1, true)
  if mark then
    local inline = sub(uri, mark + 1)
    uri = sub(uri, 1, mark - 1)
    if query == nil or query == "" then
      query = inline
    elseif inline ~= "" then
      query = inline .. "&" .. query
    end
  end
  if sub(uri, 1, 1) ~= "/" or find(uri, "[%z\1-\31\127]") or find(uri .. "/", "/../", 1, true) then
    error("unsafe uri in argument #" .. index .. ": " .. runtime.log_escaped(uri), 4)
  end
  query = query or ""
  kept[#kept + 1], kept[#kept + 2] = uri, query
  set_text(request.path, uri)
  set_text(request.query, query)
end

local function fill_vars(request, kept, vars)
  if vars == nil then
    return
  end
  if type(vars) ~= "table" then
    error("Bad vars option value", 5)
  end
  local count = 0
  for _ in pairs(vars) do
    count = count + 1
  end
  if count == 0 then
    return
  end
  local list = ffi_new("mg_header[?]", count)
  kept[#kept + 1] = list
  local i = 0
  for name, value in pairs(vars) do
    if type(name) ~= "string" then
      error("attempt to use a non-string key in the \"vars\" option table", 5)
    end
    local kind = type(value)
    if kind ~= "string" and kind ~= "number" then
      error("attempt to use bad variable value type " .. kind, 5)
    end
    if C.mg_variable_defined(name, #name) == 0 then
      runtime.complain(5, 'variable "' .. name .. '" cannot be assigned a value (maybe you forgot to define it first?)')
      error("failed to adjust the subrequest: -1", 5)
    end
    value = tostring(value)
    kept[#kept + 1], kept[#kept + 2] = name, value
    set_text(list[i].name, name)
    set_text(list[i].value, value)
    i = i + 1
  end
  request.vars, request.var_count = list, count
end

local POST, PUT = ngx.HTTP_POST, ngx.HTTP_PUT

local function flag(options, name)
  local value = options[name]
  if value ~= nil and type(value) ~= "boolean" then
    error("Bad " .. name .. " option value", 5)
  end
  return value
end

local function fill_options(request, kept, options)
  local id = options.method
  if id == nil then
    id = ngx.HTTP_GET
  elseif type(id) ~= "number" then
    error("Bad http request method", 4)
  end
  local method = methods[id]
  if method == nil then
    runtime.complain(4, "unsupported HTTP method: " .. id)
    error("failed to adjust the subrequest: -1", 4)
  end
  set_text(request.method, method)

  local body = options.body
  if body ~= nil then
    if type(body) ~= "string" and type(body) ~= "number" then
      error("Bad http request body", 4)
    end
    body = tostring(body)
    kept[#kept + 1] = body
    set_text(request.body, body)
    request.has_body = 1
  end
  request.forward_body = (options.always_forward_body or id == POST or id == PUT) and 1 or 0
  local share, copy = flag(options, "share_all_vars"), flag(options, "copy_all_vars")
  request.variables = share and 2 or copy and 1 or 0
  fill_vars(request, kept, options.vars)
  if options.ctx ~= nil and type(options.ctx) ~= "table" then
    error("Bad ctx option value type " .. type(options.ctx) .. ", expected a Lua table", 4)
  end
end

local no_options = {}

local function fill(request, kept, index, uri, options)
  if options ~= nil and type(options) ~= "table" then
    error("expecting table as the 2nd argument for subrequest " .. index - 1 .. ", but got " .. type(options), 3)
  end
  options = options or no_options
  fill_target(request, kept, index, uri, options.args)
  fill_options(request, kept, options)
  return options.ctx
end

-- Starts what `requests` has and waits: a table of the answers.
local function run(requests, count, contexts)
  if C.mg_location_capture(requests, count, message) ~= AGAIN then
    local text = ffi_string(message.data, message.size)
    error(text, 3)
  end
  for i = 0, count - 1 do
    local ctx = contexts[i]
    if ctx ~= nil then
      runtime.states[requests[i].slot] = { ctx = ctx }
    end
  end
  local answers = runtime.wait()
  for i = 1, count do
    setmetatable(answers[i].header, by_any_case)
  end
  return answers
end

function ngx.location.capture(...)
  local count = select("#", ...)
  if count ~= 1 and count ~= 2 then
    error("expecting one or two arguments", 2)
  end
  local uri, options = ...
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  runtime.check_wait()
  local requests, kept = ffi_new("mg_subrequest[1]"), {}
  local contexts = { [0] = fill(requests[0], kept, 1, uri, options) }
  local answers = run(requests, 1, contexts)
  return answers[1]
end

function ngx.location.capture_multi(...)
  local given = select("#", ...)
  if given ~= 1 then
    error("only one argument is expected, but got " .. given, 2)
  end
  local list = ...
  if band(current.phase, REQUEST) == 0 then
    disabled()
  end
  if type(list) ~= "table" then
    runtime.bad_argument(1, "capture_multi", "table", list, 2)
  end
  local count = #list
  for key in pairs(list) do
    if type(key) ~= "number" or key < 1 or key > count or key % 1 ~= 0 then
      error("only array-like tables are allowed", 2)
    end
  end
  if count == 0 then
    error("at least one subrequest should be specified", 2)
  end
  runtime.check_wait()
  local requests, kept, contexts = ffi_new("mg_subrequest[?]", count), {}, {}
  for i = 1, count do
    local each = list[i]
    if each == nil then
      error("only array-like tables are allowed", 2)
    elseif type(each) ~= "table" then
      error("the query argument " .. i - 1 .. " is not a table, but a " .. type(each), 2)
    elseif #each > 2 then
      error("query argument " .. i - 1 .. " expecting one or two arguments", 2)
    end
    contexts[i - 1] = fill(requests[i - 1], kept, i, each[1], each[2])
  end
  local answers = run(requests, count, contexts)
  return unpack(answers, 1, count)
end
