// The balancers: how one of a plan's targets is chosen. Pure functions of the plan, the targets' atomics and what they
// are given.
#pragma once

#include <cstdint>
#include <span>

#include "upstream/plan.h"

namespace mg::upstream {

struct Choosing {
  std::span<Target* const> tried;  // by this request: others go first
  uint64_t turn = 0;               // of round robin; counts up with every choice, of all loops
  uint64_t hash = 0;               // of the request's key, of kHash
  Nanoseconds now = 0;
};

// Null: there is no target at all.
Target* Choose(const config::Upstream& conf, const Plan& plan, const Choosing& choosing);

}  // namespace mg::upstream
