#include "net/listener.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/log.h"

namespace mg::net {

namespace {
constexpr int kBatch = 64;  // accepted in one go, before the connections get their turn
constexpr Milliseconds kPauseAfterError = 100;

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }
}  // namespace

struct Listener::Impl {
  Impl(Loop& loop, int listening, OnAccept handler, uint64_t* count)
      : fd(listening),
        on_accept(std::move(handler)),
        accepted(count),
        spare(OpenSpare()),
        retry(
            loop, [](void* self) { static_cast<Impl*>(self)->Watch(); }, this) {
    auto ready = [](int, short, void* self) { static_cast<Impl*>(self)->AcceptBatch(); };
    event_assign(&readable, loop.base(), fd, EV_READ | EV_PERSIST, ready, this);
  }
  ~Impl() {
    event_del(&readable);
    if (spare >= 0) close(spare);
    if (gone != nullptr) *gone = true;
  }

  void Watch() {
    if (!paused) MG_CHECK(event_add(&readable, nullptr) == 0);
  }
  void AcceptBatch();
  bool SurviveError(int error);

  int fd;
  OnAccept on_accept;
  uint64_t* accepted;
  int spare;  // held open, to be given up when descriptors run out
  bool paused = false;
  bool* gone = nullptr;
  event readable{};
  Timer retry;
};

void Listener::Impl::AcceptBatch() {
  bool destroyed = false;
  gone = &destroyed;
  for (int i = 0; i < kBatch && !paused; i++) {
    sockaddr_storage raw{};
    socklen_t length = sizeof raw;
    int socket = accept4(fd, reinterpret_cast<sockaddr*>(&raw), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) {
      if (SurviveError(errno)) continue;
      break;
    }
    ++*accepted;
    on_accept(socket, SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&raw), length));
    if (destroyed) return;
  }
  gone = nullptr;
}

// Whether to go on accepting at once.
bool Listener::Impl::SurviveError(int error) {
  switch (error) {
    case EAGAIN: return false;
    case EMFILE:
    case ENFILE:
      // The client gets a quick end instead of a silence, and the queue one place.
      if (spare >= 0) {
        close(spare);
        int refused = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
        if (refused >= 0) close(refused);
        spare = OpenSpare();
        if (refused >= 0 && spare >= 0) return true;
      } else {
        spare = OpenSpare();
      }
      [[fallthrough]];
    case ENOBUFS:
    case ENOMEM:
      event_del(&readable);
      retry.SetAfter(kPauseAfterError);
      return false;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
      MG_LOG(kError, "cannot accept on a listening socket: errno {}", error);
      event_del(&readable);
      return false;
    default: return true;  // the connection died in the queue (accept(2))
  }
}

Listener::Listener(Loop& loop, int fd, OnAccept on_accept)
    : impl_(std::make_unique<Impl>(loop, fd, std::move(on_accept), &accepted_)) {
  // Accepted sockets inherit it: no system call for each. Refused for a unix socket, which needs none.
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  impl_->Watch();
}

Listener::~Listener() = default;

void Listener::Pause() {
  impl_->paused = true;
  impl_->retry.Cancel();
  event_del(&impl_->readable);
}

void Listener::Resume() {
  impl_->paused = false;
  impl_->Watch();
}

}  // namespace mg::net
