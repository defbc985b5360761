---@meta ngx.ssl
-- Within the TLS handshake: docs/ngx/ssl.md.
local ssl = {
  version = "0.1.29",
  SSL3_VERSION = 0x0300,
  TLS1_VERSION = 0x0301,
  TLS1_1_VERSION = 0x0302,
  TLS1_2_VERSION = 0x0303,
  TLS1_3_VERSION = 0x0304,
}

---A chain, leaf first.
---@param pem string
---@return ffi.cdata*? chain
---@return string? err
function ssl.parse_pem_cert(pem) end

---A chain, leaf first.
---@param der string
---@return ffi.cdata*? chain
---@return string? err
function ssl.parse_der_cert(der) end

---A key.
---@param pem string
---@param password? string
---@return ffi.cdata*? key
---@return string? err
function ssl.parse_pem_priv_key(pem, password) end

---A key.
---@param der string
---@return ffi.cdata*? key
---@return string? err
function ssl.parse_der_priv_key(der) end

---See docs/ngx/ssl.md.
---@param pem string
---@return string? der
---@return string? err
function ssl.cert_pem_to_der(pem) end

---See docs/ngx/ssl.md.
---@param pem string
---@param password? string
---@return string? der
---@return string? err
function ssl.priv_key_pem_to_der(pem, password) end

---What is shown.
---@param chain ffi.cdata*
---@return true? ok
---@return string? err
function ssl.set_cert(chain) end

---See docs/ngx/ssl.md.
---@param key ffi.cdata*
---@return true? ok
---@return string? err
function ssl.set_priv_key(key) end

---See docs/ngx/ssl.md.
---@param der string
---@return true? ok
---@return string? err
function ssl.set_der_cert(der) end

---See docs/ngx/ssl.md.
---@param der string
---@return true? ok
---@return string? err
function ssl.set_der_priv_key(der) end

---None of the configured certificates is shown.
---@return true? ok
---@return string? err
function ssl.clear_certs() end

---Asks for a client's certificate, signed by one of `authorities`.
---@param authorities? ffi.cdata*
---@param depth? integer
---@return true? ok
---@return string? err
function ssl.verify_client(authorities, depth) end

---The name asked for (SNI).
---@return string?
---@return string? err
function ssl.server_name() end

---4 or 16 bytes, or a path.
---@return string? address
---@return "inet"|"inet6"|"unix"|string family or the error
function ssl.raw_server_addr() end

---4 or 16 bytes, or a path.
---@return string? address
---@return "inet"|"inet6"|"unix"|string family or the error
function ssl.raw_client_addr() end

---See docs/ngx/ssl.md.
---@return integer?
---@return string? err
function ssl.server_port() end

---ssl.TLS1_3_VERSION, ...
---@return integer?
---@return string? err
function ssl.get_tls1_version() end

---"TLSv1.3", ...
---@return string?
---@return string? err
function ssl.get_tls1_version_str() end

return ssl
