#include "http/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/strings.h"
#include "config/config.h"

namespace mg::http {
namespace {

// What a byte may be (RFC 3986 2.2, 2.3, 3.3).
enum ByteClass : uint8_t {
  kUnreserved = 1,
  kPathByte = 2,  // unreserved, sub-delims, ":" and "@": stands in a segment
  kPathFix = 4,   // browsers send it bare in a path, where it must be encoded: "[", "]", "^", "|"
  kHostByte = 8,  // of a registered name
};

constexpr std::array<uint8_t, 256> kClass = [] {
  std::array<uint8_t, 256> table{};
  auto add = [&](std::string_view bytes, uint8_t flags) {
    for (char c : bytes) table[static_cast<size_t>(c)] |= flags;
  };
  add("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", kUnreserved | kPathByte | kHostByte);
  add("!$&'()*+,;=:@", kPathByte);
  add("[]^|", kPathFix);
  return table;
}();

constexpr bool Is(char c, uint8_t flags) { return (kClass[static_cast<uint8_t>(c)] & flags) != 0; }

// The byte that "%XX" at the front of `text` stands for; -1: it is none.
int DecodeTriplet(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  int high = HexDigit(text[1]), low = HexDigit(text[2]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

constexpr char kUpperHex[] = "0123456789ABCDEF";

char* PutTriplet(char* to, uint8_t byte) {
  *to++ = '%';
  *to++ = kUpperHex[byte >> 4];
  *to++ = kUpperHex[byte & 15];
  return to;
}

constexpr bool IsSlash(int byte) { return byte == '/' || byte == '\\'; }

// Whether a segment, or the part of one before or behind an encoded slash, leads elsewhere for those who cut parameters
// (";x") off.
bool IsDotted(std::string_view part) {
  part = part.substr(0, part.find(';'));
  return part == "." || part == "..";
}

// Whether the path at `at` has an encoding that stays as it is: of a reserved byte other than a slash, with upper-case
// digits.
bool IsNormalTriplet(std::string_view path, size_t at) {
  int byte = DecodeTriplet(path.substr(at));
  return byte > 0 && !Is(static_cast<char>(byte), kUnreserved) && !IsSlash(byte) && path[at + 1] < 'a' &&
         path[at + 2] < 'a';
}

// Whether the path needs no rewriting: no byte or encoding that would, no "//", no segment that is "." or "..".
bool IsNormalPath(std::string_view path) {
  size_t segment = 1;  // where the current one begins
  for (size_t at = 1; at <= path.size(); at++) {
    if (at < path.size() && Is(path[at], kPathByte)) continue;
    if (at < path.size() && path[at] == '%' && IsNormalTriplet(path, at)) continue;
    if (at < path.size() && path[at] != '/') return false;
    size_t size = at - segment;
    if (size == 0 && at < path.size()) return false;
    if (size > 0 && path[segment] == '.' && IsDotted(path.substr(segment, size))) return false;
    segment = at + 1;
  }
  return true;
}

// Writes a normalised path segment by segment (RFC 3986 5.2.4).
class PathWriter {
 public:
  explicit PathWriter(char* to) : begin_(to), at_(to) {
    *at_++ = '/';
    segment_ = part_ = at_;
  }

  void Plain(char c) { *at_++ = c; }
  void Encoded(uint8_t byte) { at_ = PutTriplet(at_, byte); }

  // A slash that stays encoded. False: what it ends is a dot segment to those who decode it.
  bool EncodedSlash(uint8_t byte) {
    if (IsDotted(Part())) return false;
    Encoded(byte);
    part_ = at_;
    return true;
  }

  // Ends a segment; `slash`: one follows. False: ".." past the root, or a dot segment to others.
  bool EndSegment(bool slash) {
    std::string_view segment(segment_, static_cast<size_t>(at_ - segment_));
    if (IsDotted(Part()) && segment != "." && segment != "..") return false;
    if (segment == ".") {
      at_ = segment_;
    } else if (segment == "..") {
      if (segment_ == begin_ + 1) return false;
      at_ = segment_ - 1;
      while (at_[-1] != '/') at_--;
    } else if (slash && !segment.empty()) {
      *at_++ = '/';
    }
    segment_ = part_ = at_;
    return true;
  }

  std::string_view text() const { return {begin_, static_cast<size_t>(at_ - begin_)}; }

 private:
  std::string_view Part() const { return {part_, static_cast<size_t>(at_ - part_)}; }

  char* begin_;
  char* at_;
  char* segment_;  // where the current one begins
  char* part_;     // of the segment: what is behind the last encoded slash
};

std::string Encode(std::string_view text, uint8_t bare, char also) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (char c : text) {
    if (Is(c, bare) || (c == also && also != '\0')) {
      out.push_back(c);
    } else {
      char triplet[3];
      PutTriplet(triplet, static_cast<uint8_t>(c));
      out.append(triplet, 3);
    }
  }
  return out;
}

// Removes from `text` what comes before the separator, which goes too, and returns it.
std::string_view TakePart(std::string_view& text, char separator) {
  size_t end = text.find(separator);
  std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? text.substr(text.size()) : text.substr(end + 1);
  return part;
}

bool IsIpv6(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof(copy) || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  in6_addr address;
  return inet_pton(AF_INET6, copy, &address) == 1;
}

bool IsRegisteredName(std::string_view host) {
  if (host.empty() || host.size() > 255 || host[0] == '.' || host.find("..") != std::string_view::npos) return false;
  return std::all_of(host.begin(), host.end(), [](char c) { return Is(c, kHostByte); });
}

std::unexpected<Error> BadUrl(std::string_view why) {
  return Fail(ErrorCode::kInvalid, "invalid URL: " + std::string(why));
}

}  // namespace

std::optional<std::string_view> NormalisePath(std::string_view path, Arena& arena) {
  return NormalisePath(path, arena, config::EncodedSlashes::kKeep);
}

std::optional<std::string_view> NormalisePath(std::string_view path, Arena& arena, config::EncodedSlashes slashes) {
  if (path.empty() || path[0] != '/') return std::nullopt;
  if (IsNormalPath(path)) return path;

  PathWriter out(static_cast<char*>(arena.Allocate(path.size() * 3, 1)));
  for (size_t at = 1; at < path.size(); at++) {
    char c = path[at];
    if (c == '/') {
      if (!out.EndSegment(true)) return std::nullopt;
    } else if (c == '%') {
      int byte = DecodeTriplet(path.substr(at));
      if (byte <= 0) return std::nullopt;
      if (Is(static_cast<char>(byte), kUnreserved)) {
        out.Plain(static_cast<char>(byte));
      } else if (!IsSlash(byte)) {
        out.Encoded(static_cast<uint8_t>(byte));
      } else if (slashes == config::EncodedSlashes::kRefuse) {
        return std::nullopt;
      } else if (byte == '/' && slashes == config::EncodedSlashes::kDecode) {
        if (!out.EndSegment(true)) return std::nullopt;
      } else if (!out.EncodedSlash(static_cast<uint8_t>(byte))) {
        return std::nullopt;
      }
      at += 2;
    } else if (Is(c, kPathByte)) {
      out.Plain(c);
    } else if (Is(c, kPathFix)) {
      out.Encoded(static_cast<uint8_t>(c));
    } else {
      return std::nullopt;
    }
  }
  if (!out.EndSegment(false)) return std::nullopt;
  return out.text();
}

bool IsValidQuery(std::string_view query) {
  for (size_t at = query.find('%'); at != std::string_view::npos; at = query.find('%', at + 3)) {
    if (DecodeTriplet(query.substr(at)) <= 0) return false;
  }
  return true;
}

std::optional<std::string_view> DecodeComponent(std::string_view text, Arena& arena) {
  size_t at = text.find('%');
  if (at == std::string_view::npos) return text;
  char* begin = static_cast<char*>(arena.Allocate(text.size(), 1));
  char* to = begin;
  for (at = 0; at < text.size(); at++) {
    char c = text[at];
    if (c == '%') {
      int byte = DecodeTriplet(text.substr(at));
      if (byte < 0) return std::nullopt;
      c = static_cast<char>(byte);
      at += 2;
    }
    *to++ = c;
  }
  return std::string_view(begin, static_cast<size_t>(to - begin));
}

std::string DecodeLenient(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size(); at++) {
    int byte = DecodeTriplet(text.substr(at));
    if (byte >= 0) {
      out.push_back(static_cast<char>(byte));
      at += 2;
    } else {
      out.push_back(text[at] == '+' && plus == Plus::kSpace ? ' ' : text[at]);
    }
  }
  return out;
}

std::string EncodeComponent(std::string_view text) { return Encode(text, kUnreserved, '\0'); }
std::string EncodePath(std::string_view text) { return Encode(text, kPathByte, '/'); }

bool QueryTextIs(std::string_view encoded, std::string_view plain) {
  size_t at = 0;
  for (char wanted : plain) {
    if (at >= encoded.size()) return false;
    int byte = DecodeTriplet(encoded.substr(at));
    char c = byte >= 0 ? static_cast<char>(byte) : encoded[at] == '+' ? ' ' : encoded[at];
    if (c != wanted) return false;
    at += byte >= 0 ? 3 : 1;
  }
  return at == encoded.size();
}

std::optional<std::string_view> QueryArgument(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    std::string_view value = TakePart(query, '&');
    if (value.empty()) continue;
    std::string_view key = TakePart(value, '=');
    if (QueryTextIs(key, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> CookieValue(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    std::string_view pair = TakePart(cookies, ';');
    size_t equals = pair.find('=');
    if (equals != std::string_view::npos && Trim(pair.substr(0, equals)) == name) return Trim(pair.substr(equals + 1));
  }
  return std::nullopt;
}

std::optional<Authority> ParseAuthority(std::string_view text) {
  Authority out;
  std::string_view rest;
  if (text.starts_with('[')) {
    size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, close - 1);
    out.is_ipv6 = true;
    rest = text.substr(close + 1);
    if (!IsIpv6(out.host)) return std::nullopt;
  } else {
    size_t colon = std::min(text.find(':'), text.size());
    out.host = text.substr(0, colon);
    rest = text.substr(colon);
    if (!IsRegisteredName(out.host)) return std::nullopt;
  }
  if (rest.empty()) return out;
  if (rest[0] != ':' || rest.size() < 2 || rest[1] == '0') return std::nullopt;
  std::optional<uint16_t> port = ParseDecimal<uint16_t>(rest.substr(1));
  if (!port) return std::nullopt;
  out.port = *port;
  return out;
}

Result<Url> ParseUrl(std::string_view text) {
  Url out;
  std::string_view rest;
  if (text.size() >= 7 && EqualsIgnoreCase(text.substr(0, 7), "http://")) {
    rest = text.substr(7);
  } else if (text.size() >= 8 && EqualsIgnoreCase(text.substr(0, 8), "https://")) {
    out.tls = true;
    rest = text.substr(8);
  } else {
    return BadUrl("it must begin with http:// or https://");
  }
  size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  out.authority = rest.substr(0, end);
  std::optional<Authority> authority = ParseAuthority(out.authority);
  if (!authority) return BadUrl("its host or port is malformed (user information is not allowed)");
  out.host = authority->host;
  out.port = authority->port != 0 ? authority->port : out.tls ? 443 : 80;

  rest.remove_prefix(end);
  if (rest.empty()) rest = "/";
  if (rest[0] != '/') return BadUrl("a query or a fragment must follow a path");
  for (size_t at = 0; at < rest.size(); at++) {
    if (rest[at] < 0x21 || rest[at] > 0x7E) return BadUrl("it has a byte that must be percent-encoded");
    if (rest[at] == '#') return BadUrl("it has a fragment");
    if (rest[at] == '%' && DecodeTriplet(rest.substr(at)) < 0) return BadUrl("it has an invalid percent-encoding");
  }
  out.path_and_query = rest;
  return out;
}

}  // namespace mg::http
