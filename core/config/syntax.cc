#include "config/syntax.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <fmt/format.h>

#include "base/strings.h"

namespace mg::config {
namespace {

// 0: none; 4 or 6, and then `canonical` (unless null) is the address in its one shortest form.
int IpVersion(std::string_view text, std::string* canonical = nullptr) {
  std::string copy(text);
  if (copy.find('\0') != std::string::npos) return 0;
  for (int family : {AF_INET, AF_INET6}) {
    unsigned char bytes[16];
    if (::inet_pton(family, copy.c_str(), bytes) != 1) continue;
    char shortest[INET6_ADDRSTRLEN];
    if (canonical != nullptr) *canonical = ::inet_ntop(family, bytes, shortest, sizeof shortest);
    return family == AF_INET ? 4 : 6;
  }
  return 0;
}

Result<Address> UnixAddress(std::string_view text, const std::string& directory) {
  std::string_view path = text.substr(5);
  if (path.empty()) return Fail(ErrorCode::kInvalid, "unix: needs a path");
  Address address{Address::Kind::kUnix, AbsolutePath(directory, std::string(path)), 0, std::string(text)};
  if (address.host.size() >= sizeof(sockaddr_un{}.sun_path)) {
    return Fail(ErrorCode::kTooLarge, fmt::format("a unix socket's path has at most {} bytes: {}",
                                                  sizeof(sockaddr_un{}.sun_path) - 1, address.host));
  }
  return address;
}

}  // namespace

Result<Address> ParseAddress(std::string_view text, const std::string& directory) {
  if (text.starts_with("unix:")) return UnixAddress(text, directory);
  if (text.find("://") != std::string_view::npos) {
    return Fail(ErrorCode::kInvalid, "an address is host:port or unix:PATH, not a URL");
  }
  bool bracket = text.starts_with('[');
  size_t close = bracket ? text.find(']') : 0;
  size_t colon = close == std::string_view::npos ? close : text.find(':', close);
  if (!bracket && IpVersion(text) == 6) {
    return Fail(ErrorCode::kInvalid, "an IPv6 address stands in brackets: [" + std::string(text) + "]:port");
  }
  if (colon == std::string_view::npos)
    return Fail(ErrorCode::kInvalid, "an address needs a port: host:port, or unix:PATH");
  auto port = ParseDecimal<uint16_t>(text.substr(colon + 1));
  if (!port) return Fail(ErrorCode::kInvalid, "not a port: \"" + std::string(text.substr(colon + 1)) + "\"");
  Address address{Address::Kind::kIp, std::string(text.substr(0, colon)), *port, std::string(text)};
  if (bracket) {
    if (colon != close + 1) return Fail(ErrorCode::kInvalid, "not an address");
    address.host = std::string(text.substr(1, close - 1));
    if (IpVersion(address.host, &address.host) != 6)
      return Fail(ErrorCode::kInvalid, "not an IPv6 address: " + address.host);
    return address;
  }
  if (address.host.empty() || address.host == "*") address.host = "0.0.0.0";
  if (IpVersion(address.host, &address.host) == 4) return address;
  address.kind = Address::Kind::kName;
  if (!IsHostName(address.host))
    return Fail(ErrorCode::kInvalid, "not a host name or an IP address: \"" + address.host + "\"");
  return address;
}

Result<TargetUrl> ParseTargetUrl(std::string_view text) {
  TargetUrl url;
  url.tls = text.starts_with("https://");
  if (!url.tls && !text.starts_with("http://"))
    return Fail(ErrorCode::kInvalid, "a URL begins with http:// or https://");
  std::string_view authority = text.substr(url.tls ? 8 : 7);
  if (authority.ends_with('/')) authority.remove_suffix(1);
  if (authority.find_first_of("/?#") != std::string_view::npos) {
    return Fail(ErrorCode::kInvalid, "an upstream's URL has no path: write it as rewrite: { path: ... }");
  }
  if (authority.find('@') != std::string_view::npos) return Fail(ErrorCode::kInvalid, "an upstream's URL has no user");
  size_t bracket = authority.rfind(']');
  bool has_port = authority.find(':', bracket == std::string_view::npos ? 0 : bracket) != std::string_view::npos;
  std::string with_port(authority);
  if (!has_port) with_port += url.tls ? ":443" : ":80";
  if (authority.empty() || authority.starts_with(':')) return Fail(ErrorCode::kInvalid, "the URL names no host");
  Result<Address> address = ParseAddress(with_port, "/");
  if (!address) return std::unexpected(address.error());
  if (address->port == 0) return Fail(ErrorCode::kInvalid, "not a port: \"0\"");
  url.address = std::move(*address);
  return url;
}

std::string CheckCidr(std::string_view text) {
  size_t slash = text.find('/');
  int version = IpVersion(text.substr(0, slash));
  if (version == 0) return "not an IP address or a network such as 10.0.0.0/8";
  if (slash == std::string_view::npos) return "";
  auto bits = ParseDecimal<uint32_t>(text.substr(slash + 1));
  uint32_t most = version == 4 ? 32 : 128;
  if (!bits || *bits > most) return fmt::format("an IPv{} network's prefix has 0 to {} bits", version, most);
  return "";
}

std::string CheckMatchHost(std::string_view text) {
  if (IpVersion(text) != 0) return "";
  if (text.starts_with('[')) return "an IPv6 address stands here without brackets and port";
  if (text.find(':') != std::string_view::npos) return "a host is matched without its port";
  std::string_view name = text.starts_with("*.") ? text.substr(2) : text;
  if (name.find('*') != std::string_view::npos) return "a wildcard is the whole first label: *.example.com";
  for (char c : name) {
    if (static_cast<unsigned char>(c) >= 0x80) return "a host is written in ASCII (punycode: xn--...)";
  }
  return IsHostName(name) ? "" : "not a host name";
}

bool IsToken(std::string_view text) {
  for (char c : text) {
    if (!IsAlpha(c) && !IsDigit(c) && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos)
      return false;
  }
  return !text.empty();
}

bool IsFieldValue(std::string_view text) {
  for (char c : text) {
    unsigned char byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) return false;
  }
  return true;
}

bool IsIdentifier(std::string_view text) {
  for (char c : text) {
    if (!IsAlpha(c) && !IsDigit(c) && c != '_') return false;
  }
  return !text.empty() && !IsDigit(text[0]);
}

bool IsName(std::string_view text) {
  if (text.empty() || text.size() > 255) return false;
  for (char c : text) {
    if (!IsAlpha(c) && !IsDigit(c) && std::string_view("_-./:@").find(c) == std::string_view::npos) return false;
  }
  return IsAlpha(text[0]) || IsDigit(text[0]) || text[0] == '_';
}

bool IsHostName(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    size_t dot = text.find('.');
    std::string_view label = text.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.starts_with('-') || label.ends_with('-')) return false;
    for (char c : label) {
      if (!IsAlpha(c) && !IsDigit(c) && c != '-' && c != '_') return false;
    }
    // A name whose last label is a number would be read as an IPv4 address.
    if (dot == std::string_view::npos) return !ParseDecimal(label);
    text.remove_prefix(dot + 1);
  }
}

}  // namespace mg::config
