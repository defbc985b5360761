// A Redis that the tester plays: it gives the replies that a block has written, and remembers what it was asked.
//
//   >>> GET user:7
//   "gold"
//   >>> INCR n delay=50ms
//   (integer) 1
//   >>> EVALSHA *
//   (error) NOSCRIPT No matching script
//
// RedisScript is the section's text, parsed: pure. MockRedis is the server: made and destroyed by the runner for one
// block; its threads (one that accepts, one a connection) end with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"

namespace mg::tester {

// A reply is written as redis-cli shows it: "text", (integer) 1, (nil), (error) ERR text, a status such as OK, a list
// as lines 1) 2) ..., (empty array); or `raw` and the bytes, with escapes; or what happens in its place: `close`,
// `stall`.
struct RedisReply {
  std::vector<std::string> words;  // the command it answers; in any case, the first word
  bool any_more = false;           // "*" at the end: whatever follows
  std::chrono::milliseconds delay{0};
  enum class Kind : uint8_t { kBytes, kClose, kStall } kind = Kind::kBytes;
  std::string bytes;  // RESP
  bool used = false;
};

class RedisScript {
 public:
  // Whether a section's text is one, and no list of commands for a real server.
  static bool Is(std::string_view text) { return text.starts_with(">>>"); }
  static Result<RedisScript> Parse(std::string_view text);

  // That which names most of the command; of several alike each is used once, in order, and the last again and again.
  // Null: none.
  const RedisReply* Choose(const std::vector<std::string>& command);

 private:
  std::vector<RedisReply> replies_;
};

// Whether a pattern's words ("*" at the end: whatever follows) are those of a command.
bool MatchesCommand(const std::vector<std::string>& pattern, bool any_more, const std::vector<std::string>& command);
// `GET "a b"`: words, quoted where they must be, and back. Parse fails where a quote is open.
std::string CommandText(const std::vector<std::string>& command);
Result<std::vector<std::string>> ParseCommandText(std::string_view line);

// Takes one command (an array of bulk strings) from the front of `bytes`.
enum class Taken : uint8_t { kCommand, kMore, kBroken };
Taken TakeCommand(std::string& bytes, std::vector<std::string>& command);

class MockRedis {
 public:
  explicit MockRedis(RedisScript script);
  ~MockRedis();
  MockRedis(const MockRedis&) = delete;
  MockRedis& operator=(const MockRedis&) = delete;

  uint16_t port() const { return port_; }  // 0: it could not listen
  struct Received {
    std::vector<std::string> command;
    bool answered;  // false: there was no reply for it (it gets an error)
  };
  // In the order of arrival, without what a connection begins with (AUTH, SELECT, PING) where no reply was written.
  std::vector<Received> Take() const;

 private:
  class Connection;
  void Accept();

  RedisScript script_;
  std::vector<Received> received_;
  int listening_ = -1, stop_ = -1;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;  // of all but the descriptors
  std::vector<std::unique_ptr<Connection>> connections_;
  std::thread acceptor_;
};

}  // namespace mg::tester
