---@meta ngx.ocsp
-- OCSP of the certificate that a handshake shows: docs/ngx/ssl.md.
local ocsp = { version = "0.1.29" }

---The responder's URL; the chain is the leaf and its issuer.
---@param der string
---@param most? integer
---@return string? url
---@return string? err
function ocsp.get_ocsp_responder_from_der_chain(der, most) end

---See docs/ngx/ssl.md.
---@param der string
---@param most? integer
---@return string? request
---@return string? err
function ocsp.create_ocsp_request(der, most) end

---See docs/ngx/ssl.md.
---@param response string
---@param der string
---@return true? ok
---@return string? err
function ocsp.validate_ocsp_response(response, der) end

---true and "no status req" where the client has not asked for one.
---@param response string
---@return true? ok
---@return string? err
function ocsp.set_ocsp_status_resp(response) end

return ocsp
