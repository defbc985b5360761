-- moongate.http: HTTP requests from scripts, to a configured upstream (its balancing, timeouts and retries apply) or to
-- a URL. Waits without holding the loop, in every phase that can wait.
--
--   local http = require "moongate.http"
--   local response, err = http.fetch { upstream = "catalog", path = "/items/42", timeout = 0.5 }
--   local responses = http.fetch_all { { upstream = "users", path = "/u1" }, { url = "http://127.0.0.1:9000/" } }
--
-- A request: upstream or url, path ("/"), method ("GET"), headers (name -> value or list), body, timeout (10 seconds),
-- limit (8 MiB, of the answer's body). A response: status, headers (by lower-case name; also found in another case, or
-- with _ for -), body. fetch_all answers a list in the order asked; what failed is { err = "..." } there.
local ffi = require "ffi"
local runtime = require "moongate.runtime"
local C, ffi_string, ffi_new = ffi.C, ffi.string, ffi.new
local check_wait, wait = runtime.check_wait, runtime.wait
local type, tostring, lower, gsub = type, tostring, string.lower, string.gsub
local AGAIN = C.MG_AGAIN

local http = {}
local message = ffi_new("mg_string")

local insensitive = {
  __index = function(self, name)
    if type(name) ~= "string" then
      return nil
    end
    return rawget(self, (gsub(lower(name), "_", "-")))
  end,
}

local keys = {
  upstream = "string", url = "string", path = "string", method = "string", headers = "table", body = "string",
  timeout = "number", limit = "number",
}

local function check(request)
  if type(request) ~= "table" then
    error("bad request: a table expected, got " .. type(request), 4)
  end
  for key, value in pairs(request) do
    if keys[key] == nil then
      error("bad request: unknown key \"" .. tostring(key) .. "\"", 4)
    elseif type(value) ~= keys[key] then
      error("bad request: " .. key .. " must be a " .. keys[key] .. ", got " .. type(value), 4)
    end
  end
  if (request.upstream == nil) == (request.url == nil) then
    error("bad request: one of upstream and url is needed", 4)
  end
end

local function put_text(place, text)
  if text then
    place.data, place.size = text, #text
  end
end

local function put_headers(place, headers, anchors)
  local list = {}
  for name, value in pairs(headers) do
    local values = type(value) == "table" and value or { value }
    for i = 1, #values do
      list[#list + 1] = { tostring(name), tostring(values[i]) }
    end
  end
  local array = ffi_new("mg_header[?]", #list)
  for i, pair in ipairs(list) do
    put_text(array[i - 1].name, pair[1])
    put_text(array[i - 1].value, pair[2])
  end
  anchors[#anchors + 1] = list
  anchors[#anchors + 1] = array
  place.headers, place.header_count = array, #list
end

local function start(requests, count, many)
  local array = ffi_new("mg_http_request[?]", count)
  local anchors = {}  -- keeps what the array points to until the call has copied it
  for i = 1, count do
    local request, place = requests[i], array[i - 1]
    check(request)
    put_text(place.upstream, request.upstream)
    put_text(place.url, request.url)
    put_text(place.path, request.path)
    put_text(place.method, request.method)
    put_text(place.body, request.body)
    if request.headers then
      put_headers(place, request.headers, anchors)
    end
    place.timeout, place.limit = request.timeout or 0, request.limit or 0
  end
  local code = C.mg_http_fetch(array, count, many and 1 or 0, message)
  anchors[1] = nil
  return code
end

function http.fetch(request)
  check_wait()
  if start({ request }, 1, false) ~= AGAIN then
    return nil, (ffi_string(message.data, message.size))
  end
  local response, err = wait()
  if not response then
    return nil, err
  end
  setmetatable(response.headers, insensitive)
  return response
end

function http.fetch_all(requests)
  check_wait()
  if type(requests) ~= "table" then
    error("bad argument #1 to 'fetch_all' (a list of requests expected)", 2)
  end
  if #requests == 0 then
    return {}
  end
  if start(requests, #requests, true) ~= AGAIN then
    return nil, (ffi_string(message.data, message.size))
  end
  local responses = wait()
  for i = 1, #responses do
    if responses[i].headers then
      setmetatable(responses[i].headers, insensitive)
    end
  end
  return responses
end

return http
