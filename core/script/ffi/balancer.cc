// ngx.balancer and moongate.balancer: where the next attempt at the upstream goes, how often, and how long it may take.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "proxy/exchange.h"
#include "script/program.h"
#include "script/surface.h"

using mg::script::Give;
using mg::script::GiveScratch;
using mg::script::t_active;
using mg::script::View;

namespace {

constexpr double kMostSeconds = 86'400 * 365.0;

// The upstream part of the request whose balance hooks run; null, with the error, elsewhere.
mg::proxy::UpstreamPart* Part(mg_string* error) {
  mg::proxy::Exchange* exchange = t_active.exchange;
  bool balances = exchange != nullptr && t_active.vm->current().phase == MG_PHASE_BALANCER;
  if (balances && exchange->upstream.upstream != nullptr) return &exchange->upstream;
  Give(error, balances ? "no upstream found" : "API disabled in the current context");
  return nullptr;
}

mg::Result<mg::net::SocketAddress> PeerAddress(std::string_view host, int port) {
  if (host.starts_with("unix:")) return mg::net::SocketAddress::FromUnix(host.substr(5));
  bool bracketed = host.starts_with('[');
  size_t end = bracketed ? host.find(']') : host.find(':');
  bool bare_v6 = !bracketed && end != std::string_view::npos && host.find(':', end + 1) != std::string_view::npos;
  std::string_view ip = host, rest;
  if (!bare_v6 && end != std::string_view::npos) {
    ip = host.substr(bracketed ? 1 : 0, end - (bracketed ? 1 : 0));
    rest = host.substr(bracketed ? end + 1 : end);
  }
  if (!rest.empty()) {  // a port of its own: the other is the default
    std::optional<uint16_t> own = mg::ParseDecimal<uint16_t>(rest.substr(1));
    if (rest[0] != ':' || !own) return mg::Fail(mg::ErrorCode::kInvalid, "invalid port");
    port = *own;
  }
  if (port < 0 || port > 65535) return mg::Fail(mg::ErrorCode::kInvalid, "invalid port");
  mg::Result<mg::net::SocketAddress> address = mg::net::SocketAddress::FromIp(ip, static_cast<uint16_t>(port));
  if (!address) return mg::Fail(mg::ErrorCode::kInvalid, "no host allowed");  // names wait for a resolver
  if (port == 0) return mg::Fail(mg::ErrorCode::kInvalid, "no port given");
  return address;
}

mg::config::Duration Milliseconds(double seconds) {
  return mg::config::Duration(static_cast<int64_t>(std::ceil(std::min(seconds, kMostSeconds) * 1000)));
}

}  // namespace

extern "C" {

int mg_balancer_set_peer(const char* host, size_t size, int port, const char* name, size_t name_size,
                         mg_string* error) noexcept {
  mg::proxy::UpstreamPart* part = Part(error);
  if (part == nullptr) return MG_ERROR;
  mg::Result<mg::net::SocketAddress> address = PeerAddress(View(host, size), port);
  if (!address) {
    GiveScratch(error, address.error().message);
    return MG_ERROR;
  }
  part->balance.address = *address;
  part->balance.target = nullptr;
  part->balance.host = t_active.exchange->arena.Copy(View(name, name_size));
  if (name_size != 0) return MG_OK;
  part->balance.plan = part->upstream->plan();
  for (const mg::upstream::Member& member : part->balance.plan->members) {
    if (!(member.target->address == *address)) continue;
    part->balance.target = member.target.get();  // one of its own: its health and breaker count
    part->balance.address.reset();
    break;
  }
  return MG_OK;
}

int mg_balancer_targets(mg_target* out, int most) noexcept {
  mg_string error;
  mg::proxy::UpstreamPart* part = Part(&error);
  if (part == nullptr) return MG_ERROR;
  mg::Nanoseconds now = t_active.exchange->context.loop.Now();
  int count = 0;
  if (!part->balance.plan) part->balance.plan = part->upstream->plan();
  for (const mg::upstream::Member& member : part->balance.plan->members) {
    if (count == most) break;
    mg_target& to = out[count++];
    const mg::upstream::Target& target = *member.target;
    Give(&to.address, target.text);
    to.weight = member.weight;
    to.active = target.active.load(std::memory_order_relaxed);
    to.failures = target.failures.load(std::memory_order_relaxed);
    to.backup = member.backup();
    to.healthy = target.Fit(now);
  }
  return count;
}

int mg_balancer_choose(int index, mg_string* error) noexcept {
  mg::proxy::UpstreamPart* part = Part(error);
  if (part == nullptr) return MG_ERROR;
  if (!part->balance.plan) part->balance.plan = part->upstream->plan();
  const auto& members = part->balance.plan->members;
  if (index < 1 || static_cast<size_t>(index) > members.size()) {
    Give(error, "no such target");
    return MG_ERROR;
  }
  part->balance.address.reset();
  part->balance.target = members[static_cast<size_t>(index - 1)].target.get();
  return MG_OK;
}

int mg_balancer_more_tries(int count, mg_string* error) noexcept {
  mg::proxy::UpstreamPart* part = Part(error);
  if (part == nullptr) return MG_ERROR;
  int made = 0;
  for (uint8_t i = 0; i < part->count; i++) made += part->attempts[i].stale ? 0 : 1;
  int room = static_cast<int>(part->attempts.size()) - part->count - 1;
  int granted = std::clamp(count, 0, std::max(room, 0));
  part->balance.most_attempts = static_cast<uint8_t>(made + 1 + granted);
  return granted;
}

int mg_balancer_last_failure(int* status) noexcept {
  mg_string error;
  mg::proxy::UpstreamPart* part = Part(&error);
  if (part == nullptr) return MG_ERROR;
  if (part->count == 0) return 0;
  const mg::proxy::Attempt& last = part->attempts[part->count - 1];
  if (last.error == mg::ErrorCode::kUnavailable) {
    *status = last.status;
    return 1;
  }
  *status = last.error == mg::ErrorCode::kTimeout ? 504 : 502;
  return 2;
}

int mg_balancer_set_timeouts(double connect, double send, double read, mg_string* error) noexcept {
  mg::proxy::UpstreamPart* part = Part(error);
  if (part == nullptr) return MG_ERROR;
  if (connect > 0) part->timeouts.connect = Milliseconds(connect);
  if (send > 0) part->timeouts.send = Milliseconds(send);
  if (read > 0) part->timeouts.first_byte = part->timeouts.between = Milliseconds(read);
  return MG_OK;
}

int mg_balancer_keepalive(double idle, double requests, mg_string* error) noexcept {
  mg::proxy::UpstreamPart* part = Part(error);
  if (part == nullptr) return MG_ERROR;
  mg::upstream::KeepAlive keep;
  keep.keep = part->upstream->conf().keepalive.per_worker;
  keep.idle_limit = Milliseconds(idle).count() * 1'000'000;
  keep.requests = requests < 1 ? 0 : static_cast<uint64_t>(std::min(requests, 1e15));
  part->balance.keepalive = keep;
  return MG_OK;
}

// Each attempt's request is made anew from what the request is then.
int mg_balancer_recreate(mg_string* error) noexcept { return Part(error) != nullptr ? MG_OK : MG_ERROR; }

int mg_balancer_tls(int on, mg_string* error) noexcept {
  mg::proxy::UpstreamPart* part = Part(error);
  if (part == nullptr) return MG_ERROR;
  if (on != 0 && part->upstream->tls() == nullptr) {
    Give(error, "the upstream has no TLS");
    return MG_ERROR;
  }
  part->balance.plain = on == 0;
  return MG_OK;
}

}  // extern "C"

namespace mg::script {
void LinkBalancer() {}
}  // namespace mg::script
