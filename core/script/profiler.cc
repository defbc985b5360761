#include "script/profiler.h"

#include <fmt/format.h>
#include <luajit-2.1/lua.hpp>

#include <algorithm>
#include <cstring>
#include <vector>

#include "proxy/exchange.h"
#include "script/surface.h"

namespace mg::script {
namespace {

constexpr size_t kDepth = 64;       // frames of a stack, the innermost ones
constexpr size_t kStacks = 20'000;  // different ones; the rest share one
constexpr size_t kFrameText = 200;  // bytes

// Frames are parted by ";" and the count by a space at the end.
std::string FrameText(std::string text) {
  if (text.size() > kFrameText) text.resize(kFrameText);
  for (char& c : text) {
    if (c == ';' || static_cast<unsigned char>(c) < 0x20) c = ',';
  }
  return text;
}

std::string_view PhaseText(uint32_t bit) {
  switch (bit) {
    case MG_PHASE_SERVER_REWRITE: return "server_rewrite";
    case MG_PHASE_SET: return "set";
    case MG_PHASE_REWRITE: return "rewrite";
    case MG_PHASE_ACCESS: return "access";
    case MG_PHASE_CONTENT: return "content";
    case MG_PHASE_BALANCER: return "balance";
    case MG_PHASE_HEADER_FILTER: return "header_filter";
    case MG_PHASE_BODY_FILTER: return "body_filter";
    case MG_PHASE_LOG: return "log";
    default: return "other";
  }
}

// "check tier.lua:3": a function by its name, where it has one, and its place.
std::string FunctionText(const lua_Debug& frame) {
  std::string name = frame.name != nullptr ? frame.name : "";
  if (std::strcmp(frame.what, "C") == 0) return name.empty() ? "[C]" : name;
  const char* source = frame.source[0] == '@' || frame.source[0] == '=' ? frame.source + 1 : frame.short_src;
  const char* slash = std::strrchr(source, '/');
  if (name.empty()) name = std::strcmp(frame.what, "main") == 0 ? "chunk" : "function";
  return fmt::format("{} {}:{}", name, slash != nullptr ? slash + 1 : source, std::max(frame.linedefined, 0));
}

}  // namespace

Profiler& Profiler::Get() {
  static Profiler* instance = new Profiler;  // as the watchdog: never ended
  return *instance;
}

Result<void> Profiler::Start(const std::string& route, Nanoseconds duration) {
  std::lock_guard lock(mutex_);
  Nanoseconds now = MonotonicNow();
  if (Wants(now)) return Fail(ErrorCode::kDenied, "a profile is being taken already");
  route_ = route;
  stacks_.clear();
  until_.store(now + duration, std::memory_order_relaxed);
  return {};
}

std::string Profiler::Take() {
  std::lock_guard lock(mutex_);
  until_.store(0, std::memory_order_relaxed);
  std::string folded;
  for (const auto& [stack, count] : stacks_) folded += fmt::format("{} {}\n", stack, count);
  stacks_.clear();
  return folded;
}

void Profiler::Sample(lua_State* L) {
  const proxy::Exchange* exchange = t_active.exchange;
  const Coroutine* coroutine = t_active.coroutine;
  if (exchange == nullptr || exchange->route == nullptr || coroutine == nullptr || coroutine->run == nullptr) return;
  std::lock_guard lock(mutex_);
  if (exchange->route->conf->name != route_) return;
  const Code* code = coroutine->run->code;
  if (code == nullptr) return;
  std::vector<std::string> frames;  // from the innermost on
  lua_Debug frame;
  for (int level = 0; frames.size() < kDepth && lua_getstack(L, level, &frame) == 1; level++) {
    lua_getinfo(L, "Sln", &frame);
    if (level == 0 && frame.currentline > 0) frames.push_back(fmt::format("line {}", frame.currentline));
    frames.push_back(FrameText(FunctionText(frame)));
  }
  std::string stack = FrameText(route_) + ";" + std::string(PhaseText(code->phase));
  if (coroutine->policy < code->names.size()) stack += ";" + FrameText("policy " + code->names[coroutine->policy]);
  for (auto it = frames.rbegin(); it != frames.rend(); ++it) stack += ";" + *it;
  if (stacks_.size() >= kStacks && !stacks_.contains(stack)) stack = FrameText(route_) + ";others";
  stacks_[stack]++;
}

}  // namespace mg::script
