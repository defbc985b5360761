// Scheduler: resumes the coroutines of a VM until each waits or has ended. Light threads, users' own coroutines and
// exits all come down to what a coroutine yields: a private token and an operation (MG_OP_*), passed up through users'
// coroutines by lua/moongate/coroutines.lua. A yield without the token is a script's own at top level: it goes on when
// the others that are ready have had their turn, and sockets theirs.
//
// Owner: a Program. Thread: its loop's.
#pragma once

#include <memory>
#include <vector>

#include "script/context.h"
#include "script/vm.h"

namespace mg::script {

// What the scheduler asks of whoever knows requests.
class SchedulerOwner {
 public:
  virtual ~SchedulerOwner() = default;
  // Results for a coroutine that asked for the output filters to run, or the response to end. kWait: it is woken later.
  enum class Filtered : uint8_t { kDone, kWait, kFailed };
  virtual Filtered RunFilters(Context& context) = 0;
  virtual Filtered EndOutput(Context& context) = 0;
  // A coroutine of the context waits now: what it has made so far goes out.
  virtual void OnWait(Context& context) = 0;
  // A run that had suspended has ended; it is finished already (Scheduler::Finish).
  virtual void OnEnded(Run& run, Ending ending, int status) = 0;
  // An error that ends a run or a light thread, to be logged and counted.
  virtual void OnError(const Run& run, const Coroutine& coroutine, const std::string& text) = 0;
};

class Scheduler {
 public:
  // What coroutines yield first when they speak to the scheduler.
  static void* Token();

  Scheduler(Vm& vm, net::Loop& loop, SchedulerOwner& owner);
  ~Scheduler();

  Context& NewContext(Context::Kind kind, proxy::Exchange* exchange);
  // Ends all its runs without a word to the owner; recycled once nothing on the stack uses it.
  void Release(Context& context);

  // Begins a run of `code` at its first function; `push` adds arguments after the index. True: it has ended already,
  // with `ending` and `status` set; false: suspended.
  struct Outcome {
    bool ended;
    Ending ending;
    int status;
  };
  Outcome Start(Context& context, Group group, const Code& code, const Push& push = {});
  // Ends a run: cancels what its coroutines wait for. No OnEnded comes.
  void Abort(Run& run);

  // Resumes the coroutine with what `push` pushes, if it still waits. Inside Lua (an operation that ended at once) it
  // is put off until the coroutine has yielded. Whatever the run does next happens within this call.
  static void Wake(Handle handle, Push push = {});
  // Whether the coroutine still waits for what the handle names.
  static bool Waits(Handle handle);
  // The running coroutine as a handle; for operations that are about to begin. `operation` may be null.
  static Handle BeginWait(std::unique_ptr<Operation> operation);
  static void SetOperation(Handle handle, std::unique_ptr<Operation> operation);

  // Makes the running coroutine wait for a time.
  void Sleep(Nanoseconds duration);
  // When a timer that is set now is due.
  Nanoseconds DueIn(Nanoseconds duration);

  // The client has gone and the context has a callback for that: runs it as a light thread of the entry run.
  static void RunOnAbort(Handle context);
  // Names a context rather than a wait: its slot, its serial as the generation.
  Handle Name(const Context& context) const { return {id_, context.slot, context.serial, 0}; }

  std::vector<Context*> LiveContexts() const;
  size_t contexts() const { return live_contexts_; }
  Vm& vm() { return vm_; }
  net::Loop& loop() { return loop_; }

 private:
  class SleepOperation;

  Handle NewWait(Coroutine& coroutine);
  Coroutine& TakeCoroutine();
  Coroutine& TakeSlot();
  void Mark(Coroutine& coroutine, const char* as);
  void GiveCoroutine(Coroutine& coroutine);
  void DropOperation(std::unique_ptr<Operation> operation);
  void Prepare(Run& run, uint32_t from, const Push& push);
  void Go(Run& run);
  bool Drive(Run& run);  // true: it has ended (see run.ending)
  void Resume(Run& run, Coroutine& coroutine);
  void Panic(Run& run, Coroutine& coroutine);
  void Yielded(Run& run, Coroutine& coroutine);
  void Ended(Run& run, Coroutine& coroutine, bool well);
  void Exited(Run& run);
  void Filter(Run& run, Coroutine& coroutine, bool end);
  void Spawn(Run& run, Coroutine& coroutine);
  Coroutine& AddThread(Run& run, lua_State* holder, uint32_t policy, int arguments);
  void Refuse(Run& run, Coroutine& coroutine, const char* why, bool raise);
  void Join(Run& run, Coroutine& coroutine);
  void Kill(Run& run, Coroutine& coroutine);
  void WakeJoiners(Run& run, Coroutine& ended);
  void GiveResults(Run& run, Coroutine& ended, Coroutine& joiner);
  void Remove(Run& run, Coroutine& coroutine);
  static Coroutine* FindThread(Run& run, lua_State* L, int index);
  void DropCoroutines(Run& run);
  Outcome Finish(Run& run);
  void Leave(Context& context);
  void Recycle(Context& context);
  void WakeNow(Coroutine& coroutine, const Push& push);
  Coroutine* Find(Handle handle);
  static Scheduler* Of(uint32_t id);

  Vm& vm_;
  net::Loop& loop_;
  SchedulerOwner& owner_;
  uint32_t id_;
  std::vector<std::unique_ptr<Context>> contexts_;
  std::vector<Context*> free_contexts_;
  std::vector<std::unique_ptr<Coroutine>> coroutines_;
  std::vector<Coroutine*> idle_;        // with a state that can run again
  std::vector<Coroutine*> free_slots_;  // without one
  size_t live_contexts_ = 0;
  int owners_ref_ = LUA_NOREF;                  // of coroutines.lua's table, once it was needed
  Nanoseconds last_set_at_ = 0, set_then_ = 0;  // timers set in this turn
};

}  // namespace mg::script
