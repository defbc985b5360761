// Clients that drip, stall, read nothing, reset at every byte, half-close, vanish behind a pipeline.
#include <gtest/gtest.h>

#include "faults/rig.h"

namespace mg::faults {
namespace {

const std::string kUpload = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nX-Client: c\r\n\r\n0123456789";
const std::string kChunkedUpload =
    "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\nT: u\r\n\r\n";

// A byte now and then, each well before any time between two reads would be over.
TEST(SlowClient, AHeadInDrops) {
  Rig rig({.gateway = "limits: { head_timeout: 80ms }\n"});
  Socket client = rig.Connect();
  client.Send("GET /x HTTP/1.1\r\nHost: h\r\nX: ");
  while (!WaitFor(client.fd(), POLLIN, 2)) {
    if (!client.Send("a")) break;
  }
  EXPECT_TRUE(client.ReceiveEnd());
  EXPECT_FALSE(rig.upstream.Waiting()) << "half a request was sent on";
  rig.ExpectAtRest();
}

// From the first byte, on a connection that has served too.
TEST(SlowClient, TheSecondHead) {
  Rig rig({.gateway = "limits: { head_timeout: 60ms, idle_timeout: 60s }\n"});
  Socket client = rig.Connect();
  client.Send("GET /here HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(client.ReceiveText("here\n"));
  client.Send("GET /here HT");
  EXPECT_TRUE(client.ReceiveEnd());
  rig.ExpectAtRest();
}

TEST(SlowClient, ABodyThatStops) {
  Rig rig({.gateway = "limits: { body_timeout: 60ms }\n"});
  for (const std::string& upload : {kUpload, kChunkedUpload}) {
    for (size_t sent = upload.find("\r\n\r\n") + 4; sent < upload.size(); sent++) {
      Socket client = rig.Connect();
      client.Send(upload.substr(0, sent));
      Socket up = rig.upstream.Accept();
      client.ReceiveEnd();
      Answer answer = Judge(client, "POST");
      EXPECT_TRUE(answer.IsProblem(408)) << sent << ": " << answer;
      EXPECT_TRUE(up.ReceiveEnd()) << "the upstream waits for a body that nobody sends";
      if (HasFailure()) return;
    }
  }
  rig.ExpectAtRest();
}

// It never reads a large answer. The upstream is held back, and both are let go when the time is over.
TEST(SlowClient, ReadsNothing) {
  Rig rig({.gateway = "limits: { send_timeout: 150ms }\n"});
  for (bool filtered : {false, true}) {
    if (filtered) {
      ASSERT_TRUE(LoadInto(rig.gateway,
                           Configuration({.gateway = "limits: { send_timeout: 150ms }\n",
                                          .route = "policies: [{ lua: { body_filter: \"ngx.arg[1] = ngx.arg[1]\" } }]"},
                                         rig.upstream.address())));
    }
    Socket client = rig.Connect(4096);
    client.Send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    Socket up = rig.upstream.Accept();
    up.ReceiveRequest();
    up.Send("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
    Upload answer(up, 64 << 20);
    while (!answer.done() && !up.ended) answer.Some(POLLIN);
    EXPECT_LT(answer.sent(), 32u << 20) << "it is buffered without a bound";
    EXPECT_TRUE(client.ReceiveEnd());
    EXPECT_TRUE(Judge(client).IsCut());
    up.Close();
    client.Close();
  }
  rig.ExpectAtRest();
}

// One that reads slowly, but does, gets all of it.
TEST(SlowClient, ReadsInDrops) {
  Rig rig({.gateway = "limits: { send_timeout: 10s }\n"});
  Socket client = rig.Connect(4096);
  client.Send(kGet);
  Socket up = rig.upstream.Accept();
  up.ReceiveRequest();
  up.Send("HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\nConnection: close\r\n\r\n");
  Upload answer(up, 4 << 20);
  while (!client.ended) {
    if (!answer.done()) answer.Some();
    client.Receive(1000);
  }
  EXPECT_TRUE(Judge(client).Is(200, std::string(4 << 20, 'u')));
  up.Close();
  client.Close();
  rig.ExpectAtRest();
}

// Sends so many bytes of a request, and resets.
TEST(ResetByClient, AtEveryByteOfTheRequest) {
  Rig rig;
  for (bool settled : {false, true}) {
    for (const std::string& request : {std::string(kGet), kUpload, kChunkedUpload}) {
      for (size_t sent = 0; sent <= request.size(); sent++) {
        SCOPED_TRACE(fmt::format("{} of {} bytes of a {}", sent, request.size(), request.substr(0, 4)));
        Socket client = rig.Connect();
        client.Send(request.substr(0, sent));
        if (settled) rig.Settle();
        client.Reset();
        rig.Settle();
        rig.ExpectCancelled();
        if (HasFailure()) return;
      }
    }
  }
  rig.ExpectAtRest();
}

// Reads so many bytes of an answer that goes on, and resets: whoever made it hears of it.
TEST(ResetByClient, AtEveryByteOfTheResponse) {
  Rig rig;
  const std::string kPart = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n";
  size_t size = 1;
  for (size_t read = 0; read <= size; read++) {
    SCOPED_TRACE(read);
    Socket client = rig.Connect();
    client.Send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    Socket up = rig.upstream.Accept();
    ASSERT_FALSE(up.ReceiveRequest().empty());
    up.Send(kPart);
    if (read == 0) {  // how much there is
      ASSERT_TRUE(client.ReceiveText("some\r\n"));
      size = client.received.size();
    } else {
      ASSERT_TRUE(client.ReceiveSize(read));
    }
    client.Reset();
    EXPECT_TRUE(up.ReceiveEnd()) << "an answer for nobody is still waited for";
    if (HasFailure()) return;
  }
  rig.ExpectAtRest();
}

// A client that has gone is noticed while the upstream says nothing; and one that says it ignores that is not
// cancelled.
TEST(ResetByClient, WhileTheUpstreamThinks) {
  for (bool ignore : {false, true}) {
    Rig rig({.route = ignore ? "client_abort: ignore" : ""});
    Socket client = rig.Connect();
    client.Send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    Socket up = rig.upstream.Accept();
    up.ReceiveRequest();
    client.Reset();
    rig.Settle();
    if (ignore) {
      EXPECT_FALSE(WaitFor(up.fd(), POLLIN, 0));
      up.Send(kClean);
      rig.Settle();
      rig.gateway.ClearState();
    }
    EXPECT_TRUE(up.ReceiveEnd());
    up.Close();
    rig.ExpectAtRest();
  }
}

// It ends its side after whole requests: they are answered, all of them.
TEST(HalfClosedClient, IsAnswered) {
  Rig rig;
  for (int requests : {1, 3}) {
    for (std::string_view path : {"/here", "/x"}) {
      Socket client = rig.Connect();
      for (int i = 0; i < requests; i++) client.Send(fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", path));
      client.EndSending();
      if (path == "/x") {
        Socket up = rig.upstream.Accept();
        for (int i = 0; i < requests; i++) {
          ASSERT_FALSE(up.ReceiveRequest().empty());
          rig.Settle();
          up.Send(kClean);
        }
        client.ReceiveEnd();
        up.Close();
      } else {
        client.ReceiveEnd();
      }
      tester::ResponseReader reader;
      reader.Feed(client.received);
      reader.End();
      EXPECT_EQ(reader.error(), "") << client.received;
      EXPECT_EQ(reader.responses().size(), static_cast<size_t>(requests)) << path;
      client.Close();
      rig.gateway.ClearState();
      rig.Settle();
    }
  }
  rig.ExpectAtRest();
}

// It ends its side in the middle of a request: nothing comes of it.
TEST(HalfClosedClient, AtEveryByteOfTheRequest) {
  Rig rig;
  for (const std::string& request : {kUpload, kChunkedUpload}) {
    for (size_t sent = 0; sent < request.size(); sent++) {
      SCOPED_TRACE(fmt::format("{} of {} bytes", sent, request.size()));
      Socket client = rig.Connect();
      client.Send(request.substr(0, sent));
      client.EndSending();
      EXPECT_TRUE(client.ReceiveEnd());
      EXPECT_TRUE(client.received.empty() || client.received.starts_with("HTTP/1.1 4")) << client.received;
      rig.Settle();
      rig.ExpectCancelled();
      if (HasFailure()) return;
    }
  }
  rig.ExpectAtRest();
}

// Many requests at once, and then it is gone, after so many answers.
TEST(Pipeline, AndVanishes) {
  Rig rig;
  std::string requests;
  for (int i = 0; i < 2'000; i++) requests += "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
  for (int answered : {0, 1, 5}) {
    for (bool hard : {true, false}) {
      Socket client = rig.Connect();
      client.SendSome(requests);
      Socket up = rig.upstream.Accept();
      for (int i = 0; i < answered; i++) {
        ASSERT_FALSE(up.ReceiveRequest().empty());
        up.Send(kClean);
      }
      ASSERT_FALSE(up.ReceiveRequest().empty());
      EXPECT_TRUE(up.received.empty()) << "two requests at a time on one connection";
      if (hard) {
        client.Reset();
      } else {
        client.Close();
      }
      // What is under way ends with it. An orderly end leaves the answers to be asked for: until one cannot be written.
      size_t more = 0;
      do {
        if (!hard) up.Send(kClean);
        if (rig.upstream.Waiting()) up = rig.upstream.Accept();
      } while (++more < 1'000 && !up.ReceiveRequest().empty());
      EXPECT_TRUE(up.ended);
      EXPECT_LT(more, 1'000u);
      up.Close();
    }
  }
  rig.ExpectAtRest();
}

// Pipelined without end while the first request waits: what is kept of it is bounded.
TEST(Pipeline, WithoutEnd) {
  Rig rig;
  Socket client = rig.Connect();
  client.Send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  Socket up = rig.upstream.Accept();
  up.ReceiveRequest();
  std::string requests;
  while (requests.size() < 1 << 20) requests += "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
  size_t sent = 0;
  for (int quiet = 0; quiet < 5 && sent < (64u << 20);) {
    size_t now = client.SendSome(requests);
    ASSERT_NE(now, std::string::npos);
    sent += now;
    quiet = now == 0 ? quiet + 1 : 0;
    rig.Settle();
  }
  EXPECT_LT(sent, 32u << 20) << "pipelined requests are buffered without a bound";
  client.Reset();
  EXPECT_TRUE(up.ReceiveEnd()) << "a client that is gone behind its own pipeline is waited for";
  up.Close();
  rig.ExpectAtRest();
}

}  // namespace
}  // namespace mg::faults
