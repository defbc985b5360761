-- rate_limit: a token bucket for each key. The work is core/script/limit_policy.cc.
local ffi = require "ffi"
local cjson = require "cjson"
local runtime = require "moongate.runtime"
local C, AGAIN = ffi.C, ffi.C.MG_AGAIN
local wait = runtime.wait
local message = ffi.new("mg_string")

local policy = {
  schema = {
    algorithm = { type = "string", one_of = { "token_bucket" }, default = "token_bucket" },
    rate = { type = "rate", required = true, doc = "how fast the bucket fills: 10/s, 600/m" },
    burst = { type = "number", min = 1, max = 1e9, doc = "how many it holds; as many as come in a second, at least 1" },
    key = {
      type = "list",
      values = "string",
      any_of = { "string" },
      default = { "remote_addr" },
      doc = "whose bucket it is: expressions; one bucket for all where they are empty",
    },
    store = { type = "string", default = "memory", doc = "memory, or a connection of `redis`" },
    on_error = {
      type = "string",
      one_of = { "open", "closed", "local" },
      default = "local",
      doc = "when Redis does not answer: let pass, refuse with 503, or count in this process",
    },
    headers = { type = "bool", default = true, doc = "RateLimit-Limit, -Remaining and -Reset in the answer" },
    name = { type = "string", doc = "limiters of one name share their buckets" },
  },
}

function policy.compile(conf, scope)
  conf.scope = scope == "global" and "global" or nil
  local json = cjson.encode(conf)
  local number = C.mg_limit_create(json, #json, message)
  if number < 0 then
    error("rate_limit: " .. ffi.string(message.data, message.size), 0)
  end
  return number
end

function policy.access(number)
  local status = C.mg_limit_take(number)
  if status == AGAIN then
    status = wait()
  end
  if status ~= 0 then
    ngx.exit(status)
  end
end

return policy
