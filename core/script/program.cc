#include "script/program.h"

#include "base/log.h"
#include "proxy/handshake.h"
#include "script/phases.h"
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

struct Run& RunOf(Context& context, Group group) {
  return context.runs[static_cast<size_t>(group)];
}

}  // namespace

// Owner: timers_. Fires on the loop.
struct Program::ScriptTimer {
  ScriptTimer(Program& p, net::Loop& loop, VmKind vm_, uint32_t number, Nanoseconds every_)
      : program(p), vm(vm_), id(number), every(every_), timer(loop, OnDue, this) {}
  static void OnDue(void* self) {
    auto* timer = static_cast<ScriptTimer*>(self);
    timer->program.Fire(*timer, false);
  }
  static uint64_t Key(VmKind vm, uint32_t id) { return static_cast<uint64_t>(vm) << 32 | id; }
  Program& program;
  VmKind vm;
  uint32_t id;
  Nanoseconds every;  // 0: once
  net::Timer timer;
};

Program::Program(Parts parts) : parts_(std::move(parts)) {
  for (const auto& unit : parts_.units) {
    if (unit) unit->vm->around.program = this;
  }
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

Context& Program::ContextOf(Exchange& exchange, VmKind kind) {
  auto* first = static_cast<Context*>(exchange.script.state);
  for (Context* known = first; known != nullptr; known = known->other) {
    if (known->vm == kind) return *known;
  }
  Context& context = UnitOf(kind)->scheduler->NewContext(Context::Kind::kRequest, &exchange);
  context.other = first;
  exchange.script.state = &context;
  return context;
}

HookStatus Program::Run(Exchange& exchange, Phase phase) { return StartRun(exchange, phase, {}); }

namespace {

// How a run ended by an error, in OpenResty's words.
std::string_view WhatFailed(uint32_t phase, bool light) {
  if (light) return "lua user thread aborted: runtime error: ";
  switch (phase) {
    case MG_PHASE_SET: return "failed to run set_by_lua*: ";
    case MG_PHASE_BALANCER: return "failed to run balancer_by_lua*: ";
    case MG_PHASE_HEADER_FILTER: return "failed to run header_filter_by_lua*: ";
    case MG_PHASE_BODY_FILTER: return "failed to run body_filter_by_lua*: ";
    case MG_PHASE_LOG: return "failed to run log_by_lua*: ";
    default: return "lua entry thread aborted: runtime error: ";
  }
}
HookStatus HandshakeStatus(Ending ending, int status) {
  bool fine = status >= 0 && status < 300;  // ngx.exit(403) refuses as ngx.exit(ngx.ERROR) does
  bool refused = ending == Ending::kError || (ending == Ending::kExit && !fine);
  return refused ? HookStatus::kFailed : HookStatus::kDone;
}
}  // namespace

HookStatus Program::RunHandshake(proxy::Handshake& handshake, net::HandshakeStep step) {
  uint32_t segment = parts_.plan->handshakes[handshake.listener][static_cast<size_t>(step)];
  if (segment == Plan::kNone) return HookStatus::kDone;
  Unit* unit = UnitOf(VmKind::kTrusted);
  if (unit == nullptr || unit->vm->condemned()) {
    ReplaceSoon();
    return HookStatus::kFailed;
  }
  if (handshake.script == nullptr) {
    Context& made = unit->scheduler->NewContext(Context::Kind::kHandshake, nullptr);
    made.handshake = &handshake;
    handshake.script = &made;
  }
  Context& context = *static_cast<Context*>(handshake.script);
  RunOf(context, Group::kEntry).segment = segment;
  Scheduler::Outcome outcome = unit->scheduler->Start(context, Group::kEntry, unit->codes[segment], {});
  return outcome.ended ? HandshakeStatus(outcome.ending, outcome.status) : HookStatus::kSuspended;
}

void Program::ReleaseHandshake(proxy::Handshake& handshake) {
  auto* context = static_cast<Context*>(handshake.script);
  handshake.script = nullptr;
  if (context != nullptr) UnitOf(context->vm)->scheduler->Release(*context);
}

HookStatus Program::FilterBody(Exchange& exchange, std::string_view piece, bool last) {
  return StartRun(exchange, Phase::kBodyFilter, [piece, last](lua_State* L) {
    lua_pushlstring(L, piece.data(), piece.size());
    lua_pushboolean(L, last);
    return 2;
  });
}

HookStatus Program::StartRun(Exchange& exchange, Phase phase, const Push& push) {
  uint32_t segment = phase == Phase::kServerRewrite
                         ? parts_.plan->server_rewrite[exchange.snapshot().TableFor(exchange.listener)->hook_block]
                         : parts_.plan->routes[exchange.route->index][static_cast<size_t>(phase)];
  if (segment == Plan::kNone) return HookStatus::kDone;
  HookStatus status = RunFrom(segment, exchange, phase, push);
  if (!exiting_) loop_->counters.lua_heap.store(Heap(), std::memory_order_relaxed);
  return status;
}

size_t Program::Heap() const {
  size_t bytes = 0;
  for (const auto& unit : parts_.units) bytes += unit ? unit->vm->limits().heap() : 0;
  return bytes;
}

// What one VM's body filters have let through is what the other's get.
static Push PieceOf(Exchange& exchange, Phase phase) {
  if (phase != Phase::kBodyFilter) return {};
  std::string piece = exchange.response.filtered.ToString();
  exchange.response.filtered.Clear();
  return [piece = std::move(piece), last = exchange.response.filtering_last](lua_State* L) {
    lua_pushlstring(L, piece.data(), piece.size());
    lua_pushboolean(L, last);
    return 2;
  };
}

HookStatus Program::RunFrom(uint32_t index, Exchange& exchange, Phase phase, const Push& push) {
  const Segment& segment = parts_.plan->segments[index];
  Unit* unit = UnitOf(segment.kind);
  if (unit == nullptr || unit->vm->condemned()) {
    ReplaceSoon();
    return StatusOf(exchange, phase, Ending::kError, 0);
  }
  Context& context = ContextOf(exchange, segment.kind);
  if (context.jumps != exchange.in.jumps) ForgetContext(context, exchange);
  RunOf(context, GroupOf(phase)).segment = index;
  Scheduler::Outcome outcome = unit->scheduler->Start(context, GroupOf(phase), unit->codes[index], push);
  if (!outcome.ended) {
    if (phase == Phase::kLog) DetachLog(context);
    return HookStatus::kSuspended;
  }
  if (outcome.ending == Ending::kReturned && segment.more) {
    return RunFrom(index + 1, exchange, phase, PieceOf(exchange, phase));
  }
  return StatusOf(exchange, phase, outcome.ending, outcome.status);
}

// After an internal redirect (exec, an error page) ngx.ctx is another one.
void Program::ForgetContext(Context& context, const Exchange& exchange) {
  context.jumps = exchange.in.jumps;
  if (!context.keeps_state) return;
  Vm& vm = *UnitOf(context.vm)->vm;
  lua_State* L = vm.state();
  vm.PushRuntime("states");
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
    UnitOf(context.vm)->scheduler->Release(context);
    return ReapIfIdle();
  }
  Phase phase = PhaseOf(run.phase);
  if (phase == Phase::kLog) {
    std::erase(waiting_logs_, &context);
    detached_logs_--;
  }
  Exchange& exchange = *context.exchange;
  if (ending == Ending::kReturned && parts_.plan->segments[run.segment].more) {
    HookStatus rest = RunFrom(run.segment + 1, exchange, phase, PieceOf(exchange, phase));
    if (rest != HookStatus::kSuspended) exchange.HookFinished(phase, rest);
    return;
  }
  exchange.HookFinished(phase, StatusOf(exchange, phase, ending, status));
}

// The callback of ngx.on_abort, once. False: there is none.
bool Program::CallOnAbort(Context& context) {
  const struct Run& entry = RunOf(context, Group::kEntry);
  if (context.on_abort == Context::OnAbort::kNone || entry.code == nullptr || entry.ending != Ending::kNone)
    return false;
  if (context.on_abort == Context::OnAbort::kSet) {
    context.on_abort = Context::OnAbort::kCalled;
    loop_->loop.Defer([name = UnitOf(context.vm)->scheduler->Name(context)] { Scheduler::RunOnAbort(name); });
  }
  return true;
}

proxy::HookProgram::AbortOutcome Program::Aborted(Exchange& exchange) {
  auto* first = static_cast<Context*>(exchange.script.state);
  bool busy = std::ranges::any_of(parts_.units, [](const auto& unit) { return unit && unit->vm->running(); });
  bool asked = false;  // a script has a callback for this
  for (Context* context = first; context != nullptr; context = context->other) {
    busy = busy || RunOf(*context, Group::kEntry).driving || RunOf(*context, Group::kFilter).driving;
    asked = CallOnAbort(*context) || asked;
  }
  if (asked) return AbortOutcome::kContinues;
  for (Context* context = first; context != nullptr; context = context->other) {
    for (Group group : {Group::kEntry, Group::kFilter}) {
      struct Run& run = RunOf(*context, group);
      if (!busy) {
        UnitOf(context->vm)->scheduler->Abort(run);
      } else if (run.code != nullptr && run.ending == Ending::kNone) {
        // A call of its own has found the client gone: it ends when it waits next, as after ngx.exit.
        run.ending = Ending::kExit;
        run.status = kClientClosed;
      }
    }
  }
  return busy && first != nullptr ? AbortOutcome::kContinues : AbortOutcome::kEnded;
}

void Program::Release(Exchange& exchange) {
  auto* context = static_cast<Context*>(exchange.script.state);
  exchange.script = {};
  while (context != nullptr) {
    Context* other = context->other;
    if (context->canaries.decided != 0) TellCanaries(exchange, *context);
    UnitOf(context->vm)->scheduler->Release(*context);
    context = other;
  }
}

void Program::TellCanaries(const Exchange& exchange, const Context& context) {
  Nanoseconds ended = MonotonicNow();  // the loop's clock stands still within a turn
  for (uint32_t number = 0; number < parts_.plan->canaries.size(); number++) {
    uint64_t bit = uint64_t{1} << number;
    if ((context.canaries.decided & bit) == 0) continue;
    bool is_new = (context.canaries.picked & bit) != 0, failed = (context.canaries.failed & bit) != 0;
    Nanoseconds time = std::max<Nanoseconds>(ended - exchange.timing.began, 0);
    bool given_up = canary(number)->Ended(is_new, failed, time);
    if (loop_->metrics == nullptr || number >= parts_.plan->canary_metrics.size()) continue;
    const Plan::CanaryMetrics& metrics = parts_.plan->canary_metrics[number];
    const CanarySeries& series = is_new ? metrics.new_script : metrics.old_script;
    loop_->metrics->Add(series.requests);
    loop_->metrics->Add(series.time, static_cast<uint64_t>(time));
    if (failed) loop_->metrics->Add(series.errors);
    if (given_up) loop_->metrics->Add(metrics.given_up);
  }
}

// An error of a policy with a canary counts for the script that the request has.
void Program::MarkFailure(const struct Run& run, const Coroutine& coroutine) {
  if (parts_.plan->canaries.empty() || run.context->kind != Context::Kind::kRequest) return;
  const Segment& segment = parts_.plan->segments[run.segment];
  if (coroutine.policy >= segment.hooks.size()) return;
  const auto& state = parts_.plan->instances[segment.hooks[coroutine.policy]].canary.state;
  if (!state) return;
  auto number = std::ranges::find(parts_.plan->canaries, state) - parts_.plan->canaries.begin();
  run.context->canaries.failed |= uint64_t{1} << number;
}

// Those of both contexts, taken before the first is woken: the request may end with it.
static std::vector<Handle> TakeWaiters(Exchange& exchange, std::vector<Handle> Context::*list) {
  std::vector<Handle> waiters;
  for (auto* context = static_cast<Context*>(exchange.script.state); context != nullptr; context = context->other) {
    waiters.insert(waiters.end(), (context->*list).begin(), (context->*list).end());
    (context->*list).clear();
  }
  return waiters;
}

void Program::BodyArrived(Exchange& exchange) {
  for (auto* context = static_cast<Context*>(exchange.script.state); context != nullptr; context = context->other) {
    if (context->downstream != nullptr) return context->downstream->BodyArrived();
  }
  bool failed = exchange.in.body_state == proxy::BodyState::kFailed;
  for (Handle handle : TakeWaiters(exchange, &Context::body_waiters)) {
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
  for (auto* context = static_cast<Context*>(exchange.script.state); context != nullptr; context = context->other) {
    if (context->downstream != nullptr) context->downstream->OutputDrained();
  }
  for (Handle handle : TakeWaiters(exchange, &Context::output_waiters)) {
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
  if (exchange->Collects()) return;
  exchange->RunOutputFilters();
}

void Program::OnError(const struct Run& run, const Coroutine& coroutine, const std::string& text) {
  const Code& code = *run.code;
  std::string where;
  if (coroutine.policy < code.names.size()) where = code.names[coroutine.policy];
  if (run.context->kind == Context::Kind::kRequest) {
    where = "policy \"" + where + "\" (" + std::string(proxy::PhaseName(PhaseOf(code.phase))) + " phase)";
  }
  MG_LOG(kError, "{}: {}{}", where, WhatFailed(code.phase, coroutine.light), text);
  proxy::Count(loop_->counters.hook_errors);
  const Vm& vm = *UnitOf(run.context->vm)->vm;
  bool timed_out = vm.stopped() == Stopped::kTime;
  if (timed_out) proxy::Count(loop_->counters.hook_timeouts);
  if (vm.condemned()) ReplaceSoon();
  MarkFailure(run, coroutine);
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
    UnitOf(context.vm)->scheduler->Abort(run);
    context.exchange->HookFinished(Phase::kLog, HookStatus::kDone);
  }
  if (!waiting_logs_.empty()) log_cut_->SetAt(waiting_logs_.front()->cut_at);
}

// --- timers, the worker's start and end

void Program::StartDetached(Unit& unit, const Code& code, Context::Kind kind, const Push& push) {
  Scheduler& scheduler = *unit.scheduler;
  Context& context = scheduler.NewContext(kind, nullptr);
  size_t& running = kind == Context::Kind::kTimer ? timers_running_ : workers_running_;
  running++;
  if (!scheduler.Start(context, Group::kEntry, code, push).ended) return;
  running--;
  scheduler.Release(context);
}

// The chunk of init_worker or exit_worker.
void Program::StartSource(uint32_t segment) {
  Unit* unit = UnitOf(VmKind::kTrusted);
  if (segment == Plan::kNone || unit == nullptr) return;
  StartDetached(*unit, unit->codes[segment], Context::Kind::kWorker, {});
}

bool Program::StartTimer(VmKind vm, uint32_t id, Nanoseconds delay, bool every) {
  if (timers_.size() >= static_cast<size_t>(parts_.conf->timers.pending)) return false;
  auto timer = std::make_unique<ScriptTimer>(*this, loop_->loop, vm, id, every ? delay : 0);
  timer->timer.SetAt(UnitOf(vm)->scheduler->DueIn(delay));
  timers_.emplace(ScriptTimer::Key(vm, id), std::move(timer));
  return true;
}

void Program::Fire(ScriptTimer& timer, bool premature) {
  uint32_t id = timer.id;
  Unit* unit = UnitOf(timer.vm);
  if (timer.every != 0 && !premature && unit != nullptr) {
    timer.timer.SetAt(unit->scheduler->DueIn(timer.every));
  } else {
    timers_.erase(ScriptTimer::Key(timer.vm, id));
  }
  if (timers_running_ >= static_cast<size_t>(parts_.conf->timers.running)) {
    MG_LOG(kAlert, "{} lua_max_running_timers are not enough (lua.timers.running): a timer is left out",
           parts_.conf->timers.running);
    return;
  }
  if (unit == nullptr || unit->vm->condemned()) return ReplaceSoon();
  StartDetached(*unit, unit->fire, Context::Kind::kTimer, [id, premature](lua_State* L) {
    lua_pushinteger(L, static_cast<lua_Integer>(id));
    lua_pushboolean(L, premature);
    return 2;
  });
}

void Program::Start(proxy::LoopContext& loop) {
  loop_ = &loop;
  {
    std::lock_guard lock(mailbox_->mutex);
    mailbox_->loop = &loop.loop;
  }
  CaptureErrorLog(parts_.conf->capture_error_log);
  for (const auto& unit : parts_.units) {
    if (unit) Begin(*unit);
  }
  loop.counters.lua_heap.store(Heap(), std::memory_order_relaxed);
  StartSource(parts_.plan->init_worker);
}

void Program::Begin(Unit& unit) {
  unit.vm->around.program = this;
  unit.vm->around.worker = loop_->index;
  unit.vm->around.workers = loop_->count;
  unit.vm->meter().SetShard(loop_->metrics);
  unit.scheduler = std::make_unique<Scheduler>(*unit.vm, loop_->loop, *this);
}

void Program::Retire() {
  exiting_ = true;
  for (const auto& unit : parts_.units) {
    if (unit) unit->vm->around.exiting = true;
  }
  std::vector<uint64_t> pending;
  for (const auto& [id, timer] : timers_) pending.push_back(id);
  for (uint64_t id : pending) {
    if (auto timer = timers_.find(id); timer != timers_.end()) Fire(*timer->second, true);
  }
  StartSource(parts_.plan->exit_worker);
  if (!Busy() && waiting_logs_.empty()) return;
  drain_ = std::make_unique<net::Timer>(
      loop_->loop, [](void* self) { static_cast<Program*>(self)->EndDrain(); }, this);
  drain_->SetAt(loop_->loop.Now() + std::chrono::nanoseconds(parts_.conf->drain).count());
}

// lua.drain is over: what goes on without a request ends.
void Program::EndDrain() {
  if (Busy()) {
    MG_LOG(kWarn, "lua.drain is over: {} timers, {} worker chunks and {} log phases of a replaced generation end",
           timers_running_, workers_running_, detached_logs_);
  }
  for (const auto& unit : parts_.units) {
    if (!unit) continue;
    for (Context* context : unit->scheduler->LiveContexts()) {
      bool alone = context->kind == Context::Kind::kTimer || context->kind == Context::Kind::kWorker;
      if (alone) EndContext(*unit->scheduler, *context);
    }
  }
  for (Context* context : waiting_logs_) context->cut_at = loop_->loop.Now();
  CutLogs();
  ReapIfIdle();
}

void Program::ReapIfIdle() {
  if (exiting_ && !Busy()) loop_->ReapSoon();
}

// --- VMs that can no longer be trusted

// At the end of the turn: its Lua may be on the stack now.
void Program::ReplaceSoon() {
  if (replacing_) return;
  replacing_ = true;
  loop_->loop.Defer([this, alive = std::weak_ptr(mailbox_)] {
    if (alive.expired()) return;
    replacing_ = false;
    ReplaceCondemned();
  });
}

void Program::ReplaceCondemned() {
  for (VmKind kind : {VmKind::kTrusted, VmKind::kUntrusted}) {
    Vm* old = vm(kind);
    if (old != nullptr && old->condemned()) Replace(kind);
  }
}

// Requests and timers that wait in the old VM end with an error; the new one is made as the first was.
void Program::Replace(VmKind kind) {
  const proxy::Snapshot* snapshot_now = snapshot();
  if (snapshot_now == nullptr) return;
  const config::Config& config = *snapshot_now->config;
  Unit& old = *UnitOf(kind);
  size_t lost = std::erase_if(timers_, [kind](const auto& timer) { return timer.second->vm == kind; });
  std::vector<Context*> contexts = old.scheduler->LiveContexts();
  for (Context* context : contexts) EndContext(*old.scheduler, *context);
  MG_LOG(kError,
         "a Lua VM ran out of memory inside a library and is replaced: {} requests and timers end, {} timers "
         "are lost",
         contexts.size(), lost);
  config::Diagnostics diagnostics;
  bool exiting = old.vm->around.exiting;
  auto made = MakeVm(kind, config, *parts_.conf, *parts_.chunks, old.vm->around, diagnostics);
  auto unit = made ? MakeUnit(*parts_.plan, config, std::move(made), diagnostics) : nullptr;
  parts_.units[static_cast<size_t>(kind)] = std::move(unit);
  Unit* fresh = UnitOf(kind);
  if (fresh == nullptr) {
    MG_LOG(kAlert, "the new Lua VM was refused, its policies fail until the next reload: {}", diagnostics.ToString());
    return;
  }
  Begin(*fresh);
  if (kind == VmKind::kTrusted && !exiting) StartSource(parts_.plan->init_worker);
}

void Program::EndContext(Scheduler& scheduler, Context& context) {
  if (!context.live || context.released) return;
  if (context.kind == Context::Kind::kHandshake) {
    proxy::Handshake& handshake = *context.handshake;
    bool waits = RunOf(context, Group::kEntry).code != nullptr;
    handshake.script = nullptr;
    scheduler.Release(context);
    if (waits) handshake.Finished(HookStatus::kFailed);
    return;
  }
  Exchange* exchange = context.exchange;
  if (exchange == nullptr) {
    bool waits = RunOf(context, Group::kEntry).code != nullptr;
    if (waits) (context.kind == Context::Kind::kTimer ? timers_running_ : workers_running_)--;
    scheduler.Release(context);
    return;
  }
  std::optional<Phase> waiting;  // a filter goes before the entry that waits for it
  for (Group group : {Group::kLog, Group::kFilter, Group::kEntry}) {
    if (!waiting && RunOf(context, group).code != nullptr) waiting = PhaseOf(RunOf(context, group).phase);
  }
  if (waiting == Phase::kLog) {
    std::erase(waiting_logs_, &context);
    detached_logs_--;
  }
  auto* first = static_cast<Context*>(exchange->script.state);
  if (first == &context) {
    exchange->script.state = context.other;
  } else if (first != nullptr) {
    first->other = nullptr;
  }
  scheduler.Release(context);
  if (waiting) exchange->HookFinished(*waiting, StatusOf(*exchange, *waiting, Ending::kError, 0));
}

bool Program::Busy() const { return timers_running_ + detached_logs_ + workers_running_ > 0; }

}  // namespace mg::script
