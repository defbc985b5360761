// TLS contexts (OpenSSL 3): built on the control thread with a generation, shared by all loops, immutable in use.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"

struct ssl_ctx_st;
struct ssl_st;

namespace mg::net {

// A listener's context: certificates picked by SNI (exact, then wildcard, else the first), ALPN, tickets, client
// certificates. Mozilla's intermediate profile; SSL_MODE_RELEASE_BUFFERS; one ticket a handshake.
class ServerTls {
 public:
  // Errors name the file and say what is wrong with it (a key that does not fit, an expired certificate is a warning).
  static Result<std::unique_ptr<ServerTls>> Make(const config::ListenerTls& conf);
  ~ServerTls();
  ssl_ctx_st* context() const;

 private:
  struct Impl;
  explicit ServerTls(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// An upstream's or a client's context: verification against a CA (default: the system's), session reuse, an optional
// client certificate.
class ClientTls {
 public:
  static Result<std::unique_ptr<ClientTls>> Make(const config::UpstreamTls& conf);
  ~ClientTls();
  ssl_ctx_st* context() const;

 private:
  struct Impl;
  explicit ClientTls(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What a handshake agreed on and the client's certificate says, for expressions and the access log.
struct TlsInfo {
  std::string_view version, cipher, alpn, server_name;
  bool resumed = false;
};
TlsInfo DescribeTls(ssl_st* tls);

// Keys that encrypt session tickets, shared by all loops and generations, rotated by time (RFC 5077's advice).
void RotateTicketKeys();

}  // namespace mg::net
