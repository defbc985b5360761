// The session's half that answers: heads, bodies, and what follows a complete response.
#include "http/date.h"
#include "http/h1_encoder.h"
#include "http/h1_session.h"

namespace mg::http {

namespace {
constexpr size_t kDiscardLimit = 64 * 1024;  // of an unread request body, before closing is cheaper
}

void H1Session::SendInformational(const ResponseHead& head) {
  if (handler_ == nullptr || handler_->request.minor == 0 || output_ != Output::kNone) return;
  if (head.status == 100) {
    if (!expects_continue_) return;
    expects_continue_ = false;
  }
  HeadWriter writer(handler_->arena, EncodedSize(head.headers) + 64 + head.reason.size());
  PutStatusLine(writer, head.status, head.reason);
  for (const Header& header : head.headers) writer.PutField(header.name, header.value);
  writer.Put("\r\n");
  iovec piece = Piece(writer.text());
  WriteOut(&piece, 1);
}

void H1Session::SendHead(const ResponseHead& head, End end) {
  if (handler_ == nullptr) return;
  const RequestHead& request = handler_->request;
  bool has_body = ResponseHasBody(request.method, head.status);
  bool switching = head.status == 101;
  bodyless_out_ = !has_body && !switching;
  chunked_out_ = false;
  handler_->unsent.length_left = UINT64_MAX;
  if (expects_continue_ || (list_ != nullptr && list_->draining())) keep_alive_ = false;

  const Header* length = head.headers.Find(HeaderId::kContentLength);
  std::string_view length_field;
  std::optional<uint64_t> announced = length != nullptr ? ParseDecimal(length->value) : std::nullopt;
  if (announced && head.status != 204 && !switching) {
    length_field = length->value;
    if (has_body) handler_->unsent.length_left = *announced;
  } else if (has_body && end == End::kYes) {
    length_field = "0";
  } else if (has_body && !switching) {
    if (request.minor >= 1) {
      chunked_out_ = true;
    } else {
      keep_alive_ = false;
    }
  }

  HeadWriter writer(handler_->arena, EncodedSize(head.headers) + 256 + head.reason.size());
  PutStatusLine(writer, head.status, head.reason);
  bool dated = false;
  for (const Header& header : head.headers) {
    switch (header.id) {
      case HeaderId::kContentLength:
      case HeaderId::kTransferEncoding: continue;
      case HeaderId::kConnection:
        if (!switching) continue;
        break;
      case HeaderId::kTrailer:
        if (!chunked_out_) continue;
        break;
      case HeaderId::kDate: dated = true; break;
      default: break;
    }
    writer.PutField(header.name, header.value);
  }
  if (!dated) {
    writer.PutField("Date", FormatDate(static_cast<std::time_t>(transport_.loop().WallTime() / 1'000'000'000)));
  }
  if (!length_field.empty()) writer.PutField("Content-Length", length_field);
  if (chunked_out_) writer.Put("Transfer-Encoding: chunked\r\n");
  if (!keep_alive_ && !switching) {
    writer.Put("Connection: close\r\n");
  } else if (request.minor == 0) {
    writer.Put("Connection: keep-alive\r\n");
  }
  writer.Put("\r\n");
  handler_->unsent.head = writer.text();
  output_ = Output::kHeadSent;
  if (end == End::kYes) SendBody({}, End::kYes);
}

void H1Session::SendBody(std::string_view data, End end) {
  if (handler_ == nullptr) return;
  if (bodyless_out_) data = {};
  bool cut = false;
  StreamHandler::Unsent& unsent = handler_->unsent;
  if (unsent.length_left != UINT64_MAX) {
    if (data.size() > unsent.length_left) data = data.substr(0, unsent.length_left);
    unsent.length_left -= data.size();
    cut = end == End::kYes && unsent.length_left > 0 && !bodyless_out_;
  }
  char size_line[18];
  iovec pieces[6];
  int count = 0;
  if (!unsent.head.empty()) pieces[count++] = Piece(std::exchange(unsent.head, {}));
  if (!data.empty()) {
    if (chunked_out_) pieces[count++] = {size_line, EncodeChunkSize(data.size(), size_line)};
    pieces[count++] = Piece(data);
    if (chunked_out_) pieces[count++] = Piece("\r\n");
  }
  if (end == End::kYes && chunked_out_) {
    if (unsent.trailers.empty()) {
      pieces[count++] = Piece("0\r\n\r\n");
    } else {
      static constexpr std::string_view kLast = "0\r\n";
      WriteOut(pieces, count);
      count = 0;
      pieces[count++] = Piece(kLast);
      pieces[count++] = Piece(unsent.trailers);
      pieces[count++] = Piece("\r\n");
    }
  }
  if (count > 0) WriteOut(pieces, count);
  if (cut) {  // fewer bytes than the head promised: the client must not take it for whole
    Abort();
  } else if (end == End::kYes) {
    ResponseComplete();
  }
}

std::optional<net::IoResult> H1Session::Relay(net::Transport& from, size_t size) {
  if (handler_ == nullptr || chunked_out_ || bodyless_out_ || !from.plain() || !transport_.plain() || pending() > 0)
    return std::nullopt;
  StreamHandler::Unsent& unsent = handler_->unsent;
  if (!unsent.head.empty() || unsent.length_left < size) return std::nullopt;
  if (!unsent.pipe) unsent.pipe = transport_.loop().pipes().Take();
  if (!unsent.pipe) return std::nullopt;
  net::IoResult read = from.ReadInto(*unsent.pipe, size);
  if (read.status != net::IoResult::kOk) return read;
  sent_ += read.bytes;
  if (unsent.length_left != UINT64_MAX) unsent.length_left -= read.bytes;
  if (transport_.WriteFrom(*unsent.pipe).status == net::IoResult::kError) {
    unsent.pipe.reset();
    WriteFailed();
  } else if (!unsent.pipe->empty()) {
    timer_.SetAfter(limits().send_timeout.count());
  }
  return read;
}

// The response needs its pipe no more. What is still in it goes before anything else.
void H1Session::GiveBackPipe() {
  if (!handler_->unsent.pipe) return;
  handler_->unsent.pipe->EmptyInto(out_);
  transport_.loop().pipes().Give(std::move(handler_->unsent.pipe));
}

void H1Session::SetTrailers(std::string_view lines) {
  if (handler_ != nullptr) handler_->unsent.trailers = lines;
}

void H1Session::Flush() {
  if (handler_ == nullptr || handler_->unsent.head.empty()) return;
  iovec piece = Piece(std::exchange(handler_->unsent.head, {}));
  WriteOut(&piece, 1);
}

void H1Session::WriteOut(const iovec* pieces, int count) {
  size_t taken = 0;
  if (piped() > 0) GiveBackPipe();
  if (out_.empty() && transport_.open()) {
    net::IoResult result = transport_.Write(pieces, count);
    if (result.status == net::IoResult::kOk) taken = result.bytes;
    if (result.status == net::IoResult::kError) {
      for (int i = 0; i < count; i++) sent_ += pieces[i].iov_len;
      return WriteFailed();
    }
  }
  bool was_empty = out_.empty();
  for (int i = 0; i < count; i++) {
    sent_ += pieces[i].iov_len;
    size_t skip = std::min(taken, pieces[i].iov_len);
    taken -= skip;
    out_.Append({static_cast<char*>(pieces[i].iov_base) + skip, pieces[i].iov_len - skip});
  }
  if (was_empty && !out_.empty()) timer_.SetAfter(limits().send_timeout.count());
}

// Told at the end of the turn: not from within the handler's own call.
void H1Session::WriteFailed() {
  keep_alive_ = false;
  write_failed_ = true;
  ResumeInput();
}

void H1Session::OnWritable() {
  if (piped() > 0) {
    net::Pipe& pipe = *handler_->unsent.pipe;
    if (transport_.WriteFrom(pipe).status == net::IoResult::kError) {
      CloseNow({ErrorCode::kReset, Origin::kDownstream, Retryable::kNo, transport_.last_error()});
      return;
    }
    timer_.SetAfter(limits().send_timeout.count());
    if (!pipe.empty()) return;
  }
  while (!out_.empty()) {
    iovec pieces[16];
    int count = out_.Fill(pieces, 16);
    size_t offered = 0;
    for (int i = 0; i < count; i++) offered += pieces[i].iov_len;
    net::IoResult result = transport_.Write(pieces, count);
    if (result.status == net::IoResult::kError) {
      CloseNow({ErrorCode::kReset, Origin::kDownstream, Retryable::kNo, transport_.last_error()});
      return;
    }
    if (result.status == net::IoResult::kOk) {
      out_.Consume(result.bytes);
      timer_.SetAfter(limits().send_timeout.count());
    }
    if (result.status == net::IoResult::kAgain || result.bytes < offered) return;
  }
  if (handler_ != nullptr) {
    handler_->OnDrained();
  } else if (!keep_alive_) {
    if (input_ != Input::kLinger) EndConnection();
  } else if (input_ == Input::kHead) {
    timer_.SetAfter(limits().idle_timeout.count());
    if (!stash_.empty() || transport_.readable()) ResumeInput();
  }
}

void H1Session::ResponseComplete() {
  output_ = Output::kEnded;
  if (handler_ != nullptr) GiveBackPipe();
  handler_ = nullptr;
  if (input_ == Input::kTunnel) {
    input_ = Input::kDone;
    keep_alive_ = false;
  }
  if (input_ == Input::kBody) {
    bool worth_reading = keep_alive_ && !chunked_in_ && body_left_ <= kDiscardLimit;
    if (worth_reading) {
      input_ = Input::kDiscard;
      body_paused_ = false;
      timer_.SetAfter(limits().body_timeout.count());  // for all of the rest
      if (!processing_ && (!stash_.empty() || transport_.readable())) ResumeInput();
      return;
    }
    keep_alive_ = false;
    input_left_ = true;
    input_ = Input::kDone;
  }
  GoOnEnding();
}

// The request and its response are complete, but for what the socket has not taken.
void H1Session::GoOnEnding() {
  if (keep_alive_) {
    NextRequest();
    return;
  }
  if (!out_.empty()) return;  // OnWritable goes on
  if (processing_) {
    ResumeInput();  // only then is it known whether input is left
  } else {
    EndConnection();
  }
}

void H1Session::EndConnection() {
  bool unread = input_left_ || !stash_.empty() || transport_.readable();
  if (unread && !peer_ended_) {
    StartLinger();
  } else {
    CloseNow({});
  }
}

}  // namespace mg::http
