// The pipeline with hooks that wait, answer and fail in every phase, while clients and upstreams come and go.
#include <gmock/gmock.h>

#include "proxy/pipeline.h"
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

HookStatus Suspend(Exchange&) { return HookStatus::kSuspended; }

void HardClose(Peer& client) {
  linger reset{1, 0};
  setsockopt(client.transport.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  client.transport.Close();
}

struct HooksRig : ProxyRig {
  explicit HooksRig(PhaseMask hooks = kAllPhases & ~Bit(Phase::kContent)) {
    server.Answers(std::string(kOk));
    mask = hooks;
  }
  void Start() { Go(mask); }
  Peer& Send(std::string_view request = kGet) {
    Peer& client = Open();
    client.transport.Write(request);
    return client;
  }
  bool Waits(Phase phase) {
    return Until([&] { return program->waits && program->waiting_phase == phase; });
  }
  bool Done(Peer& client) {
    return Until([&] { return client.ended || client.failed; });
  }
  // The route answers by content hooks.
  void UseContent() {
    route().upstream.clear();
    route().content.chunk = "content";
    mask = kAllPhases;
  }
  PhaseMask mask;
};

constexpr Phase kBefore[] = {Phase::kRewrite, Phase::kAccess, Phase::kBalance};
constexpr Phase kWaiting[] = {Phase::kRewrite, Phase::kAccess, Phase::kBalance, Phase::kHeaderFilter,
                              Phase::kBodyFilter};

TEST(Hooks, RunInTheirOrderOnce) {
  HooksRig rig;
  rig.Start();
  EXPECT_THAT(rig.Ask(kGet), EndsWith("2\r\nok\r\n0\r\n\r\n"));
  for (Phase phase : {Phase::kRewrite, Phase::kAccess, Phase::kBalance, Phase::kHeaderFilter, Phase::kLog}) {
    EXPECT_EQ(rig.program->Runs(phase), 1) << PhaseName(phase);
  }
  EXPECT_GE(rig.program->Runs(Phase::kBodyFilter), 1);
  EXPECT_TRUE(rig.AtRest());
  EXPECT_EQ(rig.program->released, 1);
}

TEST(Hooks, MayWaitInEveryPhase) {
  for (Phase phase :
       {Phase::kRewrite, Phase::kAccess, Phase::kBalance, Phase::kHeaderFilter, Phase::kBodyFilter, Phase::kLog}) {
    SCOPED_TRACE(PhaseName(phase));
    HooksRig rig;
    rig.Start();
    if (phase == Phase::kBodyFilter) {
      rig.program->on_body = [&](Exchange& x, std::string_view piece, bool) {
        x.response.filtered.Append(piece);
        return rig.program->Runs(Phase::kBodyFilter) == 1 ? HookStatus::kSuspended : HookStatus::kDone;
      };
    } else {
      rig.program->At(phase) = Suspend;
    }
    Peer& client = rig.Send();
    ASSERT_TRUE(rig.Waits(phase));
    rig.Turns();
    rig.program->Finish(HookStatus::kDone);
    ASSERT_TRUE(rig.Done(client));
    EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(client.received, HasSubstr("ok"));
    EXPECT_TRUE(rig.AtRest());
    EXPECT_EQ(rig.program->released, 1);
  }
}

TEST(Hooks, FailuresBeforeTheHeadAre500AfterItTheResponseIsCut) {
  for (Phase phase : kWaiting) {
    for (bool waits : {false, true}) {
      SCOPED_TRACE(fmt::format("{} {}", PhaseName(phase), waits));
      HooksRig rig;
      rig.Start();
      auto outcome = [&](Exchange&) {
        return waits && rig.program->Runs(phase) == 1 ? HookStatus::kSuspended : HookStatus::kFailed;
      };
      if (phase == Phase::kBodyFilter) {
        rig.program->on_body = [&](Exchange& x, std::string_view, bool) { return outcome(x); };
      } else {
        rig.program->At(phase) = outcome;
      }
      Peer& client = rig.Send();
      if (waits) {
        ASSERT_TRUE(rig.Waits(phase));
        rig.program->Finish(HookStatus::kFailed);
      }
      ASSERT_TRUE(rig.Done(client));
      if (phase == Phase::kBodyFilter) {
        EXPECT_THAT(client.received, Not(HasSubstr("0\r\n\r\n")));
      } else {
        EXPECT_THAT(client.received, StartsWith("HTTP/1.1 500 "));
        EXPECT_THAT(client.received, HasSubstr("\"status\":500"));
      }
      EXPECT_TRUE(rig.AtRest());
      EXPECT_EQ(rig.program->released, 1);
      EXPECT_EQ(rig.program->Runs(Phase::kLog), 1);
    }
  }
}

TEST(Hooks, MayAnswerThemselves) {
  for (Phase phase : kBefore) {
    SCOPED_TRACE(PhaseName(phase));
    HooksRig rig;
    rig.Start();
    rig.program->At(phase) = [](Exchange& x) {
      x.Fail(403, "no");
      return HookStatus::kAnswered;
    };
    EXPECT_THAT(rig.Ask(kGet), StartsWith("HTTP/1.1 403 "));
    rig.program->At(phase) = [](Exchange& x) {
      x.ScriptExit(418);
      return HookStatus::kAnswered;
    };
    EXPECT_THAT(rig.Ask(kGet), StartsWith("HTTP/1.1 418 "));
    rig.program->At(phase) = [](Exchange& x) {
      x.ScriptExit(444);
      return HookStatus::kAnswered;
    };
    EXPECT_EQ(rig.Ask(kGet), "");
    EXPECT_TRUE(rig.server.peers.empty());
    EXPECT_TRUE(rig.AtRest());
    EXPECT_EQ(rig.program->Runs(Phase::kLog), 3);
  }
}

TEST(Hooks, OutputInAnEarlyPhaseIsTheAnswerEvenWithoutAnExit) {
  for (Phase phase : kBefore) {
    HooksRig rig;
    rig.Start();
    rig.program->At(phase) = [](Exchange& x) {
      x.ScriptOutput("said");
      x.RunOutputFilters();
      return HookStatus::kDone;
    };
    std::string answer = rig.Ask(kGet);
    EXPECT_THAT(answer, HasSubstr("said"));
    EXPECT_THAT(answer, Not(HasSubstr("ok\r\n")));
    EXPECT_TRUE(rig.server.peers.empty());
    EXPECT_TRUE(rig.AtRest());
  }
}

TEST(Hooks, AClientThatGoesEndsWhatWaits) {
  for (Phase phase : kWaiting) {
    for (bool half : {false, true}) {
      SCOPED_TRACE(fmt::format("{} {}", PhaseName(phase), half));
      HooksRig rig;
      rig.Start();
      rig.program->At(phase) = Suspend;
      rig.program->on_body = [&](Exchange& x, std::string_view piece, bool) {
        x.response.filtered.Append(piece);
        return phase == Phase::kBodyFilter ? HookStatus::kSuspended : HookStatus::kDone;
      };
      Peer& client = rig.Send();
      ASSERT_TRUE(rig.Waits(phase));
      if (half) {
        client.transport.ShutdownWrite();
      } else {
        HardClose(client);
      }
      if (half && (phase == Phase::kHeaderFilter || phase == Phase::kBodyFilter)) {
        rig.Turns();
        if (rig.program->waits) rig.program->Finish(HookStatus::kDone);
        rig.program->on_body = nullptr;
      }
      EXPECT_TRUE(rig.AtRest());
      EXPECT_EQ(rig.program->released, 1);
      EXPECT_EQ(rig.program->Runs(Phase::kLog), 1);
    }
  }
}

TEST(Hooks, MayGoOnWithoutTheirClient) {
  for (Phase phase : kWaiting) {
    SCOPED_TRACE(PhaseName(phase));
    for (bool upload : {false, true}) {
      HooksRig rig;
      rig.Start();
      rig.program->continues = true;
      rig.program->At(phase) = Suspend;
      rig.program->on_body = [&](Exchange& x, std::string_view piece, bool) {
        x.response.filtered.Append(piece);
        return phase == Phase::kBodyFilter && rig.program->Runs(phase) == 1 ? HookStatus::kSuspended
                                                                            : HookStatus::kDone;
      };
      Peer& client = rig.Send(upload ? "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n" : kGet);
      ASSERT_TRUE(rig.Waits(phase));
      HardClose(client);
      ASSERT_TRUE(rig.Until([&] { return rig.program->aborted == 1; }));
      rig.Turns();
      EXPECT_EQ(rig.context.current->live, 1u);
      rig.program->Finish(HookStatus::kDone);
      EXPECT_TRUE(rig.AtRest());
      EXPECT_EQ(rig.program->released, 1);
    }
  }
}

TEST(Hooks, AnUpstreamThatDiesWhileAFilterWaits) {
  for (Phase phase : {Phase::kHeaderFilter, Phase::kBodyFilter}) {
    for (bool timeout : {false, true}) {
      SCOPED_TRACE(fmt::format("{} {}", PhaseName(phase), timeout));
      HooksRig rig;
      rig.upstream().timeouts.between = config::Duration(timeout ? 50 : 60'000);
      rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
      rig.Start();
      if (phase == Phase::kHeaderFilter) {
        rig.program->At(phase) = [&](Exchange&) {
          return rig.program->Runs(phase) == 1 ? HookStatus::kSuspended : HookStatus::kDone;
        };
      } else {
        rig.program->on_body = [&](Exchange& x, std::string_view piece, bool) {
          x.response.filtered.Append(piece);
          return rig.program->Runs(Phase::kBodyFilter) == 1 ? HookStatus::kSuspended : HookStatus::kDone;
        };
      }
      Peer& client = rig.Send();
      ASSERT_TRUE(rig.Waits(phase));
      if (!timeout) rig.server.peers.at(0)->transport.Close();
      Nanoseconds end = MonotonicNow() + (timeout ? 120'000'000 : 10'000'000);
      while (MonotonicNow() < end) rig.context.loop.RunOnce(10);
      ASSERT_TRUE(rig.program->waits) << "nothing else runs meanwhile";
      rig.program->Finish(HookStatus::kDone);
      ASSERT_TRUE(rig.Done(client));
      EXPECT_THAT(client.received, Not(HasSubstr("0\r\n\r\n")));
      EXPECT_TRUE(rig.AtRest());
      EXPECT_EQ(rig.program->released, 1);
      EXPECT_EQ(rig.program->Runs(Phase::kLog), 1);
    }
  }
}

TEST(Hooks, ErrorsPassTheFiltersOnceAndWithoutThemWhenThoseFail) {
  HooksRig rig;
  rig.server.Refuse();
  rig.Start();
  rig.program->At(Phase::kHeaderFilter) = [](Exchange&) { return HookStatus::kFailed; };
  EXPECT_THAT(rig.Ask(kGet), StartsWith("HTTP/1.1 50"));
  EXPECT_EQ(rig.program->Runs(Phase::kHeaderFilter), 1);
  rig.program->At(Phase::kHeaderFilter) = [](Exchange& x) {
    x.response.head.headers.Set(x.arena, "X-F", "1");
    return HookStatus::kDone;
  };
  rig.program->on_body = [](Exchange& x, std::string_view, bool last) {
    if (last) x.response.filtered.Append("filtered");
    return HookStatus::kDone;
  };
  std::string answer = rig.Ask(kGet);
  EXPECT_THAT(answer, HasSubstr("X-F: 1\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\nfiltered\r\n0\r\n\r\n"));
}

TEST(Hooks, BodyFiltersChangeTheLength) {
  HooksRig rig;
  rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef");
  rig.Start();
  std::string seen;
  int lasts = 0;
  rig.program->on_body = [&](Exchange& x, std::string_view piece, bool last) {
    seen += piece;
    lasts += last;
    if (last) x.response.filtered.Append("<" + seen + ">");
    return HookStatus::kDone;
  };
  std::string answer = rig.Ask(kGet);
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(answer, EndsWith("8\r\n<abcdef>\r\n0\r\n\r\n"));
  EXPECT_EQ(lasts, 1);
}

TEST(Hooks, FieldsSetBeforeTheAnswerReplaceItsOwnAndCookiesComeBeside) {
  HooksRig rig;
  rig.server.Answers("HTTP/1.1 200 OK\r\nSet-Cookie: up=1\r\nX-A: up\r\nX-A: up2\r\nContent-Length: 0\r\n\r\n");
  rig.Start();
  rig.program->At(Phase::kAccess) = [](Exchange& x) {
    for (auto [name, value] :
         {std::pair("Set-Cookie", "a=1"), {"Set-Cookie", "b=2"}, {"X-A", "mine"}, {"X-A", "mine2"}}) {
      x.response.head.headers.Append(x.arena, name, value);
    }
    return HookStatus::kDone;
  };
  std::string answer = rig.Ask(kGet);
  for (std::string_view field :
       {"Set-Cookie: up=1", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-A: mine\r\n", "X-A: mine2"}) {
    EXPECT_THAT(answer, HasSubstr(field));
  }
  EXPECT_THAT(answer, Not(HasSubstr("X-A: up")));
}

// A client names a field in Connection that a policy sets later: it must still arrive.
TEST(Hooks, FieldsTheySetSurviveAClientsConnectionField) {
  HooksRig rig;
  rig.conf->identity_headers = {"x-user-*"};
  rig.Start();
  rig.program->At(Phase::kAccess) = [](Exchange& x) {
    EXPECT_EQ(x.request.headers.Get("X-User-Id"), "");
    EXPECT_EQ(x.request.headers.Get("X-Other"), "");
    x.request.headers.Set(x.arena, "X-User-ID", "alice");
    return HookStatus::kDone;
  };
  std::string seen;
  rig.server.on_bytes = [&](Peer& peer) {
    seen += std::exchange(peer.received, {});
    if (seen.ends_with("\r\n\r\n")) peer.transport.Write(kOk);
  };
  rig.Ask(
      "GET / HTTP/1.1\r\nHost: h\r\nX_User_Id: mallory\r\nX-Other: 1\r\nConnection: close, X-User-ID, X-Other\r\n\r\n");
  EXPECT_THAT(seen, HasSubstr("X-User-ID: alice\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("mallory")));
}

TEST(Hooks, RerouteAndItsLimit) {
  HooksRig rig;
  config::Route& inner = rig.AddRoute("inner", "/inner");
  inner.internal = true;
  inner.respond.emplace();
  inner.respond->body = "inside";
  rig.Start();
  EXPECT_THAT(rig.Ask("GET /inner HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), Not(HasSubstr("inside")));
  bool endless = false;
  rig.program->At(Phase::kAccess) = [&](Exchange& x) {
    if (x.route->conf->name == "inner" && !endless) return HookStatus::kDone;
    EXPECT_TRUE(x.Reroute(endless ? "/again" : "/inner", ""));
    return HookStatus::kRerouted;
  };
  EXPECT_THAT(rig.Ask(kGet), HasSubstr("inside"));
  endless = true;
  EXPECT_THAT(rig.Ask(kGet), StartsWith("HTTP/1.1 500 "));
  EXPECT_TRUE(rig.AtRest());
}

// --- request bodies and hooks

TEST(Hooks, ReadTheBodyWhichThenGoesOnWithItsLength) {
  HooksRig rig;
  rig.Start();
  std::string seen;
  rig.server.on_bytes = [&](Peer& peer) {
    seen += std::exchange(peer.received, {});
    if (seen.ends_with("abcdef")) peer.transport.Write(kOk);
  };
  rig.program->At(Phase::kAccess) = [](Exchange& x) { return x.ReadBody(); };
  rig.program->on_body_arrived = [&](Exchange& x) {
    EXPECT_EQ(x.in.body.ToString(), "abcdef");
    rig.program->Finish(HookStatus::kDone);
  };
  Peer& client =
      rig.Send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n");
  ASSERT_TRUE(rig.Waits(Phase::kAccess));
  client.transport.Write("3\r\ndef\r\n0\r\n\r\n");
  ASSERT_TRUE(rig.Done(client));
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(seen, EndsWith("Content-Length: 6\r\n\r\nabcdef"));
}

TEST(Hooks, ABodyTheyBeganToReadAndLeftIsStillSentWhole) {
  HooksRig rig;
  rig.Start();
  std::string seen;
  rig.server.on_bytes = [&](Peer& peer) {
    seen += std::exchange(peer.received, {});
    if (seen.ends_with("abcdef")) peer.transport.Write(kOk);
  };
  rig.program->At(Phase::kAccess) = [](Exchange& x) {
    x.ReadBody();
    return HookStatus::kDone;
  };
  Peer& client = rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabc");
  rig.Turns();
  client.transport.Write("def");
  ASSERT_TRUE(rig.Done(client));
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(seen, EndsWith("Content-Length: 6\r\n\r\nabcdef"));
}

TEST(Hooks, ABodyThatFailsFailsTheRequestWhateverTheHookSays) {
  HooksRig rig;
  rig.route().body_limit = 4;
  rig.Start();
  rig.program->At(Phase::kAccess) = [](Exchange& x) { return x.ReadBody(); };
  rig.program->on_body_arrived = [&](Exchange& x) {
    EXPECT_EQ(x.in.body_state, BodyState::kFailed);
    rig.program->Finish(HookStatus::kDone);
  };
  EXPECT_THAT(rig.Ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: "
                      "close\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_TRUE(rig.server.peers.empty());
}

// The error's header filter waits; what comes of the body meanwhile must not fail the request again.
TEST(Hooks, ABodyFailsOnce) {
  HooksRig rig(Bit(Phase::kHeaderFilter));
  rig.route().body_limit = 4;
  rig.Start();
  rig.program->At(Phase::kHeaderFilter) = Suspend;
  Peer& client = rig.Send(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: "
      "close\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n");
  ASSERT_TRUE(rig.Waits(Phase::kHeaderFilter));
  client.transport.Write("6\r\nabcdef\r\n0\r\n\r\n");
  rig.Turns();
  EXPECT_EQ(rig.program->Runs(Phase::kHeaderFilter), 1);
  rig.program->Finish(HookStatus::kDone);
  ASSERT_TRUE(rig.Done(client));
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 413 "));
}

TEST(Hooks, ABalanceHookThatWaitsBeforeARetryLosesNothingOfTheBody) {
  HooksRig rig(Bit(Phase::kBalance));
  ScriptedServer dead(rig.context.loop);
  rig.upstream().retries.methods = {"POST"};
  rig.upstream().targets.clear();
  rig.AddTarget(dead);
  rig.AddTarget(rig.server);
  dead.on_bytes = [](Peer& peer) {
    if (!peer.received.empty()) peer.transport.Close();
  };
  std::string seen;
  rig.server.on_bytes = [&](Peer& peer) {
    seen += std::exchange(peer.received, {});
    if (seen.ends_with("abcdef")) peer.transport.Write(kOk);
  };
  rig.Start();
  rig.program->At(Phase::kBalance) = [&](Exchange&) {
    return rig.program->Runs(Phase::kBalance) == 2 ? HookStatus::kSuspended : HookStatus::kDone;
  };
  Peer& client = rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(rig.Waits(Phase::kBalance));
  client.transport.Write("abcdef");
  rig.Turns();
  rig.program->Finish(HookStatus::kDone);
  ASSERT_TRUE(rig.Done(client));
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
}

TEST(Hooks, TheTotalTimeEndsWhileABalanceHookWaits) {
  HooksRig rig(Bit(Phase::kBalance));
  rig.upstream().timeouts.total = config::Duration(50);
  ScriptedServer dead(rig.context.loop);
  rig.upstream().targets.clear();
  rig.AddTarget(dead);
  dead.Refuse();
  rig.Start();
  rig.program->At(Phase::kBalance) = [&](Exchange&) {
    return rig.program->Runs(Phase::kBalance) == 2 ? HookStatus::kSuspended : HookStatus::kDone;
  };
  Peer& client = rig.Send();
  ASSERT_TRUE(rig.Waits(Phase::kBalance));
  Nanoseconds end = MonotonicNow() + 120'000'000;
  while (MonotonicNow() < end) rig.context.loop.RunOnce(10);
  rig.program->Finish(HookStatus::kDone);
  ASSERT_TRUE(rig.Done(client));
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 504 "));
}

TEST(Hooks, MayChooseTheAddress) {
  HooksRig rig(Bit(Phase::kBalance));
  ScriptedServer other(rig.context.loop);
  other.Answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother");
  rig.Start();
  rig.program->At(Phase::kBalance) = [&](Exchange& x) {
    x.upstream.balance.address = other.address();
    return HookStatus::kDone;
  };
  EXPECT_THAT(rig.Ask(kGet), EndsWith("other"));
  EXPECT_THAT(rig.Ask(kGet), EndsWith("other"));
  EXPECT_EQ(other.peers.size(), 1u);
  EXPECT_TRUE(rig.server.peers.empty());
}

// --- tunnels and hooks

TEST(Hooks, AHeaderFilterMayWaitBeforeATunnelWhoseUpstreamEndsMeanwhile) {
  for (bool ends : {false, true}) {
    HooksRig rig(Bit(Phase::kHeaderFilter) | Bit(Phase::kBodyFilter) | Bit(Phase::kLog));
    rig.server.Answers("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw");
    rig.Start();
    rig.program->At(Phase::kHeaderFilter) = [](Exchange& x) {
      x.response.head.status = 200;  // not a filter's to say
      return HookStatus::kSuspended;
    };
    Peer& client = rig.Send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    ASSERT_TRUE(rig.Waits(Phase::kHeaderFilter));
    if (ends) rig.server.peers.at(0)->transport.Close();
    rig.Turns();
    rig.program->Finish(HookStatus::kDone);
    ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("raw"); }));
    EXPECT_THAT(client.received, StartsWith("HTTP/1.1 101 "));
    if (!ends) {
      client.transport.Close();
      rig.server.peers.at(0)->transport.Close();
    }
    EXPECT_TRUE(rig.Until([&] { return rig.program->Runs(Phase::kLog) == 1; }));
    EXPECT_TRUE(rig.AtRest());
  }
}

TEST(Hooks, ATunnelIsLoggedByTheNewestRouteOfItsName) {
  HooksRig rig(Bit(Phase::kLog));
  rig.server.Answers("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw");
  rig.Start();
  Peer& client = rig.Send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("raw"); }));
  EXPECT_EQ(rig.program->released, 1);
  rig.Start();
  rig.Turns();
  std::string logged;
  rig.program->At(Phase::kLog) = [&](Exchange& x) {
    logged =
        fmt::format("{} {} {}", x.snapshot().generation, x.route->conf->name, x.GetVariable("status").value_or(""));
    return HookStatus::kDone;
  };
  HardClose(client);
  ASSERT_TRUE(rig.Until([&] { return !logged.empty(); }));
  EXPECT_EQ(logged, "2 all 101");
}

// --- content

TEST(Hooks, ContentThatIsWholeHasALength) {
  HooksRig rig;
  rig.UseContent();
  rig.mask = Bit(Phase::kContent);
  rig.Start();
  rig.program->At(Phase::kContent) = [](Exchange& x) {
    x.response.head.headers.Append(x.arena, "Content-Type", "text/plain");
    EXPECT_EQ(x.ScriptOutput("hello "), OutputStatus::kOk);
    EXPECT_EQ(x.ScriptOutput("world"), OutputStatus::kOk);
    return HookStatus::kDone;
  };
  std::string answer = rig.Ask(kGet);
  EXPECT_THAT(answer, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nhello world"));
}

TEST(Hooks, ContentThatWaitsIsStreamed) {
  HooksRig rig;
  rig.UseContent();
  rig.Start();
  rig.program->At(Phase::kContent) = [](Exchange& x) {
    EXPECT_EQ(x.ScriptOutput("first"), OutputStatus::kFilter);
    EXPECT_EQ(x.RunOutputFilters(), HookStatus::kDone);
    return HookStatus::kSuspended;
  };
  Peer& client = rig.Send();
  ASSERT_TRUE(rig.Until([&] { return client.received.find("first") != std::string::npos; }));
  Exchange& x = *rig.program->exchange;
  EXPECT_EQ(x.ScriptOutput("second"), OutputStatus::kFilter);
  x.RunOutputFilters();
  ASSERT_TRUE(rig.Until([&] { return client.received.find("second") != std::string::npos; }));
  rig.program->Finish(HookStatus::kDone);
  ASSERT_TRUE(rig.Done(client));
  EXPECT_THAT(client.received, EndsWith("0\r\n\r\n"));
  EXPECT_TRUE(rig.AtRest());
}

TEST(Hooks, ContentWaitsForASlowClient) {
  HooksRig rig;
  rig.UseContent();
  rig.mask = Bit(Phase::kContent);
  rig.Start();
  std::string much = Repeated("x", 3'000'000);
  rig.program->At(Phase::kContent) = [&](Exchange& x) {
    x.ScriptOutput(much);
    EXPECT_EQ(x.ScriptFlush(true), OutputStatus::kWait);
    return HookStatus::kSuspended;
  };
  rig.program->on_drained = [&](Exchange&) { rig.program->Finish(HookStatus::kDone); };
  Peer& client = rig.Open(20'000);
  client.on_readable = [] {};
  client.transport.Write(kGet);
  ASSERT_TRUE(rig.Waits(Phase::kContent));
  rig.Turns();
  EXPECT_TRUE(rig.program->waits);
  client.on_readable = nullptr;
  client.Drain();
  ASSERT_TRUE(rig.Done(client));
  EXPECT_GT(client.received.size(), much.size());
  EXPECT_TRUE(rig.AtRest());
}

TEST(Hooks, ContentCannotSwitchProtocols) {
  HooksRig rig;
  rig.UseContent();
  rig.mask = Bit(Phase::kContent);
  rig.Start();
  rig.program->At(Phase::kContent) = [](Exchange& x) {
    x.response.head.status = 101;
    x.ScriptOutput("x");
    return HookStatus::kDone;
  };
  EXPECT_THAT(rig.Ask(kGet), StartsWith("HTTP/1.1 500 "));
}

TEST(Hooks, AFilterThatFailsCutsWhatAScriptSends) {
  HooksRig rig;
  rig.UseContent();
  rig.Start();
  rig.program->At(Phase::kContent) = [](Exchange& x) {
    x.ScriptOutput("first");
    x.RunOutputFilters();
    return HookStatus::kSuspended;
  };
  rig.program->on_body = [&](Exchange&, std::string_view, bool) { return HookStatus::kSuspended; };
  rig.program->on_drained = [](Exchange&) {};
  Peer& client = rig.Open();
  client.transport.Write(kGet);
  ASSERT_TRUE(rig.Until([&] { return rig.program->Runs(Phase::kBodyFilter) == 1; }));
  Exchange& x = *rig.program->exchange;
  rig.program->waits = false;
  x.HookFinished(Phase::kBodyFilter, HookStatus::kFailed);
  EXPECT_EQ(rig.program->drained, 1);
  x.HookFinished(Phase::kContent, HookStatus::kDone);
  ASSERT_TRUE(rig.Done(client));
  EXPECT_THAT(client.received, Not(HasSubstr("0\r\n\r\n")));
  EXPECT_TRUE(rig.AtRest());
}

TEST(Hooks, LogMayWaitAfterBothConnectionsAreFree) {
  HooksRig rig(Bit(Phase::kLog));
  rig.Start();
  rig.program->At(Phase::kLog) = Suspend;
  Peer& client = rig.Open();
  client.transport.Write("GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n\r\n");
  ASSERT_TRUE(rig.Waits(Phase::kLog));
  ASSERT_TRUE(rig.Until([&] { return client.received.ends_with("ok"); }));
  EXPECT_EQ(rig.context.pools.idle(), 1u);
  Exchange& x = *rig.program->exchange;
  client.transport.Close();
  rig.Turns();
  EXPECT_EQ(x.GetVariable("http_x_a").value_or(""), "1");
  EXPECT_EQ(x.GetVariable("remote_addr").value_or(""), "127.0.0.1");
  EXPECT_EQ(x.GetVariable("body_bytes_sent").value_or(""), "2");
  rig.program->Finish(HookStatus::kDone);
  EXPECT_TRUE(rig.AtRest());
}

}  // namespace
}  // namespace mg::proxy
