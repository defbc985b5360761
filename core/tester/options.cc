#include "tester/options.h"

#include <string_view>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/strings.h"

namespace mg::tester {

const char* const kTestArguments = "[options] PATH...";

const char* const kTestHelp =
    R"(moongate test [options] PATH...

Runs the blocks of .t files (in folders: of all below them) and prints TAP. docs/testing.md tells how to write them.

  -v, --verbose       differences, answers and log lines of what fails
  --filter REGEX      only blocks whose file and title match
  --list              print the blocks, run nothing
  --repeat N          each block N times
  --shuffle[=SEED]    in random order; the seed is printed
  --reload            load each block's configuration twice: its requests meet a reloaded gateway
  --watch             run again whenever a file that was used has been saved; Ctrl-C ends it
  --loops N           event loops (default: 1)
  --junit FILE        write the results as JUnit XML too

Exit code: 0 all passed, 1 some failed, 2 wrong usage or nothing to run.
)";

namespace {

Result<int> Number(std::string_view option, std::string_view text, int least, int most) {
  auto value = ParseDecimal<int>(text);
  if (value && *value >= least && *value <= most) return *value;
  return Fail(ErrorCode::kInvalid,
              fmt::format("{} takes a number from {} to {}, not \"{}\"", option, least, most, text));
}

}  // namespace

Result<Options> ParseOptions(std::span<const std::string> arguments) {
  Options options;
  bool only_paths = false;
  for (size_t i = 0; i < arguments.size(); i++) {
    std::string_view argument = arguments[i];
    if (only_paths || argument.size() < 2 || argument[0] != '-') {
      options.paths.emplace_back(argument);
      continue;
    }
    size_t equals = argument.starts_with("--") ? argument.find('=') : std::string_view::npos;
    std::string_view name = argument.substr(0, equals);
    std::optional<std::string_view> attached;
    if (equals != std::string_view::npos) attached = argument.substr(equals + 1);
    auto flag = [&](std::string_view is) { return name == is && !attached; };
    if (flag("--")) {
      only_paths = true;
    } else if (flag("-v") || flag("--verbose")) {
      options.verbose = true;
    } else if (flag("-h") || flag("--help")) {
      options.help = true;
    } else if (flag("--list")) {
      options.list = true;
    } else if (flag("--watch")) {
      options.watch = true;
    } else if (flag("--reload")) {
      options.reload = true;
    } else if (name == "--shuffle") {
      auto seed = attached ? ParseDecimal(*attached) : std::optional<uint64_t>(WallNow() / 1000 % 1'000'000);
      if (!seed) return Fail(ErrorCode::kInvalid, fmt::format("--shuffle takes a number, not \"{}\"", *attached));
      options.shuffle = seed;
    } else if (name == "--filter" || name == "--junit" || name == "--repeat" || name == "--loops") {
      if (!attached && i + 1 == arguments.size())
        return Fail(ErrorCode::kInvalid, fmt::format("{} takes a value", name));
      std::string value(attached ? *attached : std::string_view(arguments[++i]));
      if (name == "--filter") options.filter = value;
      if (name == "--junit") options.junit = value;
      if (name == "--repeat" || name == "--loops") {
        Result<int> number = Number(name, value, 1, name == "--loops" ? 64 : 1'000'000);
        if (!number) return std::unexpected(number.error());
        (name == "--loops" ? options.loops : options.repeat) = *number;
      }
    } else {
      return Fail(ErrorCode::kInvalid, fmt::format("unknown option \"{}\"", argument));
    }
  }
  if (options.paths.empty() && !options.help)
    return Fail(ErrorCode::kInvalid, "which files? Name a .t file, or a folder of them");
  return options;
}

}  // namespace mg::tester
