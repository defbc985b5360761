// What a mock upstream answers: the text of an --- upstream section, parsed, and the choice of an answer to a request.
// Parsing is pure; AnswerBook is used by the mock's threads under its lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mg::tester {

//   >>> GET /items delay=50ms
//   200 OK
//   Content-Type: text/plain
//
//   the body
//
// ">>>" opens an answer: after it, in any order, a method, a path ("/items*" matches what begins so; the query is not
// compared unless the path has one) and options. A section without ">>>" is one answer to every request. The first line
// says what comes:
//   200 OK   a status (the phrase may be left out), header lines, an empty line, the body
//   echo     200, text/plain: the request as it was received, its body decoded
//   raw      the lines that follow are the bytes to send, with the escapes of raw_request
//   close    the connection is closed without an answer
//   reset    the connection is reset
//   stall    nothing, until the other side goes away
// Options: delay=TIME before the answer; cut=BYTES of it are sent, then the connection is closed; split=BYTES go out in
// one piece, with a short pause between two; chunked; close after it; early: before the request's body was read.
struct MockAnswer {
  enum class Kind : uint8_t { kStatus, kEcho, kRaw, kClose, kReset, kStall } kind = Kind::kStatus;
  std::string method, path;  // "": every one
  bool prefix = false;       // path ended in "*"
  std::chrono::milliseconds delay{0};
  std::optional<size_t> cut;
  size_t split = 0;
  bool chunked = false, close = false, early = false;
  int status = 200;
  std::string reason, headers, body;  // headers: lines that end in CRLF
  bool used = false;

  // The bytes to send. `echo` is the request's text.
  std::string Encode(std::string_view request_method, std::string_view echo) const;
};

class AnswerBook {
 public:
  static Result<AnswerBook> Parse(std::string_view text);

  // The answer to this request: those that name both its method and its path go before those that name its path, then
  // its method, then neither; of several alike each is used once, in order, and the last again and again. Null: none.
  const MockAnswer* Choose(std::string_view method, std::string_view target);

  const std::vector<MockAnswer>& answers() const { return answers_; }

 private:
  std::vector<MockAnswer> answers_;
};

}  // namespace mg::tester
