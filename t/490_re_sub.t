# ngx.re.sub, gsub and the module ngx.re.

=== TEST 1: templates
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.re.sub("hello, 1234", "([0-9])[0-9]", "[$0][$1]"))
      ngx.say(ngx.re.sub("hello, 1234", "[0-9]", "${0}00"))
      ngx.say(ngx.re.sub("hello, 1234", "[0-9]", "$$"))
      ngx.say(ngx.re.gsub("hello, world", "([a-z])[a-z]+", "[$0,$1]", "i"))
      ngx.say(ngx.re.gsub("a-b", "(a)|(b)", "<$1|$2|$3>"))
      ngx.say(ngx.re.gsub("abc", "x", "y"))
      ngx.say(ngx.re.sub("a1", "([a-z])(\\d)", "$2x${1}1"))
      ngx.say(ngx.re.gsub("a.b", "[.]", 5))
      ngx.say(ngx.re.gsub("a\\b", [[\\]], [[\\]]))
--- request
GET /t
--- response_body
hello, [12][1]341
hello, 1002341
hello, $2341
[hello,h], [world,w]2
<a||>-<|b|>2
abc0
1xa11
a5b1
a\\b1

=== TEST 2: a template that cannot be read
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.re.sub("hello", "l", "$name"))
      ngx.say(ngx.re.sub("hello", "l", "${0"))
      ngx.say(ngx.re.gsub("hello", "l", "costs 5$"))
      ngx.say(ngx.re.gsub("hello", "l", "$-"))
--- request
GET /t
--- response_body
nilnilfailed to compile the replacement template
nilnilfailed to compile the replacement template
nilnilfailed to compile the replacement template
nilnilfailed to compile the replacement template
--- error_log
attempt to use named capturing variable "name" (named captures not supported yet)
the closing bracket in "0" variable is missing
invalid capturing variable name found in "costs 5$"

=== TEST 3: functions
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.re.gsub("hello, world", "([a-z])[a-z]+", function(m) return "[" .. m[0] .. "," .. m[1] .. "]" end, "i"))
      ngx.say(ngx.re.sub("a 1", "(?<n>[0-9])", function(m) return m.n + 1 end))
      ngx.say(ngx.re.gsub("a b", "[a-z]", function() return "$0" end))
      ngx.say(ngx.re.gsub("none", "x", function() error("never") end))
      ngx.say(ngx.re.gsub("a,b", ",", function(m) return (ngx.re.gsub(m[0], ",", ";")) end))
      ngx.say(ngx.re.gsub("a", "a", function() return nil end))
      ngx.say(ngx.re.gsub("a", "a", function() return false end))
      ngx.say(ngx.re.gsub("a", "a", true))
      ngx.say(ngx.re.sub("a", "a", setmetatable({}, { __tostring = function() return "[$0]" end })))
--- request
GET /t
--- response_body_like
\[hello,h\], \[world,w\]2
a 21
\$0 \$02
none0
a;b1
nil1
false1
true1
\[a\]1

=== TEST 4: a function may wait
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.re.gsub("a b c", "[a-z]", function(m) ngx.sleep(0.001) return m[0]:upper() end, "jo"))
--- request
GET /t
--- response_body
A B C3

=== TEST 5: empty matches go on by one character
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.re.gsub("baac", "a*", "-"))
      ngx.say(ngx.re.gsub("abc", "", "|"))
      ngx.say(ngx.re.gsub("美好", "", "|", "u"))
      ngx.say(ngx.re.gsub("美好", "", function() return "|" end, "u"))
      ngx.say(ngx.re.gsub("美好", "x?", "|", "U"))
      ngx.say(ngx.re.gsub("", "^", "x"))
      ngx.say(ngx.re.gsub("a b", [[\b]], "'"))
      ngx.say(ngx.re.gsub("né à", "[éà]", "-", "u"))
--- request
GET /t
--- response_body
-b--c-4
|a|b|c|4
|美|好|3
|美|好|3
|美|好|3
x1
'a' 'b'4
n- -2

=== TEST 6: require "ngx.re"
--- config
- match: { path: /t }
  content:
    lua: |
      local re = require "ngx.re"
      local function show(res, err) ngx.say(res and "<" .. table.concat(res, "|") .. ">" or tostring(err)) end
      show(re.split("a,b,c,d", ","))
      show(re.split("a,b,c,d", "(,)"))
      show(re.split("a,b,c,d", ",", nil, { pos = 5 }))
      show(re.split("a,b,c,d", ",", nil, nil, 3))
      show(re.split("a,b,c,d", ",", nil, nil, 0))
      local mine = { "W", "X", "Y", "Z" }
      local res = re.split("a,b", ",", nil, nil, nil, mine)
      ngx.say(res == mine, " ", res[1], res[2], tostring(res[3]), res[4])
      show(re.split("abcd", ""))
      show(re.split("a1b22c", [[\d+]], "jo"))
      show(re.split("no", ","))
      show(re.split("", ","))
      show(re.split(",a,", ","))
      show(re.split("a,,", ","))
      show(re.split("a,,", "(,)"))
      show(re.split("a,,", ",", nil, nil, 9))
      ngx.say(#re.split(",,", ","), #re.split("", ","), #re.split("", ",", nil, nil, 3))
      show(re.split("美好", "", "u"))
      show(re.split("a", "(,"))
      ngx.say(select(2, pcall(re.opt, "x", 1)))
      ngx.say(select(2, pcall(re.opt, "jit_stack_size", 128 * 1024)))
--- request
GET /t
--- response_body_like
<a\|b\|c\|d>
<a\|,\|b\|,\|c\|,\|d>
<c\|d>
<a\|b\|c,d>
<a\|b\|c\|d>
true abnilZ
<a\|b\|c\|d>
<a\|b\|c>
<no>
<>
<\|a>
<a>
<a\|,\|\|,>
<a\|\|>
000
<美\|好>
pcre_compile\(\) failed: missing closing parenthesis in "\(,"
unrecognized option name
changing jit stack size is not allowed

=== TEST 7: opt, before anything is compiled
--- gateway
lua: { init: { lua: "require('ngx.re').opt('jit_stack_size', 8 * 1024 * 1024)" } }
--- config
- match: { path: /t }
  content: { lua: "ngx.say(ngx.re.match(('a'):rep(100000), '(a|b)*c?', 'jo')[0] == ('a'):rep(100000))" }
--- request
GET /t
--- response_body
true
