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
    unix_ = unix_ || text == "unix:";
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
  if (ip == "unix:") return unix_;
  if (networks_.empty()) return false;
  std::string bytes = AddressBytes(ip);
  for (const Network& network : networks_) {
    if (network.bytes.size() == bytes.size() && SamePrefix(network.bytes, bytes, network.prefix)) return true;
  }
  return false;
}

std::string_view NodeAddress(std::string_view node) {
  std::string_view ip = node, port;
  if (node.starts_with('[')) {
    size_t close = node.find(']');
    if (close == std::string_view::npos) return {};
    ip = node.substr(1, close - 1);
    port = node.substr(close + 1);
    if (ip.find(':') == std::string_view::npos) return {};
  } else if (size_t colon = node.find(':'); colon != std::string_view::npos && colon == node.rfind(':')) {
    ip = node.substr(0, colon);
    port = node.substr(colon);
  }
  if (!port.empty() && (port.front() != ':' || !ParseDecimal<uint16_t>(port.substr(1)))) return {};
  return TrustedProxies::IsAddress(ip) ? ip : std::string_view();
}

namespace {

bool IsTokenByte(char c) {
  return IsAlpha(c) || IsDigit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Takes a token off the front; "" when there is none.
std::string_view TakeToken(std::string_view& text) {
  size_t size = 0;
  while (size < text.size() && IsTokenByte(text[size])) size++;
  std::string_view token = text.substr(0, size);
  text.remove_prefix(size);
  return token;
}

// Takes a token or a quoted string. Some write addresses without the quotes they need: colons and brackets are let
// pass.
bool TakeValue(std::string_view& text, std::string_view& value) {
  if (!text.starts_with('"')) {
    size_t size = 0;
    while (size < text.size() &&
           (IsTokenByte(text[size]) || std::string_view(":[]").find(text[size]) != std::string_view::npos))
      size++;
    value = text.substr(0, size);
    text.remove_prefix(size);
    return size > 0;
  }
  size_t at = 1;
  bool escaped = false;
  for (; at < text.size() && text[at] != '"'; at++) {
    if (text[at] != '\\') continue;
    escaped = true;
    at++;
  }
  if (at >= text.size()) return false;
  value = escaped ? std::string_view() : text.substr(1, at - 1);  // no address needs an escape
  text.remove_prefix(at + 1);
  return true;
}

void SkipSpace(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

// Walks the nodes from the nearest on. True: the walk is over, `client` is who it is.
class Walk {
 public:
  Walk(const TrustedProxies& trusted, std::string_view peer) : trusted_(trusted), client_(peer) {}
  // False: it ends here.
  bool Step(std::string_view node) {
    std::string_view address = NodeAddress(Trim(node));
    if (address.empty()) return false;  // what a proxy of ours did not write tells nothing
    client_ = address;
    return trusted_.Contains(address);
  }
  // An X-Forwarded-For field, from its end.
  bool Field(std::string_view list) {
    for (;;) {
      size_t comma = list.rfind(',');
      if (!Step(comma == std::string_view::npos ? list : list.substr(comma + 1))) return false;
      if (comma == std::string_view::npos) return true;
      list = list.substr(0, comma);
    }
  }
  std::string_view client() const { return client_; }

 private:
  const TrustedProxies& trusted_;
  std::string_view client_;
};

}  // namespace

bool ForwardedNodes(std::string_view field, std::vector<std::string_view>& nodes) {
  std::string_view node;
  bool named = false, empty = true;  // of the element
  for (;;) {
    SkipSpace(field);
    std::string_view name = TakeToken(field), value;
    if (!name.empty()) {
      empty = false;
      if (!field.starts_with('=')) return false;
      field.remove_prefix(1);
      if (!TakeValue(field, value)) return false;
      if (EqualsIgnoreCase(name, "for")) {
        if (named) return false;  // once an element (RFC 7239 4)
        named = true;
        node = value;
      }
      SkipSpace(field);
    }
    if (!field.empty() && field.front() != ';' && field.front() != ',') return false;
    if (field.empty() || field.front() == ',') {
      if (!empty) nodes.push_back(node);
      node = {};
      named = false;
      empty = true;
    }
    if (field.empty()) return true;
    field.remove_prefix(1);
  }
}

std::string_view ClientBehind(const TrustedProxies& trusted, const http::HeaderList& headers, std::string_view peer) {
  if (trusted.empty() || !trusted.Contains(peer)) return peer;
  Walk walk(trusted, peer);
  bool listed = false;
  // A proxy may add a field of its own: the last field is the nearest.
  for (const http::Header* header = headers.end(); header != headers.begin();) {
    header--;
    if (header->id != http::HeaderId::kXForwardedFor) continue;
    listed = true;
    if (!walk.Field(header->value)) return walk.client();
  }
  if (listed || headers.Find(http::HeaderId::kForwarded) == nullptr) return walk.client();
  std::vector<std::string_view> nodes;
  for (const http::Header& header : headers) {
    if (header.id == http::HeaderId::kForwarded && !ForwardedNodes(header.value, nodes)) return peer;
  }
  for (size_t i = nodes.size(); i > 0 && walk.Step(nodes[i - 1]); i--) {
  }
  return walk.client();
}

}  // namespace mg::proxy
