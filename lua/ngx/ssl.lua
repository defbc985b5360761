-- ngx.ssl: the TLS connection of the handshake that runs (ssl_client_hello, ssl_certificate), or of the request.
local runtime = require "moongate.runtime"
local ffi = require "ffi"
local C, ffi_string, ffi_new, ffi_gc = ffi.C, ffi.string, ffi.new, ffi.gc
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local disabled = runtime.disabled
local type = type
local CERTIFICATE = phase.SSL_CERTIFICATE
local ANY = phase.HANDSHAKE + phase.REQUEST
local out, family = ffi_new("mg_string"), ffi_new("int[1]")
local DECLINED = C.MG_DECLINED

local ssl = {
  version = "0.1.29",
  SSL3_VERSION = 0x0300,
  TLS1_VERSION = 0x0301,
  TLS1_1_VERSION = 0x0302,
  TLS1_2_VERSION = 0x0303,
  TLS1_3_VERSION = 0x0304,
}

local function text()
  local value = ffi_string(out.data, out.size)
  return value
end

local function check_string(value, number, name)
  if type(value) ~= "string" then
    runtime.bad_argument(number, name, "string", value, 3)
  end
end

-- The pointer, as the surface takes it.
local function object(value, kind, name)
  if not runtime.points_to(value, kind) then
    runtime.bad_argument(1, name, "cdata", value, 3)
  end
  return ffi.cast(kind, value)
end

-- Certificates and keys ------------------------------------------------------------------------------------------

local function parse_chain(data, der)
  local chain = C.mg_ssl_parse_chain(data, #data, der, out)
  if chain == nil then
    return nil, text()
  end
  return ffi_gc(chain, C.mg_ssl_free_chain)
end

local function parse_key(data, der, password)
  local key = C.mg_ssl_parse_key(data, #data, der, password, password and #password or 0, out)
  if key == nil then
    return nil, text()
  end
  return ffi_gc(key, C.mg_ssl_free_key)
end

function ssl.parse_pem_cert(pem)
  check_string(pem, 1, "parse_pem_cert")
  return parse_chain(pem, 0)
end

function ssl.parse_der_cert(der)
  check_string(der, 1, "parse_der_cert")
  return parse_chain(der, 1)
end

function ssl.parse_pem_priv_key(pem, password)
  check_string(pem, 1, "parse_pem_priv_key")
  return parse_key(pem, 0, password)
end

function ssl.parse_der_priv_key(der)
  check_string(der, 1, "parse_der_priv_key")
  return parse_key(der, 1)
end

function ssl.cert_pem_to_der(pem)
  check_string(pem, 1, "cert_pem_to_der")
  local chain, message = parse_chain(pem, 0)
  if chain == nil then
    return nil, message
  end
  C.mg_ssl_chain_der(chain, out)
  return (text())
end

function ssl.priv_key_pem_to_der(pem, password)
  check_string(pem, 1, "priv_key_pem_to_der")
  local key, message = parse_key(pem, 0, password)
  if key == nil then
    return nil, message
  end
  if C.mg_ssl_key_der(key, out) ~= 0 then
    return nil, text()
  end
  return (text())
end

local function set(call, value, ...)
  if call(value, ...) ~= 0 then
    return nil, text()
  end
  return true
end

function ssl.set_cert(chain)
  if current.phase ~= CERTIFICATE then
    disabled()
  end
  return set(C.mg_ssl_set_chain, object(chain, "mg_ssl_chain*", "set_cert"), out)
end

function ssl.set_priv_key(key)
  if current.phase ~= CERTIFICATE then
    disabled()
  end
  return set(C.mg_ssl_set_key, object(key, "mg_ssl_key*", "set_priv_key"), out)
end

function ssl.set_der_cert(der)
  if current.phase ~= CERTIFICATE then
    disabled()
  end
  local chain, message = ssl.parse_der_cert(der)
  if chain == nil then
    return nil, message
  end
  return set(C.mg_ssl_set_chain, chain, out)
end

function ssl.set_der_priv_key(der)
  if current.phase ~= CERTIFICATE then
    disabled()
  end
  local key, message = ssl.parse_der_priv_key(der)
  if key == nil then
    return nil, message
  end
  return set(C.mg_ssl_set_key, key, out)
end

function ssl.clear_certs()
  if current.phase ~= CERTIFICATE then
    disabled()
  end
  return set(C.mg_ssl_clear, out)
end

function ssl.verify_client(authorities, depth)
  if current.phase ~= CERTIFICATE then
    disabled()
  end
  if authorities ~= nil then
    authorities = object(authorities, "mg_ssl_chain*", "verify_client")
  end
  return set(C.mg_ssl_verify_client, authorities, depth or -1, out)
end

-- The connection ---------------------------------------------------------------------------------------------------

local function name_of(hello)
  local code = C.mg_ssl_server_name(hello, out)
  if code == DECLINED then
    return nil
  elseif code ~= 0 then
    return nil, text()
  end
  return (text())
end

function ssl.server_name()
  if band(current.phase, ANY) == 0 then
    disabled()
  end
  return name_of(current.phase == phase.SSL_CLIENT_HELLO and 1 or 0)
end

local families = { [4] = "inet", [6] = "inet6", [0] = "unix" }

local function address(client)
  if band(current.phase, ANY) == 0 then
    disabled()
  end
  if C.mg_ssl_address(client, family, out) < 0 then
    return nil, nil, text()
  end
  return text(), families[family[0]]
end

function ssl.raw_server_addr()
  return address(0)
end

function ssl.raw_client_addr()
  return address(1)
end

function ssl.server_port()
  if band(current.phase, ANY) == 0 then
    disabled()
  end
  local port = C.mg_ssl_address(0, family, out)
  if port < 0 then
    return nil, text()
  end
  if family[0] == 0 then
    return nil, "unix domain has no port"
  end
  return port
end

function ssl.get_tls1_version()
  if band(current.phase, ANY) == 0 then
    disabled()
  end
  local version = C.mg_ssl_version(out)
  if version < 0 then
    return nil, text()
  end
  return version
end

function ssl.get_tls1_version_str()
  local version, message = ssl.get_tls1_version()
  if version == nil then
    return nil, message
  end
  return (text())
end

return ssl
