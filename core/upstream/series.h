// What is counted of an upstream and of its targets: handles of a page's series (observe/metrics.h), resolved when the
// generation is built. Plain values; default ones count nowhere.
#pragma once

#include <array>
#include <cstdint>

#include "observe/metrics.h"

namespace mg::upstream {

enum class FailureReason : uint8_t { kConnect, kTls, kTimeout, kReset, kProtocol, kStatus, kOther, kCount };

struct TargetSeries {
  observe::Counter requests;
  std::array<observe::Counter, static_cast<size_t>(FailureReason::kCount)> failures;
};

struct UpstreamSeries {
  observe::Histogram duration;  // of an attempt, from its begin to the end of its answer
  observe::Counter retries, hedges;
};

}  // namespace mg::upstream
