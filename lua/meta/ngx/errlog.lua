---@meta ngx.errlog
-- The error log, captured: docs/ngx/modules.md.
local errlog = { version = "0.1.29" }

---Only lines of that level or worse are kept.
---@param level integer
---@return boolean? ok
---@return string? err
function errlog.set_filter_level(level) end

---Takes the oldest records: level, time, message, level, ...
---@param most? integer
---@param logs? table
---@return table? logs
---@return string? err
function errlog.get_logs(most, logs) end

---The level of the log.
---@return integer
function errlog.get_sys_filter_level() end

---A line without the script's position.
---@param level integer
---@param message string
function errlog.raw_log(level, message) end

return errlog
