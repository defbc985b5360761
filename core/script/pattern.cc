#include "script/pattern.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "script/limits.h"

namespace mg::script {
namespace {

uint8_t Byte(char c) { return static_cast<uint8_t>(c); }

// One bit a class, for each byte; ASCII, whatever the locale.
enum : uint16_t {
  kAlpha = 1,
  kControl = 2,
  kDigit = 4,
  kGraph = 8,
  kLower = 16,
  kPunct = 32,
  kSpace = 64,
  kUpper = 128,
  kHex = 256,
};

constexpr std::array<uint16_t, 256> MakeClasses() {
  std::array<uint16_t, 256> out{};
  for (int c = 0; c < 128; c++) {
    bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    bool graph = c > ' ' && c < 127;
    int bits = 0;
    if (lower || upper) bits |= kAlpha;
    if (c < ' ' || c == 127) bits |= kControl;
    if (digit) bits |= kDigit;
    if (graph) bits |= kGraph;
    if (lower) bits |= kLower;
    if (graph && !digit && !lower && !upper) bits |= kPunct;
    if (c == ' ' || (c >= 9 && c <= 13)) bits |= kSpace;
    if (upper) bits |= kUpper;
    if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= kHex;
    out[static_cast<size_t>(c)] = static_cast<uint16_t>(bits);
  }
  return out;
}
constexpr std::array<uint16_t, 256> kClasses = MakeClasses();

// %a and its like; an upper-case letter is the opposite; any other character stands for itself.
bool InClass(uint8_t c, uint8_t letter) {
  uint16_t bits = 0;
  switch (letter | 0x20) {
    case 'a': bits = kAlpha; break;
    case 'c': bits = kControl; break;
    case 'd': bits = kDigit; break;
    case 'g': bits = kGraph; break;
    case 'l': bits = kLower; break;
    case 'p': bits = kPunct; break;
    case 's': bits = kSpace; break;
    case 'u': bits = kUpper; break;
    case 'w': bits = kAlpha | kDigit; break;
    case 'x': bits = kHex; break;
    case 'z':
      if (!IsAlpha(static_cast<char>(letter))) return letter == c;
      return (c == 0) == (letter == 'z');
    default: return letter == c;
  }
  if (!IsAlpha(static_cast<char>(letter))) return letter == c;
  return ((kClasses[c] & bits) != 0) == ((letter & 0x20) != 0);
}

// The set from its [ to its ].
bool InSet(uint8_t c, const char* set, const char* last) {
  bool inside = true;
  if (set[1] == '^') {
    inside = false;
    set++;
  }
  while (++set < last) {
    if (*set == '%') {
      set++;
      if (InClass(c, Byte(*set))) return inside;
    } else if (set[1] == '-' && set + 2 < last) {
      set += 2;
      if (Byte(set[-2]) <= c && c <= Byte(*set)) return inside;
    } else if (Byte(*set) == c) {
      return inside;
    }
  }
  return !inside;
}

}  // namespace

std::string_view Pattern::ErrorText(int error) {
  switch (error) {
    case kTooComplex: return "pattern too complex";
    case kUnbalanced: return "unbalanced pattern";
    case kEndsWithPercent: return "malformed pattern (ends with '%')";
    case kNoBracket: return "malformed pattern (missing ']')";
    case kNoFrontierSet: return "missing '[' after '%f' in pattern";
    case kInvalidCapture: return "invalid pattern capture";
    case kTooManyCaptures: return "too many captures";
    case kUnfinishedCapture: return "unfinished capture";
    case kInvalidIndex: return "invalid capture index";
    case kTooManySteps: return "pattern takes too many steps";
    default: return "stopped";
  }
}

// A pattern ends at its first NUL.
Pattern::Pattern(std::string_view subject, std::string_view pattern, const Limits* limits, uint64_t most_steps)
    : subject_(subject.data()),
      subject_end_(subject.data() + subject.size()),
      pattern_(pattern.data()),
      pattern_end_(pattern.data() + std::min(pattern.find('\0'), pattern.size())),
      limits_(limits),
      most_steps_(most_steps) {}

const char* Pattern::Fail(Error error) {
  error_ = error;
  return nullptr;
}

// False: enough.
bool Pattern::Count(size_t steps) {
  steps_ += steps;
  if (steps_ < look_at_) [[likely]]
    return true;
  look_at_ = steps_ + kStepsBetweenLooks;
  if (steps_ > most_steps_) error_ = kTooManySteps;
  if (limits_ != nullptr && limits_->stopping()) error_ = kStopped;
  return error_ == 0;
}

// Behind one item: a character, a class, a set.
const char* Pattern::ItemEnd(const char* p) {
  char c = *p++;
  if (c == '%') return p == pattern_end_ ? Fail(kEndsWithPercent) : p + 1;
  if (c != '[') return p;
  if (At(p) == '^') p++;
  do {  // a ] that comes first is one of the set
    if (p == pattern_end_) return Fail(kNoBracket);
    if (*p++ == '%' && p < pattern_end_) p++;
  } while (At(p) != ']');
  return p + 1;
}

bool Pattern::Single(const char* s, const char* p, const char* next) const {
  if (s >= subject_end_) return false;
  uint8_t c = Byte(*s);
  switch (*p) {
    case '.': return true;
    case '%': return InClass(c, Byte(p[1]));
    case '[': return InSet(c, p, next - 1);
    default: return Byte(*p) == c;
  }
}

const char* Pattern::Match(const char* s, const char* p) {
  if (++depth_ > kDeepest) return Fail(kTooComplex);
  const char* end = MatchAll(s, p);
  depth_--;
  return end;
}

const char* Pattern::MatchAll(const char* s, const char* p) {
  while (p != pattern_end_) {
    if (!Count(1)) return nullptr;
    if (*p == '(') return At(p + 1) == ')' ? Begin(s, p + 2, kPosition) : Begin(s, p + 1, kOpen);
    if (*p == ')') return End(s, p + 1);
    if (*p == '$' && p + 1 == pattern_end_) return s == subject_end_ ? s : nullptr;
    if (*p == '%') {
      char kind = At(p + 1);
      if (kind == 'b') {
        s = MatchBalanced(s, p + 2);
        p += 4;
      } else if (kind == 'f') {
        if (At(p + 2) != '[') return Fail(kNoFrontierSet);
        const char* next = ItemEnd(p + 2);
        if (next == nullptr) return nullptr;
        s = MatchFrontier(s, p + 2, next);
        p = next;
      } else if (IsDigit(kind)) {
        s = MatchBack(s, kind);
        p += 2;
      } else {
        kind = '\0';
      }
      if (s == nullptr) return nullptr;
      if (kind != '\0') continue;
    }
    const char* next = ItemEnd(p);
    if (next == nullptr) return nullptr;
    bool matches = Single(s, p, next);
    switch (At(next)) {
      case '?':
        if (matches) {
          const char* end = Match(s + 1, next + 1);
          if (end != nullptr || error_ != 0) return end;
        }
        p = next + 1;
        continue;
      case '*': return MatchRepeated(s, p, next);
      case '+': return matches ? MatchRepeated(s + 1, p, next) : nullptr;
      case '-': return MatchFewest(s, p, next);
      default:
        if (!matches) return nullptr;
        s++;
        p = next;
    }
  }
  return s;
}

// As many as there are, then fewer.
const char* Pattern::MatchRepeated(const char* s, const char* p, const char* next) {
  const char* last = s;
  while (Single(last, p, next)) last++;
  if (!Count(static_cast<size_t>(last - s))) return nullptr;
  for (;; last--) {
    const char* end = Match(last, next + 1);
    if (end != nullptr || error_ != 0 || last == s) return end;
  }
}

const char* Pattern::MatchFewest(const char* s, const char* p, const char* next) {
  for (;; s++) {
    const char* end = Match(s, next + 1);
    if (end != nullptr || error_ != 0) return end;
    if (!Single(s, p, next)) return nullptr;
  }
}

const char* Pattern::Begin(const char* s, const char* p, ptrdiff_t size) {
  if (level_ >= kMostCaptures) return Fail(kTooManyCaptures);
  captures_[static_cast<size_t>(level_++)] = {s, size};
  const char* end = Match(s, p);
  if (end == nullptr) level_--;
  return end;
}

const char* Pattern::End(const char* s, const char* p) {
  int open = level_ - 1;
  while (open >= 0 && captures_[static_cast<size_t>(open)].size != kOpen) open--;
  if (open < 0) return Fail(kInvalidCapture);
  Capture& capture = captures_[static_cast<size_t>(open)];
  capture.size = s - capture.begin;
  const char* end = Match(s, p);
  if (end == nullptr) capture.size = kOpen;
  return end;
}

// %bxy
const char* Pattern::MatchBalanced(const char* s, const char* p) {
  if (pattern_end_ - p < 2) return Fail(kUnbalanced);
  if (s >= subject_end_ || *s != *p) return nullptr;
  const char* from = s;
  for (int open = 1; ++s < subject_end_;) {
    if (*s == p[1]) {
      if (--open == 0) return Count(static_cast<size_t>(s - from)) ? s + 1 : nullptr;
    } else if (*s == *p) {
      open++;
    }
  }
  Count(static_cast<size_t>(s - from));
  return nullptr;
}

// %f[set]: the character before is not in the set, this one is. Outside the subject there are NULs.
const char* Pattern::MatchFrontier(const char* s, const char* set, const char* next) {
  uint8_t before = s == subject_ ? 0 : Byte(s[-1]), here = s < subject_end_ ? Byte(*s) : 0;
  return !InSet(before, set, next - 1) && InSet(here, set, next - 1) ? s : nullptr;
}

// %1: what the capture has matched, again.
const char* Pattern::MatchBack(const char* s, char digit) {
  int index = digit - '1';
  if (index < 0 || index >= level_ || captures_[static_cast<size_t>(index)].size == kOpen) return Fail(kInvalidIndex);
  const Capture& capture = captures_[static_cast<size_t>(index)];
  auto size = static_cast<size_t>(capture.size);  // of a position: larger than any subject
  if (static_cast<size_t>(subject_end_ - s) < size || std::memcmp(capture.begin, s, size) != 0) return nullptr;
  return Count(size / 16) ? s + size : nullptr;
}

// Where the pattern's items begin; what is known of the first.
const char* Pattern::Prepare(bool anchors) {
  const char* p = pattern_;
  anchored_ = anchors && At(p) == '^';
  if (anchored_) p++;
  char quantifier = At(p + 1);
  bool literal = p < pattern_end_ && std::string_view("(%.[$)").find(*p) == std::string_view::npos;
  first_ = !anchored_ && literal && quantifier != '*' && quantifier != '?' && quantifier != '-' ? Byte(*p) : -1;
  return p;
}

// The first place from `s` on where a match may begin; null: nowhere.
const char* Pattern::Next(const char* s) const {
  if (first_ < 0) return s;
  return static_cast<const char*>(std::memchr(s, first_, static_cast<size_t>(subject_end_ - s)));
}

int Pattern::Find(size_t from, How how, int* ends) {
  const char* s = subject_ + from;
  const char* p = Prepare(how.anchors);
  for (;; s++) {
    if (s > subject_end_ || (s = Next(s)) == nullptr) return 0;
    level_ = 0;
    const char* end = Match(s, p);
    if (error_ != 0) return error_;
    if (end == nullptr) {
      if (anchored_ || s == subject_end_) return 0;
      continue;
    }
    ends[0] = static_cast<int>(s - subject_);
    ends[1] = static_cast<int>(end - subject_);
    for (int i = 0; i < level_; i++) {
      const Capture& capture = captures_[static_cast<size_t>(i)];
      if (capture.size == kOpen && (i == 0 || how.captures == Captures::kAll)) return kUnfinishedCapture;
      auto begin = static_cast<int>(capture.begin - subject_);
      ends[2 * i + 2] = begin;
      ends[2 * i + 3] = capture.size == kPosition ? kPosition : begin + static_cast<int>(capture.size);
    }
    return level_ + 1;
  }
}

int Pattern::Replace(std::string_view with, double most, Limits* limits, std::string& out) {
  const char* s = subject_;
  const char* p = Prepare(true);
  int count = 0;
  while (count < most) {
    const char* next = Next(s);
    if (next == nullptr) break;
    out.append(s, static_cast<size_t>(next - s));
    s = next;
    level_ = 0;
    const char* end = Match(s, p);
    if (error_ != 0) return error_;
    if (end != nullptr) {
      count++;
      if (AddReplacement(with, s, end, out) == nullptr) return error_;
      if (limits != nullptr && !limits->Allows(out.size())) return kStopped;
    }
    if (end != nullptr && end > s) {
      s = end;
    } else if (s < subject_end_) {
      out += *s++;
    } else {
      break;
    }
    if (anchored_) break;
  }
  out.append(s, static_cast<size_t>(subject_end_ - s));
  return count;
}

// `with`, with the captures of the match from `s` to `end` in it. Null: an error.
const char* Pattern::AddReplacement(std::string_view with, const char* s, const char* end, std::string& out) {
  for (size_t percent; (percent = with.find('%')) != std::string_view::npos;) {
    out += with.substr(0, percent);
    char c = percent + 1 < with.size() ? with[percent + 1] : '\0';
    with.remove_prefix(std::min(percent + 2, with.size()));
    if (!IsDigit(c)) {
      out += c;
      continue;
    }
    int index = c - '1';
    if (index < 0 || (index == 0 && level_ == 0)) {
      out.append(s, static_cast<size_t>(end - s));
      continue;
    }
    if (index >= level_) return Fail(kInvalidIndex);
    const Capture& capture = captures_[static_cast<size_t>(index)];
    if (capture.size == kOpen) return Fail(kUnfinishedCapture);
    if (capture.size == kPosition) {
      out += std::to_string(capture.begin - subject_ + 1);
    } else {
      out.append(capture.begin, static_cast<size_t>(capture.size));
    }
  }
  out += with;
  return s;
}

}  // namespace mg::script
