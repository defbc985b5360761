// The seam between a downstream connection and whoever answers its requests.
//
// A session (h1_session.h; HTTP/2's behind the same two interfaces) turns bytes into requests and answers into bytes.
// It hands each request to a StreamHandler, which it knows only as this interface; the handler answers through a
// Stream. A subrequest is the same handler with a Stream that collects. All on one loop's thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "http/h1_parser.h"
#include "http/message.h"
#include "net/address.h"
#include "net/pipe.h"
#include "net/transport.h"

struct ssl_st;

namespace mg::http {

enum class End : bool { kNo, kYes };

// The downstream connection a request came on; owned by the session, outlives its streams' handlers' use of it.
struct ConnectionInfo {
  uint64_t serial = 0;    // of the connection, unique in the process
  ssl_st* tls = nullptr;  // null: plain
  uint32_t requests = 0;  // begun on it, this one included
  uint32_t listener = 0;  // its number: the same through reloads
  uint16_t peer_port = 0;
  uint8_t peer_ip_length = 0;
  bool is_unix = false;
  char peer_ip_text[40] = {};  // the longest is an IPv6 address of 39 characters

  std::string_view peer_ip() const { return {peer_ip_text, peer_ip_length}; }
};

// One request's way back to its client. Calls after the response's end are not allowed.
class Stream {
 public:
  virtual ~Stream() = default;

  // 100, 102, 103: any number, before SendHead.
  virtual void SendInformational(const ResponseHead& head) = 0;

  // Encodes the head from `status`, `reason` and `headers`; Content-Length and Transfer-Encoding fields in it are taken
  // as they stand when they fit the protocol: without a length, and with a body, the session frames the body itself
  // (chunked, or until close for HTTP/1.0). Nothing is written before the first SendBody, Flush or End::kYes, so that a
  // small response leaves in one write. With HEAD, 204 and 304, body bytes are dropped.
  virtual void SendHead(const ResponseHead& head, End end) = 0;
  // The bytes are written or copied before it returns. With End::kYes the response is complete: the handler must not
  // use the stream again and hears no more from it.
  virtual void SendBody(std::string_view data, End end) = 0;
  // As SendBody of at most `size` bytes that wait in `from`, which then need not be read: they move within the kernel.
  // Nothing where that cannot be (TLS, chunks, a head not written yet, pending()): read and send them. Else how it went
  // with reading, as Transport::Read tells; what came is sent.
  virtual std::optional<net::IoResult> Relay(net::Transport&, size_t) { return std::nullopt; }
  // Trailer fields for the end of a chunked response: call before the SendBody that ends it. Raw lines, each with CRLF.
  virtual void SetTrailers(std::string_view lines) = 0;
  virtual void Flush() = 0;
  // Bytes taken and not yet handed to the socket. While it is not 0, stop producing and wait for OnDrained.
  virtual size_t pending() const = 0;
  // Cuts the connection (HTTP/2: resets the stream): the response could not be completed. Ends the stream as End::kYes.
  virtual void Abort() = 0;

  // Back-pressure on the request body: OnBody is not called while paused.
  virtual void PauseBody() = 0;
  virtual void ResumeBody() = 0;
  // The handler wants the body now: sends 100 Continue where the client waits for it. Idempotent.
  virtual void WantBody() = 0;

  // From now on both directions are raw bytes (after a 101): OnBody delivers what the client sends, SendBody sends as
  // is.
  virtual void StartTunnel() = 0;

  virtual const ConnectionInfo& connection() const = 0;
  // Where the client connected to; a system call.
  virtual net::SocketAddress LocalAddress() const { return {}; }
  virtual uint64_t bytes_received() const = 0;  // of this request, head included
  virtual uint64_t bytes_sent() const = 0;      // of this response, head included
  // Closes the connection after this response (Connection: close).
  virtual void DisableKeepAlive() = 0;
};

// One request and who answers it. Made by a StreamHandlerFactory when a request's head begins; it owns the arena the
// head is parsed into. It manages its own life: the session only tells when it will not call any more (after End::kYes,
// Abort, or OnClosed).
class StreamHandler {
 public:
  explicit StreamHandler(BlockPool& blocks) : arena(blocks) {}
  virtual ~StreamHandler() = default;

  Arena arena;
  RequestHead request;        // filled in before OnRequest
  std::string_view raw_head;  // its bytes, in the arena

  // What a session keeps of the response; its own to use.
  struct Unsent {
    std::string_view head;  // encoded, waiting for the first body bytes; in the arena
    std::string_view trailers;
    uint64_t length_left = 0;         // of a response with Content-Length: what it still owes; UINT64_MAX: of any other
    std::unique_ptr<net::Pipe> pipe;  // Relay's, from the first one on; what is in it goes before the session's out_
  } unsent;

  // The head is complete and sound. The answer may be given from within.
  virtual void OnRequest() = 0;
  // The head was refused: answer with StatusFor(error); the session closes the connection afterwards.
  virtual void OnRefused(ParseError error) = 0;
  // A piece of the body, valid during the call; with End::kYes the request is complete (data may be empty).
  virtual void OnBody(std::string_view data, End end) = 0;
  // The trailer section of a chunked body, before the OnBody that ends it; only where there is one. Lines as they came,
  // checked, each with CRLF; valid during the call.
  virtual void OnTrailers(std::string_view) {}
  // The body broke its framing (400), came too slowly (408), or the client ended it early (kReset).
  virtual void OnBodyFailed(const Error& error, int status) = 0;
  // All that had been read so far was delivered: a good time to flush what was made of it.
  virtual void OnInputPause() {}
  // pending() is 0 again.
  virtual void OnDrained() = 0;
  // The client ended its side of the connection while its answer is due. It may still be reading.
  virtual void OnPeerClosed() = 0;
  // The connection is gone: the stream is not to be used any more.
  virtual void OnClosed(const Error& error) = 0;
};

class StreamHandlerFactory {
 public:
  virtual ~StreamHandlerFactory() = default;
  virtual StreamHandler& NewHandler(Stream& stream) = 0;
};

}  // namespace mg::http
