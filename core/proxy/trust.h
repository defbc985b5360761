// The peers whose X-Forwarded-For, Forwarded and PROXY headers count. Immutable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mg::proxy {

class TrustedProxies {
 public:
  TrustedProxies() = default;
  // Networks in CIDR notation, or single addresses; what does not parse was refused by the configuration.
  explicit TrustedProxies(const std::vector<std::string>& networks);

  bool empty() const { return networks_.empty(); }
  // `ip` as text: "10.1.2.3", "::1".
  bool Contains(std::string_view ip) const;
  static bool IsAddress(std::string_view text);

 private:
  struct Network {
    std::string bytes;  // 4 or 16, network order
    int prefix;
  };
  std::vector<Network> networks_;
};

}  // namespace mg::proxy
