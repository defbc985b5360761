#include "proxy/trust.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/strings.h"

namespace mg::proxy {

namespace {

std::string AddressBytes(std::string_view ip) {
  std::string text(ip);
  char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return std::string(bytes, 4);
  if (inet_pton(AF_INET6, text.c_str(), bytes) != 1) return {};
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);  // ::ffff:1.2.3.4 is 1.2.3.4
  std::string_view whole(bytes, 16);
  return std::string(whole.starts_with(kMapped) ? whole.substr(12) : whole);
}

bool SamePrefix(const std::string& a, const std::string& b, int bits) {
  for (int i = 0; i < bits; i++) {
    int shift = 7 - i % 8;
    if (((a[i / 8] ^ b[i / 8]) >> shift & 1) != 0) return false;
  }
  return true;
}

}  // namespace

TrustedProxies::TrustedProxies(const std::vector<std::string>& networks) {
  for (const std::string& text : networks) {
    size_t slash = text.find('/');
    std::string bytes = AddressBytes(std::string_view(text).substr(0, slash));
    if (bytes.empty()) continue;
    int prefix = static_cast<int>(bytes.size()) * 8;
    if (slash != std::string::npos) {
      int given = ParseDecimal<int>(std::string_view(text).substr(slash + 1)).value_or(prefix);
      bool mapped = bytes.size() == 4 && text.find(':') != std::string::npos;
      prefix = std::clamp(mapped ? given - 96 : given, 0, prefix);
    }
    networks_.push_back({bytes, prefix});
  }
}

bool TrustedProxies::IsAddress(std::string_view ip) { return !AddressBytes(ip).empty(); }

bool TrustedProxies::Contains(std::string_view ip) const {
  if (networks_.empty()) return false;
  std::string bytes = AddressBytes(ip);
  for (const Network& network : networks_) {
    if (network.bytes.size() == bytes.size() && SamePrefix(network.bytes, bytes, network.prefix)) return true;
  }
  return false;
}

}  // namespace mg::proxy
