// Canary: a policy's new script beside its old one. A share of the requests gets the new one until too many of them
// fail; from then on all get the old one. Counts are shared by the loops of a generation; a reload begins anew.
// Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace mg::script {

class Canary {
 public:
  struct Settings {
    double share = 0;          // of the requests, 0 to 1
    double error_ratio = 0.1;  // above it the new script is given up
    uint64_t minimum = 50;     // of requests with the new script, before it is judged
    std::string key;           // a variable: its values decide; empty: chance
    std::string file;          // the new script
  };
  struct Counts {
    uint64_t requests = 0, errors = 0;
    Nanoseconds time = 0;  // of the requests, all together
  };

  explicit Canary(Settings settings) : settings_(std::move(settings)) {}

  // Whether a request gets the new script. A value of the key is always answered the same while the canary lives.
  bool Pick(std::string_view key);
  // A request has ended that had one of the two. True: this has made it give up the new one.
  bool Ended(bool is_new, bool failed, Nanoseconds time);

  const Settings& settings() const { return settings_; }
  bool given_up() const { return given_up_.load(std::memory_order_relaxed); }
  Counts counts(bool is_new) const;

 private:
  struct Tally {
    std::atomic<uint64_t> requests{0}, errors{0};
    std::atomic<int64_t> time{0};
  };

  const Settings settings_;
  std::atomic<bool> given_up_{false};
  Tally old_, new_;
};

}  // namespace mg::script
