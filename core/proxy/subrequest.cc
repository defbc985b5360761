#include "proxy/subrequest.h"

#include "base/log.h"
#include "http/h1_encoder.h"
#include "http/url.h"
#include "proxy/variables.h"

namespace mg::proxy {

namespace {

// The fields of the parent, but for those that say how its body is framed.
void CopyHeaders(const Exchange& parent, http::RequestHead& to, Arena& arena) {
  const http::HeaderList& from = parent.request.headers;
  to.headers.Reserve(arena, from.size() + 1);
  for (const http::Header& header : from) {
    switch (header.id) {
      case http::HeaderId::kContentLength:
      case http::HeaderId::kTransferEncoding:
      case http::HeaderId::kUpgrade:
      case http::HeaderId::kExpect: continue;
      default: to.headers.Append(arena, {arena.Copy(header.name), arena.Copy(header.value), header.id});
    }
  }
}

// Oldest first, so that the child's list has the parent's order.
void CopyVariables(const Variable* from, Exchange& to) {
  if (from == nullptr) return;
  CopyVariables(from->next, to);
  to.SetVariable(from->name, from->value);
}

// Into memory, as all that a subrequest takes and answers.
void CopyBody(const RequestPart& from, Buffer& to) {
  if (!from.file) {
    to.Append(from.body.ToString());
    return;
  }
  char piece[32 * 1024];
  for (uint64_t at = 0; at < from.file->size();) {
    auto size = from.file->Read(at, piece, sizeof piece);
    if (!size) {
      MG_LOG(kError, "a request body could not be given to a subrequest: {}", size.error().message);
      to.Clear();  // none rather than a part of it
      return;
    }
    to.Append({piece, *size});
    at += *size;
  }
}

void SetBody(Exchange& child, const Exchange& parent, const SubrequestSpec& spec) {
  if (spec.body != nullptr) {
    child.in.body.Append(*spec.body);
  } else if (spec.forward_body && parent.in.body_state == BodyState::kRead && parent.in.BodySize() > 0) {
    CopyBody(parent.in, child.in.body);
  } else {
    return;
  }
  child.in.body_state = BodyState::kRead;
  child.in.body_asked = true;
  child.in.body_ended = true;
  child.request.framing = http::BodyFraming::kLength;
  child.request.content_length = child.in.body.size();
  http::HeadWriter digits(child.arena, 20);
  digits.PutDecimal(child.in.body.size());
  child.request.headers.Append(child.arena, http::HeaderId::kContentLength, digits.text());
}

}  // namespace

bool Exchange::BecomeSubrequest(Exchange& parent, const SubrequestSpec& spec, http::Stream& collector) {
  stream = &collector;
  generation = parent.generation;
  generation->live++;
  depth = static_cast<uint8_t>(parent.depth + 1);
  context.subrequests++;
  timing.began = context.loop.Now();
  timing.wall = context.loop.WallTime();
  connection = parent.connection;
  if (connection.tls != nullptr) net::RetainTls(connection.tls);
  listener = parent.listener;
  request_id = arena.Copy(parent.RequestId());
  identity = {arena.Copy(parent.identity.consumer), arena.Copy(parent.identity.claims)};
  request.target = arena.Copy(parent.request.target);
  in.original_target = arena.Copy(parent.in.original_target);
  request.authority = arena.Copy(parent.request.authority);
  raw_head = arena.Copy(parent.raw_head);
  CopyHeaders(parent, request, arena);
  SetMethod(spec.method);
  SetQuery(spec.query);
  SetBody(*this, parent, spec);
  for (const auto& [name, value] : snapshot().vars) DefineVariable(*this, name, value);
  if (spec.variables != SubrequestSpec::Variables::kNone) CopyVariables(parent.variables, *this);
  in.is_internal = true;
  step = Step::kMatchRoute;
  return SetPath(spec.path);
}

Subrequest::~Subrequest() { *alive_ = false; }

bool Subrequest::Prepare(const SubrequestSpec& spec) {
  child_ = parent_.context.TakeExchange();
  shares_variables_ = spec.variables == SubrequestSpec::Variables::kShare;
  return child_->BecomeSubrequest(parent_, spec, *this);
}

void Subrequest::Start(std::function<void()> done) {
  started_ = true;
  done_ = std::move(done);
  child_->Advance();
}

void Subrequest::Cancel() {
  done_ = nullptr;
  Exchange* child = std::exchange(child_, nullptr);
  if (child == nullptr) return;
  if (started_) {
    child->OnClosed({ErrorCode::kCancelled, Origin::kDownstream, Retryable::kNo, "the parent request has ended"});
  } else {
    child->stream = nullptr;
    child->step = Step::kFinish;
    child->Advance();
  }
}

net::SocketAddress Subrequest::LocalAddress() const {
  return parent_.stream != nullptr ? parent_.stream->LocalAddress() : net::SocketAddress{};
}

void Subrequest::SendHead(const http::ResponseHead& head, http::End end) {
  answer.status = head.status;
  has_body_ = http::ResponseHasBody(child_->request.method, head.status);
  for (const http::Header& header : head.headers) answer.headers.emplace_back(header.name, header.value);
  if (end == http::End::kYes) SendBody({}, end);
}

void Subrequest::SendBody(std::string_view data, http::End end) {
  if (completing_) {  // cut already
    if (end == http::End::kYes) child_ = nullptr;
    return;
  }
  size_t room = kMostSubrequestBody - answer.body.size();
  if (has_body_) answer.body.append(data.substr(0, room));
  if (has_body_ && data.size() > room) answer.truncated = true;
  if (end == http::End::kNo && !answer.truncated) return;
  KeepVariables();
  if (end == http::End::kYes) child_ = nullptr;
  CompleteSoon();
}

void Subrequest::Abort() {
  answer.truncated = true;
  if (answer.status == 0) answer.status = 500;
  if (!completing_) KeepVariables();
  child_ = nullptr;
  CompleteSoon();
}

void Subrequest::KeepVariables() {
  if (!shares_variables_) return;
  for (const Variable* v = child_->variables; v != nullptr; v = v->next) {
    answer.variables.emplace_back(v->name, v->value);
  }
}

// In the loop's next turn: the child is in the middle of a call.
void Subrequest::CompleteSoon() {
  if (std::exchange(completing_, true)) return;
  parent_.context.loop.Defer([this, alive = alive_] {
    if (*alive) Complete();
  });
}

void Subrequest::Complete() {
  std::function<void()> done = std::exchange(done_, nullptr);
  Cancel();  // one that was cut
  if (done) done();
}

}  // namespace mg::proxy
