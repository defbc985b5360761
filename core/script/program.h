// Program: the hooks of one generation on one loop. Runs a phase on a coroutine, tells the exchange how it ended, and
// keeps the loop's timers of scripts. Made by build.h on the control thread; everything else on its loop's thread.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "proxy/exchange.h"
#include "proxy/hook_program.h"
#include "script/unit.h"
#include "script/worker_threads.h"

namespace mg::script {

// What ngx.errlog keeps of the lines that this thread writes; 0: nothing (ffi/errlog.cc).
void CaptureErrorLog(size_t capacity);

class Program final : public proxy::HookProgram, public SchedulerOwner {
 public:
  struct Parts {
    std::shared_ptr<Chunks> chunks;           // outlives the VM
    std::shared_ptr<const config::Lua> conf;  // a copy: the VM may outlive the configuration
    std::shared_ptr<const Plan> plan;
    std::array<std::unique_ptr<Unit>, kVmKinds> units;  // null: nothing runs in that VM
    std::shared_ptr<WorkerThreads> worker_threads;      // the generation's
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
  Held Holds() const override { return {timers_running_, workers_running_, detached_logs_}; }

  // --- SchedulerOwner
  Filtered RunFilters(Context& context) override;
  Filtered EndOutput(Context& context) override;
  void OnWait(Context& context) override;
  void OnEnded(struct Run& run, Ending ending, int status) override;
  void OnError(const struct Run& run, const Coroutine& coroutine, const std::string& text) override;

  // --- for the surface
  // Null before Start.
  proxy::LoopContext* loop() { return loop_; }
  Canary* canary(uint32_t number) { return parts_.plan->canaries[number].get(); }
  // Null: there is none.
  Vm* vm(VmKind kind) const {
    const auto& unit = parts_.units[static_cast<size_t>(kind)];
    return unit ? unit->vm.get() : nullptr;
  }
  WorkerThreads& worker_threads() { return *parts_.worker_threads; }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  // The snapshot it belongs to; null before it is published.
  const proxy::Snapshot* snapshot() const;
  // What the program keeps for an exchange in a VM, made where it is not there yet.
  Context& ContextOf(proxy::Exchange& exchange, VmKind kind);
  // runtime.fire(id, premature) after `delay`, once or every so often. False: too many.
  bool StartTimer(VmKind vm, uint32_t id, Nanoseconds delay, bool every);
  size_t timers_pending() const { return timers_.size(); }
  size_t timers_running() const { return timers_running_; }

 private:
  struct ScriptTimer;

  Unit* UnitOf(VmKind kind) { return parts_.units[static_cast<size_t>(kind)].get(); }
  void ForgetContext(Context& context, const proxy::Exchange& exchange);
  bool CallOnAbort(Context& context);
  size_t Heap() const;
  proxy::HookStatus StartRun(proxy::Exchange& exchange, proxy::Phase phase, const Push& push);
  proxy::HookStatus RunFrom(uint32_t segment, proxy::Exchange& exchange, proxy::Phase phase, const Push& push);
  proxy::HookStatus StatusOf(proxy::Exchange& exchange, proxy::Phase phase, Ending ending, int status);
  void Fire(ScriptTimer& timer, bool premature);
  void Begin(Unit& unit);
  void StartDetached(Unit& unit, const Code& code, Context::Kind kind, const Push& push);
  void StartSource(uint32_t segment);
  void DetachLog(Context& context);
  void CutLogs();
  void EndDrain();
  void ReapIfIdle();
  void ReplaceSoon();
  void ReplaceCondemned();
  void Replace(VmKind kind);
  void MarkFailure(const struct Run& run, const Coroutine& coroutine);
  void TellCanaries(const proxy::Exchange& exchange, const Context& context);
  void EndContext(Scheduler& scheduler, Context& context);

  Parts parts_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  proxy::LoopContext* loop_ = nullptr;
  std::unordered_map<uint64_t, std::unique_ptr<ScriptTimer>> timers_;  // by VM and number
  size_t timers_running_ = 0, detached_logs_ = 0, workers_running_ = 0;
  bool replacing_ = false;              // condemned VMs, at the end of this turn
  bool exiting_ = false;                // retired
  std::vector<Context*> waiting_logs_;  // in the order they began to wait
  std::unique_ptr<net::Timer> log_cut_, drain_;
};

}  // namespace mg::script
