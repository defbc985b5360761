// Vm: one LuaJIT state with its limits, its libraries and the embedded runtime. Made on the control thread, then handed
// to its loop; one thread at a time. Knows nothing of requests: program.h runs hooks on it.
#pragma once

#include <luajit-2.1/lua.hpp>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "script/chunks.h"
#include "script/context.h"
#include "script/ffi/moongate_ffi.h"
#include "script/limits.h"
#include "script/meter.h"

namespace mg::store {
class SharedDict;
}
namespace mg::redis {
class Connections;
}

namespace mg::script {

class Program;
class PolicyObjects;
class Regexes;
class Semaphores;
class Pipes;

// What scripts see of the gateway beyond a request.
struct Surroundings {
  std::vector<std::shared_ptr<store::SharedDict>> dicts;  // those the configuration names, by name
  int worker = -1, workers = 1;                           // -1: no loop yet (init)
  std::string prefix;                                     // folder of the configuration, with a slash at its end
  const config::Config* config = nullptr;                 // while a generation is built: for names that must exist
  Program* program = nullptr;                             // null while a generation is built
  redis::Connections* redis = nullptr;      // of the loop; null while a generation is built, and in `check`
  bool exiting = false;                     // the generation has retired
  std::shared_ptr<Semaphores> semaphores;   // of scripts (semaphores.h); made by the Vm
  std::shared_ptr<Pipes> pipes;             // child processes of scripts (pipes.h); made by the Vm
  std::shared_ptr<PolicyObjects> policies;  // of bundled policies (policy_objects.h)
};

class Vm {
 public:
  // Opens the libraries, the surface and lua/moongate/runtime.lua. `conf` and `chunks` outlive the Vm.
  // An untrusted one then hands scripts what lua/moongate/sandbox.lua leaves of them.
  static Result<std::unique_ptr<Vm>> Create(VmKind kind, const config::Lua& conf, Chunks& chunks, Surroundings around);
  ~Vm();
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  lua_State* state() { return L_; }
  VmKind kind() const { return kind_; }
  Chunks& chunks() { return *chunks_; }
  mg_current& current() { return current_; }
  const config::Lua& conf() const { return conf_; }
  Limits& limits() { return limits_; }
  Stopped stopped() const { return limits_.stopped(); }
  // An allocation was refused to its C library: what that has left behind is not to be relied on.
  // Or Lua has raised an error where nothing of Lua's could catch it.
  bool condemned() const { return limits_.refused() || condemned_; }
  void Condemn() { condemned_ = true; }
  Meter& meter() { return meter_; }
  Surroundings around;
  // What surface calls return text in; valid until the next one.
  std::string& scratch() { return scratch_; }
  Regexes& regexes() { return *regexes_; }

  // Resumes a coroutine under the limits. The answer is lua_resume's.
  int Resume(lua_State* coroutine, int arguments, const Budget& budget);
  // Calls the function below its arguments on the main state, under the limits. False: the error's text, with a
  // traceback, replaces them.
  bool Call(int arguments, int results, const Budget& budget);
  // Whether Lua runs at this moment (then nothing may be resumed).
  bool running() const { return running_; }

  // The error on top of `coroutine` as text with a traceback, popped. Tells apart what the limits stopped.
  std::string ErrorText(lua_State* coroutine);

  // Pushes a function of the runtime's table (lua/moongate/runtime.lua).
  void PushRuntime(const char* name);
  // Compiled for scripts and policies: with strict globals where configured. The function is on top of the stack.
  void MakeStrict();

  // A full collection when the heap is near its cap. Between runs.
  void CollectIfNeeded();

 private:
  Vm(VmKind kind, const config::Lua& conf, Chunks& chunks, Surroundings surroundings);
  Result<void> Open();
  static int OpenProtected(lua_State* L);
  static void OpenSandbox(lua_State* L);

  const VmKind kind_;
  const config::Lua& conf_;
  Chunks* chunks_;
  Limits limits_;
  Meter meter_;
  lua_State* L_ = nullptr;
  mg_current current_{};
  std::string scratch_;
  std::unique_ptr<Regexes> regexes_;
  bool running_ = false;
  bool condemned_ = false;
  int runtime_ref_ = LUA_NOREF;
  size_t collect_at_ = SIZE_MAX;
};

}  // namespace mg::script
