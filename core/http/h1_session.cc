#include "http/h1_session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>

#include "http/h1_encoder.h"

namespace mg::http {

namespace {
constexpr size_t kStashLimit = 64 * 1024;  // of pipelined input kept while an answer is due
constexpr int kReadsAtOnce = 16;           // then other connections get their turn
constexpr Milliseconds kLingerTime = 2'000;
constexpr Milliseconds kLookAgainAfter = 1'000;  // at a client that waits for its answer
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::atomic<uint64_t> next_serial{1};

uint8_t StoreText(std::string_view text, char (&to)[40]) {
  size_t size = std::min(text.size(), sizeof to);
  std::memcpy(to, text.data(), size);
  return static_cast<uint8_t>(size);
}
}  // namespace

// --- SessionList

SessionList::~SessionList() { CloseAll(); }

void SessionList::Add(std::unique_ptr<H1Session> session) {
  session->list_ = this;
  sessions_.PushBack(*session.release());  // given back to a unique_ptr by Remove
  size_.store(size() + 1, std::memory_order_relaxed);
}

void SessionList::Remove(H1Session& session) {
  session.Unlink();
  session.list_ = nullptr;
  size_.store(size() - 1, std::memory_order_relaxed);
  loop_.DestroyLater(std::unique_ptr<net::Deferred>(&session));
}

void SessionList::Drain() {
  draining_ = true;
  for (H1Session* session = sessions_.front(); session != nullptr;) {
    H1Session* next = sessions_.Next(*session);
    session->keep_alive_ = false;
    if (session->handler_ == nullptr && !session->started_request_ && session->out_.empty()) {
      session->CloseNow({ErrorCode::kCancelled, Origin::kGateway, Retryable::kNo, "draining"});
    }
    session = next;
  }
}

void SessionList::CloseAll() {
  while (H1Session* session = sessions_.front()) {
    session->CloseNow({ErrorCode::kCancelled, Origin::kGateway, Retryable::kNo, "shutting down"});
  }
}

// --- H1Session: life

H1Session::H1Session(net::Loop& loop, std::shared_ptr<const SessionOptions> options)
    : options_(std::move(options)), transport_(loop, *this), timer_(loop, &H1Session::OnTimer, this) {
  info_.listener = options_->listener;
}

H1Session::~H1Session() = default;

void H1Session::Start(int fd, const net::SocketAddress& peer, net::Admission admission) {
  admission_ = std::move(admission);
  info_.serial = next_serial.fetch_add(1, std::memory_order_relaxed);
  info_.is_unix = peer.family() == AF_UNIX;
  info_.peer_ip_length = StoreText(peer.Ip(), info_.peer_ip_text);
  info_.peer_port = peer.port();
  timer_.SetAfter(limits().idle_timeout.count());
  transport_.Accept(fd, options_->tls);
  if (options_->tls == nullptr) {
    ReadInput();
  } else {
    timer_.SetAfter(limits().head_timeout.count());  // for the handshake
  }
}

void H1Session::OnConnected(Result<void> result) {
  if (!result) return HandshakeFailed(result.error());
  info_.tls = transport_.tls();
  if (list_ != nullptr) list_->handshakes_.store(list_->tls_handshakes() + 1, std::memory_order_relaxed);
  timer_.SetAfter(limits().idle_timeout.count());
  ReadInput();
}

void H1Session::HandshakeFailed(const Error& error) {
  MG_LOG(kInfo, "client {}: {}", info_.peer_ip(), error.message);
  if (list_ != nullptr && list_->handshake_failures_ != nullptr)
    list_->handshake_failures_->fetch_add(1, std::memory_order_relaxed);
  CloseNow(error);
}

void H1Session::CloseNow(const Error& error) {
  if (input_ == Input::kClosed) return;
  input_ = Input::kClosed;
  timer_.Cancel();
  transport_.Close();
  if (StreamHandler* handler = std::exchange(handler_, nullptr)) handler->OnClosed(error);
  if (list_ != nullptr) list_->Remove(*this);
}

void H1Session::Abort() {
  StreamHandler* handler = std::exchange(handler_, nullptr);
  if (input_ == Input::kClosed) return;
  bool ends_with_connection = output_ == Output::kHeadSent && !chunked_out_ && input_ != Input::kTunnel &&
                              handler != nullptr && handler->unsent.length_left == UINT64_MAX;
  if (ends_with_connection) {  // a FIN would say that the body is whole
    linger reset{1, 0};
    setsockopt(transport_.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  CloseNow({ErrorCode::kCancelled, Origin::kGateway, Retryable::kNo, "aborted"});
}

void H1Session::StartLinger() {
  transport_.ShutdownWrite();
  if (peer_ended_) {
    CloseNow({});
    return;
  }
  input_ = Input::kLinger;
  stash_.clear();
  timer_.SetAfter(kLingerTime);
  if (!processing_ && transport_.readable()) ResumeInput();
}

// --- Input

bool H1Session::wants_input() const {
  switch (input_) {
    case Input::kHead: return out_.empty();
    case Input::kBody: return !body_paused_;
    case Input::kTunnel: return !body_paused_;
    case Input::kDiscard: return true;
    case Input::kLinger: return true;
    // Nothing should come but the client's end or reset, which no event tells apart from bytes.
    case Input::kDone: return !peer_ended_ && !stash_full_;
    case Input::kClosed: return false;
  }
  return false;
}

void H1Session::OnReadable() {
  if (!wants_input()) {  // a client that has gone is not waited for
    int error = 0;
    socklen_t size = sizeof error;
    bool gone = getsockopt(transport_.fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0;
    if (gone)
      return CloseNow({ErrorCode::kReset, Origin::kDownstream, Retryable::kNo, "the client reset the connection"});
  }
  ReadInput();
}

// A reset that came with the last bytes shows in no event, only in a further read: worth a system call in the middle of
// a message, not after each request.
bool H1Session::MayRead() const {
  bool within = input_ == Input::kBody || input_ == Input::kTunnel || (input_ == Input::kHead && started_request_);
  return wants_input() && (transport_.readable() || within);
}

// Keeps input behind a request that is being served. Each one that waits has an empty line: where bodies have some,
// too, less is read ahead.
void H1Session::Stash(std::string_view bytes) {
  stash_.append(bytes);
  size_t waiting = 0;
  for (size_t at = stash_.find("\r\n\r\n"); at != std::string::npos && waiting < limits().pipelined; waiting++) {
    at = stash_.find("\r\n\r\n", at + 4);
  }
  stash_full_ = stash_.size() >= kStashLimit || waiting >= limits().pipelined;
}

void H1Session::ProcessStash() {
  size_t used = Process(stash_);
  stash_.erase(0, used);
  if (used > 0) scanned_ = 0;
  Stash({});  // there may be room again
}

void H1Session::ReadInput() {
  if (processing_) return;
  if (!stash_.empty() && input_ != Input::kDone && wants_input()) {
    ProcessStash();
  }
  for (int reads = 0; MayRead(); reads++) {
    if (reads == kReadsAtOnce) {
      ResumeInput();
      break;
    }
    std::span<char> buffer = transport_.loop().read_buffer();
    net::IoResult read = transport_.Read(buffer.data(), buffer.size());
    if (read.status == net::IoResult::kAgain) break;
    if (read.status == net::IoResult::kEnd) {
      OnEnd();
      break;
    }
    if (read.status == net::IoResult::kError) {
      CloseNow({ErrorCode::kReset, Origin::kDownstream, Retryable::kNo, transport_.last_error()});
      return;
    }
    std::string_view bytes(buffer.data(), read.bytes);
    if (stash_.empty()) {
      size_t used = Process(bytes);
      if (used < bytes.size()) Stash(bytes.substr(used));
    } else if (input_ == Input::kDone) {
      Stash(bytes);
    } else {
      stash_.append(bytes);
      ProcessStash();
    }
  }
  if (stash_.empty()) stash_.Release();  // an idle session holds no buffer
  if (handler_ != nullptr) handler_->OnInputPause();
}

void H1Session::ResumeInput() {
  if (resume_posted_) return;
  resume_posted_ = true;
  transport_.loop().Defer([this] {  // deferred tasks run before the turn's destroy list
    resume_posted_ = false;
    if (input_ == Input::kClosed) return;
    if (write_failed_) {
      CloseNow({ErrorCode::kReset, Origin::kDownstream, Retryable::kNo, transport_.last_error()});
    } else if (input_ == Input::kDone && output_ == Output::kEnded && out_.empty()) {
      EndConnection();
    } else {
      ReadInput();
    }
  });
}

void H1Session::OnEnd() {
  bool told = peer_ended_;
  peer_ended_ = true;
  switch (input_) {
    case Input::kHead:
    case Input::kDiscard:
    case Input::kLinger:
      if (out_.empty()) {
        CloseNow({ErrorCode::kReset, Origin::kDownstream, Retryable::kNo, "the client closed"});
      } else {
        keep_alive_ = false;  // it may still be reading
      }
      return;
    case Input::kBody:
      BodyFailed({ErrorCode::kReset, Origin::kDownstream, Retryable::kNo, "the client ended its request early"}, 400);
      return;
    case Input::kTunnel:
      if (handler_ != nullptr && !told) handler_->OnBody({}, End::kYes);
      return;
    case Input::kDone:
      if (handler_ != nullptr && stash_.empty()) handler_->OnPeerClosed();
      return;
    case Input::kClosed: return;
  }
}

size_t H1Session::Process(std::string_view bytes) {
  size_t used = 0;
  processing_ = true;
  while (used < bytes.size()) {
    std::string_view rest = bytes.substr(used);
    size_t taken = 0;
    switch (input_) {
      case Input::kHead: taken = out_.empty() ? ProcessHead(rest) : 0; break;
      case Input::kBody: taken = body_paused_ ? 0 : ProcessBody(rest); break;
      case Input::kDiscard: taken = ProcessBody(rest); break;
      case Input::kDone: break;
      case Input::kTunnel:
        if (!body_paused_ && handler_ != nullptr) {
          handler_->OnBody(rest, End::kNo);
          taken = rest.size();
        }
        break;
      case Input::kLinger:
      case Input::kClosed: taken = rest.size(); break;
    }
    if (taken == 0) break;
    used += taken;
  }
  processing_ = false;
  return used;
}

size_t H1Session::ProcessHead(std::string_view bytes) {
  size_t skipped = 0;
  if (!started_request_) {
    if (!empty_line_) {
      skipped = LeadingEmptyLine(bytes);
      bytes.remove_prefix(skipped);
      empty_line_ = skipped > 0;
      if (bytes == "\r") return skipped;  // perhaps an empty line
    }
    if (bytes.empty()) return skipped;
    scanned_ = 0;
    timer_.SetAfter(limits().head_timeout.count());
    started_request_ = true;
  }
  HeadScan scan = ScanHead(bytes, scanned_);
  if (scan.state == HeadScan::kComplete && scan.length <= limits().head) {
    scanned_ = 0;
    BeginRequest(bytes.substr(0, scan.length));
    return skipped + scan.length;
  }
  if (scan.state == HeadScan::kBareLf) {
    Refuse(ParseError::kBareLf);
    return skipped + bytes.size();
  }
  if (scan.state == HeadScan::kComplete || bytes.size() > limits().head) {
    Refuse(ParseError::kHeadTooLarge);
    return skipped + bytes.size();
  }
  scanned_ = static_cast<uint32_t>(scan.length);
  return skipped;
}

void H1Session::BeginRequest(std::string_view head) {
  StreamHandler& handler = options_->factory->NewHandler(*this);
  handler_ = &handler;
  info_.requests++;
  received_ = head.size();
  sent_ = 0;
  output_ = Output::kNone;
  body_paused_ = chunked_in_ = chunked_out_ = false;
  handler.unsent = {};
  handler.raw_head = handler.arena.Copy(head);
  ParseLimits parse{limits().head, limits().headers, limits().uri, limits().encoded_slashes};
  ParseError error = ParseRequestHead(handler.raw_head, parse, handler.arena, handler.request);
  if (error != ParseError::kNone) {
    input_ = Input::kDone;
    keep_alive_ = false;
    input_left_ = true;
    handler.OnRefused(error);
    return;
  }
  const RequestHead& request = handler.request;
  keep_alive_ = request.keep_alive && (list_ == nullptr || !list_->draining()) &&
                (limits().requests == 0 || info_.requests < limits().requests);
  input_ = Input::kBody;
  switch (request.framing) {
    case BodyFraming::kNone:
    case BodyFraming::kUntilClose: input_ = Input::kDone; break;
    case BodyFraming::kLength:
      body_left_ = request.content_length;
      if (body_left_ == 0) input_ = Input::kDone;
      break;
    case BodyFraming::kChunked:
      chunked_in_ = true;
      if (!chunks_) chunks_ = std::make_unique<ChunkDecoder>();
      chunks_->Reset();
      break;
  }
  expects_continue_ = request.expect_continue && input_ == Input::kBody;
  if (input_ == Input::kBody) {
    timer_.SetAfter(limits().body_timeout.count());
  } else {
    AwaitAnswer();
  }
  handler.OnRequest();
}

void H1Session::Refuse(ParseError error) {
  StreamHandler& handler = options_->factory->NewHandler(*this);
  handler_ = &handler;
  info_.requests++;
  received_ = sent_ = 0;
  output_ = Output::kNone;
  input_ = Input::kDone;
  keep_alive_ = expects_continue_ = false;
  handler.unsent = {};
  input_left_ = true;
  handler.OnRefused(error);
}

size_t H1Session::ProcessBody(std::string_view bytes) {
  if (input_ == Input::kBody) timer_.SetAfter(limits().body_timeout.count());
  expects_continue_ = false;
  if (!chunked_in_) {
    size_t part = static_cast<size_t>(std::min<uint64_t>(bytes.size(), body_left_));
    body_left_ -= part;
    received_ += part;
    bool last = body_left_ == 0;
    if (last) RequestComplete();
    if (handler_ != nullptr) handler_->OnBody(bytes.substr(0, part), last ? End::kYes : End::kNo);
    return part;
  }
  ChunkDecoder::Step step = chunks_->Next(bytes);
  received_ += step.used;
  switch (step.kind) {
    case ChunkDecoder::Step::kNeedMore: return bytes.size();
    case ChunkDecoder::Step::kData:
      if (handler_ != nullptr) handler_->OnBody(step.data, End::kNo);
      return step.used;
    case ChunkDecoder::Step::kTrailers:
      RequestComplete();
      if (handler_ != nullptr && !step.data.empty()) handler_->OnTrailers(step.data);
      if (handler_ != nullptr) handler_->OnBody({}, End::kYes);
      return step.used;
    case ChunkDecoder::Step::kBad:
      BodyFailed({ErrorCode::kProtocol, Origin::kDownstream, Retryable::kNo, "a malformed chunk"}, 400);
      return bytes.size();
  }
  return bytes.size();
}

void H1Session::BodyFailed(const Error& error, int status) {
  keep_alive_ = false;
  if (handler_ == nullptr) {
    CloseNow(error);
    return;
  }
  input_ = Input::kDone;
  handler_->OnBodyFailed(error, status);
}

void H1Session::RequestComplete() {
  bool discarding = input_ == Input::kDiscard;
  input_ = Input::kDone;
  if (discarding) {
    GoOnEnding();
  } else {
    AwaitAnswer();
  }
}

void H1Session::AwaitAnswer() {
  if (pending() == 0) timer_.SetAfter(kLookAgainAfter);
}

void H1Session::NextRequest() {
  input_ = Input::kHead;
  output_ = Output::kNone;
  started_request_ = empty_line_ = false;
  scanned_ = 0;
  timer_.SetAfter(out_.empty() ? limits().idle_timeout.count() : limits().send_timeout.count());
  if (!processing_ && (!stash_.empty() || transport_.readable())) ResumeInput();
}

void H1Session::ResumeBody() {
  if (!body_paused_) return;
  body_paused_ = false;
  if (input_ == Input::kBody) timer_.SetAfter(limits().body_timeout.count());
  if (!processing_ && (!stash_.empty() || MayRead())) ResumeInput();
}

void H1Session::WantBody() {
  if (!expects_continue_ || output_ != Output::kNone || input_ != Input::kBody) return;
  expects_continue_ = false;
  iovec piece = Piece(kContinue);
  WriteOut(&piece, 1);
}

void H1Session::StartTunnel() {
  input_ = Input::kTunnel;
  chunked_out_ = bodyless_out_ = false;
  handler_->unsent.length_left = UINT64_MAX;
  keep_alive_ = false;
  timer_.Cancel();
  // No deadline holds for a tunnel: that its client is still there is asked of the client's kernel now and then.
  int on = 1, after_seconds = 60, every_seconds = 15, times = 4;
  setsockopt(transport_.fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (!info_.is_unix) {
    setsockopt(transport_.fd(), IPPROTO_TCP, TCP_KEEPIDLE, &after_seconds, sizeof after_seconds);
    setsockopt(transport_.fd(), IPPROTO_TCP, TCP_KEEPINTVL, &every_seconds, sizeof every_seconds);
    setsockopt(transport_.fd(), IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
  }
  if (!processing_ && (!stash_.empty() || transport_.readable())) ResumeInput();
}

// --- Time

void H1Session::OnTimer(void* self) {
  H1Session& session = *static_cast<H1Session*>(self);
  if (session.pending() > 0) {
    session.CloseNow({ErrorCode::kTimeout, Origin::kDownstream, Retryable::kNo, "the client does not read"});
    return;
  }
  switch (session.input_) {
    case Input::kBody:
      if (session.body_paused_) return;
      session.BodyFailed({ErrorCode::kTimeout, Origin::kDownstream, Retryable::kNo, "the request body stalled"}, 408);
      return;
    case Input::kHead:
      if (session.started_request_) return session.Refuse(ParseError::kHeadTimeout);
      if (session.options_->tls != nullptr && session.info_.tls == nullptr)
        return session.HandshakeFailed({ErrorCode::kTimeout, Origin::kDownstream, Retryable::kNo,
                                        "TLS handshake: it took longer than head_timeout"});
      [[fallthrough]];
    case Input::kDiscard:
    case Input::kLinger: session.CloseNow({ErrorCode::kTimeout, Origin::kDownstream, Retryable::kNo, "idle"}); return;
    case Input::kDone:
      session.transport_.LookAgain();
      session.ReadInput();
      return;
    case Input::kTunnel:
    case Input::kClosed: return;
  }
}

}  // namespace mg::http
