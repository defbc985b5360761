-- Modules that libraries require: ngx.base64, ngx.req, ngx.resp, and resty.core.*, whose work the API does itself here.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_new = ffi.C, ffi.new
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local type, gsub, match, rep = type, string.gsub, string.match, string.rep
local VERSION = "0.1.29"

-- ngx.base64 -------------------------------------------------------------------------------------------------------

local out = ffi_new("mg_string")
local base64 = { version = VERSION }

function base64.encode_base64url(text)
  if type(text) ~= "string" then
    return nil, "must provide a string"
  end
  C.mg_encode_base64(text, #text, 1, 0, out)
  local encoded = ffi.string(out.data, out.size)
  return encoded
end

function base64.decode_base64url(text)
  if type(text) ~= "string" then
    return nil, "must provide a string"
  end
  if C.mg_encode_decode_base64(text, #text, 1, out) ~= 0 then
    return nil, "invalid input"
  end
  local decoded = ffi.string(out.data, out.size)
  return decoded
end

-- As MIME has it: what is not of the alphabet does not count, and nothing does after padding.
function base64.decode_base64mime(text)
  if type(text) ~= "string" then
    return nil, "must provide a string"
  end
  text = gsub(match(text, "^[^=]*"), "[^%w+/]", "")
  if #text % 4 == 1 then
    return nil, "invalid input"
  end
  text = text .. rep("=", -#text % 4)
  if C.mg_encode_decode_base64(text, #text, 0, out) ~= 0 then
    return nil, "invalid input"
  end
  local decoded = ffi.string(out.data, out.size)
  return decoded
end

package.loaded["ngx.base64"] = base64

-- ngx.req, ngx.resp --------------------------------------------------------------------------------------------------

package.loaded["ngx.req"] = { version = VERSION, add_header = ngx.req.add_header, get_uri_ext = ngx.req.get_uri_ext }

local resp = { version = VERSION, add_header = ngx.resp.add_header, get_headers = ngx.resp.get_headers }

function resp.set_status(status, reason)
  if reason ~= nil and type(reason) ~= "string" then
    error("bad 'reason' argument: string expected, got " .. type(reason), 2)
  end
  ngx.status = status
end

-- The checks it turns off (If-Modified-Since and the like) are made for static files, which there are none of here.
function resp.bypass_if_checks()
  if band(current.phase, phase.REQUEST) == 0 then
    error("API disabled in the current context", 2)
  end
end

package.loaded["ngx.resp"] = resp
ngx.resp.add_header, ngx.resp.set_status, ngx.resp.bypass_if_checks =
  resp.add_header, resp.set_status, resp.bypass_if_checks

-- resty.core.* -------------------------------------------------------------------------------------------------------

package.loaded["resty.core"] = { version = VERSION }

for _, name in ipairs {
  "base64", "coroutine", "exit", "hash", "misc", "ndk", "param", "phase", "regex", "request", "response", "shdict",
  "socket", "socket.tcp", "time", "uri", "utils", "var", "worker",
} do
  package.loaded["resty.core." .. name] = { version = VERSION }
end

package.loaded["resty.core.ctx"] = {
  version = VERSION,
  _VERSION = VERSION,
  get_ctx_table = function(ctx)
    if current.slot == 0 then
      runtime.no_request()
    end
    local state = runtime.state()
    if state.ctx == nil then
      state.ctx = ctx or {}
    end
    return state.ctx
  end,
}

-- Scratch memory and codes for modules that are written over the FFI themselves.
package.preload["resty.core.base"] = function()
  local base = {
    version = VERSION,
    FFI_OK = 0, FFI_ERROR = -1, FFI_AGAIN = -2, FFI_BUSY = -3, FFI_DONE = -4, FFI_DECLINED = -5, FFI_ABORT = -6,
    FFI_NO_REQ_CTX = -100, FFI_BAD_CONTEXT = -101,
    new_tab = require "table.new",
    clear_tab = require "table.clear",
  }
  local size, buffer = 4096, nil
  local size_ptr, errmsg_ptr = ffi_new("size_t[1]"), ffi_new("const char *[1]")

  function base.get_string_buf(wanted, must_be_new)
    if wanted > size or must_be_new then
      return ffi_new("unsigned char[?]", wanted)
    end
    buffer = buffer or ffi_new("unsigned char[?]", size)
    return buffer
  end

  function base.set_string_buf_size(wanted)
    size, buffer = wanted, nil
  end

  function base.get_string_buf_size()
    return size
  end

  function base.get_size_ptr()
    return size_ptr
  end

  function base.get_errmsg_ptr()
    return errmsg_ptr
  end

  function base.allows_subsystem(...)
    for i = 1, select("#", ...) do
      if select(i, ...) == "http" then
        return
      end
    end
    error("unsupported subsystem: http", 2)
  end

  function base.ref_in_table(list, value)
    list[#list + 1] = value
    return #list
  end

  return base
end
