#include "tester/verbs.h"

#include <poll.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include <fmt/format.h>

#include "base/clock.h"
#include "server/file_watch.h"
#include "tester/block_parser.h"
#include "tester/options.h"
#include "tester/pattern.h"
#include "tester/report.h"
#include "tester/runner.h"

namespace mg::tester {
namespace {

// A block to run, or a file's problem to report.
struct Item {
  std::string file;
  Block block;
  std::vector<std::string> problems;
};

Result<std::vector<std::string>> FindFiles(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  std::error_code error;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path, error)) {
      if (!std::filesystem::exists(path, error)) return Fail(ErrorCode::kNotFound, path + ": no such file or folder");
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error)) {
      if (entry.path().extension() == ".t" && entry.is_regular_file(error)) found.push_back(entry.path().string());
    }
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

// The file's blocks that are to run: up to LAST, or only those with ONLY.
Result<void> AddFile(const std::string& file, std::vector<Item>& items) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Fail(ErrorCode::kNotFound, file + ": cannot be read");
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  ParsedFile parsed = ParseBlocks(text);
  auto describe = [&](const Problem& problem) { return fmt::format("{}:{}: {}", file, problem.line, problem.message); };
  Item bad{file, {}, {}};
  bad.block.title = "the file can be read";
  for (const Problem& problem : parsed.problems) {
    if (problem.block == Problem::kNoBlock) bad.problems.push_back(describe(problem));
  }
  if (!bad.problems.empty()) items.push_back(std::move(bad));
  bool only = std::any_of(parsed.blocks.begin(), parsed.blocks.end(), [](const Block& b) { return b.Has("ONLY"); });
  for (size_t i = 0; i < parsed.blocks.size(); i++) {
    bool last = parsed.blocks[i].Has("LAST");
    if (only && !parsed.blocks[i].Has("ONLY")) continue;
    Item item{file, std::move(parsed.blocks[i]), {}};
    for (const Problem& problem : parsed.problems) {
      if (problem.block == i) item.problems.push_back(describe(problem));
    }
    items.push_back(std::move(item));
    if (last) break;
  }
  return {};
}

Result<std::vector<Item>> Collect(const Options& options) {
  Result<std::vector<std::string>> files = FindFiles(options.paths);
  if (!files) return std::unexpected(files.error());
  std::vector<Item> items;
  for (const std::string& file : *files) {
    if (auto added = AddFile(file, items); !added) return std::unexpected(added.error());
  }
  if (!options.filter.empty()) {
    Result<Pattern> filter = Pattern::Make(options.filter, Pattern::Kind::kRegex);
    if (!filter) return Fail(ErrorCode::kInvalid, "--filter: " + filter.error().message);
    std::erase_if(items, [&](const Item& item) { return !filter->In(item.file + " " + item.block.title); });
  }
  if (items.empty()) return Fail(ErrorCode::kNotFound, "there is no block to run");
  if (options.shuffle) std::shuffle(items.begin(), items.end(), std::mt19937_64(*options.shuffle));
  return items;
}

Outcome RunItem(Runner& runner, const Item& item) {
  if (item.problems.empty()) return runner.Run(item.file, item.block);
  Outcome outcome;
  outcome.kind = Outcome::Kind::kFailed;
  outcome.file = item.file;
  outcome.title = item.block.title;
  outcome.diagnostics = item.problems;
  return outcome;
}

// `used` gets the files that were.
int RunAll(const Options& options, const std::vector<Item>& items, std::set<std::string>& used) {
  std::signal(SIGPIPE, SIG_IGN);
  TapReport tap(stdout);
  tap.Begin(items.size());
  if (options.shuffle) tap.Comment(fmt::format("--shuffle={}", *options.shuffle));
  Nanoseconds began = ClockNanoseconds(CLOCK_MONOTONIC);
  std::vector<Outcome> outcomes;
  Runner runner(options);
  for (const Item& item : items) {
    outcomes.push_back(RunItem(runner, item));
    tap.Add(outcomes.back());
  }
  used = runner.files();
  double seconds = static_cast<double>(ClockNanoseconds(CLOCK_MONOTONIC) - began) / 1e9;
  size_t failed = 0, skipped = 0;
  for (const Outcome& outcome : outcomes) {
    failed += outcome.counts_as_failure();
    skipped += outcome.kind == Outcome::Kind::kSkipped;
  }
  tap.Comment(fmt::format("{} passed, {} failed, {} skipped in {:.1f} s", outcomes.size() - failed - skipped, failed,
                          skipped, seconds));
  if (!options.junit.empty()) {
    std::ofstream out(options.junit, std::ios::binary | std::ios::trunc);
    out << JunitXml(outcomes);
    out.close();
    if (!out) {
      fmt::print(stderr, "moongate test: {} cannot be written\n", options.junit);
      return 2;
    }
  }
  return failed == 0 ? 0 : 1;
}

// One run of --watch: its exit code.
int CollectAndRun(const Options& options, std::set<std::string>& used) {
  Result<std::vector<Item>> items = Collect(options);
  if (items) return RunAll(options, *items, used);
  fmt::print(stderr, "moongate test: {}\n", items.error().message);
  return 2;
}

bool ChangedSince(const std::vector<std::string>& files, std::filesystem::file_time_type moment) {
  return std::ranges::any_of(files, [&](const std::string& file) {
    std::error_code gone;
    return std::filesystem::last_write_time(file, gone) >= moment && !gone;
  });
}

}  // namespace

int WatchAndTest(const Options& options, const std::function<bool(int)>& after) {
  constexpr int kSettle = 50;  // ms without a further change: editors save in several steps
  server::FileWatch watch;
  for (;;) {
    std::filesystem::file_time_type began = std::filesystem::file_time_type::clock::now();
    std::set<std::string> used;
    int code = CollectAndRun(options, used);
    std::vector<std::string> files(used.begin(), used.end()), patterns;
    for (const std::string& path : options.paths) {
      std::error_code ignored;
      if (!std::filesystem::is_directory(path, ignored)) {
        files.push_back(path);
        continue;
      }
      patterns.push_back(std::filesystem::absolute(path).string() + "/*.t");
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path, ignored)) {
        if (entry.is_directory(ignored)) patterns.push_back(std::filesystem::absolute(entry.path()).string() + "/*.t");
        if (entry.path().extension() == ".t") files.push_back(entry.path().string());
      }
    }
    bool missed = watch.Watch(files, patterns) && ChangedSince(files, began);
    if (!after(code)) return code;
    pollfd wait{watch.fd(), POLLIN, 0};
    while (!missed) {
      poll(&wait, 1, -1);
      missed = watch.Changed();
    }
    while (poll(&wait, 1, kSettle) > 0) watch.Changed();
  }
}

int RunTest(std::span<const std::string> arguments) {
  Result<Options> options = ParseOptions(arguments);
  if (!options) {
    fmt::print(stderr, "moongate test: {}\nTry: moongate test --help\n", options.error().message);
    return 2;
  }
  if (options->help) {
    fmt::print("{}", kTestHelp);
    return 0;
  }
  if (options->watch && !options->list) {
    return WatchAndTest(*options, [](int) {
      fmt::print("# waiting for a file to be saved; Ctrl-C ends it\n");
      std::fflush(stdout);
      return true;
    });
  }
  Result<std::vector<Item>> items = Collect(*options);
  if (!items) {
    fmt::print(stderr, "moongate test: {}\n", items.error().message);
    return 2;
  }
  std::set<std::string> used;
  if (!options->list) return RunAll(*options, *items, used);
  for (const Item& item : *items) fmt::print("{}:{}: {}\n", item.file, item.block.line, item.block.title);
  return 0;
}

}  // namespace mg::tester
