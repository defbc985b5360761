-- aggregate: one JSON object made of several upstreams' answers, asked at once. The work is
-- core/script/aggregate_policy.cc.
local ffi = require "ffi"
local cjson = require "cjson"
local runtime = require "moongate.runtime"
local problem = require "moongate.problem"
local C, AGAIN = ffi.C, ffi.C.MG_AGAIN
local wait = runtime.wait
local message = ffi.new("mg_string")

local policy = {
  answers = true,  -- a route with it needs no upstream, respond, redirect or content
  schema = {
    parts = {
      type = "map",
      required = true,
      min_items = 1,
      max_items = 32,
      values = {
        upstream = { type = "string", required = true },
        path = { type = "string", default = "/", raw_text = true, doc = "a template, with a query if need be" },
        required = { type = "bool", doc = "without it, no answer; true unless there is a default" },
        default = { type = "any", doc = "stands in for an answer that does not come" },
        timeout = { type = "duration", default = "5s", min = 0.001 },
      },
      doc = "members of the object, by name",
    },
    query = { type = "bool", default = false, doc = "each part gets the request's query, too" },
    headers = {
      type = "list",
      values = "string",
      any_of = { "string" },
      default = { "X-Request-ID", "X-User-ID", "X-User-Roles", "Accept-Language" },
      doc = "fields of the request that each part gets",
    },
    limit = { type = "size", default = 1048576, doc = "of each part's answer" },
  },
}

function policy.compile(conf)
  local json = cjson.encode(conf)
  local number = C.mg_aggregate_create(json, #json, message)
  if number < 0 then
    error("aggregate: " .. ffi.string(message.data, message.size), 0)
  end
  return number
end

function policy.access(number)
  local code = C.mg_aggregate_run(number, message)
  if code ~= AGAIN then
    error("aggregate: " .. ffi.string(message.data, message.size), 0)
  end
  local body, partial = wait()
  if not body then
    return problem.exit(502, partial)
  end
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Content-Length"] = #body
  if partial then
    ngx.header["Cache-Control"] = "no-store"
  end
  ngx.print(body)
  ngx.exit(200)
end

return policy
