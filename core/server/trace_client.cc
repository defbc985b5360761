#include "server/trace_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <memory>

#include "net/address.h"

namespace mg::server {
namespace {

constexpr size_t kKept = 64 * 1024;

struct Descriptor {
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
  int fd = -1;
};

using Ssl = std::unique_ptr<SSL, decltype([](SSL* ssl) { SSL_free(ssl); })>;

// Where a listener is reached from this machine.
Result<net::SocketAddress> Reach(const config::Address& address) {
  Result<net::SocketAddress> to = net::SocketAddress::From(address);
  if (!to) return to;
  std::string ip = to->Ip();
  if (ip == "0.0.0.0") return net::SocketAddress::FromIp("127.0.0.1", to->port());
  if (ip == "::") return net::SocketAddress::FromIp("::1", to->port());
  return to;
}

Result<Ssl> Handshake(int fd, const std::string& server_name) {
  std::unique_ptr<SSL_CTX, decltype([](SSL_CTX* ctx) { SSL_CTX_free(ctx); })> ctx(SSL_CTX_new(TLS_client_method()));
  Ssl ssl(SSL_new(ctx.get()));
  SSL_set_verify(ssl.get(), SSL_VERIFY_NONE, nullptr);
  SSL_set_fd(ssl.get(), fd);
  if (!server_name.empty()) SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
  ERR_clear_error();
  if (SSL_connect(ssl.get()) == 1) return ssl;
  const char* reason = ERR_reason_error_string(ERR_get_error());
  return Fail(ErrorCode::kTls, std::string("the TLS handshake failed: ") + (reason != nullptr ? reason : "no answer"));
}

bool SendAll(int fd, SSL* ssl, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t size = ssl != nullptr
                       ? SSL_write(ssl, bytes.data(), static_cast<int>(std::min<size_t>(bytes.size(), 16384)))
                       : send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

}  // namespace

Result<std::string> SendToListener(const config::Listener& listener, const std::string& server_name,
                                   std::string_view request, std::chrono::milliseconds patience) {
  Result<net::SocketAddress> to = Reach(listener.address);
  if (!to) return std::unexpected(to.error());
  Descriptor socket_of{socket(to->family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int fd = socket_of.fd;
  if (fd < 0) return FailErrno("socket");
  timeval limit{static_cast<time_t>(patience.count() / 1000), 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(fd, to->raw(), to->length()) != 0) return FailErrno("cannot connect to " + to->ToString());
  Ssl ssl;
  if (listener.proxy_protocol && !SendAll(fd, nullptr, "PROXY UNKNOWN\r\n")) return FailErrno("send");
  if (listener.tls) {
    Result<Ssl> shaken = Handshake(fd, server_name);
    if (!shaken) return std::unexpected(shaken.error());
    ssl = std::move(*shaken);
  }
  // A gateway that answers early does not read the rest: what it says counts.
  bool sent = SendAll(fd, ssl.get(), request);
  std::string text;
  char buffer[16384];
  ssize_t size;
  while ((size = ssl ? SSL_read(ssl.get(), buffer, sizeof buffer) : recv(fd, buffer, sizeof buffer, 0)) > 0) {
    if (text.size() < kKept) text.append(buffer, static_cast<size_t>(size));
  }
  if (text.empty()) return Fail(ErrorCode::kReset, sent ? "the gateway gave no answer" : "the request was not taken");
  return text;
}

}  // namespace mg::server
