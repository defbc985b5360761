#include "route/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <new>

#include "base/strings.h"

namespace mg::route {
namespace {

constexpr uint32_t kMatchLimit = 200'000;       // steps of one search
constexpr uint32_t kHeapLimit = 4 * 1024;       // KiB, for the interpreter
constexpr size_t kJitStackLimit = 1024 * 1024;  // bytes
constexpr uint32_t kPairs = 33;                 // the whole match and 32 groups

// A thread's working memory.
struct Workspace {
  pcre2_match_data* data = pcre2_match_data_create(kPairs, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, kJitStackLimit, nullptr);

  Workspace() {
    if (data == nullptr || context == nullptr) throw std::bad_alloc();
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_heap_limit(context, kHeapLimit);
    if (stack != nullptr) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~Workspace() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
};

std::string ErrorText(int error) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(error, text, sizeof(text));
  return reinterpret_cast<const char*>(text);
}

}  // namespace

void Regex::Free::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

std::expected<Regex, std::string> Regex::Compile(std::string_view pattern, Case mode) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  uint32_t options = PCRE2_NEVER_BACKSLASH_C | (mode == Case::kIgnore ? PCRE2_CASELESS : 0);
  Regex out;
  out.code_.reset(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options, &error, &offset, nullptr));
  if (out.code_ == nullptr) return std::unexpected(fmt::format("{} at offset {}", ErrorText(error), offset));
  pcre2_jit_compile(out.code_.get(), PCRE2_JIT_COMPLETE);  // without a JIT the interpreter serves
  pcre2_pattern_info(out.code_.get(), PCRE2_INFO_CAPTURECOUNT, &out.group_count_);

  // The name table: entries of `size` bytes, the group's number (two bytes, high first), then the name and a NUL.
  uint32_t count = 0, size = 0;
  PCRE2_SPTR table = nullptr;
  pcre2_pattern_info(out.code_.get(), PCRE2_INFO_NAMECOUNT, &count);
  pcre2_pattern_info(out.code_.get(), PCRE2_INFO_NAMEENTRYSIZE, &size);
  pcre2_pattern_info(out.code_.get(), PCRE2_INFO_NAMETABLE, &table);
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t* entry = table + size_t{i} * size;
    out.names_.push_back({reinterpret_cast<const char*>(entry + 2), static_cast<uint32_t>(entry[0] << 8 | entry[1])});
  }
  return out;
}

Regex::Outcome Regex::Search(std::string_view text, std::span<std::string_view> groups) const {
  thread_local Workspace workspace;
  int count = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, workspace.data,
                          workspace.context);
  if (count == PCRE2_ERROR_NOMATCH) return Outcome::kNoMatch;
  if (count < 0) return Outcome::kLimit;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(workspace.data);
  // 0 stands for more groups than the workspace has pairs for.
  uint32_t matched = count == 0 ? kPairs : static_cast<uint32_t>(count);
  for (uint32_t i = 0; i < groups.size(); i++) {
    uint32_t group = i + 1;
    bool set = group < matched && ends[2 * group] != PCRE2_UNSET && ends[2 * group] <= ends[2 * group + 1];
    groups[i] = set ? text.substr(ends[2 * group], ends[2 * group + 1] - ends[2 * group]) : std::string_view();
  }
  return Outcome::kMatch;
}

std::string Regex::LiteralPrefix(std::string_view pattern, Case mode) {
  if (mode == Case::kIgnore || !pattern.starts_with('^')) return {};
  // An alternative may begin otherwise, and options or verbs may change what the rest means.
  if (pattern.find('|') != std::string_view::npos || pattern.find("(?") != std::string_view::npos ||
      pattern.find("(*") != std::string_view::npos) {
    return {};
  }
  std::string prefix;
  for (char c : pattern.substr(1)) {
    if (!IsAlpha(c) && !IsDigit(c) && std::string_view("/-_~%,;:@!&'=").find(c) == std::string_view::npos) {
      // What may come no time at all is no part of it.
      if ((c == '?' || c == '*' || c == '{') && !prefix.empty()) prefix.pop_back();
      break;
    }
    prefix.push_back(c);
  }
  return prefix;
}

}  // namespace mg::route
