// The peers whose X-Forwarded-For, Forwarded and PROXY headers count. Immutable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace mg::proxy {

class TrustedProxies {
 public:
  TrustedProxies() = default;
  // Networks in CIDR notation, or single addresses; what does not parse was refused by the configuration.
  explicit TrustedProxies(const std::vector<std::string>& networks);

  bool empty() const { return networks_.empty() && !unix_; }
  // `ip` as text: "10.1.2.3", "::1", or "unix:", which is the peer of a unix socket.
  bool Contains(std::string_view ip) const;
  static bool IsAddress(std::string_view text);

 private:
  struct Network {
    std::string bytes;  // 4 or 16, network order
    int prefix;
  };
  std::vector<Network> networks_;
  bool unix_ = false;
};

// The IP address in a node of X-Forwarded-For or of Forwarded's `for`: "192.0.2.1", "192.0.2.1:80", "[::1]",
// "[::1]:80",
// "::1". Empty: it is none ("unknown", "_hidden").
std::string_view NodeAddress(std::string_view node);

// The nodes that the `for` parameters of a Forwarded field name (RFC 7239), the nearest last, without their quotes;
// appended to `nodes`, one an element ("" where it names none). False: malformed.
bool ForwardedNodes(std::string_view field, std::vector<std::string_view>& nodes);

// Who the client is: the peer, or, behind trusted proxies, the last address of X-Forwarded-For that is none of theirs;
// of Forwarded, where there is no X-Forwarded-For.
std::string_view ClientBehind(const TrustedProxies& trusted, const http::HeaderList& headers, std::string_view peer);

}  // namespace mg::proxy
