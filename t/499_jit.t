# Hot calls of the API are compiled: a loop over each becomes a trace that ends in itself, without a stitch (which is
# where the compiler gives up and goes on behind a call).

=== TEST 1: every group
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  vars: { mine: "x" }
  content:
    lua: |
      local traceinfo = require("jit.util").traceinfo
      local re, shared, var, headers = ngx.re, ngx.shared.d, ngx.var, ngx.header
      local req = ngx.req
      shared:set("k", "value")
      shared:set("n", 0)
      local calls = {
        ["var get"] = function() return var.uri end,
        ["var set"] = function() var.mine = "y" end,
        ["header get"] = function() return headers["X-A"] end,
        ["header clear"] = function() headers["X-Gone"] = nil end,
        ["status"] = function() return ngx.status end,
        ["var of a field"] = function() return var.http_host end,
        ["var of an argument"] = function() return var.arg_a end,
        ["header set"] = function() headers["X-A"] = "b" end,
        ["req.get_method"] = function() return req.get_method() end,
        ["req.set_header"] = function() req.set_header("X-B", "c") end,
        ["req.get_headers"] = function() return req.get_headers()["x-b"] end,
        ["req.clear_header"] = function() req.clear_header("X-Gone") end,
        ["req.set_uri"] = function() req.set_uri("/t") end,
        ["req.set_uri_args"] = function() req.set_uri_args("a=1") end,
        ["req.get_uri_args"] = function() return req.get_uri_args().a end,
        ["req.set_method"] = function() req.set_method(ngx.HTTP_GET) end,
        ["req.start_time"] = function() return req.start_time() end,
        ["req.http_version"] = function() return req.http_version() end,
        ["req.is_internal"] = function() return req.is_internal() end,
        ["re.match"] = function() return re.match("hello, 1234", "([0-9])([0-9]+)", "jo")[1] end,
        ["re.find"] = function() return re.find("hello, 1234", "[0-9]+", "jo") end,
        ["re.sub"] = function() return re.sub("hello, 1234", "[0-9]+", "<$0>", "jo") end,
        ["string.find"] = function() return string.find("hello, 1234", "%d+") end,
        ["string.find plain"] = function() return string.find("hello, 1234", ", ", 1, true) end,
        ["string.match"] = function() return string.match("hello, 1234", "(%d)(%d+)") end,
        ["string.gsub"] = function() return string.gsub("hello, 1234", "%d", "<%0>") end,
        ["string.gmatch"] = function()
          local last
          for word in string.gmatch("a b c", "%a") do last = word end
          return last
        end,
        ["shared get"] = function() return shared:get("k") end,
        ["shared set"] = function() return shared:set("k", "value") end,
        ["shared incr"] = function() return shared:incr("n", 1) end,
        ["shared add"] = function() return shared:add("k", "other") end,
        ["shared replace"] = function() return shared:replace("k", "value") end,
        ["shared delete"] = function() return shared:delete("gone") end,
        ["shared get_stale"] = function() return shared:get_stale("k") end,
        ["shared ttl"] = function() return shared:ttl("k") end,
        ["shared lpush, rpop"] = function()
          shared:lpush("l", "value")
          return shared:rpop("l")
        end,
        ["shared llen"] = function() return shared:llen("l") end,
        ["ctx"] = function() ngx.ctx.a = (ngx.ctx.a or 0) + 1 end,
        ["log below the level"] = function() ngx.log(ngx.DEBUG, "nothing") end,
        ["encode_base64"] = function() return ngx.encode_base64("hello") end,
        ["decode_base64"] = function() return ngx.decode_base64("aGVsbG8=") end,
        ["escape_uri"] = function() return ngx.escape_uri("a b") end,
        ["unescape_uri"] = function() return ngx.unescape_uri("a%20b") end,
        ["md5"] = function() return ngx.md5("hello") end,
        ["crc32_short"] = function() return ngx.crc32_short("hello") end,
        ["sha1_bin"] = function() return ngx.sha1_bin("hello") end,
        ["hmac_sha1"] = function() return ngx.hmac_sha1("key", "hello") end,
        ["http_time"] = function() return ngx.http_time(0) end,
        ["now"] = function() return ngx.now() end,
        ["time"] = function() return ngx.time() end,
        ["get_phase"] = function() return ngx.get_phase() end,
      }
      -- One attempt may end by chance: a collection or a limit's check fell into the recording.
      local function compiled(f, attempts)
        jit.flush()
        -- A loop of its own each time: what the compiler gave up on once would count for the next.
        local loop = loadstring("local f = ... for i = 1, 400 do f() end")
        loop(f)
        local looped, stitched = false, false
        for i = 1, 1000 do
          local info = traceinfo(i)
          if info == nil then break end
          looped = looped or info.linktype == "loop"
          stitched = stitched or info.linktype == "stitch"
        end
        if looped and not stitched then return true end
        return (attempts or 1) < 10 and compiled(f, (attempts or 1) + 1)
      end
      local failed = {}
      -- This must be told: a loop over what is never compiled.
      calls["never"] = function() return newproxy() end
      for name, f in pairs(calls) do
        if not compiled(f) then failed[#failed + 1] = name end
      end
      -- At the end: the answer begins.
      if not compiled(function() ngx.say("x") end) then failed[#failed + 1] = "say" end
      if not compiled(function() ngx.print("x") end) then failed[#failed + 1] = "print" end
      table.sort(failed)
      ngx.say("not compiled: ", table.concat(failed, ", "))
--- request
GET /t
--- response_body_like
not compiled: never$
