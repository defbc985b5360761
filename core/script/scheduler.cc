#include "script/scheduler.h"

#include <fmt/format.h>

#include "proxy/exchange.h"
#include "script/phases.h"
#include "script/surface.h"

extern "C" void lua_resetthread(lua_State* L, lua_State* thread) __attribute__((weak));  // OpenResty's LuaJIT has it

namespace mg::script {
namespace {

thread_local std::vector<Scheduler*> t_schedulers;
thread_local uint32_t t_next_id = 1;
thread_local uint32_t t_next_serial = 1;

constexpr size_t kIdleCoroutines = 1024;

// Null: nobody wants to know.
proxy::TracedRun* TracedOf(const Run& run) {
  const proxy::Exchange* exchange = run.context->exchange;
  if (exchange == nullptr || !exchange->trace) [[likely]]
    return nullptr;
  return &exchange->trace->RunOf(run.code, PhaseOf(run.code->phase), run.code->names);
}

std::string DecisionOf(const Run& run) {
  switch (run.ending) {
    case Ending::kExit:
      return run.status < 0 ? "ended with ngx.ERROR" : fmt::format("ended with status {}", run.status);
    case Ending::kExec: return "went to another route";
    case Ending::kError: return "failed";
    default: return run.code->phase == MG_PHASE_CONTENT ? "made the answer" : "passed on";
  }
}

}  // namespace

constinit thread_local Active t_active;

// Fires once on the loop; cancelled by its destruction.
class Scheduler::SleepOperation final : public Operation {
 public:
  SleepOperation(net::Loop& loop, Nanoseconds due) : timer_(loop, OnDue, this) { timer_.SetAt(due); }
  void SetHandle(Handle handle) { handle_ = handle; }

 private:
  static void OnDue(void* self) { Wake(static_cast<SleepOperation*>(self)->handle_); }
  Handle handle_;
  net::Timer timer_;
};

void* Scheduler::Token() {
  static char token;
  return &token;
}

Scheduler::Scheduler(Vm& vm, net::Loop& loop, SchedulerOwner& owner)
    : vm_(vm), loop_(loop), owner_(owner), id_(t_next_id++) {
  t_schedulers.push_back(this);
}

Scheduler::~Scheduler() {
  std::erase(t_schedulers, this);
  for (auto& context : contexts_) {
    if (context->live) Release(*context);
  }
}

Scheduler* Scheduler::Of(uint32_t id) {
  for (Scheduler* scheduler : t_schedulers) {
    if (scheduler->id_ == id) return scheduler;
  }
  return nullptr;
}

// --- contexts

Context& Scheduler::NewContext(Context::Kind kind, proxy::Exchange* exchange) {
  if (free_contexts_.empty()) {
    contexts_.push_back(std::make_unique<Context>());
    contexts_.back()->slot = static_cast<uint32_t>(contexts_.size());
    free_contexts_.push_back(contexts_.back().get());
  }
  Context& context = *free_contexts_.back();
  free_contexts_.pop_back();
  context.kind = kind;
  context.vm = vm_.kind();
  context.other = nullptr;
  context.canaries = {};
  context.live = true;
  context.exchange = exchange;
  context.serial = t_next_serial == 0 ? ++t_next_serial : t_next_serial;
  t_next_serial++;
  for (Run& run : context.runs) run.context = &context;
  live_contexts_++;
  return context;
}

void Scheduler::Release(Context& context) {
  if (!context.live || context.released) return;
  context.released = true;
  context.exchange = nullptr;
  context.handshake = nullptr;
  for (Run& run : context.runs) Abort(run);
  while (Belonging* belonging = context.belongings.PopFront()) belonging->ContextEnded();
  context.downstream = nullptr;
  if (context.uses == 0) Recycle(context);
}

void Scheduler::Leave(Context& context) {
  if (--context.uses == 0 && context.released) Recycle(context);
}

void Scheduler::Recycle(Context& context) {
  if (context.keeps_state) {
    vm_.PushRuntime("states");
    lua_pushnil(vm_.state());
    lua_rawseti(vm_.state(), -2, static_cast<int>(context.slot));
    lua_pop(vm_.state(), 1);
  }
  context.keeps_state = false;
  context.jumps = 0;
  context.live = false;
  context.released = false;
  context.cut_at = 0;
  context.on_abort = Context::OnAbort::kNone;
  context.output_waiters.clear();
  context.body_waiters.clear();
  live_contexts_--;
  free_contexts_.push_back(&context);
}

std::vector<Context*> Scheduler::LiveContexts() const {
  std::vector<Context*> live;
  for (const auto& context : contexts_) {
    if (context->live && !context->released) live.push_back(context.get());
  }
  return live;
}

// --- coroutines

Coroutine& Scheduler::TakeCoroutine() {
  if (!idle_.empty()) {
    Coroutine& coroutine = *idle_.back();
    idle_.pop_back();
    return coroutine;
  }
  Coroutine& coroutine = TakeSlot();
  coroutine.L = lua_newthread(vm_.state());
  coroutine.ref = luaL_ref(vm_.state(), LUA_REGISTRYINDEX);
  Mark(coroutine, "main");
  return coroutine;
}

Coroutine& Scheduler::TakeSlot() {
  if (free_slots_.empty()) {
    coroutines_.push_back(std::make_unique<Coroutine>());
    coroutines_.back()->slot = static_cast<uint32_t>(coroutines_.size() - 1);
    free_slots_.push_back(coroutines_.back().get());
  }
  Coroutine& coroutine = *free_slots_.back();
  free_slots_.pop_back();
  return coroutine;
}

// What lua/moongate/coroutines.lua knows the coroutine as: scripts never resume what the scheduler resumes.
// `as` null: as dead, which allocates nothing (a script's call may have led here).
void Scheduler::Mark(Coroutine& coroutine, const char* as) {
  lua_State* L = vm_.state();
  if (owners_ref_ == LUA_NOREF) {
    vm_.PushRuntime("owners");
    owners_ref_ = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, owners_ref_);
  lua_rawgeti(L, LUA_REGISTRYINDEX, coroutine.ref);
  if (as != nullptr) {
    lua_pushstring(L, as);
  } else {
    lua_pushboolean(L, 1);
  }
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

// A state that ended well runs again as it is; one that was left in the middle (an exit) where this LuaJIT can reset
// it.
void Scheduler::GiveCoroutine(Coroutine& coroutine) {
  bool failed = coroutine.state == Coroutine::State::kDone && !coroutine.ended_well;
  bool left = coroutine.state != Coroutine::State::kDone;
  bool pooled = !coroutine.light && !failed && idle_.size() < kIdleCoroutines && (!left || lua_resetthread != nullptr);
  if (pooled && left) lua_resetthread(vm_.state(), coroutine.L);
  coroutine.generation++;
  coroutine.state = Coroutine::State::kIdle;
  coroutine.run = nullptr;
  if (coroutine.light) Mark(coroutine, nullptr);
  coroutine.woken_early = coroutine.ended_well = coroutine.light = false;
  coroutine.parent = nullptr;
  coroutine.policy = 0;
  coroutine.joining.clear();
  coroutine.early = nullptr;
  std::unique_ptr<Operation> operation = std::move(coroutine.operation);
  if (pooled) {
    lua_settop(coroutine.L, 0);
    idle_.push_back(&coroutine);
  } else {
    luaL_unref(vm_.state(), LUA_REGISTRYINDEX, coroutine.ref);
    coroutine.L = nullptr;
    coroutine.ref = LUA_NOREF;
    free_slots_.push_back(&coroutine);
  }
  DropOperation(std::move(operation));
}

void Scheduler::DropOperation(std::unique_ptr<Operation> operation) {
  if (!operation) return;
  operation->Cancel();
  loop_.DestroyLater(std::move(operation));
}

Coroutine* Scheduler::Find(Handle handle) {
  if (handle.slot >= coroutines_.size()) return nullptr;
  Coroutine* coroutine = coroutines_[handle.slot].get();
  return coroutine->generation == handle.generation && coroutine->wait == handle.wait ? coroutine : nullptr;
}

// --- runs

Scheduler::Outcome Scheduler::Start(Context& context, Group group, const Code& code, const Push& push) {
  Run& run = context.runs[static_cast<size_t>(group)];
  MG_CHECK(run.code == nullptr && !vm_.running());
  run.code = &code;
  run.phase = code.phase;
  run.ending = Ending::kNone;
  run.exec = false;
  run.status = 0;
  Prepare(run, 0, push);
  if (!Drive(run)) return {false, Ending::kNone, 0};
  return Finish(run);
}

// A main coroutine that is ready to call the hooks from `from` on.
void Scheduler::Prepare(Run& run, uint32_t from, const Push& push) {
  Coroutine& coroutine = TakeCoroutine();
  coroutine.run = &run;
  coroutine.policy = from;
  coroutine.state = Coroutine::State::kReady;
  coroutine.fresh = true;
  lua_rawgeti(coroutine.L, LUA_REGISTRYINDEX, run.code->runner);
  lua_pushinteger(coroutine.L, static_cast<lua_Integer>(from) + 1);
  coroutine.arguments = 1 + (push ? push(coroutine.L) : 0);
  run.main = &coroutine;
  run.coroutines.push_back(&coroutine);
  run.ready.push_back(&coroutine);
}

bool Scheduler::Drive(Run& run) {
  if (run.driving) return false;  // a call further down the stack goes on
  run.driving = true;
  run.context->uses++;
  while (run.ending == Ending::kNone && !run.ready.empty()) {
    Coroutine& coroutine = *run.ready.back();
    run.ready.pop_back();
    // What is done to a coroutine between its runs is not under a pcall: LuaJIT's errors come up to here.
    try {
      Resume(run, coroutine);
    } catch (...) {
      Panic(run, coroutine);
    }
  }
  run.driving = false;
  if (run.ending == Ending::kNone &&
      std::ranges::all_of(run.coroutines, [](Coroutine* c) { return c->state == Coroutine::State::kDone; })) {
    run.ending = Ending::kReturned;
  }
  if (run.ending == Ending::kNone) Leave(*run.context);
  return run.ending != Ending::kNone;
}

// After Drive has answered true.
Scheduler::Outcome Scheduler::Finish(Run& run) {
  Outcome outcome{true, run.ending, run.status};
  if (proxy::TracedRun* traced = TracedOf(run)) [[unlikely]]
    traced->Ended(run.main != nullptr ? run.main->policy : run.code->steps - 1, DecisionOf(run));
  DropCoroutines(run);
  run.code = nullptr;
  vm_.CollectIfNeeded();
  Leave(*run.context);
  return outcome;
}

void Scheduler::DropCoroutines(Run& run) {
  for (Coroutine* coroutine : run.coroutines) {
    GiveCoroutine(*coroutine);
  }
  run.coroutines.clear();
  run.ready.clear();
  run.main = nullptr;
}

void Scheduler::Abort(Run& run) {
  if (run.code == nullptr) return;
  run.ending = Ending::kAborted;
  if (run.driving) return;  // Drive ends it when Lua comes back
  DropCoroutines(run);
  run.code = nullptr;
}

void Scheduler::Resume(Run& run, Coroutine& coroutine) {
  Context& context = *run.context;
  coroutine.state = Coroutine::State::kRunning;
  mg_current& current = vm_.current();
  current = {run.code->phase, context.slot, context.exchange != nullptr, coroutine.policy, context.serial};
  Active before = t_active;
  t_active.scheduler = this;
  t_active.context = &context;
  t_active.coroutine = &coroutine;
  t_active.exchange = context.exchange;
  bool fresh = std::exchange(coroutine.fresh, false);
  proxy::TracedRun* traced = TracedOf(run);
  if (!run.code->series.empty() || traced != nullptr)
    vm_.meter().Begin(run.code->series, coroutine.policy, fresh, traced);
  int status = vm_.Resume(coroutine.L, coroutine.arguments, run.code->BudgetOf(coroutine.policy));
  vm_.meter().End();
  t_active = before;
  coroutine.arguments = 0;
  if (status == LUA_YIELD) {
    Yielded(run, coroutine);
  } else {
    Ended(run, coroutine, status == 0);
  }
}

void Scheduler::Panic(Run& run, Coroutine& coroutine) {
  vm_.Condemn();
  vm_.meter().Forget();
  coroutine.state = Coroutine::State::kDone;
  coroutine.ended_well = false;
  if (run.ending == Ending::kNone) owner_.OnError(run, coroutine, "a Lua error outside of Lua (its stack is full?)");
  run.ending = Ending::kError;
}

void Scheduler::Yielded(Run& run, Coroutine& coroutine) {
  lua_State* L = coroutine.L;
  coroutine.state = Coroutine::State::kWaiting;
  if (run.ending != Ending::kNone) return;  // aborted meanwhile
  if (lua_touserdata(L, 1) != Token()) {
    lua_settop(L, 0);
    loop_.Defer([handle = NewWait(coroutine)] { Wake(handle); });
    owner_.OnWait(*run.context);
    return;
  }
  switch (lua_tointeger(L, 2)) {
    case MG_OP_WAIT:
      lua_settop(L, 0);
      if (coroutine.woken_early) {
        coroutine.woken_early = false;
        Push push = std::move(coroutine.early);
        coroutine.early = nullptr;
        WakeNow(coroutine, push);
      } else {
        if (proxy::TracedRun* traced = TracedOf(run)) [[unlikely]]
          traced->Waits(coroutine.policy);
        owner_.OnWait(*run.context);
      }
      return;
    case MG_OP_EXIT: return Exited(run);
    case MG_OP_FILTER: return Filter(run, coroutine, false);
    case MG_OP_END: return Filter(run, coroutine, true);
    case MG_OP_SPAWN: return Spawn(run, coroutine);
    case MG_OP_JOIN: return Join(run, coroutine);
    case MG_OP_KILL: return Kill(run, coroutine);
    default: MG_CHECK(false);
  }
}

void Scheduler::Ended(Run& run, Coroutine& coroutine, bool well) {
  coroutine.state = Coroutine::State::kDone;
  coroutine.ended_well = well;
  if (coroutine.light) Mark(coroutine, "zombie");
  if (well && &coroutine == run.main) {
    lua_settop(coroutine.L, 0);
    return;
  }
  if (!well) {
    if (coroutine.light) lua_pushvalue(coroutine.L, -1);  // one for ngx.thread.wait
    std::string text = vm_.ErrorText(coroutine.L);
    if (run.ending == Ending::kNone) owner_.OnError(run, coroutine, text);
    if (proxy::TracedRun* traced = TracedOf(run)) [[unlikely]]
      traced->Failed(coroutine.policy, text);
    if (&coroutine == run.main) {
      // In the log phase one policy's error does not cost the next its log line.
      if (run.code->phase == MG_PHASE_LOG) {
        run.status = 0;
        return Exited(run);
      }
      run.ending = Ending::kError;
      return;
    }
    lua_insert(coroutine.L, 1);
    lua_settop(coroutine.L, 1);
  }
  WakeJoiners(run, coroutine);
}

// ngx.exit and ngx.exec. OK and DECLINED end the function of one policy: the next one's begins on a new coroutine.
void Scheduler::Exited(Run& run) {
  if (run.exec || (run.status != MG_OK && run.status != MG_DECLINED)) {
    run.ending = run.exec ? Ending::kExec : Ending::kExit;
    return;
  }
  uint32_t next = run.main->policy + 1;
  DropCoroutines(run);
  run.status = 0;
  if (next < run.code->steps) {
    Prepare(run, next, {});
  } else {
    run.ending = Ending::kReturned;
  }
}

// --- output

void Scheduler::Filter(Run& run, Coroutine& coroutine, bool end) {
  lua_settop(coroutine.L, 0);
  Handle handle = NewWait(coroutine);
  Context& context = *run.context;
  auto filtered = end ? owner_.EndOutput(context) : owner_.RunFilters(context);
  if (Find(handle) == nullptr || run.ending != Ending::kNone) return;  // the request has ended in there
  switch (filtered) {
    case SchedulerOwner::Filtered::kWait: context.output_waiters.push_back(handle); return;
    case SchedulerOwner::Filtered::kDone:
      lua_pushboolean(coroutine.L, 1);
      coroutine.arguments = 1;
      break;
    case SchedulerOwner::Filtered::kFailed:
      lua_pushnil(coroutine.L);
      lua_pushliteral(coroutine.L, "filter failed");
      coroutine.arguments = 2;
      break;
  }
  coroutine.state = Coroutine::State::kReady;
  run.ready.push_back(&coroutine);
}

// --- light threads: as OpenResty has them, only the coroutine that spawned a thread waits for it or kills it

// token, operation, thread (its function on its stack), who spawns, arguments...: the thread runs at once, the spawner
// after whatever is ready.
void Scheduler::Spawn(Run& run, Coroutine& coroutine) {
  lua_State* L = coroutine.L;
  lua_State* thread = lua_tothread(L, 3);
  lua_State* parent = lua_tothread(L, 4);
  int arguments = lua_gettop(L) - 4;
  lua_xmove(L, thread, arguments);
  lua_settop(L, 3);
  lua_replace(L, 1);  // the thread itself is what the spawner is resumed with
  lua_settop(L, 1);
  coroutine.arguments = 1;
  coroutine.state = Coroutine::State::kReady;
  run.ready.insert(run.ready.begin(), &coroutine);
  lua_pushvalue(L, 1);
  AddThread(run, L, coroutine.policy, arguments).parent = parent;
}

// The thread on top of `holder` (popped), with its function and arguments on its stack, is the next to run.
Coroutine& Scheduler::AddThread(Run& run, lua_State* holder, uint32_t policy, int arguments) {
  Coroutine& child = TakeSlot();
  child.L = lua_tothread(holder, -1);
  child.ref = luaL_ref(holder, LUA_REGISTRYINDEX);
  child.light = true;
  child.run = &run;
  child.policy = policy;
  child.arguments = arguments;
  child.state = Coroutine::State::kReady;
  run.coroutines.push_back(&child);
  run.ready.push_back(&child);
  return child;
}

Coroutine* Scheduler::FindThread(Run& run, lua_State* L, int index) {
  lua_State* thread = lua_tothread(L, index);
  for (Coroutine* each : run.coroutines) {
    if (each->light && each->L == thread) return each;
  }
  return nullptr;
}

// Resumes with nil and why not; or, with `raise`, with the token, for the wrapper to raise it.
void Scheduler::Refuse(Run& run, Coroutine& coroutine, const char* why, bool raise) {
  lua_settop(coroutine.L, 0);
  if (raise) {
    lua_pushlightuserdata(coroutine.L, Token());
  } else {
    lua_pushnil(coroutine.L);
  }
  lua_pushstring(coroutine.L, why);
  coroutine.arguments = 2;
  coroutine.state = Coroutine::State::kReady;
  run.ready.push_back(&coroutine);
}

// token, operation, who waits, threads...: resumed with true and the results of the first that ends, or false and its
// error.
void Scheduler::Join(Run& run, Coroutine& coroutine) {
  lua_State* L = coroutine.L;
  lua_State* parent = lua_tothread(L, 3);
  int count = lua_gettop(L);
  std::vector<Coroutine*> threads;
  for (int i = 4; i <= count; i++) {
    Coroutine* thread = FindThread(run, L, i);
    if (thread == nullptr) return Refuse(run, coroutine, "already waited or killed", false);
    if (thread->parent != parent) {
      return Refuse(run, coroutine, "only the parent coroutine can wait on the thread", true);
    }
    threads.push_back(thread);
  }
  lua_settop(L, 0);
  for (Coroutine* thread : threads) {
    if (thread->state == Coroutine::State::kDone) return GiveResults(run, *thread, coroutine);
  }
  coroutine.joining = std::move(threads);
  owner_.OnWait(*run.context);
}

void Scheduler::WakeJoiners(Run& run, Coroutine& ended) {
  for (Coroutine* each : run.coroutines) {
    if (each->state == Coroutine::State::kWaiting && std::ranges::find(each->joining, &ended) != each->joining.end()) {
      return GiveResults(run, ended, *each);
    }
  }
}

// The results on the stack of an ended thread become those of the wait; the thread is gone afterwards.
void Scheduler::GiveResults(Run& run, Coroutine& ended, Coroutine& joiner) {
  int results = lua_gettop(ended.L);
  lua_pushboolean(joiner.L, ended.ended_well);
  lua_checkstack(joiner.L, results);
  lua_xmove(ended.L, joiner.L, results);
  joiner.arguments = results + 1;
  joiner.joining.clear();
  joiner.state = Coroutine::State::kReady;
  run.ready.push_back(&joiner);
  Remove(run, ended);
}

void Scheduler::Remove(Run& run, Coroutine& coroutine) {
  std::erase(run.coroutines, &coroutine);
  std::erase(run.ready, &coroutine);
  for (Coroutine* each : run.coroutines) std::erase(each->joining, &coroutine);
  GiveCoroutine(coroutine);
}

// token, operation, who kills, thread: resumed with 1, or nil and why not.
void Scheduler::Kill(Run& run, Coroutine& coroutine) {
  lua_State* L = coroutine.L;
  lua_State* parent = lua_tothread(L, 3);
  Coroutine* thread = FindThread(run, L, 4);
  if (thread == nullptr) return Refuse(run, coroutine, "already waited or killed", false);
  if (thread->parent != parent) return Refuse(run, coroutine, "killer not parent", false);
  bool ended = thread->state == Coroutine::State::kDone;
  Remove(run, *thread);
  if (ended) return Refuse(run, coroutine, "already terminated", false);
  lua_settop(L, 0);
  lua_pushinteger(L, 1);
  coroutine.arguments = 1;
  coroutine.state = Coroutine::State::kReady;
  run.ready.push_back(&coroutine);
}

// --- waits

Handle Scheduler::BeginWait(std::unique_ptr<Operation> operation) {
  Coroutine& coroutine = *t_active.coroutine;
  Handle handle = t_active.scheduler->NewWait(coroutine);
  coroutine.operation = std::move(operation);
  return handle;
}

// A wait that was begun and never yielded for (the yield was refused inside a C callback) is cancelled here.
Handle Scheduler::NewWait(Coroutine& coroutine) {
  coroutine.wait++;
  coroutine.woken_early = false;
  DropOperation(std::move(coroutine.operation));
  return {id_, coroutine.slot, coroutine.generation, coroutine.wait};
}

void Scheduler::SetOperation(Handle handle, std::unique_ptr<Operation> operation) {
  Scheduler* scheduler = Of(handle.scheduler);
  Coroutine* coroutine = scheduler != nullptr ? scheduler->Find(handle) : nullptr;
  if (coroutine != nullptr) coroutine->operation = std::move(operation);
}

bool Scheduler::Waits(Handle handle) {
  Scheduler* scheduler = Of(handle.scheduler);
  Coroutine* coroutine = scheduler != nullptr ? scheduler->Find(handle) : nullptr;
  return coroutine != nullptr && coroutine->state == Coroutine::State::kWaiting;
}

// Timers of equal length fire in the order they were set: a nanosecond apart within a turn.
Nanoseconds Scheduler::DueIn(Nanoseconds duration) {
  Nanoseconds now = loop_.Now();
  if (now != last_set_at_) set_then_ = 0;
  last_set_at_ = now;
  return now + duration + ++set_then_;
}

// For no time at all: when everybody else who is ready has had a turn, and what was set to go off at once has.
void Scheduler::Sleep(Nanoseconds duration) {
  bool set_before = set_then_ != 0 && last_set_at_ == loop_.Now();
  if (duration == 0 && !set_before) {
    loop_.Defer([handle = BeginWait(nullptr)] { Wake(handle); });
    return;
  }
  auto sleep = std::make_unique<SleepOperation>(loop_, DueIn(duration));
  SleepOperation& operation = *sleep;
  operation.SetHandle(BeginWait(std::move(sleep)));
}

// The callback of ngx.on_abort, a thread that Lua keeps: it runs beside what waits.
void Scheduler::RunOnAbort(Handle name) {
  Scheduler* scheduler = Of(name.scheduler);
  if (scheduler == nullptr) return;
  Context& context = *scheduler->contexts_[name.slot - 1];
  if (context.serial != name.generation || !context.live || context.released) return;
  Run& run = context.runs[static_cast<size_t>(Group::kEntry)];
  if (run.code == nullptr || run.ending != Ending::kNone || run.driving) return;
  lua_State* L = scheduler->vm_.state();
  scheduler->vm_.PushRuntime("states");
  lua_rawgeti(L, -1, static_cast<int>(context.slot));
  lua_getfield(L, -1, "on_abort");
  scheduler->AddThread(run, L, run.main->policy, 0);
  lua_pop(L, 2);
  scheduler->Go(run);
}

void Scheduler::Wake(Handle handle, Push push) {
  Scheduler* scheduler = Of(handle.scheduler);
  Coroutine* coroutine = scheduler != nullptr ? scheduler->Find(handle) : nullptr;
  if (coroutine == nullptr) return;
  if (coroutine->state == Coroutine::State::kRunning) {
    coroutine->woken_early = true;
    coroutine->early = std::move(push);
    return;
  }
  if (coroutine->state != Coroutine::State::kWaiting) return;
  if (scheduler->vm_.running()) {  // another coroutine's call has ended this one's wait
    scheduler->loop_.Defer([handle, push = std::move(push)] { Wake(handle, push); });
    return;
  }
  scheduler->WakeNow(*coroutine, push);
  scheduler->Go(*coroutine->run);
}

// Drives a run that has suspended; tells the owner if that ends it.
void Scheduler::Go(Run& run) {
  if (!Drive(run)) return;
  run.context->uses++;  // for OnEnded, which may release the context
  Outcome outcome = Finish(run);
  if (outcome.ending != Ending::kAborted) owner_.OnEnded(run, outcome.ending, outcome.status);
  Leave(*run.context);
}

void Scheduler::WakeNow(Coroutine& coroutine, const Push& push) {
  coroutine.wait++;  // whoever else would end this wait comes too late
  if (coroutine.operation) loop_.DestroyLater(std::move(coroutine.operation));
  try {
    coroutine.arguments = push ? push(coroutine.L) : 0;
  } catch (...) {
    return Panic(*coroutine.run, coroutine);
  }
  coroutine.state = Coroutine::State::kReady;
  coroutine.run->ready.push_back(&coroutine);
}

}  // namespace mg::script
