---@meta ngx.re
-- Beside ngx.re: docs/ngx/re.md.
local re = { version = "0.1.29" }

---Sets what searches use, in init.
---@param name string
---@param value any
function re.opt(name, value) end

---The list of what stands between the matches.
---@param subject string
---@param regex string
---@param options? string
---@param ctx? { pos: integer }
---@param max? integer
---@param res? table
---@return table? res
---@return string? err
function re.split(subject, regex, options, ctx, max, res) end

return re
