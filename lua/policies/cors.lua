-- cors: answers preflights and lets pages of the named origins read answers (the Fetch standard's CORS protocol).
local concat, lower, find = table.concat, string.lower, string.find

local policy = {
  schema = {
    origins = {
      type = "list",
      required = true,
      min_items = 1,
      values = { type = "string", pattern = "\\*|null|[a-z][a-z0-9+.-]*://(\\*\\.)?[^*/]+" },
      doc = "https://app.example.com, https://*.example.com, or *",
    },
    methods = { type = "list", values = "string", default = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" } },
    headers = {
      type = "list",
      values = "string",
      default = { "*" },
      doc = "request headers a page may send; * allows those it asks for",
    },
    expose = { type = "list", values = "string", doc = "response headers a page may read" },
    credentials = { type = "bool", default = false, doc = "pages may send cookies and authorization" },
    max_age = { type = "duration", default = "10m", min = 0, max = 86400 },
  },
}

-- "https://*.example.com" as what comes before and after the star.
local function split_wildcard(origin)
  local scheme, rest = origin:match("^([^:]+://)%*(%..+)$")
  return scheme, rest
end

function policy.compile(conf)
  local compiled = {
    exact = {},
    wildcards = {},
    any = false,
    credentials = conf.credentials,
    methods = concat(conf.methods, ", "),
    expose = conf.expose and #conf.expose > 0 and concat(conf.expose, ", ") or nil,
    max_age = tostring(math.floor(conf.max_age)),
  }
  if conf.headers[1] ~= "*" then
    compiled.headers = concat(conf.headers, ", ")
  end
  for _, origin in ipairs(conf.origins) do
    local scheme, rest = split_wildcard(origin)
    if origin == "*" then
      compiled.any = true
    elseif scheme then
      table.insert(compiled.wildcards, { scheme = lower(scheme), rest = lower(rest) })
    else
      compiled.exact[lower(origin)] = true
    end
  end
  if compiled.any and conf.credentials then
    error("cors: with credentials, origins must be named: \"*\" would let every page act for the user", 0)
  end
  return compiled
end

-- Whether pages of that origin may read the answers.
function policy.allows(conf, origin)
  if conf.any then
    return true
  end
  local plain = lower(origin)
  if conf.exact[plain] then
    return true
  end
  for _, wildcard in ipairs(conf.wildcards) do
    local scheme, rest = wildcard.scheme, wildcard.rest
    if #plain > #scheme + #rest and plain:sub(1, #scheme) == scheme and plain:sub(-#rest) == rest and
      not find(plain:sub(#scheme + 1, -#rest - 1), "[^a-z0-9.-]") then
      return true
    end
  end
  return false
end

-- Adds Origin to Vary: the answer depends on it, also where it names nobody.
local function vary(header)
  local before = header["Vary"]
  if type(before) == "table" then
    before = concat(before, ", ")
  end
  if before == nil or before == "" then
    header["Vary"] = "Origin"
  elseif before ~= "*" and not (", " .. lower(before) .. ","):find("[, ]origin[ ]*,") then
    header["Vary"] = before .. ", Origin"
  end
end

local function allow_origin(conf, header, origin)
  header["Access-Control-Allow-Origin"] = conf.any and "*" or origin
  if conf.credentials then
    header["Access-Control-Allow-Credentials"] = "true"
  end
end

-- A preflight never reaches authentication or the upstream: it carries no credentials.
function policy.rewrite(conf)
  if ngx.req.get_method() ~= "OPTIONS" then
    return
  end
  local var, header = ngx.var, ngx.header
  local origin, method = var.http_origin, var.http_access_control_request_method
  if not origin or origin == "" or not method or method == "" then
    return
  end
  if policy.allows(conf, origin) then
    header["Access-Control-Allow-Methods"] = conf.methods
    local asked = conf.headers or var.http_access_control_request_headers
    if asked and asked ~= "" then
      header["Access-Control-Allow-Headers"] = asked
    end
    header["Access-Control-Max-Age"] = conf.max_age
  end
  ngx.exit(204)
end

local own = {
  "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers",
}

function policy.header_filter(conf)
  local header, origin = ngx.header, ngx.var.http_origin
  for _, name in ipairs(own) do  -- the gateway's word counts, not an upstream's
    header[name] = nil
  end
  if not conf.any then
    vary(header)
  end
  if not origin or origin == "" or not policy.allows(conf, origin) then
    return
  end
  allow_origin(conf, header, origin)
  if conf.expose then
    header["Access-Control-Expose-Headers"] = conf.expose
  end
end

return policy
