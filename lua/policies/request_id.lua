-- request_id: the id under which a request is known to the logs, the upstream and the client. The work is
-- core/script/ffi/identity.cc.
local ffi = require "ffi"
local cjson = require "cjson"
local C = ffi.C
local message = ffi.new("mg_string")

local policy = {
  schema = {
    header = { type = "string", default = "X-Request-ID", pattern = "[A-Za-z0-9-]+" },
    trust = {
      type = "string",
      one_of = { "proxies", "always", "never" },
      default = "proxies",
      doc = "whose id is kept: that of trusted_proxies, of anyone, of nobody",
    },
    respond = { type = "bool", default = true, doc = "the answer carries it, too" },
  },
}

function policy.compile(conf)
  local json = cjson.encode(conf)
  local number = C.mg_request_id_create(json, #json, message)
  if number < 0 then
    error("request_id: " .. ffi.string(message.data, message.size), 0)
  end
  return number
end

function policy.rewrite(number)
  C.mg_request_id_apply(number)
end

return policy
