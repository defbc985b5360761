// The verbs of this module, for the command line's table. Each answers the process's exit code.
#pragma once

#include <span>
#include <string>

namespace mg::tester {

// `moongate test`: 0 all passed, 1 some failed, 2 wrong usage or nothing to run.
int RunTest(std::span<const std::string> arguments);

}  // namespace mg::tester
