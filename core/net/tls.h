// TLS contexts (OpenSSL 3): built on the control thread with a generation, shared by all loops, immutable in use.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/config.h"

struct ssl_ctx_st;
struct ssl_st;

namespace mg::net {

// A listener's context: certificates picked by SNI (exact, then wildcard, else the first), ALPN, tickets, client
// certificates, OCSP responses for those who ask. Mozilla's intermediate profile; SSL_MODE_RELEASE_BUFFERS; one ticket
// a handshake.
class ServerTls {
 public:
  // Errors name the file and say what is wrong with it (a key that does not fit, an expired certificate is a warning).
  // `listener`: its number, for the hooks of its handshakes. `alpn`: the protocols offered, the best first; a client
  // that offers only others is refused (RFC 7301 3.2).
  static Result<std::unique_ptr<ServerTls>> Make(const config::ListenerTls& conf,
                                                 const std::vector<std::string>& alpn = {"http/1.1"},
                                                 uint32_t listener = 0);
  ~ServerTls();
  ssl_ctx_st* context() const;

 private:
  struct Impl;
  explicit ServerTls(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// An upstream's or a client's context: verification against a CA (default: the system's, or SSL_CERT_FILE), session
// reuse by server name, an optional client certificate. Connections outlive it safely.
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

// Reads the system's trust anchors, unless they are known, so that the first connection that verifies with them does
// not wait for it on a loop. Blocks, some milliseconds.
void ReadSystemTrust();

// What a handshake agreed on and the client's certificate says, for expressions and the access log.
struct TlsInfo {
  std::string_view version, cipher, alpn, server_name;  // valid as long as the connection
  bool resumed = false;
};
TlsInfo DescribeTls(ssl_st* tls);

// What is known of the peer's certificate.
enum class PeerField : uint8_t {
  kVerify,   // "NONE": there is none; "SUCCESS"; "FAILED:" and why
  kSubject,  // this and the next three: empty unless it was verified, since anybody can write them
  kIssuer,   // both in RFC 2253's form
  kSerial,   // upper-case hex
  kNames,    // subjectAltName: "DNS:a.example,URI:spiffe://b,IP:192.0.2.1,email:c@example.com"
  kSha256,   // of the certificate, lower-case hex: the peer has its key, verified or not
  kSha1,
  kPem,
};
std::string PeerCertificate(ssl_st* tls, PeerField field);

// Keeps what DescribeTls and PeerCertificate tell beyond the connection's end, until as many releases.
void RetainTls(ssl_st* tls);
void ReleaseTls(ssl_st* tls);

// Makes a new key for session tickets, shared by all loops, listeners and generations (RFC 5077 5.5). The two keys
// before it still open the tickets they sealed. Any thread; to be called every few hours.
void RotateTicketKeys();

// Whose turn it is to replace them. One thread.
class TicketRotation {
 public:
  // Replaces the keys when they are `period` old. How long until it is due again.
  Milliseconds Check(Nanoseconds now, Milliseconds period);

 private:
  Nanoseconds last_ = 0;  // 0: not begun
};

}  // namespace mg::net
