# Time, argument by argument.

=== TEST 1: the cached clock stands still within a run of Lua
--- config
- match: { path: /t }
  content:
    lua: |
      local a = ngx.now()
      local spin = os.clock()
      while os.clock() - spin < 0.005 do end
      local b = ngx.now()
      ngx.update_time()
      local c = ngx.now()
      ngx.say(a == b, " ", c > b, " ", ngx.time() == math.floor(ngx.now()), " ", math.floor(ngx.now() * 1000 + 0.5) / 1000 == ngx.now())
--- request
GET /t
--- response_body
true true true true

=== TEST 2: local and UTC
--- config
- match: { path: /t }
  content:
    lua: |
      local now = ngx.time()
      ngx.say(ngx.today() == os.date("%Y-%m-%d", now), " ", ngx.localtime() == os.date("%Y-%m-%d %H:%M:%S", now), " ",
        ngx.utctime() == os.date("!%Y-%m-%d %H:%M:%S", now))
--- request
GET /t
--- response_body
true true true

=== TEST 3: dates
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.http_time(1290079655), " ", ngx.http_time(0), " ", ngx.http_time(1290079655.9))
      ngx.say(ngx.cookie_time(1290079655), " ", ngx.cookie_time(0), " ", ngx.cookie_time(2147483648))
      for _, text in ipairs { "Thu, 18 Nov 2010 11:27:35 GMT", "Thursday, 18-Nov-10 11:27:35 GMT", "Thu Nov 18 11:27:35 2010" } do
        ngx.print(ngx.parse_http_time(text), " ")
      end
      ngx.say(ngx.parse_http_time(ngx.http_time(1290079655)))
      for _, text in ipairs { "", "Thu, 18 Nov 2010", "Thu, 31 Feb 2010 11:27:35 GMT", "Thu, 18 Nov 2010 25:27:35 GMT", "nonsense" } do
        ngx.print(ngx.parse_http_time(text), " ")
      end
      ngx.say(type(ngx.http_time(1e300)), type(ngx.cookie_time(-1e300)), type(ngx.http_time(0 / 0)))
--- request
GET /t
--- response_body
Thu, 18 Nov 2010 11:27:35 GMT Thu, 01 Jan 1970 00:00:00 GMT Thu, 18 Nov 2010 11:27:35 GMT
Thu, 18-Nov-10 11:27:35 GMT Thu, 01-Jan-70 00:00:00 GMT Tue, 19-Jan-2038 03:14:08 GMT
1290079655 1290079655 1290079655 1290079655
nil nil nil nil nil stringstringstring

=== TEST 4: what they refuse
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say((select(2, pcall(ngx.http_time, "x"))), "|", (select(2, pcall(ngx.http_time))))
      ngx.say((select(2, pcall(ngx.cookie_time, nil))), "|", (select(2, pcall(ngx.cookie_time, {}))))
      ngx.say((select(2, pcall(ngx.parse_http_time, nil))), "|", (select(2, pcall(ngx.parse_http_time, 5))))
--- request
GET /t
--- response_body
number argument only|number argument only
number argument only|number argument only
string argument only|string argument only
