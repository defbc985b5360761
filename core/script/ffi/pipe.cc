// Child processes of scripts.
#include <signal.h>

#include <algorithm>
#include <cstring>

#include "proxy/exchange.h"
#include "script/child.h"
#include "script/program.h"
#include "script/surface.h"

using mg::script::Child;
using mg::script::GiveScratch;
using mg::script::t_active;
using mg::script::View;

namespace {

std::shared_ptr<Child> Find(double number) { return t_active.vm->around.pipes->Find(static_cast<uint64_t>(number)); }

int Refuse(mg_string* error, const char* why) {
  GiveScratch(error, why);
  return MG_ERROR;
}

// 0: never.
mg::Nanoseconds Timeout(double milliseconds) {
  return static_cast<mg::Nanoseconds>(std::min(milliseconds, 1e12) * 1e6);
}

std::vector<std::string> Texts(const mg_string* texts, int count) {
  std::vector<std::string> out;
  for (int i = 0; i < count; i++) out.emplace_back(View(texts[i].data, texts[i].size));
  return out;
}

}  // namespace

extern "C" {

double mg_pipe_spawn(const mg_string* command, int count, const mg_string* environment, int variables, int merge_stderr,
                     double buffer_size, mg_string* error) noexcept {
  mg::script::Program* program = t_active.vm->around.program;
  if (program == nullptr || program->loop() == nullptr) return Refuse(error, "no event loop yet");
  mg::script::ChildOptions options;
  options.command = Texts(command, count);
  options.has_environment = variables >= 0;
  options.environment = Texts(environment, variables);
  options.merge_stderr = merge_stderr != 0;
  options.buffer_size = static_cast<size_t>(std::clamp(buffer_size, 1.0, 1048576.0));
  auto number = t_active.vm->around.pipes->Spawn(options, program->loop()->loop);
  if (number) return static_cast<double>(*number);
  return Refuse(error, number.error().message.c_str());
}

void mg_pipe_free(double number) noexcept { t_active.vm->around.pipes->Free(static_cast<uint64_t>(number)); }

int mg_pipe_pid(double number) noexcept {
  auto child = Find(number);
  return child ? child->pid() : -1;
}

void mg_pipe_timeout(double number, int stream, double milliseconds) noexcept {
  if (auto child = Find(number)) child->set_timeout(static_cast<Child::Stream>(stream), Timeout(milliseconds));
}

int mg_pipe_kill(double number, int signal, mg_string* error) noexcept {
  auto child = Find(number);
  if (!child || child->exited()) return Refuse(error, "exited");
  int failed = child->Kill(signal);
  if (failed == 0) return MG_OK;
  return Refuse(error, failed == EINVAL ? "invalid signal" : failed == ESRCH ? "exited" : strerrordesc_np(failed));
}

int mg_pipe_close(double number, int stream, mg_string* error) noexcept {
  auto child = Find(number);
  if (child && stream == Child::kErr && child->merged()) return Refuse(error, "merged to stdout");
  if (!child || child->exited()) return Refuse(error, "closed");
  child->Close(static_cast<Child::Stream>(stream));
  return MG_OK;
}

int mg_pipe_write(double number, const char* data, size_t size, mg_string* error) noexcept {
  auto child = Find(number);
  if (!child || child->exited() || child->closed(Child::kIn)) return Refuse(error, "closed");
  if (child->busy(Child::kIn)) return Refuse(error, "pipe busy writing");
  child->Write(std::string(data, size), *t_active.scheduler);
  return MG_AGAIN;
}

int mg_pipe_read(double number, int stream, int how, double size, mg_string* error) noexcept {
  auto child = Find(number);
  auto from = static_cast<Child::Stream>(stream);
  if (child && from == Child::kErr && child->merged()) return Refuse(error, "merged to stdout");
  if (!child || child->closed(from)) return Refuse(error, "closed");
  if (child->busy(from)) return Refuse(error, "pipe busy reading");
  child->ReadFrom(from, static_cast<Child::Read>(how), static_cast<size_t>(std::min(size, 1e15)), *t_active.scheduler);
  return MG_AGAIN;
}

int mg_pipe_wait(double number, mg_string* error) noexcept {
  auto child = Find(number);
  if (!child || child->waited_for()) return Refuse(error, "exited");
  if (child->busy(Child::kEnd)) return Refuse(error, "pipe busy waiting");
  child->WaitForEnd(*t_active.scheduler);
  return MG_AGAIN;
}

}  // extern "C"

namespace mg::script {
void LinkPipe() {}
}  // namespace mg::script
