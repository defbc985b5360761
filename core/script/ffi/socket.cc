// ngx.socket: TCP.
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "proxy/exchange.h"
#include "script/cosocket.h"
#include "script/program.h"
#include "script/surface.h"

namespace mg::script {
namespace {

constexpr double kLargest = 1e12;  // of a size that a script gives

Cosocket* FindTcp(const mg_socket& handle) {
  SocketObject* found = SocketObject::Find(handle.slot, handle.generation);
  return found != nullptr && found->kind() == SocketObject::Kind::kTcp ? static_cast<Cosocket*>(found) : nullptr;
}

// What is asked of a socket that never had a connection.
void LogUnconnected(const mg_socket& handle, const char* what) {
  if (handle.slot == 0 && t_active.vm->conf().socket.log_errors)
    MG_LOG(kError, "attempt to {} data on a closed socket", what);
}

// The socket, when it belongs to who runs. Else `code` says what it is, and `error` that it is closed.
Cosocket* Own(const mg_socket& handle, int& code, mg_string* error) {
  Cosocket* socket = FindTcp(handle);
  if (socket != nullptr && &socket->context() == t_active.context) return socket;
  code = MG_ERROR;
  if (handle.slot != 0) {
    code = MG_STALE;
  } else if (error != nullptr) {
    Give(error, "closed");
  }
  return nullptr;
}

// The same for what only a connection to a peer can do.
Cosocket* OwnPeer(const mg_socket& handle, int& code, mg_string* error) {
  Cosocket* socket = Own(handle, code, error);
  if (socket == nullptr || !socket->downstream()) return socket;
  code = MG_ERROR;
  Give(error, "closed");
  return nullptr;
}

int StatusOf(Cosocket::Outcome outcome, const Cosocket& socket, mg_string* error) {
  if (outcome == Cosocket::Outcome::kDone) return MG_OK;
  if (outcome == Cosocket::Outcome::kWait) return MG_AGAIN;
  Give(error, socket.error());
  return MG_ERROR;
}

// The handle's socket; made where it has none, or one of a request that is over.
Cosocket* Usable(mg_socket& handle, int& code, mg_string* error) {
  Program* program = t_active.vm->around.program;
  if (t_active.context == nullptr || program == nullptr || program->loop() == nullptr) {
    Give(error, "no loop runs here");
    code = MG_ERROR;
    return nullptr;
  }
  if (FindTcp(handle) != nullptr) return OwnPeer(handle, code, error);
  return &Cosocket::Make(*t_active.context, handle, *program->loop(), t_active.vm->conf().socket);
}

struct Option {
  int level, name;
};
constexpr Option kOptions[] = {{SOL_SOCKET, SO_KEEPALIVE},
                               {SOL_SOCKET, SO_REUSEADDR},
                               {IPPROTO_TCP, TCP_NODELAY},
                               {SOL_SOCKET, SO_SNDBUF},
                               {SOL_SOCKET, SO_RCVBUF}};

size_t SizeOf(double size) { return static_cast<size_t>(std::clamp(size, 0.0, kLargest)); }

int SystemError(mg_string* error) {
  char text[128];
  GiveScratch(error, SocketErrorText(strerror_r(errno, text, sizeof text)));
  return MG_ERROR;
}

// The words of OpenResty for a request whose body or connection is not to be had; null: it is.
const char* WhyNot(const mg::proxy::Exchange& exchange, bool raw) {
  using mg::proxy::BodyState;
  const auto& in = exchange.in;
  if (exchange.stream == nullptr) return "client aborted";
  if (in.raw || (raw && in.body_state == BodyState::kPulled)) return "duplicate call";
  if (in.body_state == BodyState::kReading) return "pending request body reading in some other thread";
  if (raw) {
    const auto& response = exchange.response;
    bool unsent = response.started && (!response.head_sent || !response.queued.empty() || response.ended);
    return unsent || exchange.upstream.count > 0 ? "pending data to write" : nullptr;
  }
  if (in.body_state == BodyState::kNone) return "no body";
  bool empty = exchange.request.framing == mg::http::BodyFraming::kLength && exchange.request.content_length == 0;
  if (in.body_state == BodyState::kRead && empty) return "no body";
  return in.body_state == BodyState::kUnread ? nullptr : "request body already exists";
}

}  // namespace

void LinkSocket() {}

}  // namespace mg::script

using namespace mg::script;

extern "C" {

void mg_socket_collect(mg_socket* handle) noexcept {
  if (SocketObject* socket = SocketObject::Find(handle->slot, handle->generation)) socket->Collect();
}

int mg_socket_connect(mg_socket* handle, const char* host, size_t host_size, int port, const char* pool,
                      size_t pool_length, double pool_size, double backlog, mg_string* error) noexcept {
  int code = MG_OK;
  Cosocket* socket = Usable(*handle, code, error);
  if (socket == nullptr) return code;
  SocketTarget target;
  target.host = View(host, host_size);
  target.port = static_cast<uint16_t>(port);
  target.pool = View(pool, pool_length);
  target.pooled = pool_size > 0 || backlog >= 0;
  if (pool_size > 0) target.pool_size = SizeOf(pool_size);
  if (backlog >= 0) target.backlog = static_cast<int64_t>(SizeOf(backlog));
  return StatusOf(socket->Connect(std::move(target), *handle), *socket, error);
}

int mg_socket_bind(mg_socket* handle, const char* ip, size_t size) noexcept {
  auto address = mg::net::SocketAddress::FromIp(View(ip, size), 0);
  mg_string error{};
  int code = MG_OK;
  if (!address) return MG_ERROR;
  Cosocket* socket = Usable(*handle, code, &error);
  if (socket == nullptr) return code;
  socket->Bind(*address);
  return MG_OK;
}

int mg_socket_handshake(mg_socket* handle, mg_tls_session* session, const char* name, size_t size, int verify,
                        int ask_status, mg_string* error) noexcept {
  int code = MG_OK;
  Cosocket* socket = OwnPeer(*handle, code, error);
  if (socket == nullptr) return code;
  TlsWish wish{session, std::string(View(name, size)), verify != 0, ask_status != 0};
  return StatusOf(socket->Handshake(std::move(wish), *handle), *socket, error);
}

mg_tls_session* mg_socket_session(mg_socket* handle) noexcept {
  Cosocket* socket = FindTcp(*handle);
  return socket == nullptr ? nullptr : TakeTlsSession(socket->tls());
}

void mg_socket_free_session(mg_tls_session* session) noexcept { FreeTlsSession(session); }

int mg_socket_certificate(mg_socket* handle, void* chain, void* key) noexcept {
  mg_string error{};
  int code = MG_OK;
  Cosocket* socket = Usable(*handle, code, &error);
  if (socket == nullptr) return code;
  socket->UseCertificate(chain, key);
  return MG_OK;
}

int mg_socket_send(mg_socket* handle, const char* data, size_t size, mg_string* error) noexcept {
  int code = MG_OK;
  LogUnconnected(*handle, "send");
  Cosocket* socket = Own(*handle, code, error);
  if (socket == nullptr) return code;
  return StatusOf(socket->Send(View(data, size), *handle), *socket, error);
}

int mg_socket_receive(mg_socket* handle, int mode, double size, const char* pattern, size_t pattern_size, int inclusive,
                      mg_string* data, mg_string* error) noexcept {
  int code = MG_OK;
  *data = {};
  LogUnconnected(*handle, "receive");
  Cosocket* socket = Own(*handle, code, error);
  if (socket == nullptr) return code;
  Wanted wanted{static_cast<Wanted::Mode>(mode), SizeOf(size), std::string(View(pattern, pattern_size)),
                inclusive != 0};
  Cosocket::Outcome outcome = socket->Receive(std::move(wanted), *handle);
  if (outcome == Cosocket::Outcome::kDone || socket->has_partial()) {
    std::string_view received = socket->received().data;
    Give(data, received.data() == nullptr ? std::string_view("") : received);
  }
  if (outcome == Cosocket::Outcome::kDone && socket->received().met) return MG_ENDED;
  return StatusOf(outcome, *socket, error);
}

int mg_socket_keep(mg_socket* handle, double timeout, double pool_size, mg_string* error) noexcept {
  int code = MG_OK;
  Cosocket* socket = OwnPeer(*handle, code, error);
  if (socket == nullptr) return code;
  mg::Milliseconds wait = timeout < 0 ? t_active.vm->conf().socket.keepalive_timeout.count()
                                      : static_cast<mg::Milliseconds>(SizeOf(timeout));
  return StatusOf(socket->SetKeepAlive(wait, SizeOf(pool_size)), *socket, error);
}

int mg_socket_close(mg_socket* handle, mg_string* error) noexcept {
  int code = MG_OK;
  Cosocket* socket = OwnPeer(*handle, code, error);
  return socket == nullptr ? code : StatusOf(socket->Close(), *socket, error);
}

int mg_socket_shutdown(mg_socket* handle, mg_string* error) noexcept {
  int code = MG_OK;
  Cosocket* socket = OwnPeer(*handle, code, error);
  return socket == nullptr ? code : StatusOf(socket->ShutdownWrite(), *socket, error);
}

int mg_socket_reused(mg_socket* handle) noexcept {
  Cosocket* socket = FindTcp(*handle);
  return socket != nullptr && socket->open() ? static_cast<int>(socket->reused()) : MG_CLOSED;
}

int mg_request_socket(mg_socket* handle, int raw, mg_string* error) noexcept {
  mg::proxy::Exchange* exchange = t_active.exchange;
  if (exchange == nullptr) return MG_NO_REQUEST;
  if (const char* reason = WhyNot(*exchange, raw != 0); reason != nullptr) {
    Give(error, reason);
    return MG_ERROR;
  }
  Cosocket::MakeDownstream(*t_active.context, *handle, *t_active.vm->around.program->loop(), t_active.vm->conf().socket,
                           raw != 0);
  if (raw != 0) {
    exchange->TakeOver();
  } else {
    exchange->PullBody();
  }
  return MG_OK;
}

int mg_socket_set_option(mg_socket* handle, int option, int value, mg_string* error) noexcept {
  int code = MG_OK;
  Cosocket* socket = OwnPeer(*handle, code, error);
  if (socket == nullptr) return code == MG_ERROR ? MG_CLOSED : code;
  if (socket->fd() < 0) return MG_CLOSED;
  const Option& what = kOptions[option];
  return setsockopt(socket->fd(), what.level, what.name, &value, sizeof value) == 0 ? MG_OK : SystemError(error);
}

int mg_socket_get_option(mg_socket* handle, int option, int* value, mg_string* error) noexcept {
  int code = MG_OK;
  Cosocket* socket = OwnPeer(*handle, code, error);
  if (socket == nullptr) return code == MG_ERROR ? MG_CLOSED : code;
  if (socket->fd() < 0) return MG_CLOSED;
  const Option& what = kOptions[option];
  socklen_t size = sizeof *value;
  return getsockopt(socket->fd(), what.level, what.name, value, &size) == 0 ? MG_OK : SystemError(error);
}

}  // extern "C"
