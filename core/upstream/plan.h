// Plan: which of an upstream's targets take requests now, and what the balancer needs to choose one. Immutable; made
// anew when a target comes, goes, becomes fit or unfit, or a step of slow start is due, so that the choice itself looks
// at nobody's health. Made under its upstream's lock, read by all loops.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "config/config.h"
#include "upstream/hash_ring.h"
#include "upstream/target.h"

namespace mg::upstream {

// A target as one upstream lists it.
struct Member {
  std::shared_ptr<Target> target;
  uint32_t weight = 1;
  uint64_t group = 0;  // priority, and below it that of SRV records: the lowest that is fit is used

  bool backup() const { return group >> 32 == config::Target::kBackup; }
};

struct Plan {
  static constexpr Nanoseconds kNever = std::numeric_limits<Nanoseconds>::max();
  struct Choice {
    Target* target;
    double weight;  // slow start included
  };

  std::vector<Member> members;      // all, which also keeps them
  std::vector<Choice> choices;      // who takes requests
  std::vector<Target*> reserve;     // fit ones of lower groups: for retries that have tried all of `choices`
  std::vector<uint16_t> sequence;   // a turn of smooth weighted round robin over `choices`
  HashRing ring;                    // over `choices`, of kHash
  double total_weight = 0;          // of `choices`
  Nanoseconds changes_at = kNever;  // when another is due though nothing has happened
  uint64_t made_for = 0;            // the count of changes it knows of
  bool panic = false;               // the targets are used fit or not
};

// `now` also settles what its passing brings: ejections that are over.
std::shared_ptr<const Plan> MakePlan(const config::Upstream& conf, std::vector<Member> members, Nanoseconds now);

// One whole turn of smooth weighted round robin: each as often as its weight says, spread evenly.
std::vector<uint16_t> SmoothSequence(std::vector<uint64_t> weights);

}  // namespace mg::upstream
