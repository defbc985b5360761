// Pipes: the child processes that the scripts of one VM have made (ngx.pipe), by number, with their standard streams.
// A child is watched through a pidfd on the loop, so no signal handler and no thread is needed, and it is always waited
// for: one that the script has dropped is killed, and reaped when it has ended.
//
// Owner: the Vm and, so that a wait may end after it, each wait. Thread: the VM's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "script/context.h"

namespace mg::script {

class Child;
class Scheduler;

struct ChildOptions {
  std::vector<std::string> command;
  bool has_environment = false;
  std::vector<std::string> environment;
  bool merge_stderr = false;
  size_t buffer_size = 4096;
};

class Pipes {
 public:
  // Its number, or what failed.
  Result<uint64_t> Spawn(const ChildOptions& options, net::Loop& loop);
  std::shared_ptr<Child> Find(uint64_t number) const;
  // The script has dropped it.
  void Free(uint64_t number);
  ~Pipes();

 private:
  std::unordered_map<uint64_t, std::shared_ptr<Child>> all_;
  uint64_t last_ = 0;
};

}  // namespace mg::script
