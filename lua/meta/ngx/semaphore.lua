---@meta ngx.semaphore
-- Light threads of all requests of a worker wait for what others post: docs/ngx/timers.md.

---@class ngx.semaphore
local semaphore = { version = "0.1.29" }

---A semaphore with so many resources.
---@param count? integer
---@return ngx.semaphore
function semaphore.new(count) end

---See docs/ngx/.
---@param count? integer
---@return true
function semaphore:post(count) end

---See docs/ngx/.
---@param seconds? number
---@return boolean? ok
---@return string? err "timeout"
function semaphore:wait(seconds) end

---Resources there are; below 0: how many wait.
---@return integer
function semaphore:count() end

return semaphore
