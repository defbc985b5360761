---@meta moongate.problem
-- Answers as application/problem+json (RFC 9457).
local problem = {}

---Ends the request with it.
---@param status integer
---@param detail? string
---@param title? string
function problem.exit(status, detail, title) end

return problem
