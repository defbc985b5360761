// What one request did, policy by policy, for `moongate explain --trace`: the verb is given a token by the control
// socket and sends it in a field of its request; the exchange that finds it there writes a Trace, and the verb takes
// its text by the same token.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "proxy/phase.h"

namespace mg::proxy {

class Exchange;

// The policies of a phase, or those of them that run in one VM.
class TracedRun {
 public:
  TracedRun(const void* code, Phase phase, const std::vector<std::string>& names);

  void Began(uint32_t policy);  // whatever ran before it in this run has passed on
  void Used(uint32_t policy, uint64_t cpu);
  void Waits(uint32_t policy);
  void Failed(uint32_t policy, std::string_view why);
  void Ended(uint32_t policy, std::string_view decided);

 private:
  friend class Trace;
  struct Policy {
    std::string name, decided;
    uint32_t runs = 0, waits = 0;
    Nanoseconds began = 0, time = 0;  // began: 0 while it is not on
    uint64_t cpu = 0;                 // nanoseconds
  };
  Policy* Find(uint32_t policy) { return policy < policies_.size() ? &policies_[policy] : nullptr; }
  void Close();

  const void* code_;
  Phase phase_;
  std::vector<Policy> policies_;
};

// Owner: the exchange; its loop's thread.
class Trace {
 public:
  explicit Trace(std::string_view token) : token_(token) {}
  const std::string& token() const { return token_; }
  // That of this code, which is only compared; made where it has not run yet. Stays where it is.
  TracedRun& RunOf(const void* code, Phase phase, const std::vector<std::string>& names);
  void Answered() { answered_ = MonotonicNow(); }
  // A table of what ran, the attempts at upstreams, and the end. For an exchange that has ended.
  std::string Text(const Exchange& exchange);

 private:
  std::string token_;
  std::deque<TracedRun> runs_;
  Nanoseconds answered_ = 0;
};

// The tokens that are out, and the texts that wait to be taken. One per process; any thread.
class Traces {
 public:
  static constexpr std::string_view kField = "Moongate-Trace";
  static Traces& Get();

  // A token for one request, to be sent within half a minute. kDenied: too many are out.
  Result<std::string> Arm(Nanoseconds now);
  // Whether a request may have a token at all.
  bool Armed(Nanoseconds now) const { return now < armed_until_.load(std::memory_order_relaxed); }
  // Takes a token out of circulation. False: there is no such one.
  bool Redeem(std::string_view token, Nanoseconds now);
  void Keep(std::string_view token, std::string text, Nanoseconds now);
  // The text, once; "" while the request runs. kInvalid: no such token, or none has come with it, and none may now.
  Result<std::string> Take(std::string_view token, Nanoseconds now);

 private:
  struct Entry {
    enum class State : uint8_t { kArmed, kRunning, kDone } state = State::kArmed;
    std::string token, text;
    Nanoseconds until = 0;
  };
  Entry* Find(std::string_view token, Nanoseconds now);
  void SetArmed();

  std::atomic<Nanoseconds> armed_until_{0};
  std::mutex mutex_;  // of entries_
  std::vector<Entry> entries_;
};

// Takes the field out of the request, and begins a trace where its token is a good one.
void BeginTrace(Exchange& exchange);
// Hands the text over. For an exchange that has a trace, and has ended.
void EndTrace(Exchange& exchange);

}  // namespace mg::proxy
