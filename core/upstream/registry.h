// Registry: what outlives generations: targets, and what all generations of an upstream share. Build is the control
// thread's; MemberOf any thread's but a loop's. Outlives all upstreams that it made.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "upstream/upstream.h"

namespace mg::upstream {

// An address that DNS gave for a target that is written as a name.
struct Resolved {
  net::SocketAddress address;     // with its port
  std::string host;               // the name it is the address of
  uint32_t weight = 1, rank = 0;  // of SRV: relative weight, place of its priority from 0
  bool operator==(const Resolved&) const = default;
};

class Registry {
 public:
  explicit Registry(int loops = 1) : loops_(loops) {}

  Result<std::shared_ptr<Upstream>> Build(const config::Upstream& conf);
  // A resolved address of conf().targets[index] as a member.
  Member MemberOf(const Upstream& upstream, size_t index, const Resolved& resolved);

  const TargetTable& targets() const { return targets_; }
  void CountBy(TargetTable::SeriesOf series_of) { targets_.CountBy(std::move(series_of)); }
  // What is built from now on starts anew: between two tests.
  void Forget();

 private:
  Member MakeMember(const config::Upstream& conf, const config::Target& from, const Resolved& resolved, bool settled);

  const int loops_;
  TargetTable targets_;
  std::unordered_map<std::string, std::shared_ptr<SharedState>> shared_;
  std::unordered_map<std::string, std::shared_ptr<Breaker>> breakers_;
  std::unordered_map<std::string, std::shared_ptr<RetryBudget>> budgets_;
};

}  // namespace mg::upstream
