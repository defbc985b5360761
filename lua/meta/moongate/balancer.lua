---@meta moongate.balancer
-- In the balance phase, a choice among the upstream's own targets.
local balancer = {}

---@class moongate.balancer.target
---@field address string
---@field weight integer
---@field backup boolean
---@field healthy boolean
---@field active integer requests in flight
---@field failures integer in a row

---In the configuration's order; the first 256.
---@return moongate.balancer.target[]
function balancer.targets() end

---The target of that place.
---@param index integer
---@return boolean? ok
---@return string? err
function balancer.choose(index) end

return balancer
