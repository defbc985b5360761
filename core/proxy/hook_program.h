// HookProgram: what runs the hooks of one generation on one loop. The proxy knows nothing of Lua; `script` implements
// this. Owner: the loop's Generation. Thread: its loop's, but for construction and destruction.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "config/config.h"
#include "net/tls_handshake.h"
#include "proxy/phase.h"

namespace mg::proxy {

class Exchange;
class Handshake;
struct LoopContext;
class Snapshot;

class HookProgram {
 public:
  virtual ~HookProgram() = default;

  // Runs the hooks that exchange.route has for the phase (global policies first; reversed in header_filter). Only
  // called when the route's mask has the phase. kBalance may set exchange.attempt choices; kContent produces the answer
  // through Exchange::ScriptOutput. When it answers kSuspended, it calls exchange.HookFinished(phase, status) later,
  // once.
  virtual HookStatus Run(Exchange& exchange, Phase phase) = 0;

  // Runs the body filters over one piece. The outcome is appended to exchange.response.filtered. kSuspended as above;
  // the next piece comes only after HookFinished(kBodyFilter, ...).
  virtual HookStatus FilterBody(Exchange& exchange, std::string_view piece, bool last) = 0;

  // The client has gone while hooks of the exchange wait. kEnded: they are ended and call nothing any more; kContinues:
  // a script asked to go on (on_abort, or to ignore aborts), HookFinished comes as usual.
  enum class AbortOutcome : uint8_t { kEnded, kContinues };
  virtual AbortOutcome Aborted(Exchange& exchange) = 0;

  // The exchange ends: whatever the program keeps for it (coroutines, ctx, handles) is released. Nothing is called
  // after.
  virtual void Release(Exchange& exchange) = 0;

  // More of a request body that a hook reads itself (ngx.req.socket, read_body) has come, or it failed.
  virtual void BodyArrived(Exchange& exchange) = 0;
  // The client has taken all output (a waiting ngx.flush(true)).
  virtual void OutputDrained(Exchange& exchange) = 0;

  // Runs the listener's hooks of a step of a handshake. kSuspended: it calls handshake.Finished(status) later, once.
  virtual HookStatus RunHandshake(Handshake&, net::HandshakeStep) { return HookStatus::kDone; }
  virtual void ReleaseHandshake(Handshake&) {}

  // Called on the loop before its first request (init_worker), and when the generation retires (timers fire with
  // premature = true, `every` stops).
  virtual void Start(LoopContext& loop) = 0;
  virtual void Retire() = 0;
  // Whether timers, threads or detached logs still live: a retired generation is kept until they end or lua.drain is
  // over.
  virtual bool Busy() const = 0;
  // What it is that lives.
  struct Held {
    size_t timers = 0, workers = 0, logs = 0;  // workers: chunks of init_worker and exit_worker
  };
  virtual Held Holds() const { return {}; }
};

// The hooks of a whole generation: checked and compiled once on the control thread, then one program a loop.
class HookPrograms {
 public:
  virtual ~HookPrograms() = default;
  // The phases for which a route has hooks, by its place in Snapshot::routes.
  virtual PhaseMask MaskOf(size_t route) const = 0;
  // Whether there are hooks of server_rewrite: in block 0, of the gateway; 1 and on, of the listeners that have
  // policies, in the configuration's order.
  virtual bool HasServerRewrite(size_t block) const = 0;
  // The program of a loop, its VM with init already run; each is handed out once.
  virtual std::unique_ptr<HookProgram> TakeProgram(int loop) = 0;
};

}  // namespace mg::proxy
