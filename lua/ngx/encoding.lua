-- URI escaping, base64, digests, quote_sql_str.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string = ffi.C, ffi.string
local type, tostring, gsub = type, tostring, string.gsub
local out = ffi.new("mg_string")

local function text_of(value)
  if type(value) == "string" then
    return value
  elseif not value then
    return ""
  end
  return tostring(value)
end

local function result()
  local text = ffi_string(out.data, out.size)
  return text
end

function ngx.escape_uri(value, kind)
  local text = text_of(value)
  if kind ~= nil and kind ~= 0 and kind ~= 2 then
    if type(kind) ~= "number" then
      error("\"type\" is not a number", 2)
    end
    error("\"type\" " .. kind .. " out of range", 2)
  end
  C.mg_encode_escape_uri(text, #text, kind or 2, out)
  return (result())
end

function ngx.unescape_uri(value)
  local text = text_of(value)
  C.mg_encode_unescape_uri(text, #text, 1, out)
  return (result())
end

function ngx.encode_base64(value, no_padding)
  local text = text_of(value)
  if no_padding and type(no_padding) ~= "boolean" then
    error("bad no_padding: boolean expected, got " .. type(no_padding), 2)
  end
  C.mg_encode_base64(text, #text, 0, no_padding and 0 or 1, out)
  return (result())
end

function ngx.decode_base64(value)
  if type(value) ~= "string" then
    error("string argument only", 2)
  end
  if C.mg_encode_decode_base64(value, #value, 0, out) ~= 0 then
    return nil
  end
  return (result())
end

-- As base64 stands in mail (RFC 2045): what is not of the alphabet is passed over.
function ngx.decode_base64mime(value)
  if type(value) ~= "string" then
    error("string argument only", 2)
  end
  local text = gsub(value, "[^A-Za-z0-9+/=]", "")
  if C.mg_encode_decode_base64(text, #text, 0, out) ~= 0 then
    return nil
  end
  return (result())
end

function ngx.md5(value)
  local text = text_of(value)
  C.mg_encode_digest(0, text, #text, out)
  C.mg_encode_hex(out.data, out.size, out)
  return (result())
end

function ngx.md5_bin(value)
  local text = text_of(value)
  C.mg_encode_digest(0, text, #text, out)
  return (result())
end

function ngx.sha1_bin(value)
  local text = text_of(value)
  C.mg_encode_digest(1, text, #text, out)
  return (result())
end

function ngx.hmac_sha1(...)
  local given = select("#", ...)
  if given ~= 2 then
    error("expecting 2 arguments, but got " .. given, 2)
  end
  local key, value = ...
  local secret = runtime.text_argument(1, "hmac_sha1", key)
  local text = runtime.text_argument(2, "hmac_sha1", value)
  C.mg_encode_hmac_sha1(secret, #secret, text, #text, out)
  return (result())
end

function ngx.crc32_short(value)
  local text = text_of(value)
  return tonumber(C.mg_encode_crc32(text, #text))
end

function ngx.crc32_long(value)
  local text = text_of(value)
  return tonumber(C.mg_encode_crc32(text, #text))
end

function ngx.quote_sql_str(...)
  if select("#", ...) ~= 1 then
    error("expecting one argument", 2)
  end
  local text = runtime.text_argument(1, "quote_sql_str", (...))
  C.mg_encode_quote_sql(text, #text, out)
  return (result())
end
