#include "tester/expectations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tester/block_parser.h"
#include "tester/diff.h"
#include "tester/options.h"
#include "tester/report.h"

namespace mg::tester {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Block Parse(std::string text) {
  ParsedFile file = ParseBlocks("=== one\n" + text);
  EXPECT_THAT(file.problems, IsEmpty());
  return file.blocks.at(0);
}

Response Make(int status, std::string body, Fields headers = {}) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  response.headers = std::move(headers);
  response.head = "HTTP/1.1 " + std::to_string(status) + " X\r\n\r\n";
  return response;
}

// The failures as "line section: message" lines.
std::string Check(std::string text, std::vector<Response> responses, size_t expected = 0) {
  Observed observed;
  observed.expected_responses = expected == 0 ? responses.size() : expected;
  observed.responses = std::move(responses);
  Failures failures;
  CheckResponses(Parse(std::move(text)), observed, failures);
  std::string out;
  for (const Failure& f : failures) out += std::to_string(f.line) + " " + f.section + ": " + f.message + "\n";
  return out;
}

TEST(Expectations, Status) {
  EXPECT_EQ(Check("--- LAST\n", {Make(200, "")}), "");
  EXPECT_EQ(Check("--- LAST\n", {Make(404, "")}), "1 error_code: expected 200, got 404\n");
  EXPECT_EQ(Check("--- error_code: 404\n", {Make(404, ""), Make(404, "")}), "");
  EXPECT_EQ(Check("--- error_code: 200 404\n", {Make(200, ""), Make(404, "")}), "");
  EXPECT_EQ(Check("--- error_code\n200\n---8<---\n400\n", {Make(200, ""), Make(404, "")}),
            "2 error_code: response 2: expected 400, got 404\n");
  EXPECT_THAT(Check("--- error_code: 200 200 200\n", {Make(200, ""), Make(200, "")}), HasSubstr("3 codes for 2"));
  EXPECT_EQ(Check("--- error_code_like: ^4\n", {Make(404, "")}), "");
  EXPECT_THAT(Check("--- error_code_like: ^4\n", {Make(500, "")}), HasSubstr("expected a status like \"^4\", got 500"));
}

TEST(Expectations, Body) {
  EXPECT_EQ(Check("--- response_body\nhello\n", {Make(200, "hello\n")}), "");
  EXPECT_EQ(Check("--- response_body\n", {Make(200, "")}), "");
  EXPECT_EQ(Check("--- response_body\nhello\n", {Make(200, "hello")}),
            "3 response_body: expected \"hello\\n\", got \"hello\"\n");
  EXPECT_EQ(Check("--- response_body\na\n---8<---\nb\n", {Make(200, "a\n"), Make(200, "c\n")}),
            "5 response_body: response 2: expected \"b\\n\", got \"c\\n\"\n");
  EXPECT_EQ(Check("--- response_body_like: ^h.*o$\n", {Make(200, "hel\nlo")}), "");
  EXPECT_THAT(Check("--- response_body_like\nx\n", {Make(200, "hello")}), HasSubstr("does not match \"x\""));
  EXPECT_THAT(Check("--- response_body_unlike\nl+\n", {Make(200, "hello")}), HasSubstr("does match"));
  EXPECT_THAT(Check("--- response_body_like\n(\n", {Make(200, "hello")}), HasSubstr("offset"));
}

TEST(Expectations, Headers) {
  std::vector<Response> one = {Make(200, "", {{"A", "1"}, {"a", "2"}, {"B", "x y"}})};
  EXPECT_EQ(Check("--- response_headers\na: 1, 2\nB: x y\n!C\nD:\n", one), "");
  EXPECT_EQ(Check("--- response_headers\nB: x\n", one), "3 response_headers: expected B: x, got \"x y\"\n");
  EXPECT_EQ(Check("--- response_headers\nB: x y\nC: 1\n", one),
            "4 response_headers: expected C: 1, but there is none\n");
  EXPECT_EQ(Check("--- response_headers\n!A\n", one), "3 response_headers: expected no A, got \"1, 2\"\n");
  EXPECT_THAT(Check("--- response_headers\nA\n", one), HasSubstr("Name: value"));
  EXPECT_EQ(Check("--- response_headers_like\nB: x.*\n", one), "");
  EXPECT_THAT(Check("--- response_headers_like\nB: x\n", one), HasSubstr("expected B: x, got"));
  EXPECT_EQ(Check("--- raw_response_headers_like: ^HTTP/1.1 200\n--- raw_response_headers_unlike: 404\n", one), "");
  EXPECT_THAT(Check("--- raw_response_headers_unlike: 200\n", one), HasSubstr("the head does match"));
}

TEST(Expectations, WhetherTheyCame) {
  EXPECT_THAT(Check("--- LAST\n", {}, 1), HasSubstr("closed before response 1"));
  EXPECT_THAT(Check("--- LAST\n", {Make(200, ""), Make(200, "")}, 1), HasSubstr("expected 1 responses, got 2"));
  EXPECT_THAT(Check("--- connection_closed\n", {Make(200, "")}), HasSubstr("stayed open"));
  EXPECT_THAT(Check("--- response_cut\n", {Make(200, "")}), HasSubstr("not cut off"));
  EXPECT_EQ(Check("--- ignore_response\n", {Make(500, "")}), "");
  Response cut = Make(200, "hel");
  cut.cut = true;
  EXPECT_EQ(Check("--- response_cut\n--- response_body chomp\nhel\n", {cut}), "");
}

TEST(Expectations, Log) {
  std::vector<std::string> log = {"[error] it failed at 12", "[info] fine 3 4"};
  auto has = [&](std::string text) {
    Failures failures;
    CheckLogHas(Parse(text), log, failures);
    CheckLogHasNot(Parse(text), log, failures);
    return failures.empty() ? "" : failures[0].message;
  };
  EXPECT_EQ(has("--- error_log\n[error] it failed\nfine\n"), "");
  EXPECT_THAT(has("--- error_log\nnot there\n"), HasSubstr("no line of the log has \"not there\""));
  EXPECT_EQ(has("--- error_log regex\nat \\d+$\n"), "");
  EXPECT_EQ(has("--- no_error_log\n[warn]\n"), "");
  EXPECT_THAT(has("--- no_error_log\n[error]\n"), HasSubstr("the log has"));
  EXPECT_EQ(has("--- grep_error_log regex\n\\d+\n--- grep_error_log_out\n12\n3\n4\n"), "");
  EXPECT_THAT(has("--- grep_error_log: fine\n--- grep_error_log_out\nbad\n"), HasSubstr("got \"fine\\n\""));
  EXPECT_THAT(has("--- grep_error_log: nothing\n--- grep_error_log_out\n"), "");
}

TEST(Expectations, Upstreams) {
  Observed observed;
  observed.upstream_requests = {{0, 0, "GET", "/a", "GET /a HTTP/1.1\nA: 1\n", true, true},
                                {1, 0, "GET", "/b", "GET /b HTTP/1.1\n", true, true}};
  observed.upstream_connections = {1, 2};
  auto check = [&](std::string text) {
    Failures failures;
    CheckUpstreams(Parse(text), observed, failures);
    return failures.empty() ? "" : failures[0].message;
  };
  EXPECT_EQ(check("--- upstream_requests_like\n/a\n---8<---\n/b\n"), "");
  EXPECT_EQ(check("--- upstream_requests_like: HTTP\n"), "");
  EXPECT_THAT(check("--- upstream_requests_like: /a\n"), HasSubstr("request 2 to the upstream does not match"));
  EXPECT_THAT(check("--- upstream_requests_unlike: A: 1\n"), HasSubstr("request 1 to the upstream does match"));
  EXPECT_THAT(check("--- upstream_requests_like\na\n---8<---\nb\n---8<---\nc\n"), HasSubstr("3 parts for 2"));
  EXPECT_EQ(check("--- upstream_request_count: 1 1\n--- upstream_connection_count: 1 2\n"), "");
  EXPECT_THAT(check("--- upstream_request_count: 2\n"), HasSubstr("got \"1 1\""));
  observed.upstream_requests[0].answered = false;
  EXPECT_THAT(check("--- LAST\n"), HasSubstr("no answer for: GET /a"));
}

TEST(Diff, ShowsLines) {
  EXPECT_EQ(Diff("a\nb\nc\n", "a\nx\nc\n"), " a\n-b\n+x\n c\n");
  EXPECT_EQ(Diff("a\n", "a"), "-a\n+a  (no newline at the end)\n");
  EXPECT_EQ(Diff("", "a\r\n"), "+a\\r\n");
}

TEST(Options, Parse) {
  auto parse = [](std::vector<std::string> arguments) { return ParseOptions(arguments); };
  Result<Options> options =
      parse({"-v", "--filter", "x", "--repeat=3", "--shuffle=7", "--loops", "2", "t", "--", "-a"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_TRUE(options->verbose);
  EXPECT_EQ(options->filter, "x");
  EXPECT_EQ(options->repeat, 3);
  EXPECT_EQ(options->loops, 2);
  EXPECT_EQ(options->shuffle, 7u);
  EXPECT_THAT(options->paths, ::testing::ElementsAre("t", "-a"));
  EXPECT_FALSE(parse({}));
  EXPECT_FALSE(parse({"--repeat", "0", "t"}));
  EXPECT_FALSE(parse({"--what", "t"}));
  EXPECT_FALSE(parse({"t", "--filter"}));
  EXPECT_FALSE(parse({"--reload=yes", "t"}));
}

TEST(Report, Junit) {
  Outcome failed{Outcome::Kind::kFailed, "t/a.t", "<one>", "", false, "", {"t/a.t:3: \"x\" & \x01"}, 0.5};
  Outcome skipped{Outcome::Kind::kSkipped, "t/a.t", "two", "no redis", false, "", {}, 0};
  Outcome todo{Outcome::Kind::kFailed, "t/b.t", "three", "", true, "later", {}, 0};
  std::string xml = JunitXml({failed, skipped, todo});
  EXPECT_THAT(xml, HasSubstr("<testsuite name=\"t/a.t\" tests=\"2\" failures=\"1\" skipped=\"1\" time=\"0.500\">"));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"t/a.t:3: &quot;x&quot; &amp; ?\">"));
  EXPECT_THAT(xml, HasSubstr("<skipped message=\"no redis\"/>"));
  EXPECT_THAT(xml, HasSubstr("<testsuite name=\"t/b.t\" tests=\"1\" failures=\"0\""));
}

TEST(Report, Tap) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* out = open_memstream(&text, &size);
  TapReport tap(out);
  tap.Begin(3);
  tap.Add({Outcome::Kind::kPassed, "a.t", "it # works", "", false, "", {}, 0});
  tap.Add({Outcome::Kind::kFailed, "a.t", "not yet", "", true, "soon", {"two\nlines"}, 0});
  tap.Add({Outcome::Kind::kSkipped, "a.t", "three", "why", false, "", {}, 0});
  std::fclose(out);
  EXPECT_EQ(std::string(text, size),
            "TAP version 13\n1..3\nok 1 - a.t it \\# works\nnot ok 2 - a.t not yet # TODO soon\n# two\n# lines\n"
            "ok 3 - a.t three # SKIP why\n");
  std::free(text);
}

}  // namespace
}  // namespace mg::tester
