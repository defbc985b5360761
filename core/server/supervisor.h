// The supervisor: the process a user starts. It opens the listening sockets and keeps them open while workers come and
// go, starts the worker process, restarts it with back-off when it dies, passes signals on, and keeps the files of the
// last good generation in memory, so that a restart after a bad save serves those. It reads no configuration and no
// request.
#pragma once

#include <string>

namespace mg::server {

struct RunOptions {
  std::string config_file;
};

// Returns the exit code: 0 stopped, 1 the configuration was refused at start.
int RunSupervised(const RunOptions& options);

}  // namespace mg::server
