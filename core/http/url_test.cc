#include "http/url.h"

#include "config/config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mg::http {
namespace {

using namespace std::string_view_literals;

std::string Normalised(std::string_view path) {
  BlockPool pool;
  Arena arena(pool);
  std::vector<char> exact(path.begin(), path.end());
  std::optional<std::string_view> out = NormalisePath({exact.data(), exact.size()}, arena);
  if (!out) return "refused";
  std::string text(*out);
  // What is normal stays as it is, and without a copy where no encoded slash needs a second look.
  EXPECT_EQ(NormalisePath(text, arena), text);
  bool slashes = text.find("%2F") != std::string::npos || text.find("%5C") != std::string::npos;
  EXPECT_TRUE(slashes || NormalisePath(text, arena)->data() == text.data()) << text;
  return text;
}

TEST(NormalisePath, Rewrites) {
  constexpr std::pair<std::string_view, std::string_view> cases[] = {
      {"/", "/"},
      {"/a", "/a"},
      {"/a/b/", "/a/b/"},
      {"//", "/"},
      {"//a///b//", "/a/b/"},
      {"/.", "/"},
      {"/./", "/"},
      {"/a/.", "/a/"},
      {"/a/./b", "/a/b"},
      {"/a/..", "/"},
      {"/a/../", "/"},
      {"/a/../b", "/b"},
      {"/a/b/..", "/a/"},
      {"/a/b/../c", "/a/c"},
      {"/a//../b", "/b"},
      {"/a/b/c/../../d", "/a/d"},
      {"/a/b/%2e%2e/%2E/c", "/a/c"},
      {"/a/.%2e/c", "/c"},
      {"/.a", "/.a"},
      {"/..a", "/..a"},
      {"/...", "/..."},
      {"/a../b./.well-known", "/a../b./.well-known"},
      {"/..x;/..a;b", "/..x;/..a;b"},
      {"/%41%7a%30%2D%5F%7E", "/Az0-_~"},
      {"/%2f%3a%40%3F%23%5B%25%c3%a9%20%7F", "/%2F%3A%40%3F%23%5B%25%C3%A9%20%7F"},
      {"/a%2f...%2f.b%5c", "/a%2F...%2F.b%5C"},
      {"/%252e%252e/", "/%252e%252e/"},
      {"/!$&'()*+,;=:@-._~", "/!$&'()*+,;=:@-._~"},
      {"/[x]^|", "/%5Bx%5D%5E%7C"},
  };
  for (auto [from, to] : cases) EXPECT_EQ(Normalised(from), to) << from;
}

TEST(NormalisePath, Refuses) {
  for (std::string_view path :
       {""sv,           "a"sv,       "*"sv,         "/.."sv,       "/../a"sv,      "/a/../.."sv,
        "/a/../../b"sv, "/%2e%2e"sv, "/./.."sv,     "//.."sv,      "/%00"sv,       "/a%00b"sv,
        "/%"sv,         "/%1"sv,     "/%g0"sv,      "/%0g"sv,      "/a b"sv,       "/a\tb"sv,
        "/a\0b"sv,      "/a\x7F"sv,  "/a\x80"sv,    "/\xC3\xA9"sv, "/a?b"sv,       "/a#b"sv,
        "/a\\b"sv,      "/\""sv,     "/<"sv,        "/>"sv,        "/`"sv,         "/{"sv,
        "/}"sv,         "/a\r\nb"sv, "/..;/a"sv,    "/.;a"sv,      "/a/..;x"sv,    "/a%2f..%2fb"sv,
        "/a%2f.."sv,    "/..%2fa"sv, "/a/..%5cb"sv, "/.%2f"sv,     "/a/..;x%2fb"sv}) {
    EXPECT_EQ(Normalised(path), "refused") << path;
  }
}

TEST(NormalisePath, EncodedSlashes) {
  BlockPool pool;
  Arena arena(pool);
  auto with = [&](std::string_view path, config::EncodedSlashes slashes) {
    return std::string(NormalisePath(path, arena, slashes).value_or("refused"));
  };
  EXPECT_EQ(with("/a%2fb/%5c", config::EncodedSlashes::kKeep), "/a%2Fb/%5C");
  EXPECT_EQ(with("/a%2fb/%5c", config::EncodedSlashes::kDecode), "/a/b/%5C");
  EXPECT_EQ(with("/a%2F%2f/..%2Fb", config::EncodedSlashes::kDecode), "/b");
  EXPECT_EQ(with("/a%2f..%2f..%2fb", config::EncodedSlashes::kDecode), "refused");
  EXPECT_EQ(with("/a%2fb", config::EncodedSlashes::kRefuse), "refused");
  EXPECT_EQ(with("/a%5Cb", config::EncodedSlashes::kRefuse), "refused");
  EXPECT_EQ(with("/a%25b", config::EncodedSlashes::kRefuse), "/a%25b");
}

TEST(Query, IsValid) {
  for (std::string_view query : {"", "a", "a=%41&b=%e9", "%20", "?/#"}) EXPECT_TRUE(IsValidQuery(query)) << query;
  for (std::string_view query : {"%", "a%", "%4", "%zz", "%%41", "a%00b"}) EXPECT_FALSE(IsValidQuery(query)) << query;
}

TEST(Percent, DecodesComponents) {
  BlockPool pool;
  Arena arena(pool);
  EXPECT_EQ(DecodeComponent("abc+", arena), "abc+");
  EXPECT_EQ(DecodeComponent("", arena), "");
  EXPECT_EQ(DecodeComponent("a%20b%2F%c3%A9", arena), "a b/\xC3\xA9");
  EXPECT_EQ(DecodeComponent("%00", arena), "\0"sv);
  for (const char* bad : {"%", "%1", "a%zz", "%%20", "%2", "%2g"}) EXPECT_EQ(DecodeComponent(bad, arena), std::nullopt);
}

TEST(Percent, DecodesLeniently) {
  EXPECT_EQ(DecodeLenient("a%20b+c", Plus::kKeep), "a b+c");
  EXPECT_EQ(DecodeLenient("a%20b+c%2B", Plus::kSpace), "a b c+");
  EXPECT_EQ(DecodeLenient("100%", Plus::kKeep), "100%");
  EXPECT_EQ(DecodeLenient("%zz%4", Plus::kKeep), "%zz%4");
  EXPECT_EQ(DecodeLenient("%%41", Plus::kKeep), "%A");
}

TEST(Percent, Encodes) {
  EXPECT_EQ(EncodeComponent("aZ09-._~ /?&=+%\xC3\xA9\n"), "aZ09-._~%20%2F%3F%26%3D%2B%25%C3%A9%0A");
  EXPECT_EQ(EncodePath("/a b/:@!$&'()*+,;=?#[]%"), "/a%20b/:@!$&'()*+,;=%3F%23%5B%5D%25");
  EXPECT_EQ(EncodeComponent("\0"sv), "%00");
}

TEST(Query, Argument) {
  EXPECT_EQ(QueryArgument("a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(QueryArgument("a=1&b=2", "b"), "2");
  EXPECT_EQ(QueryArgument("a", "a"), "");
  EXPECT_EQ(QueryArgument("a=", "a"), "");
  EXPECT_EQ(QueryArgument("a=b=c", "a"), "b=c");
  EXPECT_EQ(QueryArgument("&&a=%20x", "a"), "%20x");
  EXPECT_EQ(QueryArgument("b%65ta=1", "beta"), "1");
  EXPECT_EQ(QueryArgument("a+b=1", "a b"), "1");
  EXPECT_EQ(QueryArgument("", "a"), std::nullopt);
  EXPECT_EQ(QueryArgument("ab=1", "a"), std::nullopt);
  EXPECT_EQ(QueryArgument("A=1", "a"), std::nullopt);
  EXPECT_EQ(QueryArgument("a%=1", "a"), std::nullopt);
  EXPECT_EQ(QueryArgument("x&", ""), std::nullopt);
}

TEST(Cookie, Value) {
  EXPECT_EQ(CookieValue("a=1; b=2", "b"), "2");
  EXPECT_EQ(CookieValue("a=1;b=2;a=3", "a"), "1");
  EXPECT_EQ(CookieValue("a=x=y==", "a"), "x=y==");
  EXPECT_EQ(CookieValue("a=\"q\"", "a"), "\"q\"");
  EXPECT_EQ(CookieValue("a=", "a"), "");
  EXPECT_EQ(CookieValue("a", "a"), std::nullopt);
  EXPECT_EQ(CookieValue("A=1", "a"), std::nullopt);
  EXPECT_EQ(CookieValue("", "a"), std::nullopt);
  EXPECT_EQ(CookieValue(";; ;a=1", "a"), "1");
}

std::string AuthorityText(std::string_view text) {
  std::optional<Authority> a = ParseAuthority(text);
  if (!a) return "refused";
  return fmt::format("{} {}{}", a->host, a->port, a->is_ipv6 ? " v6" : "");
}

TEST(ParseAuthority, Forms) {
  EXPECT_EQ(AuthorityText("example.org"), "example.org 0");
  EXPECT_EQ(AuthorityText("Example.org.:8080"), "Example.org. 8080");
  EXPECT_EQ(AuthorityText("127.0.0.1:1"), "127.0.0.1 1");
  EXPECT_EQ(AuthorityText("[::1]"), "::1 0 v6");
  EXPECT_EQ(AuthorityText("[2001:DB8::1.2.3.4]:65535"), "2001:DB8::1.2.3.4 65535 v6");
  EXPECT_EQ(AuthorityText("a_b-c~d"), "a_b-c~d 0");
  std::string longest(255, 'a');
  EXPECT_EQ(AuthorityText(longest), fmt::format("{} 0", longest));
  for (std::string_view bad :
       {""sv,       ":80"sv,     "h:"sv,     "h:0"sv,       "h:080"sv,     "h:65536"sv, "h:99999999999"sv,
        "h:8o"sv,   "h:+1"sv,    "h:1:2"sv,  "h h"sv,       "h/"sv,        "h?"sv,      "h#"sv,
        "u@h"sv,    "h%41"sv,    "h,i"sv,    ".h"sv,        "h..i"sv,      "."sv,       "[]"sv,
        "[::1"sv,   "::1"sv,     "[::1]x"sv, "[::1]:"sv,    "[1.2.3.4]"sv, "[::g]"sv,   "[fe80::1%25eth0]"sv,
        "[v1.a]"sv, "[::1\0]"sv, "h\0"sv,    "h\xC3\xA9"sv, "[::1]]"sv,    "[[::1]]"sv}) {
    EXPECT_EQ(AuthorityText(bad), "refused") << bad;
  }
  EXPECT_EQ(AuthorityText(std::string(256, 'a')), "refused");
  EXPECT_EQ(AuthorityText(fmt::format("[{:0>100}]", "::1")), "refused");
}

TEST(ParseUrl, Forms) {
  Result<Url> url = ParseUrl("https://Example.org:8443/a/b?c=%20d");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->authority, "Example.org:8443");
  EXPECT_EQ(url->host, "Example.org");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path_and_query, "/a/b?c=%20d");
  url = ParseUrl("HTTP://[::1]");
  ASSERT_TRUE(url);
  EXPECT_FALSE(url->tls);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 80);
  EXPECT_EQ(url->path_and_query, "/");
  EXPECT_EQ(ParseUrl("https://h/")->port, 443);
  for (std::string_view bad :
       {""sv, "h"sv, "http:"sv, "http://"sv, "http:///a"sv, "ftp://h/"sv, "//h/"sv, "http://u:p@h/"sv, "http://h?a"sv,
        "http://h/#f"sv, "http://h#f"sv, "http://h/a b"sv, "http://h/\xC3\xA9"sv, "http://h/%zz"sv, "http://h/%"sv,
        "http://h:99999/"sv, "http://h/\r\nX: y"sv, " http://h/"sv}) {
    EXPECT_FALSE(ParseUrl(bad)) << bad;
  }
}

}  // namespace
}  // namespace mg::http
