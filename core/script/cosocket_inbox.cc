#include "script/cosocket_inbox.h"

#include <algorithm>

namespace mg::script {

namespace {
constexpr size_t kKept = 64 * 1024;  // of memory, and of bytes in front that were taken already
}

void Inbox::Append(std::string_view bytes) {
  if (empty()) {
    if (data_.capacity() > kKept) std::string().swap(data_);
    data_.clear();
    at_ = 0;
  } else if (at_ > kKept && at_ > size()) {
    data_.erase(0, at_);
    at_ = 0;
  }
  data_.append(bytes);
}

std::string_view Inbox::Consume(size_t size, size_t beyond) {
  std::string_view taken = rest().substr(0, size);
  at_ += size + beyond;
  searched_ = 0;
  return taken;
}

std::optional<Inbox::Answer> Inbox::Take(const Wanted& wanted) {
  switch (wanted.mode) {
    case Wanted::Mode::kSize:
      if (size() < wanted.size) return std::nullopt;
      return Answer{Consume(wanted.size)};
    case Wanted::Mode::kLine: return TakeLine();
    case Wanted::Mode::kAll: return std::nullopt;
    case Wanted::Mode::kAny:
      if (empty()) return std::nullopt;
      return Answer{Consume(std::min(size(), wanted.size))};
    case Wanted::Mode::kUntil: return TakeUntil(wanted);
  }
  return std::nullopt;
}

std::optional<Inbox::Answer> Inbox::TakeLine() {
  size_t end = rest().find('\n', searched_);
  if (end == std::string_view::npos) {
    searched_ = size();
    return std::nullopt;
  }
  return Answer{WithoutReturns(Consume(end, 1))};
}

std::string_view Inbox::WithoutReturns(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find('\r') == std::string_view::npos) return line;
  line_.clear();
  std::ranges::copy_if(line, std::back_inserter(line_), [](char c) { return c != '\r'; });
  return line_;
}

std::optional<Inbox::Answer> Inbox::TakeUntil(const Wanted& wanted) {
  size_t length = wanted.pattern.size();
  size_t begin = rest().find(wanted.pattern, searched_);
  bool found = begin != std::string_view::npos;
  if (wanted.size > 0) {
    size_t sure = found ? begin : size() - PossibleMatch(wanted.pattern);
    if (sure >= wanted.size) return Answer{Consume(wanted.size)};
  }
  if (found) {
    if (wanted.inclusive) return Answer{Consume(begin + length), true};
    return Answer{Consume(begin, length), true};
  }
  searched_ = size() < length ? 0 : size() - length + 1;
  return std::nullopt;
}

size_t Inbox::PossibleMatch(std::string_view pattern) const {
  std::string_view bytes = rest();
  for (size_t size = std::min(bytes.size(), pattern.size() - 1); size > 0; size--) {
    if (pattern.starts_with(bytes.substr(bytes.size() - size))) return size;
  }
  return 0;
}

std::string_view Inbox::TakePartial(const Wanted& wanted, bool ended) {
  size_t kept = wanted.mode == Wanted::Mode::kUntil && !ended ? PossibleMatch(wanted.pattern) : 0;
  std::string_view taken = Consume(size() - kept);
  return wanted.mode == Wanted::Mode::kLine ? WithoutReturns(taken) : taken;
}

}  // namespace mg::script
