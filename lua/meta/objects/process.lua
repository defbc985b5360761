---@meta _
-- What ngx.pipe.spawn answers: docs/ngx/modules.md.

---@class ngx.pipe.process
local proc = {}

---Milliseconds.
---@param write? number
---@param stdout_read? number
---@param stderr_read? number
---@param wait? number
function proc:set_timeouts(write, stdout_read, stderr_read, wait) end

---See docs/ngx/.
---@return integer
function proc:pid() end

---See docs/ngx/.
---@param signal integer
---@return boolean? ok
---@return string? err
function proc:kill(signal) end

---See docs/ngx/.
---@param direction "stdin"|"stdout"|"stderr"
---@return boolean? ok
---@return string? err
function proc:shutdown(direction) end

---See docs/ngx/.
---@param data string|number|table
---@return integer? bytes
---@return string? err
function proc:write(data) end

---See docs/ngx/.
---@return string? data
---@return string? err
---@return string? partial
function proc:stdout_read_all() end

---See docs/ngx/.
---@return string? data
---@return string? err
---@return string? partial
function proc:stdout_read_line() end

---See docs/ngx/.
---@param size integer
---@return string? data
---@return string? err
---@return string? partial
function proc:stdout_read_bytes(size) end

---See docs/ngx/.
---@param size integer
---@return string? data
---@return string? err
---@return string? partial
function proc:stdout_read_any(size) end

---See docs/ngx/.
---@return string? data
---@return string? err
---@return string? partial
function proc:stderr_read_all() end

---See docs/ngx/.
---@return string? data
---@return string? err
---@return string? partial
function proc:stderr_read_line() end

---See docs/ngx/.
---@param size integer
---@return string? data
---@return string? err
---@return string? partial
function proc:stderr_read_bytes(size) end

---See docs/ngx/.
---@param size integer
---@return string? data
---@return string? err
---@return string? partial
function proc:stderr_read_any(size) end

---See docs/ngx/.
---@return boolean? ok
---@return string reason "exit", "signal" or the error
---@return integer? status
function proc:wait() end

return proc
