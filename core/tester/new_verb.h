// `moongate new policy NAME [--in FOLDER]`: writes policies/NAME.lua, a policy with its schema, and t/NAME.t, its
// tests, which pass at once. Nothing that exists is written over.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace mg::tester {

// The verb. 0: written; 1: it could not be, and nothing was; 2: usage.
int RunNew(std::span<const std::string> arguments);

// The paths written, for RunNew. kInvalid: the name is none for a policy; kDenied: a file exists.
Result<std::vector<std::string>> WritePolicy(const std::string& name, const std::string& folder);

}  // namespace mg::tester
