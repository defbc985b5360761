#include "admin/status_server.h"

#include <pthread.h>
#include <unistd.h>

#include <future>

#include "http/h1_encoder.h"
#include "observe/metrics.h"

namespace mg::admin {

namespace {

constexpr size_t kConnections = 64;
constexpr size_t kPageSize = 64 * 1024;  // to begin with

std::shared_ptr<const config::Limits> StatusLimits() {
  auto limits = std::make_shared<config::Limits>();
  limits->head = 8 * 1024;
  limits->headers = 64;
  limits->body = 1024;
  return limits;
}

}  // namespace

// One request: answered at once, and gone at the end of the loop's turn.
class StatusServer::Request final : public http::StreamHandler {
 public:
  Request(net::Loop& loop, Control& control, http::Stream& stream)
      : StreamHandler(loop.blocks()), loop_(loop), control_(control), stream_(stream) {}

  void OnRequest() override {
    bool reads = request.method == http::Method::kGet || request.method == http::Method::kHead;
    bool known = request.path == "/healthz" || request.path == "/readyz" || request.path == "/metrics";
    if (!known) return Answer(404, "There are /healthz, /readyz and /metrics here.\n");
    if (!reads) return Answer(405, "GET and HEAD only.\n");
    if (request.path == "/healthz") return Answer(200, "ok\n");
    if (request.path == "/readyz") {
      bool ready = control_.Ready();
      return Answer(ready ? 200 : 503, ready ? "ready\n" : "not ready\n");
    }
    std::string page;
    page.reserve(kPageSize);
    control_.WriteMetrics(page);
    Answer(200, page, observe::MetricsRegistry::kContentType);
  }
  void OnRefused(http::ParseError error) override {
    request.keep_alive = false;
    Answer(http::StatusFor(error), std::string(http::ParseErrorText(error)) + "\n");
  }
  void OnBody(std::string_view, http::End) override {}
  void OnBodyFailed(const Error&, int) override {}
  void OnDrained() override {}
  void OnPeerClosed() override {}
  void OnClosed(const Error&) override { End(); }

 private:
  void Answer(int status, std::string_view body, std::string_view type = "text/plain; charset=utf-8") {
    http::ResponseHead head;
    head.status = static_cast<uint16_t>(status);
    head.headers.Append(arena, "Content-Type", type);
    head.headers.Append(arena, "Cache-Control", "no-store");
    if (status == 405) head.headers.Append(arena, "Allow", "GET, HEAD");
    http::HeadWriter digits(arena, 20);
    digits.PutDecimal(body.size());
    head.headers.Append(arena, http::HeaderId::kContentLength, digits.text());
    stream_.SendHead(head, http::End::kNo);
    stream_.SendBody(body, http::End::kYes);
    End();
  }
  void End() {
    loop_.Defer([this] { delete this; });  // its session may still be in a call of it
  }

  net::Loop& loop_;
  Control& control_;
  http::Stream& stream_;
};

class StatusServer::Requests final : public http::StreamHandlerFactory {
 public:
  Requests(net::Loop& loop, Control& control) : loop_(loop), control_(control) {}
  http::StreamHandler& NewHandler(http::Stream& stream) override { return *new Request(loop_, control_, stream); }

 private:
  net::Loop& loop_;
  Control& control_;
};

StatusServer::StatusServer(Control& control)
    : requests_(std::make_unique<Requests>(loop_, control)),
      options_(std::make_shared<http::SessionOptions>(requests_.get(), StatusLimits(), 0, nullptr)) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "status");
    loop_.Run();
  });
}

StatusServer::~StatusServer() {
  OnThread([this] {
    listener_.reset();
    sessions_.CloseAll();
  });
  OnThread([] {});  // what that put off has been done
  loop_.Stop();
  thread_.join();
}

template <class F>
void StatusServer::OnThread(F&& task) {
  std::promise<void> done;
  loop_.Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

void StatusServer::Listen(int fd) {
  if (fd == listening_) return;
  listening_ = fd;
  OnThread([this, fd] {
    listener_.reset();
    if (fd < 0) return;
    auto accept = [this](int socket, const net::SocketAddress& peer) { Accept(socket, peer); };
    listener_ = std::make_unique<net::Listener>(loop_, fd, accept);
  });
}

void StatusServer::Accept(int fd, const net::SocketAddress& peer) {
  if (sessions_.size() >= kConnections) {
    close(fd);
    return;
  }
  auto session = std::make_unique<http::H1Session>(loop_, options_);
  http::H1Session& started = *session;
  sessions_.Add(std::move(session));
  started.Start(fd, peer);
}

}  // namespace mg::admin
