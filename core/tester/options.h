// What `moongate test` was asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace mg::tester {

struct Options {
  std::vector<std::string> paths;  // files, or folders that are searched for *.t
  bool verbose = false;
  bool list = false;
  bool reload = false;  // each block's configuration is loaded twice
  bool help = false;
  bool watch = false;  // runs again when a file has been saved, until it is ended
  std::string filter;  // a regular expression on "FILE TITLE"
  std::string junit;   // a file to write
  int repeat = 1;
  int loops = 1;
  std::optional<uint64_t> shuffle;  // the seed
};

// The error's message is for the user.
Result<Options> ParseOptions(std::span<const std::string> arguments);

// The arguments for the usage line, and the text of --help.
extern const char* const kTestArguments;
extern const char* const kTestHelp;

}  // namespace mg::tester
