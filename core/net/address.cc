#include "net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace mg::net {

Result<SocketAddress> SocketAddress::FromIp(std::string_view ip, uint16_t port) {
  char text[INET6_ADDRSTRLEN];
  SocketAddress address;
  if (ip.size() < sizeof text && ip.find('\0') == std::string_view::npos) {
    text[ip.copy(text, sizeof text - 1)] = '\0';
    if (inet_pton(AF_INET, text, &address.storage_.v4.sin_addr) == 1) {
      address.storage_.v4.sin_family = AF_INET;
      address.storage_.v4.sin_port = htons(port);
      address.length_ = sizeof(sockaddr_in);
      return address;
    }
    if (inet_pton(AF_INET6, text, &address.storage_.v6.sin6_addr) == 1) {
      address.storage_.v6.sin6_family = AF_INET6;
      address.storage_.v6.sin6_port = htons(port);
      address.length_ = sizeof(sockaddr_in6);
      return address;
    }
  }
  return Fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not an IP address", ip.substr(0, 64)));
}

Result<SocketAddress> SocketAddress::FromUnix(std::string_view path) {
  SocketAddress address;
  constexpr size_t kLongest = sizeof(address.storage_.local.sun_path) - 1;
  if (path.empty() || path.size() > kLongest || path.find('\0') != std::string_view::npos) {
    return Fail(ErrorCode::kInvalid,
                fmt::format("\"{}\" cannot be a unix socket's path (1 to {} bytes)", path.substr(0, 200), kLongest));
  }
  address.storage_.local.sun_family = AF_UNIX;
  std::memcpy(address.storage_.local.sun_path, path.data(), path.size());
  address.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

SocketAddress SocketAddress::FromRaw(const sockaddr* raw, socklen_t length) {
  SocketAddress address;
  address.length_ = std::min<socklen_t>(length, sizeof address.storage_.any);
  std::memcpy(&address.storage_, raw, address.length_);
  return address;
}

Result<SocketAddress> SocketAddress::From(const config::Address& address) {
  switch (address.kind) {
    case config::Address::Kind::kIp: return FromIp(address.host, address.port);
    case config::Address::Kind::kUnix: return FromUnix(address.host);
    case config::Address::Kind::kName: break;
  }
  return Fail(ErrorCode::kResolve, fmt::format("\"{}\" is a name, not an address", address.host));
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

SocketAddress SocketAddress::WithPort(uint16_t port) const {
  SocketAddress other = *this;
  if (family() == AF_INET) other.storage_.v4.sin_port = htons(port);
  if (family() == AF_INET6) other.storage_.v6.sin6_port = htons(port);
  return other;
}

std::string_view SocketAddress::ip_bytes() const {
  if (family() == AF_INET) return {reinterpret_cast<const char*>(&storage_.v4.sin_addr), 4};
  if (family() != AF_INET6) return {};
  const char* bytes = reinterpret_cast<const char*>(&storage_.v6.sin6_addr);
  if (IN6_IS_ADDR_V4MAPPED(&storage_.v6.sin6_addr)) return {bytes + 12, 4};
  return {bytes, 16};
}

std::string SocketAddress::Ip() const {
  std::string_view bytes = ip_bytes();
  if (bytes.empty()) return family() == AF_UNIX ? "unix:" : "";
  char text[INET6_ADDRSTRLEN];
  inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

std::string SocketAddress::ToString() const {
  if (family() == AF_UNIX) {
    size_t size = length_ - std::min<size_t>(length_, offsetof(sockaddr_un, sun_path));
    return "unix:" + std::string(storage_.local.sun_path, strnlen(storage_.local.sun_path, size));
  }
  if (ip_bytes().size() == 16) return fmt::format("[{}]:{}", Ip(), port());
  return fmt::format("{}:{}", Ip(), port());
}

bool SocketAddress::operator==(const SocketAddress& other) const {
  if (family() != other.family()) return false;
  if (family() == AF_UNIX) return ToString() == other.ToString();
  return port() == other.port() && ip_bytes() == other.ip_bytes() &&
         (family() != AF_INET6 || storage_.v6.sin6_scope_id == other.storage_.v6.sin6_scope_id);
}

}  // namespace mg::net
