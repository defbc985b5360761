---@meta ngx.ssl.clienthello
-- What a client says first: docs/ngx/ssl.md.
local clienthello = { version = "0.1.29" }

---See docs/ngx/ssl.md.
---@return string?
---@return string? err
function clienthello.get_client_hello_server_name() end

---Its bytes; nil: it is not there.
---@param number integer
---@return string?
---@return string? err
function clienthello.get_client_hello_ext(number) end

---See docs/ngx/ssl.md.
---@return integer[]?
---@return string? err
function clienthello.get_client_hello_ext_present() end

---See docs/ngx/ssl.md.
---@return integer[]?
---@return string? err
function clienthello.get_client_hello_ciphers() end

---{ "TLSv1.3", ... }
---@return string[]?
---@return string? err
function clienthello.get_supported_versions() end

---See docs/ngx/ssl.md.
---@param protocols string[]
---@return true? ok
---@return string? err
function clienthello.set_protocols(protocols) end

return clienthello
