// Matcher: which route answers a request. Built once per generation from the routes in the order of the file, then
// immutable: any thread may look up. Owner: the snapshot.
//
// Which one wins: priority (higher first), then host (exact, longest wildcard, none), then path, then the number of
// further conditions (more first), then file order. Among paths: exact; patterns with {name}, segment by segment, a
// literal before a parameter; "^~" longest first; regular expressions in file order (equal ones of one priority and
// host stand at the first one's place); "/p/*" deepest first, a literal before a parameter; no path at all. A candidate
// whose conditions fail gives way to the next, across hosts too.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace mg::route {

// A condition on a header field or a query argument. Query values are compared decoded, header values as they are; of
// several fields of one name any may fulfil it, of several arguments only the first counts.
struct Condition {
  enum Kind : uint8_t { kEquals, kPresent, kAbsent, kRegex } kind = kEquals;
  std::string name;
  std::string value;  // kEquals: the text; kRegex: the pattern
};

// What the configuration says about one route, as far as matching goes.
struct RouteSpec {
  std::string name;                  // for messages
  std::vector<std::string> hosts;    // "api.example.com", "*.example.org"; none or "*": every host
  std::string path;                  // see route/pattern.h; "": every path
  std::vector<std::string> methods;  // none: every method
  std::vector<Condition> headers;
  std::vector<Condition> query;
  int priority = 0;
  bool internal = false;  // answers only who asks with Access::kInternal
};

// What is wrong with which route.
struct RouteError {
  size_t route;         // its place in the list given to Build
  std::string key;      // below `match`: "path", "hosts[1]", "methods[0]", "headers.x-canary", "query.beta"
  std::string message;  // names the route
};

constexpr size_t kMaxParams = 16;

// A captured part of the path, still percent-encoded: {name}, "rest" of /*, and of a regular expression "1", "2", ...
// and its named groups.
struct Param {
  std::string_view name;   // the matcher's
  std::string_view value;  // of the request's path
};

enum class Access : uint8_t { kClient, kInternal };

struct Match {
  enum Kind : uint8_t {
    kRoute,
    kNone,              // 404
    kMethodNotAllowed,  // 405: only methods stood in the way; AllowText(allowed) is the Allow field
    kLimit,             // a regular expression gave up: no one can tell which route it is, so 500
  } kind = kNone;
  uint32_t route = 0;    // place in the list given to Build
  uint32_t params = 0;   // how many were captured
  uint32_t allowed = 0;  // a set of methods
};

struct Index;

class Matcher {
 public:
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;
  ~Matcher();

  // All errors there are, not only the first.
  static std::expected<Matcher, std::vector<RouteError>> Build(std::span<const RouteSpec> specs);

  // Reads the head's method, authority, path (normalised), query and fields. `params` gets what was captured, as far as
  // it has room; kMaxParams is enough. No allocation (but for an encoded query value that a regular expression reads).
  Match Find(const http::RequestHead& head, std::span<Param> params, Access access = Access::kClient) const;

  // "GET, HEAD": the value of Allow.
  std::string AllowText(uint32_t methods) const;

  // Lines of text: every candidate in the order of preference, which one wins, and why each other does not.
  std::string Explain(const http::RequestHead& head, Access access = Access::kClient) const;

  size_t size() const;
  // What a route captures, in the order of Find.
  std::span<const std::string> ParamNames(uint32_t route) const;
  size_t footprint() const;  // bytes, without the compiled regular expressions

 private:
  explicit Matcher(std::unique_ptr<const Index> index);
  std::unique_ptr<const Index> index_;
};

}  // namespace mg::route
