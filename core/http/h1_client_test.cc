// H1Client against a scripted server on a real socket.
#include "http/h1_client.h"

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <optional>

#include "http/test_support.h"

namespace mg::http {
namespace {

using net::test::Peer;
using net::test::RunUntil;
using test::Repeated;
using test::ScriptedServer;
using testing::HasSubstr;

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

struct Answer final : ClientHandler {
  explicit Answer(net::Loop& loop) : arena(loop.blocks()) {}
  void OnClientConnected() override {
    connected = true;
    if (client != nullptr) client->Flush();
  }
  void OnInformational(const ResponseHead& head) override { informational.push_back(head.status); }
  void OnResponseHead(ResponseHead& head) override {
    EXPECT_FALSE(over);
    status = head.status;
    if (on_head) on_head();
  }
  void OnResponseBody(std::string_view data, End end) override {
    EXPECT_FALSE(over);
    body += data;
    over = end == End::kYes;
    if (on_body) on_body();
  }
  void OnResponsePause() override { pauses++; }
  void OnRequestDrained() override { drained++; }
  void OnFailed(const Error& error) override {
    EXPECT_FALSE(over) << error.message;
    over = true;
    failure = error;
  }
  Arena& response_arena() override { return arena; }

  Arena arena;
  H1Client* client = nullptr;
  bool connected = false, over = false;
  int status = 0, pauses = 0, drained = 0;
  std::vector<int> informational;
  std::string body;
  std::optional<Error> failure;
  std::function<void()> on_head, on_body;
};

struct NoOwner final : IdleOwner {
  void OnIdleClosed(H1Client&) override { closed++; }
  int closed = 0;
};

struct ClientRig {
  ClientRig() : client(std::make_unique<H1Client>(loop, ParseLimits{})), answer(loop) {}
  ~ClientRig() { client->Close(); }
  void Connect() {
    client->Connect(server.address(), nullptr, "");
    Request();
  }
  void Request(Method method = Method::kGet, std::string_view head = kRequest) {
    answer.client = client.get();
    client->Begin(answer, method);
    client->SendHead(head, BodyFraming::kNone);
  }
  bool Arrived(size_t bytes = kRequest.size()) {
    return RunUntil(loop, [&] { return !server.peers.empty() && peer().received.size() >= bytes; });
  }
  void Reset() {
    linger hard{1, 0};
    setsockopt(peer().transport.fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    peer().transport.Close();
  }
  bool Over() {
    return RunUntil(loop, [&] { return answer.over; });
  }
  Peer& peer() { return *server.peers.front(); }

  net::Loop loop;
  ScriptedServer server{loop};
  std::unique_ptr<H1Client> client;
  Answer answer;
  NoOwner owner;
};

TEST(H1Client, SendsARequestAndRestsForTheNext) {
  ClientRig rig;
  rig.Connect();
  ASSERT_TRUE(rig.Arrived());
  EXPECT_EQ(rig.peer().received, kRequest);
  rig.peer().transport.Write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(rig.Over());
  EXPECT_EQ(rig.answer.status, 200);
  EXPECT_EQ(rig.answer.body, "hello");
  ASSERT_TRUE(rig.client->Detach());
  rig.client->Rest(rig.owner);
  ASSERT_TRUE(rig.client->Wake());
  rig.answer.over = false;
  rig.Request();
  ASSERT_TRUE(rig.Arrived(2 * kRequest.size()));
  rig.peer().transport.Write("HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(rig.Over());
  EXPECT_EQ(rig.answer.status, 204);
  EXPECT_EQ(rig.client->requests(), 2u);
  EXPECT_EQ(rig.server.peers.size(), 1u);
}

struct Case {
  std::string_view name, bytes, body;
  int status;
  bool rests;
};
constexpr Case kCases[] = {
    {"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200, true},
    {"empty", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", "", 201, true},
    {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
     "abcde", 200, true},
    {"1xx", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
     "", 204, true},
    {"until close", "HTTP/1.1 200 OK\r\n\r\nall of it", "all of it", 200, false},
    {"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "hi", 200, false},
    {"old", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", 200, false},
};

TEST(H1Client, ReadsEveryFramingHoweverItIsCut) {
  for (const Case& c : kCases) {
    for (size_t cut = 0; cut < c.bytes.size(); cut++) {
      SCOPED_TRACE(fmt::format("{} cut at {}", c.name, cut));
      ClientRig rig;
      rig.Connect();
      ASSERT_TRUE(rig.Arrived());
      rig.peer().transport.Write(c.bytes.substr(0, cut));
      for (int i = 0; i < 2; i++) rig.loop.RunOnce(0);
      rig.peer().transport.Write(c.bytes.substr(cut));
      if (c.name == "until close") rig.peer().transport.Close();
      ASSERT_TRUE(rig.Over());
      ASSERT_FALSE(rig.answer.failure) << rig.answer.failure->message;
      EXPECT_EQ(rig.answer.status, c.status);
      EXPECT_EQ(rig.answer.body, c.body);
      EXPECT_EQ(rig.client->Detach(), c.rests);
    }
  }
}

TEST(H1Client, AnEndAtAnyByteFailsOnce) {
  for (const Case& c : kCases) {
    size_t whole = c.name == "until close" ? c.bytes.find("\r\n\r\n") + 4 : c.bytes.size();
    for (size_t cut = 0; cut < whole; cut++) {
      for (bool hard : {false, true}) {
        SCOPED_TRACE(fmt::format("{} cut at {}", c.name, cut));
        ClientRig rig;
        rig.Connect();
        ASSERT_TRUE(rig.Arrived());
        rig.peer().transport.Write(c.bytes.substr(0, cut));
        rig.loop.RunOnce(0);
        if (hard) {
          linger reset{1, 0};
          setsockopt(rig.peer().transport.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        }
        rig.peer().transport.Close();
        ASSERT_TRUE(rig.Over());
        ASSERT_TRUE(rig.answer.failure);
        EXPECT_EQ(rig.answer.failure->where, Origin::kUpstream);
        EXPECT_EQ(rig.answer.failure->retryable, rig.answer.status == 0 ? Retryable::kYes : Retryable::kNo);
        EXPECT_FALSE(rig.client->Detach());
      }
    }
  }
}

TEST(H1Client, GarbageIsAFailureOfTheProtocol) {
  for (std::string_view garbage :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n"}) {
    ClientRig rig;
    rig.Connect();
    ASSERT_TRUE(rig.Arrived());
    rig.peer().transport.Write(garbage);
    ASSERT_TRUE(rig.Over()) << garbage;
    ASSERT_TRUE(rig.answer.failure) << garbage;
    EXPECT_EQ(rig.answer.failure->code, ErrorCode::kProtocol);
    EXPECT_EQ(rig.answer.failure->retryable, Retryable::kNo);
  }
}

TEST(H1Client, AHeadWithoutEndAndHeadsWithoutEndAreRefused) {
  for (bool one : {true, false}) {
    ClientRig rig;
    rig.Connect();
    ASSERT_TRUE(rig.Arrived());
    std::string endless = one ? "HTTP/1.1 200 OK\r\nX: " + Repeated("x", 60'000)
                              : Repeated("HTTP/1.1 103 Early Hints\r\n\r\n", 28 * 1000);
    rig.peer().transport.Write(endless);
    ASSERT_TRUE(rig.Over());
    ASSERT_TRUE(rig.answer.failure);
    EXPECT_EQ(rig.answer.failure->code, ErrorCode::kProtocol);
    EXPECT_LT(rig.answer.informational.size(), 100u);
  }
}

TEST(H1Client, MoreThanWasAskedForEndsTheConnection) {
  for (std::string_view bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n",
                                 "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n?"}) {
    ClientRig rig;
    rig.Connect();
    ASSERT_TRUE(rig.Arrived());
    rig.peer().transport.Write(bytes);
    ASSERT_TRUE(rig.Over());
    EXPECT_FALSE(rig.answer.failure);
    EXPECT_FALSE(rig.client->Detach()) << bytes;
  }
}

TEST(H1Client, AnAnswerThatCameWithTheEndLeavesNothingToRest) {
  ClientRig rig;
  rig.Connect();
  ASSERT_TRUE(rig.Arrived());
  rig.peer().transport.Write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
  rig.peer().transport.Close();
  ASSERT_TRUE(rig.Over());
  EXPECT_FALSE(rig.answer.failure);
  EXPECT_FALSE(rig.client->Detach());
}

// The reset comes in the same edge as the last bytes, so that nothing tells of it until something is written.
TEST(H1Client, AResetBehindAnAnswerEndsTheNextRequest) {
  ClientRig rig;
  rig.Connect();
  ASSERT_TRUE(rig.Arrived());
  rig.peer().transport.Write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  rig.Reset();
  ASSERT_TRUE(rig.Over());
  ASSERT_FALSE(rig.answer.failure);
  NoOwner owner;
  ASSERT_TRUE(rig.client->Detach());
  rig.client->Rest(owner);
  ASSERT_TRUE(rig.client->Wake());
  rig.answer.over = false;
  rig.Request();
  ASSERT_TRUE(rig.Over());
  ASSERT_TRUE(rig.answer.failure);
  EXPECT_EQ(rig.answer.failure->code, ErrorCode::kReset);
  EXPECT_EQ(rig.answer.failure->retryable, Retryable::kYes);
}

// A body that ends with the connection was cut by a reset, of which a write has heard first.
TEST(H1Client, AResetThatAWriteHearsOfIsNoEndOfABody) {
  ClientRig rig;
  rig.client->Connect(rig.server.address(), nullptr, "");
  rig.answer.client = rig.client.get();
  rig.client->Begin(rig.answer, Method::kPut);
  rig.client->SendHead("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n", BodyFraming::kLength);
  ASSERT_TRUE(rig.Arrived(1));
  rig.peer().transport.Write("HTTP/1.1 200 OK\r\n\r\nhalf of");
  rig.Reset();
  rig.client->SendBody("more", End::kNo);
  rig.client->SendBody("and more", End::kNo);
  ASSERT_TRUE(rig.Over());
  EXPECT_EQ(rig.answer.body, "half of");
  ASSERT_TRUE(rig.answer.failure);
  EXPECT_EQ(rig.answer.failure->code, ErrorCode::kReset);
}

TEST(H1Client, AtRestTellsOfTheEndAndOfUnaskedBytes) {
  for (bool ends : {true, false}) {
    ClientRig rig;
    rig.Connect();
    ASSERT_TRUE(rig.Arrived());
    rig.peer().transport.Write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(rig.Over());
    ASSERT_TRUE(rig.client->Detach());
    rig.client->Rest(rig.owner);
    if (ends) {
      rig.peer().transport.Close();
    } else {
      rig.peer().transport.Write("HTTP/1.1 200 OK\r\n\r\n");
    }
    EXPECT_TRUE(RunUntil(rig.loop, [&] { return rig.owner.closed == 1; }));
  }
}

// The pool gives it out again while its own callback is on the stack.
TEST(H1Client, MayBeTakenAgainWithinItsLastCallback) {
  for (std::string_view bytes :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    ClientRig rig;
    Answer second(rig.loop);
    int taken = 0;
    auto take = [&] {
      if (taken++ > 0) return;
      ASSERT_TRUE(rig.client->Detach());
      rig.client->Rest(rig.owner);
      ASSERT_TRUE(rig.client->Wake());
      rig.client->Begin(second, Method::kGet);
      rig.client->SendHead(kRequest, BodyFraming::kNone);
    };
    bool empty = bytes.find("503") != std::string_view::npos;
    if (empty) rig.answer.on_head = take;
    if (!empty) rig.answer.on_body = take;
    rig.Connect();
    ASSERT_TRUE(rig.Arrived());
    rig.peer().transport.Write(bytes);
    ASSERT_TRUE(rig.Arrived(2 * kRequest.size()));
    rig.peer().transport.Write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew");
    ASSERT_TRUE(RunUntil(rig.loop, [&] { return second.over; }));
    EXPECT_EQ(second.body, "new");
    EXPECT_FALSE(second.failure);
  }
}

TEST(H1Client, DetachingInTheMiddleIsSafe) {
  for (int where = 0; where < 2; where++) {
    ClientRig rig;
    auto leave = [&] {
      EXPECT_FALSE(rig.client->Detach());
      rig.client->Close();
      rig.answer.over = true;
    };
    (where == 0 ? rig.answer.on_head : rig.answer.on_body) = leave;
    rig.Connect();
    ASSERT_TRUE(rig.Arrived());
    rig.peer().transport.Write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
    ASSERT_TRUE(rig.Over());
    for (int i = 0; i < 3; i++) rig.loop.RunOnce(1);
  }
}

TEST(H1Client, APausedResponseStaysWithTheServer) {
  ClientRig rig;
  rig.answer.on_head = [&] { rig.client->PauseResponse(); };
  rig.Connect();
  ASSERT_TRUE(rig.Arrived());
  rig.peer().transport.Write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.answer.status == 200; }));
  rig.peer().transport.Write("def");
  for (int i = 0; i < 3; i++) rig.loop.RunOnce(1);
  EXPECT_EQ(rig.answer.body, "");
  rig.client->ResumeResponse();
  ASSERT_TRUE(rig.Over());
  EXPECT_EQ(rig.answer.body, "abcdef");
  EXPECT_TRUE(rig.client->Detach());
}

TEST(H1Client, SendsBodiesByLengthAndInChunks) {
  for (bool chunked : {false, true}) {
    ClientRig rig;
    rig.client->Connect(rig.server.address(), nullptr, "");
    rig.answer.client = rig.client.get();
    rig.client->Begin(rig.answer, Method::kPost);
    rig.client->SendHead("HEAD|", chunked ? BodyFraming::kChunked : BodyFraming::kLength);
    rig.client->SendBody("abc", End::kNo);
    ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.answer.connected; }));
    rig.client->SendBody("", End::kNo);
    rig.client->SendBody("defghijklmnopq", End::kYes);
    std::string expected = chunked ? "HEAD|3\r\nabc\r\ne\r\ndefghijklmnopq\r\n0\r\n\r\n" : "HEAD|abcdefghijklmnopq";
    ASSERT_TRUE(rig.Arrived(expected.size()));
    EXPECT_EQ(rig.peer().received, expected);
  }
}

TEST(H1Client, AnAnswerBeforeTheRequestIsWholeCannotRest) {
  ClientRig rig;
  rig.client->Connect(rig.server.address(), nullptr, "");
  rig.answer.client = rig.client.get();
  rig.client->Begin(rig.answer, Method::kPost);
  rig.client->SendHead("HEAD|", BodyFraming::kLength);
  rig.client->SendBody("abc", End::kNo);
  ASSERT_TRUE(rig.Arrived(8));
  rig.peer().transport.Write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(rig.Over());
  EXPECT_EQ(rig.answer.status, 413);
  EXPECT_FALSE(rig.client->Detach());
}

TEST(H1Client, ConnectionRefusedIsRetryable) {
  ClientRig rig;
  rig.server.Refuse();
  rig.client->Connect(rig.server.address(), nullptr, "");
  rig.Request();
  ASSERT_TRUE(rig.Over());
  ASSERT_TRUE(rig.answer.failure);
  EXPECT_EQ(rig.answer.failure->code, ErrorCode::kConnect);
  EXPECT_EQ(rig.answer.failure->retryable, Retryable::kYes);
}

TEST(H1Client, ATunnelIsRawAndItsTailIsNotLost) {
  ClientRig rig;
  rig.server.on_accept = [](Peer& peer) {
    int small = 20'000;
    setsockopt(peer.transport.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  };
  rig.Connect();
  ASSERT_TRUE(rig.Arrived());
  rig.server.holds = true;
  rig.peer().transport.Write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello");
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.answer.body == "hello"; }));
  std::string much = Repeated("0123456789", 5'000'000);
  rig.client->SendBody(much, End::kNo);
  ASSERT_GT(rig.client->pending(), 0u);
  rig.client->SendBody({}, End::kYes);
  rig.server.holds = false;
  rig.peer().received.clear();
  rig.server.Read(rig.peer());
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.peer().ended || rig.peer().failed; }));
  EXPECT_EQ(rig.peer().received.size(), much.size());
  rig.peer().transport.Write("bye");
  rig.peer().transport.Close();
  ASSERT_TRUE(rig.Over());
  EXPECT_EQ(rig.answer.body, "hellobye");
}

TEST(H1Client, SwitchingBeforeTheRequestIsWholeIsRefused) {
  ClientRig rig;
  rig.client->Connect(rig.server.address(), nullptr, "");
  rig.answer.client = rig.client.get();
  rig.client->Begin(rig.answer, Method::kPost);
  rig.client->SendHead("HEAD|", BodyFraming::kChunked);
  rig.client->SendBody("abc", End::kNo);
  ASSERT_TRUE(rig.Arrived(8));
  rig.peer().transport.Write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  ASSERT_TRUE(rig.Over());
  EXPECT_TRUE(rig.answer.failure);
}

}  // namespace
}  // namespace mg::http
