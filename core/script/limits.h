// What one run of Lua may use, and how it is held to it: CPU time by the watchdog and a signal, memory by the
// allocator.
//
// A run is one stretch of Lua without waiting, numbered. The watchdog thread sees a run begin, reads the thread's CPU
// clock when its budget could be spent, and then sends SIGURG for that number until the run ends. The handler makes the
// JIT leave compiled code at its next line and installs a hook on every instruction; the hook raises an error and
// stays, so that no pcall can swallow it. (How it works with the stock LuaJIT: mode "l" of its profiler makes the
// recorder guard each line on one bit of the hook mask. The profiler is process-wide: a dummy VM owns it.)
//
// The profiler's samples are taken in the same way (profiler.h): a hook at the next line that takes itself off again.
//
// Memory: an allocation past the run's limit is granted, and the run is stopped in the same way at its next line. Only
// far past it (kSlack) is one refused: this LuaJIT does not survive every refusal in compiled code, where its stack's
// top is not kept up to date. Limits hold only while a run is on: what C++ pushes between runs always fits.
//
// Owner: a Vm. Thread: the one that runs the VM, but for what is atomic.
#pragma once

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"

struct lua_State;
struct lua_Debug;

namespace mg::script {

// Where the signal jumps to (once, with itself blocked) instead of coming back: set around work of unknown length that
// owns nothing and holds no lock, on the thread's own stack. Null: nowhere.
extern constinit thread_local sigjmp_buf* volatile t_interrupt;

// 0: no limit.
struct Budget {
  Nanoseconds cpu = 0;
  size_t growth = 0;  // of the heap, bytes
};

// What stopped a run.
enum class Stopped : uint8_t { kNo, kTime, kGrowth, kMemory };

class Limits {
 public:
  // Installs the limits in a fresh state. Fails where this LuaJIT's hook mask is not found.
  static Result<void> Prepare(lua_State* L, Limits& limits);
  Limits() = default;
  ~Limits();
  Limits(const Limits&) = delete;
  Limits& operator=(const Limits&) = delete;

  // Before lua_close: gives the state its own allocator back.
  void Detach(lua_State* L);

  // Around each resume or protected call.
  void Enter(const Budget& budget);
  void Leave();
  // A new run, with a new budget, without leaving Lua: the next policy's function begins.
  void Renew(const Budget& budget);

  // Of the last run, until the next Enter.
  Stopped stopped() const { return reason_; }
  // "time limit of 100 ms exceeded at file:line".
  std::string StoppedText() const;

  // Whether an allocation was ever refused.
  bool refused() const { return refused_; }
  // For calls that work long: whether the run is being stopped (they end then; the script sees nothing of it), and
  // whether it may have so many bytes more (if not, it is being stopped).
  bool stopping() const { return tripped_.load(std::memory_order_relaxed); }
  bool Allows(size_t bytes);

  size_t heap() const { return used_; }  // bytes
  void SetCap(size_t bytes) { cap_ = bytes; }

 private:
  friend class Watchdog;
  void BeginSample();
  static void OnSample(lua_State* L, lua_Debug* where);
  static void OnSignal(int, siginfo_t*, void*);
  static void OnInstruction(lua_State* L, lua_Debug* where);
  static void* Allocate(void* self, void* block, size_t old_size, size_t new_size);
  void Begin(const Budget& budget);
  void Trip(Stopped reason);
  void Disarm();

  lua_State* state_ = nullptr;
  volatile uint8_t* hook_mask_ = nullptr;
  std::atomic<pthread_t> thread_{};
  bool has_thread_ = false;
  bool on_ = false;
  bool refused_ = false;
  std::atomic<uint32_t> counter_{0};  // of all runs; written by the VM's thread
  std::atomic<uint32_t> run_{0};      // the number of the run that is on; 0: none
  std::atomic<uint32_t> stop_{0};     // the run that is to be stopped
  std::atomic<int64_t> cpu_{0};       // its budget
  std::atomic<clockid_t> clock_{};
  std::atomic<bool> tripped_{false};
  std::atomic<uint32_t> sample_{0};    // the run of which the profiler wants a sample
  std::atomic<bool> sampling_{false};  // its hook is on
  Stopped reason_ = Stopped::kNo;
  std::string stopped_at_;  // "file:line"; empty until the script has been stopped
  size_t growth_ = 0;       // of the current budget

  void* (*inner_)(void*, void*, size_t, size_t) = nullptr;
  void* inner_data_ = nullptr;
  size_t used_ = 0;
  size_t allowed_ = SIZE_MAX;  // of the current run
  size_t cap_ = SIZE_MAX;      // of the VM

  // The watchdog's own.
  uint32_t seen_ = 0;
  Nanoseconds cpu_at_seen_ = 0, look_at_ = 0;
  uint32_t idle_counter_ = 0;
};

}  // namespace mg::script
