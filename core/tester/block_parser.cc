#include "tester/block_parser.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/strings.h"
#include "tester/sections.h"

namespace mg::tester {

bool Section::HasFilter(std::string_view filter) const {
  return std::find(filters.begin(), filters.end(), filter) != filters.end();
}

const Section* Block::Find(std::string_view name) const {
  for (const Section& section : sections) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

namespace {

constexpr size_t kMaxBlocks = 100'000;

bool IsWord(char c) { return IsAlpha(c) || IsDigit(c) || c == '_'; }

bool IsBlank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

bool IsBlockLine(std::string_view line) {
  return line.starts_with("===") && (line.size() == 3 || line[3] == ' ' || line[3] == '\t');
}

// "--- name": not "---" alone, which YAML uses, and not "---8<---", which separates parts.
bool IsSectionLine(std::string_view line) {
  if (!line.starts_with("--- ")) return false;
  std::string_view name = Trim(line.substr(4));
  return !name.empty() && IsWord(name[0]);
}

// "\---" is text: one backslash goes.
std::string_view Unquote(std::string_view line) {
  size_t slashes = line.find_first_not_of('\\');
  if (slashes == 0 || slashes == std::string_view::npos) return line;
  std::string_view rest = line.substr(slashes);
  return rest.starts_with("---") || rest.starts_with("===") ? line.substr(1) : line;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lines_(SplitLines(text)) {}

  ParsedFile Parse() {
    size_t at = SkipPreamble();
    while (at < lines_.size() && file_.blocks.size() < kMaxBlocks) at = ParseBlock(at);
    if (at < lines_.size()) Report(at, fmt::format("more than {} blocks", kMaxBlocks), Problem::kNoBlock);
    return std::move(file_);
  }

 private:
  void Report(size_t at, std::string message) { Report(at, std::move(message), file_.blocks.size() - 1); }
  void Report(size_t at, std::string message, size_t block) {
    file_.problems.push_back({at + 1, std::move(message), block});
  }

  // To the first "===" line.
  size_t SkipPreamble() {
    auto is_data = [](std::string_view line) { return Trim(line) == "__DATA__" || Trim(line) == "__END__"; };
    auto block = std::find_if(lines_.begin(), lines_.end(), IsBlockLine);
    auto data = std::find_if(lines_.begin(), block, is_data);
    size_t at = data == block ? 0 : static_cast<size_t>(data - lines_.begin()) + 1;
    for (; at < lines_.size() && !IsBlockLine(lines_[at]); at++) {
      if (IsBlank(lines_[at]) || lines_[at].starts_with('#')) continue;
      Report(at, "expected a block: \"=== TEST 1: its title\"", Problem::kNoBlock);
      while (at < lines_.size() && !IsBlockLine(lines_[at])) at++;
      break;
    }
    return at;
  }

  size_t ParseBlock(size_t at) {
    Block& block = file_.blocks.emplace_back();
    block.line = at + 1;
    block.title = Trim(lines_[at].substr(3));
    for (at++; at < lines_.size() && !IsBlockLine(lines_[at]) && !IsSectionLine(lines_[at]); at++) {
      block.description.append(lines_[at]).append("\n");
    }
    while (at < lines_.size() && IsSectionLine(lines_[at])) at = ParseSection(at, block);
    if (block.sections.empty()) Report(block.line - 1, "the block has no sections");
    return at;
  }

  size_t ParseSection(size_t at, Block& block) {
    Section section;
    section.line = at + 1;
    section.text_line = at + 1;
    size_t first = at + 1, end = first;
    while (end < lines_.size() && !IsBlockLine(lines_[end]) && !IsSectionLine(lines_[end])) end++;
    bool good = ParseHead(at, section);
    if (section.in_line) {
      for (size_t i = first; i < end; i++) {
        if (IsBlank(lines_[i]) || lines_[i].starts_with('#')) continue;
        Report(i, fmt::format("\"--- {}:\" has its value on its own line: no further lines may follow", section.name));
        good = false;
        break;
      }
    } else {
      while (first < end && IsBlank(lines_[first])) first++;
      size_t last = end;
      while (last > first && IsBlank(lines_[last - 1])) last--;
      section.text_line = first + 1;
      for (size_t i = first; i < last; i++) section.text.append(Unquote(lines_[i])).append("\n");
    }
    if (good) Add(at, std::move(section), block);
    return end;
  }

  // "--- name filter filter" or "--- name filter: value".
  bool ParseHead(size_t at, Section& section) {
    std::string_view head = Trim(lines_[at].substr(4));
    if (head.ends_with('\r')) head.remove_suffix(1);
    size_t length = 0;
    while (length < head.size() && IsWord(head[length])) length++;
    section.name = head.substr(0, length);
    std::string_view rest = head.substr(length);
    if (size_t colon = rest.find(':'); colon != std::string_view::npos) {
      section.in_line = true;
      section.text = Trim(rest.substr(colon + 1));
      rest = rest.substr(0, colon);
    }
    bool good = true;
    std::string why = WhyNotSection(section.name);
    if (!why.empty()) {
      Report(at, std::move(why));
      good = false;
    }
    for (rest = Trim(rest); !rest.empty(); rest = Trim(rest)) {
      size_t space = std::min(rest.find_first_of(" \t"), rest.size());
      section.filters.emplace_back(rest.substr(0, space));
      why = WhyNotFilter(section.filters.back());
      if (!why.empty()) {
        Report(at, std::move(why));
        good = false;
      }
      rest.remove_prefix(space);
    }
    return good;
  }

  void Add(size_t at, Section section, Block& block) {
    if (const Section* first = block.Find(section.name); first != nullptr) {
      Report(at, fmt::format("the section \"{}\" is given twice: first at line {}", section.name, first->line));
      return;
    }
    Result<std::string> text = ApplyFilters(section);
    if (!text) {
      Report(at, fmt::format("--- {}: {}", section.name, text.error().message));
      return;
    }
    section.text = std::move(*text);
    block.sections.push_back(std::move(section));
  }

  std::vector<std::string_view> lines_;
  ParsedFile file_;
};

}  // namespace

ParsedFile ParseBlocks(std::string_view text) { return Parser(text).Parse(); }

}  // namespace mg::tester
