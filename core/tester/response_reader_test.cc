#include "tester/response_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mg::tester {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Feeds it byte by byte, which must not matter.
ResponseReader Read(std::string_view bytes, std::vector<std::string> methods = {}) {
  ResponseReader reader;
  for (std::string& method : methods) reader.Expect(std::move(method));
  for (char c : bytes) reader.Feed({&c, 1});
  return reader;
}

TEST(ResponseReader, LengthsInARow) {
  ResponseReader reader =
      Read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: 1\r\na:  2 \r\n\r\nhelloHTTP/1.1 204 \r\n\r\n");
  EXPECT_EQ(reader.error(), "");
  ASSERT_THAT(reader.responses(), SizeIs(2));
  Response& first = reader.responses()[0];
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.reason, "OK");
  EXPECT_EQ(first.body, "hello");
  EXPECT_EQ(*first.Header("A"), "1, 2");
  EXPECT_EQ(first.Header("b"), nullptr);
  EXPECT_FALSE(first.closes);
  EXPECT_EQ(reader.responses()[1].status, 204);
  EXPECT_FALSE(reader.partial());
}

TEST(ResponseReader, ChunksAndTrailers) {
  ResponseReader reader = Read(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: "
      "close\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n");
  EXPECT_EQ(reader.error(), "");
  ASSERT_THAT(reader.responses(), SizeIs(1));
  EXPECT_EQ(reader.responses()[0].body, "abc0123456789");
  EXPECT_TRUE(reader.responses()[0].chunked);
  EXPECT_TRUE(reader.responses()[0].closes);
  bool found = false;
  EXPECT_EQ(JoinFields(reader.responses()[0].trailers, "t", found), "1");
}

TEST(ResponseReader, HeadAndInformational) {
  ResponseReader reader = Read(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 304 x\r\nContent-Length: "
      "7\r\n\r\n",
      {"HEAD", "GET"});
  EXPECT_EQ(reader.error(), "");
  ASSERT_THAT(reader.responses(), SizeIs(2));
  EXPECT_EQ(reader.responses()[0].body, "");
  EXPECT_THAT(reader.responses()[0].head, HasSubstr("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

TEST(ResponseReader, UntilTheConnectionEnds) {
  ResponseReader reader = Read("HTTP/1.0 200 OK\r\n\r\nhello");
  EXPECT_THAT(reader.responses(), SizeIs(0));
  EXPECT_TRUE(reader.End());
  ASSERT_THAT(reader.responses(), SizeIs(1));
  EXPECT_EQ(reader.responses()[0].body, "hello");
  EXPECT_TRUE(reader.responses()[0].until_close);
}

TEST(ResponseReader, CutOff) {
  ResponseReader reader = Read("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
  EXPECT_FALSE(reader.End());
  EXPECT_THAT(reader.error(), HasSubstr("in the middle of a response"));
  ASSERT_THAT(reader.responses(), SizeIs(1));
  EXPECT_TRUE(reader.responses()[0].cut);
  EXPECT_EQ(reader.responses()[0].body, "hello");

  ResponseReader in_head = Read("HTTP/1.1 200 OK\r\nCont");
  EXPECT_FALSE(in_head.End());
  EXPECT_THAT(in_head.responses(), SizeIs(0));
}

TEST(ResponseReader, Upgrade) {
  ResponseReader reader = Read("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nHTTP/1.1 bytes");
  EXPECT_EQ(reader.error(), "");
  EXPECT_TRUE(reader.switched());
  EXPECT_EQ(reader.responses().at(0).body, "HTTP/1.1 bytes");
}

TEST(ResponseReader, RefusesWhatIsNotHttp) {
  for (std::string_view bad : {
           "hello\r\n\r\n",
           "HTTP/1.1 20 OK\r\n\r\n",
           "HTTP/2.0 200 OK\r\n\r\n",
           "HTTP/1.1 200\r\n\r\n",
           "HTTP/1.1 200 OK\r\nA : 1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nA\r\n\r\n",
           "HTTP/1.1 200 OK\r\n A: 1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nA: 1\n\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
           "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
           "HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n",
       }) {
    EXPECT_NE(Read(bad).error(), "") << bad;
  }
}

}  // namespace
}  // namespace mg::tester
