// A large body on its way from an H1Client to an H1Session through a pipe, on real sockets.
#include <gmock/gmock.h>

#include <optional>

#include "http/h1_client.h"
#include "http/test_support.h"

namespace mg::http {
namespace {

using net::test::RunUntil;
using test::Repeated;
using test::ScriptedHandler;
using test::ScriptedServer;
using test::SessionRig;

constexpr size_t kLarge = 3 * 1024 * 1024;

// Hands a response on to a stream, as a proxy does.
struct Bridge final : ClientHandler {
  explicit Bridge(ScriptedHandler& handler) : to(handler) {}
  void OnClientConnected() override {}
  void OnInformational(const ResponseHead&) override {}
  void OnResponseHead(ResponseHead& head) override { to.stream->SendHead(head, End::kNo); }
  void OnResponseBody(std::string_view data, End end) override {
    if (end == End::kYes) {
      over = true;
      to.End_(data);
      return;
    }
    to.stream->SendBody(data, end);
    Settle();
  }
  std::optional<net::IoResult> RelayResponseBody(net::Transport& from, size_t size) override {
    if (to.stream == nullptr) return std::nullopt;
    std::optional<net::IoResult> moved = to.stream->Relay(from, size);
    if (moved) relayed += moved->bytes;
    if (moved) Settle();
    return moved;
  }
  void OnRequestDrained() override {}
  void OnFailed(const Error& error) override {
    failure = error;
    if (to.stream != nullptr) to.Abort();
  }
  Arena& response_arena() override { return to.arena; }

  void Settle() {
    if (to.stream != nullptr && to.stream->pending() > 0) {
      stalls++;
      client->PauseResponse();
    }
  }

  ScriptedHandler& to;
  H1Client* client = nullptr;
  bool over = false;
  size_t relayed = 0;
  int stalls = 0;
  std::optional<Error> failure;
};

class Relay : public testing::Test {
 protected:
  // Each request goes to the upstream on one connection.
  void Open(int buffer = 0) {
    client.Connect(server.address(), nullptr, "");
    rig.factory.on_request = [this](ScriptedHandler& handler) {
      bridges.push_back(std::make_unique<Bridge>(handler));
      Bridge& bridge = *bridges.back();
      bridge.client = &client;
      handler.on_drained = [this](ScriptedHandler&) { client.ResumeResponse(); };
      client.Begin(bridge, Method::kGet);
      client.SendHead("GET / HTTP/1.1\r\nHost: h\r\n\r\n", BodyFraming::kNone);
    };
    rig.Open(buffer);
  }
  void Ask() { rig.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"); }
  std::string BodyReceived() {
    size_t head = rig.client.received.find("\r\n\r\n");
    return head == std::string::npos ? "" : rig.client.received.substr(head + 4);
  }
  static std::string Response(const std::string& text) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
  }
  // What the socket does not take at once follows as it can.
  void ServerSends(std::string bytes) {
    server.on_bytes = [this, bytes](net::test::Peer& peer) {
      if (peer.received.find("\r\n\r\n") == std::string::npos) return;
      peer.received.clear();
      left = bytes;
      peer.on_writable = [this, &peer] {
        while (!left.empty()) {
          net::IoResult result = peer.transport.Write(left);
          if (result.status != net::IoResult::kOk) return;
          left.erase(0, result.bytes);
        }
        if (close_after) peer.transport.Close();
      };
      peer.on_writable();
    };
  }

  SessionRig rig;
  ScriptedServer server{rig.loop};
  H1Client client{rig.loop, ParseLimits{}};
  std::vector<std::unique_ptr<Bridge>> bridges;
  std::string left;
  bool close_after = false;
  const std::string body = Repeated("0123456789abcdef\n", kLarge);
};

TEST_F(Relay, ALargeBodyArrivesWholeAndTheConnectionsServeOn) {
  ServerSends(Response(body));
  Open();
  for (int i = 0; i < 3; i++) {
    rig.client.received.clear();
    Ask();
    ASSERT_TRUE(RunUntil(rig.loop, [&] { return BodyReceived().size() >= kLarge; }));
    EXPECT_TRUE(BodyReceived() == body);
    Bridge& bridge = *bridges.back();
    EXPECT_TRUE(bridge.over);
    EXPECT_GT(bridge.relayed, kLarge / 2);
    EXPECT_TRUE(client.Detach());
  }
}

TEST_F(Relay, AClientThatReadsSlowlyHoldsTheUpstreamBack) {
  ServerSends(Response(body));
  Open(16 * 1024);
  rig.client.on_readable = [] {};
  Ask();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return !bridges.empty() && bridges[0]->stalls > 0; }));
  for (int i = 0; i < 20; i++) rig.loop.RunOnce(1);
  EXPECT_LT(bridges[0]->relayed, kLarge / 2);
  EXPECT_GT(rig.at(0).stream->pending(), 0u);
  rig.client.on_readable = nullptr;
  ASSERT_TRUE(RunUntil(rig.loop, [&] {
    rig.client.ReadSome();
    return BodyReceived().size() >= kLarge;
  }));
  EXPECT_TRUE(BodyReceived() == body);
  EXPECT_GT(bridges[0]->stalls, 2);
  EXPECT_TRUE(bridges[0]->over);
}

// The end of the body is sent while the pipe still holds some of it.
TEST_F(Relay, WhatIsInThePipeAtTheEndIsNotLost) {
  std::string shorter = body.substr(0, 400'000);
  ServerSends(Response(shorter));
  Open(16 * 1024);
  rig.client.on_readable = [] {};
  Ask();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return !bridges.empty() && bridges[0]->stalls > 0; }));
  Bridge& bridge = *bridges[0];
  // As if the upstream's last bytes came at once: the rest, past the pipe.
  size_t moved = rig.at(0).stream->bytes_sent();
  size_t head = std::string_view("HTTP/1.1 200 OK\r\n").size();
  ASSERT_GT(moved, head);
  while (!bridge.over) {
    client.ResumeResponse();
    rig.loop.RunOnce(1);
  }
  rig.client.on_readable = nullptr;
  ASSERT_TRUE(RunUntil(rig.loop, [&] {
    rig.client.ReadSome();
    return BodyReceived().size() >= shorter.size();
  }));
  EXPECT_TRUE(BodyReceived() == shorter);
}

TEST_F(Relay, AnUpstreamThatEndsEarlyCutsTheAnswer) {
  close_after = true;
  ServerSends(Response(body).substr(0, kLarge - 1000));
  Open();
  Ask();
  ASSERT_TRUE(rig.Ends());
  EXPECT_LT(BodyReceived().size(), kLarge);
  EXPECT_GT(bridges[0]->relayed, 0u);
  ASSERT_TRUE(bridges[0]->failure.has_value());
  EXPECT_EQ(bridges[0]->failure->message, "the upstream closed in the middle of its response");
}

TEST_F(Relay, AClientThatGoesEndsItsHandler) {
  ServerSends(Response(body));
  Open(16 * 1024);
  rig.client.on_readable = [] {};
  Ask();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return !bridges.empty() && bridges[0]->stalls > 0; }));
  rig.Reset();
  ASSERT_TRUE(rig.Gone());
  EXPECT_TRUE(rig.at(0).closed);
  EXPECT_FALSE(client.Detach());
}

TEST_F(Relay, MoreThanWasAnnouncedEndsTheUpstreamsConnection) {
  ServerSends(Response(body) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  Open();
  Ask();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return BodyReceived().size() >= kLarge; }));
  EXPECT_EQ(BodyReceived().size(), kLarge);
  struct Owner final : IdleOwner {
    void OnIdleClosed(H1Client&) override {}
  } owner;
  if (client.Detach()) {
    client.Rest(owner);
    EXPECT_FALSE(client.Wake());
  }
}

}  // namespace
}  // namespace mg::http
