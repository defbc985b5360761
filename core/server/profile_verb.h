// `moongate profile --route NAME [--seconds N] [-o FILE] [-c FILE]`: asks the running gateway for samples of the
// route's Lua stacks, and draws them.
#pragma once

#include <span>
#include <string>

#include "base/result.h"

namespace mg::server {

struct ProfileRequest {
  std::string route, output = "profile.svg", config_file;
  int seconds = 10;
};

// kInvalid: usage. `config_file` stays empty where none is given.
Result<ProfileRequest> ReadProfileArguments(std::span<const std::string> arguments);

// The verb. 0: the picture is written; 1: not, and why is told; 2: usage.
int RunProfile(std::span<const std::string> arguments);

}  // namespace mg::server
