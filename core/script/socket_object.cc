#include "script/socket_object.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "script/scheduler.h"

namespace mg::script {

namespace {

// By slot, from 1. A slot's generation counts its objects.
struct Slot {
  SocketObject* object = nullptr;
  uint32_t generation = 0;
};
thread_local std::vector<Slot> t_slots{1};
thread_local std::vector<uint32_t> t_free_slots;

}  // namespace

SocketObject::SocketObject(Kind kind, Context& context, mg_socket& handle) : kind_(kind), context_(context) {
  if (t_free_slots.empty()) {
    t_free_slots.push_back(static_cast<uint32_t>(t_slots.size()));
    t_slots.emplace_back();
  }
  slot_ = t_free_slots.back();
  t_free_slots.pop_back();
  Slot& slot = t_slots[slot_];
  slot.object = this;
  generation_ = ++slot.generation;
  handle.slot = slot_;
  handle.generation = generation_;
  context.belongings.PushBack(*this);
}

SocketObject::~SocketObject() {
  // A loop that has ended may be taken down by another thread, which knows none of its handles.
  if (slot_ >= t_slots.size() || t_slots[slot_].object != this) return;
  t_slots[slot_].object = nullptr;
  t_free_slots.push_back(slot_);
}

SocketObject* SocketObject::Find(uint32_t slot, uint32_t generation) {
  if (slot == 0 || slot >= t_slots.size()) return nullptr;
  const Slot& found = t_slots[slot];
  // What has left its context is about to be destroyed.
  return found.object != nullptr && found.generation == generation && found.object->linked() ? found.object : nullptr;
}

void SocketWait::Begin() {
  handle_ = Scheduler::BeginWait(nullptr);
  waiting_ = true;
}

bool SocketWait::Waits() const { return Scheduler::Waits(handle_); }

void SocketWait::End(Push push) {
  if (waiting_) Scheduler::Wake(handle_, std::move(push));
}

std::string SocketErrorText(std::string_view text) { return Lower(text); }

std::string ResolveErrorText(const std::string& host, const Error& error) {
  std::string_view reason = "2: Server failure";
  if (error.code == ErrorCode::kResolve && error.retryable == Retryable::kNo) reason = "3: Host not found";
  if (error.message.ends_with("Timeout while contacting DNS servers")) reason = "110: Operation timed out";
  return fmt::format("{} could not be resolved ({})", host, reason);
}

}  // namespace mg::script
