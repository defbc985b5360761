// --- clock: what time it is in a block, one line for each request: a moment ("2026-01-01T00:00:00Z"), or how much
// later than the line before ("+90s", "+1h", "+2d"). Parsing is pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mg::tester {

// A line: nanoseconds since 1970, or a step from the one before.
struct ClockLine {
  bool is_step = false;
  Nanoseconds value = 0;
};

// A step in the first line is from `now`. The moments, which never go back; the message is for the user.
Result<std::vector<Nanoseconds>> ParseClock(std::string_view text, Nanoseconds now);

// "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.250Z", "+90s": one line.
Result<ClockLine> ParseClockLine(std::string_view line);

}  // namespace mg::tester
