// Breaker: a circuit breaker that all loops share: closed, open, half-open. Guard: the breakers of one upstream, its
// own and those of its targets, with the settings of one generation.
//
// A Breaker belongs to the Guards (the registry's), outlives generations and is found again by name, so that a reload
// closes nothing. It is nothing but atomics: any thread.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "config/config.h"

namespace mg::upstream {

class Breaker {
 public:
  enum class State : uint8_t { kClosed, kOpen, kHalfOpen };

  // Leave for one call. What ends in another state of the breaker than it began in says nothing any more: `period`.
  struct Permit {
    enum Kind : uint8_t { kRefused, kCall, kTrial } kind = kRefused;
    uint32_t period = 0;
    explicit operator bool() const { return kind != kRefused; }
  };

  struct Counters {  // of transitions and of calls that were refused; read by anyone
    std::atomic<uint64_t> opened{0}, half_opened{0}, closed{0}, refused{0};
  };

  explicit Breaker(std::string name) : name_(std::move(name)) {}

  Permit Allow(const config::CircuitBreaker& conf, Nanoseconds now);
  void Report(const config::CircuitBreaker& conf, Permit permit, bool failed, Nanoseconds now);
  // The call ended without telling anything: its place among the trials is free again.
  void Abandon(Permit permit);

  State state() const { return StateOf(word_.load(std::memory_order_acquire)); }
  const std::string& name() const { return name_; }
  const Counters& counters() const { return counters_; }
  // When an open breaker lets the first trial through.
  Nanoseconds opens_until(const config::CircuitBreaker& conf) const {
    return since_.load(std::memory_order_relaxed) + conf.open.count() * 1'000'000;
  }

 private:
  static constexpr size_t kBuckets = 10;

  // State, period, and the trials let through and succeeded, in one word: every transition is one compare-and-swap.
  struct Word {
    State state;
    uint32_t period;
    uint16_t admitted, succeeded;
    uint64_t Pack() const {
      return static_cast<uint64_t>(state) | uint64_t{period & kPeriods} << 2 | uint64_t{admitted} << 32 |
             uint64_t{succeeded} << 48;
    }
  };
  static constexpr uint32_t kPeriods = (1u << 30) - 1;
  static State StateOf(uint64_t word) { return static_cast<State>(word & 3); }
  static Word Unpack(uint64_t word) {
    return {StateOf(word), static_cast<uint32_t>(word >> 2) & kPeriods, static_cast<uint16_t>(word >> 32),
            static_cast<uint16_t>(word >> 48)};
  }
  struct Sums {
    uint64_t calls = 0, failures = 0;
  };

  bool Switch(uint64_t from, Word to, Nanoseconds now);
  Permit AllowTrial(const config::CircuitBreaker& conf, uint64_t word, Nanoseconds now, bool& again);
  void ReportTrial(const config::CircuitBreaker& conf, bool failed, Nanoseconds now);
  void ReportCall(const config::CircuitBreaker& conf, uint32_t period, bool failed, Nanoseconds now);
  void Open(uint64_t word, const std::string& why, Nanoseconds now);
  void Count(Nanoseconds now, Nanoseconds width, bool failed);
  Sums Sum(Nanoseconds now, Nanoseconds width) const;

  const std::string name_;
  std::atomic<uint64_t> word_{0};
  std::atomic<Nanoseconds> since_{0};  // of the state; of half-open, when its trials began
  std::atomic<uint32_t> in_a_row_{0};  // failures
  // The sliding window: each bucket is its number, calls and failures in one word, so that loops need no lock.
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  Counters counters_;
};

// Leave for one attempt: of the upstream's breaker and of the target's, where there are such.
struct Pass {
  Breaker::Permit upstream, target;
  Breaker* of_target = nullptr;  // stays as long as the attempt holds the target
};

class Guard {
 public:
  Guard() = default;  // lets everything through
  Guard(const config::CircuitBreaker& conf, std::shared_ptr<Breaker> upstream)
      : conf_(conf), upstream_(std::move(upstream)) {}

  bool on() const { return conf_.has_value(); }
  const config::CircuitBreaker& conf() const { return *conf_; }

  // False: the upstream's breaker is open.
  bool AdmitUpstream(Pass& pass, Nanoseconds now) const;
  // False: this target's is.
  bool AdmitTarget(Pass& pass, Breaker& target, Nanoseconds now) const;
  // The answer's head tells the outcome; what still fails then counts as one more call, and no more as a trial.
  void ReportHead(Pass& pass, bool failed, Nanoseconds now) const;
  // The outcome of an attempt: the pass is void afterwards.
  void Report(Pass& pass, bool failed, Nanoseconds now) const;
  void Abandon(Pass& pass) const;
  // Whether an answer counts as a failure.
  bool IsFailure(uint16_t status, Nanoseconds took) const;
  bool IsSlow(Nanoseconds took) const;
  // The seconds until the next trial, at least 1: Retry-After.
  int64_t SecondsLeft(Nanoseconds now) const;

  const Breaker* upstream() const { return upstream_.get(); }  // null: it has none. For metrics

 private:
  std::optional<config::CircuitBreaker> conf_;
  std::shared_ptr<Breaker> upstream_;
};

}  // namespace mg::upstream
