// RESP2, Redis' protocol: commands are written here, replies read by hiredis within limits.
// Owner: a connection. Thread: its loop's.
#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace mg::redis {

// Begins a command of `count` arguments; each then follows by AppendArgument.
void AppendCommand(std::string& to, size_t count);
void AppendArgument(std::string& to, std::string_view argument);

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;

class ReplyReader {
 public:
  // Of one reply. Nesting is limited to 7 by hiredis.
  static constexpr size_t kMostBytes = 64 * 1024 * 1024;
  static constexpr size_t kMostElements = 1024 * 1024;

  ReplyReader();
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  void Feed(std::string_view bytes);
  // The next complete reply, or null: more bytes are needed or, where error() is not empty, none will ever do.
  ReplyPtr Next();
  const std::string& error() const { return error_; }

 private:
  struct Budget {
    size_t elements = 0;
  };
  redisReplyObjectFunctions functions_;
  redisReader* reader_;
  Budget budget_;
  size_t fed_ = 0;  // bytes since the last complete reply
  std::string error_;
};

}  // namespace mg::redis
