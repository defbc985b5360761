-- What scripts of a policy with `trusted: false` get to see: run once in a VM of their own, after the runtime. Called
-- with the runtime and a searcher of the user's own modules; answers the table of their globals. Everything in it is a
-- copy: the gateway's own Lua goes on with the tables it has, which no script can reach. What a script must never hold:
-- ffi and its C objects, the debug library, environments and upvalues of the gateway's functions, bytecode, files,
-- processes.
local runtime, search_own = ...
local inner = _G
local type, error, pairs, ipairs, next, rawget, rawset = type, error, pairs, ipairs, next, rawget, rawset
local setmetatable, getmetatable, tostring, tonumber = setmetatable, getmetatable, tostring, tonumber
local native_load, concat = load, table.concat
local inner_require = require

local env = {}
env._G = env
env._VERSION = _VERSION

local function copy(from, names)
  local to = {}
  for name in names:gmatch "%S+" do
    to[name] = from[name]
  end
  return to
end

for name, value in pairs(copy(inner, [[
  assert error getmetatable ipairs next pairs pcall print rawequal rawget rawset select setmetatable tonumber tostring
  type unpack xpcall
]])) do
  env[name] = value
end

-- Methods of texts are looked for in this table, which stays the gateway's.
rawset(string, "dump", nil)
getmetatable("").__metatable = false
env.string = copy(string, "byte char find format gmatch gsub len lower match rep reverse sub upper")
env.table = copy(table, "concat foreach foreachi getn insert maxn move remove sort")
env.math = copy(math, [[
  abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min modf pi pow rad random
  randomseed sin sinh sqrt tan tanh
]])
env.coroutine = copy(coroutine, "create resume running status wrap yield isyieldable")
env.os = copy(os, "clock date difftime time")
env.bit = copy(require "bit", "arshift band bnot bor bswap bxor lshift rol ror rshift tobit tohex")

function env.collectgarbage(what)
  if what == nil or what == "count" then
    return inner.collectgarbage "count"
  end
  error("collectgarbage: only \"count\" is there for an untrusted policy", 2)
end

-- Text only, and with the sandbox's globals.
local function load_text(text, name, globals)
  if type(text) ~= "string" then
    error("bad argument #1 to 'load' (a text expected, got " .. type(text) .. ")", 3)
  end
  if globals ~= nil and type(globals) ~= "table" then
    error("bad environment: a table expected, got " .. type(globals), 3)
  end
  return native_load(text, name == nil and "=(load)" or tostring(name), "t", globals or env)
end

function env.loadstring(text, name)
  return load_text(text, name)
end

function env.load(source, name, _, globals)
  if type(source) ~= "function" then
    return load_text(source, name, globals)
  end
  local pieces = {}
  for i = 1, 1e6 do
    local piece = source()
    if piece == nil or piece == "" then
      break
    end
    if type(piece) ~= "string" then
      error("reader function must return a string", 2)
    end
    pieces[i] = piece
  end
  return load_text(concat(pieces), name, globals)
end

-- The API -----------------------------------------------------------------------------------------------------------

local inner_ngx = inner.ngx

-- Marks what scripts can ask for the metatable of.
local function seal(object)
  local meta = getmetatable(object)
  if meta ~= nil then
    meta.__metatable = false
  end
  return object
end

-- Computed fields (ngx.ctx, ngx.status, ...) go through the runtime's own functions.
local getters, setters = runtime.getters, runtime.setters
local ngx = setmetatable({}, {
  __index = function(_, name)
    local get = getters[name]
    if get ~= nil then
      local value = get()
      return value
    end
    return nil
  end,
  __newindex = function(self, name, value)
    local set = setters[name]
    if set ~= nil then
      set(value)
      return
    end
    rawset(self, name, value)
  end,
  __metatable = false,
})

for name, value in pairs(inner_ngx) do
  local kind = type(value)
  if kind == "number" or kind == "string" or (kind == "userdata" and value == inner_ngx.null) then
    rawset(ngx, name, value)
  end
end
for name in ([[
  cookie_time crc32_long crc32_short decode_args decode_base64 decode_base64mime encode_args encode_base64 eof
  escape_uri exec exit flush get_phase hmac_sha1 http_time localtime log md5 md5_bin now on_abort parse_http_time print
  quote_sql_str redirect say send_headers sha1_bin sleep time today unescape_uri update_time utctime
]]):gmatch "%S+" do
  rawset(ngx, name, rawget(inner_ngx, name))
end
for _, name in ipairs { "arg", "header", "var" } do
  rawset(ngx, name, seal(inner_ngx[name]))
end
-- By name: a function that the API gains is not there until somebody has thought about it.
for group, names in pairs {
  config = "debug nginx_version ngx_lua_version nginx_configure prefix subsystem",
  req = [[
    add_header append_body clear_header discard_body finish_body get_body_data get_body_file get_headers get_method
    get_post_args get_uri_args get_uri_ext http_version init_body is_internal raw_header read_body set_body_data
    set_header set_method set_uri set_uri_args start_time
  ]],
  resp = "add_header bypass_if_checks get_headers set_status",
  thread = "kill spawn wait",
  timer = "at every pending_count running_count",
  worker = "count exiting id pid pids",
} do
  rawset(ngx, group, copy(inner_ngx[group], names))
end

-- How many go into a C array: a number that is one.
local function counted(get_headers)
  return function(most, raw)
    if most ~= nil then
      most = tonumber(most)
      if most == nil or most ~= most then
        error("bad argument #1 to 'get_headers' (number expected)", 2)
      end
      most = math.floor(most < 0 and 0 or most > 1000 and 1000 or most)
    end
    local headers, truncated = get_headers(most, raw)
    local meta = getmetatable(headers)
    if meta then
      meta.__metatable = false
    end
    return headers, truncated
  end
end
ngx.req.get_headers = counted(ngx.req.get_headers)
ngx.resp.get_headers = counted(ngx.resp.get_headers)

local get_body_data = ngx.req.get_body_data
function ngx.req.get_body_data(most)
  return get_body_data(tonumber(most))
end

-- Regular expressions, with texts for texts and whole numbers for numbers. What the gateway reads of a `ctx` it reads
-- from a copy: a metamethod that matches something else meanwhile could have the expression freed that is in use.
local function text(value)
  value = tostring(value)
  if type(value) ~= "string" then
    error("a text expected, got " .. type(value), 3)
  end
  return value
end

local function options_of(options)
  if options ~= nil and type(options) ~= "string" then
    error("bad options: a text expected, got " .. type(options), 3)
  end
  return options
end

local function place_of(ctx)
  if ctx == nil then
    return nil
  elseif type(ctx) ~= "table" then
    error("bad ctx: a table expected, got " .. type(ctx), 3)
  end
  local pos = tonumber(ctx.pos)
  if pos == nil or pos ~= pos or pos < 1 then
    pos = 1
  end
  return { pos = math.floor(pos < 2 ^ 31 and pos or 2 ^ 31 - 1) }
end

local inner_re, re = inner_ngx.re, {}

function re.match(subject, regex, options, ctx, captures)
  if captures ~= nil and (type(captures) ~= "table" or getmetatable(captures) ~= nil) then
    error("bad captures: a plain table expected", 2)
  end
  local place = place_of(ctx)
  local found, message = inner_re.match(text(subject), text(regex), options_of(options), place, captures)
  if place then
    ctx.pos = place.pos
  end
  return found, message
end

function re.find(subject, regex, options, ctx, nth)
  nth = tonumber(nth) or 0
  if nth % 1 ~= 0 then
    error("bad nth: a whole number expected", 2)
  end
  local place = place_of(ctx)
  local from, to, message = inner_re.find(text(subject), text(regex), options_of(options), place, nth)
  if place then
    ctx.pos = place.pos
  end
  return from, to, message
end

function re.gmatch(subject, regex, options)
  local iterate, message = inner_re.gmatch(text(subject), text(regex), options_of(options))
  return iterate, message
end

function re.sub(subject, regex, with, options)
  local new, count, message = inner_re.sub(text(subject), text(regex), with, options_of(options))
  return new, count, message
end

function re.gsub(subject, regex, with, options)
  local new, count, message = inner_re.gsub(text(subject), text(regex), with, options_of(options))
  return new, count, message
end

rawset(ngx, "re", re)

runtime.dict_meta.__metatable = false
local shared = {}
for name, dict in pairs(inner_ngx.shared) do
  shared[name] = dict
end
rawset(ngx, "shared", shared)
env.ngx = ngx

-- Modules -----------------------------------------------------------------------------------------------------------

-- What the gateway's modules read more than once, or keep pointers to, they get as plain tables: a metamethod that
-- changes a list while it is read would have them write past the end of an array.
local function plain(list)
  if type(list) ~= "table" then
    error("a table expected, got " .. type(list), 3)
  end
  local to = {}
  for key, value in next, list do
    to[key] = value
  end
  return to
end

local function plain_request(request)
  local to = plain(request)
  if type(to.headers) == "table" then
    to.headers = plain(to.headers)
    for name, value in next, to.headers do
      if type(value) == "table" then
        to.headers[name] = plain(value)
      end
    end
  end
  return to
end

local inner_split = inner_require("ngx.re").split

local function split(subject, regex, options, ctx, max, res)
  local pieces, message =
    inner_split(text(subject), text(regex), options_of(options), place_of(ctx), tonumber(max), res)
  return pieces, message
end

local http = inner_require "moongate.http"
local redis = inner_require "moongate.redis"
local identity = inner_require "moongate.identity"
local problem = inner_require "moongate.problem"

local handles = setmetatable({}, { __mode = "k" })
local redis_methods = {}
local handle_meta = {
  __index = function(_, name)
    if type(name) ~= "string" then
      return nil
    end
    local method = redis_methods[name]
    if method == nil then
      method = function(self, ...)
        local handle = handles[self]
        if handle == nil then
          error("not a Redis handle", 2)
        end
        return handle[name](handle, ...)
      end
    end
    return method
  end,
  __metatable = false,
}

local function handle_of(self)
  return handles[self] or error("not a Redis handle", 3)
end

function redis_methods.pipeline(self, commands)
  local list = plain(commands)
  for i, command in ipairs(list) do
    list[i] = plain(command)
  end
  return handle_of(self):pipeline(list)
end

function redis_methods.eval(self, script, keys, args)
  return handle_of(self):eval(script, plain(keys or {}), plain(args or {}))
end

-- Those of the gateway that untrusted scripts may have.
local offered = {
  ["moongate.http"] = {
    fetch = function(request)
      return http.fetch(plain_request(request))
    end,
    fetch_all = function(requests)
      local list = plain(requests)
      for i = 1, #list do
        list[i] = plain_request(list[i])
      end
      return http.fetch_all(list)
    end,
  },
  ["moongate.redis"] = {
    get = function(name, options)
      local handle, message = redis.get(name, { timeout = tonumber(options and options.timeout) or 0 })
      if handle == nil then
        return nil, message
      end
      local box = setmetatable({}, handle_meta)
      handles[box] = handle
      return box
    end,
  },
  ["ngx.re"] = { split = split },
  ["moongate.identity"] = { consumer = identity.consumer, claims = identity.claims },
  ["moongate.problem"] = { exit = problem.exit },
}

local loaded = { _G = env, bit = env.bit, coroutine = env.coroutine, math = env.math, ngx = ngx, os = env.os,
  string = env.string, table = env.table }
env.package = { loaded = loaded, preload = {}, path = "", cpath = "" }

local function json(name)
  return copy(inner_require(name), [[
    decode encode null empty_array array_mt empty_array_mt new encode_empty_table_as_object encode_max_depth
    decode_max_depth encode_number_precision encode_sparse_array encode_invalid_numbers decode_invalid_numbers
    decode_array_with_array_mt encode_escape_forward_slash _NAME _VERSION
  ]])
end

offered["cjson"], offered["cjson.safe"] = json "cjson", json "cjson.safe"
offered["table.new"], offered["table.clear"] = inner_require "table.new", inner_require "table.clear"

local loading = {}

local function load_own(name)
  local chunk = search_own(name)
  if type(chunk) ~= "function" then
    error("module '" .. name .. "' not found:" .. (chunk or "") ..
      "\n\tan untrusted policy has its own modules (lua.path), cjson, and moongate.http, identity, problem, redis", 3)
  end
  return chunk(name)
end

function env.require(name)
  if type(name) ~= "string" then
    error("bad argument #1 to 'require' (string expected, got " .. type(name) .. ")", 2)
  end
  local known = rawget(loaded, name)
  if known ~= nil then
    return known
  end
  if loading[name] then
    error("loop or previous error loading module '" .. name .. "'", 2)
  end
  local module
  if offered[name] then
    module = offered[name]
  else
    loading[name] = true
    module = load_own(name)
    loading[name] = nil
  end
  if module == nil then
    module = rawget(loaded, name)
  end
  if module == nil then
    module = true
  end
  loaded[name] = module
  return module
end

-- Globals that a policy writes are an error here, too.
runtime.strict_environment = setmetatable({}, {
  __index = env,
  __newindex = function(_, name)
    error("global '" .. tostring(name) .. "' is written here: declare it local (lua.strict_globals)", 2)
  end,
  __metatable = false,
})

return env
