// Lua's patterns (string.find, match, gmatch, gsub), as LuaJIT has them, but with an end: the steps are counted, and
// now and then it is asked whether the run is being stopped.
//
// A Pattern is one call's: it points to the texts it is given. Thread: the one that runs the VM.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mg::script {

class Limits;

class Pattern {
 public:
  static constexpr int kMostCaptures = 32;
  static constexpr int kPosition = -2;  // in place of an end: the capture is a position

  // Negative; the texts are LuaJIT's.
  enum Error : int {
    kStopped = -1,  // the run is being stopped: nothing matters any more
    kTooComplex = -2,
    kUnbalanced = -3,
    kEndsWithPercent = -4,
    kNoBracket = -5,
    kNoFrontierSet = -6,
    kInvalidCapture = -7,
    kTooManyCaptures = -8,
    kUnfinishedCapture = -9,
    kInvalidIndex = -10,
    kTooManySteps = -11,
  };
  static std::string_view ErrorText(int error);

  static constexpr uint64_t kMostSteps = 1'000'000'000;
  // `limits` may be null: then only the number of steps is limited.
  Pattern(std::string_view subject, std::string_view pattern, const Limits* limits, uint64_t most_steps = kMostSteps);

  // Searches from `from` on: 0, an error, or how many captures there are (from 1: the whole match is the first), with
  // where they begin and end in `ends` (room for 66). A capture that is asked for and was not closed is an error.
  enum class Captures : uint8_t { kAll, kFirst };
  struct How {
    bool anchors = true;  // a ^ in front holds the match to `from`
    Captures captures = Captures::kAll;
  };
  int Find(size_t from, How how, int* ends);

  // Replaces at most `most` matches; %0 to %9 in `with`. How many there were, or an error.
  int Replace(std::string_view with, double most, Limits* limits, std::string& out);

 private:
  static constexpr uint64_t kStepsBetweenLooks = 1 << 14;
  static constexpr int kDeepest = 200;
  static constexpr int kOpen = -1;  // a capture's end that has not come

  struct Capture {
    const char* begin;
    ptrdiff_t size;  // or kOpen, kPosition
  };

  const char* Prepare(bool anchors);
  const char* Match(const char* s, const char* p);
  const char* MatchAll(const char* s, const char* p);
  const char* MatchRepeated(const char* s, const char* p, const char* next);
  const char* MatchFewest(const char* s, const char* p, const char* next);
  const char* Begin(const char* s, const char* p, ptrdiff_t size);
  const char* End(const char* s, const char* p);
  const char* MatchBalanced(const char* s, const char* p);
  const char* MatchFrontier(const char* s, const char* set, const char* next);
  const char* MatchBack(const char* s, char digit);
  const char* ItemEnd(const char* p);
  bool Single(const char* s, const char* p, const char* next) const;
  const char* Next(const char* s) const;
  const char* Fail(Error error);
  bool Count(size_t steps);
  char At(const char* p) const { return p < pattern_end_ ? *p : '\0'; }
  const char* AddReplacement(std::string_view with, const char* s, const char* end, std::string& out);

  const char *subject_, *subject_end_;
  const char *pattern_, *pattern_end_;
  bool anchored_ = false;
  int first_ = -1;  // the byte that every match begins with; -1: not known
  const Limits* limits_;
  uint64_t steps_ = 0, look_at_ = kStepsBetweenLooks, most_steps_;
  int depth_ = 0;
  int error_ = 0;
  int level_ = 0;
  std::array<Capture, kMostCaptures> captures_;
};

}  // namespace mg::script
