// The mock upstream and the client, against each other over real sockets.
#include "tester/mock_upstream.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tester/client.h"

namespace mg::tester {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::chrono::milliseconds kLong{20'000};  // only ends a test that fails

AnswerBook Book(std::string_view text) {
  Result<AnswerBook> book = AnswerBook::Parse(text);
  EXPECT_TRUE(book) << book.error().message;
  return std::move(*book);
}

class MockTest : public ::testing::Test {
 protected:
  void Start(std::string_view answers) { mock_ = std::make_unique<MockUpstream>(0, Book(answers), journal_); }
  void Connect() {
    auto address = net::SocketAddress::FromIp("127.0.0.1", mock_->port());
    auto connected = client_.Connect(*address, Deadline(kLong));
    ASSERT_TRUE(connected) << connected.error().message;
  }
  Response Get(std::string_view target, std::string_view headers = "") {
    Send(fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", target, headers));
    return ReadOne();
  }
  void Send(std::string_view bytes) { EXPECT_EQ(client_.Send(bytes, Deadline(kLong)), Client::Outcome::kDone); }
  Response ReadOne() {
    EXPECT_EQ(client_.ReadResponses(++read_, Deadline(kLong)), Client::Outcome::kDone) << client_.reader().error();
    return client_.reader().responses().size() < read_ ? Response{} : client_.reader().responses()[read_ - 1];
  }

  MockJournal journal_;
  std::unique_ptr<MockUpstream> mock_;
  Client client_;
  size_t read_ = 0;
};

TEST_F(MockTest, AnswersAndRemembers) {
  Start(">>> POST /a\n201 Made\nX-One: 1\n\nhello\n");
  Connect();
  Send("POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
  Response response = ReadOne();
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.reason, "Made");
  EXPECT_EQ(*response.Header("x-one"), "1");
  EXPECT_EQ(response.body, "hello\n");
  std::vector<MockRequest> requests = journal_.Take();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].text, "POST /a?b=c HTTP/1.1\nHost: x\nContent-Length: 4\n\nbody");
  EXPECT_TRUE(requests[0].complete);
  EXPECT_TRUE(requests[0].answered);
  EXPECT_EQ(mock_->connections(), 1u);
}

TEST_F(MockTest, EchoesDecodedChunksAndKeepsTheConnection) {
  Start("echo\n");
  Connect();
  Send("PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: 1\r\n\r\n");
  EXPECT_EQ(ReadOne().body, "PUT /a HTTP/1.1\nTransfer-Encoding: chunked\n\nabcde\nT: 1");
  EXPECT_THAT(Get("/2").body, HasSubstr("GET /2"));
  EXPECT_EQ(mock_->connections(), 1u);
}

TEST_F(MockTest, ChoosesByWhatIsNamed) {
  Start(
      ">>>\n200\n\nany\n>>> /a\n200\n\npath\n>>> GET /a\n200\n\nboth\n>>> /p*\n200\n\nprefix\n>>> "
      "/q?x=1\n200\n\nquery\n");
  Connect();
  EXPECT_EQ(Get("/a?x").body, "both\n");
  EXPECT_EQ(Get("/pq").body, "prefix\n");
  EXPECT_EQ(Get("/q?x=1").body, "query\n");
  EXPECT_EQ(Get("/q").body, "any\n");
  Send("PUT /a HTTP/1.1\r\n\r\n");
  EXPECT_EQ(ReadOne().body, "path\n");
}

TEST_F(MockTest, TakesAnswersInTurn) {
  Start(">>>\n200\n\n1\n>>>\n200\n\n2\n");
  Connect();
  EXPECT_EQ(Get("/").body, "1\n");
  EXPECT_EQ(Get("/").body, "2\n");
  EXPECT_EQ(Get("/").body, "2\n");
}

TEST_F(MockTest, NoAnswerIsReported) {
  Start(">>> /a\n200\n");
  Connect();
  EXPECT_EQ(Get("/b").status, 599);
  EXPECT_FALSE(journal_.Take().at(0).answered);
}

TEST_F(MockTest, ChunkedAndSplit) {
  Start(">>> chunked split=1\n200\n\none\ntwo\n");
  Connect();
  Response response = Get("/");
  EXPECT_TRUE(response.chunked);
  EXPECT_EQ(response.body, "one\ntwo\n");
}

TEST_F(MockTest, CutsOff) {
  Start(">>> cut=45\n200 OK\n\n0123456789\n");
  Connect();
  Send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client_.ReadEnd(Deadline(kLong)), Client::Outcome::kProtocol);
  ASSERT_THAT(client_.reader().responses(), SizeIs(1));
  EXPECT_TRUE(client_.reader().responses()[0].cut);
  EXPECT_EQ(client_.reader().received().size(), 45u);
}

TEST_F(MockTest, ClosesResetsAndStalls) {
  Start(">>> /close\nclose\n>>> /reset\nreset\n>>> /stall\nstall\n");
  Connect();
  Send("GET /close HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client_.ReadResponses(1, Deadline(kLong)), Client::Outcome::kEnded);
  EXPECT_FALSE(client_.reset());

  Client second;
  auto address = net::SocketAddress::FromIp("127.0.0.1", mock_->port());
  ASSERT_TRUE(second.Connect(*address, Deadline(kLong)));
  EXPECT_EQ(second.Send("GET /reset HTTP/1.1\r\n\r\n", Deadline(kLong)), Client::Outcome::kDone);
  EXPECT_EQ(second.ReadResponses(1, Deadline(kLong)), Client::Outcome::kEnded);
  EXPECT_TRUE(second.reset());

  Client third;
  ASSERT_TRUE(third.Connect(*address, Deadline(kLong)));
  EXPECT_EQ(third.Send("GET /stall HTTP/1.1\r\n\r\n", Deadline(kLong)), Client::Outcome::kDone);
  EXPECT_EQ(third.ReadResponses(1, Deadline(std::chrono::milliseconds(20))), Client::Outcome::kTimeout);
  mock_.reset();  // ends it
  EXPECT_EQ(third.ReadEnd(Deadline(kLong)), Client::Outcome::kDone);
}

TEST_F(MockTest, ContinueBeforeTheBody) {
  Start(">>> /late\n200\n\nlate\n>>> /early early\n413\n\nearly\n");
  Connect();
  Send("POST /late HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client_.ReadSomething(Deadline(kLong)), Client::Outcome::kDone);
  Send("ab");
  Response late = ReadOne();
  EXPECT_EQ(late.body, "late\n");
  EXPECT_THAT(late.head, HasSubstr("100 Continue"));
  Send("POST /early HTTP/1.1\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(ReadOne().status, 413);
}

TEST_F(MockTest, RawBytesAndNoBodyForHead) {
  Start(">>> GET\nraw\nHTTP/1.1 200 Fine\\r\nContent-Length: 2\\r\n\\r\nhi\\\n\n>>> HEAD\n200\n\nhello\n");
  Connect();
  EXPECT_EQ(Get("/").body, "hi");
  client_.reader().Expect("HEAD");
  Send("HEAD / HTTP/1.1\r\n\r\n");
  Response head = ReadOne();
  EXPECT_EQ(*head.Header("content-length"), "6");
  EXPECT_FALSE(client_.reader().partial());
}

TEST(DeadPort, Refuses) {
  DeadPort dead;
  Client client;
  EXPECT_FALSE(client.Connect(*net::SocketAddress::FromIp("127.0.0.1", dead.port()), Deadline(kLong)));
}

TEST(AnswerBook, RefusesWhatIsUnclear) {
  for (std::string_view bad : {"hello\n", "200 OK\nno colon\n", ">>> speed=1\n200\n", ">>> delay=x\n200\n", "2000\n",
                               "200\n>>> /a\n200\n", ">>>\necho\n\nbody\n", "raw\n\\q\n", ">>> split=0\n200\n"}) {
    EXPECT_FALSE(AnswerBook::Parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace mg::tester
