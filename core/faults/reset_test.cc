// Upstreams that reset at every byte, of their answer and of the request they read; on a new connection and on one that
// had served before.
#include <gtest/gtest.h>

#include "faults/rig.h"

namespace mg::faults {
namespace {

struct Reply {
  const char* name;
  std::string head, body;
  bool until_close;
};

const Reply kReplies[] = {
    {"length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-A: b\r\n\r\n", "0123456789", false},
    {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
     "4\r\n0123\r\n6;x=y\r\n456789\r\n0\r\nX-T: v\r\n\r\n", false},
    {"until close", "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n", "0123456789", true},
    {"early hints", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
     "0123456789", false},
};

enum class Seen { kAtOnce, kBefore };  // what was sent comes with the reset, or before it

struct Sweep {
  Rig& rig;
  const Reply& reply;
  bool reused;
  Seen seen;
  std::string request{kGet};
  Socket up;  // of the upstream, that has served once

  // The connection that the next request goes out on, where it is to be a used one.
  void Prepare() {
    Socket client = rig.Connect();
    client.Send(kGet);
    if (up.open() && (up.ended || WaitFor(up.fd(), POLLIN, 0))) {
      if (up.ReceiveRequest().empty()) up.Close();
    }
    if (!up.open()) {
      up = rig.upstream.Accept();
      up.ReceiveRequest();
    }
    up.Send(reused ? kClean : kCleanClose);
    client.ReceiveEnd();
    Answer answer = Judge(client);
    EXPECT_TRUE(answer.Is(200, "clean")) << answer;
    if (!reused) up.Close();
  }

  Answer At(size_t cut) {
    Prepare();
    Socket client = rig.Connect();
    client.Send(request);
    if (!reused) up = rig.upstream.Accept();
    EXPECT_FALSE(up.ReceiveRequest().empty());
    std::string bytes = (reply.head + reply.body).substr(0, cut);
    up.Send(bytes);
    if (seen == Seen::kBefore) rig.Settle();
    up.Reset();
    rig.ServeUntilEnd(client, kCleanClose);
    rig.resting.clear();
    return Judge(client);
  }

  void Run() {
    size_t whole = reply.head.size() + reply.body.size();
    for (size_t cut = 0; cut <= whole; cut++) {
      SCOPED_TRACE(fmt::format("{}, {} connection, {}: after {} of {} bytes", reply.name, reused ? "used" : "new",
                               seen == Seen::kBefore ? "seen before" : "at once", cut, whole));
      Answer answer = At(cut);
      if (cut == 0 && reused) {  // a connection at rest may end at any time: tried again on a new one
        EXPECT_TRUE(answer.Is(200, "clean")) << answer;
      } else if (cut < reply.head.size()) {
        EXPECT_TRUE(answer.IsProblem(502)) << answer;
      } else if (cut < whole || reply.until_close) {
        EXPECT_TRUE(answer.IsCut()) << answer;
      } else {
        EXPECT_TRUE(answer.Is(200, "0123456789")) << answer;
      }
      if (testing::Test::HasFailure()) return;
    }
  }
};

class ResetResponse : public testing::TestWithParam<int> {};

TEST_P(ResetResponse, AtEveryByte) {
  Rig rig;
  const Reply& reply = kReplies[GetParam()];
  for (bool reused : {false, true}) {
    for (Seen seen : {Seen::kAtOnce, Seen::kBefore}) {
      Sweep sweep{rig, reply, reused, seen, std::string(kGet), {}};
      sweep.Run();
      if (HasFailure()) return;
    }
  }
  rig.ExpectAtRest();
}

// A client of HTTP/1.0 gets what has no length until the connection ends: only a reset tells it that something is cut.
TEST_P(ResetResponse, AtEveryByteToAnOldClient) {
  Rig rig;
  Sweep sweep{rig, kReplies[GetParam()], true, Seen::kBefore, "GET /x HTTP/1.0\r\nHost: h\r\n\r\n", {}};
  sweep.Run();
  sweep.up.Close();
  rig.ExpectAtRest();
}

// Body filters hold pieces back: what they hold must not make an answer look whole.
TEST_P(ResetResponse, AtEveryByteThroughABodyFilter) {
  Rig rig({.route = "policies: [{ lua: { body_filter: \"ngx.arg[1] = ngx.arg[1]\" } }]"});
  Sweep sweep{rig, kReplies[GetParam()], false, Seen::kBefore, std::string(kGet), {}};
  sweep.Run();
  rig.ExpectAtRest();
}

INSTANTIATE_TEST_SUITE_P(Framings, ResetResponse, testing::Range(0, 4));

struct Asked {
  const char* name;
  std::string request;
  enum { kNever, kMay, kMust } again;  // sent again; kMay: unless a part of its body has gone out
};

// The upstream reads so many bytes of the request, and resets.
TEST(ResetRequest, AtEveryByte) {
  Rig rig({.upstream = "retries: { attempts: 1 }"});
  const std::string body = "0123456789";
  const Asked kAsked[] = {
      {"GET", std::string(kGet), Asked::kMust},
      {"POST", "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 10\r\n\r\n" + body, Asked::kNever},
      {"POST without a body", "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
       Asked::kNever},
      {"PUT", "PUT /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 10\r\n\r\n" + body, Asked::kMay},
      {"PUT, chunked",
       "PUT /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\na\r\n" + body +
           "\r\n0\r\n\r\n",
       Asked::kMay},
  };
  const Reply& reply = kReplies[0];
  for (const Asked& asked : kAsked) {
    for (bool reused : {false, true}) {
      Sweep sweep{rig, reply, reused, Seen::kBefore, std::string(kGet), {}};
      size_t size = 1;
      for (size_t read = 0; read <= size; read++) {
        SCOPED_TRACE(fmt::format("{}, {} connection: {} bytes read", asked.name, reused ? "used" : "new", read));
        sweep.Prepare();
        Socket client = rig.Connect();
        client.Send(asked.request);
        if (!reused) sweep.up = rig.upstream.Accept();
        if (read == 0) {  // how long it is
          size = sweep.up.ReceiveRequest().size();
          ASSERT_GT(size, 0u);
        } else {
          ASSERT_TRUE(sweep.up.ReceiveSize(read));
        }
        sweep.up.received.clear();
        sweep.up.Reset();
        size_t served = rig.ServeUntilEnd(client, kCleanClose);
        rig.resting.clear();
        Answer answer = Judge(client);
        if (asked.again == Asked::kMust || (asked.again == Asked::kMay && served > 0)) {
          EXPECT_TRUE(answer.Is(200, "clean")) << answer;
          EXPECT_EQ(served, 1u);
          EXPECT_EQ(rig.last_request.size(), size) << "not the whole of it is sent again: " << rig.last_request;
        } else {
          EXPECT_TRUE(answer.IsProblem(502)) << answer;
          EXPECT_EQ(served, 0u) << "what must not be sent twice was";
        }
        if (HasFailure()) return;
      }
    }
  }
  rig.ExpectAtRest();
}

// Connections at rest that their upstream has ended, one way or the other, before the next request.
TEST(ResetAtRest, IsNoticed) {
  for (bool hard : {false, true}) {
    for (const char* method : {"GET", "POST"}) {
      Rig rig;
      std::string request =
          fmt::format("{} /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", method);
      Answer first = rig.Ask(request, kClean);
      ASSERT_TRUE(first.Is(200, "clean")) << first;
      ASSERT_EQ(rig.resting.size(), 1u);
      if (hard) {
        rig.resting[0].Reset();
      } else {
        rig.resting[0].Close();
      }
      rig.Settle();
      Answer second = rig.Ask(request, kClean);
      EXPECT_TRUE(second.Is(200, "clean")) << method << ": " << second;
      rig.ExpectAtRest();
    }
  }
}

// In the middle of an upload that fills every buffer on its way. The client goes on sending until it sees the answer.
TEST(ResetRequest, InALargeUpload) {
  Rig rig({.gateway = "limits: { body: 0 }\n"});
  for (size_t read : {size_t{0}, size_t{1}, size_t{100'000}, size_t{3'000'000}}) {
    Socket client = rig.Connect();
    ASSERT_TRUE(client.Send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 67108864\r\n\r\n"));
    Socket up = rig.upstream.Accept();
    Upload upload(client, 64 << 20);
    while (up.received.size() < read) {
      upload.Some();
      up.Receive();
    }
    up.Reset();
    while (!client.ended && !client.received.contains("request_id")) upload.Some(POLLIN);
    EXPECT_TRUE(client.received.contains("Connection: close"));
    client.EndSending();
    client.ReceiveEnd();
    Answer answer = Judge(client, "PUT");
    EXPECT_TRUE(answer.IsProblem(502)) << answer;
  }
  rig.ExpectAtRest();
}

}  // namespace
}  // namespace mg::faults
