#include "net/doorkeeper.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "net/proxy_header.h"

namespace mg::net {

namespace {

constexpr size_t kMostLeaving = 256;  // sockets that are kept after a refusal; the oldest makes room
constexpr Milliseconds kLeaveTime = 1'000;

// What the first bytes on a socket are: a header, taken off it and nothing else; part of one; or none.
ProxyHeader TakeHeader(Loop& loop, int fd, bool peer_ended) {
  std::span<char> buffer = loop.read_buffer();
  ssize_t there;
  do {
    there = recv(fd, buffer.data(), kMaxProxyHeader, MSG_PEEK);
  } while (there < 0 && errno == EINTR);
  ProxyHeader header;
  if (there < 0 && errno == EAGAIN) return header;
  if (there > 0) header = ParseProxyHeader({buffer.data(), static_cast<size_t>(there)});
  if (header.status == ProxyHeader::Status::kNeedMore && (there <= 0 || peer_ended)) {
    header.status = ProxyHeader::Status::kBad;
    header.error = "the connection ended before its PROXY header did";
  }
  if (header.status != ProxyHeader::Status::kDone) return header;
  if (recv(fd, buffer.data(), header.length, 0) != static_cast<ssize_t>(header.length)) {
    header.status = ProxyHeader::Status::kBad;
    header.error = "the PROXY header could not be read";
  }
  return header;
}

}  // namespace

// A connection whose header has not come completely.
class Doorkeeper::Newcomer final : public Deferred, public ListNode<Doorkeeper> {
 public:
  Newcomer(Doorkeeper& door, int fd, const SocketAddress& peer, Admission admission, Milliseconds timeout,
           OnClient on_client)
      : door_(door),
        fd_(fd),
        peer_(peer),
        admission_(std::move(admission)),
        on_client_(std::move(on_client)),
        deadline_(
            door.loop_, [](void* self) { static_cast<Newcomer*>(self)->Refuse("it has not come in time"); }, this) {
    auto ready = [](int, short what, void* self) { static_cast<Newcomer*>(self)->Ready((what & EV_CLOSED) != 0); };
    event_assign(&event_, door.loop_.base(), fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, ready, this);
    deadline_.SetAfter(timeout);
    door.newcomers_.PushBack(*this);
    door.waiting_++;
    if (event_add(&event_, nullptr) != 0) Refuse("its socket cannot be watched");
  }
  ~Newcomer() override { End(); }

  // Leaves the door; its socket is closed unless it was taken.
  void End() {
    if (!linked()) return;
    event_del(&event_);
    deadline_.Cancel();
    Unlink();
    door_.waiting_--;
    if (fd_ >= 0) close(fd_);
    admission_.Release();
    door_.loop_.DestroyLater(std::unique_ptr<Deferred>(this));
  }

 private:
  void Ready(bool peer_ended) {
    ProxyHeader header = TakeHeader(door_.loop_, fd_, peer_ended);
    if (header.status == ProxyHeader::Status::kNeedMore) return;
    if (header.status == ProxyHeader::Status::kBad) return Refuse(header.error);
    int fd = std::exchange(fd_, -1);
    event_del(&event_);  // before the socket is watched anew
    Admission admission = std::move(admission_);
    OnClient on_client = std::move(on_client_);
    SocketAddress client = header.local ? peer_ : header.source;
    End();
    on_client(fd, client, std::move(admission));
  }
  void Refuse(const char* why) {
    door_.BadHeader(peer_, why);
    End();
  }

  Doorkeeper& door_;
  int fd_;
  SocketAddress peer_;
  Admission admission_;
  OnClient on_client_;
  Timer deadline_;
  event event_{};
};

Doorkeeper::Doorkeeper(Loop& loop, std::atomic<uint64_t>* bad_headers)
    : loop_(loop), bad_headers_(bad_headers), timer_(loop, &Doorkeeper::OnTimer, this) {}

Doorkeeper::~Doorkeeper() { Clear(); }

void Doorkeeper::Clear() {
  while (Newcomer* newcomer = newcomers_.front()) newcomer->End();
  CloseLeaving(true);
}

void Doorkeeper::BadHeader(const SocketAddress& peer, const char* why) {
  MG_LOG(kWarn, "proxy {}: PROXY header: {}", peer.Ip(), why);
  if (bad_headers_ != nullptr) bad_headers_->fetch_add(1, std::memory_order_relaxed);
}

void Doorkeeper::ReadProxyHeader(int fd, const SocketAddress& peer, Admission admission, Milliseconds timeout,
                                 OnClient on_client) {
  ProxyHeader header = TakeHeader(loop_, fd, false);
  switch (header.status) {
    case ProxyHeader::Status::kDone: on_client(fd, header.local ? peer : header.source, std::move(admission)); return;
    case ProxyHeader::Status::kNeedMore:
      new Newcomer(*this, fd, peer, std::move(admission), timeout, std::move(on_client));  // End gives it to the loop
      return;
    case ProxyHeader::Status::kBad:
      BadHeader(peer, header.error);
      close(fd);
      return;
  }
}

void Doorkeeper::TurnAway(int fd, std::string_view why) {
  std::string body =
      fmt::format(R"({{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"{}"}})", why);
  std::string answer = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n"
      "Retry-After: 1\r\nConnection: close\r\n\r\n{}",
      body.size(), body);
  if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT) != static_cast<ssize_t>(answer.size())) {
    close(fd);
    return;
  }
  // A socket that is closed with a request unread resets the connection, and the answer with it.
  shutdown(fd, SHUT_WR);
  if (leaving_.size() >= kMostLeaving) {
    close(leaving_.front().fd);
    leaving_.pop_front();
  }
  leaving_.push_back({fd, loop_.Now() + kLeaveTime * 1'000'000});
  if (!timer_.armed()) timer_.SetAfter(kLeaveTime);
}

void Doorkeeper::CloseLeaving(bool all) {
  while (!leaving_.empty() && (all || leaving_.front().until <= loop_.Now())) {
    std::span<char> buffer = loop_.read_buffer();
    int fd = leaving_.front().fd;
    (void)!recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    close(fd);
    leaving_.pop_front();
  }
  if (!leaving_.empty()) timer_.SetAt(leaving_.front().until);
}

}  // namespace mg::net
