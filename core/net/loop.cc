#include "net/loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "base/result.h"
#include "net/loop_impl.h"

namespace mg::net {

namespace {

// OpenSSL and splice write to sockets without MSG_NOSIGNAL.
void IgnoreSigpipe() {
  struct sigaction now {};
  if (sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

event_base* MakeBase() {
  event_config* conf = event_config_new();
  MG_CHECK(conf != nullptr);
  MG_CHECK(event_config_require_features(conf, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE) == 0);
  MG_CHECK(event_config_set_flag(conf, EVENT_BASE_FLAG_NOLOCK) == 0);
  event_base* base = event_base_new_with_config(conf);
  event_config_free(conf);
  MG_CHECK(base != nullptr);
  return base;
}

void Wake(int fd) {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t ignored = write(fd, &one, sizeof one);  // fails only when the counter is full: awake already
}

}  // namespace

Loop::Loop(int index)
    : base_(MakeBase()),
      index_(index),
      read_buffer_(std::make_unique_for_overwrite<char[]>(kReadSize)),
      impl_(std::make_unique<Impl>()) {
  IgnoreSigpipe();
  impl_->thread = pthread_self();
  impl_->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  MG_CHECK(impl_->wake_fd >= 0);
  auto posted = [](int fd, short, void* self) {
    uint64_t count;
    [[maybe_unused]] ssize_t ignored = read(fd, &count, sizeof count);
    static_cast<Loop*>(self)->RunPosted();
  };
  event_assign(&impl_->wake, base_, impl_->wake_fd, EV_READ | EV_PERSIST, posted, this);
  MG_CHECK(event_add(&impl_->wake, nullptr) == 0);
  auto ring = [](int, short, void* self) { static_cast<Loop*>(self)->FireTimers(); };
  event_assign(&impl_->alarm, base_, -1, 0, ring, this);
  event_assign(
      &impl_->wait_limit, base_, -1, 0, [](int, short, void*) {}, nullptr);
}

Loop::~Loop() {
  deferred_.clear();
  impl_->posted.clear();
  dying_.clear();
  while (!destroy_.empty()) std::exchange(destroy_, {}).clear();
  kept_.clear();
  for (Timer* timer : heap_) timer->slot_ = kNotInHeap;
  event_del(&impl_->wake);
  event_del(&impl_->alarm);
  event_del(&impl_->wait_limit);
  close(impl_->wake_fd);
  event_base_free(base_);
}

void Loop::Run() {
  impl_->thread = pthread_self();
  while (!impl_->stop.load(std::memory_order_acquire)) Turn(EVLOOP_ONCE);
  impl_->stop = false;
}

void Loop::Stop() {
  impl_->stop = true;
  Wake(impl_->wake_fd);
}

void Loop::RunOnce(Milliseconds timeout) {
  impl_->thread = pthread_self();
  if (timeout <= 0) return Turn(EVLOOP_NONBLOCK);
  timeval limit{timeout / 1000, timeout % 1000 * 1000};
  event_add(&impl_->wait_limit, &limit);
  Turn(EVLOOP_ONCE);
  event_del(&impl_->wait_limit);
}

void Loop::Turn(int flags) {
  // Without EVLOOP_ONCE it would stay as long as there are events: under load, for ever.
  event_base_loop(base_, deferred_.empty() ? flags : EVLOOP_ONCE | EVLOOP_NONBLOCK);
  dying_.swap(destroy_);
  if (!deferred_.empty()) {
    // What these tasks defer in turn waits for the next turn, so that sockets get theirs.
    deferred_now_.swap(deferred_);
    for (auto& task : deferred_now_) task();
    deferred_now_.clear();
  }
  dying_.clear();
  if (deferred_.empty()) {
    while (!destroy_.empty()) std::exchange(destroy_, {}).clear();
  }
  now_valid_ = false;
}

void Loop::Post(std::function<void()> task) {
  bool wake;
  {
    std::lock_guard lock(impl_->mutex);
    wake = impl_->posted.empty();
    impl_->posted.push_back(std::move(task));
  }
  if (wake) Wake(impl_->wake_fd);
}

void Loop::RunPosted() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->running.swap(impl_->posted);
  }
  for (auto& task : impl_->running) task();
  impl_->running.clear();
}

void Loop::Defer(std::function<void()> task) { deferred_.push_back(std::move(task)); }

void Loop::DestroyLater(std::unique_ptr<Deferred> object) { destroy_.push_back(std::move(object)); }

void Loop::Refresh() {
  now_ = MonotonicNow();
  wall_ = 0;
  now_valid_ = true;
}

Nanoseconds Loop::WallTime() {
  Now();
  if (wall_ == 0) wall_ = WallNow();
  return wall_;
}

bool Loop::in_loop_thread() const { return pthread_equal(impl_->thread, pthread_self()) != 0; }

}  // namespace mg::net
