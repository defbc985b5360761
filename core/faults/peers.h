// Peers that misbehave on purpose: a socket that sends bytes as they are, stops where it is told, resets, half-closes;
// and what a client may make of the bytes it got. Blocking, with a deadline that only ends a test that fails. Part of
// the tests alone; shares no HTTP code with the gateway.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "net/address.h"
#include "net/listener.h"
#include "tester/client.h"
#include "tester/response_reader.h"

namespace mg::faults {

constexpr int kPatienceMs = 20'000;

// Waits for any of `events`; false when the patience ends.
inline bool WaitFor(int fd, short events, int patience_ms = kPatienceMs) {
  pollfd wait{fd, events, 0};
  int count;
  do {
    count = poll(&wait, 1, patience_ms);
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) { open_sockets += fd >= 0; }
  Socket(Socket&& other) noexcept { *this = std::move(other); }
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
      received = std::move(other.received);
      ended = other.ended;
      reset = other.reset;
    }
    return *this;
  }
  ~Socket() { Close(); }

  // `buffer`: of the kernel, for what is received; 0 is the system's own.
  static Socket To(const net::SocketAddress& address, int buffer = 0) {
    Socket made(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (buffer > 0) setsockopt(made.fd_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (connect(made.fd_, address.raw(), address.length()) != 0) made.Close();
    return made;
  }

  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  // All of it. False: the other side has gone.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      size_t sent = SendSome(bytes);
      if (sent == std::string_view::npos) return false;
      bytes.remove_prefix(sent);
      if (sent == 0 && !WaitFor(fd_, POLLOUT)) return Stuck("send");
    }
    return true;
  }
  // What the socket takes at once; npos when it is broken.
  size_t SendSome(std::string_view bytes) {
    ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<size_t>(sent);
    return errno == EAGAIN || errno == EINTR ? 0 : std::string_view::npos;
  }

  // One read, added to `received`. False: the end, or a reset.
  bool Receive(size_t most = 65536) {
    if (ended || fd_ < 0) return !(ended = true);
    if (!WaitFor(fd_, POLLIN)) return Stuck("receive");
    char piece[65536];
    ssize_t size = recv(fd_, piece, std::min(most, sizeof piece), MSG_DONTWAIT);
    if (size > 0) {
      received.append(piece, static_cast<size_t>(size));
      return true;
    }
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    ended = true;
    reset = size < 0;
    return false;
  }
  bool ReceiveSize(size_t size) {
    while (received.size() < size) {
      if (!Receive(size - received.size())) return false;
    }
    return true;
  }
  bool ReceiveText(std::string_view text) {
    while (received.find(text) == std::string::npos) {
      if (!Receive()) return false;
    }
    return true;
  }
  // Until the other side has ended it. False: it does not.
  bool ReceiveEnd() {
    while (Receive()) continue;
    return ended;
  }
  // A whole request, taken out of `received`; "" when the connection ends before.
  std::string ReceiveRequest() {
    if (!ReceiveText("\r\n\r\n")) return {};
    size_t size = received.find("\r\n\r\n") + 4;
    std::string_view head = std::string_view(received).substr(0, size);
    if (size_t at = head.find("Content-Length: "); at != std::string_view::npos) {
      size += std::stoul(std::string(head.substr(at + 16, 12)));
      if (!ReceiveSize(size)) return {};
    } else if (head.find("Transfer-Encoding: chunked") != std::string_view::npos) {
      size_t end;
      while ((end = received.find("\r\n0\r\n\r\n", size - 2)) == std::string::npos) {
        if (!Receive()) return {};
      }
      size = end + 7;
    }
    std::string request = received.substr(0, size);
    received.erase(0, size);
    return request;
  }

  void EndSending() { shutdown(fd_, SHUT_WR); }
  void Close() {
    if (fd_ < 0) return;
    close(fd_);
    fd_ = -1;
    open_sockets--;
  }
  // Ends it so that the other side sees a reset.
  void Reset() {
    linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    Close();
  }

  std::string received;
  bool ended = false, reset = false;
  static inline std::atomic<int> open_sockets = 0;  // of the whole process: the others are the gateway's

 private:
  bool Stuck(const char* what) {
    ADD_FAILURE() << what << ": nothing happens; received so far: " << received.substr(0, 400);
    return false;
  }
  int fd_ = -1;
};

// A body on its way, as fast as it is taken.
class Upload {
 public:
  Upload(Socket& to, size_t size) : to_(to), left_(size), piece_(std::min<size_t>(size, 1 << 20), 'u') {}

  // Sends what goes without waiting and takes in what has come; then waits for either, or for one of `events`.
  void Some(short events = 0) {
    size_t sent = to_.SendSome(std::string_view(piece_).substr(0, left_));
    if (sent == std::string_view::npos) left_ = 0;
    if (left_ > 0) left_ -= sent;
    bool waits = events != 0 && sent == 0;
    short wanted = static_cast<short>(POLLIN | (left_ > 0 ? POLLOUT : 0));
    if (waits ? WaitFor(to_.fd(), wanted) : WaitFor(to_.fd(), POLLIN, 0)) {
      if (WaitFor(to_.fd(), POLLIN, 0)) to_.Receive();
    }
    sent_ += sent == std::string_view::npos ? 0 : sent;
  }
  size_t sent() const { return sent_; }
  bool done() const { return left_ == 0; }

 private:
  Socket& to_;
  size_t left_, sent_ = 0;
  std::string piece_;
};

// A port of 127.0.0.1 on which a test plays the upstream.
class Listening {
 public:
  explicit Listening(int backlog = 512)
      : fd_(*net::OpenListeningSocket(*net::SocketAddress::FromIp("127.0.0.1", 0), backlog, net::ReusePort::kNo)) {
    sockaddr_storage raw{};
    socklen_t length = sizeof raw;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&raw), &length);
    address_ = net::SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&raw), length);
  }
  ~Listening() { close(fd_); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  bool Waiting(int patience_ms = 0) const { return WaitFor(fd_, POLLIN, patience_ms); }
  Socket Accept() const {
    if (!Waiting(kPatienceMs)) ADD_FAILURE() << "the gateway does not connect";
    return Socket(accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
  }
  int fd() const { return fd_; }
  const net::SocketAddress& address() const { return address_; }

 private:
  int fd_;
  net::SocketAddress address_;
};

// What a client makes of all that came on a connection that has ended, after one request.
struct Answer {
  enum class Kind {
    kWhole,    // one response, complete by its own framing
    kCut,      // ended before its framing did: every client sees that something is missing
    kNothing,  // not a byte
    kWrong,    // no HTTP, or more than one response
  };
  Kind kind = Kind::kNothing;
  int status = 0;
  std::string body, text;

  bool Is(int code, std::string_view whole_body) const {
    return kind == Kind::kWhole && status == code && body == whole_body;
  }
  // The gateway's own word that something failed.
  bool IsProblem(int code) const {
    return kind == Kind::kWhole && status == code && text.find("application/problem+json") != std::string::npos &&
           body.find("\"request_id\":") != std::string::npos;
  }
  bool IsCut() const { return kind == Kind::kCut || kind == Kind::kNothing; }
};

inline std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  static constexpr const char* kNames[] = {"whole", "cut", "nothing", "wrong"};
  return out << kNames[static_cast<int>(answer.kind)] << " " << answer.status << " \"" << answer.text.substr(0, 600)
             << "\"";
}

inline Answer Judge(const Socket& client, const std::string& method = "GET") {
  Answer answer;
  answer.text = client.received;
  if (client.received.empty()) return answer;
  tester::ResponseReader reader;
  reader.Expect(method);
  bool good = reader.Feed(client.received);
  size_t whole = reader.responses().size();
  bool ends_well = good && reader.End();
  if (!reader.responses().empty()) {
    answer.status = reader.responses().front().status;
    answer.body = reader.responses().front().body;
  }
  // A body without a length ends with the connection: only a reset tells that it has been cut.
  bool reset_body = !reader.responses().empty() && reader.responses().back().until_close && client.reset;
  if (!good || reader.responses().size() > 1) {
    answer.kind = Answer::Kind::kWrong;
  } else if (!ends_well || reset_body) {
    answer.kind = whole == 1 ? Answer::Kind::kWrong : Answer::Kind::kCut;
  } else {
    answer.kind = reader.responses().empty() ? Answer::Kind::kCut : Answer::Kind::kWhole;
  }
  return answer;
}

}  // namespace mg::faults
