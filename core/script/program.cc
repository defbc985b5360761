#include "script/program.h"

#include "base/log.h"
#include "proxy/handshake.h"
#include "script/surface.h"

namespace mg::script {

using proxy::Exchange;
using proxy::HookStatus;
using proxy::OutputStatus;
using proxy::Phase;

namespace {

constexpr size_t kDetachedLogs = 10'000;
constexpr Nanoseconds kLogTime = 5'000'000'000;
constexpr int kClientClosed = 499;

Group GroupOf(Phase phase) {
  switch (phase) {
    case Phase::kHeaderFilter:
    case Phase::kBodyFilter: return Group::kFilter;
    case Phase::kLog: return Group::kLog;
    default: return Group::kEntry;
  }
}

Phase PhaseOf(uint32_t bit) {
  switch (bit) {
    case MG_PHASE_SERVER_REWRITE: return Phase::kServerRewrite;
    case MG_PHASE_SET: return Phase::kSet;
    case MG_PHASE_REWRITE: return Phase::kRewrite;
    case MG_PHASE_ACCESS: return Phase::kAccess;
    case MG_PHASE_BALANCER: return Phase::kBalance;
    case MG_PHASE_HEADER_FILTER: return Phase::kHeaderFilter;
    case MG_PHASE_BODY_FILTER: return Phase::kBodyFilter;
    case MG_PHASE_LOG: return Phase::kLog;
    default: return Phase::kContent;
  }
}

struct Run& RunOf(Context& context, Group group) {
  return context.runs[static_cast<size_t>(group)];
}

}  // namespace

// Owner: timers_. Fires on the loop.
struct Program::ScriptTimer {
  ScriptTimer(Program& p, net::Loop& loop, uint32_t number, Nanoseconds every_)
      : program(p), id(number), every(every_), timer(loop, OnDue, this) {}
  static void OnDue(void* self) {
    auto* timer = static_cast<ScriptTimer*>(self);
    timer->program.Fire(*timer, false);
  }
  Program& program;
  uint32_t id;
  Nanoseconds every;  // 0: once
  net::Timer timer;
};

Program::Program(Parts parts) : parts_(std::move(parts)) {
  parts_.vm->around.program = this;
  parts_.vm->PushRuntime("fire");
  fire_.runner = luaL_ref(parts_.vm->state(), LUA_REGISTRYINDEX);
  fire_.phase = MG_PHASE_TIMER;
  fire_.names = {"ngx.timer"};
  fire_.budget = {std::chrono::nanoseconds(parts_.conf->limits.cpu).count(), parts_.conf->limits.growth};
}

Program::~Program() {
  std::lock_guard lock(mailbox_->mutex);
  mailbox_->loop = nullptr;
}

const proxy::Snapshot* Program::snapshot() const {
  if (loop_ == nullptr) return nullptr;
  if (loop_->current && loop_->current->program.get() == this) return loop_->current->snapshot.get();
  for (const auto& generation : loop_->retired) {
    if (generation->program.get() == this) return generation->snapshot.get();
  }
  return nullptr;
}

// --- phases

Context& Program::ContextOf(Exchange& exchange) {
  if (exchange.script.state == nullptr) {
    exchange.script.state = &scheduler_->NewContext(Context::Kind::kRequest, &exchange);
  }
  return *static_cast<Context*>(exchange.script.state);
}

HookStatus Program::Run(Exchange& exchange, Phase phase) { return StartRun(exchange, phase, {}); }

namespace {
HookStatus HandshakeStatus(Ending ending, int status) {
  bool fine = status >= 0 && status < 300;  // ngx.exit(403) refuses as ngx.exit(ngx.ERROR) does
  bool refused = ending == Ending::kError || (ending == Ending::kExit && !fine);
  return refused ? HookStatus::kFailed : HookStatus::kDone;
}
}  // namespace

HookStatus Program::RunHandshake(proxy::Handshake& handshake, net::HandshakeStep step) {
  const Code* code = parts_.handshakes[handshake.listener][static_cast<size_t>(step)];
  if (code == nullptr) return HookStatus::kDone;
  if (handshake.script == nullptr) {
    Context& made = scheduler_->NewContext(Context::Kind::kHandshake, nullptr);
    made.handshake = &handshake;
    handshake.script = &made;
  }
  Scheduler::Outcome outcome = scheduler_->Start(*static_cast<Context*>(handshake.script), Group::kEntry, *code, {});
  return outcome.ended ? HandshakeStatus(outcome.ending, outcome.status) : HookStatus::kSuspended;
}

void Program::ReleaseHandshake(proxy::Handshake& handshake) {
  auto* context = static_cast<Context*>(handshake.script);
  handshake.script = nullptr;
  if (context != nullptr) scheduler_->Release(*context);
}

HookStatus Program::FilterBody(Exchange& exchange, std::string_view piece, bool last) {
  return StartRun(exchange, Phase::kBodyFilter, [piece, last](lua_State* L) {
    lua_pushlstring(L, piece.data(), piece.size());
    lua_pushboolean(L, last);
    return 2;
  });
}

HookStatus Program::StartRun(Exchange& exchange, Phase phase, const Push& push) {
  const Code* code = phase == Phase::kServerRewrite
                         ? parts_.server_rewrite[exchange.snapshot().TableFor(exchange.listener)->hook_block]
                         : parts_.routes[exchange.route->index][static_cast<size_t>(phase)];
  if (code == nullptr) return HookStatus::kDone;
  Context& context = ContextOf(exchange);
  if (context.jumps != exchange.in.jumps) ForgetContext(context, exchange);
  Scheduler::Outcome outcome = scheduler_->Start(context, GroupOf(phase), *code, push);
  if (!parts_.vm->around.exiting) loop_->counters.lua_heap.store(parts_.vm->limits().heap(), std::memory_order_relaxed);
  if (outcome.ended) return StatusOf(exchange, phase, outcome.ending, outcome.status);
  if (phase == Phase::kLog) DetachLog(context);
  return HookStatus::kSuspended;
}

// After an internal redirect (exec, an error page) ngx.ctx is another one.
void Program::ForgetContext(Context& context, const Exchange& exchange) {
  context.jumps = exchange.in.jumps;
  if (!context.keeps_state) return;
  lua_State* L = parts_.vm->state();
  parts_.vm->PushRuntime("states");
  lua_rawgeti(L, -1, static_cast<int>(context.slot));
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    lua_setfield(L, -2, "ctx");
  }
  lua_pop(L, 2);
}

// How the end of a run looks to the pipeline.
HookStatus Program::StatusOf(Exchange& exchange, Phase phase, Ending ending, int status) {
  bool filter = phase == Phase::kHeaderFilter || phase == Phase::kBodyFilter;
  switch (ending) {
    case Ending::kExec: return HookStatus::kRerouted;
    case Ending::kError:
      if (!filter && phase != Phase::kLog) exchange.Fail(500, "a policy failed");
      return phase == Phase::kLog ? HookStatus::kDone : HookStatus::kFailed;
    case Ending::kExit:
      if (phase == Phase::kLog) return HookStatus::kDone;
      if (status < 0) {  // ngx.ERROR
        if (!filter) exchange.Fail(500, "a policy ended the request with an error");
        return HookStatus::kFailed;
      }
      if (phase == Phase::kHeaderFilter && status >= 300 && !exchange.client_gone) {  // that is answered instead
        exchange.Fail(status, {});
        return HookStatus::kFailed;
      }
      if (filter) return HookStatus::kDone;
      if (!exchange.client_gone && status >= 200) exchange.ScriptExit(status);
      return HookStatus::kAnswered;
    default: break;
  }
  bool output = exchange.response.started && phase <= Phase::kAccess;
  return output ? HookStatus::kAnswered : HookStatus::kDone;
}

void Program::OnEnded(struct Run& run, Ending ending, int status) {
  Context& context = *run.context;
  if (context.kind == Context::Kind::kHandshake) return context.handshake->Finished(HandshakeStatus(ending, status));
  if (context.kind != Context::Kind::kRequest) {
    (context.kind == Context::Kind::kTimer ? timers_running_ : workers_running_)--;
    scheduler_->Release(context);
    return;
  }
  Phase phase = PhaseOf(run.phase);
  if (phase == Phase::kLog) {
    std::erase(waiting_logs_, &context);
    detached_logs_--;
  }
  Exchange& exchange = *context.exchange;
  exchange.HookFinished(phase, StatusOf(exchange, phase, ending, status));
}

proxy::HookProgram::AbortOutcome Program::Aborted(Exchange& exchange) {
  auto* context = static_cast<Context*>(exchange.script.state);
  if (context == nullptr) return AbortOutcome::kEnded;
  struct Run& entry = RunOf(*context, Group::kEntry);
  if (context->on_abort != Context::OnAbort::kNone && entry.code != nullptr && entry.ending == Ending::kNone) {
    if (context->on_abort == Context::OnAbort::kSet) {
      context->on_abort = Context::OnAbort::kCalled;
      loop_->loop.Defer([name = scheduler_->Name(*context)] { Scheduler::RunOnAbort(name); });
    }
    return AbortOutcome::kContinues;
  }
  if (parts_.vm->running() || entry.driving || RunOf(*context, Group::kFilter).driving) {
    // A call of its own has found the client gone: it ends when it waits next, as after ngx.exit.
    for (Group group : {Group::kEntry, Group::kFilter}) {
      struct Run& run = RunOf(*context, group);
      if (run.code == nullptr || run.ending != Ending::kNone) continue;
      run.ending = Ending::kExit;
      run.status = kClientClosed;
    }
    return AbortOutcome::kContinues;
  }
  scheduler_->Abort(entry);
  scheduler_->Abort(RunOf(*context, Group::kFilter));
  return AbortOutcome::kEnded;
}

void Program::Release(Exchange& exchange) {
  auto* context = static_cast<Context*>(exchange.script.state);
  exchange.script = {};
  if (context != nullptr) scheduler_->Release(*context);
}

void Program::BodyArrived(Exchange& exchange) {
  auto* context = static_cast<Context*>(exchange.script.state);
  if (context == nullptr) return;
  if (context->downstream != nullptr) return context->downstream->BodyArrived();
  bool failed = exchange.in.body_state == proxy::BodyState::kFailed;
  std::vector<Handle> waiters;
  waiters.swap(context->body_waiters);
  for (Handle handle : waiters) {
    Scheduler::Wake(handle, [failed](lua_State* L) {
      if (failed) {
        lua_pushnil(L);
        lua_pushliteral(L, "the request body could not be read");
        return 2;
      }
      lua_pushboolean(L, 1);
      return 1;
    });
  }
}

void Program::OutputDrained(Exchange& exchange) {
  auto* context = static_cast<Context*>(exchange.script.state);
  if (context == nullptr) return;
  if (context->downstream != nullptr) context->downstream->OutputDrained();
  std::vector<Handle> waiters;
  waiters.swap(context->output_waiters);
  for (Handle handle : waiters) {
    Scheduler::Wake(handle, [](lua_State* L) {
      lua_pushboolean(L, 1);
      return 1;
    });
  }
}

// --- what scripts ask through the scheduler

SchedulerOwner::Filtered Program::RunFilters(Context& context) {
  switch (context.exchange->RunOutputFilters()) {
    case HookStatus::kDone: return Filtered::kDone;
    case HookStatus::kSuspended: return Filtered::kWait;
    default: return Filtered::kFailed;
  }
}

SchedulerOwner::Filtered Program::EndOutput(Context& context) {
  switch (context.exchange->ScriptEnd()) {
    case OutputStatus::kFilter: return RunFilters(context);
    case OutputStatus::kWait: return Filtered::kWait;
    case OutputStatus::kClosed: return Filtered::kFailed;
    default: return Filtered::kDone;
  }
}

void Program::OnWait(Context& context) {
  Exchange* exchange = context.exchange;
  if (exchange == nullptr || !exchange->response.from_script || exchange->response.queued.empty()) return;
  exchange->RunOutputFilters();
}

void Program::OnError(const struct Run& run, const Coroutine& coroutine, const std::string& text) {
  const Code& code = *run.code;
  std::string where;
  if (coroutine.policy < code.names.size()) where = code.names[coroutine.policy];
  if (run.context->kind == Context::Kind::kRequest) {
    where = "policy \"" + where + "\" (" + std::string(proxy::PhaseName(PhaseOf(code.phase))) + " phase)";
  }
  if (coroutine.light) where += ", in a light thread";
  MG_LOG(kError, "{}: {}", where, text);
  proxy::Count(loop_->counters.hook_errors);
  bool timed_out = parts_.vm->limits().stopped() == Stopped::kTime;
  if (timed_out) proxy::Count(loop_->counters.hook_timeouts);
  if (coroutine.policy >= code.series.size() || loop_->metrics == nullptr) return;
  loop_->metrics->Add(code.series[coroutine.policy].errors);
  if (timed_out) loop_->metrics->Add(code.series[coroutine.policy].timeouts);
}

// --- the log phase, detached from the connections: at most so many wait, each for so long

void Program::DetachLog(Context& context) {
  detached_logs_++;
  if (waiting_logs_.size() >= kDetachedLogs) {
    Context& oldest = *waiting_logs_.front();
    oldest.cut_at = loop_->loop.Now();
  }
  context.cut_at = loop_->loop.Now() + kLogTime;
  waiting_logs_.push_back(&context);
  if (!log_cut_) {
    log_cut_ = std::make_unique<net::Timer>(
        loop_->loop, [](void* self) { static_cast<Program*>(self)->CutLogs(); }, this);
  }
  if (!log_cut_->armed() || log_cut_->due() > waiting_logs_.front()->cut_at)
    log_cut_->SetAt(waiting_logs_.front()->cut_at);
}

void Program::CutLogs() {
  Nanoseconds now = loop_->loop.Now();
  while (!waiting_logs_.empty() && waiting_logs_.front()->cut_at <= now) {
    Context& context = *waiting_logs_.front();
    waiting_logs_.erase(waiting_logs_.begin());
    detached_logs_--;
    struct Run& run = RunOf(context, Group::kLog);
    OnError(run, *run.main, "cut: it waited too long, or too many wait");
    scheduler_->Abort(run);
    context.exchange->HookFinished(Phase::kLog, HookStatus::kDone);
  }
  if (!waiting_logs_.empty()) log_cut_->SetAt(waiting_logs_.front()->cut_at);
}

// --- timers, the worker's start and end

void Program::StartDetached(const Code& code, Context::Kind kind, const Push& push) {
  Context& context = scheduler_->NewContext(kind, nullptr);
  size_t& running = kind == Context::Kind::kTimer ? timers_running_ : workers_running_;
  running++;
  if (!scheduler_->Start(context, Group::kEntry, code, push).ended) return;
  running--;
  scheduler_->Release(context);
}

bool Program::StartTimer(uint32_t id, Nanoseconds delay, bool every) {
  if (timers_.size() >= static_cast<size_t>(parts_.conf->timers.pending)) return false;
  auto timer = std::make_unique<ScriptTimer>(*this, loop_->loop, id, every ? delay : 0);
  timer->timer.SetAt(scheduler_->DueIn(delay));
  timers_.emplace(id, std::move(timer));
  return true;
}

void Program::Fire(ScriptTimer& timer, bool premature) {
  uint32_t id = timer.id;
  if (timer.every != 0 && !premature) {
    timer.timer.SetAt(scheduler_->DueIn(timer.every));
  } else {
    timers_.erase(id);
  }
  if (timers_running_ >= static_cast<size_t>(parts_.conf->timers.running)) {
    MG_LOG(kAlert, "{} lua_max_running_timers are not enough (lua.timers.running): a timer is left out",
           parts_.conf->timers.running);
    return;
  }
  StartDetached(fire_, Context::Kind::kTimer, [id, premature](lua_State* L) {
    lua_pushinteger(L, static_cast<lua_Integer>(id));
    lua_pushboolean(L, premature);
    return 2;
  });
}

void Program::Start(proxy::LoopContext& loop) {
  loop_ = &loop;
  parts_.vm->around.worker = loop.index;
  parts_.vm->around.workers = loop.count;
  scheduler_ = std::make_unique<Scheduler>(*parts_.vm, loop.loop, *this);
  {
    std::lock_guard lock(mailbox_->mutex);
    mailbox_->loop = &loop.loop;
  }
  CaptureErrorLog(parts_.conf->capture_error_log);
  parts_.vm->meter().SetShard(loop.metrics);
  loop.counters.lua_heap.store(parts_.vm->limits().heap(), std::memory_order_relaxed);
  if (parts_.init_worker.runner >= 0) StartDetached(parts_.init_worker, Context::Kind::kWorker, {});
}

void Program::Retire() {
  parts_.vm->around.exiting = true;
  std::vector<uint32_t> pending;
  for (const auto& [id, timer] : timers_) pending.push_back(id);
  for (uint32_t id : pending) {
    if (auto timer = timers_.find(id); timer != timers_.end()) Fire(*timer->second, true);
  }
  if (parts_.exit_worker.runner >= 0) StartDetached(parts_.exit_worker, Context::Kind::kWorker, {});
}

bool Program::Busy() const { return timers_running_ + detached_logs_ + workers_running_ > 0; }

}  // namespace mg::script
