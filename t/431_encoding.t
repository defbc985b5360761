# Encoding and digests, argument by argument.

=== TEST 1: escape_uri, both kinds, any value
--- config
- match: { path: /t }
  content:
    lua: |
      local all = {}
      for i = 0, 255 do all[#all + 1] = string.char(i) end
      all = table.concat(all)
      local function kept(kind)
        local out = {}
        for i = 0, 255 do
          local c = string.char(i)
          if ngx.escape_uri(c, kind) == c then out[#out + 1] = c else assert(ngx.escape_uri(c, kind) == ("%%%02X"):format(i)) end
        end
        return table.concat(out)
      end
      ngx.say(kept(0))
      ngx.say(kept(2))
      assert(ngx.escape_uri(all) == ngx.escape_uri(all, 2) and ngx.unescape_uri(ngx.escape_uri(all)) == all)
      ngx.say("[", ngx.escape_uri(nil), ngx.escape_uri(), ngx.escape_uri(""), "] ", ngx.escape_uri(1.5), ngx.escape_uri(true))
      ngx.say((select(2, pcall(ngx.escape_uri, "x", "2"))))
--- request
GET /t
--- response_body
!"$&'()*+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~
-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~
[] 1.5true
"type" is not a number

=== TEST 2: unescape_uri leaves alone what is no encoding
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.unescape_uri("b%20r56+7"))
      ngx.say(ngx.unescape_uri("try %search%%20%again%"))
      ngx.say(ngx.unescape_uri("%e4%BD%a0"), " ", ngx.unescape_uri("%4"), " ", ngx.unescape_uri(nil), ngx.unescape_uri(12))
      ngx.say(#ngx.unescape_uri("%00"))
--- request
GET /t
--- response_body bytes
b r56 7
try %search% %again%
\xe4\xbd\xa0 %4 12
1

=== TEST 3: encode_args
--- config
- match: { path: /t }
  content:
    lua: |
      local encode = ngx.encode_args
      ngx.say(encode({ foo = 3 }), " ", encode({ ["b r"] = "hello world" }), " ", encode({ baz = { 32, "hello", true, false } }))
      ngx.say(encode({ a = { 1, nil, 3 } }), " ", encode({ a = { x = 1 } }))
      ngx.say("[", encode({ a = {} }), encode({ a = false }), encode({}), "] ", encode({ a = true }), " ", encode({ a = "" }))
      ngx.say((select(2, pcall(encode))))
      ngx.say((select(2, pcall(encode, "a=b"))))
      ngx.say((select(2, pcall(encode, { "a" }))))
      ngx.say((select(2, pcall(encode, { a = print }))))
      ngx.say((select(2, pcall(encode, { a = { {} } }))))
      ngx.say((select(2, pcall(encode, { a = ngx.null }))))
--- request
GET /t
--- response_body
foo=3 b%20r=hello%20world baz=32&baz=hello&baz
a=1&a=3 a=1
[] a a=
expecting 1 argument but seen 0
bad argument #1 to 'encode_args' (table expected, got string)
attempt to use a non-string key in the "args" option table
attempt to use function as query arg value
attempt to use table as query arg value
attempt to use userdata as query arg value

=== TEST 4: decode_args
--- config
- match: { path: /t }
  content:
    lua: |
      local t, err = ngx.decode_args("a=bar&b=foo&a=1&c&d=&e%20f=%41+b&=x&&g=h=i")
      ngx.say(t.a[1], t.a[2], " ", t.b, " ", tostring(t.c), " [", t.d, "] ", t["e f"], " ", t.g, " ", err)
      local few, cut = ngx.decode_args("a=1&b=2&c=3", 2)
      ngx.say(few.a, few.b, few.c, " ", cut)
      local many = {}
      for i = 1, 200 do many[i] = "k" .. i .. "=" end
      many = table.concat(many, "&")
      local function count(...) local n = 0 for _ in pairs((...)) do n = n + 1 end return n, (select(2, ...)) end
      ngx.say(count(ngx.decode_args(many)))
      ngx.say(count(ngx.decode_args(many, 0)))
      ngx.say(count(ngx.decode_args(many, "5")))
      ngx.say(next(ngx.decode_args("")), " ", ngx.decode_args(12)["12"])
      ngx.say((select(2, pcall(ngx.decode_args, nil))))
      ngx.say((select(2, pcall(ngx.decode_args, "a", "x"))))
--- request
GET /t
--- response_body
bar1 foo true [] A b h=i nil
12nil truncated
100truncated
200nil
5truncated
nil true
bad argument #1 to 'decode_args' (string expected, got nil)
bad argument #2 to 'decode_args' (number expected, got string)

=== TEST 5: base64
--- config
- match: { path: /t }
  content:
    lua: |
      local encode, decode = ngx.encode_base64, ngx.decode_base64
      ngx.say(encode("a"), " ", encode("ab"), " ", encode("abc"), " ", encode("a", true), " ", encode("a", false), " ", encode("\255\254"))
      ngx.say("[", encode(""), encode(nil), encode(), "] ", encode(12), " ", encode(true))
      ngx.say(decode("YQ=="), decode("YQ"), decode(""), " ", decode("a"), decode("=="), " ", decode("Y*=="), " ", decode("YWJj\n"))
      local all = {}
      for i = 0, 255 do all[#all + 1] = string.char(i) end
      all = table.concat(all)
      ngx.say(decode(encode(all)) == all, decode(encode(all, true)) == all)
      ngx.say((select(2, pcall(decode, nil))))
      ngx.say((select(2, pcall(encode, "a", 1))))
      ngx.say(ngx.decode_base64mime("YW\r\nJj ZA=="), " ", ngx.decode_base64mime("a"), " ", (select(2, pcall(ngx.decode_base64mime, 1))))
--- request
GET /t
--- response_body_like
^YQ== YWI= YWJj YQ YQ== //4=
\[\] MTI= dHJ1ZQ==
aa (?:nil)+ nil nil
truetrue
string argument only
bad no_padding: boolean expected, got number
abcd nil string argument only
$

=== TEST 6: digests
--- config
- match: { path: /t }
  content:
    lua: |
      local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
      ngx.say(ngx.md5("hello"), " ", ngx.md5(""), " ", ngx.md5(nil) == ngx.md5(""), " ", ngx.md5(12) == ngx.md5("12"))
      ngx.say(hex(ngx.md5_bin("hello")), " ", #ngx.sha1_bin(nil), " ", hex(ngx.sha1_bin("hello")))
      ngx.say(ngx.encode_base64(ngx.hmac_sha1("thisisverysecretstuff", "some string we want to sign")))
      ngx.say(#ngx.hmac_sha1("key", ""), " ", #ngx.hmac_sha1(1, 2))
      ngx.say((select(2, pcall(ngx.hmac_sha1, "key", nil))))
      ngx.say((select(2, pcall(ngx.hmac_sha1, nil, "x"))))
      ngx.say(ngx.crc32_short("hello, world"), " ", ngx.crc32_long("hello, world"), " ", ngx.crc32_short(""))
      ngx.say((select(2, pcall(ngx.crc32_short, nil))))
      ngx.say(ngx.crc32_long(true) == ngx.crc32_short("true"))
--- request
GET /t
--- response_body
5d41402abc4b2a76b9719d911017c592 d41d8cd98f00b204e9800998ecf8427e true true
5d41402abc4b2a76b9719d911017c592 20 aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d
R/pvxzHC4NLtj7S+kXFg/NePTmk=
20 20
bad argument #2 to 'hmac_sha1' (string expected, got nil)
bad argument #1 to 'hmac_sha1' (string expected, got nil)
4289425978 4289425978 0
0
true

=== TEST 7: quote_sql_str
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.quote_sql_str("a'b\"c\\d\0e\bf\ng\rh\ti\26j"), " ", ngx.quote_sql_str(""), " ", ngx.quote_sql_str(12))
      ngx.say((select(2, pcall(ngx.quote_sql_str, {}))))
      ngx.say((select(2, pcall(ngx.quote_sql_str, nil))))
      ngx.say((select(2, pcall(ngx.quote_sql_str))))
--- request
GET /t
--- response_body
'a\'b\"c\\d\0e\bf\ng\rh\ti\Zj' '' '12'
bad argument #1 to 'quote_sql_str' (string expected, got table)
bad argument #1 to 'quote_sql_str' (string expected, got nil)
expecting one argument
