-- moongate.identity: who the caller is, as an authenticating policy has found out.
--
--   local identity = require "moongate.identity"
--   identity.consumer()            -- "u1", or nil
--   identity.claims()              -- the claims of the verified token as a table, or nil (ngx.ctx.jwt_claims)
--   identity.set("u1", {plan = 1}) -- for an authenticating policy of your own
local ffi = require "ffi"
local cjson = require "cjson"
local runtime = require "moongate.runtime"
local C, ffi_string = ffi.C, ffi.string
local out = ffi.new("mg_string")

local identity = {}

function identity.consumer()
  if C.mg_identity_consumer(out) ~= 0 then
    return nil
  end
  local name = ffi_string(out.data, out.size)
  return name
end

function identity.claims()
  if C.mg_identity_claims(out) ~= 0 then
    return nil
  end
  local text = ffi_string(out.data, out.size)
  return (cjson.decode(text))
end

function identity.set(consumer, claims)
  local text = claims and cjson.encode(claims) or ""
  consumer = consumer or ""
  C.mg_identity_set(consumer, #consumer, text, #text)
end

-- ngx.ctx.jwt_claims is decoded when it is first read.
local lazy = {
  __index = function(ctx, name)
    if name ~= "jwt_claims" then
      return nil
    end
    local claims = identity.claims()
    rawset(ctx, "jwt_claims", claims)
    return claims
  end,
}

function identity.offer_claims()
  local ctx = runtime.context_table()
  if getmetatable(ctx) == nil then
    setmetatable(ctx, lazy)
  end
end

return identity
