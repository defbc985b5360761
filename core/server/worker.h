// The worker process: the control thread (signals, watched files, the control socket) and the gateway's loops.
#pragma once

#include <map>
#include <string>

#include "server/channel.h"

namespace mg::server {

struct WorkerOptions {
  std::string config_file;                       // as the user gave it
  std::map<std::string, std::string> last_good;  // files to fall back to when the ones on disk are refused
};

// Until told to stop; returns the process' exit code.
int RunWorker(const WorkerOptions& options, Channel& supervisor);

}  // namespace mg::server
