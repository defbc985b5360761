#include "tester/mock_upstream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include <fmt/format.h>

#include "base/strings.h"
#include "tester/loopback.h"
#include "tester/response_reader.h"
#include "tester/sections.h"

namespace mg::tester {
namespace {

constexpr size_t kMaxHead = 1024 * 1024;

// A request's head, as far as the mock needs it.
struct Head {
  std::string method, target, text;
  Fields fields;
};

Head ParseHead(std::string_view bytes) {
  Head head;
  bool first = true;
  while (!bytes.empty()) {
    size_t end = std::min(bytes.find("\r\n"), bytes.size());
    std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 2, bytes.size()));
    head.text.append(line).append("\n");
    if (first) {
      size_t one = std::min(line.find(' '), line.size());
      size_t two = std::min(line.rfind(' '), line.size());
      head.method = line.substr(0, one);
      if (two > one) head.target = line.substr(one + 1, two - one - 1);
    } else if (size_t colon = line.find(':'); colon != std::string_view::npos) {
      head.fields.emplace_back(line.substr(0, colon), Trim(line.substr(colon + 1)));
    }
    first = false;
  }
  return head;
}

}  // namespace

size_t MockJournal::Add(MockRequest request) {
  std::lock_guard lock(mutex_);
  requests_.push_back(std::move(request));
  return requests_.size() - 1;
}

void MockJournal::Update(size_t index, MockRequest request) {
  std::lock_guard lock(mutex_);
  requests_[index] = std::move(request);
}

std::vector<MockRequest> MockJournal::Take() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

// One accepted connection and the thread that serves it.
class MockUpstream::Connection {
 public:
  Connection(MockUpstream& mock, int fd, size_t number)
      : mock_(mock), fd_(fd), number_(number), thread_([this] { Serve(); }) {}
  ~Connection() {
    thread_.join();
    if (fd_ >= 0) close(fd_);
  }

 private:
  enum class Wait : uint8_t { kReady, kStopped, kTimeout };

  void Serve() {
    while (ServeOne()) {
    }
    // Closed in an orderly way, so that what was sent arrives: then wait for the other side, unless the mock stops.
    if (fd_ < 0) return;
    shutdown(fd_, SHUT_WR);
    while (ReadMore()) buffer_.clear();
    close(fd_);
    fd_ = -1;
  }

  Wait WaitFor(short events, int milliseconds) {
    std::array<pollfd, 2> wait = {{{fd_, events, 0}, {mock_.stop_, POLLIN, 0}}};
    if (events == 0) wait[0].fd = -1;
    int count = poll(wait.data(), wait.size(), milliseconds);
    if (wait[1].revents != 0) return Wait::kStopped;
    return count == 0 ? Wait::kTimeout : Wait::kReady;
  }

  // False: the connection has ended, or the mock stops.
  bool ReadMore() {
    std::array<char, 65536> piece;
    for (;;) {
      if (WaitFor(POLLIN, -1) == Wait::kStopped) return false;
      ssize_t size = recv(fd_, piece.data(), piece.size(), 0);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return false;
      buffer_.append(piece.data(), static_cast<size_t>(size));
      return true;
    }
  }

  bool SendAll(std::string_view bytes, size_t split) {
    while (!bytes.empty()) {
      std::string_view piece = split > 0 ? bytes.substr(0, split) : bytes;
      if (WaitFor(POLLOUT, -1) == Wait::kStopped) return false;
      ssize_t size = send(fd_, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (size < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(size));
      if (split > 0 && !bytes.empty() && WaitFor(0, 1) == Wait::kStopped) return false;
    }
    return true;
  }

  bool ReadLine(std::string& line) {
    size_t end;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
      if (!ReadMore()) return false;
    }
    line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return true;
  }

  bool ReadExactly(uint64_t size, std::string& out) {
    while (size > 0) {
      if (buffer_.empty() && !ReadMore()) return false;
      size_t part = static_cast<size_t>(std::min<uint64_t>(size, buffer_.size()));
      out.append(buffer_, 0, part);
      buffer_.erase(0, part);
      size -= part;
    }
    return true;
  }

  bool ReadChunks(std::string& out) {
    for (std::string line;;) {
      if (!ReadLine(line)) return false;
      uint64_t size = 0;
      auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
      if (error != std::errc() || end == line.data()) return false;
      if (size == 0) break;
      std::string ending;
      if (!ReadExactly(size, out) || !ReadExactly(2, ending) || ending != "\r\n") return false;
    }
    for (std::string line = "x"; !line.empty();) {  // trailers are put behind the body, as lines
      if (!ReadLine(line)) return false;
      if (!line.empty()) out.append("\n").append(line);
    }
    return true;
  }

  bool ReadBody(const Head& head, std::string& out) {
    bool found = false;
    std::string coding = JoinFields(head.fields, "transfer-encoding", found);
    if (found && EqualsIgnoreCase(coding, "chunked")) return ReadChunks(out);
    std::string length = JoinFields(head.fields, "content-length", found);
    return !found || ReadExactly(ParseDecimal(length).value_or(0), out);
  }

  // One request and its answer. False: the connection is done with.
  bool ServeOne() {
    size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (buffer_.size() > kMaxHead || !ReadMore()) return false;
    }
    Head head = ParseHead(std::string_view(buffer_).substr(0, end + 2));
    buffer_.erase(0, end + 4);

    MockRequest request{mock_.place_, number_, head.method, head.target, head.text, false, true};
    std::optional<MockAnswer> answer;
    {
      std::lock_guard lock(mock_.mutex_);
      if (const MockAnswer* chosen = mock_.book_.Choose(head.method, head.target)) answer = *chosen;
    }
    request.answered = answer.has_value();
    if (!answer) {
      answer.emplace();
      answer->status = 599;
      answer->body = "the mock has no answer for this request\n";
    }
    size_t entry = mock_.journal_.Add(request);
    bool expects = false;
    JoinFields(head.fields, "expect", expects);
    if (answer->early && !Answer(*answer, head.method, request.text)) return false;
    if (expects && !answer->early && answer->kind != MockAnswer::Kind::kClose &&
        !SendAll("HTTP/1.1 100 Continue\r\n\r\n", 0))
      return false;
    std::string body;
    request.complete = ReadBody(head, body);
    if (!body.empty()) request.text.append("\n").append(body);
    mock_.journal_.Update(entry, request);
    if (!request.complete) return false;
    if (!answer->early && !Answer(*answer, head.method, request.text)) return false;
    bool found = false;
    std::string connection = Lower(JoinFields(head.fields, "connection", found));
    return !answer->close && connection.find("close") == std::string::npos;
  }

  bool Answer(const MockAnswer& answer, std::string_view method, std::string_view echo) {
    if (answer.delay.count() > 0 && WaitFor(0, static_cast<int>(answer.delay.count())) == Wait::kStopped) return false;
    switch (answer.kind) {
      case MockAnswer::Kind::kClose: return false;
      case MockAnswer::Kind::kReset: Reset(); return false;
      case MockAnswer::Kind::kStall:
        while (ReadMore()) {
        }
        return false;
      default: break;
    }
    std::string bytes = answer.Encode(method, echo);
    if (answer.cut) bytes.resize(std::min(bytes.size(), *answer.cut));
    return SendAll(bytes, answer.split) && !answer.cut;
  }

  void Reset() {
    linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd_);
    fd_ = -1;
  }

  MockUpstream& mock_;
  int fd_;
  size_t number_;
  std::string buffer_;
  std::thread thread_;  // last: it uses the others
};

MockUpstream::MockUpstream(size_t place, AnswerBook book, MockJournal& journal)
    : place_(place), book_(std::move(book)), journal_(journal) {
  stop_ = eventfd(0, EFD_CLOEXEC);
  listening_ = BindLoopback(port_);
  if (listening_ < 0 || listen(listening_, 512) != 0) port_ = 0;
  if (port_ != 0) acceptor_ = std::thread([this] { Accept(); });
}

MockUpstream::~MockUpstream() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t ignored = write(stop_, &one, sizeof one);
  if (acceptor_.joinable()) acceptor_.join();
  connections_.clear();
  if (listening_ >= 0) close(listening_);
  close(stop_);
}

size_t MockUpstream::connections() const {
  std::lock_guard lock(mutex_);
  return connections_.size();
}

void MockUpstream::Accept() {
  for (;;) {
    std::array<pollfd, 2> wait = {{{listening_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    if (poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return;
    if (wait[1].revents != 0) return;
    if ((wait[0].revents & POLLIN) == 0) continue;
    int fd = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    std::lock_guard lock(mutex_);
    connections_.push_back(std::make_unique<Connection>(*this, fd, connections_.size()));
  }
}

DeadPort::DeadPort() { fd_ = BindLoopback(port_); }

DeadPort::~DeadPort() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace mg::tester
