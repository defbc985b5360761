---@meta moongate.redis
-- Redis, by the names of the configuration's `redis`.
local redis = {}

---A handle; `timeout` in seconds stands in for the configured one.
---@param name string
---@param options? { timeout: number }
---@return moongate.redis.handle?
---@return string? err
function redis.get(name, options) end

return redis
