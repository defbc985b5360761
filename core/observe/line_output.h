// LineOutput: a file, standard error or output, or syslog, as LineWriter's thread writes to it. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mg::observe {

class LineOutput {
 public:
  // "stderr", "stdout", "syslog" (/dev/log), "syslog:SOCKET", or a path, which is made with mode 0640 if it is not
  // there. kSystem if it cannot be opened.
  static Result<LineOutput> Open(std::string_view target);
  ~LineOutput();
  LineOutput(LineOutput&& other) noexcept;
  LineOutput& operator=(LineOutput&&) = delete;

  const std::string& target() const { return target_; }

  // Takes one line, without a newline at its end; what is taken is written when there is much of it, or by Flush.
  void Take(std::string_view line, uint8_t severity);
  void Flush();

  // Opens a path again (after a rotation). If that fails, the old file stays in use.
  Result<void> Reopen();

  uint64_t lost() const { return lost_; }  // lines taken and not written

 private:
  enum class Kind : uint8_t { kFile, kStream, kSyslog };
  LineOutput(std::string target, Kind kind, int fd) : target_(std::move(target)), kind_(kind), fd_(fd) {}
  bool Wait() const;
  void Send(std::string_view line, uint8_t severity);

  std::string target_;
  Kind kind_;
  int fd_;
  std::string batch_;
  bool stuck_ = false;  // it took nothing for long: no more waiting until it does
  uint64_t lost_ = 0;
};

}  // namespace mg::observe
