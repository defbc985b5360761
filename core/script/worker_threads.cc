#include "script/worker_threads.h"

#include <system_error>
#include <thread>

#include "script/scheduler.h"

namespace mg::script {
namespace {

constexpr size_t kMostQueued = 65536;
constexpr Budget kTaskBudget{60'000'000'000, 0};  // CPU time of one task; its memory is the VM's

}  // namespace

WorkerThreads::WorkerThreads(std::shared_ptr<const config::Lua> conf, std::shared_ptr<Chunks> chunks,
                             Surroundings around)
    : shared_(std::make_shared<const Shared>(std::move(conf), std::move(chunks), std::move(around))) {
  for (const auto& [name, most] : shared_->conf->worker_threads) {
    pools_[name] = std::make_shared<Pool>();
    pools_[name]->most = most;
  }
}

WorkerThreads::~WorkerThreads() {
  for (auto& [name, pool] : pools_) {
    std::lock_guard lock(pool->mutex);
    pool->stopping = true;
    pool->tasks.clear();
    pool->changed.notify_all();
  }
}

const char* WorkerThreads::Run(const std::string& name, ThreadTask task) {
  auto found = pools_.find(name);
  if (found == pools_.end()) return "thread pool not found";
  Pool& pool = *found->second;
  std::lock_guard lock(pool.mutex);
  if (pool.tasks.size() >= kMostQueued) return "thread pool queue is full";
  if (static_cast<size_t>(pool.idle) <= pool.tasks.size() && pool.threads < pool.most) {
    try {
      std::thread([shared = shared_, pool = found->second] { Work(shared, pool); }).detach();
      pool.threads++;
    } catch (const std::system_error&) {
      if (pool.threads == 0) return "no thread could be started";
    }
  }
  pool.tasks.push_back(std::move(task));
  pool.changed.notify_one();
  return nullptr;
}

void WorkerThreads::Work(const std::shared_ptr<const Shared>& shared, const std::shared_ptr<Pool>& pool) {
  std::unique_ptr<Vm> vm;
  std::unique_lock lock(pool->mutex);
  for (;;) {
    pool->idle++;
    pool->changed.wait(lock, [&] { return pool->stopping || !pool->tasks.empty(); });
    pool->idle--;
    if (pool->stopping) break;
    ThreadTask task = std::move(pool->tasks.front());
    pool->tasks.pop_front();
    lock.unlock();
    Perform(*shared, vm, task);
    lock.lock();
  }
  pool->threads--;
}

void WorkerThreads::Perform(const Shared& shared, std::unique_ptr<Vm>& vm, ThreadTask& task) {
  if (!vm) {
    auto made = Vm::Create(VmKind::kTrusted, *shared.conf, *shared.chunks, shared.around);
    if (!made) return Answer(task, false, made.error().message);
    vm = std::move(*made);
  }
  lua_State* L = vm->state();
  vm->PushRuntime("run_task");
  for (const std::string& text : {task.module, task.function, task.arguments}) {
    lua_pushlstring(L, text.data(), text.size());
  }
  bool ran = vm->Call(3, 2, kTaskBudget);
  size_t size = 0;
  const char* text = lua_tolstring(L, -1, &size);
  bool ok = ran && lua_toboolean(L, -2) != 0;
  Answer(task, ok, text != nullptr ? std::string(text, size) : "an error that is not a text");
  lua_settop(L, 0);
  vm->CollectIfNeeded();
  if (vm->limits().stopped() != Stopped::kNo) vm.reset();  // it may be left in the middle of anything
}

void WorkerThreads::Answer(ThreadTask& task, bool ok, std::string text) {
  std::lock_guard lock(task.from->mutex);
  if (task.from->loop == nullptr) return;
  task.from->loop->Post([handle = task.handle, ok, text = std::move(text)] {
    Scheduler::Wake(handle, [ok, text](lua_State* L) {
      lua_pushboolean(L, ok);
      lua_pushlstring(L, text.data(), text.size());
      return 2;
    });
  });
}

}  // namespace mg::script
