// Transport: a connected, non-blocking byte stream on a loop: TCP or unix, plain or TLS.
//
// One persistent edge-triggered event per socket, added once for its whole life. Write at once and wait only on EAGAIN;
// stop reading on a short read unless a hang-up was seen. A transport holds no buffer of its own.
// Owner: a session or an upstream connection. Thread: its loop's.
#pragma once

#include <event2/event_struct.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"
#include "net/loop.h"

struct ssl_st;
struct ssl_ctx_st;

namespace mg::net {

class Transport;

// What happened on a transport. Implemented by its owner; may destroy the transport's owner through Loop::DestroyLater
// only, and may Close() the transport.
class TransportHandler {
 public:
  virtual ~TransportHandler() = default;
  // Connected (and the handshake done), or failed: for Connect() and, with TLS, for Accept() too.
  virtual void OnConnected(Result<void> result) = 0;
  // Read() may bring something (bytes, the end, or an error).
  virtual void OnReadable() = 0;
  // Write() may take bytes again after it has taken fewer than it was given.
  virtual void OnWritable() = 0;
};

struct IoResult {
  enum Status : uint8_t { kOk, kAgain, kEnd, kError } status;
  size_t bytes = 0;  // with kOk: > 0
};

class Transport {
 public:
  Transport(Loop& loop, TransportHandler& handler) : loop_(&loop), handler_(&handler) {}
  ~Transport() { Close(); }
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  void set_handler(TransportHandler& handler) { handler_ = &handler; }

  // Takes an accepted, non-blocking socket. Plain: usable at once, no OnConnected. With TLS the handshake is done first
  // and OnConnected tells.
  void Accept(int fd, ssl_ctx_st* tls = nullptr);

  // Connects; OnConnected tells, never from within this call. With `tls`, `server_name` is sent as SNI and, where the
  // context verifies, checked against the certificate. The caller keeps its own deadline and Close()s.
  void Connect(const SocketAddress& to, ssl_ctx_st* tls = nullptr, const std::string& server_name = "");

  // Starts TLS on a connected plain transport (a client's: STARTTLS, cosockets); OnConnected tells.
  void StartTls(ssl_ctx_st* tls, const std::string& server_name);

  // kOk with fewer bytes than asked for: more may come, OnReadable will tell. kAgain: nothing now. kEnd: the peer has
  // ended its side. kError: last_error().
  IoResult Read(char* to, size_t size);
  // kOk with what was taken; after fewer than given, or kAgain, OnWritable will tell.
  IoResult Write(const iovec* pieces, int count);
  IoResult Write(std::string_view bytes);

  // Whether a Read could still bring something without a new event: what a reader that stopped on its own account
  // (back-pressure) asks before it waits.
  bool readable() const { return readable_; }
  // Whether the peer has hung up (its FIN or RST was seen), even while nobody reads.
  bool peer_closed() const { return peer_closed_; }

  void ShutdownWrite();  // FIN (with TLS: close_notify first)
  void Close();          // at once; no handler call follows
  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  Loop& loop() { return *loop_; }
  const std::string& last_error() const;  // text for the log
  ssl_st* tls() const { return ssl_; }
  SocketAddress PeerAddress() const;
  SocketAddress LocalAddress() const;
  uint64_t bytes_read() const { return bytes_read_; }
  uint64_t bytes_written() const { return bytes_written_; }

 private:
  static void OnEvent(int fd, short what, void* self);
  void Watch();
  // ... the TLS half lives in tls_transport.cc
  Loop* loop_;
  TransportHandler* handler_;
  event event_{};
  ssl_st* ssl_ = nullptr;
  uint64_t bytes_read_ = 0, bytes_written_ = 0;
  int fd_ = -1;
  int error_ = 0;
  bool readable_ = false;
  bool writable_ = true;
  bool peer_closed_ = false;
  bool connecting_ = false;
  bool handshaking_ = false;
  bool wants_write_ = false;  // a Write was cut short: OnWritable is owed
};

}  // namespace mg::net
