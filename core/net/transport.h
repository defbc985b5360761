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

struct bio_st;
struct ssl_st;
struct ssl_ctx_st;

namespace mg::net {

class Pipe;
class Transport;

// What happened on a transport. Implemented by its owner; may destroy the transport's owner through Loop::DestroyLater
// only, and may Close() the transport.
class TransportHandler : public Deferred {
 public:
  // Connected (and the handshake done), or failed: for Connect() and, with TLS, for Accept() too. OnReadable follows if
  // bytes may be there already.
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
  // `from`: where it is to come from, port 0 for any.
  void Connect(const SocketAddress& to, ssl_ctx_st* tls = nullptr, const std::string& server_name = "",
               const SocketAddress* from = nullptr);

  // Starts TLS on a connected plain transport (a client's: STARTTLS, cosockets); OnConnected tells.
  void StartTls(ssl_ctx_st* tls, const std::string& server_name);

  // In the loop's next turn: what its hook waited for has ended (tls_handshake.h).
  void ResumeHandshake();

  // kOk with fewer bytes than asked for: nothing more is likely to be there (see readable()). kAgain: nothing now,
  // OnReadable will tell. kEnd: the peer has ended its side. kError: last_error(). A reader that needs more calls
  // again until kAgain: a reset that came with the last bytes shows only then.
  IoResult Read(char* to, size_t size);
  // kOk with what was taken; after fewer than given, or kAgain, OnWritable will tell, and what was not taken has to be
  // given again, and first (TLS may have sealed it already). Giving nothing is kOk with 0.
  IoResult Write(const iovec* pieces, int count);
  IoResult Write(std::string_view bytes);

  // A plain connection's bytes can go through a pipe, within the kernel.
  bool plain() const { return ssl_ == nullptr; }
  // As Read, into a pipe that is empty; plain transports alone.
  IoResult ReadInto(Pipe& pipe, size_t size);
  // Writes what is in the pipe; where something stays in it, OnWritable will tell. Plain transports alone.
  IoResult WriteFrom(Pipe& pipe);

  // Whether a Read could still bring something without a new event: what a reader that stopped on its own account
  // (back-pressure, a message that is complete) asks before it waits. False after a short read unless a hang-up was
  // seen, which saves the system call that would say EAGAIN.
  bool readable() const { return readable_; }
  // For who stopped on a short read long ago: a reset that came with those bytes shows in no event, only in a Read.
  void LookAgain() { readable_ = open(); }
  // Whether the peer has hung up (its FIN or RST was seen), even while nobody reads.
  bool peer_closed() const { return peer_closed_; }

  void ShutdownWrite();  // FIN (with TLS: close_notify first)
  void Close();          // at once; no handler call follows
  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  Loop& loop() { return *loop_; }
  const std::string& last_error() const;  // text for the log; stays until the next Accept or Connect
  ssl_st* tls() const { return ssl_; }
  SocketAddress PeerAddress() const;
  SocketAddress LocalAddress() const;
  uint64_t bytes_written() const { return bytes_written_; }

 private:
  static void OnEvent(int fd, short what, void* self);
  void Watch();
  void ForgetError();
  void FailLater(int error);
  void FinishConnect(short what);
  void Ready(short what);
  void Report(Result<void> result);
  void SetErrorText(std::string text);
  IoResult ReadEnded(ssize_t count);
  IoResult WriteFailed(int error);

  // The TLS half: tls_transport.cc.
  bool BeginTls(ssl_ctx_st* context, bool server, const std::string& server_name, const SocketAddress* to);
  void ContinueHandshake();
  IoResult TlsRead(char* to, size_t size);
  IoResult TlsWrite(const iovec* pieces, int count);
  IoResult TlsWriteRecord(const char* bytes, size_t size);
  IoResult TlsReadStopped(int code);
  IoResult TlsFailed(int error);
  bool TlsReadable() const;
  void TlsShutdown();
  void TlsFree();
  static int TlsReceive(bio_st* bio, char* to, int size);
  static int TlsSend(bio_st* bio, const char* bytes, int size);

  // An idle connection is little more than this: what is rare is kept elsewhere, what is small in bits.
  Loop* loop_;
  TransportHandler* handler_;
  event event_{};
  ssl_st* ssl_ = nullptr;
  uint64_t bytes_written_ = 0;
  mutable std::unique_ptr<std::string> error_text_;  // null: none, or errno's
  int fd_ = -1;
  int error_ = 0;
  uint32_t use_ = 0;           // counts Close(): a handler's call may have ended what OnEvent works for
  uint16_t tls_sealed_ = 0;    // size of a record that OpenSSL holds, to be given again
  bool accepted_ : 1 = false;  // the peer is a client of ours
  bool watched_ : 1 = false;   // event_ is assigned
  bool readable_ : 1 = false;
  bool drained_ : 1 = false;  // EAGAIN was seen since the last event
  bool writable_ : 1 = true;
  bool peer_closed_ : 1 = false;
  bool connecting_ : 1 = false;
  bool handshaking_ : 1 = false;
  bool wants_write_ : 1 = false;  // a Write was cut short: OnWritable is owed
  bool tls_crossed_ : 1 = false;  // OpenSSL waits for the other direction: every event counts for both
  bool tls_failed_ : 1 = false;   // no close_notify may follow
  bool tls_broken_ : 1 = false;   // reading failed behind bytes that were handed out: told by the next Read
  bool tls_short_ : 1 = false;    // the last recv brought less than it asked for
  bool write_ended_ : 1 = false;
};

}  // namespace mg::net
