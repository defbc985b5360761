// Whole requests for scripts, JWKS and health.
#include "upstream/fetch.h"

#include <gtest/gtest.h>

#include <optional>

#include "http/test_support.h"
#include "upstream/registry.h"

namespace mg::upstream {
namespace {

using http::test::Repeated;
using http::test::ScriptedServer;
using net::test::Peer;
using net::test::RunUntil;

struct FetchRig {
  std::unique_ptr<Fetch> Start(FetchRequest request) {
    result.reset();
    return StartFetch(loop, pools, resolver, std::move(request), [this](Result<FetchResponse> r) {
      EXPECT_FALSE(result) << "done is called once";
      result = std::move(r);
    });
  }
  Result<FetchResponse> Get(FetchRequest request) {
    auto fetch = Start(std::move(request));
    EXPECT_FALSE(result) << "never from within the call";
    EXPECT_TRUE(RunUntil(loop, [&] { return result.has_value(); }));
    return *result;
  }
  std::string Url(std::string_view path) { return "http://" + server.address().ToString() + std::string(path); }
  std::string LastRequest() { return server.peers.empty() ? "" : server.peers.back()->received; }

  net::Loop loop;
  ScriptedServer server{loop};
  net::Resolver resolver{loop};
  Pools pools{loop};
  std::optional<Result<FetchResponse>> result;
};

TEST(Fetch, GetsAnUrl) {
  FetchRig rig;
  rig.server.on_bytes = [](Peer& peer) {
    if (peer.received.ends_with("\r\n\r\n")) {
      peer.transport.Write("HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    }
  };
  Result<FetchResponse> response = rig.Get({.url = rig.Url("/p?q=1"), .headers = {{"Accept", "x/y"}}});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "abc");
  EXPECT_EQ(response->headers[0], (std::pair<std::string, std::string>("X-A", "1")));
  EXPECT_EQ(rig.LastRequest(),
            "GET /p?q=1 HTTP/1.1\r\nAccept: x/y\r\nHost: " + rig.server.address().ToString() + "\r\n\r\n");
}

TEST(Fetch, SendsABodyWithItsLength) {
  FetchRig rig;
  rig.server.on_bytes = [](Peer& peer) {
    if (peer.received.ends_with("hello")) peer.transport.Write("HTTP/1.1 204 No Content\r\n\r\n");
  };
  Result<FetchResponse> response =
      rig.Get({.url = rig.Url("/"), .method = "POST", .headers = {{"Content-Length", "99"}}, .body = "hello"});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 204);
  EXPECT_NE(rig.LastRequest().find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_EQ(rig.LastRequest().find(": 99\r\n"), std::string::npos);
}

TEST(Fetch, RefusesWhatWouldBreakTheHead) {
  FetchRig rig;
  for (const FetchRequest& bad : {
           FetchRequest{.url = rig.Url("/"), .method = "GET /x HTTP/1.1\r\nA"},
           FetchRequest{.url = rig.Url("/"), .headers = {{"A\r\nB", "1"}}},
           FetchRequest{.url = rig.Url("/"), .headers = {{"A", "1\r\nB: 2"}}},
           FetchRequest{.url = "ftp://h/"},
           FetchRequest{.url = "https://127.0.0.1/"},
       }) {
    EXPECT_FALSE(rig.Get(bad));
  }
  EXPECT_TRUE(rig.server.peers.empty());
}

TEST(Fetch, EndsAtItsLimitAndAtItsTime) {
  FetchRig rig;
  rig.server.Answers("HTTP/1.1 200 OK\r\n\r\n" + Repeated("x", 10'000));
  Result<FetchResponse> response = rig.Get({.url = rig.Url("/"), .limit = 5'000});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kTooLarge);
  response = rig.Get({.url = rig.Url("/"), .timeout = config::Duration(50)});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kTimeout);
}

TEST(Fetch, TriesAgainWhenAConnectionAtRestHadEnded) {
  FetchRig rig;
  int requests = 0;
  rig.server.on_bytes = [&](Peer& peer) {
    if (!peer.received.ends_with("\r\n\r\n")) return;
    peer.received.clear();
    if (++requests == 2) {
      peer.transport.Close();
    } else {
      peer.transport.Write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    }
  };
  ASSERT_TRUE(rig.Get({.url = rig.Url("/")}));
  ASSERT_TRUE(rig.Get({.url = rig.Url("/")})) << "the second request met a connection that ended";
  EXPECT_EQ(requests, 3);
  requests = 1;
  Result<FetchResponse> post = rig.Get({.url = rig.Url("/"), .method = "POST"});
  EXPECT_FALSE(post) << "a POST is not sent twice";
}

TEST(Fetch, GoesToTheNextTargetOfAnUpstream) {
  FetchRig rig;
  rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
  ScriptedServer dead(rig.loop);
  dead.Refuse();
  config::Upstream conf;
  conf.name = "u";
  for (const net::SocketAddress& address : {dead.address(), rig.server.address()}) {
    config::Target target;
    target.address = {config::Address::Kind::kIp, "127.0.0.1", address.port(), address.ToString()};
    conf.targets.push_back(target);
  }
  Registry registry;
  auto upstream = *registry.Build(conf);
  for (int i = 0; i < 4; i++) {
    Result<FetchResponse> response = rig.Get({.upstream = upstream.get(), .path_and_query = "/h"});
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->target, rig.server.address().ToString());
  }
  for (const Member& member : upstream->plan()->members) EXPECT_EQ(member.target->active, 0u);
}

TEST(Fetch, ADestroyedOneCallsNothing) {
  for (int where = 0; where < 3; where++) {
    FetchRig rig;
    std::unique_ptr<Fetch> fetch;
    bool called = false;
    rig.server.on_accept = [&](Peer&) {
      if (where == 1) fetch.reset();
    };
    rig.server.on_bytes = [&](Peer& peer) {
      if (peer.received.empty()) return;
      if (where == 2) fetch.reset();
      peer.transport.Write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    };
    fetch = StartFetch(rig.loop, rig.pools, rig.resolver, {.url = rig.Url("/")},
                       [&](Result<FetchResponse>) { called = true; });
    if (where == 0) fetch.reset();
    for (int i = 0; i < 10; i++) rig.loop.RunOnce(1);
    EXPECT_FALSE(called) << where;
  }
}

TEST(Fetch, MayBeDestroyedWithinDone) {
  FetchRig rig;
  rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
  std::unique_ptr<Fetch> fetch;
  bool called = false;
  fetch = StartFetch(rig.loop, rig.pools, rig.resolver, {.url = rig.Url("/")}, [&](Result<FetchResponse>) {
    called = true;
    fetch.reset();
  });
  EXPECT_TRUE(RunUntil(rig.loop, [&] { return called; }));
}

}  // namespace
}  // namespace mg::upstream
