# Time, URI escaping, base64, digests.

=== TEST 1: clocks
--- config
- match: { path: /t }
  content:
    lua: |
      local now = ngx.now()
      ngx.say(type(now), " ", math.abs(now - os.time()) < 5, " ", ngx.time() == math.floor(ngx.time()))
      ngx.update_time()
      ngx.say(ngx.now() >= now, " ", #ngx.today(), " ", #ngx.localtime(), " ", #ngx.utctime())
--- request
GET /t
--- response_body
number true true
true 10 19 19

=== TEST 2: dates
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.http_time(1290079655))
      ngx.say(ngx.cookie_time(1290079655))
      ngx.say(ngx.parse_http_time("Thu, 18 Nov 2010 11:27:35 GMT"))
      ngx.say(ngx.parse_http_time("not a date"))
--- request
GET /t
--- response_body
Thu, 18 Nov 2010 11:27:35 GMT
Thu, 18-Nov-10 11:27:35 GMT
1290079655
nil

=== TEST 3: URIs
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.escape_uri("a b/c?d&e=f~g-h_i.j"))
      ngx.say(ngx.escape_uri("https://x.org/a b?c", 0))
      ngx.say(ngx.unescape_uri("a%20b+c%zz%4"), " ", ngx.unescape_uri(5))
      ngx.say(ngx.escape_uri(12), " ", pcall(ngx.escape_uri, "x", 1))
--- request
GET /t
--- response_body_like
a%20b%2Fc%3Fd%26e%3Df~g-h_i\.j
https://x.org/a%20b%3Fc
a b c%zz%4 5
12 false.*"type" 1 out of range

=== TEST 4: arguments
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.encode_args({ ["a b"] = "c d" }), " ", ngx.encode_args({ x = { 1, "2", true } }), " ", ngx.encode_args({ y = true }), " ", ngx.encode_args({ z = false }), ".")
      local t = ngx.decode_args("a=1&b&c=%20&a=2")
      ngx.say(t.a[1], t.a[2], tostring(t.b), "[", t.c, "]")
      ngx.say(pcall(ngx.encode_args, { f = print }))
--- request
GET /t
--- response_body_like
a%20b=c%20d x=1&x=2&x y .
12true\[ \]
false.*attempt to use function as query arg value

=== TEST 5: base64
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.encode_base64("hello"), " ", ngx.encode_base64("hello", true), " ", ngx.decode_base64("aGVsbG8="), " ", ngx.decode_base64("aGVsbG8"))
      ngx.say(ngx.decode_base64("!!!"), " ", ngx.encode_base64(""), ".", #ngx.decode_base64(ngx.encode_base64("\0\1\255")))
      ngx.say(pcall(ngx.decode_base64, 5))
--- request
GET /t
--- response_body_like
aGVsbG8= aGVsbG8 hello hello
nil \.3
false.*string argument only

=== TEST 6: digests
--- config
- match: { path: /t }
  content:
    lua: |
      local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
      ngx.say(ngx.md5("hello"))
      ngx.say(hex(ngx.md5_bin("hello")))
      ngx.say(hex(ngx.sha1_bin("hello")))
      ngx.say(hex(ngx.hmac_sha1("key", "The quick brown fox jumps over the lazy dog")))
      ngx.say(ngx.crc32_short("123456789"), " ", ngx.crc32_long("123456789"))
      ngx.say(ngx.quote_sql_str("a'b\"c\\\n"))
--- request
GET /t
--- response_body
5d41402abc4b2a76b9719d911017c592
5d41402abc4b2a76b9719d911017c592
aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d
de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9
3421780262 3421780262
'a\'b\"c\\\n'
