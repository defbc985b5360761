#include "upstream/fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "http/h1_encoder.h"
#include "http/url.h"

namespace mg::upstream {

namespace {

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?={}").find(c) == std::string_view::npos;
  });
}

bool HasControl(std::string_view text) {
  return std::ranges::any_of(text,
                             [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

// What a script hands in goes into a head: nothing in it may end a line.
std::optional<Error> CheckRequest(const FetchRequest& request) {
  auto invalid = [](std::string what) {
    return Error{ErrorCode::kInvalid, Origin::kGateway, Retryable::kNo, std::move(what)};
  };
  if (!IsToken(request.method)) return invalid("the method is not a token");
  if (HasControl(request.path_and_query) || request.path_and_query.find(' ') != std::string::npos ||
      !request.path_and_query.starts_with('/')) {
    return invalid("the path must begin with / and hold no space or control character");
  }
  for (const auto& [name, value] : request.headers) {
    if (!IsToken(name)) return invalid("a header name is not a token: " + name.substr(0, 64));
    if (HasControl(value)) return invalid("the value of header " + name + " holds a control character");
  }
  return std::nullopt;
}

class RunningFetch final : public Fetch, public http::ClientHandler {
 public:
  RunningFetch(net::Loop& loop, Pools& pools, net::Resolver& resolver, FetchRequest request, FetchDone done)
      : loop_(loop),
        pools_(pools),
        resolver_(resolver),
        request_(std::move(request)),
        done_(std::move(done)),
        arena_(loop.blocks()),
        timer_(loop, &RunningFetch::OnTimer, this) {}

  ~RunningFetch() override { FinishAttempt(Outcome::kCancelled); }

  void Start() {
    if (!timer_.armed()) timer_.SetAfter(request_.timeout.count());  // a second attempt gets what is left
    if (std::optional<Error> invalid = CheckRequest(request_)) return FailLater(*invalid);
    if (request_.upstream != nullptr) {
      path_ = request_.path_and_query;
      PickTarget();
      return;
    }
    Result<http::Url> url = http::ParseUrl(request_.url);
    if (!url) return FailLater(url.error());
    if (url->tls && request_.tls == nullptr) {
      return FailLater({ErrorCode::kTls, Origin::kGateway, Retryable::kNo, "no TLS context for " + request_.url});
    }
    path_ = url->path_and_query;
    authority_ = url->authority;
    std::string host(url->host);
    bool tls = url->tls;
    query_ = resolver_.Resolve(host, url->port, [this, host, tls](Result<std::vector<net::SocketAddress>> found) {
      if (!found || found->empty()) {
        return FailLater(found ? Error{ErrorCode::kResolve, Origin::kUpstream, Retryable::kNo, "no address for " + host}
                               : found.error());
      }
      address_ = found->front().ToString();
      Begin(pools_.AcquireAddress(found->front(), tls ? request_.tls : nullptr, host, Reuse()));
    });
  }

  void OnClientConnected() override { lease_.client().Flush(); }
  void OnInformational(const http::ResponseHead&) override {}
  void OnResponseHead(http::ResponseHead& head) override {
    response_.status = head.status;
    if (request_.upstream != nullptr) {
      const Guard& guard = request_.upstream->guard();
      guard.ReportHead(pass_, guard.IsFailure(head.status, loop_.Now() - began_), loop_.Now());
    }
    for (const http::Header& header : head.headers) {
      response_.headers.emplace_back(std::string(header.name), std::string(header.value));
    }
    response_.target = address_;
    response_.body.clear();
    if (head.framing == http::BodyFraming::kLength && head.content_length <= request_.limit) {
      response_.body.reserve(head.content_length);
    }
  }
  void OnResponseBody(std::string_view data, http::End end) override {
    if (response_.body.size() + data.size() > request_.limit) {
      FinishAttempt(Outcome::kFailed);
      return Finish(Fail(ErrorCode::kTooLarge, fmt::format("the answer is larger than {} bytes", request_.limit),
                         Origin::kUpstream));
    }
    response_.body.append(data);
    if (end == http::End::kNo) return;
    FinishAttempt(Outcome::kAnswered);
    Finish(std::move(response_));
  }
  void OnRequestDrained() override {}
  void OnFailed(const Error& error) override {
    bool reused = lease_.reused();
    // A connection at rest may end at any time: that says nothing about the target.
    FinishAttempt(reused && error.code == ErrorCode::kReset ? Outcome::kCancelled : Outcome::kFailed);
    bool idempotent = http::IsIdempotent(http::ParseMethod(request_.method));
    bool connect_failed = error.code == ErrorCode::kConnect || error.code == ErrorCode::kResolve;
    bool again = attempts_ < 3 && error.retryable == Retryable::kYes &&
                 (connect_failed ? request_.upstream != nullptr : (reused && idempotent));
    if (!again) return Finish(std::unexpected(error));
    response_ = {};
    arena_.Release();
    if (request_.upstream != nullptr) {
      PickTarget();
    } else {
      Start();
    }
  }
  Arena& response_arena() override { return arena_; }

 private:
  Pools::Reuse Reuse() const { return attempts_ == 0 ? Pools::Reuse::kYes : Pools::Reuse::kNo; }

  void PickTarget() {
    const Guard& guard = request_.upstream->guard();
    began_ = loop_.Now();
    if (!guard.AdmitUpstream(pass_, began_)) return FailLater(BreakerOpen());
    const size_t before = tried_.size();
    for (;;) {
      Result<Target*> picked = request_.upstream->Pick(tried_, 0, began_, loop_.index());
      bool refused = picked && std::find(tried_.begin() + before, tried_.end(), *picked) != tried_.end();
      if (!picked || refused) {  // the breakers of all are open
        guard.Abandon(pass_);
        return FailLater(picked ? BreakerOpen() : picked.error());
      }
      tried_.push_back(*picked);
      if (!guard.AdmitTarget(pass_, (*picked)->breaker, began_)) continue;
      target_ = *picked;
      break;
    }
    address_ = target_->text;
    authority_ = target_->host;
    request_.upstream->Begin(*target_);
    Begin(pools_.Acquire(*request_.upstream, *target_, Reuse()));
  }

  Error BreakerOpen() const {
    return {ErrorCode::kUnavailable, Origin::kUpstream, Retryable::kNo,
            "the circuit breaker of upstream " + request_.upstream->conf().name + " is open"};
  }

  void Begin(Lease lease) {
    attempts_++;
    lease_ = std::move(lease);
    http::H1Client& client = lease_.client();
    client.Begin(*this, http::ParseMethod(request_.method));
    size_t size = request_.method.size() + path_.size() + authority_.size() + 128;
    for (const auto& [name, value] : request_.headers) size += name.size() + value.size() + 4;
    http::HeadWriter writer(arena_, size);
    writer.Put(request_.method);
    writer.Put(' ');
    writer.Put(path_);
    writer.Put(" HTTP/1.1\r\n");
    bool has_host = false;
    for (const auto& [name, value] : request_.headers) {
      http::HeaderId id = http::IdentifyHeader(name);
      if (id == http::HeaderId::kContentLength || id == http::HeaderId::kTransferEncoding) continue;
      has_host = has_host || id == http::HeaderId::kHost;
      writer.PutField(name, value);
    }
    if (!has_host) writer.PutField("Host", authority_);
    bool has_body = !request_.body.empty() || request_.method == "POST" || request_.method == "PUT";
    if (has_body) {
      writer.Put("Content-Length: ");
      writer.PutDecimal(request_.body.size());
      writer.Put("\r\n");
    }
    writer.Put("\r\n");
    client.SendHead(writer.text(), has_body ? http::BodyFraming::kLength : http::BodyFraming::kNone);
    if (has_body) client.SendBody(request_.body, http::End::kYes);
  }

  void FinishAttempt(Outcome::Kind kind) {
    query_.reset();
    lease_.Release();
    if (target_ == nullptr) return;
    Nanoseconds now = loop_.Now();
    if (kind == Outcome::kFailed) {
      request_.upstream->guard().Report(pass_, true, now);
    } else {
      request_.upstream->guard().Abandon(pass_);
    }
    Outcome outcome{kind, static_cast<uint16_t>(response_.status), now - began_};
    request_.upstream->Finish(*std::exchange(target_, nullptr), outcome, now);
  }

  void FailLater(const Error& error) {
    later_ = error;
    timer_.SetAfter(0);
  }

  static void OnTimer(void* self) {
    RunningFetch& fetch = *static_cast<RunningFetch*>(self);
    fetch.FinishAttempt(Outcome::kFailed);
    if (fetch.later_) return fetch.Finish(std::unexpected(*fetch.later_));
    fetch.Finish(Fail(ErrorCode::kTimeout, fmt::format("no answer within {} ms", fetch.request_.timeout.count()),
                      Origin::kUpstream));
  }

  // The last thing done: the owner may destroy this from within.
  void Finish(Result<FetchResponse> result) {
    timer_.Cancel();
    FetchDone done = std::move(done_);
    done_ = nullptr;
    if (done) done(std::move(result));
  }

  net::Loop& loop_;
  Pools& pools_;
  net::Resolver& resolver_;
  FetchRequest request_;
  FetchDone done_;
  Arena arena_;
  net::Timer timer_;
  Lease lease_;
  std::unique_ptr<net::Resolver::Query> query_;
  std::string path_, authority_, address_;
  std::vector<Target*> tried_;
  Target* target_ = nullptr;  // of the attempt under way
  Pass pass_;
  Nanoseconds began_ = 0;
  int attempts_ = 0;
  std::optional<Error> later_;
  FetchResponse response_;
};

}  // namespace

std::unique_ptr<Fetch> StartFetch(net::Loop& loop, Pools& pools, net::Resolver& resolver, FetchRequest request,
                                  FetchDone done) {
  auto fetch = std::make_unique<RunningFetch>(loop, pools, resolver, std::move(request), std::move(done));
  fetch->Start();
  return fetch;
}

}  // namespace mg::upstream
