// Upstreams that stall, talk nonsense, say too much, answer too early, or twice.
#include <gtest/gtest.h>

#include "faults/rig.h"

namespace mg::faults {
namespace {

constexpr std::string_view kPost = "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody";

// Sends these bytes as the answer, and then nothing: neither more nor an end.
Answer AskSilent(Rig& rig, std::string_view request, std::string_view bytes) {
  Socket client = rig.Connect();
  client.Send(request);
  Socket up = rig.upstream.Accept();
  EXPECT_FALSE(up.ReceiveRequest().empty());
  up.Send(bytes);
  client.ReceiveEnd();
  EXPECT_TRUE(up.ReceiveEnd()) << "the connection to an upstream that failed is kept";
  return Judge(client);
}

TEST(StalledUpstream, EachTimeout) {
  Rig rig({.upstream = "retries: { attempts: 0 }, timeouts: { first_byte: 60ms, between: 60ms, send: 60ms }"});
  for (std::string_view request : {kGet, kPost}) {
    // No answer, and heads that never end.
    for (std::string_view bytes : {"", "H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\r",
                                   "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"}) {
      Answer answer = AskSilent(rig, request, bytes);
      EXPECT_TRUE(answer.IsProblem(504)) << bytes << ": " << answer;
    }
    // Bodies that never end.
    for (std::string_view bytes :
         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: ", "HTTP/1.1 200 OK\r\n\r\nabcd"}) {
      Answer answer = AskSilent(rig, request, bytes);
      EXPECT_TRUE(answer.IsCut()) << bytes << ": " << answer;
    }
  }
  rig.ExpectAtRest();
}

// One byte after the other of a head, each before any timeout: the first byte's time is the whole head's.
TEST(StalledUpstream, AHeadInDrops) {
  Rig rig({.upstream = "retries: { attempts: 0 }, timeouts: { first_byte: 60ms, between: 10s }"});
  Socket client = rig.Connect();
  client.Send(kGet);
  Socket up = rig.upstream.Accept();
  up.ReceiveRequest();
  up.Send("HTTP/1.1 200 OK\r\n");
  while (!WaitFor(client.fd(), POLLIN, 2)) up.Send("A: b\r\n");
  client.ReceiveEnd();
  Answer answer = Judge(client);
  EXPECT_TRUE(answer.IsProblem(504)) << answer;
  up.Close();
  rig.ExpectAtRest();
}

TEST(StalledUpstream, TotalTime) {
  Rig rig({.upstream = "retries: { attempts: 7, when: [connect, reset, timeout] }, "
                       "timeouts: { first_byte: 50ms, total: 120ms }"});
  Socket client = rig.Connect();
  client.Send(kGet);
  std::vector<Socket> ups;
  while (!client.ended) {
    pollfd wait[2] = {{client.fd(), POLLIN, 0}, {rig.upstream.fd(), POLLIN, 0}};
    ASSERT_GT(poll(wait, 2, kPatienceMs), 0);
    if (wait[1].revents != 0) ups.push_back(rig.upstream.Accept());
    if (wait[0].revents != 0) client.Receive();
  }
  Answer answer = Judge(client);
  EXPECT_TRUE(answer.IsProblem(504)) << answer;
  EXPECT_LT(ups.size(), 8u);
  ups.clear();
  rig.ExpectAtRest();
}

// A listening socket whose queue is full takes no connection.
TEST(StalledUpstream, Connecting) {
  Listening full(0);
  std::vector<Socket> waiting;
  for (int i = 0; i < 3; i++) {
    waiting.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    connect(waiting.back().fd(), full.address().raw(), full.address().length());
  }
  Rig rig;
  ASSERT_TRUE(LoadInto(rig.gateway, Configuration({.upstream = "retries: { attempts: 1 }, timeouts: { connect: 50ms }"},
                                                  full.address())));
  for (std::string_view request : {kGet, kPost}) {
    Socket client = rig.Connect();
    client.Send(request);
    client.ReceiveEnd();
    Answer answer = Judge(client);
    EXPECT_TRUE(answer.IsProblem(504)) << answer;
  }
  waiting.clear();
  EXPECT_EQ(rig.Count().exchanges, 0u);
  EXPECT_EQ(rig.Count().active, 0u);
}

// It accepts, and reads nothing of an upload.
TEST(StalledUpstream, ReadsNothing) {
  Rig rig({.upstream = "retries: { attempts: 0 }, timeouts: { send: 100ms }", .gateway = "limits: { body: 0 }\n"});
  Socket client = rig.Connect();
  client.Send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 67108864\r\n\r\n");
  Socket up = rig.upstream.Accept();
  Upload upload(client, 64 << 20);
  while (!client.ended && !client.received.contains("request_id")) upload.Some(POLLIN);
  EXPECT_LT(upload.sent(), 32u << 20) << "it is buffered without a bound";
  client.EndSending();
  client.ReceiveEnd();
  Answer answer = Judge(client, "POST");
  EXPECT_TRUE(answer.IsProblem(504)) << answer;
  up.Close();
  client.Close();
  rig.ExpectAtRest();
}

TEST(WrongUpstream, Heads) {
  Rig rig;
  const std::string kGood = "HTTP/1.1 200 OK\r\n";
  const std::string kHeads[] = {
      std::string("\0\0\0\0\r\n\r\n", 8),
      "\x16\x03\x01\x02garbage garbage\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n\r\n",
      "220 mail ESMTP\r\n\r\n",
      "<html>hello</html>\n\n",
      "\r\n\r\n",
      "HTTP/1.1\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 abc OK\r\n\r\n",
      "HTTP/1.1 099 Low\r\n\r\n",
      "HTTP/2.0 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      kGood + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
      kGood + "Content-Length: -1\r\n\r\n",
      kGood + "Content-Length: 0x5\r\n\r\nhello",
      kGood + "Content-Length: 99999999999999999999999\r\n\r\n",
      kGood + "Transfer-Encoding: gzip\r\n\r\n",
      kGood + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
      kGood + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
      kGood + "A b: c\r\nContent-Length: 0\r\n\r\n",
      kGood + "A : c\r\nContent-Length: 0\r\n\r\n",
      kGood + "A: c\r\n d\r\nContent-Length: 0\r\n\r\n",
      kGood + std::string("A: \0\r\nContent-Length: 0\r\n\r\n", 28),
      kGood + "no colon\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      kGood + "A: " + std::string(70'000, 'a') + "\r\nContent-Length: 0\r\n\r\n",
      kGood + "A: " + std::string(1'000'000, 'a'),  // without an end
  };
  for (const std::string& head : kHeads) {
    Socket client = rig.Connect();
    client.Send(kGet);
    Socket up = rig.upstream.Accept();
    ASSERT_FALSE(up.ReceiveRequest().empty());
    up.Send(head);  // may be cut short: the gateway does not read it all
    client.ReceiveEnd();
    Answer answer = Judge(client);
    EXPECT_TRUE(answer.IsProblem(502)) << testing::PrintToString(head.substr(0, 100)) << ": " << answer;
    EXPECT_TRUE(up.ReceiveEnd()) << "a connection out of step is kept";
  }
  rig.ExpectAtRest();
}

TEST(WrongUpstream, Chunks) {
  Rig rig;
  const std::string kHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
  for (const std::string& rest : std::vector<std::string>{
           "x\r\n", "-1\r\n", "0x5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n",
           "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "fffffffffffffffff\r\n", "5;\x01\r\nhello\r\n0\r\n\r\n",
           "\r\n0\r\n\r\n", "0\r\nbad trailer\r\n\r\n", "0\r\nA : b\r\n\r\n", "5;" + std::string(100'000, 'e') + "\r\n",
           "0\r\nA: " + std::string(100'000, 't') + "\r\n\r\n"}) {
    Socket client = rig.Connect();
    client.Send(kGet);
    Socket up = rig.upstream.Accept();
    ASSERT_FALSE(up.ReceiveRequest().empty());
    up.Send(kHead + rest);
    client.ReceiveEnd();
    Answer answer = Judge(client);
    EXPECT_TRUE(answer.IsCut()) << testing::PrintToString(rest.substr(0, 60)) << ": " << answer;
    EXPECT_TRUE(up.ReceiveEnd());
  }
  // It closes, politely, at every byte.
  const std::string kBody = "4\r\nabcd\r\n0\r\nT: x\r\n\r\n";
  for (size_t cut = 0; cut < kBody.size(); cut++) {
    Socket client = rig.Connect();
    client.Send(kGet);
    Socket up = rig.upstream.Accept();
    ASSERT_FALSE(up.ReceiveRequest().empty());
    up.Send(kHead + kBody.substr(0, cut));
    up.Close();
    client.ReceiveEnd();
    Answer answer = Judge(client);
    EXPECT_TRUE(answer.IsCut()) << cut << ": " << answer;
  }
  rig.ExpectAtRest();
}

// Interim answers without end, as fast as they go, and no other.
TEST(WrongUpstream, InformationalForEver) {
  Rig rig;
  for (std::string_view interim : {"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"}) {
    Socket client = rig.Connect();
    client.Send(kGet);
    Socket up = rig.upstream.Accept();
    up.ReceiveRequest();
    size_t sent = 0;
    while (sent < 100'000 && up.Send(interim)) sent++;
    EXPECT_LT(sent, 100'000u);
    client.ReceiveEnd();
    Answer answer = Judge(client);
    EXPECT_TRUE(answer.IsProblem(502)) << answer;
  }
  rig.ExpectAtRest();
}

// What comes after an answer is nobody's: neither with it nor later, whatever its framing.
TEST(WrongUpstream, AnswersTwice) {
  const std::string kEvil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
  struct Case {
    const char* method;
    std::string reply;
    int status;
    const char* body;
  };
  const Case kCases[] = {
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood", 200, "good"},
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n", 200, "good"},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
      {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", 304, ""},
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", 200, ""},
  };
  for (bool later : {false, true}) {
    for (const Case& c : kCases) {
      Rig rig;
      std::string request = fmt::format("{} /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", c.method);
      Socket client = rig.Connect();
      client.Send(request);
      Socket up = rig.upstream.Accept();
      up.ReceiveRequest();
      up.Send(later ? c.reply : c.reply + kEvil);
      client.ReceiveEnd();
      Answer first = Judge(client, c.method);
      EXPECT_TRUE(first.Is(c.status, c.body)) << first;
      if (later) {
        rig.Settle();
        up.Send(kEvil);
        rig.Settle();
      }
      Answer second = rig.Ask(kGet, kClean);
      EXPECT_TRUE(second.Is(200, "clean")) << second;
      EXPECT_TRUE(up.ReceiveEnd());
      up.Close();
      rig.ExpectAtRest();
    }
  }
}

// An answer while the request's body is still on its way; then the upstream goes on, closes or resets.
TEST(EarlyAnswer, ReachesTheClient) {
  enum class Then { kReads, kCloses, kEndsSending };
  for (Then then : {Then::kReads, Then::kCloses, Then::kEndsSending}) {
    for (bool chunked : {false, true}) {
      Rig rig;
      Socket client = rig.Connect();
      client.Send(chunked ? "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
                          : "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
      Socket up = rig.upstream.Accept();
      ASSERT_TRUE(up.ReceiveText("abc"));
      up.Send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge");
      if (then == Then::kCloses) up.Close();
      if (then == Then::kEndsSending) up.EndSending();
      ASSERT_TRUE(client.ReceiveText("large")) << client.received;
      // The client may finish, or be ended; what it sends is no second request.
      client.Send(chunked ? "7\r\ndefghij\r\n0\r\n\r\n" : "defghij");
      if (then == Then::kReads) {
        EXPECT_TRUE(up.ReceiveEnd()) << "a connection with half a request on it is kept";
      }
      client.EndSending();
      client.ReceiveEnd();
      Answer answer = Judge(client, "POST");
      EXPECT_TRUE(answer.Is(413, "large")) << answer;
      up.Close();
      client.Close();
      rig.ExpectAtRest();
    }
  }
}

}  // namespace
}  // namespace mg::faults
