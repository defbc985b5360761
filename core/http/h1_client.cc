#include "http/h1_client.h"

#include <algorithm>
#include <utility>

#include "http/h1_encoder.h"

namespace mg::http {

namespace {
constexpr int kReadsAtOnce = 16;            // then other connections get their turn,
constexpr size_t kBytesAtOnce = 1'048'576;  // or when so many bytes came
constexpr size_t kRelayLeast = 128 * 1024;  // below this a body is cheaper copied
}  // namespace

H1Client::H1Client(net::Loop& loop, const ParseLimits& limits) : transport_(loop, *this), limits_(limits) {}

H1Client::~H1Client() = default;

void H1Client::Connect(const net::SocketAddress& to, ssl_ctx_st* tls, const std::string& server_name) {
  transport_.Connect(to, tls, server_name);
}

void H1Client::OnConnected(Result<void> result) {
  if (state_ == State::kClosed) return;
  if (!result) {
    Error error = result.error();
    error.where = Origin::kUpstream;
    error.retryable = Retryable::kYes;
    state_ = State::kClosed;
    transport_.Close();
    if (ClientHandler* handler = std::exchange(handler_, nullptr)) handler->OnFailed(error);
    return;
  }
  connected_ = true;
  if (handler_ != nullptr) handler_->OnClientConnected();
  if (!out_.empty()) OnWritable();
}

void H1Client::Begin(ClientHandler& handler, Method method) {
  handler_ = &handler;
  method_ = method;
  state_ = State::kHead;
  requests_++;
  keep_alive_ = true;
  paused_ = request_sent_ = response_begun_ = end_owed_ = false;
  informational_ = 0;
  scanned_ = 0;
  trailers_ = {};
}

bool H1Client::Detach() {
  handler_ = nullptr;
  processing_ = false;
  head_out_ = {};
  bool at_rest = state_ == State::kComplete && keep_alive_ && request_sent_ && out_.empty() && stash_.empty() &&
                 connected_ && transport_.open() && !transport_.peer_closed();
  if (at_rest) state_ = State::kIdle;
  return at_rest;
}

void H1Client::Rest(IdleOwner& owner) {
  idle_owner_ = &owner;
  if (stash_.capacity() > 64) std::string().swap(stash_);
}

bool H1Client::Wake() {
  idle_owner_ = nullptr;
  return state_ == State::kIdle && transport_.open() && !transport_.peer_closed() && StillQuiet();
}

// Whether a connection at rest has nothing to read but what TLS itself sends (session tickets).
bool H1Client::StillQuiet() {
  if (!transport_.readable()) return true;
  char byte;
  return transport_.Read(&byte, 1).status == net::IoResult::kAgain;
}

void H1Client::Close() {
  state_ = State::kClosed;
  connected_ = false;
  transport_.Close();
}

size_t H1Client::Fail(ErrorCode code, std::string message) {
  // None of the answer has been handed on. One that is not HTTP would not be at the next try.
  bool again = state_ == State::kHead && code != ErrorCode::kProtocol;
  Close();
  processing_ = false;
  if (ClientHandler* handler = std::exchange(handler_, nullptr)) {
    Retryable retryable = again ? Retryable::kYes : Retryable::kNo;
    handler->OnFailed({code, Origin::kUpstream, retryable, std::move(message)});
  }
  return kOver;
}

// --- Output

void H1Client::SendHead(std::string_view head, BodyFraming framing) {
  request_framing_ = framing;
  head_out_ = head;
  if (framing == BodyFraming::kNone) {
    request_sent_ = true;
    if (connected_) Flush();
  }
}

void H1Client::SendBody(std::string_view data, End end) {
  char size_line[18];
  iovec pieces[7];
  int count = 0;
  bool chunked = request_framing_ == BodyFraming::kChunked;
  if (!head_out_.empty()) pieces[count++] = Piece(std::exchange(head_out_, {}));
  if (!data.empty()) {
    if (chunked) pieces[count++] = {size_line, EncodeChunkSize(data.size(), size_line)};
    pieces[count++] = Piece(data);
    if (chunked) pieces[count++] = Piece("\r\n");
  }
  if (end == End::kYes) {
    if (chunked && trailers_.empty()) {
      pieces[count++] = Piece("0\r\n\r\n");
    } else if (chunked) {
      pieces[count++] = Piece("0\r\n");
      pieces[count++] = Piece(std::exchange(trailers_, {}));
      pieces[count++] = Piece("\r\n");
    }
    request_sent_ = true;
  }
  if (count > 0) WriteOut(pieces, count);
  if (end == End::kNo || state_ != State::kTunnel) return;
  end_owed_ = !out_.empty();
  if (!end_owed_) transport_.ShutdownWrite();
}

void H1Client::Flush() {
  if (head_out_.empty()) return;
  iovec piece = Piece(std::exchange(head_out_, {}));
  WriteOut(&piece, 1);
}

void H1Client::WriteOut(const iovec* pieces, int count) {
  size_t taken = 0;
  if (connected_ && out_.empty()) {
    net::IoResult result = transport_.Write(pieces, count);
    if (result.status == net::IoResult::kOk) taken = result.bytes;
    if (result.status == net::IoResult::kError) return ReadLater();
  }
  for (int i = 0; i < count; i++) {
    size_t skip = std::min(taken, pieces[i].iov_len);
    taken -= skip;
    out_.Append({static_cast<char*>(pieces[i].iov_base) + skip, pieces[i].iov_len - skip});
  }
}

void H1Client::OnWritable() {
  if (!connected_ || out_.empty()) return;
  while (!out_.empty()) {
    iovec pieces[16];
    int count = out_.Fill(pieces, 16);
    size_t offered = 0;
    for (int i = 0; i < count; i++) offered += pieces[i].iov_len;
    net::IoResult result = transport_.Write(pieces, count);
    if (result.status == net::IoResult::kError) {
      out_.Clear();
      return ReadLater();
    }
    if (result.status == net::IoResult::kOk) out_.Consume(result.bytes);
    if (result.status == net::IoResult::kAgain || result.bytes < offered) return;
  }
  if (std::exchange(end_owed_, false)) transport_.ShutdownWrite();
  if (handler_ != nullptr) handler_->OnRequestDrained();
}

// Reads at the end of the turn: when other connections have had theirs, or when a write has failed. The peer may have
// answered before it closed, and the event that told of that may have come with an earlier answer's bytes.
void H1Client::ReadLater() {
  if (std::exchange(read_posted_, true)) return;
  transport_.loop().Defer([this] {  // runs before the turn's destroy list
    read_posted_ = false;
    if (handler_ != nullptr) ReadInput();
  });
}

// --- Input

void H1Client::ResumeResponse() {
  if (!paused_) return;
  paused_ = false;
  if (processing_ || state_ == State::kClosed) return;
  ReadInput();
}

void H1Client::OnReadable() {
  if (idle_owner_ != nullptr) {
    if (!transport_.peer_closed() && StillQuiet()) return;
    std::exchange(idle_owner_, nullptr)->OnIdleClosed(*this);
    return;
  }
  ReadInput();
}

void H1Client::ReadInput() {
  if (processing_) return;
  if (!stash_.empty() && !paused_) {
    std::string held = std::move(stash_);
    stash_.clear();
    if (!Process(held)) return;
  }
  // Until nothing is left: the response is incomplete, and a reset that came with the last bytes shows in no event.
  size_t bytes_read = 0;
  for (int reads = 0; !paused_ && handler_ != nullptr; reads++) {
    if (reads == kReadsAtOnce || bytes_read >= kBytesAtOnce) {
      ReadLater();
      break;
    }
    std::span<char> buffer = transport_.loop().read_buffer();
    std::optional<net::IoResult> relayed = RelayBody();
    net::IoResult read = relayed ? *relayed : transport_.Read(buffer.data(), buffer.size());
    if (read.status == net::IoResult::kAgain) break;
    if (read.status == net::IoResult::kEnd) {
      OnEnd();
      return;
    }
    if (read.status == net::IoResult::kError) {
      Fail(ErrorCode::kReset, transport_.last_error());
      return;
    }
    bytes_read += read.bytes;
    if (relayed) {
      body_left_ -= read.bytes;
      if (body_left_ > 0) continue;
      Finish({});
      return;
    }
    std::string_view bytes(buffer.data(), read.bytes);
    if (stash_.empty()) {
      if (!Process(bytes)) return;
    } else {
      std::string held = std::move(stash_);
      stash_.clear();
      held.append(bytes);
      if (!Process(held)) return;
    }
  }
  if (handler_ != nullptr) handler_->OnResponsePause();
}

// A large body whose bytes nobody here has to see.
std::optional<net::IoResult> H1Client::RelayBody() {
  bool large = state_ == State::kBody && response_framing_ == BodyFraming::kLength && body_left_ >= kRelayLeast;
  if (!large || !stash_.empty()) return std::nullopt;
  return handler_->RelayResponseBody(transport_, body_left_);
}

void H1Client::OnEnd() {
  bool ends_so = state_ == State::kTunnel || (state_ == State::kBody && response_framing_ == BodyFraming::kUntilClose);
  if (ends_so) {
    keep_alive_ = false;
    Finish({});
  } else {
    Fail(ErrorCode::kReset, response_begun_ ? "the upstream closed in the middle of its response"
                                            : "the upstream closed without a response");
  }
}

// Handles `bytes`, stashing what cannot be handled yet. False: the response is over, one way or the other, and this
// client may already serve another or be closed: the caller must not touch it.
bool H1Client::Process(std::string_view bytes) {
  processing_ = true;
  while (!bytes.empty() && !paused_) {
    size_t taken = 0;
    switch (state_) {
      case State::kHead: taken = ProcessHead(bytes); break;
      case State::kBody: taken = ProcessBody(bytes); break;
      case State::kTunnel:
        handler_->OnResponseBody(bytes, End::kNo);
        taken = handler_ != nullptr ? bytes.size() : kOver;
        break;
      case State::kIdle:
      case State::kComplete:
      case State::kClosed: return false;
    }
    if (taken == kOver) return false;
    if (taken == 0) break;
    bytes.remove_prefix(taken);
  }
  processing_ = false;
  stash_.assign(bytes);
  return true;
}

// The end of the response, and the last thing done with it: afterwards the client may be anyone's.
size_t H1Client::Finish(std::string_view data) {
  state_ = State::kComplete;
  processing_ = false;
  if (ClientHandler* handler = std::exchange(handler_, nullptr)) handler->OnResponseBody(data, End::kYes);
  return kOver;
}

size_t H1Client::ProcessHead(std::string_view bytes) {
  response_begun_ = true;
  HeadScan scan = ScanHead(bytes, scanned_);
  if (scan.state == HeadScan::kIncomplete && bytes.size() <= limits_.head) {
    scanned_ = scan.length;
    return 0;
  }
  scanned_ = 0;
  if (scan.state != HeadScan::kComplete || scan.length > limits_.head) {
    bool bare = scan.state == HeadScan::kBareLf;
    return Fail(ErrorCode::kProtocol, bare ? "a response head with a bare LF" : "a response head that is too large");
  }
  Arena& arena = handler_->response_arena();
  ResponseHead head;
  ParseError error = ParseResponseHead(arena.Copy(bytes.substr(0, scan.length)), limits_, method_, arena, head);
  if (error != ParseError::kNone) {
    return Fail(ErrorCode::kProtocol, "a malformed response: " + std::string(ParseErrorText(error)));
  }
  if (head.status < 200 && head.status != 101) {
    if (++informational_ > kMostInformational) return Fail(ErrorCode::kProtocol, "too many informational heads");
    handler_->OnInformational(head);
    return handler_ != nullptr ? scan.length : kOver;
  }
  if (head.status == 101 && !request_sent_) return Fail(ErrorCode::kProtocol, "a 101 before the request was complete");
  return BeginResponse(head, scan.length, bytes.size() - scan.length);
}

size_t H1Client::BeginResponse(ResponseHead& head, size_t length, size_t after) {
  keep_alive_ = head.keep_alive;
  response_framing_ = head.framing;
  state_ = State::kBody;
  if (head.status == 101) {
    state_ = State::kTunnel;
    request_framing_ = BodyFraming::kNone;
    keep_alive_ = false;
  } else if (head.framing == BodyFraming::kChunked) {
    if (!chunks_) chunks_ = std::make_unique<ChunkDecoder>();
    chunks_->Reset();
  } else if (head.framing == BodyFraming::kLength) {
    body_left_ = head.content_length;
  }
  bool empty = state_ == State::kBody && (head.framing == BodyFraming::kNone ||
                                          (head.framing == BodyFraming::kLength && head.content_length == 0));
  if (empty) {
    state_ = State::kComplete;
    if (after > 0) keep_alive_ = false;  // more than was asked for
  }
  uint64_t serial = requests_;
  handler_->OnResponseHead(head);
  if (handler_ == nullptr || requests_ != serial) return kOver;
  return empty ? Finish({}) : length;
}

size_t H1Client::ProcessBody(std::string_view bytes) {
  switch (response_framing_) {
    case BodyFraming::kLength: {
      size_t part = static_cast<size_t>(std::min<uint64_t>(bytes.size(), body_left_));
      body_left_ -= part;
      if (body_left_ == 0) {
        if (part < bytes.size()) keep_alive_ = false;
        return Finish(bytes.substr(0, part));
      }
      handler_->OnResponseBody(bytes, End::kNo);
      return handler_ != nullptr ? part : kOver;
    }
    case BodyFraming::kChunked: {
      ChunkDecoder::Step step = chunks_->Next(bytes);
      if (step.kind == ChunkDecoder::Step::kBad)
        return Fail(ErrorCode::kProtocol, "a malformed chunk from the upstream");
      if (step.kind == ChunkDecoder::Step::kNeedMore) return bytes.size();
      if (step.kind == ChunkDecoder::Step::kTrailers) {
        if (step.used < bytes.size()) keep_alive_ = false;
        if (!step.data.empty()) handler_->OnResponseTrailers(step.data);
        return Finish({});
      }
      handler_->OnResponseBody(step.data, End::kNo);
      return handler_ != nullptr ? step.used : kOver;
    }
    case BodyFraming::kUntilClose:
      handler_->OnResponseBody(bytes, End::kNo);
      return handler_ != nullptr ? bytes.size() : kOver;
    case BodyFraming::kNone: break;
  }
  return kOver;
}

}  // namespace mg::http
