---@meta ngx.pipe
-- Processes: docs/ngx/modules.md.
local pipe = { version = "0.1.29", _VERSION = "0.1.29" }

---@class ngx.pipe.options
---@field merge_stderr? boolean
---@field buffer_size? integer
---@field environ? string[]
---@field write_timeout? number milliseconds
---@field stdout_read_timeout? number
---@field stderr_read_timeout? number
---@field wait_timeout? number

---Starts a process: a list of arguments, or a line for the shell.
---@param args string[]|string
---@param opts? ngx.pipe.options
---@return ngx.pipe.process?
---@return string? err
function pipe.spawn(args, opts) end

return pipe
