# Code in the manner of OpenResty's libraries that Debian does not package, written here against what their
# documentation says they use: locks and limiters over shared dictionaries, caches in levels, multipart uploads, an
# HTTP client over cosockets, tokens by OpenSSL through ffi.

=== TEST 1: a lock over a shared dictionary, with back-off and a finalizer
--- gateway
lua: { shared_dicts: { locks: 64KiB } }
--- user_files
>>> locks.lua
local ffi = require "ffi"
local shared = ngx.shared
local setmetatable, min, ffi_gc = setmetatable, math.min, ffi.gc
local held = {}
local _M = {}
local mt = { __index = _M }

local function give_back(cdata)
  local id = tonumber(cdata.id)
  local lock = held[id]
  if lock then
    held[id] = nil
    lock.dict:delete(lock.key)
  end
end

ffi.cdef [[ struct test_lock_ref { int id; }; ]]
local ref_type = ffi.metatype("struct test_lock_ref", { __gc = give_back })
local next_id = 0

function _M.new(_, name, options)
  local dict = shared[name]
  if not dict then
    return nil, "dictionary not found"
  end
  options = options or {}
  local ref = ref_type()
  ref.id = 0
  return setmetatable({
    dict = dict, ref = ref, timeout = options.timeout or 5, exptime = options.exptime or 30,
    step = options.step or 0.001, ratio = options.ratio or 2, max_step = options.max_step or 0.5,
  }, mt)
end

function _M:lock(key)
  if self.ref.id > 0 then
    return nil, "locked"
  end
  local dict = self.dict
  local step, timeout, elapsed = self.step, self.timeout, 0
  while true do
    local ok, err = dict:add(key, true, self.exptime)
    if ok then
      next_id = next_id + 1
      self.ref.id, self.key = next_id, key
      held[next_id] = { dict = dict, key = key }
      return elapsed
    elseif err ~= "exists" then
      return nil, err
    elseif timeout <= 0 then
      return nil, "timeout"
    end
    local pause = min(step, timeout)
    ngx.sleep(pause)
    elapsed, timeout = elapsed + pause, timeout - pause
    step = min(step * self.ratio, self.max_step)
  end
end

function _M:unlock()
  if self.ref.id == 0 then
    return nil, "unlocked"
  end
  held[self.ref.id] = nil
  self.ref.id = 0
  self.dict:delete(self.key)
  return 1
end

return _M
--- config
- match: { path: /t }
  content:
    lua: |
      local locks = require "locks"
      ngx.say((select(2, locks:new("none"))))
      local first, second = locks:new("locks"), locks:new("locks", { timeout = 0.01 })
      ngx.say(first:lock("k"), " ", (select(2, first:lock("k"))), " ", (select(2, second:lock("k"))))
      local waiter = ngx.thread.spawn(function()
        local patient = locks:new("locks")
        local elapsed = assert(patient:lock("k"))
        ngx.say("got it after a wait: ", elapsed > 0)
        return patient:unlock()
      end)
      ngx.say(first:unlock(), " ", (select(2, first:unlock())))
      ngx.say((select(2, ngx.thread.wait(waiter))))
      do
        local lost = locks:new("locks")
        lost:lock("lost")
      end
      collectgarbage() collectgarbage()
      ngx.say("given back by the collector: ", locks:new("locks"):lock("lost"))
--- request
GET /t
--- response_body
dictionary not found
0 locked timeout
1 unlocked
got it after a wait: true
1
given back by the collector: 0

=== TEST 2: a leaky bucket whose state is a struct in the dictionary
--- gateway
lua: { shared_dicts: { limits: 64KiB } }
--- clock
2026-01-01T00:00:00Z
+0ms
+0ms
+0ms
+1s
--- user_files
>>> leaky.lua
local ffi = require "ffi"
ffi.cdef [[ struct test_leaky { unsigned long excess; uint64_t last; }; ]]
local const_ptr, size = ffi.typeof("const struct test_leaky*"), ffi.sizeof("struct test_leaky")
local record = ffi.new("struct test_leaky")
local _M = {}
local mt = { __index = _M }

function _M.new(name, rate, burst)
  return setmetatable({ dict = assert(ngx.shared[name]), rate = rate * 1000, burst = burst * 1000 }, mt)
end

function _M:incoming(key, commit)
  local now, excess = ngx.now() * 1000, 0
  local value = self.dict:get(key)
  if value then
    if type(value) ~= "string" or #value ~= size then
      return nil, "shdict abused by other users"
    end
    local before = ffi.cast(const_ptr, value)
    local elapsed = now - tonumber(before.last)
    excess = math.max(tonumber(before.excess) - self.rate * math.abs(elapsed) / 1000 + 1000, 0)
    if excess > self.burst then
      return nil, "rejected"
    end
  end
  if commit then
    record.excess, record.last = excess, now
    self.dict:set(key, ffi.string(record, size))
  end
  return excess / self.rate, excess / 1000
end

return _M
--- config
- match: { path: /t }
  policies:
  - lua:
      access: |
        local limit = require("leaky").new("limits", 2, 2)
        local delay, err = limit:incoming(ngx.var.remote_addr, true)
        if not delay then
          if err == "rejected" then return ngx.exit(503) end
          return ngx.exit(500)
        end
        if delay >= 0.001 then ngx.req.set_header("X-Delay", delay) ngx.sleep(0.001) end
  content: { lua: "ngx.say(ngx.var.http_x_delay or 'at once')" }
--- requests
GET /t
GET /t
GET /t
GET /t
GET /t
--- error_code: 200 200 200 503 200
--- response_body_like
^at once$
---8<---
^0\.5$
---8<---
^1$
---8<---
503
---8<---
^0\.5$

=== TEST 3: a cache of three levels, its callback under a lock
--- gateway
lua: { shared_dicts: { l2: 64KiB, l2_locks: 64KiB } }
--- user_files
>>> levels.lua
local cjson = require "cjson.safe"
local new_tab = require "table.new"
local _M = {}
local mt = { __index = _M }
local NOTHING = "\0nothing"

function _M.new(name, options)
  return setmetatable({
    l1 = new_tab(0, 16), dict = assert(ngx.shared[name]), locks = assert(ngx.shared[name .. "_locks"]),
    ttl = options.ttl or 30, neg_ttl = options.neg_ttl or 5,
  }, mt)
end

local function unpacked(value)
  if value == NOTHING then
    return nil
  end
  return cjson.decode(value).value
end

-- value, error, and the level that had it
function _M:get(key, options, callback, ...)
  local item = self.l1[key]
  if item and item.until_ > ngx.now() then
    return item.value, nil, 1
  end
  local value = self.dict:get(key)
  local level = 2
  if value == nil then
    while not self.locks:add(key, true, 10) do
      ngx.sleep(0.001)
    end
    value = self.dict:get(key)
    if value == nil then
      level = 3
      local ok, result, err = pcall(callback, ...)
      if not ok or err then
        self.locks:delete(key)
        return nil, "callback threw an error: " .. tostring(ok and err or result), nil
      end
      value = result == nil and NOTHING or cjson.encode { value = result }
      local ttl = result == nil and self.neg_ttl or options and options.ttl or self.ttl
      assert(self.dict:safe_set(key, value, ttl))
    end
    self.locks:delete(key)
  end
  local remaining = self.dict:ttl(key)
  self.l1[key] = { value = unpacked(value), until_ = ngx.now() + (remaining or 0) }
  return self.l1[key].value, nil, level
end

function _M:forget(key)
  self.l1[key] = nil
end

function _M:delete(key)
  self:forget(key)
  self.dict:delete(key)
end

return _M
--- config
- match: { path: /t }
  content:
    lua: |
      local cache = require("levels").new("l2", { ttl = 10, neg_ttl = 10 })
      local calls = 0
      local function load_user(id)
        calls = calls + 1
        ngx.sleep(0.005)
        return { id = id }
      end
      local threads = {}
      for i = 1, 5 do
        threads[i] = ngx.thread.spawn(function()
          local user, err, level = cache:get("u1", nil, load_user, 7)
          return user.id .. ":" .. level
        end)
      end
      local answers = {}
      for i = 1, 5 do answers[i] = select(2, ngx.thread.wait(threads[i])) end
      table.sort(answers)
      ngx.say(table.concat(answers, " "), " calls ", calls)
      ngx.say((select(3, cache:get("u1", nil, load_user, 7))))
      cache:forget("u1")
      ngx.say((select(3, cache:get("u1", nil, load_user, 7))), " calls ", calls)
      local none, err, level = cache:get("none", nil, function() return nil end)
      ngx.say(tostring(none), " ", tostring(err), " ", level, " ", (select(3, cache:get("none", nil, error))))
      ngx.say((select(2, cache:get("bad", nil, function() error("no database", 0) end))))
      cache:delete("u1")
      ngx.say((select(3, cache:get("u1", { ttl = 1 }, load_user, 8))), " calls ", calls)
--- request
GET /t
--- response_body
7:2 7:2 7:2 7:2 7:3 calls 1
1
2 calls 1
nil nil 3 1
callback threw an error: no database
3 calls 2

=== TEST 4: a multipart upload, read piece by piece off the socket
--- user_files
>>> upload.lua
local _M = {}
local mt = { __index = _M }

function _M.new(_, chunk_size)
  local kind = ngx.var.content_type
  local boundary = kind and kind:match(';%s*boundary="([^"]+)"') or kind and kind:match(";%s*boundary=([^\",;]+)")
  if not boundary then
    return nil, "no boundary defined in Content-Type"
  end
  local sock, err = ngx.req.socket()
  if not sock then
    return nil, err
  end
  local part, err = sock:receiveuntil("\r\n--" .. boundary)
  if not part then
    return nil, err
  end
  return setmetatable({ sock = sock, part = part, first = sock:receiveuntil("--" .. boundary), size = chunk_size,
                        state = "start" }, mt)
end

function _M:set_timeout(ms)
  self.sock:settimeout(ms)
end

function _M:after_boundary()
  local two, err = self.sock:receive(2)
  if not two then
    return nil, nil, err
  end
  if two == "--" then
    self.state = "eof"
    return "part_end"
  end
  if two ~= "\r\n" then
    self.sock:receive("*l")
  end
  self.state = "header"
  return "part_end"
end

function _M:read()
  if self.state == "start" then
    local preamble, err = self.first()
    if not preamble then
      return nil, nil, err
    end
    self:after_boundary()
  end
  if self.state == "header" then
    local line, err = self.sock:receive("*l")
    if not line then
      return nil, nil, err
    end
    if line == "" then
      self.state = "body"
    else
      local name, value = line:match("([^: \t]+)%s*:%s*(.+)")
      return "header", { name, value, line }
    end
  end
  if self.state == "body" then
    local data, err = self.part(self.size)
    if data then
      return "body", data
    elseif err then
      return nil, nil, err
    end
    return self:after_boundary()
  end
  return "eof"
end

return _M
--- config
- match: { path: /t }
  content:
    lua: |
      local form, err = require("upload"):new(5)
      if not form then return ngx.say("refused: ", err) end
      form:set_timeout(1000)
      while true do
        local kind, what, err = form:read()
        if not kind then return ngx.say("failed: ", err) end
        local text = type(what) == "table" and what[1] .. "=" .. what[2] or what
        ngx.say(kind, text and " " .. text:gsub("\r\n", "|") or "")
        if kind == "eof" then return end
      end
--- raw_request
POST /t HTTP/1.1\r
Host: h\r
Content-Type: multipart/form-data; boundary=XX\r
Content-Length: 128\r
\r
--XX\r
Content-Disposition: form-data; name="a"\r
\r
hello world\r
--XX\r
Content-Disposition: form-data; name="b"\r
\r
\r
--X\r
--XX--\r
POST /t HTTP/1.1\r
Host: h\r
Content-Type: text/plain\r
Content-Length: 1\r
Connection: close\r
\r
x
--- error_code: 200 200
--- response_body
header Content-Disposition=form-data; name="a"
body hello
body  worl
body d
part_end
header Content-Disposition=form-data; name="b"
body |--X
body 
part_end
eof
---8<---
refused: no boundary defined in Content-Type

=== TEST 5: an HTTP client over cosockets, its body read by a coroutine
--- upstream
>>> GET /one chunked
200 OK

hello
world
>>> POST /two
201 Created
X-Made: by upstream

made
--- user_files
>>> client.lua
local _M = {}
local mt = { __index = _M }

function _M.new()
  local sock, err = ngx.socket.tcp()
  if not sock then
    return nil, err
  end
  return setmetatable({ sock = sock }, mt)
end

function _M:set_timeouts(...) return self.sock:settimeouts(...) end
function _M:connect(host, port) return self.sock:connect(host, port, { pool = host .. ":" .. port, pool_size = 2 }) end
function _M:set_keepalive(...) return self.sock:setkeepalive(...) end
function _M:get_reused_times() return self.sock:getreusedtimes() end

local function chunked_reader(sock)
  return coroutine.wrap(function()
    while true do
      local line, err = sock:receive("*l")
      if not line then
        coroutine.yield(nil, err)
      end
      local size = tonumber(line, 16)
      if size == 0 then
        sock:receive("*l")
        return
      end
      local data, err = sock:receive(size)
      sock:receive(2)
      coroutine.yield(data, err)
    end
  end)
end

local function length_reader(sock, left)
  return coroutine.wrap(function()
    while left > 0 do
      local data, err = sock:receiveany(math.min(left, 3))
      if not data then
        coroutine.yield(nil, err)
      end
      left = left - #data
      coroutine.yield(data)
    end
  end)
end

function _M:request(options)
  local lines = { options.method .. " " .. options.path .. " HTTP/1.1\r\n", "Host: test\r\n" }
  if options.body then
    lines[#lines + 1] = "Content-Length: " .. #options.body .. "\r\n"
  end
  lines[#lines + 1] = "\r\n"
  local sent, err = self.sock:send { lines, options.body or "" }
  if not sent then
    return nil, err
  end
  local status = tonumber((assert(self.sock:receive("*l")):match("^HTTP/1%.1 (%d+)")))
  local headers = setmetatable({}, { __index = function(t, k) return rawget(t, k:lower()) end })
  for line in function() return assert(self.sock:receive("*l")) end do
    local name, value = line:match("^(.-):%s*(.*)")
    if not name then
      break
    end
    headers[name:lower()] = value
  end
  local reader
  if headers["Transfer-Encoding"] == "chunked" then
    reader = chunked_reader(self.sock)
  else
    reader = length_reader(self.sock, tonumber(headers["Content-Length"] or 0))
  end
  return { status = status, headers = headers, body_reader = reader }
end

return _M
--- config
- match: { path: /t }
  content:
    lua: |
      local host, port = os.getenv("UPSTREAM"):match("(.*):(.*)")
      local client = require("client").new()
      client:set_timeouts(1000, 1000, 1000)
      assert(client:connect(host, tonumber(port)))
      local response = assert(client:request { method = "GET", path = "/one" })
      local pieces = {}
      for piece in response.body_reader do pieces[#pieces + 1] = piece end
      ngx.say(response.status, " ", table.concat(pieces, "|"))
      ngx.say(client:set_keepalive(1000, 2))
      assert(client:connect(host, tonumber(port)))
      ngx.say("reused ", client:get_reused_times())
      response = assert(client:request { method = "POST", path = "/two", body = "x" })
      pieces = {}
      for piece in response.body_reader do pieces[#pieces + 1] = piece end
      ngx.say(response.status, " ", response.headers["X-Made"], " ", table.concat(pieces))
--- request
GET /t
--- response_body_like
^200 hello\n\|world\n
1
reused 1
201 by upstream made

=== TEST 6: a token signed and verified by OpenSSL through ffi
--- user_files
>>> token.lua
local ffi = require "ffi"
local cjson = require "cjson.safe"
local C = ffi.C
ffi.cdef [[
typedef struct evp_md_st EVP_MD;
const EVP_MD *EVP_sha256(void);
unsigned char *HMAC(const EVP_MD *md, const void *key, int key_len, const unsigned char *data, size_t n,
                    unsigned char *out, unsigned int *size);
]]
local out, size = ffi.new("unsigned char[64]"), ffi.new("unsigned int[1]")
local _M = {}

local function url(text)
  return (ngx.encode_base64(text, true):gsub("[+/]", { ["+"] = "-", ["/"] = "_" }))
end
local function from_url(text)
  text = text:gsub("[-_]", { ["-"] = "+", ["_"] = "/" })
  return ngx.decode_base64(text .. ("="):rep(-#text % 4))
end
local function mac(key, text)
  assert(C.HMAC(C.EVP_sha256(), key, #key, text, #text, out, size) ~= nil)
  return ffi.string(out, size[0])
end

function _M.sign(key, claims)
  local text = url(cjson.encode { typ = "JWT", alg = "HS256" }) .. "." .. url(cjson.encode(claims))
  return text .. "." .. url(mac(key, text))
end

function _M.verify(key, token)
  local found, err = ngx.re.match(token, [[^([\w-]+\.([\w-]+))\.([\w-]+)$]], "jo")
  if not found then
    return { verified = false, reason = "invalid jwt string" }
  end
  if from_url(found[3]) ~= mac(key, found[1]) then
    return { verified = false, reason = "signature mismatch" }
  end
  local claims = cjson.decode(from_url(found[2]))
  if claims.exp and claims.exp < ngx.time() then
    return { verified = false, reason = "'exp' claim expired at " .. ngx.http_time(claims.exp) }
  end
  return { verified = true, payload = claims }
end

return _M
--- config
- match: { path: /t }
  policies:
  - lua:
      rewrite: |
        local token = require "token"
        local _, _, given = (ngx.var.http_authorization or ""):find("Bearer%s+(.+)")
        local object = token.verify("lua-secret", given or "")
        if not object.verified then
          ngx.status = ngx.HTTP_UNAUTHORIZED
          ngx.say(object.reason)
          return ngx.exit(ngx.HTTP_OK)
        end
        ngx.ctx.user = object.payload.sub
  content: { lua: "ngx.say('hello ', ngx.ctx.user)" }
- match: { path: /make }
  content:
    lua: |
      local token = require "token"
      local made = token.sign("lua-secret", { sub = "u1", exp = ngx.time() + 60 })
      local late = token.sign("lua-secret", { sub = "u1", exp = 1 })
      for _, each in ipairs { made, late, token.sign("other", { sub = "u2" }), "x" } do
        ngx.req.set_header("Authorization", "Bearer " .. each)
        local answer = ngx.location.capture("/t")
        ngx.print(answer.status, " ", answer.body)
      end
--- request
GET /make
--- response_body
200 hello u1
401 'exp' claim expired at Thu, 01 Jan 1970 00:00:01 GMT
401 signature mismatch
401 invalid jwt string
