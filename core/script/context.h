// What runs Lua: a Context is a request, a timer or a worker's start; a Run is one phase of it; a Coroutine carries the
// phase's main function or a light thread. All are pooled by the Scheduler that owns them; one thread.
//
// What outlives a call (a timer, a reply that is due) keeps a Handle, never a pointer: a wake-up that comes too late
// finds another generation and does nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/list.h"
#include "net/loop.h"
#include "script/limits.h"
#include "script/meter.h"

struct lua_State;

namespace mg::proxy {
class Exchange;
class Handshake;
}  // namespace mg::proxy

namespace mg::script {

struct Context;
struct Run;

// A generation has two VMs on each loop: that of its scripts, and one of policies with `trusted: false`.
enum class VmKind : uint8_t { kTrusted, kUntrusted };
constexpr size_t kVmKinds = 2;

// What a coroutine waits for. Destroying it cancels it; it is destroyed, at the end of the loop's turn, when the
// coroutine is woken or killed. Cancel comes at once when it is killed, for what must not outlive the request.
class Operation : public net::Deferred {
 public:
  virtual void Cancel() {}
};

// Pushes the results of a wait on the stack of the coroutine; answers how many. Runs between runs, without limits.
using Push = std::function<int(lua_State*)>;

// Names one wait of a coroutine.
struct Handle {
  uint32_t scheduler = 0, slot = 0, generation = 0, wait = 0;
};

// What a context has beyond its runs (a cosocket). The end of the context is told; then it sees to its own destruction.
class Belonging : public ListNode<Context> {
 public:
  virtual ~Belonging() = default;
  virtual void ContextEnded() = 0;
  // Of the client's side of a request: more of the body has come, or it failed; all output was taken.
  virtual void BodyArrived() {}
  virtual void OutputDrained() {}
};

// The hooks that one route has in one phase, compiled in one VM.
struct Code {
  uint32_t phase = 0;  // MG_PHASE_*
  int runner = -2;     // registry reference of a function (from, ...) that calls the hooks from that index on
  std::vector<std::string> names;  // of the policies, in the order they run
  uint32_t steps = 1;              // functions, and what the runner does after the last (body filters)
  std::vector<Budget> budgets;     // of each function; the last stands for what comes after
  const Budget& BudgetOf(uint32_t step) const { return budgets[std::min<size_t>(step, budgets.size() - 1)]; }
  std::vector<PolicySeries> series;  // as `names`; empty: nothing is counted
};

struct Coroutine {
  enum class State : uint8_t { kIdle, kReady, kRunning, kWaiting, kDone };

  lua_State* L = nullptr;
  int ref = -2;
  uint32_t slot = 0, generation = 1;
  uint32_t wait = 0;  // counts its waits
  State state = State::kIdle;
  bool light = false;  // a script's thread: its state is not pooled
  bool ended_well = false;
  bool fresh = false;           // its first function has not begun
  lua_State* parent = nullptr;  // of a light thread: who spawned it; an identity, never used
  int arguments = 0;            // on its stack, for the next resume
  uint32_t policy = 0;          // index into Code::names
  Run* run = nullptr;
  std::unique_ptr<Operation> operation;
  std::vector<Coroutine*> joining;  // waits for the first of these to end
  bool woken_early = false;         // the operation ended before the coroutine yielded
  Push early;
};

enum class Ending : uint8_t { kNone, kReturned, kExit, kExec, kError, kAborted };

struct Run {
  Context* context = nullptr;
  const Code* code = nullptr;  // null: idle
  uint32_t phase = 0;          // MG_PHASE_* of the last code
  uint32_t segment = 0;        // what the program runs; its own
  Coroutine* main = nullptr;
  std::vector<Coroutine*> coroutines;  // main and the light threads
  std::vector<Coroutine*> ready;       // a queue; its front is the vector's back
  bool driving = false;
  Ending ending = Ending::kNone;
  int status = 0;     // with kExit
  bool exec = false;  // the exit is to another location
};

enum class Group : uint8_t { kEntry, kFilter, kLog, kCount };

struct Context {
  enum class Kind : uint8_t { kRequest, kTimer, kWorker, kHandshake };
  Kind kind = Kind::kRequest;
  VmKind vm = VmKind::kTrusted;
  Context* other = nullptr;  // of the same request, in the other VM
  uint32_t slot = 0;         // from 1
  uint32_t serial = 0;       // of all contexts of the loop; never 0
  bool live = false;
  bool keeps_state = false;  // Lua has something under the slot
  uint8_t jumps = 0;         // of the request, when a phase began last
  bool released = false;     // to be recycled when nothing on the stack uses it
  uint32_t uses = 0;
  proxy::Exchange* exchange = nullptr;
  proxy::Handshake* handshake = nullptr;
  std::array<Run, static_cast<size_t>(Group::kCount)> runs;
  std::vector<Handle> output_waiters, body_waiters;
  struct {
    uint64_t decided = 0, picked = 0, failed = 0;  // a bit a canary
  } canaries;
  enum class OnAbort : uint8_t { kNone, kSet, kCalled } on_abort = OnAbort::kNone;
  List<Belonging, Context> belongings;
  Belonging* downstream = nullptr;  // one of them: ngx.req.socket
  Nanoseconds cut_at = 0;           // a detached log phase is cut then; 0: no
};

}  // namespace mg::script
