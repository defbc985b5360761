#include "upstream/breaker.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"

namespace mg::upstream {

namespace {

// A bucket: 24 bits of its number, 20 of calls, 20 of failures. Numbers count widths: after a reload has changed the
// window, what was counted before looks old.
constexpr uint64_t kMost = (1u << 20) - 1, kNumbers = (1u << 24) - 1;

uint64_t MakeBucket(uint64_t number, uint64_t calls, uint64_t failures) {
  return (number & kNumbers) << 40 | calls << 20 | failures;
}
uint64_t NumberOf(uint64_t bucket) { return bucket >> 40; }
uint64_t CallsOf(uint64_t bucket) { return bucket >> 20 & kMost; }
uint64_t FailuresOf(uint64_t bucket) { return bucket & kMost; }

Nanoseconds WidthOf(const config::CircuitBreaker& conf) {
  return std::max<Nanoseconds>(conf.window.count(), 1) * 100'000;
}

}  // namespace

Breaker::Permit Breaker::Allow(const config::CircuitBreaker& conf, Nanoseconds now) {
  for (;;) {
    uint64_t word = word_.load(std::memory_order_acquire);
    if (StateOf(word) == State::kClosed) return {Permit::kCall, Unpack(word).period};
    bool again = false;
    Permit permit = AllowTrial(conf, word, now, again);
    if (again) continue;
    if (!permit) counters_.refused.fetch_add(1, std::memory_order_relaxed);
    return permit;
  }
}

// `again`: another thread was faster, look anew.
Breaker::Permit Breaker::AllowTrial(const config::CircuitBreaker& conf, uint64_t word, Nanoseconds now, bool& again) {
  Word next = Unpack(word);
  bool waited = now >= opens_until(conf);
  if (next.state == State::kOpen) {
    if (!waited) return {};
    next = {State::kHalfOpen, (next.period + 1) & kPeriods, 1, 0};
    again = !Switch(word, next, now);
    if (again) return {};
    counters_.half_opened.fetch_add(1, std::memory_order_relaxed);
    MG_LOG(kWarn, "circuit breaker of {}: half-open, {} trial requests", name_, conf.half_open);
    return {Permit::kTrial, next.period};
  }
  if (next.admitted < conf.half_open) {
    next.admitted++;
    again = !word_.compare_exchange_weak(word, next.Pack(), std::memory_order_acq_rel);
    return again ? Permit{} : Permit{Permit::kTrial, next.period};
  }
  if (!waited) return {};
  // Its trials have not ended for as long as it was open: others may try. What still comes of the first ones counts.
  next.admitted = 1;
  again = !Switch(word, next, now);
  return again ? Permit{} : Permit{Permit::kTrial, next.period};
}

// The time is set first: whoever sees the new state sees it no older than it is.
bool Breaker::Switch(uint64_t from, Word to, Nanoseconds now) {
  since_.store(now, std::memory_order_release);
  return word_.compare_exchange_strong(from, to.Pack(), std::memory_order_acq_rel);
}

void Breaker::Report(const config::CircuitBreaker& conf, Permit permit, bool failed, Nanoseconds now) {
  if (!permit || Unpack(word_.load(std::memory_order_acquire)).period != permit.period) return;
  if (permit.kind == Permit::kTrial) {
    ReportTrial(conf, failed, now);
  } else {
    ReportCall(conf, permit.period, failed, now);
  }
}

void Breaker::ReportTrial(const config::CircuitBreaker& conf, bool failed, Nanoseconds now) {
  uint64_t word = word_.load(std::memory_order_acquire);
  while (StateOf(word) == State::kHalfOpen) {
    if (failed) return Open(word, "a trial request failed", now);
    Word next = Unpack(word);
    next.succeeded++;
    if (next.succeeded < conf.half_open) {
      if (word_.compare_exchange_weak(word, next.Pack(), std::memory_order_acq_rel)) return;
      continue;
    }
    for (auto& bucket : buckets_) bucket.store(0, std::memory_order_relaxed);
    in_a_row_.store(0, std::memory_order_relaxed);
    if (!Switch(word, {State::kClosed, (next.period + 1) & kPeriods, 0, 0}, now)) {
      word = word_.load(std::memory_order_acquire);
      continue;
    }
    counters_.closed.fetch_add(1, std::memory_order_relaxed);
    MG_LOG(kWarn, "circuit breaker of {}: closed, {} trial requests succeeded", name_, conf.half_open);
    return;
  }
}

void Breaker::ReportCall(const config::CircuitBreaker& conf, uint32_t period, bool failed, Nanoseconds now) {
  Nanoseconds width = WidthOf(conf);
  Count(now, width, failed);
  uint32_t row = 0;
  if (failed) {
    row = in_a_row_.fetch_add(1, std::memory_order_relaxed) + 1;
  } else if (in_a_row_.load(std::memory_order_relaxed) != 0) {
    in_a_row_.store(0, std::memory_order_relaxed);
  }
  uint64_t closed = Word{State::kClosed, period, 0, 0}.Pack();
  if (conf.consecutive != 0 && row >= conf.consecutive) {
    Open(closed, fmt::format("{} requests in a row failed", row), now);
    return;
  }
  Sums sums = Sum(now, width);
  if (sums.failures == 0 || sums.calls < conf.minimum || sums.failures * 100 < sums.calls * conf.failure_percent)
    return;
  Open(closed, fmt::format("{} of {} requests failed within {} ms", sums.failures, sums.calls, conf.window.count()),
       now);
}

// From the state `word` says; where another thread was faster, it has told what there is to tell.
void Breaker::Open(uint64_t word, const std::string& why, Nanoseconds now) {
  uint32_t period = Unpack(word).period;
  while (!Switch(word, {State::kOpen, (period + 1) & kPeriods, 0, 0}, now)) {
    uint64_t current = word_.load(std::memory_order_acquire);
    if (Unpack(current).period != period) return;
    word = current;  // another trial was let through meanwhile
  }
  counters_.opened.fetch_add(1, std::memory_order_relaxed);
  MG_LOG(kWarn, "circuit breaker of {}: open, {}", name_, why);
}

void Breaker::Abandon(Permit permit) {
  if (permit.kind != Permit::kTrial) return;
  uint64_t word = word_.load(std::memory_order_acquire);
  for (;;) {
    Word next = Unpack(word);
    if (next.state != State::kHalfOpen || next.period != permit.period || next.admitted == 0) return;
    next.admitted--;
    if (word_.compare_exchange_weak(word, next.Pack(), std::memory_order_acq_rel)) return;
  }
}

void Breaker::Count(Nanoseconds now, Nanoseconds width, bool failed) {
  uint64_t number = static_cast<uint64_t>(now / width);
  std::atomic<uint64_t>& bucket = buckets_[number % kBuckets];
  uint64_t word = bucket.load(std::memory_order_relaxed);
  for (;;) {
    bool same = NumberOf(word) == (number & kNumbers);
    uint64_t calls = same ? CallsOf(word) : 0, failures = same ? FailuresOf(word) : 0;
    if (calls == kMost) return;  // a million tell enough
    uint64_t next = MakeBucket(number, calls + 1, failures + (failed ? 1 : 0));
    if (bucket.compare_exchange_weak(word, next, std::memory_order_relaxed)) return;
  }
}

Breaker::Sums Breaker::Sum(Nanoseconds now, Nanoseconds width) const {
  uint64_t number = static_cast<uint64_t>(now / width);
  Sums sums;
  for (const auto& bucket : buckets_) {
    uint64_t word = bucket.load(std::memory_order_relaxed);
    if (((number - NumberOf(word)) & kNumbers) >= kBuckets) continue;  // older than the window
    sums.calls += CallsOf(word);
    sums.failures += FailuresOf(word);
  }
  return sums;
}

// --- Guard

bool Guard::AdmitUpstream(Pass& pass, Nanoseconds now) const {
  if (!conf_ || !conf_->per_upstream) return true;
  pass.upstream = upstream_->Allow(*conf_, now);
  return static_cast<bool>(pass.upstream);
}

bool Guard::AdmitTarget(Pass& pass, Breaker& target, Nanoseconds now) const {
  if (!conf_ || !conf_->per_target) return true;
  pass.of_target = &target;
  pass.target = target.Allow(*conf_, now);
  return static_cast<bool>(pass.target);
}

void Guard::Report(Pass& pass, bool failed, Nanoseconds now) const {
  if (pass.upstream) upstream_->Report(*conf_, pass.upstream, failed, now);
  if (pass.target) pass.of_target->Report(*conf_, pass.target, failed, now);
  pass = {};
}

void Guard::ReportHead(Pass& pass, bool failed, Nanoseconds now) const {
  Pass kept = pass;
  Report(pass, failed, now);
  if (failed) return;
  pass.of_target = kept.of_target;
  if (kept.upstream.kind == Breaker::Permit::kCall) pass.upstream = kept.upstream;
  if (kept.target.kind == Breaker::Permit::kCall) pass.target = kept.target;
}

void Guard::Abandon(Pass& pass) const {
  if (pass.upstream) upstream_->Abandon(pass.upstream);
  if (pass.target) pass.of_target->Abandon(pass.target);
  pass = {};
}

bool Guard::IsFailure(uint16_t status, Nanoseconds took) const {
  if (!conf_) return false;
  if (IsSlow(took)) return true;
  if (conf_->statuses.empty()) return status >= 500;
  return std::ranges::find(conf_->statuses, status) != conf_->statuses.end();
}

bool Guard::IsSlow(Nanoseconds took) const {
  return conf_ && conf_->slow.count() != 0 && took >= conf_->slow.count() * 1'000'000;
}

int64_t Guard::SecondsLeft(Nanoseconds now) const {
  if (!upstream_ || upstream_->state() != Breaker::State::kOpen) return 1;
  return std::max<int64_t>((upstream_->opens_until(*conf_) - now + 999'999'999) / 1'000'000'000, 1);
}

}  // namespace mg::upstream
