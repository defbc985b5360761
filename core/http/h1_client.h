// H1Client: a client's HTTP/1.1 connection: one request at a time, its response streamed to a ClientHandler.
// Owner: an upstream pool's lease, or the pool while idle. Thread: its loop's.
#pragma once

#include <memory>
#include <string>

#include "base/buffer.h"
#include "base/list.h"
#include "http/h1_parser.h"
#include "http/stream.h"
#include "net/transport.h"

namespace mg::http {

class H1Client;

// Who a response is for. After OnResponseBody with End::kYes or OnFailed nothing more is called.
class ClientHandler {
 public:
  virtual ~ClientHandler() = default;
  virtual void OnClientConnected() = 0;
  // 100, 102, 103 as they come. The head is valid during the call.
  virtual void OnInformational(const ResponseHead& head) = 0;
  // The head's views live in response_arena(). After a 101 both directions are raw, and the peer's FIN is
  // OnResponseBody("", kYes).
  virtual void OnResponseHead(ResponseHead& head) = 0;
  virtual void OnResponseBody(std::string_view data, End end) = 0;
  // `left` bytes of the body are to come: instead of hearing of them the handler may have them moved on
  // (Stream::Relay). Nothing: it wants to hear.
  virtual std::optional<net::IoResult> RelayResponseBody(net::Transport&, size_t) { return std::nullopt; }
  // The trailer section of a chunked response, before the OnResponseBody that ends it; only where there is one. Lines
  // as they came, checked, each with CRLF; valid during the call.
  virtual void OnResponseTrailers(std::string_view) {}
  // All that had been read so far was delivered.
  virtual void OnResponsePause() {}
  // pending() is 0 again.
  virtual void OnRequestDrained() = 0;
  virtual void OnFailed(const Error& error) = 0;
  // Where a response head is parsed into: lives as long as the handler wants the head.
  virtual Arena& response_arena() = 0;
};

// Tells the pool that an idle connection ended.
class IdleOwner {
 public:
  virtual ~IdleOwner() = default;
  virtual void OnIdleClosed(H1Client& client) = 0;
};

class H1Client final : public net::TransportHandler, public ListNode<H1Client> {
 public:
  H1Client(net::Loop& loop, const ParseLimits& limits);
  ~H1Client() override;

  void Connect(const net::SocketAddress& to, ssl_ctx_st* tls, const std::string& server_name);

  // Begins an exchange on a connected or connecting client. The handler stays until the end or Detach().
  void Begin(ClientHandler& handler, Method method);
  // The rest of the exchange is another handler's.
  void HandOver(ClientHandler& to) { handler_ = &to; }
  // The whole request head, encoded; held back until body bytes or Flush.
  void SendHead(std::string_view head, BodyFraming framing);
  void SendBody(std::string_view data, End end);
  // Field lines, each with CRLF, for the end of a chunked body; they must live until the SendBody that ends it.
  void SetTrailers(std::string_view lines) { trailers_ = lines; }
  void Flush();
  size_t pending() const { return out_.size(); }
  void PauseResponse() { paused_ = true; }
  void ResumeResponse();

  // Lets go of the handler. True: the connection is at rest and may serve another request; false: close it.
  bool Detach();
  // At rest in a pool: tells `owner` when the peer closes or sends something unasked.
  void Rest(IdleOwner& owner);
  // Wakes it from rest; false when it is not usable any more.
  bool Wake();

  bool connected() const { return connected_; }
  // Bytes of the current response were seen (a retry is then out of the question unless it was the head alone).
  bool response_begun() const { return response_begun_; }
  bool request_sent() const { return request_sent_; }
  uint64_t requests() const { return requests_; }
  net::Transport& transport() { return transport_; }
  Nanoseconds idle_since = 0;  // the next two are its pool's to use
  void* pool = nullptr;
  void Close();

  // net::TransportHandler
  void OnConnected(Result<void> result) override;
  void OnReadable() override;
  void OnWritable() override;

 private:
  enum class State : uint8_t { kIdle, kHead, kBody, kTunnel, kComplete, kClosed };
  static constexpr size_t kOver = SIZE_MAX;          // instead of a count: see Process
  static constexpr uint8_t kMostInformational = 32;  // heads before the final one

  void ReadInput();
  bool Process(std::string_view bytes);
  size_t ProcessHead(std::string_view bytes);
  size_t BeginResponse(ResponseHead& head, size_t length, size_t after);
  size_t ProcessBody(std::string_view bytes);
  std::optional<net::IoResult> RelayBody();
  size_t Finish(std::string_view data);
  size_t Fail(ErrorCode code, std::string message);
  void OnEnd();
  bool StillQuiet();
  void WriteOut(const iovec* pieces, int count);
  void ReadLater();

  net::Transport transport_;
  ParseLimits limits_;
  ClientHandler* handler_ = nullptr;
  IdleOwner* idle_owner_ = nullptr;
  State state_ = State::kIdle;
  Method method_ = Method::kGet;
  BodyFraming request_framing_ = BodyFraming::kNone;
  BodyFraming response_framing_ = BodyFraming::kNone;
  bool connected_ = false;
  bool keep_alive_ = true;
  bool paused_ = false;
  bool processing_ = false;
  bool read_posted_ = false;
  bool request_sent_ = false;  // its end was handed over
  bool response_begun_ = false;
  bool end_owed_ = false;  // of a tunnel: a FIN follows what is in out_
  uint8_t informational_ = 0;
  uint64_t body_left_ = 0;
  uint64_t requests_ = 0;
  std::string_view head_out_;  // held back; lives in the handler's arena
  std::string_view trailers_;  // lives there too
  std::unique_ptr<ChunkDecoder> chunks_;
  Buffer out_;
  std::string stash_;
  size_t scanned_ = 0;
};

}  // namespace mg::http
