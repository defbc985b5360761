#include "script/watchdog.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "script/limits.h"
#include "script/profiler.h"

namespace mg::script {
namespace {

constexpr auto kTick = std::chrono::milliseconds(1);
constexpr int kIdleTicks = 100;  // without any run before it sleeps

}  // namespace

Watchdog& Watchdog::Get() {
  static Watchdog* instance = new Watchdog;  // lives as long as its thread, which never ends
  return *instance;
}

Watchdog::Watchdog() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([this] { Loop(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), "watchdog");
  thread.detach();
}

void Watchdog::Watch(Limits& limits) {
  std::lock_guard lock(mutex_);
  watched_.push_back(&limits);
}

void Watchdog::Unwatch(Limits& limits) {
  std::lock_guard lock(mutex_);
  std::erase(watched_, &limits);
}

void Watchdog::WakeSlow() {
  std::lock_guard lock(mutex_);
  asleep_.store(false, std::memory_order_relaxed);
  wake_.notify_one();
}

void Watchdog::Loop() {
  int idle = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    idle = Tick(MonotonicNow()) ? 0 : idle + 1;
    if (idle >= kIdleTicks) {
      asleep_.store(true, std::memory_order_seq_cst);
      // A run that began before it could see the flag shows in this last look.
      if (!Tick(MonotonicNow())) wake_.wait(lock, [this] { return !asleep_.load(std::memory_order_relaxed); });
      asleep_.store(false, std::memory_order_relaxed);
      idle = 0;
    }
    lock.unlock();
    std::this_thread::sleep_for(kTick);
    lock.lock();
  }
}

bool Watchdog::Tick(Nanoseconds now) {
  bool active = false;
  bool sampling = Profiler::Get().Wants(now);
  for (Limits* limits : watched_) {
    uint32_t counter = limits->counter_.load(std::memory_order_relaxed);
    active = active || counter != limits->idle_counter_;
    limits->idle_counter_ = counter;

    uint32_t run = limits->run_.load(std::memory_order_seq_cst);
    Nanoseconds budget = limits->cpu_.load(std::memory_order_relaxed);
    if (run != 0 && sampling) {
      limits->sample_.store(run, std::memory_order_relaxed);
      pthread_kill(limits->thread_.load(std::memory_order_relaxed), SIGURG);
    }
    if (run == 0 || budget == 0) continue;
    active = true;
    clockid_t clock = limits->clock_.load(std::memory_order_relaxed);
    if (run != limits->seen_) {
      limits->seen_ = run;
      limits->cpu_at_seen_ = ClockNanoseconds(clock);
      limits->look_at_ = now + budget;
      continue;
    }
    if (now < limits->look_at_) continue;
    Nanoseconds spent = ClockNanoseconds(clock) - limits->cpu_at_seen_;
    if (spent < budget) {  // the machine was busy with others
      limits->look_at_ = now + (budget - spent);
      continue;
    }
    limits->stop_.store(run, std::memory_order_relaxed);
    pthread_kill(limits->thread_.load(std::memory_order_relaxed), SIGURG);
  }
  return active;
}

}  // namespace mg::script
