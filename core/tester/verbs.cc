#include "tester/verbs.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include <fmt/format.h>

#include "base/clock.h"
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

int RunAll(const Options& options, const std::vector<Item>& items) {
  std::signal(SIGPIPE, SIG_IGN);
  TapReport tap(stdout);
  tap.Begin(items.size());
  if (options.shuffle) tap.Comment(fmt::format("--shuffle={}", *options.shuffle));
  Nanoseconds began = MonotonicNow();
  std::vector<Outcome> outcomes;
  Runner runner(options);
  for (const Item& item : items) {
    outcomes.push_back(RunItem(runner, item));
    tap.Add(outcomes.back());
  }
  double seconds = static_cast<double>(MonotonicNow() - began) / 1e9;
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

}  // namespace

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
  Result<std::vector<Item>> items = Collect(*options);
  if (!items) {
    fmt::print(stderr, "moongate test: {}\n", items.error().message);
    return 2;
  }
  if (!options->list) return RunAll(*options, *items);
  for (const Item& item : *items) fmt::print("{}:{}: {}\n", item.file, item.block.line, item.block.title);
  return 0;
}

}  // namespace mg::tester
