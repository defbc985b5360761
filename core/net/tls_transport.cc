// The TLS half of Transport. OpenSSL reads ahead from the socket by a BIO of ours, so that one recv brings a record's
// header and body, and a short one tells, as on a plain socket, that nothing more is there. The event stays the
// transport's.
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/tls_context.h"
#include "net/tls_errors.h"
#include "net/tls_handshake.h"
#include "net/transport.h"

namespace mg::net {

namespace {

constexpr size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;

// Where the pieces of one record are put together.
thread_local char record[kRecord];

// The bytes that go into one record, unless the client asked for small ones (RFC 6066 4). More would be several records
// to OpenSSL, of which it may have sealed only the first when it says that it has to wait.
size_t LongestRecord(const SSL* ssl) {
  uint8_t code = SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl));
  return code >= TLSEXT_max_fragment_length_512 && code <= TLSEXT_max_fragment_length_4096 ? size_t{256} << code
                                                                                           : kRecord;
}

// Puts up to `most` bytes of the pieces into `record`; the first piece from `offset` on.
size_t Gather(const iovec* pieces, int count, size_t offset, size_t most) {
  size_t size = 0;
  for (; count > 0 && size < most; pieces++, count--, offset = 0) {
    size_t part = std::min(pieces->iov_len - offset, most - size);
    if (part > 0) std::memcpy(record + size, static_cast<const char*>(pieces->iov_base) + offset, part);
    size += part;
  }
  return size;
}

// What the server's certificate has to name, and the SNI (RFC 6066 3: never an IP address). False: nothing to check.
bool ExpectName(SSL* ssl, const std::string& name, const SocketAddress* peer) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  auto literal = SocketAddress::FromIp(name, 0);
  std::string_view ip = literal ? literal->ip_bytes() : std::string_view();
  if (name.empty() && peer != nullptr) ip = peer->ip_bytes();
  if (!ip.empty()) {
    return X509_VERIFY_PARAM_set1_ip(expected, reinterpret_cast<const unsigned char*>(ip.data()), ip.size()) == 1;
  }
  if (name.empty()) return SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE;
  return SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 &&
         X509_VERIFY_PARAM_set1_host(expected, name.c_str(), name.size()) == 1;
}

// Leaves OpenSSL's error queue empty, as SSL_get_error wants it: others on this thread may have left something there.
void ForgetErrors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
  errno = 0;
}

long BioControl(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default: return 0;
  }
}

}  // namespace

int Transport::TlsReceive(bio_st* bio, char* to, int size) {
  auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  ssize_t count;
  do {
    count = recv(transport.fd_, to, static_cast<size_t>(size), 0);
  } while (count < 0 && errno == EINTR);
  transport.tls_short_ = count < size;
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  if (count < 0 && errno == EAGAIN) BIO_set_retry_read(bio);
  return static_cast<int>(count);
}

int Transport::TlsSend(bio_st* bio, const char* bytes, int size) {
  auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  ssize_t count;
  do {
    count = send(transport.fd_, bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

bool Transport::BeginTls(ssl_ctx_st* context, bool server, const std::string& server_name, const SocketAddress* to) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport");
    MG_CHECK(made != nullptr && BIO_meth_set_read(made, TlsReceive) == 1 && BIO_meth_set_write(made, TlsSend) == 1 &&
             BIO_meth_set_ctrl(made, BioControl) == 1);
    return made;
  }();
  ERR_clear_error();
  ssl_ = SSL_new(context);
  BIO* bio = ssl_ != nullptr ? BIO_new(method) : nullptr;
  if (bio == nullptr) {
    SetErrorText(TakeTlsError("no memory for a TLS connection"));
    return false;
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_read_ahead(ssl_, 1);
  handshaking_ = true;
  if (server) {
    SSL_set_accept_state(ssl_);
    return true;
  }
  SSL_set_connect_state(ssl_);
  if (ExpectName(ssl_, server_name, to)) {
    ReuseSession(ssl_);
    return true;
  }
  SetErrorText(TakeTlsError("the certificate cannot be verified without a server name"));
  return false;
}

void Transport::StartTls(ssl_ctx_st* tls, const std::string& server_name) {
  MG_CHECK(fd_ >= 0 && ssl_ == nullptr && !connecting_);
  SocketAddress peer = PeerAddress();
  ForgetError();
  if (!BeginTls(tls, false, server_name, &peer)) return FailLater(0);
  event_active(&event_, EV_WRITE, 1);  // says hello in the loop's next turn
}

void Transport::ResumeHandshake() {
  if (open() && handshaking_) event_active(&event_, EV_READ, 1);
}

void Transport::ContinueHandshake() {
  ForgetErrors();
  int code = SSL_do_handshake(ssl_);
  if (code == 1) {
    handshaking_ = false;
    EndHandshakeHook(ssl_);
    drained_ = false;
    readable_ = TlsReadable();  // records may have come behind the last of the handshake
    if (!readable_) SSL_free_buffers(ssl_);
    return Report({});
  }
  int error = SSL_get_error(ssl_, code);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
  bool hook_waits = error == SSL_ERROR_WANT_CLIENT_HELLO_CB || error == SSL_ERROR_WANT_X509_LOOKUP;
  if (hook_waits && !peer_closed_) return;
  handshaking_ = false;
  EndHandshakeHook(ssl_);
  tls_failed_ = true;
  bool system = error == SSL_ERROR_SYSCALL && errno != 0 && ERR_peek_error() == 0;
  SetErrorText(hook_waits ? "the client went away" : system ? strerror(errno) : TakeHandshakeError(ssl_));
  ERR_clear_error();
  Report(Fail(ErrorCode::kTls, "TLS handshake: " + *error_text_, accepted_ ? Origin::kDownstream : Origin::kUpstream));
}

// Whether records, or parts of one, wait in OpenSSL or in the socket.
bool Transport::TlsReadable() const { return SSL_has_pending(ssl_) == 1 || !tls_short_ || peer_closed_; }

// As many records as there are and fit.
IoResult Transport::TlsRead(char* to, size_t size) {
  if (tls_broken_) return {IoResult::kError};
  size_t total = 0;
  do {
    size_t count = 0;
    ForgetErrors();
    int code = SSL_read_ex(ssl_, to + total, size - total, &count);
    if (code != 1) {
      IoResult stopped = TlsReadStopped(code);
      if (total == 0) return stopped;
      tls_broken_ = stopped.status == IoResult::kError;
      break;
    }
    total += count;
    readable_ = TlsReadable();
  } while (readable_ && total < size);
  return {IoResult::kOk, total};
}

IoResult Transport::TlsReadStopped(int code) {
  int error = SSL_get_error(ssl_, code);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    tls_crossed_ |= error == SSL_ERROR_WANT_WRITE;
    readable_ = false;
    drained_ = true;
    return {IoResult::kAgain};
  }
  readable_ = true;
  return TlsFailed(error);
}

IoResult Transport::TlsFailed(int error) {
  if (error == SSL_ERROR_ZERO_RETURN) {
    peer_closed_ = true;
    return {IoResult::kEnd};
  }
  tls_failed_ = true;
  if (error == SSL_ERROR_SYSCALL && errno != 0 && ERR_peek_error() == 0) {
    error_ = errno;
  } else if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    // Without close_notify the end may be an attacker's (RFC 9112 9.8): not an orderly end.
    peer_closed_ = true;
    SetErrorText("the peer closed the connection without TLS close_notify");
  } else {
    SetErrorText(TakeTlsError("the peer closed the connection"));
  }
  ERR_clear_error();
  return {IoResult::kError};
}

// Sends record by record; the pieces of a record are put together first, so that a small head and its body leave in
// one.
IoResult Transport::TlsWrite(const iovec* pieces, int count) {
  size_t taken = 0, offset = 0;  // offset: into *pieces
  size_t most = LongestRecord(ssl_);
  while (count > 0) {
    if (offset >= pieces->iov_len) {
      offset -= pieces->iov_len;
      pieces++, count--;
      continue;
    }
    const char* bytes = static_cast<const char*>(pieces->iov_base) + offset;
    size_t size = std::min(pieces->iov_len - offset, most);
    if (size < most && count > 1) {
      size = Gather(pieces, count, offset, most);
      bytes = record;
    }
    IoResult result = TlsWriteRecord(bytes, size);
    if (result.status == IoResult::kAgain && taken > 0) break;
    if (result.status != IoResult::kOk) return result;
    offset += result.bytes;
    taken += result.bytes;
  }
  return {IoResult::kOk, taken};
}

// A record that OpenSSL has sealed but could not send has to be given again: the same bytes, and no more than those.
IoResult Transport::TlsWriteRecord(const char* bytes, size_t size) {
  if (size < tls_sealed_) {
    tls_failed_ = true;
    SetErrorText("less was given to a TLS connection than it was given before");
    return {IoResult::kError};
  }
  if (tls_sealed_ > 0) size = tls_sealed_;
  size_t sent = 0;
  ForgetErrors();
  int code = SSL_write_ex(ssl_, bytes, size, &sent);
  if (code == 1) {
    tls_sealed_ = 0;
    bytes_written_ += sent;
    return {IoResult::kOk, sent};
  }
  int error = SSL_get_error(ssl_, code);
  if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) return TlsFailed(error);
  tls_sealed_ = static_cast<uint16_t>(size);
  wants_write_ = true;
  if (error == SSL_ERROR_WANT_READ) tls_crossed_ = true;
  writable_ = false;
  return {IoResult::kAgain};
}

void Transport::TlsShutdown() {
  if (tls_failed_ || handshaking_ || SSL_in_init(ssl_) != 0 || (SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) != 0)
    return;
  ERR_clear_error();
  SSL_shutdown(ssl_);  // close_notify; when the socket is full it is lost, and so is what comes after it
  ERR_clear_error();
}

void Transport::TlsFree() {
  if (handshaking_) EndHandshakeHook(ssl_);
  TlsShutdown();
  SSL_free(ssl_);
  ssl_ = nullptr;
}

}  // namespace mg::net
