// Semaphores of scripts.
#include "script/semaphores.h"

#include <algorithm>

#include "proxy/exchange.h"
#include "script/program.h"
#include "script/surface.h"

namespace mg::script {

// The waiter's place in the queue, and its time. Numbers are never used again: one that was freed is found no more.
class Semaphores::WaitOperation final : public Operation {
 public:
  WaitOperation(std::shared_ptr<Semaphores> all, uint64_t number, std::list<Handle>::iterator place, net::Loop& loop,
                Nanoseconds due)
      : all_(std::move(all)), number_(number), place_(place), handle_(*place), timer_(loop, OnDue, this) {
    timer_.SetAt(due);
  }
  ~WaitOperation() override {
    auto found = all_->all_.find(number_);
    if (found != all_->all_.end()) found->second.waiters.erase(place_);
  }

 private:
  static void OnDue(void* self) {
    Scheduler::Wake(static_cast<WaitOperation*>(self)->handle_, [](lua_State* L) {
      lua_pushboolean(L, 0);
      lua_pushliteral(L, "timeout");
      return 2;
    });
  }
  std::shared_ptr<Semaphores> all_;
  uint64_t number_;
  std::list<Handle>::iterator place_;
  Handle handle_;
  net::Timer timer_;
};

uint64_t Semaphores::New(int64_t count) {
  all_[++last_].count = count;
  return last_;
}

bool Semaphores::Take(uint64_t number) {
  auto found = all_.find(number);
  if (found == all_.end() || found->second.count <= 0) return false;
  found->second.count--;
  return true;
}

void Semaphores::Wait(uint64_t number, Nanoseconds duration, Scheduler& scheduler) {
  std::list<Handle>& waiters = all_[number].waiters;
  Handle handle = Scheduler::BeginWait(nullptr);
  waiters.push_back(handle);
  Scheduler::SetOperation(handle, std::make_unique<WaitOperation>(shared_from_this(), number, std::prev(waiters.end()),
                                                                  scheduler.loop(), scheduler.DueIn(duration)));
}

void Semaphores::Post(uint64_t number, int64_t count, net::Loop* loop) {
  auto found = all_.find(number);
  if (found == all_.end()) return;
  Semaphore& semaphore = found->second;
  semaphore.count += count;
  if (loop == nullptr || semaphore.giving || semaphore.waiters.empty()) return;
  semaphore.giving = true;
  loop->Defer([self = shared_from_this(), number] { self->Give(number); });
}

// Each waiter that is resumed may post, wait or free in turn.
void Semaphores::Give(uint64_t number) {
  auto found = all_.find(number);
  if (found == all_.end()) return;
  found->second.giving = false;
  std::vector<Handle> waiters(found->second.waiters.begin(), found->second.waiters.end());
  for (Handle handle : waiters) {
    found = all_.find(number);
    if (found == all_.end() || found->second.count <= 0) return;
    if (!Scheduler::Waits(handle)) continue;
    found->second.count--;
    Scheduler::Wake(handle, [](lua_State* L) {
      lua_pushboolean(L, 1);
      return 1;
    });
  }
}

int64_t Semaphores::Count(uint64_t number) const {
  auto found = all_.find(number);
  if (found == all_.end()) return 0;
  return found->second.count - std::ranges::count_if(found->second.waiters, Scheduler::Waits);
}

void LinkSemaphore() {}

}  // namespace mg::script

namespace {

using mg::script::t_active;

constexpr double kMostPosted = 1e15;
constexpr double kLongestWait = 365.0 * 86400 * 100;  // seconds

mg::script::Semaphores& All() { return *t_active.vm->around.semaphores; }
uint64_t Number(double number) { return static_cast<uint64_t>(number); }
int64_t Amount(double count) { return static_cast<int64_t>(std::min(count, kMostPosted)); }

}  // namespace

extern "C" {

double mg_semaphore_new(double count) noexcept { return static_cast<double>(All().New(Amount(count))); }

void mg_semaphore_free(double number) noexcept { All().Free(Number(number)); }

void mg_semaphore_post(double number, double count) noexcept {
  mg::script::Program* program = t_active.vm->around.program;
  mg::net::Loop* loop = program != nullptr && program->loop() != nullptr ? &program->loop()->loop : nullptr;
  All().Post(Number(number), Amount(count), loop);
}

int mg_semaphore_wait(double number, double seconds) noexcept {
  if (All().Take(Number(number))) return MG_OK;
  if (seconds <= 0 || !mg::script::CanWait()) return MG_DECLINED;
  All().Wait(Number(number), static_cast<mg::Nanoseconds>(std::min(seconds, kLongestWait) * 1e9), *t_active.scheduler);
  return MG_AGAIN;
}

double mg_semaphore_count(double number) noexcept { return static_cast<double>(All().Count(Number(number))); }

}  // extern "C"
