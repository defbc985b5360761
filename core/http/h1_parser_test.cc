#include "http/h1_parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace mg::http {
namespace {

using namespace std::string_view_literals;
using enum ParseError;

std::string_view FramingName(BodyFraming framing) {
  switch (framing) {
    case BodyFraming::kNone: return "none";
    case BodyFraming::kLength: return "length";
    case BodyFraming::kChunked: return "chunked";
    case BodyFraming::kUntilClose: return "until-close";
  }
  return "?";
}

std::string Describe(const RequestHead& head) {
  std::string text = fmt::format("{} {} {}{}{} {}", head.method_text, head.authority, head.path,
                                 head.has_query ? "?" : "", head.query, FramingName(head.framing));
  if (head.framing == BodyFraming::kLength) text += fmt::format("={}", head.content_length);
  if (!head.keep_alive) text += " close";
  if (head.expect_continue) text += " continue";
  if (head.upgrade) text += " upgrade";
  return text;
}

std::string Describe(const ResponseHead& head) {
  std::string text = fmt::format("{} \"{}\" {}", head.status, head.reason, FramingName(head.framing));
  if (head.framing == BodyFraming::kLength) text += fmt::format("={}", head.content_length);
  if (!head.keep_alive) text += " close";
  return text;
}

struct Case {
  std::string_view input;
  ParseError error;
  std::string_view expected = {};  // what Describe says, for kNone
};

// Each input is also parsed from a heap block of exactly its size, so that AddressSanitizer sees any read past it.
template <class Parse>
void Check(std::string_view raw, ParseError error, std::string_view expected, Parse&& parse) {
  std::vector<char> exact(raw.begin(), raw.end());
  BlockPool pool;
  Arena arena(pool);
  std::string described;
  ParseError got = parse(std::string_view(exact.data(), exact.size()), arena, described);
  EXPECT_EQ(ParseErrorText(got), ParseErrorText(error)) << raw;
  if (error == kNone) {
    EXPECT_EQ(described, expected) << raw;
  }
}

void CheckRequest(std::string_view raw, ParseError error, std::string_view expected) {
  Check(raw, error, expected, [](std::string_view head, Arena& arena, std::string& described) {
    RequestHead out;
    ParseError got = ParseRequestHead(head, ParseLimits(), arena, out);
    if (got == kNone) described = Describe(out);
    return got;
  });
}

void CheckResponse(std::string_view raw, Method method, ParseError error, std::string_view expected) {
  Check(raw, error, expected, [method](std::string_view head, Arena& arena, std::string& described) {
    ResponseHead out;
    ParseError got = ParseResponseHead(head, ParseLimits(), method, arena, out);
    if (got == kNone) described = Describe(out);
    return got;
  });
}

// Whole heads.
constexpr Case kRequests[] = {
    {"GET / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kNone, "GET h / none"},
    {"GET / HTTP/1.0\r\n\r\n"sv, kNone, "GET  / none close"},
    {"GET / HTTP/1.0\r\nHost: h\r\n\r\n"sv, kNone, "GET h / none close"},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"sv, kNone, "GET  / none"},
    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"sv, kNone, "GET  / none"},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"sv, kNone, "GET  / none close"},
    {"POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\n"sv, kNone, "POST  / length=4 close"},
    {"M-SEARCH /a HTTP/1.1\r\nHost: h\r\n\r\n"sv, kNone, "M-SEARCH h /a none"},
    {"get / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kNone, "get h / none"},
    {"!#$%&'*+-.^_`|~aZ09 / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kNone, "!#$%&'*+-.^_`|~aZ09 h / none"},
    {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"sv, kNone, "OPTIONS h * none"},
    {"OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n"sv, kNone, "OPTIONS h * none"},
    {"OPTIONS http://h/ HTTP/1.1\r\nHost: h\r\n\r\n"sv, kNone, "OPTIONS h / none"},
    // Line ends.
    {"GET / HTTP/1.1\nHost: h\n\n"sv, kBareLf},
    {"GET / HTTP/1.1\r\nHost: h\n\r\n"sv, kBareLf},
    {"GET / HTTP/1.1\r\nHost: h\r\n\n"sv, kBareLf},
    {"GET / HTTP/1.1\r\nHost: h\r\nA: b\nC: d\r\n\r\n"sv, kBareLf},
    {"GET / HTTP/1.1\r\nHost: h\r\nA: b\n\r\n"sv, kBareLf},
    {"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kBareLf},
    {"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/1.1\rHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/1.1\r\nHost: h\rA: b\r\n\r\n"sv, kHeaderValue},
    {"GET / HTTP/1.1\r\nHost: h\r\r\n\r\n"sv, kHeaderValue},
    {"GET / HTTP/1.1\r\nHost: h\r\nA\r: b\r\n\r\n"sv, kHeaderName},
    {"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/1.1\r\nHost: h\r\n"sv, kBareLf},
    {"GET / HTTP/1.1\r\nHost: h\r\n\r\r"sv, kHeaderName},
    {"GET / HTTP/1.1\r\nHost: h\r\n\r\nx"sv, kBareLf},
    {"GET / HTTP/1.1\r\n\r\nHost: h\r\n\r\n"sv, kHeaderName},
    {"\r\n\r\n"sv, kRequestLine},
    {"\r\n"sv, kBareLf},
    {""sv, kBareLf},
    // Request lines.
    {"GET / \r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET /\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET /  HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n"sv, kRequestLine},
    {" GET / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET  HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET /\tHTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"G@T / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"G(T / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GE\xC3\xA9 / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/1.1\0\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / http/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/1.1x\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/11\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/1,1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/1.\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP /1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/01.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/1.10\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / XTTP/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTPS/1.1\r\nHost: h\r\n\r\n"sv, kRequestLine},
    {"GET / HTTP/2.0\r\nHost: h\r\n\r\n"sv, kVersion},
    {"GET / HTTP/1.2\r\nHost: h\r\n\r\n"sv, kVersion},
    {"GET / HTTP/0.9\r\nHost: h\r\n\r\n"sv, kVersion},
    {"GET / HTTP/3.0\r\nHost: h\r\n\r\n"sv, kVersion},
    {"PRI * HTTP/2.0\r\n\r\n"sv, kVersion},
    // CONNECT, in any form.
    {"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"sv, kConnect},
    {"CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n"sv, kConnect},
    // Host.
    {"GET / HTTP/1.1\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: h\r\nhOSt: i\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.0\r\nHost:\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: h:\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: h:0\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: h:80x\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: h:-1\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: h\xC3\xA9\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n"sv, kHost},
    {"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"sv, kNone, "GET [::1]:8080 / none"},
    {"GET / HTTP/1.1\r\nHost: 127.0.0.1:65535\r\n\r\n"sv, kNone, "GET 127.0.0.1:65535 / none"},
    {"GET / HTTP/1.1\r\nHost:h.example\t \r\n\r\n"sv, kNone, "GET h.example / none"},
    // absolute-form
    {"GET http://h/p?q HTTP/1.1\r\nHost: h\r\n\r\n"sv, kNone, "GET h /p?q none"},
    {"GET HTTPS://h/p HTTP/1.1\r\nHost: H:443\r\n\r\n"sv, kNone, "GET h /p none"},
    {"GET http://H:80 HTTP/1.1\r\nHost: h\r\n\r\n"sv, kNone, "GET H:80 / none"},
    {"GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n"sv, kNone, "GET h /?q none"},
    {"GET http://h/ HTTP/1.0\r\n\r\n"sv, kNone, "GET h / none close"},
    {"GET http://h/ HTTP/1.1\r\n\r\n"sv, kHost},
    {"GET http://h/ HTTP/1.1\r\nHost: i\r\n\r\n"sv, kHost},
    {"GET http://h/ HTTP/1.1\r\nHost: h:8080\r\n\r\n"sv, kHost},
    {"GET http://h/ HTTP/1.1\r\nHost: h:443\r\n\r\n"sv, kHost},
    {"GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n"sv, kTarget},
    {"GET http:// HTTP/1.1\r\nHost: h\r\n\r\n"sv, kTarget},
    {"GET http:/p HTTP/1.1\r\nHost: h\r\n\r\n"sv, kTarget},
    {"GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n"sv, kTarget},
    {"GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n"sv, kTarget},
    {"GET http://h:x/ HTTP/1.1\r\nHost: h\r\n\r\n"sv, kTarget},
    {"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n"sv, kTarget},
    {"GET http://h#/ HTTP/1.1\r\nHost: h\r\n\r\n"sv, kTarget},
};

// Targets of "GET ... HTTP/1.1" with "Host: h"; expected is path, "?" and query.
constexpr Case kTargets[] = {
    {"/a/b", kNone, "/a/b"},
    {"/a?", kNone, "/a?"},
    {"/a?x=1&y=2", kNone, "/a?x=1&y=2"},
    {"/a?x=/../%2F?[]{}|\"<>\\^`", kNone, "/a?x=/../%2F?[]{}|\"<>\\^`"},
    {"/a?%", ParseError::kQuery},
    {"/a?b=%zz", ParseError::kQuery},
    {"/a?b=%00", ParseError::kQuery},
    {"/a?b=%2", ParseError::kQuery},
    {"//a//b", kNone, "/a/b"},
    {"//h/../a", kNone, "/a"},
    {"/a/./b/../c", kNone, "/a/c"},
    {"/%61%2f%2F", kNone, "/a%2F%2F"},
    {"/..", kPath},
    {"/a/../../b", kPath},
    {"/%2e%2E/b", kPath},
    {"/a/%2e%2e/b", kNone, "/b"},
    {"/%00", kPath},
    {"/a%0", kPath},
    {"/a%", kPath},
    {"/a%zz", kPath},
    {"/a%2", kPath},
    {"/a%%20", kPath},
    {"/a\\b", kPath},
    {"/a\"b", kPath},
    {"/<a>", kPath},
    {"/{a}", kPath},
    {"/a`", kPath},
    {"/[a]|^", kNone, "/%5Ba%5D%7C%5E"},
    {"/a#b", kTarget},
    {"/a?b#c", kTarget},
    {"#", kTarget},
    {"/\xC3\xA9", kTarget},
    {"/a?\xC3\xA9", kTarget},
    {"/0123456789abcdef0123456789abcde\xFF", kTarget},
    {"/\x7F", kRequestLine},
    {"/\x01", kRequestLine},
    {"/\t", kTarget},
    {"*", kTarget},
    {"/*", kNone, "/*"},
    {"a", kTarget},
    {"h:80", kTarget},
    {"?a", kTarget},
    {"http", kTarget},
    {"%2Fa", kTarget},
    {"/%E2%82%ac", kNone, "/%E2%82%AC"},
};

// Fields after "POST / HTTP/1.1" and "Host: h"; expected is what follows "POST h / ".
constexpr Case kFields[] = {
    {"", kNone, "none"},
    {"A:\r\n", kNone, "none"},
    {"A: \r\n", kNone, "none"},
    {"A:b:c\r\n", kNone, "none"},
    {"!#$%&'*+-.^_`|~: x\r\n", kNone, "none"},
    {"X-Very-Long-Field-Name-That-Spans-Several-Blocks_0: x\r\n", kNone, "none"},
    {"A: caf\xC3\xA9 \x80\xFF\r\n", kNone, "none"},
    {"A: a\tb\r\n", kNone, "none"},
    {"A : b\r\n", kHeaderName},
    {"A\t: b\r\n", kHeaderName},
    {": b\r\n", kHeaderName},
    {"A\r\n", kHeaderName},
    {"A B: c\r\n", kHeaderName},
    {"A(: b\r\n", kHeaderName},
    {"\xC3\xA9: b\r\n", kHeaderName},
    {"A-Name-Of-Many-Characters\xE9: b\r\n", kHeaderName},
    {"A@b: c\r\n", kHeaderName},
    {"A\0: b\r\n"sv, kHeaderName},
    {"\0A: b\r\n"sv, kHeaderName},
    {"A: b\0c\r\n"sv, kHeaderValue},
    {"A: b\x01\r\n", kHeaderValue},
    {"A: b\x1F\r\n", kHeaderValue},
    {"A: b\x7F\r\n", kHeaderValue},
    {"A: b\x0B\r\n", kHeaderValue},
    {" A: b\r\n", kObsFold},
    {"\tA: b\r\n", kObsFold},
    {"A: b\r\n c\r\n", kObsFold},
    {"A: b\r\n\tc\r\n", kObsFold},
    {"A: b\r\n \r\n", kObsFold},
    {"Content-Length: 0\r\n", kNone, "length=0"},
    {"Content-Length: 3\r\n", kNone, "length=3"},
    {"content-LENGTH:3  \r\n", kNone, "length=3"},
    {"Content-Length: 003\r\n", kNone, "length=3"},
    {"Content-Length: 999999999999999999\r\n", kNone, "length=999999999999999999"},
    {"Content-Length: 9223372036854775808\r\n", kContentLength},
    {"Content-Length: 18446744073709551617\r\n", kContentLength},
    {"Content-Length: 0000000000000000003\r\n", kContentLength},
    {"Content-Length:\r\n", kContentLength},
    {"Content-Length: +3\r\n", kContentLength},
    {"Content-Length: -3\r\n", kContentLength},
    {"Content-Length: 3,\r\n", kContentLength},
    {"Content-Length: 3, 3\r\n", kContentLength},
    {"Content-Length: 3 3\r\n", kContentLength},
    {"Content-Length: 0x3\r\n", kContentLength},
    {"Content-Length: 3.0\r\n", kContentLength},
    {"Content-Length: 1e3\r\n", kContentLength},
    {"Content-Length: \"3\"\r\n", kContentLength},
    {"Content-Length: 3;\r\n", kContentLength},
    {"Content-Length: \xEF\xBC\x93\r\n", kContentLength},
    {"Content-Length: 3\r\nContent-Length: 3\r\n", kContentLength},
    {"Content-Length: 3\r\nContent-Length: 4\r\n", kContentLength},
    {"Content-Length: 3\r\nContent-length:\r\n", kContentLength},
    {"Transfer-Encoding: chunked\r\n", kNone, "chunked"},
    {"transfer-encoding:\tCHUNKED\t\r\n", kNone, "chunked"},
    {"Transfer-Encoding:\r\n", kTransferEncoding},
    {"Transfer-Encoding: ,\r\n", kTransferEncoding},
    {"Transfer-Encoding: chunked,\r\n", kTransferEncoding},
    {"Transfer-Encoding: ,chunked\r\n", kTransferEncoding},
    {"Transfer-Encoding: chunked, chunked\r\n", kTransferEncoding},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", kTransferEncoding},
    {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", kTransferEncoding},
    {"Transfer-Encoding: chunked;a=b\r\n", kTransferEncoding},
    {"Transfer-Encoding: \"chunked\"\r\n", kTransferEncoding},
    {"Transfer-Encoding: chunked\xA0\r\n", kTransferEncoding},
    {"Transfer-Encoding: chun ked\r\n", kTransferEncoding},
    {"Transfer-Encoding: gzip, chunked\r\n", kTransferCoding},
    {"Transfer-Encoding: chunked, gzip\r\n", kTransferCoding},
    {"Transfer-Encoding: chunked, identity\r\n", kTransferCoding},
    {"Transfer-Encoding: identity\r\n", kTransferCoding},
    {"Transfer-Encoding: xchunked\r\n", kTransferCoding},
    {"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", kFramingConflict},
    {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", kFramingConflict},
    {"Content-Length: x\r\nTransfer-Encoding: y\r\n", kFramingConflict},
    {"Transfer_Encoding: chunked\r\nContent-Length: 3\r\n", kNone, "length=3"},
    {"Connection: close\r\n", kNone, "none close"},
    {"Connection: keep-alive, Close\r\n", kNone, "none close"},
    {"Connection: x\r\nConnection: CLOSE\r\n", kNone, "none close"},
    {"Connection: closed\r\n", kNone, "none"},
    {"Connection: , ,\r\n", kNone, "none"},
    {"Expect: 100-Continue\r\nContent-Length: 1\r\n", kNone, "length=1 continue"},
    {"Expect: 200-ok\r\n", ParseError::kExpectation},
    {"Expect: 100-continue, x\r\n", ParseError::kExpectation},
    {"Connection: Upgrade\r\nUpgrade: websocket\r\n", kNone, "none upgrade"},
    {"Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\n", kNone, "none upgrade"},
    {"Upgrade: websocket\r\n", kNone, "none"},
    {"Connection: upgrade\r\n", kNone, "none"},
};

struct ResponseCase {
  std::string_view input;
  ParseError error;
  std::string_view expected = {};
  Method method = Method::kGet;
};

constexpr ResponseCase kResponses[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", kNone, "200 \"OK\" length=2"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", kNone, "200 \"OK\" length=0"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", kNone, "200 \"OK\" chunked"},
    {"HTTP/1.1 200 OK\r\n\r\n", kNone, "200 \"OK\" until-close close"},
    {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n", kNone, "200 \"\" length=2"},
    {"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n", kNone, "200 \"\" length=2"},
    {"HTTP/1.1 404 Not  Found\there \xE9\r\nContent-Length: 2\r\n\r\n", kNone,
     "404 \"Not  Found\there \xE9\" length=2"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", kNone, "200 \"OK\" length=2 close"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n", kNone, "200 \"OK\" length=2"},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", kNone, "200 \"OK\" until-close close"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n", kNone, "200 \"OK\" length=2 close"},
    {"HTTP/1.1 599 X\r\nContent-Length: 2\r\n\r\n", kNone, "599 \"X\" length=2"},
    {"HTTP/1.1 600 X\r\nContent-Length: 2\r\n\r\n", ParseError::kStatusLine},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", kNone, "200 \"OK\" none", Method::kHead},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", kNone, "200 \"OK\" none", Method::kHead},
    {"HTTP/1.1 200 OK\r\n\r\n", kNone, "200 \"OK\" none", Method::kHead},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", kNone, "304 \"Not Modified\" none"},
    {"HTTP/1.1 304 Not Modified\r\n\r\n", kNone, "304 \"Not Modified\" none"},
    {"HTTP/1.1 204 No Content\r\n\r\n", kNone, "204 \"No Content\" none"},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", kNone, "204 \"No Content\" none"},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", kFramingConflict},
    {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", kFramingConflict},
    {"HTTP/1.1 100 Continue\r\n\r\n", kNone, "100 \"Continue\" none"},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", kNone,
     "101 \"Switching Protocols\" none"},
    {"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", kFramingConflict},
    {"HTTP/1.1 099 X\r\n\r\n", kStatusLine},
    {"HTTP/1.1 20 OK\r\n\r\n", kStatusLine},
    {"HTTP/1.1 2000 OK\r\n\r\n", kStatusLine},
    {"HTTP/1.1 200OK\r\n\r\n", kStatusLine},
    {"HTTP/1.1  200 OK\r\n\r\n", kStatusLine},
    {"HTTP/1.1\t200 OK\r\n\r\n", kStatusLine},
    {"HTTP/1.1 200\tOK\r\n\r\n", kStatusLine},
    {"HTTP/1.1 +20 OK\r\n\r\n", kStatusLine},
    {"HTTP/1.1 -20 OK\r\n\r\n", kStatusLine},
    {"HTTP/1.1 abc OK\r\n\r\n", kStatusLine},
    {"HTTP/1.1\r\n\r\n", kStatusLine},
    {"HTTP/1.1 \r\n\r\n", kStatusLine},
    {"ICY 200 OK\r\n\r\n", kStatusLine},
    {"http/1.1 200 OK\r\n\r\n", kStatusLine},
    {"200 OK\r\n\r\n", kStatusLine},
    {"\r\n\r\n", kStatusLine},
    {"HTTP/1.1 200 O\x01K\r\n\r\n", kStatusLine},
    {"HTTP/1.1 200 O\rK\r\n\r\n", kStatusLine},
    {"HTTP/2.0 200 OK\r\n\r\n", kVersion},
    {"HTTP/1.2 200 OK\r\n\r\n", kVersion},
    {"HTTP/1.1 200 OK\nContent-Length: 2\n\n", kBareLf},
    {"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n", kHeaderName},
    {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", kObsFold},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n", kContentLength},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n", kContentLength},
    {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", kContentLength},
    {"HTTP/1.1 304 OK\r\nContent-Length: x\r\n\r\n", kContentLength},
    {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", kContentLength, "", Method::kHead},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", kFramingConflict},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", kTransferCoding},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", kTransferEncoding},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", kTransferEncoding},
};

TEST(H1Request, Heads) {
  for (const Case& c : kRequests) CheckRequest(c.input, c.error, c.expected);
}

TEST(H1Request, Targets) {
  for (const Case& c : kTargets) {
    CheckRequest(fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", c.input), c.error,
                 fmt::format("GET h {} none", c.expected));
  }
}

TEST(H1Request, Fields) {
  for (const Case& c : kFields) {
    // Once before and once after other fields, and at all offsets to the scan's blocks.
    for (size_t pad = 0; pad < 70; pad += pad < 34 ? 1 : 9) {
      std::string head =
          fmt::format("POST / HTTP/1.1\r\nHost: h\r\nPad: {}\r\n{}Z: z\r\n\r\n", std::string(pad, 'x'), c.input);
      CheckRequest(head, c.error, fmt::format("POST h / {}", c.expected));
    }
    CheckRequest(fmt::format("POST / HTTP/1.1\r\n{}Host: h\r\n\r\n", c.input), c.error,
                 fmt::format("POST h / {}", c.expected));
  }
}

TEST(H1Request, Http10RefusesTransferEncoding) {
  CheckRequest("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", kTransferEncoding, "");
  CheckRequest("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\nExpect: 100-continue\r\n\r\n", kNone,
               "GET  / none close");
}

TEST(H1Response, Heads) {
  for (const ResponseCase& c : kResponses) CheckResponse(c.input, c.method, c.error, c.expected);
}

TEST(H1Request, ViewsAndFields) {
  std::string_view raw = "PUT /x/%7Ey?z HTTP/1.1\r\nhost: H:81\r\nX-A:  one two \r\nX-A:\r\nUSER-AGENT: me\r\n\r\n";
  BlockPool pool;
  Arena arena(pool);
  RequestHead head;
  ASSERT_EQ(ParseRequestHead(raw, ParseLimits(), arena, head), kNone);
  EXPECT_EQ(head.method, Method::kPut);
  EXPECT_EQ(head.target, "/x/%7Ey?z");
  EXPECT_EQ(head.path, "/x/~y");
  EXPECT_EQ(head.query, "z");
  ASSERT_EQ(head.headers.size(), 4u);
  const Header* fields = head.headers.begin();
  EXPECT_EQ(fields[0].name, "host");
  EXPECT_EQ(fields[0].id, HeaderId::kHost);
  EXPECT_EQ(fields[1].value, "one two");
  EXPECT_EQ(fields[2].value, "");
  EXPECT_EQ(fields[3].id, HeaderId::kUserAgent);
  EXPECT_EQ(fields[3].value.data(), raw.data() + raw.find("me\r"));
}

TEST(H1Request, Limits) {
  BlockPool pool;
  Arena arena(pool);
  RequestHead out;
  auto parse = [&](std::string_view raw, ParseLimits limits) { return ParseRequestHead(raw, limits, arena, out); };
  std::string_view raw = "GET /abc HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
  EXPECT_EQ(parse(raw, {.head = raw.size(), .headers = 2, .target = 4}), kNone);
  EXPECT_EQ(parse(raw, {.head = raw.size() - 1, .headers = 2, .target = 4}), kHeadTooLarge);
  EXPECT_EQ(parse(raw, {.head = raw.size(), .headers = 1, .target = 4}), kTooManyHeaders);
  EXPECT_EQ(parse(raw, {.head = raw.size(), .headers = 0, .target = 4}), kTooManyHeaders);
  EXPECT_EQ(parse(raw, {.head = raw.size(), .headers = 2, .target = 3}), kTargetTooLong);
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 99; i++) many += "A:\r\n";
  EXPECT_EQ(parse(many + "\r\n", {}), kNone);
  EXPECT_EQ(out.headers.size(), 100u);
  EXPECT_EQ(parse(many + "A:\r\n\r\n", {}), kTooManyHeaders);
}

TEST(H1Request, Statuses) {
  EXPECT_EQ(StatusFor(kBareLf), 400);
  EXPECT_EQ(StatusFor(kVersion), 505);
  EXPECT_EQ(StatusFor(kTransferCoding), 501);
  EXPECT_EQ(StatusFor(kTransferEncoding), 400);
  EXPECT_EQ(StatusFor(kTargetTooLong), 414);
  EXPECT_EQ(StatusFor(kHeadTooLarge), 431);
  EXPECT_EQ(StatusFor(kTooManyHeaders), 431);
  EXPECT_EQ(StatusFor(kConnect), 501);
}

TEST(ScanHead, FindsTheEndWhereverTheBytesAreCut) {
  std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int pad = 0; pad < 70; pad++) {
    std::string whole = head + "P: " + std::string(static_cast<size_t>(pad), 'x') + "\r\n\r\n";
    std::string bytes = whole + "GET /next";
    for (size_t cut = 0; cut <= bytes.size(); cut++) {
      std::vector<char> exact(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(cut));
      HeadScan first = ScanHead({exact.data(), exact.size()}, 0);
      ASSERT_EQ(first.state, cut < whole.size() ? HeadScan::kIncomplete : HeadScan::kComplete) << cut;
      if (first.state == HeadScan::kIncomplete) first = ScanHead(bytes, first.length);
      ASSERT_EQ(first.state, HeadScan::kComplete);
      ASSERT_EQ(first.length, whole.size());
    }
  }
}

TEST(ScanHead, BareLf) {
  EXPECT_EQ(ScanHead("\n", 0).state, HeadScan::kBareLf);
  EXPECT_EQ(ScanHead("GET / HTTP/1.1\n", 0).state, HeadScan::kBareLf);
  EXPECT_EQ(ScanHead("GET / HTTP/1.1\r\n\n", 0).state, HeadScan::kBareLf);
  EXPECT_EQ(ScanHead("GET / HTTP/1.1\r\nHost: hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh\n\r\n", 0).state,
            HeadScan::kBareLf);
  EXPECT_EQ(ScanHead("a\r\n\r", 0).state, HeadScan::kIncomplete);
  EXPECT_EQ(ScanHead("", 0).state, HeadScan::kIncomplete);
  EXPECT_EQ(LeadingEmptyLine("\r\n\r\nGET"), 2u);
  EXPECT_EQ(LeadingEmptyLine("\rGET"), 0u);
  EXPECT_EQ(LeadingEmptyLine("GET"), 0u);
}

// A chunked message as one line: its data, "|", its trailers, "|", how many bytes are left; or "bad", or "more".
std::string Dechunk(std::string_view wire, const std::vector<size_t>& cuts) {
  ChunkDecoder decoder;
  std::string data;
  size_t begin = 0;
  for (size_t i = 0; i <= cuts.size(); i++) {
    size_t end = i < cuts.size() ? cuts[i] : wire.size();
    std::vector<char> exact(wire.begin() + static_cast<ptrdiff_t>(begin), wire.begin() + static_cast<ptrdiff_t>(end));
    std::string_view piece(exact.data(), exact.size());
    begin = end;
    while (true) {
      ChunkDecoder::Step step = decoder.Next(piece);
      if (step.used > piece.size()) return "used too much";
      if (step.kind == ChunkDecoder::Step::kBad) return "bad";
      if (step.kind == ChunkDecoder::Step::kTrailers) {
        return fmt::format("{}|{}|{}", data, step.data, piece.size() - step.used + wire.size() - end);
      }
      piece.remove_prefix(step.used);
      if (step.kind == ChunkDecoder::Step::kNeedMore) {
        if (!piece.empty()) return "input left over";
        break;
      }
      if (step.data.empty()) return "empty data";
      data += step.data;
    }
  }
  return "more";
}

struct ChunkCase {
  std::string_view wire;
  std::string_view expected;
};

constexpr ChunkCase kChunks[] = {
    {"0\r\n\r\n", "||0"},
    {"3\r\nabc\r\n0\r\n\r\n", "abc||0"},
    {"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET", "abc0123456789||3"},
    {"0003\r\nabc\r\n000\r\n\r\n", "abc||0"},
    {"0000000000000003\r\nabc\r\n0\r\n\r\n", "abc||0"},
    {"00000000000000003\r\nabc\r\n0\r\n\r\n", "bad"},
    {"3;a=b;c=\"d e\"\r\nabc\r\n0;x\r\n\r\n", "abc||0"},
    {"3 \t;a\r\nabc\r\n0\r\n\r\n", "abc||0"},
    {"3;a=\"\xC3\xA9\"\r\nabc\r\n0\r\n\r\n", "abc||0"},
    {"3;\xC3\xA9\r\nabc\r\n0\r\n\r\n", "bad"},
    {"3;\r\nabc\r\n0\r\n\r\n", "bad"},
    {"0\r\nA: b\r\n\r\n", "|A: b\r\n|0"},
    {"0\r\nA: b\r\nC-D:\r\n\r\nx", "|A: b\r\nC-D:\r\n|1"},
    {"3\r\nabc\r\n0\r\nA: b\r\n\r\n\r\n", "abc|A: b\r\n|2"},
    {"", "more"},
    {"3\r\nab", "more"},
    {"0\r\n", "more"},
    {"0\r\n\r", "more"},
    {"0\r\nA: b\r\n", "more"},
    {"\r\n", "bad"},
    {"g\r\n", "bad"},
    {"-1\r\n", "bad"},
    {"+1\r\n", "bad"},
    {"0x1\r\n", "bad"},
    {" 1\r\n", "bad"},
    {"1 \r\na\r\n", "bad"},
    {"1\t\r\na\r\n", "bad"},
    {"1,\r\na\r\n", "bad"},
    {"1\na\r\n", "bad"},
    {"1\r\r\na\r\n", "bad"},
    {"1;a\nb\r\n", "bad"},
    {"1;a\rb\r\n", "bad"},
    {"1;a\x01\r\nb\r\n", "bad"},
    {"1;a\x7F\r\nb\r\n", "bad"},
    {"1\r\nab\r\n", "bad"},
    {"1\r\na\n", "bad"},
    {"1\r\na\r1", "bad"},
    {"1\r\na0\r\n\r\n", "bad"},
    {";a\r\n\r\n", "bad"},
    {"0\r\n\n", "bad"},
    {"0\r\nA: b\n\r\n", "bad"},
    {"0\r\nA: b\r\n\n", "bad"},
    {"0\r\nA : b\r\n\r\n", "bad"},
    {"0\r\nA\r\n\r\n", "bad"},
    {"0\r\n: b\r\n\r\n", "bad"},
    {"0\r\n b\r\n\r\n", "bad"},
    {"0\r\nA: b\r\n c\r\n\r\n", "bad"},
    {"0\r\nA: b\rc\r\n\r\n", "bad"},
    {"0\r\nA: b\x01\r\n\r\n", "bad"},
    {"7FFFFFFFFFFFFFFF\r\n", "more"},
    {"8000000000000000\r\n", "bad"},
    {"FFFFFFFFFFFFFFFF\r\n", "bad"},
    {"10000000000000000\r\n", "bad"},
};

TEST(ChunkDecoder, Cases) {
  for (const ChunkCase& c : kChunks) {
    EXPECT_EQ(Dechunk(c.wire, {}), c.expected) << c.wire;
    for (size_t cut = 0; cut <= c.wire.size(); cut++) {
      EXPECT_EQ(Dechunk(c.wire, {cut}), c.expected) << c.wire << " cut at " << cut;
    }
    std::vector<size_t> every;
    for (size_t i = 1; i < c.wire.size(); i++) every.push_back(i);
    EXPECT_EQ(Dechunk(c.wire, every), c.expected) << c.wire << " in single bytes";
  }
}

TEST(ChunkDecoder, Limits) {
  auto extension = [](size_t size) { return "1;" + std::string(size, 'e') + "\r\na\r\n0\r\n\r\n"; };
  EXPECT_EQ(Dechunk(extension(ChunkDecoder::kExtensionLimit), {}), "a||0");
  EXPECT_EQ(Dechunk(extension(ChunkDecoder::kExtensionLimit + 1), {}), "bad");
  auto trailer = [](size_t size) { return "0\r\nA:" + std::string(size - 6, 'e') + "\r\n\r\n"; };
  for (size_t cut : {5ul, 100ul, ChunkDecoder::kTrailerLimit}) {
    EXPECT_NE(Dechunk(trailer(ChunkDecoder::kTrailerLimit), {cut}), "bad") << cut;
    EXPECT_EQ(Dechunk(trailer(ChunkDecoder::kTrailerLimit + 1), {cut}), "bad") << cut;
  }
  EXPECT_EQ(Dechunk("0\r\n" + std::string(ChunkDecoder::kTrailerLimit, 'e'), {}), "bad");
}

TEST(ChunkDecoder, StaysBadUntilReset) {
  ChunkDecoder decoder;
  EXPECT_EQ(decoder.Next("x").kind, ChunkDecoder::Step::kBad);
  EXPECT_EQ(decoder.Next("0\r\n\r\n").kind, ChunkDecoder::Step::kBad);
  EXPECT_EQ(decoder.Next("").kind, ChunkDecoder::Step::kBad);
  decoder.Reset();
  EXPECT_EQ(decoder.Next("0\r\n\r\n").kind, ChunkDecoder::Step::kTrailers);
  EXPECT_EQ(decoder.Next("0\r\n\r\n").kind, ChunkDecoder::Step::kBad);
}

TEST(ChunkDecoder, Trailers) {
  BlockPool pool;
  Arena arena(pool);
  HeaderList headers;
  EXPECT_EQ(ParseTrailers("", arena, headers), kNone);
  EXPECT_EQ(ParseTrailers("A: b\r\nContent-Type:c \r\n", arena, headers), kNone);
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers.Get("a"), "b");
  EXPECT_EQ(headers.Get(HeaderId::kContentType), "c");
  EXPECT_EQ(ParseTrailers("A: b", arena, headers), kBareLf);
  EXPECT_EQ(ParseTrailers(" b\r\n", arena, headers), kObsFold);
  EXPECT_EQ(ParseTrailers("A: \x01\r\n", arena, headers), kHeaderValue);
}

}  // namespace
}  // namespace mg::http
