#include "net/transport.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace mg::net {

namespace {

std::string ErrnoText(int error) {
  char text[128];
  return strerror_r(error, text, sizeof text);
}

// A small head and its body cost the kernel less as one piece, even with the copy.
ssize_t SendPieces(int fd, const iovec* pieces, int count, size_t size) {
  char together[4096];
  if (size > sizeof together) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces);
    message.msg_iovlen = static_cast<size_t>(count);
    return sendmsg(fd, &message, MSG_NOSIGNAL);
  }
  char* at = together;
  for (; count > 0; pieces++, count--) {
    if (pieces->iov_len == 0) continue;  // iov_base may be null
    std::memcpy(at, pieces->iov_base, pieces->iov_len);
    at += pieces->iov_len;
  }
  return send(fd, together, size, MSG_NOSIGNAL);
}

// The port is chosen when it connects: one that is taken by a connection to elsewhere will do.
bool Bind(int fd, const SocketAddress& from) {
  int one = 1;
  if (from.port() == 0) setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  return bind(fd, from.raw(), from.length()) == 0;
}

}  // namespace

// One registration for the socket's whole life.
void Transport::Watch() {
  event_assign(&event_, loop_->base(), fd_, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, OnEvent, this);
  watched_ = true;
  if (event_add(&event_, nullptr) == 0) return;
  MG_LOG(kError, "cannot watch a socket: {}", ErrnoText(errno));
  shutdown(fd_, SHUT_RDWR);  // the owner reads the end
  readable_ = true;
}

void Transport::Accept(int fd, ssl_ctx_st* tls) {
  MG_CHECK(!watched_ && fd >= 0);
  ForgetError();
  accepted_ = true;
  fd_ = fd;
  Watch();
  if (tls == nullptr) {
    readable_ = true;
  } else if (!BeginTls(tls, true, {}, nullptr)) {
    FailLater(0);
  }
}

void Transport::Connect(const SocketAddress& to, ssl_ctx_st* tls, const std::string& server_name,
                        const SocketAddress* from) {
  MG_CHECK(!watched_);
  ForgetError();
  accepted_ = false;
  connecting_ = true;
  fd_ = socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return FailLater(errno);
  if (to.family() != AF_UNIX) {
    int one = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  if (from != nullptr && !Bind(fd_, *from)) return FailLater(errno);
  if (tls != nullptr && !BeginTls(tls, false, server_name, &to)) return FailLater(0);
  if (connect(fd_, to.raw(), to.length()) != 0 && errno != EINPROGRESS && errno != EINTR) {
    if (errno == EAGAIN) SetErrorText("the listen queue is full");  // unix sockets do not wait for room
    return FailLater(errno);
  }
  Watch();
}

void Transport::ForgetError() {
  error_ = 0;
  error_text_.reset();
}

void Transport::SetErrorText(std::string text) { error_text_ = std::make_unique<std::string>(std::move(text)); }

// Has OnEvent report a failure in the loop's next turn.
void Transport::FailLater(int error) {
  if (error != 0) error_ = error;
  connecting_ = true;
  if (!watched_) event_assign(&event_, loop_->base(), -1, EV_PERSIST, OnEvent, this);
  watched_ = true;
  event_active(&event_, EV_WRITE, 1);
}

void Transport::OnEvent(int, short what, void* self) {
  auto* transport = static_cast<Transport*>(self);
  if ((what & EV_CLOSED) != 0) transport->peer_closed_ = true;
  if ((what & (EV_READ | EV_CLOSED)) != 0) {
    transport->readable_ = true;
    transport->drained_ = false;
  }
  if ((what & EV_WRITE) != 0) transport->writable_ = true;
  if (transport->connecting_) return transport->FinishConnect(what);
  if (transport->handshaking_) return transport->ContinueHandshake();
  transport->Ready(what);
}

void Transport::Ready(short what) {
  if (tls_crossed_) {
    tls_crossed_ = false;
    readable_ = writable_ = true;
    drained_ = false;
    what |= EV_READ | EV_WRITE;
  }
  bool owed = wants_write_ && (what & EV_WRITE) != 0;
  uint32_t use = use_;
  if ((what & (EV_READ | EV_CLOSED)) != 0) handler_->OnReadable();
  if (use != use_ || !owed || !wants_write_) return;
  wants_write_ = false;
  handler_->OnWritable();
}

void Transport::FinishConnect(short what) {
  if (error_ == 0 && !error_text_) {
    socklen_t size = sizeof error_;
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error_, &size) != 0) error_ = errno;
    if (error_ == 0 && (what & EV_WRITE) == 0) return;  // not yet
  }
  connecting_ = false;
  if (error_ != 0 || error_text_) {
    ErrorCode code = error_ != 0 ? ErrorCode::kConnect : ErrorCode::kTls;
    return Report(Fail(code, last_error(), accepted_ ? Origin::kDownstream : Origin::kUpstream,
                       error_ != 0 ? Retryable::kYes : Retryable::kNo));
  }
  if (ssl_ == nullptr) return Report({});
  ContinueHandshake();
}

// Tells the owner how connecting ended. What came in the same edge is told too: it makes no second event.
void Transport::Report(Result<void> result) {
  bool connected = result.has_value();
  uint32_t use = use_;
  handler_->OnConnected(std::move(result));
  if (connected && use == use_ && readable_) handler_->OnReadable();
}

IoResult Transport::Read(char* to, size_t size) {
  if (fd_ < 0) return {IoResult::kError};
  if (drained_) readable_ = false;  // who looked again knows now
  if (drained_ || size == 0) return {IoResult::kAgain};
  if (ssl_ != nullptr) return TlsRead(to, size);
  ssize_t count;
  do {
    count = recv(fd_, to, size, 0);
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    readable_ = static_cast<size_t>(count) == size || peer_closed_;
    return {IoResult::kOk, static_cast<size_t>(count)};
  }
  return ReadEnded(count);
}

// What a read says that has brought nothing.
IoResult Transport::ReadEnded(ssize_t count) {
  if (count < 0 && errno == EAGAIN) {
    readable_ = false;
    drained_ = true;
    return {IoResult::kAgain};
  }
  readable_ = true;
  peer_closed_ = true;
  // A reset that a write has taken from the socket reads like an orderly end; EPIPE alone came after one.
  if (count == 0) return {error_ == 0 || error_ == EPIPE ? IoResult::kEnd : IoResult::kError};
  error_ = errno;
  return {IoResult::kError};
}

IoResult Transport::Write(const iovec* pieces, int count) {
  if (fd_ < 0) return {IoResult::kError};
  size_t size = 0;
  for (int i = 0; i < count; i++) size += pieces[i].iov_len;
  if (size == 0) return {IoResult::kOk, 0};
  if (!writable_) {
    wants_write_ = true;
    return {IoResult::kAgain};
  }
  if (ssl_ != nullptr) {
    IoResult result = TlsWrite(pieces, count);
    if (result.status == IoResult::kError) readable_ = true, drained_ = false;
    return result;
  }
  ssize_t sent;
  do {
    sent =
        count == 1 ? send(fd_, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL) : SendPieces(fd_, pieces, count, size);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && errno != EAGAIN) return WriteFailed(errno);
  if (sent > 0) bytes_written_ += static_cast<uint64_t>(sent);
  if (sent < 0 || static_cast<size_t>(sent) < size) {
    writable_ = false;
    wants_write_ = true;
  }
  if (sent <= 0) return {IoResult::kAgain};
  return {IoResult::kOk, static_cast<size_t>(sent)};
}

IoResult Transport::WriteFailed(int error) {
  if (error_ == 0) error_ = error;  // the first is the cause: after a reset it is EPIPE
  readable_ = true;                 // what there was to read is followed by the end, of which no event may tell
  drained_ = false;
  return {IoResult::kError};
}

IoResult Transport::Write(std::string_view bytes) {
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  return Write(&piece, 1);
}

void Transport::ShutdownWrite() {
  if (fd_ < 0 || write_ended_) return;
  write_ended_ = true;
  if (ssl_ != nullptr) TlsShutdown();
  shutdown(fd_, SHUT_WR);
}

void Transport::Close() {
  if (!watched_) return;
  event_del(&event_);
  if (ssl_ != nullptr) TlsFree();
  if (fd_ >= 0) close(fd_);
  use_++;
  fd_ = -1;
  tls_sealed_ = 0;
  watched_ = readable_ = drained_ = peer_closed_ = connecting_ = handshaking_ = wants_write_ = false;
  tls_crossed_ = tls_failed_ = tls_broken_ = tls_short_ = write_ended_ = false;
  writable_ = true;
}

const std::string& Transport::last_error() const {
  static const std::string none;
  if (!error_text_ && error_ != 0) error_text_ = std::make_unique<std::string>(ErrnoText(error_));
  return error_text_ ? *error_text_ : none;
}

SocketAddress Transport::PeerAddress() const {
  sockaddr_storage raw{};
  socklen_t length = sizeof raw;
  if (getpeername(fd_, reinterpret_cast<sockaddr*>(&raw), &length) != 0) return {};
  return SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&raw), length);
}

SocketAddress Transport::LocalAddress() const {
  sockaddr_storage raw{};
  socklen_t length = sizeof raw;
  if (getsockname(fd_, reinterpret_cast<sockaddr*>(&raw), &length) != 0) return {};
  return SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&raw), length);
}

}  // namespace mg::net
