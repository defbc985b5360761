// Runner: one gateway in this process, and a block at a time on it: a generation of the block's own, its requests, what
// it expects. The tester's thread, which is the gateway's control thread too.
#pragma once

#include <set>
#include <string>

#include "observe/line_writer.h"
#include "server/gateway.h"
#include "tester/block.h"
#include "tester/client.h"
#include "tester/expectations.h"
#include "tester/fixture.h"
#include "tester/log_capture.h"
#include "tester/options.h"
#include "tester/report.h"
#include "tester/request_text.h"

namespace mg::tester {

class Runner {
 public:
  explicit Runner(const Options& options);

  // `file` is as the user named it: messages begin with it.
  Outcome Run(const std::string& file, const Block& block);
  // What the blocks' configurations were made of: scripts, certificates, ...
  const std::set<std::string>& files() const { return files_; }

 private:
  struct Attempt;
  void RunOnce(Attempt& attempt);
  bool Load(Attempt& attempt);
  // The time of that request of --- clock, where it has one.
  void SetClock(const Attempt& attempt, size_t request);
  void SendAndReceive(Attempt& attempt, RequestPlan& plan);
  void ReadAnswers(Attempt& attempt, const RequestPlan& plan, Client& client, Deadline deadline);
  void CheckAll(Attempt& attempt);
  // All access logs of the configuration go to one file of the block's own, which has nothing yet.
  void CaptureAccessLogs(config::Config& config);
  std::string AccessLog();
  // Until every loop has done what it had begun.
  void Settle();
  void Describe(const Attempt& attempt, Outcome& outcome) const;

  const Options& options_;
  LogCapture log_;  // first made, last destroyed: the gateway logs until its end
  observe::LineWriter access_log_;
  DeadPort dead_;
  TemporaryFolder folder_;
  RedisServer redis_;
  server::OwnSockets sockets_;
  server::Gateway gateway_;
  Nanoseconds clock_ = 0;  // what --- clock says now; 0: nothing
  std::set<std::string> files_;
};

}  // namespace mg::tester
