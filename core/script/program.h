// Program: the hooks of one generation on one loop. Runs a phase on a coroutine, tells the exchange how it ended, and
// keeps the loop's timers of scripts. Made by build.h on the control thread; everything else on its loop's thread.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "proxy/exchange.h"
#include "proxy/hook_program.h"
#include "script/scheduler.h"
#include "script/vm.h"
#include "script/worker_threads.h"

namespace mg::script {

// The compiled hooks of a route, by phase; null: the phase has none.
using RouteCode = std::array<const Code*, static_cast<size_t>(proxy::Phase::kCount)>;

// What ngx.errlog keeps of the lines that this thread writes; 0: nothing (ffi/errlog.cc).
void CaptureErrorLog(size_t capacity);

class Program final : public proxy::HookProgram, public SchedulerOwner {
 public:
  struct Parts {
    std::shared_ptr<Chunks> chunks;           // outlives the VM
    std::shared_ptr<const config::Lua> conf;  // a copy: the VM may outlive the configuration
    std::unique_ptr<Vm> vm;
    std::deque<Code> codes;                   // routes with the same hooks share one
    std::vector<RouteCode> routes;            // by RouteEntry::index
    std::vector<const Code*> server_rewrite;  // by RouteTable::hook_block; null: none
    // By listener and step of its TLS handshakes; null: none.
    std::vector<std::array<const Code*, 2>> handshakes;
    Code init_worker, exit_worker;                  // without runner: none
    std::shared_ptr<WorkerThreads> worker_threads;  // the generation's
  };
  explicit Program(Parts parts);
  ~Program() override;

  // --- proxy::HookProgram
  proxy::HookStatus Run(proxy::Exchange& exchange, proxy::Phase phase) override;
  proxy::HookStatus RunHandshake(proxy::Handshake& handshake, net::HandshakeStep step) override;
  void ReleaseHandshake(proxy::Handshake& handshake) override;
  proxy::HookStatus FilterBody(proxy::Exchange& exchange, std::string_view piece, bool last) override;
  AbortOutcome Aborted(proxy::Exchange& exchange) override;
  void Release(proxy::Exchange& exchange) override;
  void BodyArrived(proxy::Exchange& exchange) override;
  void OutputDrained(proxy::Exchange& exchange) override;
  void Start(proxy::LoopContext& loop) override;
  void Retire() override;
  bool Busy() const override;

  // --- SchedulerOwner
  Filtered RunFilters(Context& context) override;
  Filtered EndOutput(Context& context) override;
  void OnWait(Context& context) override;
  void OnEnded(struct Run& run, Ending ending, int status) override;
  void OnError(const struct Run& run, const Coroutine& coroutine, const std::string& text) override;

  // --- for the surface
  // Null before Start.
  proxy::LoopContext* loop() { return loop_; }
  Scheduler& scheduler() { return *scheduler_; }
  WorkerThreads& worker_threads() { return *parts_.worker_threads; }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  // The snapshot it belongs to; null before it is published.
  const proxy::Snapshot* snapshot() const;
  // What the program keeps for an exchange, made where it is not there yet.
  Context& ContextOf(proxy::Exchange& exchange);
  // runtime.fire(id, premature) after `delay`, once or every so often. False: too many.
  bool StartTimer(uint32_t id, Nanoseconds delay, bool every);
  size_t timers_pending() const { return timers_.size(); }
  size_t timers_running() const { return timers_running_; }

 private:
  struct ScriptTimer;

  void ForgetContext(Context& context, const proxy::Exchange& exchange);
  proxy::HookStatus StartRun(proxy::Exchange& exchange, proxy::Phase phase, const Push& push);
  proxy::HookStatus StatusOf(proxy::Exchange& exchange, proxy::Phase phase, Ending ending, int status);
  void Fire(ScriptTimer& timer, bool premature);
  void StartDetached(const Code& code, Context::Kind kind, const Push& push);
  void DetachLog(Context& context);
  void CutLogs();

  Parts parts_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  proxy::LoopContext* loop_ = nullptr;
  std::unique_ptr<Scheduler> scheduler_;
  Code fire_;
  std::unordered_map<uint32_t, std::unique_ptr<ScriptTimer>> timers_;
  size_t timers_running_ = 0, detached_logs_ = 0, workers_running_ = 0;
  std::vector<Context*> waiting_logs_;  // in the order they began to wait
  std::unique_ptr<net::Timer> log_cut_;
};

}  // namespace mg::script
