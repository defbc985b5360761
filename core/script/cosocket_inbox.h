// Inbox: what has been read from a cosocket and not yet been received by a script, and the patterns of receive,
// receiveany and receiveuntil over it. Owner: a socket. Knows nothing of where the bytes come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mg::script {

// What a script asks for.
struct Wanted {
  enum class Mode : uint8_t {
    kSize,   // `size` bytes
    kLine,   // up to a line feed, which is not part of it, nor is any carriage return
    kAll,    // until the peer ends
    kAny,    // what there is, at most `size` bytes
    kUntil,  // up to `pattern`; with a size, at most so many bytes of that at a time
  };
  Mode mode = Mode::kLine;
  size_t size = 0;
  std::string pattern;     // not empty
  bool inclusive = false;  // the pattern is part of the answer
};

class Inbox {
 public:
  struct Answer {
    std::string_view data;  // valid until Append
    bool met = false;       // kUntil: this ends at the pattern
  };

  bool empty() const { return at_ == data_.size(); }
  size_t size() const { return data_.size() - at_; }

  void Append(std::string_view bytes);
  // A new question: searches begin at the front.
  void Begin() { searched_ = 0; }
  // Takes the answer, if it is there. Asked again after more has come it goes on where it was.
  std::optional<Answer> Take(const Wanted& wanted);
  // Takes what there is of an answer that will not come: `ended`: all; else without what may be the pattern's begin.
  std::string_view TakePartial(const Wanted& wanted, bool ended);

 private:
  std::string_view rest() const { return std::string_view(data_).substr(at_); }
  std::string_view Consume(size_t size, size_t beyond = 0);
  std::optional<Answer> TakeLine();
  std::optional<Answer> TakeUntil(const Wanted& wanted);
  // How many bytes at the end may be the begin of the pattern.
  size_t PossibleMatch(std::string_view pattern) const;
  std::string_view WithoutReturns(std::string_view line);

  std::string data_;
  std::string line_;  // where carriage returns had to be taken out
  size_t at_ = 0;
  size_t searched_ = 0;  // from at_ on
};

}  // namespace mg::script
