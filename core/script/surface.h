// What the functions of the C surface (ffi/*.cc) find when Lua calls them: who runs on this thread right now.
#pragma once

#include <string_view>

#include "script/context.h"
#include "script/ffi/moongate_ffi.h"
#include "script/vm.h"

namespace mg::script {

class Scheduler;

struct Active {
  Vm* vm = nullptr;                     // never null while Lua runs
  Scheduler* scheduler = nullptr;       // null while a generation is built (init, a policy's load)
  Context* context = nullptr;           // null then, too
  Coroutine* coroutine = nullptr;       // null where nothing can wait
  proxy::Exchange* exchange = nullptr;  // null: no request
};

extern constinit thread_local Active t_active;

// Sets the VM for a stretch, and puts back what was before.
class ActiveVm {
 public:
  explicit ActiveVm(Vm* vm) : before_(t_active) { t_active.vm = vm; }
  ~ActiveVm() { t_active = before_; }
  ActiveVm(const ActiveVm&) = delete;
  ActiveVm& operator=(const ActiveVm&) = delete;

 private:
  Active before_;
};

inline std::string_view View(const char* data, size_t size) { return {data, size}; }
inline void Give(mg_string* out, std::string_view text) { *out = {text.data(), text.size()}; }
// Text that has no other home: in the VM's scratch.
inline void GiveScratch(mg_string* out, std::string text) {
  t_active.vm->scratch() = std::move(text);
  Give(out, t_active.vm->scratch());
}

// Whether the running code may wait: in a coroutine of a context.
inline bool CanWait() { return t_active.coroutine != nullptr; }

// Refers to each file of ffi/, so that the linker takes them in although only Lua, by name, calls them.
void LinkSurface();

}  // namespace mg::script
