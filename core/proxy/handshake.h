// Handshake: a TLS connection of a client while it is made, as hooks see it (ssl_client_hello, ssl_certificate).
// Owner: the connection (net::HandshakeHook), until the handshake has ended. Thread: its loop's.
#pragma once

#include "net/tls_handshake.h"
#include "net/transport.h"
#include "proxy/loop_context.h"
#include "proxy/phase.h"

namespace mg::proxy {

class Handshake final : public net::HandshakeHook {
 public:
  // `listener`: its place in the generation's configuration.
  Handshake(LoopContext& loop, net::Transport& transport, ssl_st* ssl, size_t listener);
  ~Handshake() override;
  net::HandshakeAnswer Run(net::HandshakeStep step) override;
  // HookProgram::RunHandshake had answered kSuspended; its hook has ended.
  void Finished(HookStatus status);

  LoopContext& context;
  net::Transport& transport;
  ssl_st* ssl;
  size_t listener;
  Generation* generation;
  void* script = nullptr;  // what the hook program keeps for it

 private:
  enum class State : uint8_t { kNotYet, kWaits, kDone, kRefused };
  State states_[2] = {};
  net::HandshakeStep step_ = net::HandshakeStep::kClientHello;
};

// A loop's: finds the hooks of the generation that is current when a handshake begins.
class Handshakes final : public net::HandshakeHooks {
 public:
  explicit Handshakes(LoopContext& loop) : loop_(loop) {}
  std::unique_ptr<net::HandshakeHook> Begin(net::Transport& transport, ssl_st* ssl, uint32_t listener) override;

 private:
  LoopContext& loop_;
};

}  // namespace mg::proxy
