// SocketAddress: an IPv4, IPv6 or unix socket address, by value.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/config.h"

namespace mg::net {

class SocketAddress {
 public:
  SocketAddress() = default;
  // "127.0.0.1", "::1" (no brackets) and a port; unix paths by FromUnix.
  static Result<SocketAddress> FromIp(std::string_view ip, uint16_t port);
  static Result<SocketAddress> FromUnix(std::string_view path);
  static SocketAddress FromRaw(const sockaddr* address, socklen_t length);
  // kName gives kResolve: names go through the Resolver.
  static Result<SocketAddress> From(const config::Address& address);

  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const { return length_; }
  int family() const { return storage_.any.ss_family; }
  uint16_t port() const;                        // 0 for unix
  SocketAddress WithPort(uint16_t port) const;  // unix: unchanged
  std::string Ip() const;                       // "127.0.0.1", "::1", "unix:"
  std::string ToString() const;                 // "127.0.0.1:80", "[::1]:80", "unix:/path"
  // 4 or 16 bytes in network order; empty for unix. A mapped IPv4 (::ffff:1.2.3.4) gives its 4.
  std::string_view ip_bytes() const;
  bool operator==(const SocketAddress& other) const;

 private:
  union {
    sockaddr_storage any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
  } storage_{};
  socklen_t length_ = 0;
};

}  // namespace mg::net
