#include "server/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mg::server {

namespace {

constexpr size_t kMostDescriptors = 64;
constexpr uint32_t kMostBytes = 256u << 20;

struct Header {
  uint8_t kind;
  uint8_t descriptors;
  uint32_t size;
};

bool WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

bool ReadAll(int fd, char* data, size_t size) {
  while (size > 0) {
    ssize_t n = recv(fd, data, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

Channel::~Channel() { close(fd_); }

bool Channel::Send(const Message& message) {
  Header header{message.kind, static_cast<uint8_t>(message.descriptors.size()),
                static_cast<uint32_t>(message.text.size())};
  iovec piece{&header, sizeof header};
  alignas(cmsghdr) char control[CMSG_SPACE(kMostDescriptors * sizeof(int))] = {};
  msghdr envelope{};
  envelope.msg_iov = &piece;
  envelope.msg_iovlen = 1;
  if (!message.descriptors.empty()) {
    MG_CHECK(message.descriptors.size() <= kMostDescriptors);
    size_t bytes = message.descriptors.size() * sizeof(int);
    envelope.msg_control = control;
    envelope.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* rights = CMSG_FIRSTHDR(&envelope);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(rights), message.descriptors.data(), bytes);
  }
  ssize_t sent;
  do {
    sent = sendmsg(fd_, &envelope, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == sizeof header && WriteAll(fd_, message.text.data(), message.text.size());
}

std::optional<Message> Channel::Receive() {
  Header header{};
  iovec piece{&header, sizeof header};
  alignas(cmsghdr) char control[CMSG_SPACE(kMostDescriptors * sizeof(int))];
  msghdr envelope{};
  envelope.msg_iov = &piece;
  envelope.msg_iovlen = 1;
  envelope.msg_control = control;
  envelope.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = recvmsg(fd_, &envelope, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return std::nullopt;
  char* rest = reinterpret_cast<char*>(&header) + got;
  if (!ReadAll(fd_, rest, sizeof header - static_cast<size_t>(got)) || header.size > kMostBytes) return std::nullopt;
  Message message{static_cast<Message::Kind>(header.kind), std::string(header.size, '\0'), {}};
  for (cmsghdr* c = CMSG_FIRSTHDR(&envelope); c != nullptr; c = CMSG_NXTHDR(&envelope, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    message.descriptors.resize(count);
    std::memcpy(message.descriptors.data(), CMSG_DATA(c), count * sizeof(int));
  }
  if (!ReadAll(fd_, message.text.data(), message.text.size())) return std::nullopt;
  return message;
}

}  // namespace mg::server
