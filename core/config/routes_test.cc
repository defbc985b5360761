#include <gtest/gtest.h>

#include "config/load.h"
#include "config/test_support.h"

namespace mg::config::test {
namespace {

// Routes, as in the "config" section of a test: every error, at its place.
// clang-format off
const Case kRoutes[] = {
    {"Nothing", R"(- match: { path: /a }
)",
     R"(g.yaml:1:3: exactly one of upstream, respond, redirect or content is required (routes[0])
)"},
    {"Two", R"(- respond: 200
  redirect: /x
)",
     R"(g.yaml:2:3: exactly one of upstream, respond, redirect or content may be given: "respond" is, at line 1 (routes[0].redirect)
)"},
    {"Three", R"(- respond: 200
  redirect: /x
  content: a.lua
)",
     R"(g.yaml:2:3: exactly one of upstream, respond, redirect or content may be given: "respond" is, at line 1 (routes[0].redirect)
)"},
    {"UpstreamUnknown", R"(- upstream: backend
)",
     R"(g.yaml:1:13: there is no upstream "backend"; none is named (routes[0].upstream)
)"},
    {"UpstreamEnv", R"(- upstream: "${SET}"
)",
     R"(g.yaml:1:13: there is no upstream ***; none is named (routes[0].upstream)
)"},
    {"UpstreamUrl", R"(- upstream: "http://a.example.com:80/x"
)",
     R"(g.yaml:1:13: "http://a.example.com:80/x": an upstream's URL has no path: write it as rewrite: { path: ... } (routes[0].upstream)
)"},
    {"UpstreamUrl2", R"(- upstream: "ftp://a"
)",
     R"(g.yaml:1:13: "ftp://a": a URL begins with http:// or https:// (routes[0].upstream)
)"},
    {"UpstreamUrl3", R"(- upstream: "https://u@a"
)",
     R"(g.yaml:1:13: "https://u@a": an upstream's URL has no user (routes[0].upstream)
)"},
    {"UpstreamUrl4", R"(- upstream: "http://"
)",
     R"(g.yaml:1:13: "http://": the URL names no host (routes[0].upstream)
)"},
    {"UpstreamInline", R"(- upstream: { targets: [] }
)",
     R"(g.yaml:1:24: needs at least 1 item (routes[0].upstream.targets)
)"},
    {"UpstreamInline2", R"(- upstream: { target: "a:1" }
)",
     R"(g.yaml:1:15: unknown key "target"; did you mean "targets"? (routes[0].upstream.target)
)"},
    {"UpstreamList", R"(- upstream: [a]
)",
     R"(g.yaml:1:13: expected a text or a map, found a list (routes[0].upstream)
)"},
    {"NameDup", R"(- name: a
  respond: 200
- name: a
  respond: 200
)",
     R"(g.yaml:3:9: the route "a" is defined twice: first at g.yaml:1:9 (routes[1].name)
)"},
    {"NameDupGenerated", R"(- name: route-1
  respond: 200
- respond: 200
)",
     R"(g.yaml:3:3: the route "route-1" is defined twice: first at g.yaml:1:9 (routes[1].name)
)"},
    {"NameBad", R"(- name: "a b"
  respond: 200
)",
     R"(g.yaml:1:9: "a b" is not a name: letters, digits and _-./:@ (routes[0].name)
)"},
    {"PathRelative", R"(- match: { path: v1 }
  respond: 200
)",
     R"(g.yaml:1:18: a path begins with / (routes[0].match.path)
)"},
    {"PathQuery", R"(- match: { path: "/a?b=1" }
  respond: 200
)",
     R"(g.yaml:1:18: a path holds no "?": a query is matched by match.query (routes[0].match.path)
)"},
    {"PathSpace", R"(- match: { path: "/a b" }
  respond: 200
)",
     R"(g.yaml:1:18: a path holds no spaces and no control characters (routes[0].match.path)
)"},
    {"PathDouble", R"(- match: { path: //a }
  respond: 200
)",
     R"(g.yaml:1:18: "//" never matches: paths are normalised first (routes[0].match.path)
)"},
    {"PathDot", R"(- match: { path: /a/../b }
  respond: 200
)",
     R"(g.yaml:1:18: "/../" never matches: paths are normalised first (routes[0].match.path)
)"},
    {"PathStar", R"(- match: { path: /a*/b }
  respond: 200
)",
     R"(g.yaml:1:18: "*" is only the whole last segment: /p/* (routes[0].match.path)
)"},
    {"PathStar2", R"(- match: { path: /*/b }
  respond: 200
)",
     R"(g.yaml:1:18: "*" is only the whole last segment: /p/* (routes[0].match.path)
)"},
    {"PathPart", R"(- match: { path: "/a{id}" }
  respond: 200
)",
     R"(g.yaml:1:18: a parameter is a whole segment: /p/{name} (routes[0].match.path)
)"},
    {"PathOpen", R"(- match: { path: "/a/{id" }
  respond: 200
)",
     R"(g.yaml:1:18: a parameter is a whole segment: /p/{name} (routes[0].match.path)
)"},
    {"PathName", R"(- match: { path: "/a/{1d}" }
  respond: 200
)",
     R"(g.yaml:1:18: "1d" is not a parameter's name: letters, digits and _ (routes[0].match.path)
)"},
    {"PathEmptyName", R"(- match: { path: "/a/{}" }
  respond: 200
)",
     R"(g.yaml:1:18: "" is not a parameter's name: letters, digits and _ (routes[0].match.path)
)"},
    {"PathTwice", R"(- match: { path: "/a/{id}/{id}" }
  respond: 200
)",
     R"(g.yaml:1:18: the parameter "id" is given twice (routes[0].match.path)
)"},
    {"PathRest", R"(- match: { path: "/{rest}/*" }
  respond: 200
)",
     R"(g.yaml:1:18: the parameter "rest" is given twice (routes[0].match.path)
)"},
    {"PathRegexEmpty", R"(- match: { path: "~ " }
  respond: 200
)",
     R"(g.yaml:1:18: an empty regular expression (routes[0].match.path)
)"},
    {"PathEquals", R"(- match: { path: "= /a" }
  respond: 200
)",
     R"(g.yaml:1:18: an exact path is written as it is, without "=" (routes[0].match.path)
)"},
    {"PathRaw", R"(- match: { path: "^~ a" }
  respond: 200
)",
     R"(g.yaml:1:18: a path begins with / (routes[0].match.path)
)"},
    {"PathTilde", R"(- match: { path: ~ }
  respond: 200
)",
     ""},
    {"PathMap", R"(- match: { path: {id} }
  respond: 200
)",
     R"(g.yaml:1:19: "id" has no value: write key: value, with a space after the colon; or quote "{id}" if it is meant as text (routes[0].match.path.id)
)"},
    {"PathOk", R"(- match: { path: "~ ^/${x}/[0-9]+$" }
  respond: 200
- match: { path: "^~ /a" }
  respond: 200
- match: { path: "/a/{b}/*" }
  respond: 200
- match: { path: "/" }
  respond: 200
)",
     ""},
    {"HostPort", R"(- match: { hosts: "a.example.com:80" }
  respond: 200
)",
     R"(g.yaml:1:19: "a.example.com:80": a host is matched without its port (routes[0].match.hosts[0])
)"},
    {"HostStar", "- match: { hosts: [\"a.*.com\", \"*\", \"*.b.com\", \"b\303\274cher.de\", \"-a\", \"a..b\", \"[::1]\", \"::1\", \"\"] }\n  respond: 200\n",
     "g.yaml:1:20: \"a.*.com\": a wildcard is the whole first label: *.example.com (routes[0].match.hosts[0])\ng.yaml:1:31: \"*\": a wildcard is the whole first label: *.example.com (routes[0].match.hosts[1])\ng.yaml:1:47: \"b\303\274cher.de\": a host is written in ASCII (punycode: xn--...) (routes[0].match.hosts[3])\ng.yaml:1:61: \"-a\": not a host name (routes[0].match.hosts[4])\ng.yaml:1:67: \"a..b\": not a host name (routes[0].match.hosts[5])\ng.yaml:1:75: \"[::1]\": an IPv6 address stands here without brackets and port (routes[0].match.hosts[6])\ng.yaml:1:91: its length must be at least 1 (routes[0].match.hosts[8])\n"},
    {"Method", R"(- match: { methods: [get, "G T", PURGE] }
  respond: 200
)",
     R"(g.yaml:1:22: "get": methods are case-sensitive: GET (routes[0].match.methods[0])
g.yaml:1:27: "G T" is not a method (routes[0].match.methods[1])
)"},
    {"Cond", R"(- match: { headers: { "x y": 1, a: { present: maybe }, b: { regexp: x }, c: {}, d: { present: true, regex: x }, e: [1] } }
  respond: 200
)",
     R"(g.yaml:1:23: "x y" is not a header's name (routes[0].match.headers)
g.yaml:1:47: expected true or false, found "maybe" (routes[0].match.headers.a.present)
g.yaml:1:61: unknown key "regexp"; did you mean "regex"? (routes[0].match.headers.b.regexp)
g.yaml:1:77: exactly one of present or regex is required (routes[0].match.headers.c)
g.yaml:1:101: exactly one of present or regex may be given: "present" is, at line 1 (routes[0].match.headers.d.regex)
g.yaml:1:116: expected a text or a map, found a list (routes[0].match.headers.e)
)"},
    {"Vars", R"(- vars: { "a-b": 1, c: [1] }
  respond: 200
)",
     R"(g.yaml:1:11: "a-b" is not a variable's name: letters, digits and _ (routes[0].vars)
g.yaml:1:24: expected a text, found a list (routes[0].vars.c)
)"},
    {"Rewrite", R"(- match: { path: "/v1/{id}" }
  rewrite: { strip_prefix: v1, path: "x/{path.idd}", host: "{hosst}" }
  respond: 200
)",
     R"(g.yaml:2:28: a path begins with / (routes[0].rewrite.strip_prefix)
g.yaml:2:38: a path begins with / (routes[0].rewrite.path)
g.yaml:2:38: the route's path "/v1/{id}" has no {idd}; did you mean {path.id}? (routes[0].rewrite.path)
g.yaml:2:60: unknown expression "hosst"; did you mean "host"?; "{{" stands for a brace (routes[0].rewrite.host)
)"},
    {"RewriteRest", R"(- match: { path: "/v1/{id}" }
  rewrite: { path: "/{path.rest}" }
  respond: 200
)",
     R"(g.yaml:2:20: the route's path "/v1/{id}" has no {rest} (routes[0].rewrite.path)
)"},
    {"RewriteRegex", R"y(- match: { path: "~ ^/(?<id>.*)" }
  rewrite: { path: "/{path.id}" }
  respond: 200
)y",
     ""},
    {"RespondStatus", R"(- respond: { status: 99 }
)",
     R"(g.yaml:1:22: must be at least 200 (routes[0].respond.status)
)"},
    {"RespondText", R"(- respond: hello
)",
     R"(g.yaml:1:12: expected an integer, found "hello" (routes[0].respond)
)"},
    {"Respond204", R"(- respond: { status: 204, body: x }
)",
     R"(g.yaml:1:33: an answer with status 204 has no body (routes[0].respond.body)
)"},
    {"RespondTemplate", R"(- respond: { template: true, body: "{x}", headers: { A: "{path.x}" } }
)",
     R"(g.yaml:1:36: unknown expression "x"; "{{" stands for a brace (routes[0].respond.body)
g.yaml:1:57: the route's path "/*" has no {x} (routes[0].respond.headers.A)
)"},
    {"RespondLiteral", R"(- respond: { body: "{x} ${UNSET}" }
)",
     ""},
    {"RespondHeader", R"(- respond: { headers: { "a:": 1, b: "x\ry" } }
)",
     R"(g.yaml:1:25: "a:" is not a header's name (routes[0].respond.headers)
g.yaml:1:37: a header's value holds no control characters and no line ends (routes[0].respond.headers.b)
)"},
    {"RespondBodyList", R"(- respond: { body: [a] }
)",
     R"(g.yaml:1:20: expected a text, found a list (routes[0].respond.body)
)"},
    {"RespondBodyMap", R"(- respond: { body: {x} }
)",
     R"(g.yaml:1:21: "x" has no value: write key: value, with a space after the colon; or quote "{x}" if it is meant as text (routes[0].respond.body.x)
)"},
    {"RedirectStatus", R"(- redirect: { status: 305, location: /x }
)",
     R"(g.yaml:1:23: 305 is not one of 301, 302, 303, 307, 308 (routes[0].redirect.status)
)"},
    {"RedirectNone", R"(- redirect: {}
)",
     R"(g.yaml:1:13: required: a text (routes[0].redirect.location)
)"},
    {"RedirectStatus2", R"(- redirect: { status: 200, location: /x }
)",
     R"(g.yaml:1:23: must be at least 301 (routes[0].redirect.status)
)"},
    {"RedirectExpr", R"(- redirect: "/new/{path.rst}"
  match: { path: "/old/*" }
)",
     R"(g.yaml:1:13: the route's path "/old/*" has no {rst}; did you mean {path.rest}? (routes[0].redirect.location)
)"},
    {"RedirectOk", R"(- redirect: "https://{host}{uri}"
)",
     ""},
    {"RedirectEmpty", R"(- redirect: "{}"
)",
     R"(g.yaml:1:13: "{}" is empty; "{{" stands for a brace (routes[0].redirect.location)
)"},
    {"RedirectName", R"(- redirect: "/{header}/{path.}/{method.x}"
)",
     R"(g.yaml:1:13: "header" needs a name: header.NAME; "{{" stands for a brace (routes[0].redirect.location)
)"},
    {"RedirectHeader", R"(- redirect: "/{header.a b}"
)",
     R"(g.yaml:1:13: "header.a b": a name holds no spaces and no braces; "{{" stands for a brace (routes[0].redirect.location)
)"},
    {"ContentBoth", R"(- content: { lua: x, file: y }
)",
     R"(g.yaml:1:22: exactly one of file or lua may be given: "lua" is, at line 1 (routes[0].content.file)
)"},
    {"ContentInline", R"(- content: |
    ngx.say(1)
)",
     R"(g.yaml:1:12: expected a file's path, found a text of several lines (routes[0].content)
)"},
    {"ContentList", R"(- content: [a]
)",
     R"(g.yaml:1:12: expected a file's path or a map, found a list (routes[0].content)
)"},
    {"Policy", R"(- policies: [jwt, { a: 1, b: 2 }, 1.5, ""]
  respond: 200
)",
     R"(g.yaml:1:27: a policy is one key: indent "b" deeper if it belongs to "a", or write "- b" for another policy (routes[0].policies[1])
g.yaml:1:40: "" is not a policy's name (routes[0].policies[3])
)"},
    {"PolicyMap", R"(- policies: { jwt: {} }
  respond: 200
)",
     R"(g.yaml:1:13: expected a list, found a map (routes[0].policies)
)"},
    {"Listeners", R"(- listeners: [public]
  respond: 200
)",
     R"(g.yaml:1:15: there is no listener "public"; none is named (routes[0].listeners[0])
)"},
    {"BodyLimit", R"(- body_limit: 1x
  respond: 200
)",
     R"(g.yaml:1:15: "1x": not a size: its units are KiB, MiB, GiB and k, m, g (routes[0].body_limit)
)"},
    {"BodyBuffer", R"(- body_buffer: 1x
  respond: 200
)",
     R"(g.yaml:1:16: "1x": not a size: its units are KiB, MiB, GiB and k, m, g (routes[0].body_buffer)
)"},
    {"Abort", R"(- client_abort: false
  respond: 200
)",
     R"(g.yaml:1:17: expected cancel or ignore, found "false" (routes[0].client_abort)
)"},
    {"Priority", R"(- priority: high
  respond: 200
)",
     R"(g.yaml:1:13: expected an integer, found "high" (routes[0].priority)
)"},
    {"Priority2", R"(- priority: 99999999999
  respond: 200
)",
     R"(g.yaml:1:13: must be at most 1000000 (routes[0].priority)
)"},
    {"Unknown", R"(- respnd: 200
)",
     R"(g.yaml:1:3: unknown key "respnd"; did you mean "respond"? (routes[0].respnd)
)"},
    {"Unknown2", R"(- mach: { path: / }
  respond: { satus: 1 }
)",
     R"(g.yaml:1:3: unknown key "mach"; did you mean "match"? (routes[0].mach)
g.yaml:2:14: unknown key "satus"; did you mean "status"? (routes[0].respond.satus)
)"},
    {"Text", R"(- hello
)",
     R"(g.yaml:1:3: expected a map, found "hello" (routes[0])
)"},
    {"Null", R"(-
- respond: 200
)",
     R"(g.yaml:1:2: an empty item: expected a map (routes[0])
)"},
    {"RoutesMap", R"(a: 1
)",
     R"(g.yaml:1:1: unknown key "a" (a)
)"},
    {"EnvPath", R"(- match: { path: "/${SET}/x${UNSET:-}" }
  respond: 200
)",
     ""},
    {"EnvDefaultEmpty", R"(- match: { path: "/${EMPTY:-d}" }
  upstream: nope
)",
     R"(g.yaml:2:13: there is no upstream "nope"; none is named (routes[0].upstream)
)"},
    {"EnvPathBad", R"(- match: { path: "${SET}" }
  respond: 200
)",
     R"(g.yaml:1:18: a path begins with / (routes[0].match.path)
)"},
};
// clang-format on

class RouteErrors : public testing::TestWithParam<Case> {};

TEST_P(RouteErrors, Reports) {
  Loaded loaded = LoadFrom(GetParam().yaml, TextKind::kRoutes);
  EXPECT_EQ(loaded.errors(), GetParam().expected);
  EXPECT_TRUE(loaded.config != nullptr || !loaded.errors().empty());
}

INSTANTIATE_TEST_SUITE_P(Table, RouteErrors, testing::ValuesIn(kRoutes),
                         [](const auto& row) { return CaseName(row.param); });

}  // namespace
}  // namespace mg::config::test
