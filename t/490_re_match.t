# ngx.re.match, find, gmatch: captures, options, ctx, errors.

=== TEST 1: captures, by number and by name
--- config
- match: { path: /t }
  content:
    lua: |
      local m = ngx.re.match("hello, 1234", "([0-9])(?<rest>[0-9]+)")
      ngx.say(m[0], " ", m[1], " ", m[2], " ", m.rest)
      m = ngx.re.match("hello, world", "(world)|(hello)|(?<named>howdy)")
      ngx.say(m[0], " ", tostring(m[1]), " ", m[2], " ", tostring(m[3]), " ", tostring(m.named))
      m = ngx.re.match("hello", "(h)(x)?(y)?")
      ngx.say(#m, " ", tostring(m[2]), " ", tostring(m[3]))
      ngx.say(ngx.re.match("hello", "[0-9]+"))
      ngx.say(ngx.re.match(1234, 2)[0], " ", ngx.re.match(nil, "ni")[0])
--- request
GET /t
--- response_body
1234 1 234 234
hello false hello false false
3 false false
nil
2 ni

=== TEST 2: options
--- config
- match: { path: /t }
  content:
    lua: |
      local function first(...) local m, err = ngx.re.match(...) return m and m[0] or tostring(m) .. " " .. tostring(err) end
      ngx.say("a: ", first("xhello", "hello", "a"))
      ngx.say("i: ", first("hello, world", "HEL LO", "ix"))
      ngx.say("d: ", first("hello", "he|hello|hell", "d"))
      ngx.say("m: ", first("a\nb", "^b", "m"), " ", first("a\nb", "^b"))
      ngx.say("s: ", first("a\nb", "a.b", "s") == "a\nb", " ", first("a\nb", "a.b"))
      ngx.say("u: ", first("hello, 美好生活", "HELLO, (.{2})", "iu"))
      ngx.say("j, o: ", first("hello", "l+", "jo"))
      ngx.say("J: ", first("a", "[^]", "J"), " ", first("a", "[^]"))
      ngx.say("d with groups: ", #ngx.re.match("hello", "(h)(e)", "d"), " ", tostring(ngx.re.find("hello", "(h)(e)", "d", nil, 1)))
--- request
GET /t
--- response_body
a: nil nil
i: hello
d: hello
m: b nil nil
s: true nil nil
u: hello, 美好
j, o: ll
J: a nil pcre_compile() failed: missing terminating ] for character class in "[^]"
d with groups: 0 nil

=== TEST 3: a name given twice
--- config
- match: { path: /t }
  content:
    lua: |
      local m = ngx.re.match("hello, world", [[(?<named>\w+), (?<named>\w+)]], "D")
      ngx.say(m.named[1], " ", m.named[2], " ", #m.named)
      m = ngx.re.match("world", [[(?<a>hello)|(?<a>world)|(?<b>x)]], "D")
      ngx.say(m.a[1], " ", #m.a, " ", tostring(m.b))
      ngx.say(ngx.re.match("x", [[(?<a>x)|(?<a>y)]]))
--- request
GET /t
--- response_body
hello world 2
world 1 nil
nilpcre_compile() failed: two named subpatterns have the same name (PCRE2_DUPNAMES not set) in "(?<a>x)|(?<a>y)" at "y)"

=== TEST 4: ctx says where to begin, and is told where the match ends
--- config
- match: { path: /t }
  content:
    lua: |
      local ctx = {}
      ngx.say(ngx.re.match("1234, hello", "[0-9]+", "", ctx)[0], " ", ctx.pos)
      ctx = { pos = 2 }
      ngx.say(ngx.re.match("1234, hello", "[0-9]+", "", ctx)[0], " ", ctx.pos)
      ngx.say(tostring(ngx.re.match("1234, hello", "[0-9]+", "", ctx)), " ", ctx.pos)
      ctx.pos = 100
      ngx.say(tostring(ngx.re.match("1234", "[0-9]*", "", ctx)), " ", ctx.pos)
      ngx.say(ngx.re.match("1234", "", "", { pos = 6 }))
      ngx.say(ngx.re.find("1234", "", "", { pos = 6 }))
      -- a lexer
      local place, tokens = { pos = 1 }, {}
      local text = "x1 = 42+y"
      while place.pos <= #text do
        local m = ngx.re.match(text, [[\s*(?:(\d+)|([a-z]\w*)|(.))]], "jao", place)
        tokens[#tokens + 1] = m[1] and "number" or m[2] and "name" or m[3]
      end
      ngx.say(table.concat(tokens, " "))
      ngx.say(select(2, pcall(ngx.re.match, "x", "x", "", 5)))
--- request
GET /t
--- response_body
1234 5
234 5
nil 5
nil 100
nilpcre_exec() failed: -24
nilnilpcre_exec() failed: -24
name = number + name
bad argument #4 to 'match' (table expected, got number)

=== TEST 5: a table of the caller's own
--- config
- match: { path: /t }
  content:
    lua: |
      local mine = {}
      local m = ngx.re.match("key=value", "(\\w+)=(?<value>\\w+)", "jo", nil, mine)
      ngx.say(m == mine, " ", mine[0], " ", mine[1], " ", mine[2], " ", mine.value)
--- request
GET /t
--- response_body
true key=value key value value

=== TEST 6: find
--- config
- match: { path: /t }
  content:
    lua: |
      local s = "hello, 1234"
      ngx.say(ngx.re.find(s, "([0-9]+)", "jo"))
      ngx.say(ngx.re.find(s, "([0-9])([0-9]+)", "jo", nil, 2))
      ngx.say(ngx.re.find(s, "([a-z])|([0-9])", "jo", nil, 2))
      ngx.say(ngx.re.find(s, "x"))
      ngx.say(ngx.re.find(s, "h", nil, nil, 1))
      local ctx = { pos = 9 }
      ngx.say(ngx.re.find(s, "[0-9]", "", ctx))
      ngx.say(ctx.pos)
      ngx.say(ngx.re.find(s, "(h"))
      ngx.say(ngx.re.find("", "x*"))
--- request
GET /t
--- response_body
811
911
nilnil
nil
nilnilnth out of bound
99
10
nilnilpcre_compile() failed: missing closing parenthesis in "(h"
10

=== TEST 7: gmatch
--- config
- match: { path: /t }
  content:
    lua: |
      for m in ngx.re.gmatch("hello, world!", "([a-z]+)", "i") do ngx.print(m[1], ".") end
      for m in ngx.re.gmatch("baac", "a*") do ngx.print("[", m[0], "]") end
      local n = 0
      for _ in ngx.re.gmatch("美好", "", "u") do n = n + 1 end
      ngx.say(" ", n)
      n = 0
      for _ in ngx.re.gmatch("美好", "") do n = n + 1 end
      ngx.say(n)
      local it = ngx.re.gmatch("a", "a")
      it()
      ngx.say(it(), it())
      ngx.say(ngx.re.gmatch("a", "(a"))
      -- two at once
      local a, b = ngx.re.gmatch("1 2", "[0-9]"), ngx.re.gmatch("x y", "[a-z]")
      ngx.say(a()[0], b()[0], a()[0], b()[0])
--- request
GET /t
--- response_body
hello.world.[][aa][][] 3
7
nilnil
nilpcre_compile() failed: missing closing parenthesis in "(a"
1x2y

=== TEST 8: errors
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.re.match("hello", "a(?<n", "jo"))
      ngx.say(ngx.re.match("hello", "b**", "jo"))
      ngx.say(ngx.re.match("hello", "x{3,1}y"))
      local ok, err = pcall(ngx.re.match, "hello", ".", "Hm")
      ngx.say(err)
      ngx.say(ngx.re.match("\xff\xfe", ".", "u"))
      ngx.say(ngx.re.match("\xff\xfeab", "..", "U")[0])
      ngx.say(ngx.re.match("\xff\xfe", ".", "Ud"))
--- request
GET /t
--- response_body
nilpcre_compile() failed: syntax error in subpattern name (missing terminator?) in "a(?<n"
nilpcre_compile() failed: quantifier does not follow a repeatable item in "b**" at "*"
nilpcre_compile() failed: numbers out of order in {} quantifier in "x{3,1}y" at "}y"
unknown flag "H" (flags "Hm")
nilpcre_exec() failed: -10
ab
nilpcre_exec() failed: -10

=== TEST 9: too many steps
--- gateway
lua: { regex: { match_limit: 5000 } }
--- config
- match: { path: /t }
  content:
    lua: |
      local subject = ("a"):rep(40) .. "!"
      for _, options in ipairs { "", "jo", "u" } do
        ngx.say(ngx.re.match(subject, "(a+)+$", options))
        ngx.say(ngx.re.find(subject, "(a+)+$", options))
        ngx.say(ngx.re.gmatch(subject, "(a+)+$", options)())
        ngx.say(ngx.re.gsub(subject, "(a+)+$", "", options))
        ngx.say(ngx.re.sub(subject, "(a+)+$", function() return "" end, options))
      end
--- request
GET /t
--- response_body
nilpcre_exec() failed: -8
nilnilpcre_exec() failed: -8
nilpcre_exec() failed: -8
nilnilpcre_exec() failed: -8
nilnilpcre_exec() failed: -8
nilpcre_exec() failed: -8
nilnilpcre_exec() failed: -8
nilpcre_exec() failed: -8
nilnilpcre_exec() failed: -8
nilnilpcre_exec() failed: -8
nilpcre_exec() failed: -8
nilnilpcre_exec() failed: -8
nilpcre_exec() failed: -8
nilnilpcre_exec() failed: -8
nilnilpcre_exec() failed: -8

=== TEST 10: more expressions than are kept; a loop that pushes its own out
--- gateway
lua: { regex: { cache: 16 } }
--- config
- match: { path: /t }
  content:
    lua: |
      local sum = 0
      for round = 1, 2 do
        for i = 1, 200 do
          sum = sum + ngx.re.match("number 42", "(4)(2)" .. ("x?"):rep(i), "jo")[2]
        end
      end
      ngx.say(sum)
      local seen = {}
      for m in ngx.re.gmatch("a b c", "[a-z]", "jo") do
        seen[#seen + 1] = m[0]
        for i = 1, 50 do ngx.re.find("x", "x" .. ("y?"):rep(i), "jo") end
      end
      ngx.say(table.concat(seen))
      ngx.say(ngx.re.gsub("a b c", "[a-z]", function(m)
        for i = 1, 50 do ngx.re.find("x", "x" .. ("z?"):rep(i), "jo") end
        return m[0]:upper()
      end))
--- request
GET /t
--- response_body
800
abc
A B C3

=== TEST 11: in every phase
--- gateway
lua: { init: { lua: "assert(ngx.re.match('x1', '[0-9]', 'jo')[0] == '1') assert(ngx.re.gsub('aa', 'a', 'b') == 'bb')" } }
--- config
- match: { path: /t }
  policies:
    - lua:
        rewrite: "ngx.ctx.a = ngx.re.match('r1', '[0-9]', 'jo')[0]"
        access: "ngx.ctx.a = ngx.ctx.a .. ngx.re.match('a2', '[0-9]', 'jo')[0]"
        header_filter: "ngx.header['X-Seen'] = ngx.re.gsub(ngx.ctx.a, '1', 'one-')"
        body_filter: "ngx.arg[1] = ngx.re.gsub(ngx.arg[1], 'in', 'out', 'jo')"
        log: "ngx.log(ngx.WARN, 'logged ', ngx.re.find('xxlog', 'log', 'jo'))"
  respond: { body: "in\n" }
--- request
GET /t
--- response_headers
X-Seen: one-2
--- response_body
out
--- error_log
logged 35
