#include "script/udp_socket.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "script/scheduler.h"

namespace mg::script {

namespace {

// Where a datagram lands until Lua has made a string of it.
thread_local std::array<char, UdpSocket::kLongest> t_datagram;

std::string ErrnoText() {
  char text[128];
  return SocketErrorText(strerror_r(errno, text, sizeof text));
}

}  // namespace

UdpSocket& UdpSocket::Make(Context& context, mg_socket& handle, proxy::LoopContext& loop,
                           const config::LuaSocket& conf) {
  return *new UdpSocket(context, handle, loop, conf);  // ContextEnded and Collect destroy it
}

UdpSocket::UdpSocket(Context& context, mg_socket& handle, proxy::LoopContext& loop, const config::LuaSocket& conf)
    : SocketObject(Kind::kUdp, context, handle),
      loop_(loop),
      conf_(conf),
      timer_(
          loop.loop, [](void* self) { static_cast<UdpSocket*>(self)->OnTimer(); }, this) {}

void UdpSocket::ContextEnded() {
  Close();
  loop_.loop.DestroyLater(std::unique_ptr<net::Deferred>(this));
}

void UdpSocket::Collect() {
  if (waiter_.busy()) return;
  Unlink();
  ContextEnded();
}

UdpSocket::Outcome UdpSocket::Fail(std::string text) {
  error_ = std::move(text);
  return Outcome::kFailed;
}

bool UdpSocket::IsBusy() {
  if (!waiter_.busy()) return false;
  error_ = resolving_ ? "socket busy connecting" : "socket busy reading";
  return true;
}

bool UdpSocket::Close() {
  query_.reset();
  resolving_ = false;
  timer_.Cancel();
  if (fd_ < 0) return false;
  event_del(&event_);
  close(fd_);
  fd_ = -1;
  return true;
}

UdpSocket::Outcome UdpSocket::SetPeer(const std::string& host, uint16_t port, const mg_socket& handle) {
  if (IsBusy()) return Outcome::kFailed;
  Close();
  error_.clear();
  if (host.starts_with("unix:")) {
    auto address = net::SocketAddress::FromUnix(std::string_view(host).substr(5));
    if (!address) return Fail(SocketErrorText(address.error().message));
    return Open(*address) ? Outcome::kDone : Outcome::kFailed;
  }
  starting_ = resolving_ = true;
  std::string name = host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
  auto query = loop_.resolver.Resolve(
      name, port, [this, host](Result<std::vector<net::SocketAddress>> found) { Resolved(host, std::move(found)); });
  starting_ = false;
  if (!resolving_) return error_.empty() ? Outcome::kDone : Outcome::kFailed;
  query_ = std::move(query);
  timer_.SetAfter(TimeoutOf(handle.read_timeout, conf_.read_timeout));
  waiter_.Begin();
  return Outcome::kWait;
}

void UdpSocket::Resolved(const std::string& host, Result<std::vector<net::SocketAddress>> found) {
  resolving_ = false;
  timer_.Cancel();
  if (!found) {
    error_ = ResolveErrorText(host, found.error());
  } else {
    Open(found->front());
  }
  if (!starting_) Answer(false);
}

bool UdpSocket::Open(const net::SocketAddress& to) {
  fd_ = socket(to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) {
    error_ = ErrnoText();
    return false;
  }
  bool bound = true;
  if (to.family() == AF_UNIX) {  // a name of the kernel's choosing, so that the peer can answer
    sockaddr_un any{};
    any.sun_family = AF_UNIX;
    bound = bind(fd_, reinterpret_cast<sockaddr*>(&any), sizeof any.sun_family) == 0;
  } else if (from_) {
    bound = bind(fd_, from_->raw(), from_->length()) == 0;
  }
  if (!bound || connect(fd_, to.raw(), to.length()) != 0) {
    error_ = ErrnoText();
    close(fd_);
    fd_ = -1;
    return false;
  }
  event_assign(&event_, loop_.loop.base(), fd_, EV_READ | EV_ET | EV_PERSIST, OnEvent, this);
  event_add(&event_, nullptr);
  return true;
}

UdpSocket::Outcome UdpSocket::Send(std::string_view data) {
  if (fd_ < 0) {
    if (conf_.log_errors) MG_LOG(kError, "attempt to send data on a closed socket");
    return Fail("closed");
  }
  ssize_t sent;
  do {
    sent = send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? Fail(ErrnoText()) : Outcome::kDone;
}

bool UdpSocket::ReadOne() {
  ssize_t size;
  do {
    size = recv(fd_, t_datagram.data(), size_, 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return false;
  received_ = {};
  error_.clear();
  if (size < 0) {
    error_ = ErrnoText();
  } else {
    received_ = {t_datagram.data(), static_cast<size_t>(size)};
  }
  return true;
}

UdpSocket::Outcome UdpSocket::Receive(size_t size, const mg_socket& handle) {
  if (IsBusy()) return Outcome::kFailed;
  if (fd_ < 0) {
    if (conf_.log_errors) MG_LOG(kError, "attempt to receive data on a closed socket");
    return Fail("closed");
  }
  size_ = std::min(size, kLongest);
  if (ReadOne()) return error_.empty() ? Outcome::kDone : Outcome::kFailed;
  timer_.SetAfter(TimeoutOf(handle.read_timeout, conf_.read_timeout));
  waiter_.Begin();
  return Outcome::kWait;
}

void UdpSocket::OnEvent(int, short, void* self) {
  auto& socket = *static_cast<UdpSocket*>(self);
  if (!socket.waiter_.busy() || !socket.ReadOne()) return;
  socket.timer_.Cancel();
  socket.Answer(true);
}

void UdpSocket::OnTimer() {
  if (!waiter_.busy()) return;
  if (conf_.log_errors) MG_LOG(kError, "lua udp socket read timed out");
  if (resolving_) Close();
  error_ = "timeout";
  Answer(false);
}

// With 1 or the datagram; or nil and an error.
void UdpSocket::Answer(bool with_data) {
  waiter_.End([slot = slot(), generation = generation(), with_data](lua_State* L) {
    auto* socket = static_cast<UdpSocket*>(Find(slot, generation));
    if (socket != nullptr) socket->waiter_.Over();
    if (socket != nullptr && socket->error_.empty()) {
      if (with_data) {
        lua_pushlstring(L, socket->received_.data(), socket->received_.size());
      } else {
        lua_pushinteger(L, 1);
      }
      return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, socket != nullptr ? socket->error_.c_str() : "closed");
    return 2;
  });
}

}  // namespace mg::script
