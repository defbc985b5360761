-- POST /v1/orders: an order has at most so many items; the backend is told how many there are.
local cjson = require "cjson.safe"
local problem = require "moongate.problem"

local policy = {
  schema = {
    most_items = { type = "integer", default = 100, min = 1, doc = "items in one order" },
  },
}

function policy.access(conf)
  if ngx.req.get_method() ~= "POST" then
    ngx.header["Allow"] = "POST"
    return problem.exit(405, "orders are placed with POST")
  end
  ngx.req.read_body()
  local order = cjson.decode(ngx.req.get_body_data() or "")
  if type(order) ~= "table" or type(order.items) ~= "table" then
    return problem.exit(400, "the body must be a JSON object with a list \"items\"")
  end
  if #order.items > conf.most_items then
    return problem.exit(422, "an order has at most " .. conf.most_items .. " items", "Too many items")
  end
  ngx.req.set_header("X-Order-Items", #order.items)
end

return policy
