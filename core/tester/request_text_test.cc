#include "tester/request_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tester/block_parser.h"

namespace mg::tester {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Result<RequestPlan> Plan(std::string text) {
  ParsedFile file = ParseBlocks("=== one\n" + text);
  EXPECT_THAT(file.problems, IsEmpty());
  return PlanRequests(file.blocks.at(0));
}

TEST(RequestText, OneRequest) {
  Result<RequestPlan> plan = Plan("--- request\nGET /a b\n--- more_headers\nX-One: 1\n");
  ASSERT_TRUE(plan);
  ASSERT_THAT(plan->packets, SizeIs(1));
  EXPECT_EQ(plan->packets[0].bytes, "GET /a b HTTP/1.1\r\nHost: localhost\r\nX-One: 1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(plan->methods, ElementsAre("GET"));
  EXPECT_EQ(plan->responses, 1u);
}

TEST(RequestText, BodyAndGivenHeaders) {
  EXPECT_EQ(Plan("--- request\nPOST /a HTTP/1.0\n\nhello\n--- more_headers\nhost: x\nConnection: keep-alive\n")
                ->packets[0]
                .bytes,
            "POST /a HTTP/1.0\r\nhost: x\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(
      Plan("--- request bytes\nPUT /\nhello\\x00\n--- more_headers\nTransfer-Encoding: chunked\n")->packets[0].bytes,
      std::string("PUT / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nhello") +
          std::string("\0\n", 2));
  EXPECT_THAT(Plan("--- request: POST /\n")->packets[0].bytes, HasSubstr("Content-Length: 0\r\n"));
}

TEST(RequestText, SeveralOneAfterAnother) {
  Result<RequestPlan> plan = Plan("--- requests\nGET /1\nHEAD /2\n");
  ASSERT_TRUE(plan);
  ASSERT_THAT(plan->packets, SizeIs(2));
  EXPECT_EQ(plan->packets[0].bytes, "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(plan->packets[1].bytes, "HEAD /2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(plan->packets[1].responses, 1u);
  EXPECT_THAT(plan->methods, ElementsAre("GET", "HEAD"));
}

TEST(RequestText, Pipelined) {
  Result<RequestPlan> plan =
      Plan("--- pipelined_requests\nPOST /1\nabc\n---8<---\nGET /2\n--- more_headers\nA: 1\n---8<---\nA: 2\n");
  ASSERT_TRUE(plan);
  ASSERT_THAT(plan->packets, SizeIs(1));
  EXPECT_EQ(plan->packets[0].bytes,
            "POST /1 HTTP/1.1\r\nHost: localhost\r\nA: 1\r\nContent-Length: 3\r\n\r\nabc"
            "GET /2 HTTP/1.1\r\nHost: localhost\r\nA: 2\r\nConnection: close\r\n\r\n");
}

TEST(RequestText, RawIsSentAsWritten) {
  Result<RequestPlan> plan = Plan(
      "--- raw_request\nHEAD / HTTP/1.1\\r\nHost: x\\r\n\\r\n---8<--- wait\nrest\\\n\n--- raw_request_middle_delay: "
      "10ms\n"
      "--- error_code: 200 400\n");
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_THAT(plan->packets, SizeIs(2));
  EXPECT_EQ(plan->packets[0].bytes, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(plan->packets[1].for_something);
  EXPECT_EQ(plan->between.count(), 10);
  EXPECT_THAT(plan->methods, ElementsAre("HEAD"));
  EXPECT_EQ(plan->responses, 2u);
}

TEST(RequestText, RefusesWhatIsUnclear) {
  EXPECT_THAT(Plan("--- request\nGET\n").error().message, HasSubstr("METHOD URI"));
  EXPECT_THAT(Plan("--- request: GET /\n--- raw_request\nx\n").error().message, HasSubstr("a block has one"));
  EXPECT_THAT(Plan("--- requests\nGET /\nGET /\n--- more_headers\nA: 1\n---8<---\n---8<---\nA: 2\n").error().message,
              HasSubstr("3 parts for 2"));
  EXPECT_THAT(Plan("--- raw_request\na\n---8<--- sleep\nb\n").error().message, HasSubstr("only \"wait\""));
  EXPECT_THAT(Plan("--- config\nx\n")->packets, IsEmpty());
}

}  // namespace
}  // namespace mg::tester
