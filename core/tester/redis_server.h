// RedisServer: a real redis-server for the blocks that ask for one, in a folder of its own on a port of its own.
// Started by the first block with --- redis, stopped with the run. The tester's thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mg::tester {

class RedisServer {
 public:
  // `folder` exists and is the server's to write to.
  explicit RedisServer(std::string folder) : folder_(std::move(folder)) {}
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // Starts it where that has not been tried. kNotFound: no redis-server is installed.
  Result<void> Start();
  uint16_t port() const { return port_; }

  // Empties it, scripts too, then runs the lines as commands (in the form that redis-cli reads without quotes).
  Result<void> Prepare(std::string_view commands);

 private:
  Result<void> Launch(const std::string& program);
  Result<void> Command(std::string_view line);

  std::string folder_;
  bool tried_ = false;
  Result<void> started_;
  pid_t pid_ = -1;
  int fd_ = -1;
  uint16_t port_ = 0;
};

}  // namespace mg::tester
