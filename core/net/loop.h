// Loop: one thread's event loop over a libevent base (no locks, no per-event timeouts), its timers, its deferred
// destruction, and what every connection on it shares: the read buffer and the block pool.
//
// A loop never waits: nothing called from it may block. Other threads reach it by Post() alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/clock.h"
#include "net/pipe.h"

struct event_base;

namespace mg::net {

class Loop;

// Fires once at its due time, on its loop. Moving the due time later costs one store (the heap is put right when the
// old time comes); earlier costs a few swaps. Destroying or cancelling it is always safe, its own callback included.
class Timer {
 public:
  // `fire` is called with `context`; no allocation.
  using Fire = void (*)(void* context);
  Timer(Loop& loop, Fire fire, void* context) : loop_(&loop), fire_(fire), context_(context) {}
  inline ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void SetAt(Nanoseconds due);        // on the loop's clock
  void SetAfter(Milliseconds delay);  // from Loop::Now()
  void Cancel() { due_ = kNever; }    // lazily: the heap forgets it when its old time comes
  bool armed() const { return due_ != kNever; }
  Nanoseconds due() const { return due_; }

 private:
  friend class Loop;
  static constexpr Nanoseconds kNever = INT64_MAX;
  Loop* loop_;
  Fire fire_;
  void* context_;
  Nanoseconds due_ = kNever;        // when it is to fire
  Nanoseconds scheduled_ = kNever;  // its key in the heap, <= due_
  uint32_t slot_ = UINT32_MAX;      // in the heap; UINT32_MAX: not in it
};

// What is destroyed at the end of the loop's turn rather than in the middle of its own callback.
class Deferred {
 public:
  virtual ~Deferred() = default;
};

class Loop {
 public:
  // A read asks for at most this; more would exceed loopback's segment and leave a runt.
  static constexpr size_t kReadSize = 61440;

  explicit Loop(int index = 0);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void Run();   // until Stop()
  void Stop();  // from any thread
  // Runs one turn: waits for events at most `timeout` (tests, and a tester's own loop).
  void RunOnce(Milliseconds timeout);

  // Runs `task` on the loop's thread, in order; from any thread.
  void Post(std::function<void()> task);
  // Runs `task` at the end of this turn; on the loop's thread.
  void Defer(std::function<void()> task);
  // Destroys it when the tasks that are deferred by now have run: at the end of this turn, or, from within a deferred
  // task, of the next where tasks wait for that. On the loop's thread.
  void DestroyLater(std::unique_ptr<Deferred> object);
  // Keeps an object that waits for an event of its own, with no owner left, until LetGo or the loop's end.
  void Keep(std::shared_ptr<void> object) { kept_.push_back(std::move(object)); }
  void LetGo(const void* object) {
    std::erase_if(kept_, [object](const std::shared_ptr<void>& kept) { return kept.get() == object; });
  }

  // Monotonic time, read at most once a turn (Refresh reads it anew).
  Nanoseconds Now() {
    if (!now_valid_) {
      Refresh();
      turn_began_ = now_;
    }
    return now_;
  }
  // Wall-clock time of the same moment, in nanoseconds since 1970.
  Nanoseconds WallTime();
  void Refresh();
  // The monotonic clock has been set on by so much: what waits for its time waits as long as it would have.
  void ShiftTimers(Nanoseconds by);
  // How long this turn has been at work: what an event waits for behind those before it.
  Nanoseconds InTurn() { return now_valid_ ? MonotonicNow() - turn_began_ : 0; }

  int index() const { return index_; }
  event_base* base() { return base_; }
  BlockPool& blocks() { return blocks_; }
  PipePool& pipes() { return pipes_; }
  // Where a read lands first: valid until the next read on this loop. kReadSize bytes.
  std::span<char> read_buffer() { return {read_buffer_.get(), kReadSize}; }
  bool in_loop_thread() const;

 private:
  friend class Timer;
  static constexpr uint32_t kNotInHeap = UINT32_MAX;
  // Timers: a 4-ary heap by Timer::scheduled_ and one libevent timer, armed for the top or earlier (timers.cc).
  void Schedule(Timer& timer);
  void Unschedule(Timer& timer);
  void SiftUp(size_t slot);
  void SiftDown(size_t slot);
  void Place(size_t slot, Timer* timer);
  void Arm();
  void FireTimers();
  void Turn(int flags);
  void RunPosted();

  event_base* base_ = nullptr;
  int index_;
  bool now_valid_ = false;
  Nanoseconds now_ = 0;
  Nanoseconds wall_ = 0;
  Nanoseconds turn_began_ = 0;
  BlockPool blocks_;
  PipePool pipes_;
  std::unique_ptr<char[]> read_buffer_;
  std::vector<Timer*> heap_;
  std::vector<std::unique_ptr<Deferred>> destroy_, dying_;  // dying_: given up before the turn's deferred tasks
  std::vector<std::shared_ptr<void>> kept_;
  std::vector<std::function<void()>> deferred_, deferred_now_;
  Nanoseconds firing_ = 0;  // the time FireTimers works at; 0 outside it
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

inline Timer::~Timer() {
  if (slot_ != Loop::kNotInHeap) loop_->Unschedule(*this);
}

}  // namespace mg::net
