---@meta _
-- What moongate.redis.get answers; any command is a method, too: redis:get("key").

---@class moongate.redis.handle
---@field [string] fun(self: moongate.redis.handle, ...: any): any, string?
local redis = {}

---See docs/ngx/.
---@param ... any
---@return any reply
---@return string? err
function redis:command(...) end

---See docs/ngx/.
---@param commands any[][]
---@return table? replies
---@return string? err
function redis:pipeline(commands) end

---EVALSHA; the text only where the server lacks it.
---@param script string
---@param keys? string[]
---@param args? any[]
---@return any reply
---@return string? err
function redis:eval(script, keys, args) end

return redis
