#include "proxy/handshake.h"

#include <algorithm>

#include "proxy/hook_program.h"

namespace mg::proxy {

Handshake::Handshake(LoopContext& loop, net::Transport& of, ssl_st* tls, size_t place)
    : context(loop), transport(of), ssl(tls), listener(place), generation(loop.current.get()) {
  generation->live++;
}

Handshake::~Handshake() {
  generation->program->ReleaseHandshake(*this);
  generation->live--;
  if (generation->retired) context.ReapSoon();
}

net::HandshakeAnswer Handshake::Run(net::HandshakeStep step) {
  State& state = states_[static_cast<size_t>(step)];
  if (state == State::kNotYet) {
    step_ = step;
    state = State::kWaits;
    HookStatus status = generation->program->RunHandshake(*this, step);
    if (status != HookStatus::kSuspended) state = status == HookStatus::kFailed ? State::kRefused : State::kDone;
  }
  switch (state) {
    case State::kDone: return net::HandshakeAnswer::kGoOn;
    case State::kRefused: return net::HandshakeAnswer::kRefuse;
    default: return net::HandshakeAnswer::kWait;
  }
}

void Handshake::Finished(HookStatus status) {
  states_[static_cast<size_t>(step_)] = status == HookStatus::kFailed ? State::kRefused : State::kDone;
  transport.ResumeHandshake();
}

std::unique_ptr<net::HandshakeHook> Handshakes::Begin(net::Transport& transport, ssl_st* ssl, uint32_t listener) {
  if (!loop_.current || !loop_.current->program) return nullptr;
  const std::vector<uint32_t>& numbers = loop_.current->snapshot->listener_numbers;
  auto place = std::ranges::find(numbers, listener);
  if (place == numbers.end()) return nullptr;
  return std::make_unique<Handshake>(loop_, transport, ssl, static_cast<size_t>(place - numbers.begin()));
}

}  // namespace mg::proxy
