// The phases a policy can hook, and what a run of hooks answers.
#pragma once

#include <cstdint>
#include <string_view>

namespace mg::proxy {

enum class Phase : uint8_t {
  kServerRewrite,  // before the route is known: of the gateway and of listeners
  kSet,            // fills variables in
  kRewrite,
  kAccess,
  kContent,
  kBalance,
  kHeaderFilter,
  kBodyFilter,
  kLog,
  kCount,
};

std::string_view PhaseName(Phase phase);  // "rewrite", "access", "content", ...

using PhaseMask = uint16_t;
constexpr PhaseMask Bit(Phase phase) { return static_cast<PhaseMask>(1u << static_cast<unsigned>(phase)); }

// What became of a phase's hooks.
enum class HookStatus : uint8_t {
  kDone,       // all ran: the pipeline's next step
  kSuspended,  // a hook waits; HookProgram calls Exchange::HookFinished when the phase has ended
  kAnswered,   // the script has given the answer (exit with a status, redirect, output): on to the response's end
  kRerouted,   // exec or jump: match the route again with the new URI
  kFailed,     // an error, already logged: 500, or the response is cut when its head is out
};

}  // namespace mg::proxy
