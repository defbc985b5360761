# docs/ngx-api.md against what a script finds: each name it says is there must be, each it says is not must not be, and
# nothing may be there that it does not tell.

=== TEST 1: the table
--- gateway
lua: { shared_dicts: { DICT: 64KiB } }
--- config
- match: { path: /t }
  content: table.lua
--- user_files
>>> table.lua
local states, told = {}, {}
local file = assert(io.open(os.getenv("TEST_DIR") .. "/../docs/ngx-api.md"))
for line in file:lines() do
  local names, state = line:match("^| (`.-`) | ([%a ]-) |")
  if names then
    for name in names:gmatch("`([^`]+)`") do
      if told[name] then ngx.say("told twice: ", name) end
      told[name] = state
      states[state] = (states[state] or 0) + 1
    end
  end
end
file:close()

local modules = { "ngx.balancer", "ngx.base64", "ngx.errlog", "ngx.ocsp", "ngx.pipe", "ngx.process", "ngx.re", "ngx.req",
  "ngx.resp", "ngx.semaphore", "ngx.ssl", "ngx.ssl.clienthello" }
local proc = assert(require("ngx.pipe").spawn { "true" })
local objects = { tcpsock = ngx.socket.tcp(), udpsock = ngx.socket.udp(), proc = proc, sema = require("ngx.semaphore").new() }

local function walk(name)
  local value = _G
  for part in name:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[part]
  end
  return value
end
local function find(name)
  local object, method = name:match("^(%l+):([%l_]+)$")
  if object then
    return objects[object][method]
  end
  local module, field = name:match("^(.+)%.([%w_]+)$")
  local loaded, found = pcall(require, module)
  if loaded and found[field] ~= nil then
    return found[field]
  end
  return walk(name)
end

for name, state in pairs(told) do
  if state == "not there" then
    if find(name) ~= nil then ngx.say("is there: ", name) end
  elseif state == "there" or state == "differs" or state == "ours" then
    if find(name) == nil then ngx.say("is not there: ", name) end
  else
    ngx.say("unknown state \"", state, "\" of ", name)
  end
end

-- And the other way round.
local function check(prefix, of, deep)
  for key, value in pairs(of) do
    local name = prefix .. tostring(key)
    if deep and type(value) == "table" and not told[name] then
      check(name .. ".", value, true)
    elseif type(value) == "function" or (deep and type(value) ~= "table") then
      if not told[name] then ngx.say("is not told: ", name) end
    end
  end
end
check("ngx.", ngx, true)
for name in pairs(require("moongate.runtime").getters) do
  if not told["ngx." .. name] then ngx.say("is not told: ngx.", name) end
end
for _, name in ipairs(modules) do
  if name ~= "ngx.semaphore" then check(name .. ".", require(name)) end
end
for key in pairs(require "ngx.semaphore") do -- the class of its objects, too
  if not told["sema:" .. key] and not told["ngx.semaphore." .. key] and key ~= "version" then
    ngx.say("is not told: ngx.semaphore.", key)
  end
end
check("ngx.shared.DICT.", getmetatable(ngx.shared.DICT).__index)
check("tcpsock:", getmetatable(objects.tcpsock).__index)
check("udpsock:", getmetatable(objects.udpsock).__index)
check("proc:", getmetatable(proc).__index)
check("coroutine.", coroutine)
proc:wait()
assert(states["not there"] >= 4 and states.there >= 200)
ngx.say("walked")
--- request
GET /t
--- response_body
walked
