-- ngx.ssl.clienthello: what a client says first, and which versions it is answered with; in ssl_client_hello.
local runtime = require "moongate.runtime"
local ffi = require "ffi"
local C, ffi_string, ffi_new = ffi.C, ffi.string, ffi.new
local current, phase = runtime.current, runtime.phase
local disabled = runtime.no_request
local CLIENT_HELLO = phase.SSL_CLIENT_HELLO
local out = ffi_new("mg_string")
local MOST = 512
local numbers = ffi_new("uint16_t[?]", MOST)
local DECLINED = C.MG_DECLINED

local hello = { version = "0.1.29" }

local function text()
  local value = ffi_string(out.data, out.size)
  return value
end

function hello.get_client_hello_server_name()
  if current.phase ~= CLIENT_HELLO then
    disabled()
  end
  local code = C.mg_ssl_server_name(1, out)
  if code == DECLINED then
    return nil
  elseif code ~= 0 then
    return nil, text()
  end
  return (text())
end

function hello.get_client_hello_ext(number)
  if current.phase ~= CLIENT_HELLO then
    disabled()
  end
  if type(number) ~= "number" then
    return nil, "ext_type must be a number"
  end
  local code = C.mg_ssl_hello_extension(number, out)
  if code == DECLINED then
    return nil
  elseif code ~= 0 then
    return nil, text()
  end
  return (text())
end

local function list(kind, map)
  local count = C.mg_ssl_hello_numbers(kind, numbers, MOST)
  if count <= 0 then
    return nil
  end
  local result = {}
  for i = 1, count do
    result[i] = map and map(numbers[i - 1]) or numbers[i - 1]
  end
  return result
end

function hello.get_client_hello_ext_present()
  if current.phase ~= CLIENT_HELLO then
    disabled()
  end
  return list(0)
end

function hello.get_client_hello_ciphers()
  if current.phase ~= CLIENT_HELLO then
    disabled()
  end
  return list(2)
end

local names =
  { [0x0300] = "SSLv3", [0x0301] = "TLSv1", [0x0302] = "TLSv1.1", [0x0303] = "TLSv1.2", [0x0304] = "TLSv1.3" }

function hello.get_supported_versions()
  if current.phase ~= CLIENT_HELLO then
    disabled()
  end
  local versions = {}
  for _, number in ipairs(list(1) or {}) do
    versions[#versions + 1] = names[number]
  end
  if #versions == 0 then
    return nil
  end
  return versions
end

local by_name = { TLSv1 = 0x0301, ["TLSv1.1"] = 0x0302, ["TLSv1.2"] = 0x0303, ["TLSv1.3"] = 0x0304, SSLv3 = 0x0300 }
by_name.SSLv2 = 0x0002

function hello.set_protocols(protocols)
  if current.phase ~= CLIENT_HELLO then
    disabled()
  end
  if type(protocols) ~= "table" then
    return nil, "table expected, got " .. type(protocols)
  end
  local versions = ffi_new("int[?]", math.max(#protocols, 1))
  for i, name in ipairs(protocols) do
    if by_name[name] == nil then
      return nil, "invalid protocols failed"
    end
    versions[i - 1] = by_name[name]
  end
  if C.mg_ssl_allow_versions(versions, #protocols) ~= 0 then
    return nil, "bad ssl conn"
  end
  return true
end

return hello
