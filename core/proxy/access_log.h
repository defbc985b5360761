// Access logs: each a format, compiled when the generation is built, and where its lines go. Owner: the Snapshot;
// immutable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/template.h"
#include "observe/line_writer.h"

namespace mg::proxy {

class Exchange;

// What a log asks of a request beyond what is known anyway: a request whose logs do not ask pays nothing.
using LogNeeds = uint8_t;
constexpr LogNeeds kNeedsPhaseTimes = 1;    // how long each phase took
constexpr LogNeeds kNeedsLocalAddress = 2;  // of the connection; a system call
constexpr LogNeeds kNeedsUpstreamHead = 4;  // as it came, beside what is made of it

class AccessLog {
 public:
  // `conf` has been checked, and outlives the log.
  explicit AccessLog(const config::AccessLog& conf);

  const config::AccessLog& conf() const { return *conf_; }
  LogNeeds needs() const { return needs_; }
  // Appends the request's line, without a newline.
  void Append(Exchange& exchange, std::string& line) const;

  observe::LineWriter::Output output;

 private:
  enum class As : uint8_t { kLiteral, kText, kString, kNumber };  // the last two in JSON
  struct Piece {
    As as = As::kLiteral;
    std::string literal;
    config::Expression expression;
  };
  void AddLiteral(std::string text) { pieces_.push_back({As::kLiteral, std::move(text), {}}); }
  void AddTemplate(std::string_view format);
  void AddFields(const std::vector<std::string>& fields);

  const config::AccessLog* conf_;
  std::vector<Piece> pieces_;
  LogNeeds needs_ = 0;
};

// The logs of a route.
struct LogSet {
  std::vector<const AccessLog*> logs;
  LogNeeds needs = 0;
};

}  // namespace mg::proxy
