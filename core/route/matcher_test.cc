#include "route/matcher.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/pattern.h"
#include "route/regex.h"
#include "route/test_util.h"

namespace mg::route {
namespace {

using testing::HasSubstr;
using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

Matcher MustBuild(const std::vector<RouteSpec>& specs) {
  auto matcher = Matcher::Build(specs);
  if (!matcher) throw std::runtime_error(matcher.error()[0].message);
  return std::move(*matcher);
}

// "2 id=7 rest=a/b", "404", "405 GET, HEAD", "500".
std::string Look(const Matcher& matcher, std::string_view method, std::string_view host, std::string_view target,
                 const Fields& fields = {}, Access access = Access::kClient) {
  TestRequest request(method, host, target, fields);
  std::array<Param, kMaxParams> params;
  Match match = matcher.Find(request.head(), params, access);
  switch (match.kind) {
    case Match::kNone: return "404";
    case Match::kMethodNotAllowed: return "405 " + matcher.AllowText(match.allowed);
    case Match::kLimit: return "500";
    case Match::kRoute: break;
  }
  std::string text = std::to_string(match.route);
  for (size_t i = 0; i < match.params; i++) text += fmt::format(" {}={}", params[i].name, params[i].value);
  return text;
}
std::string LookPath(const Matcher& matcher, std::string_view path) { return Look(matcher, "GET", "h", path); }

Matcher OfPaths(const std::vector<std::string>& paths) {
  std::vector<RouteSpec> specs;
  for (const std::string& path : paths) specs.push_back({.path = path});
  return MustBuild(specs);
}

TEST(Paths, Exact) {
  Matcher m = OfPaths({"/", "/a", "/a/", "/a/b"});
  EXPECT_EQ(LookPath(m, "/"), "0");
  EXPECT_EQ(LookPath(m, "/a"), "1");
  EXPECT_EQ(LookPath(m, "/a/"), "2");
  EXPECT_EQ(LookPath(m, "/a/b"), "3");
  EXPECT_EQ(LookPath(m, "/A"), "404");
  EXPECT_EQ(LookPath(m, "/a/b/"), "404");
  EXPECT_EQ(LookPath(m, "*"), "404");
}

TEST(Paths, Parameters) {
  Matcher m = OfPaths({"/{a}/x", "/v/{b}", "/v/{c}/{d}", "/v/{e}/", "/v/w"});
  EXPECT_EQ(LookPath(m, "/v/w"), "4");
  EXPECT_EQ(LookPath(m, "/v/7"), "1 b=7");
  EXPECT_EQ(LookPath(m, "/v/x"), "1 b=x");  // the literal /v comes before the parameter
  EXPECT_EQ(LookPath(m, "/u/x"), "0 a=u");
  EXPECT_EQ(LookPath(m, "/v/7/8"), "2 c=7 d=8");
  EXPECT_EQ(LookPath(m, "/v/7/"), "3 e=7");
  EXPECT_EQ(LookPath(m, "/v/"), "404");
  EXPECT_EQ(LookPath(m, "/v/7/8/9"), "404");
  EXPECT_EQ(LookPath(m, "/v/a%2Fb"), "1 b=a%2Fb");
}

TEST(Paths, ParametersBacktrack) {
  Matcher m = OfPaths({"/a/{x}/c", "/{y}/b/d", "/a/b/e"});
  EXPECT_EQ(LookPath(m, "/a/b/e"), "2");
  EXPECT_EQ(LookPath(m, "/a/b/c"), "0 x=b");
  EXPECT_EQ(LookPath(m, "/a/b/d"), "1 y=a");
  EXPECT_EQ(LookPath(m, "/a/b/f"), "404");
}

TEST(Paths, OnePatternWithTwoNames) {
  auto m = MustBuild({{.path = "/{a}", .methods = {"GET"}}, {.path = "/{b}", .methods = {"POST"}}});
  EXPECT_EQ(Look(m, "GET", "h", "/1"), "0 a=1");
  EXPECT_EQ(Look(m, "POST", "h", "/1"), "1 b=1");
}

TEST(Paths, Prefixes) {
  Matcher m = OfPaths({"/*", "/a/*", "/a/b/*", "/{t}/c/*"});
  EXPECT_EQ(LookPath(m, "/"), "0 rest=");
  EXPECT_EQ(LookPath(m, "/x/y"), "0 rest=x/y");
  EXPECT_EQ(LookPath(m, "/a"), "1 rest=");
  EXPECT_EQ(LookPath(m, "/a/"), "1 rest=");
  EXPECT_EQ(LookPath(m, "/ab"), "0 rest=ab");
  EXPECT_EQ(LookPath(m, "/a/b"), "2 rest=");
  EXPECT_EQ(LookPath(m, "/a/b/c/d/"), "2 rest=c/d/");
  EXPECT_EQ(LookPath(m, "/a/c/d"), "1 rest=c/d");
  EXPECT_EQ(LookPath(m, "/z/c/d"), "3 t=z rest=d");
}

TEST(Paths, RawPrefixes) {
  Matcher m = OfPaths({"^~ /p", "^~ /pq", "~ ^/pqr", "/p/*", "^~ /.", "/p/{x}"});
  EXPECT_EQ(LookPath(m, "/p"), "0");
  EXPECT_EQ(LookPath(m, "/px/y"), "0");
  EXPECT_EQ(LookPath(m, "/pqrs"), "1");  // not overridden by the regular expression
  EXPECT_EQ(LookPath(m, "/.well-known"), "4");
  EXPECT_EQ(LookPath(m, "/p/7"), "5 x=7");
  EXPECT_EQ(LookPath(m, "/q"), "404");
}

TEST(Paths, RegularExpressions) {
  Matcher m =
      OfPaths({"~ \\.(png|jpe?g)$", "~* \\.PHP$", "~ ^/img/(\\d+)-(?<size>[a-z]+)", "~ ^/img/", "/img/*", "/img/1-a"});
  EXPECT_EQ(LookPath(m, "/x.png"), "0 1=png");
  EXPECT_EQ(LookPath(m, "/x.pHp"), "1");
  EXPECT_EQ(LookPath(m, "/img/7-big.png"), "0 1=png");  // file order
  EXPECT_EQ(LookPath(m, "/img/7-big"), "2 1=7 2=big size=big");
  EXPECT_EQ(LookPath(m, "/img/x"), "3");
  EXPECT_EQ(LookPath(m, "/img"), "4 rest=");
  EXPECT_EQ(LookPath(m, "/img/1-a"), "5");
  EXPECT_EQ(LookPath(m, "*"), "404");
}

TEST(Paths, RegexOrderHoldsAcrossBuckets) {
  Matcher m = OfPaths({"~ ^/b/x", "~ y$", "~ ^/a/", "~ z$", "~ ^/a/.*w"});
  EXPECT_EQ(LookPath(m, "/a/y"), "1");
  EXPECT_EQ(LookPath(m, "/a/z"), "2");
  EXPECT_EQ(LookPath(m, "/b/xy"), "0");
  EXPECT_EQ(LookPath(m, "/b/z"), "3");
  EXPECT_EQ(LookPath(m, "/a/w"), "2");
}

TEST(Paths, GroupThatTookNoPart) {
  Matcher m = OfPaths({"~ ^/(a)?(b)?$"});
  EXPECT_EQ(LookPath(m, "/b"), "0 1= 2=b");
  EXPECT_EQ(LookPath(m, "/a"), "0 1=a 2=");
}

TEST(Paths, RunawayExpressionFailsClosed) {
  auto m = MustBuild({{.path = "~ ^/(a+)+$"}, {.path = "/*"}, {.path = "/exact" + std::string(40, 'a') + "b"}});
  EXPECT_EQ(LookPath(m, "/" + std::string(40, 'a') + "b"), "500");
  EXPECT_EQ(LookPath(m, "/" + std::string(40, 'a')), "0 1=" + std::string(40, 'a'));
  EXPECT_EQ(LookPath(m, "/exact" + std::string(40, 'a') + "b"), "2");
  TestRequest request("GET", "h", "/" + std::string(40, 'a') + "b");
  EXPECT_THAT(m.Explain(request.head()), HasSubstr("exceeds the limit"));
}

TEST(Paths, LiteralsAreNormalisedLikeRequests) {
  Matcher m = OfPaths({"/caf\xC3\xA9", "/%7euser/[x]", "/a%2fb/{c}", "/sp ace/*"});
  EXPECT_EQ(LookPath(m, "/caf%C3%A9"), "0");
  EXPECT_EQ(LookPath(m, "/~user/%5Bx%5D"), "1");
  EXPECT_EQ(LookPath(m, "/a%2Fb/1"), "2 c=1");
  EXPECT_EQ(LookPath(m, "/sp%20ace"), "3 rest=");
}

TEST(Paths, NoneMatchesEverything) {
  auto m = MustBuild({{.path = ""}, {.path = "/*"}});
  EXPECT_EQ(LookPath(m, "/a"), "1 rest=a");
  EXPECT_EQ(Look(m, "OPTIONS", "h", "*"), "0");
}

TEST(Hosts, ExactThenLongestWildcardThenNone) {
  auto m = MustBuild({{.path = "/*"},
                      {.hosts = {"*.example.org"}, .path = "/*"},
                      {.hosts = {"*.b.example.org"}, .path = "/*"},
                      {.hosts = {"API.b.example.org", "[::1]"}, .path = "/*"},
                      {.hosts = {"*.org"}, .path = "/a"}});
  auto host = [&](std::string_view name) { return Look(m, "GET", name, "/a").substr(0, 1); };
  EXPECT_EQ(host("other.com"), "0");
  EXPECT_EQ(host("example.org"), "4");
  EXPECT_EQ(host("x.example.org"), "1");
  EXPECT_EQ(host("x.y.example.org"), "1");
  EXPECT_EQ(host("x.b.example.org"), "2");
  EXPECT_EQ(host("api.B.example.ORG:8080"), "3");
  EXPECT_EQ(host("api.b.example.org."), "3");
  EXPECT_EQ(host("[::1]:80"), "3");
  EXPECT_EQ(host("b.example.org"), "1");
  EXPECT_EQ(host("org"), "0");
  EXPECT_EQ(host(""), "0");
  EXPECT_EQ(host(std::string(300, 'a')), "0");
}

TEST(Hosts, ConditionsGiveWayAcrossHosts) {
  auto m = MustBuild({{.hosts = {"a.org"}, .path = "/x", .methods = {"POST"}},
                      {.hosts = {"*.org"}, .path = "/x", .headers = {{.name = "h", .value = "1"}}},
                      {.path = "/{p}"}});
  EXPECT_EQ(Look(m, "POST", "a.org", "/x"), "0");
  EXPECT_EQ(Look(m, "GET", "a.org", "/x", {{"H", "1"}}), "1");
  EXPECT_EQ(Look(m, "GET", "a.org", "/x"), "2 p=x");
}

TEST(Order, PriorityBeforeHostBeforePath) {
  auto m = MustBuild({{.hosts = {"a.org"}, .path = "/x"},
                      {.path = "/*", .priority = 1},
                      {.hosts = {"a.org"}, .path = "/{p}", .priority = 1},
                      {.path = "/x", .headers = {{.name = "k"}}, .priority = 2}});
  EXPECT_EQ(Look(m, "GET", "a.org", "/x"), "2 p=x");
  EXPECT_EQ(Look(m, "GET", "b.org", "/x"), "1 rest=x");
  auto low = MustBuild({{.path = "/x", .priority = -1}, {.path = "/*"}});
  EXPECT_EQ(LookPath(low, "/x"), "1 rest=x");
}

TEST(Order, MoreConditionsThenFileOrder) {
  auto m = MustBuild({{.path = "/x"},
                      {.path = "/x", .methods = {"GET"}},
                      {.path = "/x", .methods = {"GET"}, .query = {{.name = "q", .value = "1"}}},
                      {.path = "/x", .methods = {"GET"}}});
  EXPECT_EQ(Look(m, "GET", "h", "/x"), "1");
  EXPECT_EQ(Look(m, "GET", "h", "/x?q=1"), "2");
  EXPECT_EQ(Look(m, "PUT", "h", "/x"), "0");
}

TEST(Order, EqualExpressionsShareTheirPlace) {
  auto m = MustBuild({{.path = "~ ^/a"}, {.path = "~ ."}, {.path = "~ ^/a", .methods = {"GET"}}});
  EXPECT_EQ(Look(m, "GET", "h", "/a"), "2");
  EXPECT_EQ(Look(m, "PUT", "h", "/a"), "0");
}

TEST(Methods, NotAllowed) {
  auto m = MustBuild({{.path = "/x", .methods = {"PUT", "GET"}},
                      {.path = "/{p}", .methods = {"PURGE"}},
                      {.path = "/*", .methods = {"DELETE"}, .headers = {{.name = "k", .value = "v"}}},
                      {.path = "/x", .methods = {"TRACE"}, .internal = true}});
  EXPECT_EQ(Look(m, "POST", "h", "/x"), "405 GET, PUT, PURGE");
  EXPECT_EQ(Look(m, "POST", "h", "/y"), "405 PURGE");
  EXPECT_EQ(Look(m, "PURGE", "h", "/x"), "1 p=x");
  EXPECT_EQ(Look(m, "purge", "h", "/x"), "405 GET, PUT, PURGE");
  EXPECT_EQ(Look(m, "POST", "h", "/y/z"), "404");
  EXPECT_EQ(Look(m, "POST", "h", "/y/z", {{"k", "v"}}), "405 DELETE");
  EXPECT_EQ(Look(m, "HEAD", "h", "/x"), "405 GET, PUT, PURGE");
}

TEST(Conditions, Headers) {
  auto m = MustBuild({{.path = "/eq", .headers = {{.name = "X-A", .value = "1"}}},
                      {.path = "/has", .headers = {{.kind = Condition::kPresent, .name = "cookie"}}},
                      {.path = "/hasnt", .headers = {{.kind = Condition::kAbsent, .name = "Cookie"}}},
                      {.path = "/re", .headers = {{.kind = Condition::kRegex, .name = "x-a", .value = "^a+$"}}}});
  EXPECT_EQ(Look(m, "GET", "h", "/eq", {{"x-a", "1"}}), "0");
  EXPECT_EQ(Look(m, "GET", "h", "/eq", {{"x-a", "2"}, {"x-a", "1"}}), "0");
  EXPECT_EQ(Look(m, "GET", "h", "/eq", {{"x-b", "1"}}), "404");
  EXPECT_EQ(Look(m, "GET", "h", "/eq"), "404");
  EXPECT_EQ(Look(m, "GET", "h", "/has", {{"Cookie", ""}}), "1");
  EXPECT_EQ(Look(m, "GET", "h", "/has"), "404");
  EXPECT_EQ(Look(m, "GET", "h", "/hasnt"), "2");
  EXPECT_EQ(Look(m, "GET", "h", "/hasnt", {{"COOKIE", "c"}}), "404");
  EXPECT_EQ(Look(m, "GET", "h", "/re", {{"X-A", "aaa"}}), "3");
  EXPECT_EQ(Look(m, "GET", "h", "/re", {{"X-A", "ab"}}), "404");
}

TEST(Conditions, Query) {
  auto m = MustBuild({{.path = "/eq", .query = {{.name = "q", .value = "a b"}}},
                      {.path = "/has", .query = {{.kind = Condition::kPresent, .name = "q"}}},
                      {.path = "/hasnt", .query = {{.kind = Condition::kAbsent, .name = "q"}}},
                      {.path = "/re", .query = {{.kind = Condition::kRegex, .name = "q", .value = "^a b$"}}}});
  for (const char* same : {"?q=a+b", "?q=%61%20b", "?%71=a%20b", "?x&q=a+b&q=c"}) {
    EXPECT_EQ(Look(m, "GET", "h", std::string("/eq") + same), "0") << same;
    EXPECT_EQ(Look(m, "GET", "h", std::string("/re") + same), "3") << same;
  }
  for (const char* other : {"", "?", "?q", "?q=c&q=a+b", "?Q=a+b", "?q=a+bc"}) {
    EXPECT_EQ(Look(m, "GET", "h", std::string("/eq") + other), "404") << other;
    EXPECT_EQ(Look(m, "GET", "h", std::string("/re") + other), "404") << other;
  }
  EXPECT_EQ(Look(m, "GET", "h", "/has?q"), "1");
  EXPECT_EQ(Look(m, "GET", "h", "/has?p=q"), "404");
  EXPECT_EQ(Look(m, "GET", "h", "/hasnt?qq=1"), "2");
  EXPECT_EQ(Look(m, "GET", "h", "/hasnt?q="), "404");
}

TEST(Internal, AnswersOnlyWhoMayAsk) {
  auto m = MustBuild({{.path = "/x", .internal = true}, {.path = "/*"}});
  EXPECT_EQ(Look(m, "GET", "h", "/x"), "1 rest=x");
  EXPECT_EQ(Look(m, "GET", "h", "/x", {}, Access::kInternal), "0");
}

TEST(Params, OnlyAsManyAsThereIsRoomFor) {
  Matcher m = OfPaths({"/{a}/{b}/*"});
  TestRequest request("GET", "h", "/1/2/3");
  std::array<Param, 1> one;
  Match match = m.Find(request.head(), one);
  EXPECT_EQ(match.params, 1u);
  EXPECT_EQ(one[0].value, "1");
  EXPECT_EQ(m.Find(request.head(), {}).params, 0u);
}

TEST(Explain, TellsWhyEachLost) {
  auto m = MustBuild({{.name = "wild", .hosts = {"*.org"}, .path = "/{p}"},
                      {.name = "post", .hosts = {"a.org"}, .path = "/x", .methods = {"POST"}},
                      {.name = "canary", .hosts = {"a.org"}, .path = "/x", .headers = {{.name = "c", .value = "1"}}},
                      {.name = "right", .hosts = {"a.org"}, .path = "/{id}"},
                      {.name = "twin", .hosts = {"a.org"}, .path = "/{id}"},
                      {.name = "low", .path = "/x", .priority = -1},
                      {.name = "hidden", .hosts = {"a.org"}, .path = "/x", .internal = true},
                      {.name = "far", .path = "/far"}});
  TestRequest request("GET", "a.org", "/x");
  std::string text = m.Explain(request.head());
  EXPECT_THAT(text, testing::StartsWith("route \"right\"\n"));
  for (const char* line : {"\"post\" (host a.org, path /x): the method GET is not among its own",
                           "\"canary\" (host a.org, path /x): header c is not \"1\"",
                           "\"right\" (host a.org, path /{id}): wins, id = \"x\"",
                           "\"twin\" (host a.org, path /{id}): would match, but stands later",
                           "\"wild\" (host *.org, path /{p}): would match, but for a less specific host",
                           "\"low\" (host any, path /x, priority -1): would match, but has a lower priority",
                           "\"hidden\" (host a.org, path /x): is internal", "1 other route(s)"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(m.Explain(TestRequest("GET", "b.com", "/none").head()), testing::StartsWith("no route (404)"));
  auto only = MustBuild({{.path = "/x", .methods = {"PUT"}}});
  EXPECT_THAT(only.Explain(request.head()), testing::StartsWith("no route: the method is not allowed (405)"));
}

TEST(Errors, NameTheRouteAndWhatIsWrong) {
  std::vector<RouteSpec> specs = {
      {.name = "good", .path = "/"},
      {.name = "bad", .hosts = {"a.org", "a.org:80"}, .path = "x", .methods = {"GET", "get", "a b"}},
      {.path = "~ (", .headers = {{.name = "a b"}}, .query = {{.name = ""}}},
      {.name = "re", .path = "/", .query = {{.kind = Condition::kRegex, .name = "q", .value = "["}}}};
  auto built = Matcher::Build(specs);
  ASSERT_FALSE(built);
  std::vector<std::string> seen;
  for (const RouteError& e : built.error()) seen.push_back(fmt::format("{} {}", e.route, e.key));
  EXPECT_THAT(seen, testing::UnorderedElementsAre("1 path", "1 hosts[1]", "1 methods[1]", "1 methods[2]", "2 path",
                                                  "2 headers.a b", "2 query.", "3 query.q"));
  for (const RouteError& e : built.error()) {
    std::string who = e.route == 1 ? "route \"bad\": " : e.route == 2 ? "route #3: " : "route \"re\": ";
    EXPECT_THAT(e.message, testing::StartsWith(who));
  }
}

TEST(Errors, Patterns) {
  constexpr std::pair<const char*, const char*> cases[] = {
      {"a", "begins with"},          {"= /a", "begins with"},       {"/a//b", "empty segments"},
      {"//", "empty segments"},      {"//*", "empty segments"},     {"/a//*", "empty segments"},
      {"/./a", "normalisation"},     {"/a/..", "normalisation"},    {"/a/%2e", "normalisation"},
      {"/a%zz", "normalisation"},    {"/a%00", "normalisation"},    {"/a*", "last segment"},
      {"/*/a", "last segment"},      {"/a/b*", "last segment"},     {"/{a}b", "whole segment"},
      {"/a{b}", "whole segment"},    {"/{a", "whole segment"},      {"/a}", "whole segment"},
      {"/{}", "name has"},           {"/{1a}", "name has"},         {"/{a.b}", "name has"},
      {"/{a}/{a}", "twice"},         {"/{rest}/*", "twice"},        {"/a?b", "match.query"},
      {"/a#b", "no \"#\""},          {"^~ p", "begins with \"/\""}, {"^~", "begins with \"/\""},
      {"^~ /a/*", "neither"},        {"^~ /{a}", "neither"},        {"^~ /a/../b", "normalisation"},
      {"^~ /a//b", "normalisation"}, {"~", "must stand"},           {"~ ", "must stand"},
      {"~^/a", "must stand"},        {"~*", "must stand"},          {"~*a", "must stand"},
  };
  for (auto [pattern, why] : cases) {
    auto parsed = ParsePathPattern(pattern);
    ASSERT_FALSE(parsed) << pattern;
    EXPECT_THAT(parsed.error(), HasSubstr(why)) << pattern;
  }
  std::string deep;
  for (size_t i = 0; i <= kMaxParams; i++) deep += fmt::format("/{{p{}}}", i);
  auto built = Matcher::Build(std::vector<RouteSpec>{{.path = deep}});
  ASSERT_FALSE(built);
  EXPECT_THAT(built.error()[0].message, HasSubstr("captures 17"));
}

TEST(Errors, Hosts) {
  for (const char* host :
       {"", "a b", "a:80", "*.", "*a.org", "a.*.org", "*.*.org", "http://a", "*.[::1]", "[::1]:80", "a/b"}) {
    EXPECT_FALSE(Matcher::Build(std::vector<RouteSpec>{{.hosts = {host}, .path = "/"}})) << host;
  }
  auto m = MustBuild({{.hosts = {"*", "a.org", "A.org"}, .path = "/"}});
  EXPECT_EQ(Look(m, "GET", "b.org", "/"), "0");
}

TEST(Matcher, Empty) {
  Matcher m = OfPaths({});
  EXPECT_EQ(LookPath(m, "/"), "404");
  EXPECT_EQ(m.size(), 0u);
}

TEST(Regex, LiteralPrefixes) {
  auto prefix = [](const char* pattern) { return Regex::LiteralPrefix(pattern, Regex::Case::kSensitive); };
  EXPECT_EQ(prefix("^/a/b"), "/a/b");
  EXPECT_EQ(prefix("^/a/b?c"), "/a/");
  EXPECT_EQ(prefix("^/a/b*"), "/a/");
  EXPECT_EQ(prefix("^/a/b{0,1}"), "/a/");
  EXPECT_EQ(prefix("^/a/b+"), "/a/b");
  EXPECT_EQ(prefix("^/a/[bc]"), "/a/");
  EXPECT_EQ(prefix("^/a\\.b"), "/a");
  EXPECT_EQ(prefix("^/a/(b)?"), "/a/");
  EXPECT_EQ(prefix("^/a|b"), "");
  EXPECT_EQ(prefix("/a/"), "");
  EXPECT_EQ(prefix("^(?i)/a/"), "");
  EXPECT_EQ(Regex::LiteralPrefix("^/a/", Regex::Case::kIgnore), "");
}

}  // namespace
}  // namespace mg::route
