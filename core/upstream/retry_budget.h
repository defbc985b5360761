// RetryBudget: how many requests to an upstream may be tried again at a time: a share of those that are live, so that
// retries cannot multiply the load of an upstream that fails; and a few always, since a share of little is nothing.
// Shared by all loops and generations: nothing but atomics.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>

namespace mg::upstream {

class RetryBudget {
 public:
  // A place in the budget, given back when destroyed.
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)) {}
    Hold& operator=(Hold&& other) noexcept {
      if (this != &other) {
        Release();
        budget_ = std::exchange(other.budget_, nullptr);
      }
      return *this;
    }
    ~Hold() { Release(); }
    void Release() {
      if (RetryBudget* budget = std::exchange(budget_, nullptr)) budget->held_.fetch_sub(1, std::memory_order_relaxed);
    }
    explicit operator bool() const { return budget_ != nullptr; }

   private:
    friend class RetryBudget;
    explicit Hold(RetryBudget* budget) : budget_(budget) {}
    RetryBudget* budget_ = nullptr;
  };

  // `live`: requests in flight. Empty: the budget is spent.
  Hold Take(uint32_t percent, uint32_t floor, uint64_t live) {
    uint64_t most = std::max<uint64_t>(floor, live * percent / 100);
    uint64_t held = held_.load(std::memory_order_relaxed);
    do {
      if (held >= most) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        return {};
      }
    } while (!held_.compare_exchange_weak(held, held + 1, std::memory_order_relaxed));
    taken_.fetch_add(1, std::memory_order_relaxed);
    return Hold(this);
  }

  uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }      // requests tried again
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }  // and those that were not allowed to

 private:
  std::atomic<uint64_t> held_{0}, taken_{0}, refused_{0};
};

}  // namespace mg::upstream
