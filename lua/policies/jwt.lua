-- jwt: only requests with a good JSON Web Token go on (RFC 7519, 6750). The work is core/script/jwt_policy.cc.
local ffi = require "ffi"
local cjson = require "cjson"
local runtime = require "moongate.runtime"
local identity = require "moongate.identity"
local C, AGAIN = ffi.C, ffi.C.MG_AGAIN
local wait = runtime.wait
local message = ffi.new("mg_string")

local texts = { type = "list", values = "string", any_of = { "string" } }

local policy = {
  schema = {
    algorithms = {
      type = "list",
      required = true,
      min_items = 1,
      values = {
        type = "string",
        one_of = {
          "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
          "EdDSA",
        },
      },
      doc = "the only ones accepted; a key serves those of its own kind",
    },
    secret = { type = "secret", doc = "shared with the issuer, for HS256 and its kin" },
    public_key = { type = "secret", doc = "PEM text, or file:PATH" },
    jwks = { type = "any", doc = "a JSON Web Key Set: in place, its JSON text, or file:PATH", any_of = { "secret" } },
    jwks_url = { type = "string", pattern = "https?://.*", doc = "fetched at first need, then as jwks_ttl says" },
    jwks_ttl = { type = "duration", default = "5m", min = 1 },
    issuer = { type = "list", values = "string", any_of = { "string" }, doc = "iss is one of these" },
    audience = { type = "list", values = "string", any_of = { "string" }, doc = "aud names one of these" },
    scopes = { type = "list", values = "string", any_of = { "string" }, doc = "all of them are in scope or scp" },
    required_claims = texts,
    leeway = { type = "duration", default = 0, min = 0, max = 3600, doc = "for exp and nbf" },
    header = { type = "string", default = "Authorization", doc = "where the token is" },
    cookie = { type = "string", doc = "where it is looked for, too" },
    realm = { type = "string", default = "moongate" },
    optional = { type = "bool", default = false, doc = "requests without a token go on, without an identity" },
    forward_token = { type = "bool", default = false, doc = "leave the token in the request" },
    consumer_claim = { type = "string", default = "sub", doc = "who the caller is, for limits and logs" },
    headers = {
      type = "map",
      values = "string",
      default = { ["X-User-ID"] = "sub", ["X-User-Roles"] = "roles" },
      doc = "request headers and the claims they carry; a client's own are removed",
    },
    { exactly_one_of = { "secret", "public_key", "jwks", "jwks_url" } },
  },
}

function policy.compile(conf)
  if type(conf.jwks) == "table" then
    conf.jwks = cjson.encode(conf.jwks)
  end
  local json = cjson.encode(conf)
  local number = C.mg_jwt_create(json, #json, message)
  if number < 0 then
    error("jwt: " .. ffi.string(message.data, message.size), 0)
  end
  return number
end

function policy.access(number)
  local status = C.mg_jwt_check(number, 0)
  if status == AGAIN then
    wait()
    status = C.mg_jwt_check(number, 1)
  end
  if status ~= 0 then
    ngx.exit(status)
  end
  identity.offer_claims()
end

return policy
