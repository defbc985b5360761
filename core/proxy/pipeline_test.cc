// Requests through the whole pipeline, without hooks: what reaches the upstream, what comes back, and what goes wrong.
// With hooks: pipeline_hooks_test.cc.
#include "proxy/pipeline.h"

#include <gmock/gmock.h>

#include "proxy/pipeline_test_support.h"

namespace mg::proxy {
namespace {

using namespace test;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

// The upstream's answer to each request, and all requests as they came.
struct Recorder {
  Recorder(ScriptedServer& server, std::string bytes) : answer(std::move(bytes)) {
    server.on_bytes = [this](Peer& peer) {
      if (peer.received.find("\r\n\r\n") == std::string::npos) return;
      seen.push_back(std::move(peer.received));
      peer.received.clear();
      peer.transport.Write(answer);
    };
  }
  std::string answer;
  std::vector<std::string> seen;
};

std::string BodyOf(std::string_view answer) {
  size_t end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(answer.substr(end + 4));
}

// --- there and back

TEST(Pipeline, PassesARequestOnAndItsAnswerBack) {
  ProxyRig rig;
  Recorder upstream(rig.server,
                    "HTTP/1.1 201 Made\r\nX-A: 1\r\nKeep-Alive: timeout=5\r\nConnection: x-b\r\nX-B: "
                    "2\r\nContent-Length: 2\r\n\r\nhi");
  rig.Go();
  std::string answer = rig.Ask(
      "GET /p%41?q=1 HTTP/1.1\r\nHost: example.com:81\r\nX-C: 3\r\nTE: trailers\r\nTrailer: X\r\nConnection: close, "
      "te, x-d\r\nX-D: 4\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 201 Made\r\nX-A: 1\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nhi"));
  EXPECT_THAT(answer, Not(HasSubstr("X-B")));
  EXPECT_THAT(answer, Not(HasSubstr("Keep-Alive")));
  ASSERT_EQ(upstream.seen.size(), 1u);
  EXPECT_EQ(upstream.seen[0],
            "GET /pA?q=1 HTTP/1.1\r\nHost: example.com:81\r\nX-C: 3\r\nX-Forwarded-For: "
            "127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
            "X-Forwarded-Host: example.com:81\r\nX-Forwarded-Port: 81\r\nVia: 1.1 moongate\r\nConnection: TE\r\nTE: "
            "trailers\r\n\r\n");
  EXPECT_TRUE(rig.AtRest());
  EXPECT_EQ(rig.context.pools.idle(), 1u);
}

TEST(Pipeline, KeepsBothConnectionsForTheNextRequest) {
  ProxyRig rig;
  Recorder upstream(rig.server, std::string(kOk));
  rig.Go();
  Peer& client = rig.Open();
  for (int i = 1; i <= 5; i++) {
    client.received.clear();
    client.transport.Write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("ok"); }));
  }
  EXPECT_EQ(rig.server.peers.size(), 1u);
}

TEST(Pipeline, AnswersPipelinedRequestsInOrder) {
  ProxyRig rig;
  rig.server.on_bytes = [](Peer& peer) {
    for (size_t end; (end = peer.received.find("\r\n\r\n")) != std::string::npos;) {
      std::string path = peer.received.substr(4, peer.received.find(' ', 4) - 4);
      peer.received.erase(0, end + 4);
      peer.transport.Write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", path.size(), path));
    }
  };
  rig.Go();
  std::string many;
  for (int i = 0; i < 200; i++)
    many += fmt::format("GET /n{} HTTP/1.1\r\nHost: h\r\n{}\r\n", i, i == 199 ? "Connection: close\r\n" : "");
  std::string answers = rig.Ask(many);
  size_t at = 0;
  for (int i = 0; i < 200; i++) {
    at = answers.find(fmt::format("\r\n\r\n/n{}", i), at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST(Pipeline, ServesHttp10) {
  ProxyRig rig;
  Recorder upstream(rig.server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
  rig.Go();
  std::string answer = rig.Ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(BodyOf(answer), "hi");
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_THAT(upstream.seen.at(0), HasSubstr("GET / HTTP/1.1\r\nHost: 127.0.0.1:"));
  EXPECT_THAT(upstream.seen.at(0), HasSubstr("\r\nVia: 1.0 moongate\r\n")) << "the version that was received";
}

TEST(Pipeline, HeadHasTheLengthAndNoBody) {
  ProxyRig rig;
  rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
  rig.Go();
  std::string answer = rig.Ask("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 1234\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(Pipeline, InformationalHeadsPassWithoutTheirConnectionFields) {
  ProxyRig rig;
  rig.server.Answers("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n" +
                     std::string(kOk));
  rig.Go();
  std::string answer = rig.Ask(kGet);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

// --- what leaves

TEST(Pipeline, LongMethodsAndAuthoritiesFit) {
  ProxyRig rig;
  rig.upstream().preserve_host = false;
  Recorder upstream(rig.server, std::string(kOk));
  rig.Go();
  std::string method = Repeated("METHOD", 12'000), host = Repeated("label.", 240) + "x";
  EXPECT_THAT(rig.Ask(method + " / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(upstream.seen.at(0), StartsWith(method));
  rig.Ask("GET http://" + host + "/ HTTP/1.0\r\n\r\n");
  rig.Ask("GET http://" + Repeated("a", 15'000) + "/ HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(rig.AtRest());
}

TEST(Pipeline, ForwardedFieldsOfStrangersAreDroppedThoseOfProxiesExtended) {
  ProxyRig rig;
  Recorder upstream(rig.server, std::string(kOk));
  constexpr std::string_view kRequest =
      "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n"
      "X-Forwarded-Proto: https\r\nVia: 1.0 a\r\nVia: 1.1 b\r\nConnection: close\r\n\r\n";
  rig.Go();
  rig.Ask(kRequest);
  EXPECT_THAT(upstream.seen.at(0), HasSubstr("X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"));
  EXPECT_THAT(upstream.seen.at(0), Not(HasSubstr("1.1.1.1")));
  EXPECT_THAT(upstream.seen.at(0), HasSubstr("Via: 1.0 a, 1.1 b, 1.1 moongate\r\n"));
  rig.conf->trusted_proxies = {"127.0.0.0/8"};
  rig.Go();
  rig.Ask(kRequest);
  EXPECT_THAT(upstream.seen.at(1),
              HasSubstr("X-Forwarded-For: 1.1.1.1, 2.2.2.2, 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"));
  EXPECT_THAT(upstream.seen.at(1), HasSubstr("Forwarded: for=1.1.1.1\r\n"));
}

TEST(Pipeline, MaxForwardsIsCountedAndEndsHere) {
  ProxyRig rig;
  Recorder upstream(rig.server, std::string(kOk));
  rig.Go();
  EXPECT_THAT(rig.Ask("OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(rig.Ask("TRACE / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 501"));
  EXPECT_TRUE(upstream.seen.empty());
  rig.Ask("OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 7\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(upstream.seen.at(0), HasSubstr("Max-Forwards: 6\r\n"));
  rig.Ask("GET / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(upstream.seen.at(1), HasSubstr("Max-Forwards: 0\r\n"));
}

TEST(Pipeline, RewritesTargetAndHost) {
  ProxyRig rig;
  Recorder upstream(rig.server, std::string(kOk));
  rig.route().rewrite.path = "/internal/{path}";
  rig.route().rewrite.host = "inner.example";
  rig.Go();
  rig.Ask("GET /a?b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(upstream.seen.at(0), StartsWith("GET /internal/a?b HTTP/1.1\r\nHost: inner.example\r\n"));
}

// --- bodies up

TEST(Pipeline, StreamsBodiesInTheirFraming) {
  ProxyRig rig;
  std::string seen;
  rig.server.on_bytes = [&](Peer& peer) {
    seen = peer.received;
    if (seen.ends_with("abcde") || seen.ends_with("0\r\nT: 1\r\n\r\n")) peer.transport.Write(kOk);
  };
  rig.Go();
  EXPECT_THAT(rig.Ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde"),
              EndsWith("ok"));
  EXPECT_THAT(seen, HasSubstr("\r\nContent-Length: 5\r\n\r\nabcde"));
  rig.server.peers.clear();
  rig.context.pools.CloseIdle();
  EXPECT_THAT(rig.Ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: "
                      "close\r\n\r\n5;x\r\nabcde\r\n0\r\nT: 1\r\n\r\n"),
              EndsWith("ok"));
  EXPECT_THAT(seen, HasSubstr("Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nT: 1\r\n\r\n"));
}

TEST(Pipeline, ABodyWaitsForAnUpstreamThatDoesNotRead) {
  ProxyRig rig;
  rig.conf->limits.body = 0;
  rig.server.on_accept = [](Peer& peer) {
    int small = 20'000;
    setsockopt(peer.transport.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  };
  rig.server.holds = true;
  constexpr size_t kSize = 30'000'000;
  size_t got = 0;
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write(
      fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", kSize));
  std::string piece = Repeated("x", 60'000);
  size_t sent = 0;
  auto push = [&] {
    while (sent < kSize) {
      net::IoResult result =
          client.transport.Write(std::string_view(piece).substr(0, std::min(piece.size(), kSize - sent)));
      if (result.status != net::IoResult::kOk) return;
      sent += result.bytes;
    }
  };
  client.on_writable = push;
  push();
  rig.Turns(50);
  EXPECT_LT(sent, kSize / 2) << "what the upstream does not take stays with the client";
  rig.server.holds = false;
  rig.server.on_bytes = [&](Peer& peer) {
    got += peer.received.size();
    bool all = got >= kSize;
    peer.received.clear();
    if (all) peer.transport.Write(kOk);
  };
  for (auto& peer : rig.server.peers) rig.server.Read(*peer);
  ASSERT_TRUE(rig.Until([&] { return client.ended; }));
  EXPECT_THAT(client.received, EndsWith("ok"));
}

TEST(Pipeline, ASlowClientIsNotTheUpstreamsFault) {
  ProxyRig rig;
  rig.upstream().timeouts.first_byte = config::Duration(60);
  rig.upstream().passive = config::PassiveHealth{.failures = 1};
  rig.server.on_bytes = [](Peer& peer) {
    if (peer.received.ends_with("abcdef")) peer.transport.Write(kOk);
  };
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabc");
  Nanoseconds end = MonotonicNow() + 200'000'000;
  while (MonotonicNow() < end) rig.context.loop.RunOnce(20);
  client.transport.Write("def");
  ASSERT_TRUE(rig.Until([&] { return client.ended; }));
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
}

TEST(Pipeline, AnUploadThatIsTakenSlowlyIsTaken) {
  ProxyRig rig;
  rig.upstream().timeouts.send = config::Duration(400);
  rig.server.on_accept = [](Peer& peer) {
    int small = 100'000;
    setsockopt(peer.transport.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  };
  rig.server.holds = true;
  rig.Go();
  Peer& client = rig.Open();
  constexpr size_t kSize = 8'000'000;
  std::string body = Repeated("x", kSize);
  std::string request =
      fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", kSize) + body;
  size_t sent = 0, got = 0;
  auto push = [&] {
    while (sent < request.size()) {
      net::IoResult result = client.transport.Write(std::string_view(request).substr(sent));
      if (result.status != net::IoResult::kOk) return;
      sent += result.bytes;
    }
  };
  client.on_writable = push;
  push();
  ASSERT_TRUE(rig.Until([&] { return !rig.server.peers.empty(); }));
  Peer& peer = *rig.server.peers[0];
  char buffer[50'000];
  while (!client.ended && got < kSize) {  // some now and then
    rig.context.loop.RunOnce(5);
    net::IoResult result = peer.transport.Read(buffer, sizeof buffer);
    if (result.status == net::IoResult::kOk) got += result.bytes;
  }
  peer.transport.Write(kOk);
  ASSERT_TRUE(rig.Until([&] { return client.ended; }));
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
}

TEST(Pipeline, AnEarlyRefusalOfTheUpstreamReachesTheClient) {
  ProxyRig rig;
  rig.server.Answers("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("no"); }));
  client.transport.Write("more");
  ASSERT_TRUE(rig.Until([&] { return client.ended; }));
  EXPECT_TRUE(rig.AtRest());
  EXPECT_EQ(rig.context.pools.idle(), 0u);
}

TEST(Pipeline, EventsComeWhenTheyAreSent) {
  ProxyRig rig;
  Peer* upstream = nullptr;
  rig.server.on_bytes = [&](Peer& peer) {
    upstream = &peer;
    peer.transport.Write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
  };
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(rig.Until([&] { return client.received.find("data: 1\n\n") != std::string::npos; }));
  for (int i = 2; i < 20; i++) {
    upstream->transport.Write(fmt::format("data: {}\n\n", i));
    ASSERT_TRUE(rig.Until([&] { return client.received.find(fmt::format("data: {}\n\n", i)) != std::string::npos; }));
  }
  upstream->transport.ShutdownWrite();
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("\r\n0\r\n\r\n"); }));
}

TEST(Pipeline, AnUploadGoesOnWhileItsAnswerComes) {
  ProxyRig rig;
  size_t left = 0;
  rig.server.on_bytes = [&left](Peer& peer) {  // an echo that answers from the first byte on
    if (left == 0) {
      size_t head = peer.received.find("\r\n\r\n");
      if (head == std::string::npos) return;
      peer.received.erase(0, head + 4);
      left = 30;
      peer.transport.Write("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n");
    }
    left -= peer.received.size();
    if (!peer.received.empty()) peer.transport.Write(peer.received);
    peer.received.clear();
  };
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\n");
  for (int i = 0; i < 10; i++) {
    std::string piece = fmt::format("p{}.", i);
    client.transport.Write(piece);
    ASSERT_TRUE(rig.Until([&] { return client.received.ends_with(piece); })) << i << client.received;
  }
  EXPECT_THAT(BodyOf(client.received), "p0.p1.p2.p3.p4.p5.p6.p7.p8.p9.");
  client.received.clear();
  client.transport.Write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\n" + std::string(30, 'x'));
  EXPECT_TRUE(rig.Until([&] { return client.received.ends_with(std::string(30, 'x')); }));
  EXPECT_EQ(rig.server.peers.size(), 1u) << "both connections are used again";
}

TEST(Pipeline, TrailersPassBothWays) {
  ProxyRig rig;
  std::string seen;
  rig.server.on_bytes = [&](Peer& peer) {
    seen = peer.received;
    if (!seen.ends_with("\r\nT: 1\r\n\r\n")) return;
    peer.transport.Write(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nU: 2\r\nHost: x\r\n\r\n");
  };
  rig.Go();
  Peer& client = rig.Open();
  std::string request =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nVia: x\r\nT: 1\r\n\r\n";
  for (char c : request) {
    client.transport.Write(std::string_view(&c, 1));
    rig.context.loop.RunOnce(0);
  }
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("\r\n\r\n2\r\nhi\r\n0\r\nU: 2\r\n\r\n"); }))
      << client.received;
  EXPECT_THAT(seen, Not(HasSubstr("Via: x")));
  client.received.clear();
  client.transport.Write(request);  // on the same connections
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("\r\n0\r\nU: 2\r\n\r\n"); }));
  EXPECT_EQ(rig.server.peers.size(), 1u);
}

TEST(Pipeline, BodiesOverTheLimitAreRefused) {
  ProxyRig rig;
  rig.route().body_limit = 4;
  Recorder upstream(rig.server, std::string(kOk));
  rig.Go();
  EXPECT_THAT(rig.Ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(rig.Ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: "
                      "close\r\n\r\n5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_TRUE(rig.AtRest());
}

TEST(Pipeline, ContinueIsAskedForWhenTheUpstreamIsReady) {
  ProxyRig rig;
  rig.server.on_bytes = [](Peer& peer) {
    if (peer.received.ends_with("abc")) peer.transport.Write(kOk);
  };
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("100 Continue\r\n\r\n"); }));
  client.transport.Write("abc");
  ASSERT_TRUE(rig.Until([&] { return client.ended; }));
  EXPECT_THAT(client.received, EndsWith("ok"));
  EXPECT_THAT(rig.server.peers.at(0)->received, Not(HasSubstr("Expect")));
}

TEST(Pipeline, AnEmptyChunkedBodyIsSentAgainAsEmpty) {
  ProxyRig rig;
  int requests = 0;
  std::string last;
  rig.server.on_bytes = [&](Peer& peer) {
    if (!peer.received.ends_with("\r\n\r\n")) return;
    last = std::exchange(peer.received, {});
    if (last.find("chunked") != std::string::npos && last.find("\r\n0\r\n\r\n") == std::string::npos) return;
    if (++requests == 2) return peer.transport.Close();  // a connection that had rested ends
    peer.transport.Write(kOk);
  };
  rig.Go();
  EXPECT_THAT(rig.Ask(kGet), EndsWith("ok"));
  EXPECT_THAT(rig.Ask("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"),
              EndsWith("ok"));
  EXPECT_THAT(last, HasSubstr("Content-Length: 0\r\n"));
}

// --- upstreams that fail

TEST(Pipeline, AnUpstreamThatResetsAtAnyByte) {
  constexpr std::string_view kAnswers[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
  };
  for (std::string_view bytes : kAnswers) {
    size_t head = bytes.find("\r\n\r\n") + 4;
    for (size_t cut = 0; cut < bytes.size(); cut++) {
      for (bool hard : {false, true}) {
        SCOPED_TRACE(fmt::format("{} of {} bytes{}", cut, bytes.size(), hard ? ", RST" : ""));
        ProxyRig rig;
        rig.upstream().retries.attempts = 0;
        rig.server.on_bytes = [&](Peer& peer) {
          if (peer.received.find("\r\n\r\n") == std::string::npos) return;
          peer.transport.Write(bytes.substr(0, cut));
          if (hard) {
            linger reset{1, 0};
            setsockopt(peer.transport.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
          }
          peer.transport.Close();
        };
        rig.Go();
        Peer& client = rig.Open();
        client.transport.Write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        if (cut < head || hard) {
          ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("}\n") || client.ended || client.failed; }));
        } else {
          ASSERT_TRUE(rig.Until([&] { return client.ended || client.failed; })) << "cut, never completed";
        }
        if (cut < head) {
          EXPECT_THAT(client.received, StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
          EXPECT_THAT(client.received, Not(HasSubstr("127.0.0.1")));
        }
        EXPECT_THAT(client.received, Not(HasSubstr("\r\n0\r\n\r\n")));
        EXPECT_TRUE(rig.AtRest());
        EXPECT_EQ(rig.context.pools.idle(), 0u);
        EXPECT_EQ(rig.context.current->snapshot->upstreams[0]->plan()->members[0].target->active, 0u);
      }
    }
  }
}

TEST(Pipeline, GarbageIs502) {
  for (std::string_view garbage :
       {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw"}) {
    ProxyRig rig;
    rig.server.Answers(std::string(garbage));
    rig.Go();
    std::string answer = rig.Ask(kGet);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 502 ")) << garbage;
    EXPECT_THAT(answer, HasSubstr("application/problem+json"));
    EXPECT_TRUE(rig.AtRest());
  }
}

TEST(Pipeline, StallsEndInTheirPhase) {
  for (std::string_view part : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}) {
    ProxyRig rig;
    rig.upstream().timeouts.first_byte = rig.upstream().timeouts.between = config::Duration(60);
    rig.server.Answers(std::string(part));
    rig.Go();
    std::string answer = rig.Ask(kGet);
    if (part.ends_with("abc")) {
      EXPECT_THAT(answer, EndsWith("\r\n\r\nabc"));
    } else {
      EXPECT_THAT(answer, StartsWith("HTTP/1.1 504 "));
    }
    EXPECT_TRUE(rig.AtRest());
  }
}

TEST(Pipeline, TheTotalTimeEndsAllAttempts) {
  ProxyRig rig;
  rig.upstream().timeouts.total = config::Duration(80);
  rig.upstream().retries.attempts = 5;
  rig.upstream().retries.on_timeout = true;
  rig.server.on_bytes = [](Peer&) {};
  rig.Go();
  EXPECT_THAT(rig.Ask(kGet), StartsWith("HTTP/1.1 504 "));
  EXPECT_EQ(rig.server.peers.size(), 1u);
}

TEST(Pipeline, WhatCannotBeConnectedIsTriedElsewhereWhateverTheMethod) {
  ProxyRig rig;
  ScriptedServer dead(rig.context.loop);
  dead.Refuse();
  rig.AddTarget(dead);
  rig.server.Answers(std::string(kOk));
  rig.Go();
  for (int i = 0; i < 4; i++) {
    EXPECT_THAT(rig.Ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
                EndsWith("ok"));
  }
  rig.server.Refuse();
  rig.context.pools.CloseIdle();
  EXPECT_THAT(rig.Ask(kGet), StartsWith("HTTP/1.1 502 "));
}

TEST(Pipeline, AConnectionThatEndedAtRestCostsAGetNothingAndAPostItsAnswer) {
  for (std::string_view method : {"GET", "POST"}) {
    ProxyRig rig;
    rig.upstream().retries.attempts = 0;
    int requests = 0;
    rig.server.on_bytes = [&](Peer& peer) {
      if (!peer.received.ends_with("\r\n\r\n")) return;
      peer.received.clear();
      if (++requests == 2) return peer.transport.Close();
      peer.transport.Write(kOk);
    };
    rig.Go();
    std::string request =
        fmt::format("{} / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", method);
    EXPECT_THAT(rig.Ask(request), EndsWith("ok"));
    EXPECT_THAT(rig.Ask(request), StartsWith(method == "GET" ? "HTTP/1.1 200" : "HTTP/1.1 502"));
    EXPECT_EQ(rig.context.current->snapshot->upstreams[0]->plan()->members[0].target->failures, 0u)
        << "it says nothing about the target";
  }
}

TEST(Pipeline, StatusesInTheListAreTriedElsewhere) {
  ProxyRig rig;
  rig.upstream().retries.statuses = {503};
  ScriptedServer busy(rig.context.loop);
  busy.Answers("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  rig.AddTarget(busy);
  rig.server.Answers(std::string(kOk));
  rig.Go();
  for (int i = 0; i < 4; i++) EXPECT_THAT(rig.Ask(kGet), EndsWith("ok"));
  rig.server.Answers("HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\nB");
  EXPECT_THAT(rig.Ask(kGet), StartsWith("HTTP/1.1 503 Busy"));
}

// --- clients that go or are slow

TEST(Pipeline, ASlowClientSlowsTheUpstream) {
  ProxyRig rig;
  rig.upstream().timeouts.between = config::Duration(50);
  size_t sent = 0;
  constexpr size_t kSize = 30'000'000;
  std::string piece = Repeated("y", 60'000);
  std::function<void(Peer&)> push = [&](Peer& peer) {
    while (sent < kSize) {
      net::IoResult result =
          peer.transport.Write(std::string_view(piece).substr(0, std::min(piece.size(), kSize - sent)));
      if (result.status != net::IoResult::kOk) return;
      sent += result.bytes;
    }
  };
  rig.server.on_bytes = [&](Peer& peer) {
    if (peer.received.empty()) return;
    peer.received.clear();
    peer.transport.Write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", kSize));
    peer.on_writable = [&] { push(peer); };
    push(peer);
  };
  rig.Go();
  Peer& client = rig.Open(20'000);
  client.transport.Write(kGet);
  client.on_readable = [] {};
  Nanoseconds end = MonotonicNow() + 200'000'000;  // longer than `between`: the upstream is not to blame
  while (MonotonicNow() < end) rig.context.loop.RunOnce(20);
  EXPECT_LT(sent, kSize / 2);
  client.on_readable = nullptr;
  client.Drain();
  ASSERT_TRUE(rig.Until([&] { return client.ended || client.failed; }));
  EXPECT_EQ(BodyOf(client.received).size(), kSize);
}

TEST(Pipeline, AHalfClosedClientGetsAllOfALongAnswer) {
  ProxyRig rig;
  rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  client.transport.ShutdownWrite();
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("abc"); }));
  Nanoseconds end = MonotonicNow() + 1'300'000'000;  // longer than what a silent one is given
  while (MonotonicNow() < end) rig.context.loop.RunOnce(50);
  rig.server.peers.at(0)->transport.Write("def");
  ASSERT_TRUE(rig.Until([&] { return client.ended || client.failed; }));
  EXPECT_THAT(client.received, EndsWith("abcdef"));
}

TEST(Pipeline, AClientThatGoesEndsItsRequestInEveryState) {
  constexpr std::string_view kParts[] = {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"};
  for (std::string_view part : kParts) {
    for (bool upload : {false, true}) {
      ProxyRig rig;
      rig.server.Answers(std::string(part));
      rig.Go();
      Peer& client = rig.Open();
      client.transport.Write(upload ? "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"
                                    : "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      ASSERT_TRUE(rig.Until([&] { return !rig.server.peers.empty(); }));
      rig.Turns();
      linger reset{1, 0};
      setsockopt(client.transport.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      client.transport.Close();
      EXPECT_TRUE(rig.AtRest());
      EXPECT_TRUE(rig.Until([&] { return rig.server.peers[0]->ended || rig.server.peers[0]->failed; }));
    }
  }
}

TEST(Pipeline, AbortsAreIgnoredWhereTheRouteSaysSo) {
  ProxyRig rig;
  rig.route().client_abort = config::ClientAbort::kIgnore;
  rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("abc"); }));
  linger reset{1, 0};
  setsockopt(client.transport.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  client.transport.Close();
  rig.Turns(10);
  EXPECT_EQ(rig.context.current->live, 1u);
  rig.server.peers.at(0)->transport.Write("defghij");
  EXPECT_TRUE(rig.AtRest());
  EXPECT_EQ(rig.context.pools.idle(), 1u) << "read to its end";
}

// --- tunnels

constexpr std::string_view kUpgrade = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr std::string_view kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

TEST(Pipeline, AnUpgradeBecomesATunnel) {
  ProxyRig rig;
  rig.server.Answers(std::string(kSwitch) + "hello");
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write(kUpgrade);
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("hello"); }));
  EXPECT_THAT(client.received, HasSubstr("101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_EQ(rig.context.current->live, 0u) << "a tunnel holds no generation";
  Peer& server = *rig.server.peers.at(0);
  std::weak_ptr<const Snapshot> old = rig.context.current->snapshot;
  rig.Go();
  rig.Turns();
  EXPECT_TRUE(old.expired());
  rig.server.on_bytes = nullptr;
  server.received.clear();
  client.transport.Write("up");
  ASSERT_TRUE(rig.Until([&] { return server.received == "up"; }));
  client.transport.ShutdownWrite();
  ASSERT_TRUE(rig.Until([&] { return server.ended; }));
  server.transport.Write("last");
  server.transport.Close();
  ASSERT_TRUE(rig.Until([&] { return client.ended; }));
  EXPECT_THAT(client.received, EndsWith("last"));
  EXPECT_TRUE(rig.AtRest());
}

TEST(Pipeline, TunnelsHaveBackPressureBothWays) {
  ProxyRig rig;
  rig.server.Answers(std::string(kSwitch));
  rig.Go();
  Peer& client = rig.Open(20'000);
  client.transport.Write(kUpgrade);
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("\r\n\r\n"); }));
  Peer& server = *rig.server.peers.at(0);
  rig.server.holds = true;
  client.on_readable = [] {};
  std::string piece = Repeated("z", 60'000);
  for (Peer* from : {&client, &server}) {
    size_t sent = 0;
    for (int i = 0; i < 3000; i++) {
      net::IoResult result = from->transport.Write(piece);
      if (result.status == net::IoResult::kOk) sent += result.bytes;
      rig.context.loop.RunOnce(0);
    }
    EXPECT_LT(sent, 60'000'000u);
  }
  server.transport.Close();
  client.on_readable = nullptr;
  EXPECT_TRUE(rig.Until([&] {
    client.DrainAll();
    return client.ended || client.failed;
  }));
  EXPECT_TRUE(rig.AtRest());
}

TEST(Pipeline, UpgradesToHttp2AreNotPassedOn) {
  ProxyRig rig;
  Recorder upstream(rig.server, std::string(kOk));
  rig.Go();
  rig.Ask(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
      "AAA\r\n\r\n");
  EXPECT_THAT(upstream.seen.at(0), Not(HasSubstr("h2c")));
  EXPECT_THAT(upstream.seen.at(0), Not(HasSubstr("HTTP2-Settings")));
}

TEST(Pipeline, AnUpgradeMayBeDeclined) {
  ProxyRig rig;
  rig.server.Answers(std::string(kOk));
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write(kUpgrade);
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("ok"); }));
  client.transport.Write(kUpgrade);
  ASSERT_TRUE(
      rig.Until([&] { return client.received.find("ok", client.received.find("ok") + 2) != std::string::npos; }));
}

// --- answers of the gateway itself

TEST(Pipeline, RoutesThatAnswerThemselves) {
  ProxyRig rig;
  config::Route& ping = rig.AddRoute("ping", "/ping");
  ping.respond.emplace();
  ping.respond->headers = {{"X-A", "1"}};
  ping.respond->body = "pong\n";
  rig.AddRoute("old", "/old").redirect = config::Redirect{308, "/new"};
  config::Route& only = rig.AddRoute("only", "/only");
  only.match.methods = {"GET"};
  only.respond.emplace();
  rig.Go();
  std::string answer = rig.Ask("GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nX-A: 1\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\npong\n"));
  answer = rig.Ask("HEAD /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
  answer = rig.Ask("GET /old HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 308 "));
  EXPECT_THAT(answer, HasSubstr("Location: /new\r\n"));
  EXPECT_TRUE(rig.server.peers.empty());
}

TEST(Pipeline, ErrorsAreProblems) {
  ProxyRig rig;
  rig.route().match.path = "/only";
  rig.route().match.methods = {"GET"};
  rig.Go();
  std::string answer = rig.Ask("GET /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer, HasSubstr("\"status\":404,"));
  EXPECT_THAT(answer, HasSubstr("\"request_id\":\""));
  answer = rig.Ask("DELETE /only HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("Allow: "));
  answer = rig.Ask("GET / HTTP/1.1\r\nHost: h\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(rig.AtRest());
}

TEST(Pipeline, ARequestKeepsItsGeneration) {
  ProxyRig rig;
  rig.server.on_bytes = [](Peer&) {};
  rig.Go();
  Peer& client = rig.Open();
  client.transport.Write(kGet);
  ASSERT_TRUE(rig.Until([&] { return !rig.server.peers.empty() && !rig.server.peers[0]->received.empty(); }));
  std::weak_ptr<const Snapshot> old = rig.context.current->snapshot;
  rig.Go();
  rig.Turns();
  EXPECT_FALSE(old.expired());
  rig.server.peers[0]->transport.Write(kOk);
  ASSERT_TRUE(rig.Until([&] { return client.ended; }));
  rig.Turns();
  EXPECT_TRUE(old.expired());
}

}  // namespace
}  // namespace mg::proxy
