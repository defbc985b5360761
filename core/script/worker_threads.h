// WorkerThreads: the pools of ngx.run_worker_thread of one generation (lua.worker_threads). Each thread has a VM of its
// own, made when its first task comes; arguments and results cross as text (string.buffer's encoding). A task that is
// dropped by who asked for it runs to its end, unheard; one may use so much CPU time (kMostCpu), then it is stopped.
//
// Owner: the generation's Programs. Threads: Run on any loop, the rest on the pools' own.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "script/context.h"
#include "script/vm.h"

namespace mg::script {

// The way back to a loop, as long as there is one.
struct Mailbox {
  std::mutex mutex;
  net::Loop* loop = nullptr;  // null: its program has gone
};

struct ThreadTask {
  std::string module, function, arguments;
  Handle handle;  // woken with true and the results' text, or false and an error
  std::shared_ptr<Mailbox> from;
};

class WorkerThreads {
 public:
  // `around` is what each VM sees: dictionaries, prefix.
  WorkerThreads(std::shared_ptr<const config::Lua> conf, std::shared_ptr<Chunks> chunks, Surroundings around);
  ~WorkerThreads();  // what runs is left to its end
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  // Null: the task will be answered; else why not.
  const char* Run(const std::string& pool, ThreadTask task);

 private:
  struct Shared {
    std::shared_ptr<const config::Lua> conf;
    std::shared_ptr<Chunks> chunks;
    Surroundings around;
  };
  struct Pool {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<ThreadTask> tasks;
    int threads = 0, idle = 0, most = 0;
    bool stopping = false;
  };
  static void Work(const std::shared_ptr<const Shared>& shared, const std::shared_ptr<Pool>& pool);
  static void Perform(const Shared& shared, std::unique_ptr<Vm>& vm, ThreadTask& task);
  static void Answer(ThreadTask& task, bool ok, std::string text);

  std::shared_ptr<const Shared> shared_;
  std::map<std::string, std::shared_ptr<Pool>> pools_;
};

}  // namespace mg::script
