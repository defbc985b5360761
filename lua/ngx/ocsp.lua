-- ngx.ocsp: OCSP requests and responses for the certificate that a handshake shows; the caller fetches.
local runtime = require "moongate.runtime"
local ssl = require "ngx.ssl"
local ffi = require "ffi"
local C, ffi_string, ffi_new = ffi.C, ffi.string, ffi.new
local current, phase = runtime.current, runtime.phase
local out = ffi_new("mg_string")
local DECLINED = C.MG_DECLINED

local ocsp = { version = "0.1.29" }

local function text()
  local value = ffi_string(out.data, out.size)
  return value
end

function ocsp.get_ocsp_responder_from_der_chain(der, most)
  local chain, message = ssl.parse_der_cert(der)
  if chain == nil then
    return nil, message
  end
  local code = C.mg_ocsp_responder(chain, out)
  if code == DECLINED then
    return nil
  elseif code ~= 0 then
    return nil, text()
  end
  local url = text()
  if most and #url > most then
    return string.sub(url, 1, most), "truncated"
  end
  return url
end

function ocsp.create_ocsp_request(der, most)
  local chain, message = ssl.parse_der_cert(der)
  if chain == nil then
    return nil, message
  end
  if C.mg_ocsp_request(chain, out) ~= 0 then
    return nil, text()
  end
  local request = text()
  if most and #request > most then
    return nil, "buffer too small: " .. most .. " < " .. #request
  end
  return request
end

function ocsp.validate_ocsp_response(response, der)
  local chain, message = ssl.parse_der_cert(der)
  if chain == nil then
    return nil, message
  end
  if C.mg_ocsp_validate(response, #response, chain, out) ~= 0 then
    return nil, text()
  end
  return true
end

function ocsp.set_ocsp_status_resp(response)
  if current.phase ~= phase.SSL_CERTIFICATE then
    runtime.disabled()
  end
  local code = C.mg_ocsp_staple(response, #response, out)
  if code == DECLINED then
    return true, "no status req"
  elseif code ~= 0 then
    return nil, text()
  end
  return true
end

return ocsp
