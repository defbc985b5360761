---@meta ngx.balancer
-- In the balance phase: where a request goes.
local balancer = { version = "0.1.29" }

---Where this try goes.
---@param addr string
---@param port? integer
---@param host? string
---@return boolean? ok
---@return string? err
function balancer.set_current_peer(addr, port, host) end

---How many tries more there may be.
---@param count integer
---@return boolean? ok
---@return string? err
function balancer.set_more_tries(count) end

---How the try before ended; nil: there was none.
---@return "next"|"failed"|nil state
---@return integer? status
function balancer.get_last_failure() end

---Seconds; nil: as configured.
---@param connect_timeout? number
---@param send_timeout? number
---@param read_timeout? number
---@return boolean? ok
---@return string? err
function balancer.set_timeouts(connect_timeout, send_timeout, read_timeout) end

---See docs/configuration.md, "Choosing in Lua".
---@param idle_timeout? number
---@param max_requests? integer
---@return boolean? ok
---@return string? err
function balancer.enable_keepalive(idle_timeout, max_requests) end

---See docs/configuration.md, "Choosing in Lua".
---@return boolean? ok
---@return string? err
function balancer.recreate_request() end

---See docs/configuration.md, "Choosing in Lua".
---@param on boolean
---@return boolean? ok
---@return string? err
function balancer.set_upstream_tls(on) end

return balancer
