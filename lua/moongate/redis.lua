-- moongate.redis: Redis by the names of the configuration's `redis`. All requests of a loop share one connection, and
-- commands of one moment leave in one write; nothing here blocks the loop.
--
--   local redis = require("moongate.redis").get("main")
--   local value, err = redis:command("GET", "key")          -- ngx.null: there is none
--   local value, err = redis:get("key")                      -- any command as a method
--   local result, err = redis:eval(script, { "key" }, { 1 }) -- EVALSHA, the text only where the server lacks it
--   local replies, err = redis:pipeline { { "INCR", "a" }, { "GET", "b" } }
--
-- Replies: texts, numbers, ngx.null, lists; an error reply is nil and its text, within a list {false, text}.
-- Commands that block or change the connection's state (BLPOP, SUBSCRIBE, MULTI, SELECT) do not fit a shared one.
local ffi = require "ffi"
local runtime = require "moongate.runtime"
local C, ffi_string, ffi_new = ffi.C, ffi.string, ffi.new
local check_wait, wait = runtime.check_wait, runtime.wait
local type, tostring, select = type, tostring, select
local AGAIN = C.MG_AGAIN
local message, name_place, script_place = ffi_new("mg_string"), ffi_new("mg_string"), ffi_new("mg_string")

local redis = {}
local methods = {}

-- Fills `array` from `at` on with the arguments; they are kept alive in `anchors`.
local function put(array, at, anchors, value)
  local kind = type(value)
  if kind ~= "string" then
    if kind ~= "number" and kind ~= "boolean" then
      error("bad redis argument: a string, number or boolean expected, got " .. kind, 4)
    end
    value = tostring(value)
    anchors[#anchors + 1] = value
  end
  array[at].data, array[at].size = value, #value
end

local function failed()
  local text = ffi_string(message.data, message.size)
  return nil, text
end

local function name_of(self)
  name_place.data, name_place.size = self.name, #self.name
  return name_place
end

local single = ffi_new("int[1]")

function methods:command(...)
  check_wait()
  local count = select("#", ...)
  if count == 0 then
    error("bad argument #1 to 'command' (a command expected)", 2)
  end
  local values, anchors = { ... }, {}
  local array = ffi_new("mg_string[?]", count)
  for i = 1, count do
    put(array, i - 1, anchors, values[i])
  end
  single[0] = count
  if C.mg_redis_send(name_of(self), array, single, 1, 0, self.timeout, message) ~= AGAIN then
    return failed()
  end
  return wait()
end

function methods:pipeline(commands)
  check_wait()
  local total, anchors = 0, {}
  if #commands == 0 then
    return {}
  end
  for _, command in ipairs(commands) do
    if type(command) ~= "table" or #command == 0 then
      error("bad argument #1 to 'pipeline' (a list of commands expected, each a list)", 2)
    end
    total = total + #command
  end
  local array, counts = ffi_new("mg_string[?]", total), ffi_new("int[?]", #commands)
  local at = 0
  for i, command in ipairs(commands) do
    counts[i - 1] = #command
    for j = 1, #command do
      put(array, at, anchors, command[j])
      at = at + 1
    end
  end
  if C.mg_redis_send(name_of(self), array, counts, #commands, 1, self.timeout, message) ~= AGAIN then
    return failed()
  end
  return wait()
end

-- The SHA-1 of each script's text, made once; scripts are few, and texts that are made up anew are forgotten again.
local digests, known, MOST = {}, 0, 256
local hexadecimal = ffi_new("mg_string")

local function digest_of(script)
  local digest = digests[script]
  if digest == nil then
    C.mg_encode_digest(1, script, #script, hexadecimal)
    local binary = ffi_string(hexadecimal.data, hexadecimal.size)
    C.mg_encode_hex(binary, #binary, hexadecimal)
    digest = ffi_string(hexadecimal.data, hexadecimal.size)
    known = known + 1
    if known > MOST then
      digests, known = {}, 1
    end
    digests[script] = digest
  end
  return digest
end

function methods:eval(script, keys, args)
  check_wait()
  if type(script) ~= "string" then
    error("bad argument #1 to 'eval' (a script's text expected, got " .. type(script) .. ")", 2)
  end
  keys, args = keys or {}, args or {}
  local count, anchors = #keys + #args, {}
  local array = ffi_new("mg_string[?]", count > 0 and count or 1)
  for i = 1, #keys do
    put(array, i - 1, anchors, keys[i])
  end
  for i = 1, #args do
    put(array, #keys + i - 1, anchors, args[i])
  end
  script_place.data, script_place.size = script, #script
  local digest = digest_of(script)
  local code = C.mg_redis_eval(name_of(self), script_place, digest, array, #keys, count, self.timeout, message)
  if code ~= AGAIN then
    return failed()
  end
  return wait()
end

-- Any other method is the command of that name.
local meta = {
  __index = function(_, name)
    local method = methods[name]
    if method == nil then
      local command = name:upper()
      method = function(self, ...)
        return self:command(command, ...)
      end
      methods[name] = method
    end
    return method
  end,
}

-- A handle; options.timeout in seconds stands in for the configured one. nil and an error: there is no such connection.
function redis.get(name, options)
  if type(name) ~= "string" then
    error("bad argument #1 to 'get' (a connection's name expected, got " .. type(name) .. ")", 2)
  end
  if runtime.current.slot ~= 0 and C.mg_redis_known(name, #name) == 0 then
    return nil, "no redis connection \"" .. name .. "\" is configured"
  end
  return setmetatable({ name = name, timeout = options and options.timeout or 0 }, meta)
end

return redis
