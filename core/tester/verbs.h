// The verbs of this module, for the command line's table. Each answers the process's exit code.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "tester/options.h"

namespace mg::tester {

// `moongate test`: 0 all passed, 1 some failed, 2 wrong usage or nothing to run.
int RunTest(std::span<const std::string> arguments);

// What `--watch` does: runs, and again whenever a file that was used has been saved, as long as `after` (which is told
// the exit code of the run) says true.
int WatchAndTest(const Options& options, const std::function<bool(int)>& after);

}  // namespace mg::tester
