// The request's body: read whole for a hook, kept in memory or in a file, pulled by a script, or streamed upstream.
#include "proxy/exchange.h"

#include <utility>

#include "base/log.h"

namespace mg::proxy {

HookStatus Exchange::ReadBody() {
  switch (in.body_state) {
    case BodyState::kNone:
    case BodyState::kRead:
    case BodyState::kStreamed: return HookStatus::kDone;
    case BodyState::kFailed:
    case BodyState::kPulled:
    case BodyState::kStreaming: return HookStatus::kFailed;
    case BodyState::kUnread:
      if (stream == nullptr) return HookStatus::kFailed;
      in.body_state = BodyState::kReading;
      stream->WantBody();
      stream->ResumeBody();
      return HookStatus::kSuspended;
    case BodyState::kReading: return HookStatus::kSuspended;
  }
  return HookStatus::kFailed;
}

// In memory, or, beyond what the route keeps there, in a file.
Result<void> Exchange::KeepBody(std::string_view data) {
  size_t most = route != nullptr ? route->body_buffer : 0;
  if (!in.file && (most == 0 || in.body.size() + data.size() <= most)) {
    in.body.Append(data);
    return {};
  }
  if (!in.file) {
    auto made = BodyFile::Create();
    if (!made) return std::unexpected(made.error());
    in.file = std::move(*made);
    for (; !in.body.empty(); in.body.Consume(in.body.Front().size())) {
      if (auto written = in.file->Append(in.body.Front()); !written) return written;
    }
  }
  return in.file->Append(data);
}

void Exchange::DiscardBody() {
  if (in.body_state != BodyState::kUnread) return;
  in.body_state = BodyState::kNone;
  request.framing = http::BodyFraming::kNone;
  if (stream != nullptr) stream->ResumeBody();
}

void Exchange::ReplaceBody(std::string_view bytes) {
  DiscardBody();
  in.file.reset();
  in.body.Clear();
  in.body.Append(bytes);
  in.body_state = BodyState::kRead;
}

bool Exchange::PullBody() {
  if (in.body_state == BodyState::kPulled) return true;
  if (in.body_state != BodyState::kUnread || stream == nullptr) return false;
  in.body_state = BodyState::kPulled;
  stream->WantBody();
  stream->ResumeBody();
  return true;
}

void Exchange::BodyPulled() {
  if (stream != nullptr && !in.body_ended) stream->ResumeBody();
}

bool Exchange::TakeOver() {
  bool reading = in.body_state == BodyState::kReading || in.body_state == BodyState::kPulled;
  bool not_out = response.started && (!response.head_sent || !response.queued.empty() || response.ended);
  if (stream == nullptr || in.raw || reading || not_out || upstream.count > 0) return false;
  if (in.body_state == BodyState::kUnread) stream->WantBody();
  in.body_state = BodyState::kPulled;
  in.body.Clear();
  in.raw = true;
  in.body_ended = false;
  if (!response.head_sent) response.head.status = 200;
  response.started = response.from_script = true;
  response.head_edited = response.head_filtered = response.head_sent = response.last_filtered = true;
  stream->Flush();
  stream->StartTunnel();
  stream->ResumeBody();
  return true;
}

OutputStatus Exchange::SendRaw(std::string_view data) {
  if (response.ended) return OutputStatus::kEnded;
  if (stream == nullptr) return OutputStatus::kClosed;
  body_bytes_sent_ += data.size();
  stream->SendBody(data, http::End::kNo);
  return stream->pending() > 0 ? OutputStatus::kWait : OutputStatus::kOk;
}

void Exchange::ReplaceBody(std::unique_ptr<BodyFile> file) {
  DiscardBody();
  in.body.Clear();
  in.file = std::move(file);
  in.body_state = BodyState::kRead;
}

// As fast as the upstream takes it: what it does not take yet is read when it has (OnRequestDrained).
bool Exchange::SendBodyFile() {
  http::H1Client& client = upstream.lease.client();
  char piece[32 * 1024];
  do {
    auto size = in.file->Read(in.file_sent, piece, sizeof piece);
    if (!size) {
      MG_LOG(kError, "a request body could not be sent: {}", size.error().message);
      Fail(500, "the request body could not be sent");
      EndAttempt(AttemptEnd::kCancelled);
      return false;
    }
    in.file_sent += *size;
    bool last = in.file_sent == in.file->size();
    client.SendBody({piece, *size}, last ? http::End::kYes : http::End::kNo);
  } while (in.file_sent < in.file->size() && client.pending() == 0);
  return true;
}

bool Exchange::SendRequestBody() {
  http::H1Client& client = upstream.lease.client();
  if (in.body_state == BodyState::kUnread) {
    in.body_state = BodyState::kStreaming;
    stream->WantBody();
    stream->ResumeBody();
    return true;
  }
  if (in.body_state != BodyState::kRead) return true;
  if (in.file) {
    in.file_sent = 0;
    return SendBodyFile();
  }
  iovec pieces[64];
  int count = in.body.Fill(pieces, 64);
  size_t left = in.body.size();
  for (int i = 0; i < count; i++) {
    left -= pieces[i].iov_len;
    client.SendBody({static_cast<char*>(pieces[i].iov_base), pieces[i].iov_len},
                    left == 0 ? http::End::kYes : http::End::kNo);
  }
  if (left > 0) client.SendBody(in.body.ToString().substr(in.body.size() - left), http::End::kYes);
  if (in.body.empty()) client.SendBody({}, http::End::kYes);
  return true;
}

}  // namespace mg::proxy
