-- moongate.problem: answers with application/problem+json (RFC 9457) and ends the request.
--
--   local problem = require "moongate.problem"
--   return problem.exit(422, "an order has at most 100 items")
--   return problem.exit(409, "try again later", "Order is locked")   -- with a title of its own
local C = require("ffi").C

local problem = {}

function problem.exit(status, detail, title)
  if type(status) ~= "number" or status < 400 or status > 599 then
    error("bad argument #1 to 'exit' (a status from 400 to 599 expected)", 2)
  end
  detail, title = tostring(detail or ""), tostring(title or "")
  C.mg_problem_set(status, detail, #detail, title, #title)
  return ngx.exit(status)
end

return problem
