---@meta ngx.process
-- The process: docs/ngx/worker.md.
local process = { version = "0.1.29" }

---"worker"; in init "master".
---@return string
function process.type() end

---The supervisor's id.
---@return integer
function process.get_master_pid() end

---There is none: nil and an error.
---@return nil
---@return string err
function process.enable_privileged_agent() end

---Serves what is open, then the process ends.
function process.signal_graceful_exit() end

return process
