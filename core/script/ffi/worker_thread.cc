// ngx.run_worker_thread.
#include "script/worker_threads.h"

#include "proxy/exchange.h"
#include "script/program.h"
#include "script/surface.h"

using mg::script::t_active;
using mg::script::View;

extern "C" {

int mg_worker_thread_run(const mg_string* pool, const mg_string* module, const mg_string* function,
                         const mg_string* arguments, mg_string* error) noexcept {
  mg::script::Program* program = t_active.vm->around.program;
  if (program == nullptr || !mg::script::CanWait()) return MG_NO_REQUEST;
  auto text = [](const mg_string* from) { return std::string(View(from->data, from->size)); };
  mg::script::ThreadTask task{text(module), text(function), text(arguments), mg::script::Scheduler::BeginWait(nullptr),
                              program->mailbox()};
  const char* why = program->worker_threads().Run(text(pool), std::move(task));
  if (why == nullptr) return MG_AGAIN;
  mg::script::Give(error, why);
  return MG_ERROR;
}

}  // extern "C"

namespace mg::script {
void LinkWorkerThread() {}
}  // namespace mg::script
