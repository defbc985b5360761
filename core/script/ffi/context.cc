// Who runs, how it ends, what it logs; the worker.
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "base/log.h"
#include "proxy/exchange.h"
#include "script/program.h"
#include "script/surface.h"

using mg::script::Give;
using mg::script::t_active;
using mg::script::View;

namespace {

// Statuses that are no answer but an end of the connection: they may come after one.
bool ClosesAnyway(int status) { return status == 408 || status == 444 || status == 499; }

// The level of ngx.log: 0 (STDERR) is written always, as an emergency.
mg::LogLevel LevelOf(int level) { return static_cast<mg::LogLevel>(level < 1 ? 1 : level > 8 ? 8 : level); }

}  // namespace

extern "C" {

mg_current* mg_context_current(void) noexcept { return &t_active.vm->current(); }

void mg_context_keep(void) noexcept {
  if (t_active.context != nullptr) t_active.context->keeps_state = true;
}

void mg_context_policy(uint32_t index) noexcept {
  if (t_active.coroutine == nullptr) return;
  t_active.coroutine->policy = index;
  t_active.vm->current().policy = index;
  t_active.vm->meter().Switch(index);
  t_active.vm->limits().Renew(t_active.coroutine->run->code->BudgetOf(index));
}

int mg_control_exit(int status) noexcept {
  if (t_active.coroutine == nullptr) return MG_ERROR;
  mg::script::Run& run = *t_active.coroutine->run;
  run.status = status;
  mg::proxy::Exchange* exchange = t_active.exchange;
  if (exchange == nullptr && t_active.context->handshake == nullptr) {
    run.status = MG_OK;  // a timer has nothing to answer
  } else if (exchange != nullptr && status >= 300 && !ClosesAnyway(status) && exchange->response.started &&
             (run.phase & (MG_PHASE_HEADER_FILTER | MG_PHASE_BODY_FILTER | MG_PHASE_LOG)) == 0 &&
             status != exchange->response.head.status) {
    return exchange->response.head.status;
  }
  return MG_OK;
}

int mg_control_exec(const char* path, size_t path_size, const char* query, size_t query_size) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  if (!t_active.exchange->Reroute(View(path, path_size), View(query, query_size))) return MG_ERROR;
  t_active.coroutine->run->exec = true;
  return MG_OK;
}

int mg_control_exec_named(const char* name, size_t size) noexcept {
  mg::proxy::Exchange* exchange = t_active.exchange;
  if (exchange == nullptr) return MG_NO_REQUEST;
  if (!exchange->snapshot().route_names.contains(View(name, size))) return MG_DECLINED;
  exchange->RerouteNamed(View(name, size));
  t_active.coroutine->run->exec = true;
  return MG_OK;
}

void mg_control_jump(void) noexcept {
  mg::proxy::Exchange* exchange = t_active.exchange;
  if (exchange == nullptr) return;
  exchange->in.jumps++;
  t_active.context->jumps = exchange->in.jumps;  // not an internal redirect: ngx.ctx stays
  t_active.coroutine->run->exec = true;
}

int mg_control_on_abort(void) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  if (t_active.exchange->IgnoresAbort()) return MG_DECLINED;
  t_active.context->on_abort = mg::script::Context::OnAbort::kSet;
  return MG_OK;
}

int mg_log_enabled(int level) noexcept { return mg::LogEnabled(LevelOf(level)); }

void mg_log_write(int level, const char* text, size_t size) noexcept { mg::LogLine(LevelOf(level), View(text, size)); }

int mg_worker_id(void) noexcept { return t_active.vm->around.worker; }
int mg_worker_count(void) noexcept { return t_active.vm->around.workers; }
int mg_worker_pid(void) noexcept { return static_cast<int>(getpid()); }
int mg_worker_exiting(void) noexcept { return t_active.vm->around.exiting; }
int mg_worker_master_pid(void) noexcept {
  static const int pid = [] {
    char own[PATH_MAX], parents[PATH_MAX];
    ssize_t own_size = readlink("/proc/self/exe", own, sizeof own);
    std::string parent = "/proc/" + std::to_string(getppid()) + "/exe";
    ssize_t parents_size = readlink(parent.c_str(), parents, sizeof parents);
    bool supervised =
        own_size > 0 && own_size == parents_size && memcmp(own, parents, static_cast<size_t>(own_size)) == 0;
    return static_cast<int>(supervised ? getppid() : getpid());
  }();
  return pid;
}
void mg_worker_stop(void) noexcept { kill(getpid(), SIGQUIT); }
void mg_worker_prefix(mg_string* out) noexcept { Give(out, t_active.vm->around.prefix); }

}  // extern "C"

namespace mg::script {
void LinkContext() {}
}  // namespace mg::script
