#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "net/test_support.h"

namespace mg::net {
namespace {

using test::RunUntil;

struct Alarm {
  explicit Alarm(Loop& loop)
      : timer(
            loop, [](void* self) { static_cast<Alarm*>(self)->Ring(); }, this) {}
  void Ring() {
    rings++;
    if (on_ring) on_ring();
  }
  Timer timer;
  int rings = 0;
  std::function<void()> on_ring;
};

TEST(Timer, FiresOnceInTheOrderOfTheirTimes) {
  Loop loop;
  std::mt19937 random(7);
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::vector<Nanoseconds> fired;
  Nanoseconds start = loop.Now();
  for (int i = 0; i < 300; i++) {
    auto& alarm = *alarms.emplace_back(std::make_unique<Alarm>(loop));
    alarm.timer.SetAt(start + static_cast<Nanoseconds>(random() % 30'000'000));
    // Moved later, moved earlier, or left.
    if (i % 3 == 0) alarm.timer.SetAt(start + static_cast<Nanoseconds>(random() % 40'000'000));
    Nanoseconds due = alarm.timer.due();
    alarm.on_ring = [&fired, &loop, due] {
      EXPECT_GE(loop.Now(), due);
      fired.push_back(due);
    };
  }
  alarms[5]->timer.Cancel();
  alarms.erase(alarms.begin() + 17);
  ASSERT_TRUE(RunUntil(loop, [&] { return fired.size() == 298; }));
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
  EXPECT_EQ(alarms[5]->rings, 0);
  EXPECT_FALSE(alarms[0]->timer.armed());
}

TEST(Timer, MayBeDestroyedAndSetInItsOwnCallback) {
  Loop loop;
  auto first = std::make_unique<Alarm>(loop), second = std::make_unique<Alarm>(loop);
  Alarm again(loop);
  first->timer.SetAfter(1);
  second->timer.SetAt(first->timer.due());
  // Whichever comes first destroys both, itself included.
  int rings = 0;
  auto both = [&] {
    rings++;
    auto doomed = std::move(first);
    second.reset();
    doomed.reset();
  };
  first->timer.SetAt(first->timer.due() - 1);
  first->on_ring = [both] {
    auto keep = both;  // the callable dies with its alarm
    keep();
  };
  again.on_ring = [&] {
    if (again.rings < 5) again.timer.SetAt(0);  // due at once: in the next turn
  };
  again.timer.SetAfter(0);
  ASSERT_TRUE(RunUntil(loop, [&] { return rings == 1 && again.rings == 5; }));
  EXPECT_EQ(first, nullptr);
}

TEST(Timer, OneThatIsAlwaysDueDoesNotStarveTheLoop) {
  Loop loop;
  Alarm restless(loop);
  restless.on_ring = [&] { restless.timer.SetAfter(0); };
  restless.timer.SetAfter(0);
  bool posted = false;
  loop.Post([&] { posted = true; });
  EXPECT_TRUE(RunUntil(loop, [&] { return posted && restless.rings > 3; }));
}

TEST(Timer, OutlivesItsLoop) {
  auto loop = std::make_unique<Loop>();
  Alarm alarm(*loop);
  alarm.timer.SetAfter(1000);
  loop.reset();
}

TEST(Loop, RunsPostedTasksInOrderFromSeveralThreads) {
  Loop loop;
  constexpr int kThreads = 4, kTasks = 2000;
  std::vector<std::vector<int>> seen(kThreads);
  int left = kThreads;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      EXPECT_FALSE(loop.in_loop_thread());
      for (int i = 0; i < kTasks; i++) {
        loop.Post([&, t, i] {
          EXPECT_TRUE(loop.in_loop_thread());
          seen[t].push_back(i);
          if (i == kTasks - 1 && --left == 0) loop.Stop();
        });
      }
    });
  }
  loop.Run();
  for (auto& thread : threads) thread.join();
  for (auto& list : seen) {
    EXPECT_EQ(list.size(), size_t{kTasks});
    EXPECT_TRUE(std::is_sorted(list.begin(), list.end()));
  }
}

TEST(Loop, StopsBeforeItRunsAndFromAnotherThread) {
  Loop loop;
  loop.Stop();
  loop.Run();
  std::thread stopper([&] { loop.Stop(); });
  loop.Run();
  stopper.join();
}

struct Tracked : Deferred {
  Tracked(std::vector<std::string>& events, std::string name) : log(events), label(std::move(name)) {}
  ~Tracked() override { log.push_back("destroyed " + label); }
  std::vector<std::string>& log;
  std::string label;
};

TEST(Loop, DefersAndDestroysAtTheEndOfTheTurn) {
  Loop loop;
  std::vector<std::string> log;
  loop.Post([&] {
    loop.DestroyLater(std::make_unique<Tracked>(log, "a"));
    loop.Defer([&] {
      log.push_back("deferred");
      loop.DestroyLater(std::make_unique<Tracked>(log, "b"));
      loop.Defer([&] { log.push_back("next turn"); });
    });
    log.push_back("task");
  });
  loop.RunOnce(1000);
  EXPECT_EQ(log, (std::vector<std::string>{"task", "deferred", "destroyed a"}));
  loop.RunOnce(20'000);  // does not wait: a task is due, and it may still touch "b"
  EXPECT_EQ(log, (std::vector<std::string>{"task", "deferred", "destroyed a", "next turn", "destroyed b"}));
}

// What is deferred within a deferred task waits for a turn of the sockets, not until they are all quiet.
TEST(Loop, DefersNotForEverUnderLoad) {
  Loop loop;
  bool ran = false;
  int busy = 0;
  std::function<void()> again = [&] {
    if (++busy < 10'000 && !ran) loop.Post(again);  // always something to do
  };
  loop.Post(again);
  loop.Post([&] { loop.Defer([&] { loop.Defer([&] { ran = true; }); }); });
  ASSERT_TRUE(RunUntil(loop, [&] { return ran; }));
  EXPECT_LT(busy, 10);
}

TEST(Loop, ReadsTheClockOnceATurn) {
  Loop loop;
  Nanoseconds first = loop.Now(), wall = loop.WallTime();
  while (MonotonicNow() == first) {
  }
  EXPECT_EQ(loop.Now(), first);
  EXPECT_EQ(loop.WallTime(), wall);
  loop.Refresh();
  EXPECT_GT(loop.Now(), first);
  Nanoseconds second = loop.Now();
  loop.RunOnce(0);
  EXPECT_GT(loop.Now(), second);
}

TEST(SocketAddress, ReadsAndWritesText) {
  auto v4 = *SocketAddress::FromIp("127.0.0.1", 80);
  EXPECT_EQ(v4.ToString(), "127.0.0.1:80");
  EXPECT_EQ(v4.Ip(), "127.0.0.1");
  EXPECT_EQ(v4.ip_bytes(), std::string_view("\x7f\0\0\1", 4));
  auto v6 = *SocketAddress::FromIp("2001:DB8::1", 443);
  EXPECT_EQ(v6.ToString(), "[2001:db8::1]:443");
  EXPECT_EQ(v6.ip_bytes().size(), 16u);
  auto mapped = *SocketAddress::FromIp("::ffff:10.1.2.3", 1);
  EXPECT_EQ(mapped.ip_bytes(), std::string_view("\x0a\1\2\3", 4));
  EXPECT_EQ(mapped.Ip(), "10.1.2.3");
  auto local = *SocketAddress::FromUnix("/tmp/x.sock");
  EXPECT_EQ(local.ToString(), "unix:/tmp/x.sock");
  EXPECT_EQ(local.Ip(), "unix:");
  EXPECT_EQ(local.port(), 0);
  EXPECT_TRUE(local.ip_bytes().empty());
  EXPECT_EQ(SocketAddress::FromRaw(v6.raw(), v6.length()), v6);
  EXPECT_FALSE(v4 == v6);
  EXPECT_FALSE(v4 == *SocketAddress::FromIp("127.0.0.1", 81));
  EXPECT_EQ(SocketAddress().ToString(), ":0");
}

TEST(SocketAddress, RefusesWhatIsNone) {
  for (const char* text : {"", "127.0.0.1.1", "127.1", "[::1]", "localhost", "::1%lo", "1.2.3.4 ", "01.2.3.4"}) {
    EXPECT_FALSE(SocketAddress::FromIp(text, 1)) << text;
  }
  EXPECT_FALSE(SocketAddress::FromIp(std::string_view("1.2.3.4\0", 8), 1));
  EXPECT_FALSE(SocketAddress::FromIp(std::string(1000, '1'), 1));
  EXPECT_TRUE(SocketAddress::FromUnix("/" + std::string(106, 'a')));
  EXPECT_FALSE(SocketAddress::FromUnix("/" + std::string(107, 'a')));
  EXPECT_FALSE(SocketAddress::FromUnix(""));
  config::Address name{config::Address::Kind::kName, "example.com", 80, "example.com:80"};
  EXPECT_EQ(SocketAddress::From(name).error().code, ErrorCode::kResolve);
}

}  // namespace
}  // namespace mg::net
