#include "tester/client.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace mg::tester {

int Deadline::left_ms() const {
  Nanoseconds left = at_ - ClockNanoseconds(CLOCK_MONOTONIC);
  return left <= 0 ? 0 : static_cast<int>(std::min<Nanoseconds>((left + 999'999) / 1'000'000, 1'000'000));
}

Result<void> Client::Connect(const net::SocketAddress& to, Deadline deadline) {
  Close();
  fd_ = socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) return FailErrno("socket");
  int one = 1;
  if (to.family() != AF_UNIX) setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd_, to.raw(), to.length()) == 0) return {};
  if (errno != EINPROGRESS) return FailErrno("connect to " + to.ToString());
  pollfd wait{fd_, POLLOUT, 0};
  if (poll(&wait, 1, deadline.left_ms()) <= 0)
    return Fail(ErrorCode::kTimeout, "connect to " + to.ToString() + ": timeout");
  socklen_t size = sizeof errno;
  int failed = 0;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &failed, &size);
  if (failed == 0) return {};
  errno = failed;
  return FailErrno("connect to " + to.ToString());
}

Result<void> Client::StartTls(const Tls& tls, Deadline deadline) {
  ERR_clear_error();
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX* ctx = context.get();
  auto fail = [](std::string_view what) {
    unsigned long error = ERR_get_error();
    const char* reason = error != 0 ? ERR_reason_error_string(error) : nullptr;
    return Fail(ErrorCode::kTls, "TLS: " + std::string(what) + (reason != nullptr ? std::string(": ") + reason : ""));
  };
  if (SSL_CTX_load_verify_file(ctx, (tls.folder + "/ca.pem").c_str()) != 1) return fail("no ca.pem");
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  if (!tls.certificate.empty()) {
    std::string base = tls.folder + "/" + tls.certificate;
    if (SSL_CTX_use_certificate_file(ctx, (base + ".crt").c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, (base + ".key").c_str(), SSL_FILETYPE_PEM) != 1)
      return fail("no certificate " + tls.certificate);
  }
  if (!tls.version.empty()) {
    int version = tls.version == "1.2" ? TLS1_2_VERSION : tls.version == "1.3" ? TLS1_3_VERSION : TLS1_1_VERSION;
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
  }
  ssl_ = SSL_new(ctx);
  SSL_set_fd(ssl_, fd_);
  SSL_set_tlsext_host_name(ssl_, tls.server_name.c_str());
  SSL_set1_host(ssl_, tls.server_name.c_str());
  std::string offer = static_cast<char>(tls.alpn.size()) + tls.alpn;
  if (!tls.alpn.empty())
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(offer.data()),
                        static_cast<unsigned>(offer.size()));
  for (;;) {
    ERR_clear_error();
    int code = SSL_connect(ssl_);
    if (code == 1) return {};
    int error = SSL_get_error(ssl_, code);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return fail("the handshake failed");
    pollfd wait{fd_, static_cast<short>(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
    if (poll(&wait, 1, deadline.left_ms()) <= 0) return Fail(ErrorCode::kTimeout, "TLS: the handshake took too long");
  }
}

ssize_t Client::Receive(char* to, size_t size) {
  if (ssl_ == nullptr) return recv(fd_, to, size, 0);
  ERR_clear_error();
  size_t count = 0;
  int code = SSL_read_ex(ssl_, to, size, &count);
  if (code == 1) return static_cast<ssize_t>(count);
  int error = SSL_get_error(ssl_, code);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
  return -1;
}

ssize_t Client::Transmit(std::string_view bytes) {
  if (ssl_ == nullptr) return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  ERR_clear_error();
  size_t count = 0;
  int code = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &count);
  if (code == 1) return static_cast<ssize_t>(count);
  int error = SSL_get_error(ssl_, code);
  errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
  return -1;
}

void Client::Close() {
  SSL_free(ssl_);
  ssl_ = nullptr;
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void Client::ShutdownSend() {
  if (ssl_ != nullptr) SSL_shutdown(ssl_);
  shutdown(fd_, SHUT_WR);
}

bool Client::Turn(short events, short& ready, Deadline deadline) {
  pollfd wait{fd_, events, 0};
  int count;
  do {
    count = poll(&wait, 1, deadline.left_ms());
  } while (count < 0 && errno == EINTR);
  ready = wait.revents;
  if (count <= 0) return false;
  if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0 && !ended_) ReadWhatIsThere();
  return true;
}

void Client::ReadWhatIsThere() {
  std::array<char, 65536> piece;
  for (;;) {
    ssize_t size = Receive(piece.data(), piece.size());
    if (size > 0) {
      if (!reader_.Feed({piece.data(), static_cast<size_t>(size)})) return;
      continue;
    }
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    ended_ = true;
    reset_ = size < 0;
    reader_.End();
    return;
  }
}

Client::Outcome Client::Send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    if (!reader_.error().empty()) return Outcome::kProtocol;
    ssize_t size = ended_ ? -1 : Transmit(bytes);
    if (size > 0) {
      bytes.remove_prefix(static_cast<size_t>(size));
      continue;
    }
    if (size < 0 && errno == EINTR) continue;
    if (ended_ || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) return Outcome::kEnded;
    short ready = 0;
    if (!Turn(POLLIN | POLLOUT, ready, deadline)) return Outcome::kTimeout;
  }
  return Outcome::kDone;
}

Client::Outcome Client::ReadResponses(size_t count, Deadline deadline) {
  for (;;) {
    if (!reader_.error().empty()) return Outcome::kProtocol;
    if (reader_.responses().size() >= count && !reader_.switched()) return Outcome::kDone;
    if (ended_) return reader_.responses().size() >= count ? Outcome::kDone : Outcome::kEnded;
    short ready = 0;
    if (!Turn(POLLIN, ready, deadline)) return Outcome::kTimeout;
  }
}

Client::Outcome Client::ReadSomething(Deadline deadline) {
  while (!reader_.TakeProgress()) {
    if (!reader_.error().empty()) return Outcome::kProtocol;
    if (ended_) return Outcome::kEnded;
    short ready = 0;
    if (!Turn(POLLIN, ready, deadline)) return Outcome::kTimeout;
  }
  return Outcome::kDone;
}

Client::Outcome Client::ReadEnd(Deadline deadline) {
  while (!ended_) {
    if (!reader_.error().empty()) return Outcome::kProtocol;
    short ready = 0;
    if (!Turn(POLLIN, ready, deadline)) return Outcome::kTimeout;
  }
  return reader_.error().empty() ? Outcome::kDone : Outcome::kProtocol;
}

}  // namespace mg::tester
