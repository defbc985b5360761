# string.find, match, gmatch, gsub: Lua's, by a matcher that can be stopped.

=== TEST 1: find and match
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(string.find("hello", "l+"))
      ngx.say(("hello"):find("(l)(l)()"))
      ngx.say(("a.b"):find(".", 1, true), ("a.b"):find(".", 3, true), ("abc"):find("c", -1), ("abc"):find("", 10))
      ngx.say(("key = value"):match("^(%w+)%s*=%s*(%w+)$"))
      ngx.say(("  trim  "):match("^%s*(.-)%s*$"), "|", ("abc"):match("()b()"))
      ngx.say(("THE (quick) fox"):find("%((%a+)%)"), ("x"):match("y"), string.match(12345, "3."))
      ngx.say(("f(a(b)c)d"):match("%b()"), ("THE fox"):find("%f[%l]%a+"), ("=[[x]]="):match("(=)%[%[(.-)%]%]%1"))
--- request
GET /t
--- response_body
34
34ll5
2nil343
keyvalue
trim|23
5nil34
(a(b)c)5=x

=== TEST 2: gmatch and gsub
--- config
- match: { path: /t }
  content:
    lua: |
      for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do ngx.print(k, v, ";") end
      for w in ("one two"):gmatch("%a+") do ngx.print(w, ".") end
      for p in ("abc"):gmatch("()") do ngx.print(p) end
      ngx.say()
      ngx.say(("hello world"):gsub("o", "0"))
      ngx.say(("hello world"):gsub("(%w+)", "<%1>", 1))
      ngx.say(("abc"):gsub("%w", "%0%0"))
      ngx.say(("$name is $age"):gsub("%$(%w+)", { name = "x", age = 3 }))
      ngx.say(("abc"):gsub("", "-"))
      ngx.say(("a b"):gsub("%a", function(c) if c == "a" then return "A" end end))
      ngx.say(("abc"):gsub("^a", ""), ("aaa"):gsub("^a", "b"))
      ngx.say(("x y"):gsub("(x)()", function(a, b) return b end))
--- request
GET /t
--- response_body
a1;b2;one.two.1234
hell0 w0rld2
<hello> world1
aabbcc3
x is 32
-a-b-c-4
A b2
bcbaa1
2 y1

=== TEST 3: errors are Lua's, and name the caller's line
--- config
- match: { path: /t }
  content:
    lua: |
      local here = debug.getinfo(1, "l").currentline
      local function try(f)
        local _, e = pcall(f)
        local line, text = tostring(e):match("^.*%.t:(%d+): (.*)$")
        ngx.say(line and line - here - 5 .. ": " .. text or tostring(e))
      end
      try(function() local x = ("x"):find("[a") end)
      try(function() local x = ("x"):match("%") end)
      try(function() local x = ("x"):gsub("(x", "") end)
      try(function() local x = ("x"):gsub("x", "%2") end)
      try(function() local x = ("x"):gsub("x", function() return {} end) end)
      try(function() local x = string.find(nil, "x") end)
      try(function() local x = string.match("x", {}) end)
      try(function() local x = string.find("x", "x", {}) end)
      try(function() local x = string.gsub("x", "x", true) end)
      try(function() local x = ("x"):match(("(x"):rep(40)) end)
--- request
GET /t
--- response_body
1: malformed pattern (missing ']')
2: malformed pattern (ends with '%')
nil
4: invalid capture index
5: invalid replacement value (a table)
6: bad argument #1 to 'find' (string expected, got nil)
7: bad argument #2 to 'match' (string expected, got table)
8: bad argument #3 to 'find' (number expected, got table)
9: bad argument #3 to 'gsub' (string/function/table expected)
nil

=== TEST 4: a pattern without end is stopped, and the error names the policy and the line
--- gateway
lua: { limits: { cpu: 30ms } }
--- config
- match: { path: /t }
  policies:
    - lua:
        access: |
          local s = ("a"):rep(3000)
          local x = s:find(".-.-.-.-b")
  respond: { body: in }
--- request
GET /t
--- error_code: 500
--- error_log
policy "lua" (access phase): lua entry thread aborted: runtime error: time limit of 30 ms exceeded at

=== TEST 5: the function of gsub may wait, and search itself meanwhile
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say((("a1 b2"):gsub("(%a)(%d)", function(letter, digit)
        ngx.sleep(0.001)
        return ("xyz"):gsub("[" .. (digit == "1" and "x" or "y") .. "]", letter) .. digit
      end)))
--- request
GET /t
--- response_body
ayz1 xbz2
