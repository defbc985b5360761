-- ngx.encode_args, decode_args; ngx.req.get_uri_args, set_uri_args, get_post_args.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string = ffi.C, ffi.string
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local no_request = runtime.no_request
local type, tostring, tonumber, floor = type, tostring, tonumber, math.floor
local find, sub, concat = string.find, string.sub, table.concat
local gsub, byte, format, clear = string.gsub, string.byte, string.format, require "table.clear"
local IN_FILE, UNREAD = C.MG_IN_FILE, C.MG_UNREAD
local out = ffi.new("mg_string")

local function escape(text)
  C.mg_encode_escape_uri(text, #text, 2, out)
  local escaped = ffi_string(out.data, out.size)
  return escaped
end

local function unescape(text)
  if not find(text, "[%%+]") then
    return text
  end
  C.mg_encode_unescape_uri(text, #text, 1, out)
  local plain = ffi_string(out.data, out.size)
  return plain
end

-- `level` is error's, of who calls the function of the API.
local function append_argument(parts, key, value, level)
  local kind = type(value)
  if kind == "boolean" then
    if value then
      parts[#parts + 1] = key
    end
  elseif kind == "string" or kind == "number" then
    parts[#parts + 1] = key .. "=" .. escape(tostring(value))
  else
    error("attempt to use " .. kind .. " as query arg value", level + 2)
  end
end

local function encode(args, level)
  local parts = {}
  for name, value in pairs(args) do
    if type(name) ~= "string" then
      error("attempt to use a non-string key in the \"args\" option table", level + 1)
    end
    local key = escape(name)
    if type(value) == "table" then
      for _, each in pairs(value) do
        append_argument(parts, key, each, level)
      end
    else
      append_argument(parts, key, value, level)
    end
  end
  return concat(parts, "&")
end
runtime.encode_args = encode

function ngx.encode_args(...)
  local args, more = ...
  if type(args) ~= "table" or more ~= nil then
    local given = select("#", ...)
    if given ~= 1 then
      error("expecting 1 argument but seen " .. given, 2)
    end
    runtime.bad_argument(1, "encode_args", "table", args, 2)
  end
  return encode(args, 1)
end

-- How many to read at most: nil, or a whole number.
local function count_argument(number, name, most)
  if most == nil then
    return nil
  end
  local count = tonumber(most)
  if count == nil then
    runtime.bad_argument(number, name, "number", most, 3)
  end
  return floor(count)
end

-- The arguments of a query as a table: a name without "=" is true, one that comes again is a list.
local function decode(query, most, result)
  most = (most == nil or most < 0) and 100 or most
  result = result or {}
  local from, size, count = 1, #query, 0
  while from <= size do
    local to = find(query, "&", from, true) or size + 1
    if to > from then
      local equals = find(query, "=", from, true)
      local name, value
      if equals and equals < to then
        name, value = unescape(sub(query, from, equals - 1)), unescape(sub(query, equals + 1, to - 1))
      else
        name, value = unescape(sub(query, from, to - 1)), true
      end
      if name ~= "" then
        if most > 0 and count == most then
          return result, "truncated"
        end
        count = count + 1
        local before = result[name]
        if before == nil then
          result[name] = value
        elseif type(before) == "table" then
          before[#before + 1] = value
        else
          result[name] = { before, value }
        end
      end
    end
    from = to + 1
  end
  return result
end

function ngx.decode_args(...)
  local given = select("#", ...)
  if given ~= 1 and given ~= 2 then
    error("expecting 1 or 2 arguments but seen " .. given, 2)
  end
  local query, most = ...
  query = runtime.text_argument(1, "decode_args", query)
  return decode(query, count_argument(2, "decode_args", most))
end

local REQUEST = phase.REQUEST

function ngx.req.get_uri_args(most, result)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  most = count_argument(1, "get_uri_args", most)
  if result ~= nil then
    if type(result) ~= "table" then
      runtime.bad_argument(2, "get_uri_args", "table", result, 2)
    end
    clear(result)
  end
  if C.mg_request_query(out) ~= 0 then
    return result or {}
  end
  return decode(ffi_string(out.data, out.size), most, result)
end

function ngx.req.set_uri_args(...)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  local given = select("#", ...)
  if given ~= 1 then
    error("expecting 1 argument but seen " .. given, 2)
  end
  local args = ...
  local kind = type(args)
  if kind == "table" then
    args = encode(args, 2)
  elseif kind == "number" then
    args = tostring(args)
  elseif kind ~= "string" then
    error("bad argument #1 to 'set_uri_args' (string, number, or table expected, but got " .. kind .. ")", 2)
  end
  -- Neither white space nor control characters may stand in a target.
  if find(args, "[%z\1-\32\127]") then
    args = gsub(args, "[%z\1-\32\127]", function(c)
      return format("%%%02X", byte(c))
    end)
  end
  C.mg_request_set_query(args, #args)
end

function ngx.req.get_post_args(...)
  if band(current.phase, REQUEST) == 0 then
    no_request()
  end
  local given = select("#", ...)
  if given > 1 then
    error("expecting 0 or 1 arguments but seen " .. given, 2)
  end
  local most = ...
  most = count_argument(1, "get_post_args", most)
  local code = C.mg_request_body(out)
  if code == 0 then
    return decode(ffi_string(out.data, out.size), most)
  elseif code == IN_FILE then
    return nil, "request body in temp file not supported"
  elseif code == UNREAD then
    error("no request body found; maybe you should turn on lua_need_request_body?", 2)
  end
  return {}
end
