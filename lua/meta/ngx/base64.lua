---@meta ngx.base64
-- base64url.
local base64 = { version = "0.1.29" }

---Without padding.
---@param text string
---@return string?
---@return string? err
function base64.encode_base64url(text) end

---Padding or not.
---@param text string
---@return string?
---@return string? err
function base64.decode_base64url(text) end

---Passes over what is not of the alphabet.
---@param text string
---@return string?
---@return string? err
function base64.decode_base64mime(text) end

return base64
