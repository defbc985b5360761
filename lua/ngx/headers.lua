-- ngx.status, ngx.header, ngx.resp.get_headers, and what request headers share with them.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string, ffi_new = ffi.C, ffi.string, ffi.new
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local no_request = runtime.no_request
local type, tostring, lower, gsub, find = type, tostring, string.lower, string.gsub, string.find
local REQUEST = phase.REQUEST
local LATE = C.MG_LATE

-- Status -----------------------------------------------------------------------------------------------------------

function runtime.getters.status()
  if band(current.phase, REQUEST) == 0 then
    no_request(3)
  end
  return C.mg_response_status()
end

function runtime.setters.status(value)
  if band(current.phase, REQUEST) == 0 then
    no_request(3)
  end
  local status = tonumber(value)
  if status == nil then
    error("bad status: number expected, got " .. type(value), 3)
  end
  local code = C.mg_response_set_status(status)
  if code == LATE then
    runtime.complain(3, "attempt to set ngx.status after sending out response headers")
  elseif code ~= 0 then
    error("bad status: from 100 to 999 expected, got " .. tostring(value), 3)
  end
end

-- Values -------------------------------------------------------------------------------------------------------------

local MOST_VALUES = 64 -- beyond these an array is made for the call
local usual = ffi_new("mg_string[?]", MOST_VALUES)
local anchors -- luacheck: ignore 231 (it only keeps them alive)

-- What a script gives as a header's value, as an array for C; answers it and how many. The strings are kept alive.
local function fill_values(value)
  local kind = type(value)
  local values = usual
  if kind == "string" then
    values[0].data, values[0].size = value, #value
    return values, 1
  elseif kind == "nil" then
    return values, 0
  elseif kind == "table" then
    local count = #value
    if count > MOST_VALUES then
      values = ffi_new("mg_string[?]", count)
    end
    -- All are texts before the first is pointed to: a metamethod may come back here.
    local texts = {}
    for i = 1, count do
      texts[i] = tostring(value[i])
    end
    anchors = texts
    for i = 1, count do
      values[i - 1].data, values[i - 1].size = texts[i], #texts[i]
    end
    return values, count
  end
  local text = tostring(value)
  anchors = { text }
  values[0].data, values[0].size = text, #text
  return values, 1
end
runtime.fill_header_values = fill_values

-- "content_type" -> "content-type"
local function dashed(name)
  if find(name, "_", 1, true) then
    name = gsub(name, "_", "-")
  end
  return name
end
runtime.dashed = dashed

-- A table of headers that also finds them by another case or with underscores.
local insensitive = {
  __index = function(self, name)
    if type(name) ~= "string" then
      return nil
    end
    name = lower(name)
    local value = rawget(self, name)
    if value == nil then
      value = rawget(self, (gsub(name, "_", "-")))
    end
    return value
  end,
}

local PLENTY = 100
local plenty = ffi_new("mg_header[?]", PLENTY)

-- The table that get_headers answers: `fill(out, most)` is the C call, `most` 0 stands for all. In a tail call of it.
function runtime.header_table(fill, most, raw)
  local out = plenty
  if most ~= nil and type(most) ~= "number" then
    runtime.bad_argument(1, "get_headers", "number", most, 2)
  end
  if most == nil or most < 0 then
    most = PLENTY
  elseif most == 0 or most > PLENTY then
    local total = fill(plenty, 0)
    local capacity = (most == 0 or total < most) and total or most
    if capacity > PLENTY then
      out = ffi_new("mg_header[?]", capacity)
    end
    most = capacity
  end
  local total = fill(out, most)
  local result = {}
  for i = 0, (total < most and total or most) - 1 do
    local header = out[i]
    local name = ffi_string(header.name.data, header.name.size)
    if not raw then
      name = lower(name)
    end
    local value = ffi_string(header.value.data, header.value.size)
    local before = result[name]
    if before == nil then
      result[name] = value
    elseif type(before) == "table" then
      before[#before + 1] = value
    else
      result[name] = { before, value }
    end
  end
  if not raw then
    setmetatable(result, insensitive)
  end
  if total > most then
    return result, "truncated"
  end
  return result
end

-- ngx.header ----------------------------------------------------------------------------------------------------------

local found = ffi_new("mg_string[?]", MOST_VALUES)

local function complain_late(name)
  runtime.complain(3, "attempt to set ngx.header.HEADER after sending out response headers: " .. name)
end

ngx.header = setmetatable({}, {
  __index = function(_, name)
    if band(current.phase, REQUEST) == 0 then
      no_request()
    end
    name = dashed(tostring(name))
    local count = C.mg_response_header(name, #name, found, MOST_VALUES)
    if count <= 0 then
      return nil
    end
    if count == 1 then
      local value = ffi_string(found[0].data, found[0].size)
      return value
    end
    local values = found
    if count > MOST_VALUES then
      values = ffi_new("mg_string[?]", count)
      C.mg_response_header(name, #name, values, count)
    end
    local result = {}
    for i = 1, count do
      result[i] = ffi_string(values[i - 1].data, values[i - 1].size)
    end
    return result
  end,
  __newindex = function(_, name, value)
    if band(current.phase, REQUEST) == 0 then
      no_request()
    end
    name = dashed(tostring(name))
    if value == "" then
      value = nil -- an empty field is none, as in OpenResty
    end
    local values, count = fill_values(value)
    local code = C.mg_response_set_header(name, #name, values, count, 0)
    if code == LATE then
      complain_late(name)
    elseif code ~= 0 then
      error("failed to set header", 2)
    end
  end,
})

ngx.resp = ngx.resp or {}
local function fill_response(out, most)
  return C.mg_response_headers(out, most)
end

function ngx.resp.get_headers(most, raw)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  return runtime.header_table(fill_response, most, raw)
end

-- Adds a field beside those of its name (a single one of its kind, as Content-Type, is replaced).
function ngx.resp.add_header(name, value)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  name = dashed(tostring(name))
  local values, count = fill_values(value)
  if count == 0 then
    error("invalid header value", 2)
  end
  if C.mg_response_set_header(name, #name, values, count, 1) == LATE then
    complain_late(name)
  end
end
