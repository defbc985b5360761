// The gateway as a process: what clients see of reloads, of a worker that dies, of signals, and of what a start or a
// reload is refused for.
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/sanitizer.h"
#include "server/process_test_support.h"

namespace mg::server::test {
namespace {

std::string Config(uint16_t port, uint16_t upstream, int generation, const std::string& more = "", int routes = 0) {
  std::string text = fmt::format(
      "workers: 2\n{}listeners: [{{ address: \"127.0.0.1:{}\" }}]\n"
      "upstreams: {{ backend: {{ targets: [\"127.0.0.1:{}\"] }} }}\n"
      "routes:\n"
      "  - {{ name: generation, match: {{ path: /generation }}, respond: {{ body: \"{}\" }} }}\n"
      "  - {{ name: backend, match: {{ path: /up/* }}, upstream: backend }}\n",
      more, port, upstream, generation);
  for (int i = 0; i < routes; i++) {
    text += fmt::format("  - {{ name: r{0}, match: {{ path: \"/r{0}/*\" }}, upstream: backend }}\n", i);
  }
  return text;
}

class Process : public testing::Test {
 protected:
  void Start(rlim_t descriptors = 0) {
    gateway.Start(descriptors);
    ASSERT_TRUE(Eventually([&] { return StatusOf(port, "/generation") == 200; })) << gateway.Log();
  }
  std::string Generation() {
    Connection client(port);
    client.Get("/generation");
    auto answer = client.Read();
    return answer ? answer->body : "none";
  }
  std::string Text(int generation, const std::string& more = "", int routes = 0) {
    return Config(port, upstream.port(), generation, more, routes);
  }

  Upstream upstream;
  uint16_t port = FreePort();
  Running gateway{Config(port, upstream.port(), 1)};
};

// Keep-alive clients that ask all the time, for what the gateway answers itself and for what it passes on.
class Load {
 public:
  Load(uint16_t port, const std::atomic<int>& acknowledged) : port_(port), acknowledged_(acknowledged) {
    for (int i = 0; i < 6; i++) threads_.emplace_back([this, i] { Run(i); });
  }
  void Stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  std::atomic<int> served{0}, failed{0}, stale{0};

 private:
  void Run(int number) {
    Connection client(port_);
    for (int i = 0; !stopping_; i++) {
      bool own = (i + number) % 2 == 0;
      int least = acknowledged_;
      std::optional<Connection::Answer> answer;
      if (client.Get(own ? "/generation" : fmt::format("/r{}/x", i % 1000))) answer = client.Read();
      if (!answer || answer->status != 200 || (!own && answer->body != "upstream\n")) {
        failed++;
        return;
      }
      if (own && ParseDecimal<int>(answer->body).value_or(0) < least) stale++;
      served++;
    }
  }

  uint16_t port_;
  const std::atomic<int>& acknowledged_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

TEST_F(Process, ReloadsUnderLoadFailNothingAndShowNothingOld) {
  constexpr int kReloads = 20, kRoutes = 1000;
  gateway.Write("g.yaml", Text(1, "", kRoutes));
  Start();
  std::atomic<int> acknowledged{1};
  Load load(port, acknowledged);
  std::vector<std::unique_ptr<Connection>> tunnels;
  auto reload = [&](int generation) {
    gateway.Write("g.yaml", Text(generation, "", kRoutes));
    auto [code, answer] = gateway.Ask("reload");
    ASSERT_EQ(code, 0) << answer;
    acknowledged = generation;
  };
  for (int i = 2; i <= 4; i++) reload(i);
  [[maybe_unused]] size_t before = gateway.Memory();
  for (int i = 0; i < kReloads; i++) {
    tunnels.push_back(std::make_unique<Connection>(port));
    ASSERT_TRUE(tunnels.back()->Get("/up/ws",
                                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    auto answer = tunnels.back()->Read();
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->status, 101);
    reload(5 + i);
    for (auto& tunnel : tunnels) ASSERT_TRUE(tunnel->Echo(fmt::format("frame {}", i)));
  }
  load.Stop();
  EXPECT_EQ(load.failed, 0);
  EXPECT_EQ(load.stale, 0);
  EXPECT_GT(load.served, kReloads);
  EXPECT_EQ(Generation(), std::to_string(4 + kReloads));
  for (auto& tunnel : tunnels) EXPECT_TRUE(tunnel->Echo("the last"));
  if (kUnderAsan || kUnderTsan) return;  // memory is not told truly
  size_t after = 0;
  EXPECT_TRUE(Eventually([&] { return (after = gateway.Memory()) < before + before / 10; })) << before << ", " << after;
}

TEST_F(Process, AKilledWorkerCostsOnlyWhatItHadInHand) {
  constexpr int kKills = 3, kClients = 6;
  Start();
  std::atomic<int> epoch{0};  // odd: the worker is being killed
  std::atomic<bool> stopping{false};
  std::atomic<int> served{0}, refused{0}, lost{0}, failed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; i++) {
    clients.emplace_back([&] {
      while (!stopping) {
        int begun = epoch;
        Connection client(port);
        if (!client.connected()) refused++;
        bool answered = client.Get("/up/x", "Connection: close\r\n") && client.Read().has_value();
        if (answered) {
          served++;
        } else {
          (begun % 2 == 0 && begun == epoch ? failed : lost)++;
        }
      }
    });
  }
  for (int i = 0; i < kKills; i++) {
    int before = served;
    ASSERT_TRUE(Eventually([&] { return served > before + 20; })) << gateway.Log();
    epoch++;
    gateway.KillWorker();
    epoch++;
  }
  int before = served;
  ASSERT_TRUE(Eventually([&] { return served > before + 20; })) << gateway.Log();
  stopping = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(failed, 0);
  EXPECT_LE(lost, kKills * kClients * 2);  // what it had accepted
  EXPECT_TRUE(gateway.Logs("the worker was ended by signal 9; starting another"));
}

TEST_F(Process, ARestartOverABrokenFileServesTheLastGoodOne) {
  Start();
  gateway.Write("g.yaml", Text(2));
  ASSERT_EQ(gateway.Ask("reload").first, 0);
  gateway.Write("g.yaml", "listeners: [\n");
  gateway.KillWorker();
  EXPECT_EQ(Generation(), "2");
  EXPECT_TRUE(gateway.Logs("the configuration on disk is refused, the last good one is served instead"));
  auto [code, answer] = gateway.Ask("reload");
  EXPECT_NE(code, 0);
  EXPECT_NE(answer.find("g.yaml:1:12: the \"[\" opened here is not closed"), std::string::npos) << answer;
  gateway.Write("g.yaml", Text(3));
  EXPECT_EQ(gateway.Ask("reload").first, 0);
  EXPECT_EQ(Generation(), "3");
}

TEST_F(Process, SignalsReloadDrainAndStop) {
  Start();
  gateway.Write("g.yaml", Text(2));
  kill(gateway.supervisor(), SIGHUP);
  EXPECT_TRUE(Eventually([&] { return Generation() == "2"; }));

  Connection slow(port);
  slow.Get("/up/held");
  ASSERT_TRUE(Eventually([&] { return upstream.held() == 1; }));
  kill(gateway.supervisor(), SIGQUIT);
  EXPECT_TRUE(Eventually([&] { return !Connection(port).connected(); }));  // refused at once, not left waiting
  upstream.Release();
  auto answer = slow.Read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(gateway.Wait(), 0);

  Start();
  kill(gateway.supervisor(), SIGTERM);
  EXPECT_EQ(gateway.Wait(), 0);
}

TEST_F(Process, AWatchedFileAndWhatAPatternIncludesAreReadWhenSaved) {
  std::filesystem::create_directory(gateway.Path("conf.d"));
  gateway.Write("g.yaml", Text(1, "watch: true\ninclude: conf.d/*.yaml\n"));
  Start();
  gateway.Write("g.yaml", Text(2, "watch: true\ninclude: conf.d/*.yaml\n"));
  EXPECT_TRUE(Eventually([&] { return Generation() == "2"; }));
  gateway.Write("conf.d/more.yaml", "routes: [{ match: { path: /more }, respond: 204 }]\n");
  EXPECT_TRUE(Eventually([&] { return StatusOf(port, "/more") == 204; }));
  gateway.Write("g.yaml", "routes: [\n");
  EXPECT_TRUE(gateway.Logs("reload refused"));
  EXPECT_EQ(Generation(), "2");
  gateway.Write("g.yaml", Text(3, "watch: true\n"));
  EXPECT_TRUE(Eventually([&] { return Generation() == "3"; }));
}

// How editors save scripts: by renaming, or over the file, in pieces; and files that are new.
TEST_F(Process, AWatchedScriptIsReadHoweverItIsSaved) {
  auto says = [](const std::string& word) {
    return "return { rewrite = function() ngx.header.x = '" + word + "' end }\n";
  };
  auto serves = [&](const std::string& word) {
    return Eventually([&] {
      Connection client(port);
      client.Get("/generation");
      auto answer = client.Read();
      return answer && Lower(answer->head).find("\r\nx: " + word + "\r\n") != std::string::npos;
    });
  };
  std::filesystem::create_directory(gateway.Path("lib"));
  auto text = [&](const std::string& script) {
    return Text(1, "watch: true\nlua: { path: [lib] }\npolicies: [{ script: " + script + " }]\n");
  };
  gateway.Write("own.lua", says("first"));
  gateway.Write("g.yaml", text("own.lua"));
  Start();
  gateway.Write("own.lua", says("renamed"));
  EXPECT_TRUE(serves("renamed"));
  // Half of it, and only then the rest: the half is refused, and mended.
  std::string whole = says("whole");
  std::ofstream(gateway.Path("own.lua")) << whole.substr(0, 30);
  EXPECT_TRUE(gateway.Logs("reload refused"));
  EXPECT_TRUE(serves("renamed"));
  std::ofstream(gateway.Path("own.lua"), std::ios::app) << whole.substr(30);
  EXPECT_TRUE(serves("whole"));
  // In one go, but slowly: while it is open, another file's save may read it, and is refused.
  whole = says("slow");
  std::ofstream slow(gateway.Path("own.lua"));
  slow << whole.substr(0, 30) << std::flush;
  gateway.Write("g.yaml", text("own.lua"));
  EXPECT_TRUE(serves("whole"));
  slow << whole.substr(30) << std::flush;
  slow.close();
  EXPECT_TRUE(serves("slow"));
  // A script that is not there yet, and a module that may be.
  gateway.Write("g.yaml", text("late.lua"));
  EXPECT_TRUE(gateway.Logs("late.lua: no such file"));
  gateway.Write("late.lua",
                "local found = pcall(require, 'extra')\n"
                "return { rewrite = function() ngx.header.x = found and 'found' or 'late' end }\n");
  EXPECT_TRUE(serves("late"));
  gateway.Write("lib/extra.lua", "return {}\n");
  EXPECT_TRUE(serves("found"));
}

TEST_F(Process, GenerationsTellWhatHoldsThem) {
  gateway.Write("g.yaml", Text(1, "", 1));
  Start();
  Connection held(port);
  ASSERT_TRUE(held.Get("/r0/held"));
  ASSERT_TRUE(Eventually([&] { return upstream.held() == 1; }));
  gateway.Write("g.yaml", Text(2, "", 1));
  ASSERT_EQ(gateway.Ask("reload").first, 0);
  auto [code, text] = gateway.Ask("generations");
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(text.starts_with("generation 2 live: 0 requests")) << text;
  EXPECT_NE(text.find("\ngeneration 1 old: 1 requests, 0 timers"), std::string::npos) << text;
  upstream.Release();
  EXPECT_TRUE(held.Read().has_value());
  EXPECT_TRUE(Eventually([&] { return gateway.Ask("generations").second.find("generation 1 ") == std::string::npos; }));
}

// What luacheck says stands at its place in a script, and in the YAML.
TEST_F(Process, CheckWarnsOfWhatIsLikelyAMistakeInScripts) {
  if (std::system("command -v luacheck >/dev/null") != 0) GTEST_SKIP() << "luacheck is not installed";
  gateway.Write("x.lua", "local unused = 1\nreturn { access = function(conf, ctx) end }\n");
  std::string text = Text(1,
                          "policies:\n- script: x.lua\n- lua:\n    access: |\n      local a = ngx.var.uri\n"
                          "      local b = a\n"
                          "- lua: { access: \"return 1\", log: \"local c = 1\" }\n");
  gateway.Write("g.yaml", text);
  auto line = 1 + std::ranges::count(text.substr(0, text.find("local b")), '\n');
  auto [code, said] = gateway.Ask("check");
  EXPECT_EQ(code, 0) << said;
  EXPECT_NE(said.find("x.lua:1:7: warning: unused variable 'unused'"), std::string::npos) << said;
  EXPECT_NE(said.find(fmt::format("g.yaml:{}:13: warning: unused variable 'b'", line)), std::string::npos) << said;
  EXPECT_NE(said.find("warning: unused variable 'c'"), std::string::npos) << said;
  EXPECT_EQ(said.find("unused argument"), std::string::npos) << said;
  EXPECT_EQ(gateway.Ask("check", {"--strict"}).first, 1);
  gateway.Write("g.yaml", Text(1));
  EXPECT_EQ(gateway.Ask("check", {"--strict"}).first, 0);
}

TEST_F(Process, LogsAreReopenedAndThePidFileComesAndGoes) {
  gateway.Write("g.yaml", Text(1, "pid: run/moongate.pid\naccess_log: { output: access.log }\n"));
  Start();
  std::string pid = fmt::format("{}\n", gateway.supervisor());
  EXPECT_TRUE(Eventually([&] { return !ReadAll(gateway.Path("run/moongate.pid")).empty(); }));
  EXPECT_EQ(ReadAll(gateway.Path("run/moongate.pid")), pid);
  ASSERT_TRUE(Eventually([&] { return !ReadAll(gateway.Path("access.log")).empty(); }));
  std::filesystem::rename(gateway.Path("access.log"), gateway.Path("access.log.1"));
  kill(gateway.supervisor(), SIGUSR1);
  EXPECT_TRUE(Eventually([&] {
    StatusOf(port, "/generation");
    return !ReadAll(gateway.Path("access.log")).empty();
  }));
  gateway.KillWorker();
  EXPECT_EQ(Generation(), "1");
  EXPECT_EQ(ReadAll(gateway.Path("run/moongate.pid")), pid);
  kill(gateway.supervisor(), SIGTERM);
  gateway.Wait();
  EXPECT_FALSE(std::filesystem::exists(gateway.Path("run/moongate.pid")));
}

// What a reload is refused for; and what a start is.
TEST_F(Process, WhatCannotBeServedIsRefusedWithTheReason) {
  uint16_t taken = 0;
  int other = Listen(0, taken);
  Start();
  auto refused = [&](const std::string& text, const std::string& reason) {
    gateway.Write("g.yaml", text);
    auto [code, answer] = gateway.Ask("reload");
    EXPECT_NE(code, 0) << reason;
    EXPECT_NE(answer.find(reason), std::string::npos) << answer;
    EXPECT_EQ(Generation(), "1");
  };
  std::string in_use = fmt::format("127.0.0.1:{}", taken);
  refused(
      fmt::format("listeners: [{{ address: \"127.0.0.1:{}\" }}, {{ address: \"{}\" }}]\nroutes: []\n", port, in_use),
      "the address is already in use");
  refused(Text(2, "include: missing.yaml\n"), "cannot read");
  refused(Text(2, "access_log: { output: no/such/folder/access.log }\n"), "no/such/folder/access.log");
  refused(Text(2, "lua: { init: missing.lua }\n"), "missing.lua");
  refused(fmt::format("listeners: [{{ address: \"192.0.2.1:{}\" }}]\nroutes: []\n", port),
          "no interface of this machine has this address");
  close(other);

  Running second(fmt::format("listeners: [{{ address: \"127.0.0.1:{}\" }}]\nroutes: []\n", port));
  second.Start();
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_NE(second.Log().find("the address is already in use"), std::string::npos) << second.Log();
}

TEST_F(Process, WithoutDescriptorsItServesWhatItHasAndReloadsLater) {
  if (kUnderAsan || kUnderTsan) GTEST_SKIP() << "sanitizers open files of their own";
  Start(64);
  std::vector<std::unique_ptr<Connection>> clients;
  Connection first(port);
  first.Get("/generation");
  ASSERT_TRUE(first.Read());
  for (int i = 0; i < 100; i++) {
    clients.push_back(std::make_unique<Connection>(port));
    EXPECT_TRUE(clients.back()->connected());
  }
  ASSERT_TRUE(Eventually([&] { return gateway.OpenFiles() >= 64; }));
  gateway.Write("g.yaml", Text(2));
  auto [code, text] = gateway.Ask("reload");
  EXPECT_NE(code, 0);
  EXPECT_NE(text.find("oo many open files"), std::string::npos) << text;
  first.Get("/generation");
  auto answer = first.Read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "1");
  clients.clear();
  kill(gateway.supervisor(), SIGHUP);
  EXPECT_TRUE(Eventually([&] { return Generation() == "2"; })) << gateway.Log();
}

TEST_F(Process, TheWorkerBecomesItsUserAndCanStillBeAsked) {
  if (getuid() != 0) GTEST_SKIP() << "only root can become another user";
  gateway.Write("g.yaml", Text(1, "user: nobody\npid: moongate.pid\n"));
  Start();
  struct stat info;
  ASSERT_EQ(stat(fmt::format("/proc/{}", gateway.worker()).c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, getpwnam("nobody")->pw_uid);
  gateway.Write("g.yaml", Text(2, "user: nobody\npid: moongate.pid\n"));
  auto [code, answer] = gateway.Ask("reload");
  EXPECT_EQ(code, 0) << answer << gateway.Log();
  EXPECT_EQ(Generation(), "2");
  chmod(gateway.Path("g.yaml").c_str(), 0600);
  std::tie(code, answer) = gateway.Ask("reload");
  EXPECT_NE(code, 0);
  EXPECT_NE(answer.find("ermission denied"), std::string::npos) << answer;
  EXPECT_EQ(Generation(), "2");
  kill(gateway.supervisor(), SIGTERM);
  EXPECT_EQ(gateway.Wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(gateway.Path("moongate.pid")));

  gateway.Write("g.yaml", Text(1, "user: nobody-of-that-name\n"));
  gateway.Start();
  EXPECT_EQ(gateway.Wait(), 1);
  EXPECT_NE(gateway.Log().find("there is no user \"nobody-of-that-name\""), std::string::npos) << gateway.Log();
}

}  // namespace
}  // namespace mg::server::test
