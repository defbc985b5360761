#include "script/limits.h"

#include <fmt/format.h>
#include <sys/time.h>
#include <luajit-2.1/lua.hpp>

#include <array>
#include <cstring>
#include <mutex>

#include "script/profiler.h"
#include "script/watchdog.h"

namespace mg::script {
namespace {

// The hook mask's bits as LuaJIT has them: a hook runs now; compiled code leaves at its next guarded line.
constexpr uint8_t kHookActive = 0x10;
constexpr uint8_t kHookProfile = 0x80;

constexpr size_t kSlack = 64 * 1024 * 1024;  // that an allocation may pass the limit by

constinit thread_local Limits* t_running = nullptr;

void IgnoreSample(void*, lua_State*, int, int) {}

// The profiler belongs to a state that runs nothing, so that its timer never ticks and nobody else starts it.
void OwnProfiler() {
  lua_State* dummy = luaL_newstate();
  MG_CHECK(dummy != nullptr);
  luaJIT_profile_start(dummy, "i2000000000", IgnoreSample, nullptr);
  itimerval never{};
  setitimer(ITIMER_PROF, &never, nullptr);
  signal(SIGPROF, SIG_IGN);
}

// The one byte of the global state that follows lua_sethook's mask. GC64 builds keep a reference to the global state
// in a state's third word, and the main state and the global state in one block.
volatile uint8_t* FindHookMask(lua_State* L) {
  constexpr size_t kSearched = 1024;
  char* global;
  std::memcpy(&global, reinterpret_cast<char*>(L) + 16, sizeof global);
  if (global < reinterpret_cast<char*>(L) || global > reinterpret_cast<char*>(L) + 4096) return nullptr;
  lua_Hook hook = [](lua_State*, lua_Debug*) {};
  constexpr int kMasks[] = {0, LUA_MASKCOUNT, LUA_MASKLINE, LUA_MASKCALL | LUA_MASKRET};
  std::array<bool, kSearched> possible;
  possible.fill(true);
  for (int mask : kMasks) {
    lua_sethook(L, mask != 0 ? hook : nullptr, mask, mask == LUA_MASKCOUNT ? 1'000'000 : 0);
    for (size_t i = 0; i < kSearched; i++) {
      if (static_cast<uint8_t>(global[i]) != mask) possible[i] = false;
    }
  }
  lua_sethook(L, nullptr, 0, 0);
  size_t found = kSearched;
  for (size_t i = 0; i < kSearched; i++) {
    if (!possible[i]) continue;
    if (found != kSearched) return nullptr;
    found = i;
  }
  return found == kSearched ? nullptr : reinterpret_cast<volatile uint8_t*>(global + found);
}

}  // namespace

constinit thread_local sigjmp_buf* volatile t_interrupt = nullptr;

Result<void> Limits::Prepare(lua_State* L, Limits& limits) {
  static std::once_flag once;
  std::call_once(once, [] {
    OwnProfiler();
    struct sigaction action {};
    action.sa_sigaction = OnSignal;
    action.sa_flags = SA_RESTART | SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(SIGURG, &action, nullptr);
  });
  limits.hook_mask_ = FindHookMask(L);
  if (limits.hook_mask_ == nullptr) {
    return Fail(ErrorCode::kInternal, "this LuaJIT's hook mask was not found: scripts could not be limited");
  }
  luaJIT_profile_start(L, "l", IgnoreSample, nullptr);
  limits.state_ = L;
  limits.inner_ = lua_getallocf(L, &limits.inner_data_);
  limits.used_ =
      static_cast<size_t>(lua_gc(L, LUA_GCCOUNT, 0)) * 1024 + static_cast<size_t>(lua_gc(L, LUA_GCCOUNTB, 0));
  lua_setallocf(L, Allocate, &limits);
  Watchdog::Get().Watch(limits);
  return {};
}

Limits::~Limits() {
  if (state_ != nullptr) Watchdog::Get().Unwatch(*this);
}

void Limits::Detach(lua_State* L) {
  if (inner_ != nullptr) lua_setallocf(L, inner_, inner_data_);
}

void* Limits::Allocate(void* self, void* block, size_t old_size, size_t new_size) {
  auto* limits = static_cast<Limits*>(self);
  if (new_size > old_size && new_size - old_size + limits->used_ > limits->allowed_) {
    size_t total = new_size - old_size + limits->used_;
    limits->Trip(total > limits->cap_ ? Stopped::kMemory : Stopped::kGrowth);
    if (total - limits->allowed_ > kSlack) {
      limits->refused_ = true;
      return nullptr;
    }
  }
  void* result = limits->inner_(limits->inner_data_, block, old_size, new_size);
  if (result != nullptr || new_size == 0) {
    limits->used_ += new_size - old_size;
  } else {
    limits->refused_ = true;
  }
  return result;
}

bool Limits::Allows(size_t bytes) {
  if (!on_ || bytes <= allowed_ - std::min(used_, allowed_)) return true;
  Trip(bytes > cap_ - std::min(used_, cap_) ? Stopped::kMemory : Stopped::kGrowth);
  return false;
}

void Limits::Enter(const Budget& budget) {
  MG_CHECK(!on_ && t_running == nullptr);
  if (!has_thread_ || !pthread_equal(thread_.load(std::memory_order_relaxed), pthread_self())) {
    thread_.store(pthread_self(), std::memory_order_relaxed);
    has_thread_ = true;
    clockid_t clock;
    MG_CHECK(pthread_getcpuclockid(pthread_self(), &clock) == 0);
    clock_.store(clock, std::memory_order_relaxed);
    sigset_t urgent;
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &urgent, nullptr);
  }
  on_ = true;
  reason_ = Stopped::kNo;
  stopped_at_.clear();
  t_running = this;
  Begin(budget);
}

void Limits::Begin(const Budget& budget) {
  growth_ = budget.growth;
  size_t grown = growth_ != 0 && growth_ < SIZE_MAX - used_ ? used_ + growth_ : SIZE_MAX;
  allowed_ = std::min(grown, cap_);
  cpu_.store(budget.cpu, std::memory_order_relaxed);
  uint32_t number = counter_.load(std::memory_order_relaxed) + 1;
  if (number == 0) number = 1;
  counter_.store(number, std::memory_order_relaxed);
  run_.store(number, std::memory_order_seq_cst);
  if (budget.cpu != 0) Watchdog::Get().Wake();
}

void Limits::Renew(const Budget& budget) {
  if (tripped_.load(std::memory_order_relaxed)) return;  // this run is being stopped
  Begin(budget);
}

void Limits::Leave() {
  run_.store(0, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (tripped_.load(std::memory_order_relaxed) || sampling_.load(std::memory_order_relaxed)) Disarm();
  t_running = nullptr;
  on_ = false;
  allowed_ = SIZE_MAX;
}

void Limits::Disarm() {
  lua_sethook(state_, nullptr, 0, 0);
  *hook_mask_ = *hook_mask_ & static_cast<uint8_t>(~kHookProfile);
  tripped_.store(false, std::memory_order_relaxed);
  sampling_.store(false, std::memory_order_relaxed);
}

// On the VM's thread, in the middle of anything.
void Limits::OnSignal(int, siginfo_t*, void*) {
  Limits* limits = t_running;
  if (limits == nullptr) return;
  uint32_t run = limits->run_.load(std::memory_order_relaxed);
  if (run != 0 && run == limits->sample_.load(std::memory_order_relaxed)) limits->BeginSample();
  if (run == 0 || run != limits->stop_.load(std::memory_order_relaxed)) return;
  limits->Trip(Stopped::kTime);
  if (sigjmp_buf* to = t_interrupt; to != nullptr) {
    t_interrupt = nullptr;
    siglongjmp(*to, 1);
  }
}

// On the VM's thread, in the middle of anything: from the signal, or from an allocation.
void Limits::Trip(Stopped reason) {
  if (tripped_.load(std::memory_order_relaxed)) {  // again: the hook mask may have been changed meanwhile
    if (reason != Stopped::kTime) return;
  } else {
    reason_ = reason;
  }
  tripped_.store(true, std::memory_order_relaxed);
  lua_sethook(state_, nullptr, 0, 0);
  lua_sethook(state_, OnInstruction, LUA_MASKCOUNT, 1);
  *hook_mask_ = *hook_mask_ | kHookProfile;
}

// On the VM's thread, in the middle of anything.
void Limits::BeginSample() {
  sample_.store(0, std::memory_order_relaxed);
  if (tripped_.load(std::memory_order_relaxed) || sampling_.load(std::memory_order_relaxed)) return;
  sampling_.store(true, std::memory_order_relaxed);
  lua_sethook(state_, nullptr, 0, 0);
  lua_sethook(state_, OnSample, LUA_MASKCOUNT, 1);
  *hook_mask_ = *hook_mask_ | kHookProfile;
}

void Limits::OnSample(lua_State* L, lua_Debug*) {
  Limits* limits = t_running;
  if (limits == nullptr) return;
  lua_sethook(limits->state_, nullptr, 0, 0);
  *limits->hook_mask_ = *limits->hook_mask_ & static_cast<uint8_t>(~kHookProfile);
  Profiler::Get().Sample(L);
  limits->sampling_.store(false, std::memory_order_relaxed);
  // A stop that came while the hook was taken off is put on again.
  if (limits->tripped_.load(std::memory_order_relaxed)) limits->Trip(Stopped::kTime);
}

std::string Limits::StoppedText() const {
  std::string at = stopped_at_.empty() ? std::string() : " at " + stopped_at_;
  switch (reason_) {
    case Stopped::kTime:
      return fmt::format("time limit of {} ms exceeded{}", cpu_.load(std::memory_order_relaxed) / 1'000'000, at);
    case Stopped::kGrowth: return fmt::format("memory growth limit of {} KiB exceeded{}", growth_ / 1024, at);
    case Stopped::kMemory: return fmt::format("memory limit of {} KiB exceeded{}", cap_ / 1024, at);
    case Stopped::kNo: break;
  }
  return {};
}

void Limits::OnInstruction(lua_State* L, lua_Debug* where) {
  Limits* limits = t_running;
  if (limits == nullptr) return;
  *limits->hook_mask_ = *limits->hook_mask_ & static_cast<uint8_t>(~kHookActive);  // handlers stay interruptible
  // The message is made, and the script unwound, where memory is allowed.
  limits->allowed_ = SIZE_MAX;
  if (limits->stopped_at_.empty()) {
    lua_getinfo(L, "Sl", where);
    limits->stopped_at_ =
        fmt::format("{}:{}", where->source[0] == '@' ? where->source + 1 : where->short_src, where->currentline);
  }
  {
    std::string text = limits->StoppedText();
    lua_pushlstring(L, text.data(), text.size());
  }
  lua_error(L);
}

}  // namespace mg::script
