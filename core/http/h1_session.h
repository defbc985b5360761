// H1Session: a downstream HTTP/1 connection: reads requests in order, hands each to a StreamHandler, writes the
// answers. Owner: the SessionList of its listener. Thread: its loop's. An idle one holds no buffer.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/buffer.h"
#include "base/held_text.h"
#include "base/list.h"
#include "config/config.h"
#include "http/h1_parser.h"
#include "http/stream.h"
#include "net/connection_limits.h"
#include "net/transport.h"

namespace mg::http {

class H1Session;

// Owns the sessions of a loop, and counts them.
class SessionList {
 public:
  // `handshake_failures`: written by the loop alone.
  explicit SessionList(net::Loop& loop, std::atomic<uint64_t>* handshake_failures = nullptr)
      : loop_(loop), handshake_failures_(handshake_failures) {}
  ~SessionList();
  void Add(std::unique_ptr<H1Session> session);
  // Read by any thread, as the counters below are; written by the loop.
  size_t size() const { return size_.load(std::memory_order_relaxed); }
  uint64_t tls_handshakes() const { return handshakes_.load(std::memory_order_relaxed); }
  // Closes idle connections now and each other one after its response; new requests are answered with
  // Connection: close.
  void Drain();
  bool draining() const { return draining_; }
  void CloseAll();

 private:
  friend class H1Session;
  void Remove(H1Session& session);  // destroyed at the end of the loop's turn

  net::Loop& loop_;
  std::atomic<uint64_t>* handshake_failures_;
  List<H1Session, SessionList> sessions_;
  std::atomic<size_t> size_{0};
  std::atomic<uint64_t> handshakes_{0};
  bool draining_ = false;
};

struct SessionOptions {
  StreamHandlerFactory* factory = nullptr;
  std::shared_ptr<const config::Limits> limits;  // of the generation it was accepted under
  uint32_t listener = 0;
  ssl_ctx_st* tls = nullptr;
};

class H1Session final : public net::TransportHandler, public Stream, public ListNode<SessionList> {
 public:
  // The options are shared by the sessions of a listener.
  H1Session(net::Loop& loop, std::shared_ptr<const SessionOptions> options);
  ~H1Session() override;

  // Takes an accepted socket and reads what has come. `peer`: the client, who may have come by a proxy that told so.
  void Start(int fd, const net::SocketAddress& peer, net::Admission admission = {});

  // net::TransportHandler
  void OnConnected(Result<void> result) override;
  void OnReadable() override;
  void OnWritable() override;

  // Stream
  void SendInformational(const ResponseHead& head) override;
  void SendHead(const ResponseHead& head, End end) override;
  void SendBody(std::string_view data, End end) override;
  std::optional<net::IoResult> Relay(net::Transport& from, size_t size) override;
  void SetTrailers(std::string_view lines) override;
  void Flush() override;
  size_t pending() const override { return out_.size() + piped(); }
  void Abort() override;
  void PauseBody() override { body_paused_ = true; }
  void ResumeBody() override;
  void WantBody() override;
  void StartTunnel() override;
  const ConnectionInfo& connection() const override { return info_; }
  net::SocketAddress LocalAddress() const override { return transport_.LocalAddress(); }
  uint64_t bytes_received() const override { return received_; }
  uint64_t bytes_sent() const override { return sent_; }
  void DisableKeepAlive() override { keep_alive_ = false; }

 private:
  friend class SessionList;
  enum class Input : uint8_t {
    kHead,     // between requests, or in the middle of a head
    kBody,     // a body is coming
    kDone,     // the request is complete, its answer is not
    kDiscard,  // the answer is complete, the rest of the body is thrown away
    kTunnel,
    kLinger,  // closing: reading until the client has seen our answer
    kClosed,
  };
  enum class Output : uint8_t { kNone, kHeadSent, kEnded };

  void ReadInput();
  // Consumes from the front of `bytes`; what it leaves must be kept (see stash_).
  size_t Process(std::string_view bytes);
  size_t ProcessHead(std::string_view bytes);
  size_t ProcessBody(std::string_view bytes);
  void BeginRequest(std::string_view head);
  void Refuse(ParseError error);
  void RequestComplete();
  void AwaitAnswer();
  void ResponseComplete();
  void NextRequest();
  void Stash(std::string_view bytes);
  void ProcessStash();
  void GoOnEnding();
  void ResumeInput();  // deferred to the end of the turn
  void OnEnd();
  void BodyFailed(const Error& error, int status);
  void WriteOut(const iovec* pieces, int count);
  size_t piped() const { return handler_ != nullptr && handler_->unsent.pipe ? handler_->unsent.pipe->size() : 0; }
  void WriteFailed();
  void GiveBackPipe();
  static void OnTimer(void* self);
  void StartLinger();
  void EndConnection();
  void HandshakeFailed(const Error& error);
  void CloseNow(const Error& error);
  bool wants_input() const;
  bool MayRead() const;
  const config::Limits& limits() const { return *options_->limits; }

  SessionList* list_ = nullptr;
  std::shared_ptr<const SessionOptions> options_;
  net::Admission admission_;  // its place among the open connections
  net::Transport transport_;
  net::Timer timer_;
  StreamHandler* handler_ = nullptr;

  // What one request needs beyond the handler. An idle connection costs little more than this object: small things
  // stand in bits, and what is only there while a request is served is the handler's (StreamHandler::unsent).
  Input input_ = Input::kHead;
  Output output_ = Output::kNone;
  bool keep_alive_ : 1 = true;
  bool body_paused_ : 1 = false;
  bool processing_ : 1 = false;  // inside Process: do not enter it again
  bool resume_posted_ : 1 = false;
  bool chunked_in_ : 1 = false;
  bool chunked_out_ : 1 = false;
  bool bodyless_out_ : 1 = false;  // HEAD, 204, 304: body bytes are dropped
  bool expects_continue_ : 1 = false;
  bool peer_ended_ : 1 = false;
  bool input_left_ : 1 = false;  // the client may still be sending what nobody will read: closing lingers
  bool write_failed_ : 1 = false;
  bool started_request_ : 1 = false;  // a byte of the head has come
  bool empty_line_ : 1 = false;       // before it: one is skipped
  bool stash_full_ : 1 = false;       // as many requests as may be wait in it
  uint32_t scanned_ = 0;              // of stash_: how far ScanHead has looked
  uint64_t body_left_ = 0;            // of a Content-Length body
  uint64_t received_ = 0, sent_ = 0;
  std::unique_ptr<ChunkDecoder> chunks_;
  Buffer out_;      // what the socket would not take
  HeldText stash_;  // input kept: part of a head, or a pipelined request
  ConnectionInfo info_;
};

}  // namespace mg::http
