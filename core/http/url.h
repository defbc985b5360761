// URLs (RFC 3986): the one place where a path is normalised, before routing, and where queries and percent-encoding are
// read and written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"

namespace mg::config {
enum class EncodedSlashes : uint8_t;
}

namespace mg::http {

// Normalises an absolute path: "." and ".." segments removed, "//" merged, percent-encoded unreserved characters
// decoded, other percent-encodings with upper-case digits; encoded slashes (%2F) and other reserved characters stay
// encoded. nullopt: %00, an invalid percent-encoding, a byte that may not stand in a path, ".." past the root, or what
// others would read as a dot segment: "..;x", "..%2F".
// Returns `path` itself when it is normal already (the fast path: one scan, no copy).
std::optional<std::string_view> NormalisePath(std::string_view path, Arena& arena);
// The same; `slashes` tells what to do with %2F: keep it, take it for a slash, or refuse it (and %5C).
std::optional<std::string_view> NormalisePath(std::string_view path, Arena& arena, config::EncodedSlashes slashes);

// Whether each "%" begins a percent-encoding, of another byte than NUL.
bool IsValidQuery(std::string_view query);

// Percent-decoding. DecodeComponent refuses invalid encodings; DecodeLenient keeps them as they are (ngx.unescape_uri's
// way), and turns "+" into a space when asked.
std::optional<std::string_view> DecodeComponent(std::string_view text, Arena& arena);
enum class Plus : bool { kKeep, kSpace };
std::string DecodeLenient(std::string_view text, Plus plus);

// Encodes all but unreserved characters (component), or all but those that may stand in a path.
std::string EncodeComponent(std::string_view text);
std::string EncodePath(std::string_view text);

// The value of the first argument of that name (compared decoded) in a query string, as received (still encoded);
// nullopt: there is none.
std::optional<std::string_view> QueryArgument(std::string_view query, std::string_view name);

// Whether a name or value of a query string, decoded leniently and with "+" as a space, is `plain`. No allocation.
bool QueryTextIs(std::string_view encoded, std::string_view plain);

// The value of a cookie in a Cookie field; nullopt: there is none.
std::optional<std::string_view> CookieValue(std::string_view cookies, std::string_view name);

// host[:port] of a Host field or an authority, checked: registered names, IPv4, [IPv6], port 1..65535 digits.
struct Authority {
  std::string_view host;  // without brackets
  uint16_t port = 0;      // 0: none given
  bool is_ipv6 = false;
};
std::optional<Authority> ParseAuthority(std::string_view text);

// An absolute http or https URL, for fetches and configuration.
struct Url {
  bool tls = false;
  std::string_view authority;  // host[:port] as written
  std::string_view host;
  uint16_t port = 80;
  std::string_view path_and_query;  // "/" when empty
};
Result<Url> ParseUrl(std::string_view text);

}  // namespace mg::http
