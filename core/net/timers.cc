// The loop's timers: a 4-ary heap keyed by `scheduled_`, the earliest time at which a timer has to be looked at. A
// timer whose due time moved later keeps its old key and is put right when that comes up.
#include <event2/event.h>

#include <algorithm>

#include "base/result.h"
#include "net/loop.h"
#include "net/loop_impl.h"

namespace mg::net {

void Timer::SetAt(Nanoseconds due) {
  // Set from within a firing, a timer waits for the next turn at least: sockets get theirs in between.
  due_ = std::min(due, kNever - 1);
  if (loop_->firing_ != 0) due_ = std::max(due_, loop_->firing_ + 1);
  if (slot_ == Loop::kNotInHeap || due_ < scheduled_) loop_->Schedule(*this);
}

void Timer::SetAfter(Milliseconds delay) {
  constexpr Milliseconds kLongest = Milliseconds{100} * 365 * 86'400'000;
  SetAt(loop_->Now() + std::clamp<Milliseconds>(delay, 0, kLongest) * 1'000'000);
}

void Loop::Place(size_t slot, Timer* timer) {
  heap_[slot] = timer;
  timer->slot_ = static_cast<uint32_t>(slot);
}

void Loop::SiftUp(size_t slot) {
  Timer* timer = heap_[slot];
  while (slot > 0) {
    size_t parent = (slot - 1) / 4;
    if (heap_[parent]->scheduled_ <= timer->scheduled_) break;
    Place(slot, heap_[parent]);
    slot = parent;
  }
  Place(slot, timer);
}

void Loop::SiftDown(size_t slot) {
  Timer* timer = heap_[slot];
  for (;;) {
    size_t first = slot * 4 + 1, end = std::min(first + 4, heap_.size());
    if (first >= end) break;
    size_t least = first;
    for (size_t child = first + 1; child < end; child++) {
      if (heap_[child]->scheduled_ < heap_[least]->scheduled_) least = child;
    }
    if (timer->scheduled_ <= heap_[least]->scheduled_) break;
    Place(slot, heap_[least]);
    slot = least;
  }
  Place(slot, timer);
}

void Loop::Schedule(Timer& timer) {
  timer.scheduled_ = timer.due_;
  if (timer.slot_ == kNotInHeap) {
    heap_.push_back(&timer);
    timer.slot_ = static_cast<uint32_t>(heap_.size() - 1);
  }
  SiftUp(timer.slot_);
  if (timer.slot_ == 0 && firing_ == 0) Arm();
}

void Loop::Unschedule(Timer& timer) {
  size_t slot = timer.slot_;
  timer.slot_ = kNotInHeap;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  Place(slot, last);
  SiftUp(slot);
  SiftDown(last->slot_);
}

// Leaves the alarm alone when it rings early enough: a ring too early finds nothing due and arms it anew.
void Loop::Arm() {
  if (heap_.empty() || heap_[0]->scheduled_ >= impl_->armed_for) return;
  impl_->armed_for = heap_[0]->scheduled_;
  // libevent counts milliseconds, on a coarse clock: rounded up, it rings late rather than over and over.
  constexpr Nanoseconds kMillisecond = 1'000'000;
  Milliseconds wait = (std::max<Nanoseconds>(impl_->armed_for - Now(), 0) + kMillisecond - 1) / kMillisecond;
  timeval delay{wait / 1000, wait % 1000 * 1000};
  MG_CHECK(event_add(&impl_->alarm, &delay) == 0);
}

void Loop::FireTimers() {
  Refresh();
  firing_ = now_;
  impl_->armed_for = Timer::kNever;
  while (!heap_.empty() && heap_[0]->scheduled_ <= firing_) {
    Timer& timer = *heap_[0];
    if (timer.due_ > timer.scheduled_ && timer.due_ != Timer::kNever) {  // moved later since
      timer.scheduled_ = timer.due_;
      SiftDown(0);
      continue;
    }
    bool fires = timer.armed();
    Unschedule(timer);
    timer.due_ = Timer::kNever;
    if (fires) timer.fire_(timer.context_);  // may destroy any timer, this one too
  }
  firing_ = 0;
  Arm();
}

void Loop::ShiftTimers(Nanoseconds by) {
  for (Timer* timer : heap_) {
    if (timer->armed()) timer->due_ += by;
    timer->scheduled_ += by;
  }
  if (impl_->armed_for != Timer::kNever) impl_->armed_for += by;
  Refresh();
}

}  // namespace mg::net
