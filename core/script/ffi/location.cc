// Subrequests: ngx.location.capture and capture_multi. The children are made at once and begin in the loop's next turn,
// since nothing is resumed while Lua runs.
#include <memory>
#include <vector>

#include "base/log.h"
#include "proxy/subrequest.h"
#include "script/ffi/fields.h"
#include "script/program.h"
#include "script/surface.h"

namespace mg::script {
namespace {

using proxy::Exchange;
using proxy::Subrequest;
using proxy::SubrequestAnswer;
using proxy::SubrequestSpec;

constexpr int kMostAtOnce = 1000;  // of one capture_multi

void PushAnswer(lua_State* L, const SubrequestAnswer& answer) {
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, answer.status);
  lua_setfield(L, -2, "status");
  lua_pushlstring(L, answer.body.data(), answer.body.size());
  lua_setfield(L, -2, "body");
  lua_pushboolean(L, answer.truncated);
  lua_setfield(L, -2, "truncated");
  lua_createtable(L, 0, static_cast<int>(answer.headers.size()));
  for (const auto& [name, value] : answer.headers) PushField(L, name, value);
  lua_setfield(L, -2, "header");
}

// The subrequests of one call: the coroutine goes on when all have their answers.
class Captures final : public Operation {
 public:
  explicit Captures(Exchange& parent) : parent_(parent) {}
  ~Captures() override { *alive_ = false; }

  // Null: the path is not a sound one.
  Exchange* Add(const SubrequestSpec& spec) {
    subrequests_.push_back(std::make_unique<Subrequest>(parent_));
    return subrequests_.back()->Prepare(spec) ? &subrequests_.back()->child() : nullptr;
  }

  void StartSoon(Handle handle) {
    handle_ = handle;
    parent_.context.loop.Defer([this, alive = alive_] {
      for (size_t i = 0; *alive && !cancelled_ && i < subrequests_.size(); i++) {
        subrequests_[i]->Start([this] { Ended(); });
      }
    });
  }

  void Cancel() override {
    cancelled_ = true;
    for (auto& each : subrequests_) each->Cancel();
  }

 private:
  void Ended() {
    if (++ended_ < subrequests_.size()) return;
    // This lives until the end of the turn.
    Scheduler::Wake(handle_, [this](lua_State* L) {
      lua_createtable(L, static_cast<int>(subrequests_.size()), 0);
      for (size_t i = 0; i < subrequests_.size(); i++) {
        const SubrequestAnswer& answer = subrequests_[i]->answer;
        for (auto variable = answer.variables.rbegin(); variable != answer.variables.rend(); ++variable) {
          parent_.SetVariable(variable->first, variable->second);
        }
        PushAnswer(L, answer);
        lua_rawseti(L, -2, static_cast<int>(i) + 1);
      }
      return 1;
    });
  }

  Exchange& parent_;
  Handle handle_;
  std::vector<std::unique_ptr<Subrequest>> subrequests_;
  size_t ended_ = 0;
  bool cancelled_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// What is wrong with it, "" for nothing.
std::string Add(Captures& captures, Program& program, mg_subrequest& from, int number) {
  SubrequestSpec spec;
  std::string_view body = View(from.body.data, from.body.size);
  spec.path = View(from.path.data, from.path.size);
  spec.query = View(from.query.data, from.query.size);
  spec.method = View(from.method.data, from.method.size);
  if (from.has_body != 0) spec.body = &body;
  spec.forward_body = from.forward_body != 0;
  spec.variables = static_cast<SubrequestSpec::Variables>(from.variables);
  Exchange* child = captures.Add(spec);
  if (child == nullptr) return "unsafe uri in argument #" + std::to_string(number) + ": " + std::string(spec.path);
  for (uint32_t i = 0; i < from.var_count; i++) {
    const mg_header& variable = from.vars[i];
    child->SetVariable(View(variable.name.data, variable.name.size), View(variable.value.data, variable.value.size));
  }
  Context& context = program.ContextOf(*child, t_active.vm->kind());
  context.keeps_state = true;  // Lua may put a ctx there
  from.slot = context.slot;
  return {};
}

// Why there can be none, "" where there can.
std::string Refusal(const Exchange& parent, int count) {
  if (count < 1 || count > kMostAtOnce) return "too many subrequests: at most " + std::to_string(kMostAtOnce);
  if (parent.depth >= proxy::kDeepestSubrequest) {
    MG_LOG(kError, "subrequests cycle while processing \"{}\"", parent.request.path);
    return "failed to issue subrequest: -1";
  }
  if (parent.context.subrequests + static_cast<size_t>(count) > proxy::kMostSubrequests) {
    MG_LOG(kError, "too many subrequests at once: {}", parent.context.subrequests);
    return "failed to issue subrequest: -1";
  }
  return {};
}

}  // namespace

void LinkLocation() {}

}  // namespace mg::script

extern "C" {

int mg_location_capture(mg_subrequest* requests, int count, mg_string* error) noexcept {
  using namespace mg::script;
  Program* program = t_active.vm->around.program;
  std::string wrong = "no request found";
  if (t_active.exchange != nullptr && CanWait() && program != nullptr) {
    wrong = Refusal(*t_active.exchange, count);
    auto captures = std::make_unique<Captures>(*t_active.exchange);
    for (int i = 0; wrong.empty() && i < count; i++) wrong = Add(*captures, *program, requests[i], i + 1);
    if (wrong.empty()) {
      Captures* operation = captures.get();
      operation->StartSoon(Scheduler::BeginWait(std::move(captures)));
      return MG_AGAIN;
    }
    // Their end touches the Lua state, which runs.
    t_active.exchange->context.loop.Defer([made = std::shared_ptr(std::move(captures))] { made->Cancel(); });
  }
  GiveScratch(error, std::move(wrong));
  return MG_ERROR;
}

}  // extern "C"
