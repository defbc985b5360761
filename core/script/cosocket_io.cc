// Cosockets: reading and writing.
#include <fmt/format.h>

#include "base/log.h"
#include "proxy/exchange.h"
#include "script/cosocket.h"
#include "script/scheduler.h"

namespace mg::script {

namespace {

constexpr size_t kMostUnread = 256 * 1024 * 1024;  // of one answer

}  // namespace

// --- reading

Cosocket::Outcome Cosocket::Receive(Wanted wanted, const mg_socket& handle) {
  has_partial_ = false;
  if (IsBusy(Busy::kConnecting) || IsBusy(Busy::kReading)) return Outcome::kFailed;
  if (state_ == State::kOpen && at_end_) {  // known to whoever read all; told to others once, as an end
    received_ = {""};
    if (wanted.mode == Wanted::Mode::kAll) return Outcome::kDone;
    at_end_ = false;
    has_partial_ = true;
    return Fail("closed");
  }
  if (state_ != State::kOpen || read_closed_) {
    if (conf_.log_errors) MG_LOG(kError, "attempt to receive data on a closed socket");
    return Fail("closed");
  }
  wanted_ = std::move(wanted);
  inbox_.Begin();
  error_.clear();
  if (Pump()) return error_.empty() ? Outcome::kDone : Outcome::kFailed;
  read_timeout_ = TimeoutOf(handle.read_timeout, conf_.read_timeout);
  read_timer_.SetAfter(read_timeout_);
  reader_.Begin();
  return Outcome::kWait;
}

bool Cosocket::Pump() {
  for (;;) {
    if (auto answer = inbox_.Take(wanted_)) {
      received_ = *answer;
      return true;
    }
    if (inbox_.size() > kMostUnread) {
      EndRead("buffer too small");
      return true;
    }
    if (!ReadMore()) return read_closed_;
  }
}

// False: nothing came; then the connection may have ended, and the read with it.
bool Cosocket::ReadMore() {
  if (downstream_) return ReadDownstream();
  std::span<char> buffer = loop_.loop.read_buffer();
  size_t most = std::min(buffer.size(), conf_.buffer);
  if (wanted_.mode == Wanted::Mode::kSize && wanted_.size - inbox_.size() > most) most = buffer.size();
  net::Transport& transport = connection_->transport;
  net::IoResult result = transport.Read(buffer.data(), most);
  switch (result.status) {
    case net::IoResult::kOk: inbox_.Append({buffer.data(), result.bytes}); return true;
    case net::IoResult::kAgain: return false;
    case net::IoResult::kEnd: break;
    case net::IoResult::kError: {
      // Without close_notify a TLS connection has ended as well.
      bool cut = transport.tls() != nullptr && transport.peer_closed();
      read_closed_ = true;
      EndRead(cut ? "closed" : SocketErrorText(transport.last_error()));
      return false;
    }
  }
  return ReadEnded();
}

bool Cosocket::ReadEnded() {
  read_closed_ = true;
  if (wanted_.mode == Wanted::Mode::kAll) {
    at_end_ = true;
    received_ = {inbox_.TakePartial(wanted_, true)};
  } else {
    EndRead("closed");
  }
  return false;
}

bool Cosocket::ReadDownstream() {
  proxy::Exchange* exchange = context().exchange;
  if (exchange == nullptr) return ReadEnded();
  proxy::RequestPart& in = exchange->in;
  if (!in.body.empty()) {
    std::string_view front = in.body.Front();
    inbox_.Append(front);
    in.body.Consume(front.size());
    if (in.body.empty()) exchange->BodyPulled();
    return true;
  }
  if (in.body_ended || exchange->stream == nullptr) return ReadEnded();
  if (in.body_state != proxy::BodyState::kFailed) return false;
  read_closed_ = true;
  EndRead(exchange->failure.status == 408 ? "timeout" : "client aborted");
  return false;
}

void Cosocket::EndRead(std::string text) {
  error_ = std::move(text);
  has_partial_ = true;
  received_ = {inbox_.TakePartial(wanted_, read_closed_)};
}

void Cosocket::OnReadable() {
  if (state_ != State::kOpen || read_closed_ || !reader_.busy()) return;
  size_t before = inbox_.size();
  error_.clear();
  if (Pump()) return AnswerRead();
  if (inbox_.size() != before) read_timer_.SetAfter(read_timeout_);
}

void Cosocket::AnswerRead() {
  read_timer_.Cancel();
  reader_.End([slot = slot(), generation = generation()](lua_State* L) {
    auto* socket = static_cast<Cosocket*>(Find(slot, generation));
    if (socket == nullptr) {
      lua_pushnil(L);
      lua_pushliteral(L, "closed");
      return 2;
    }
    socket->reader_.Over();
    return socket->PushReceived(L);
  });
}

// data, nil, nil, whether the pattern was met; or nil, error, partial.
int Cosocket::PushReceived(lua_State* L) const {
  if (error_.empty()) {
    lua_pushlstring(L, received_.data.data(), received_.data.size());
    if (wanted_.mode != Wanted::Mode::kUntil) return 1;
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushboolean(L, received_.met);
    return 4;
  }
  lua_pushnil(L);
  lua_pushlstring(L, error_.data(), error_.size());
  if (!has_partial_) return 2;
  lua_pushlstring(L, received_.data.data(), received_.data.size());
  return 3;
}

void Cosocket::OnReadTimer() {
  if (!reader_.busy()) return;
  LogError("read timed out");
  EndRead("timeout");
  AnswerRead();
}

// --- writing

Cosocket::Outcome Cosocket::Send(std::string_view data, const mg_socket& handle) {
  if (IsBusy(Busy::kConnecting) || IsBusy(Busy::kWriting)) return Outcome::kFailed;
  if (state_ != State::kOpen || write_closed_ || (downstream_ && !raw_)) {
    if (conf_.log_errors) MG_LOG(kError, "attempt to send data on a closed socket");
    return Fail("closed");
  }
  sending_ = data.size();
  net::IoResult result{net::IoResult::kOk};
  if (downstream_) {
    proxy::Exchange* exchange = context().exchange;
    switch (exchange == nullptr ? proxy::OutputStatus::kClosed : exchange->SendRaw(data)) {
      case proxy::OutputStatus::kOk: return Outcome::kDone;
      case proxy::OutputStatus::kWait: return WaitToWrite(handle);
      default: write_closed_ = true; return Fail("closed");
    }
  }
  if (out_.empty()) {  // else a coroutine was killed before all of it had left
    result = connection_->transport.Write(data);
    if (result.status == net::IoResult::kError) {
      write_closed_ = true;
      return Fail(SocketErrorText(connection_->transport.last_error()));
    }
  }
  size_t taken = result.status == net::IoResult::kOk ? result.bytes : 0;
  if (out_.empty() && taken == data.size()) return Outcome::kDone;
  out_.append(data.substr(taken));
  return WaitToWrite(handle);
}

Cosocket::Outcome Cosocket::WaitToWrite(const mg_socket& handle) {
  write_timeout_ = TimeoutOf(handle.send_timeout, conf_.send_timeout);
  write_timer_.SetAfter(write_timeout_);
  writer_.Begin();
  return Outcome::kWait;
}

bool Cosocket::Flush() {
  while (out_at_ < out_.size()) {
    net::IoResult result = connection_->transport.Write(std::string_view(out_).substr(out_at_));
    if (result.status == net::IoResult::kError) {
      write_closed_ = true;
      error_ = SocketErrorText(connection_->transport.last_error());
      return false;
    }
    if (result.status != net::IoResult::kOk) return true;
    out_at_ += result.bytes;
    write_timer_.SetAfter(write_timeout_);
  }
  out_ = {};
  out_at_ = 0;
  return true;
}

void Cosocket::OnWritable() {
  if (state_ != State::kOpen || write_closed_) return;
  if (!Flush()) return AnswerWrite(false);
  if (out_.empty()) AnswerWrite(true);
}

void Cosocket::OutputDrained() {
  if (downstream_ && !write_closed_) AnswerWrite(true);
}

void Cosocket::AnswerWrite(bool ok) {
  write_timer_.Cancel();
  writer_.End([slot = slot(), generation = generation(), ok, text = ok ? std::string() : error_](lua_State* L) {
    auto* socket = static_cast<Cosocket*>(Find(slot, generation));
    if (socket != nullptr) socket->writer_.Over();
    if (ok && socket != nullptr) {
      lua_pushnumber(L, static_cast<lua_Number>(socket->sending_));
      return 1;
    }
    lua_pushnil(L);
    lua_pushlstring(L, text.data(), text.size());
    return 2;
  });
}

void Cosocket::OnWriteTimer() {
  if (state_ == State::kOpen) {
    // What is left would come in the middle of nowhere: nothing more is sent.
    LogError("write timed out");
    error_ = "timeout";
    write_closed_ = true;
    out_ = {};
    out_at_ = 0;
    return AnswerWrite(false);
  }
  LogError(fmt::format("connect timed out, when connecting to {}", target_.host));
  Drop();
  error_ = "timeout";
  Answer(false);
}

}  // namespace mg::script
