---@meta moongate.identity
-- Who the caller is, as an authenticating policy has found out.
local identity = {}

---See docs/ngx/.
---@return string?
function identity.consumer() end

---The claims of the verified token.
---@return table?
function identity.claims() end

---For an authenticating policy of your own.
---@param consumer string?
---@param claims table?
function identity.set(consumer, claims) end

---For it, too: ngx.ctx.jwt_claims is made where it is looked at.
function identity.offer_claims() end

return identity
