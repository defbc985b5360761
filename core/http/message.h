// HTTP messages as the gateway holds them: views into an arena that lives as long as the exchange, with names in the
// case they came in. Shared by both sides and all protocol versions (RFC 9110). One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/strings.h"

namespace mg::http {

enum class Method : uint8_t { kGet, kHead, kPost, kPut, kDelete, kOptions, kPatch, kConnect, kTrace, kOther };

// "GET" -> kGet; methods are case-sensitive (RFC 9110 9.1).
Method ParseMethod(std::string_view text);
std::string_view MethodName(Method method);  // "" for kOther
constexpr bool IsIdempotent(Method m) {      // RFC 9110 9.2.2
  return m != Method::kPost && m != Method::kPatch && m != Method::kConnect && m != Method::kOther;
}

// Fields the gateway itself reads or writes; the rest is kOther. The order is alphabetical and free.
enum class HeaderId : uint8_t {
  kOther,
  kAccept,
  kAcceptEncoding,
  kAuthorization,
  kCacheControl,
  kConnection,
  kContentEncoding,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kForwarded,
  kHost,
  kIfModifiedSince,
  kIfNoneMatch,
  kKeepAlive,
  kLocation,
  kOrigin,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kReferer,
  kServer,
  kSetCookie,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedPort,
  kXForwardedProto,
  kXRequestId,
  kCount,
};

HeaderId IdentifyHeader(std::string_view name);  // in any case; constant time
std::string_view HeaderName(HeaderId id);        // canonical spelling, "" for kOther

struct Header {
  std::string_view name;
  std::string_view value;  // without white space around it
  HeaderId id = HeaderId::kOther;
};

// Fields in the order they came. Removal keeps the order; storage is the arena's.
class HeaderList {
 public:
  HeaderList() = default;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Header* begin() { return items_; }
  Header* end() { return items_ + size_; }
  const Header* begin() const { return items_; }
  const Header* end() const { return items_ + size_; }
  void Clear() { size_ = 0; }
  // Room for that many fields in all, so that as many Appends copy nothing.
  void Reserve(Arena& arena, size_t count);

  // The views must outlive the list (copy them into the arena first where they would not).
  void Append(Arena& arena, std::string_view name, std::string_view value) {
    Append(arena, Header{name, value, IdentifyHeader(name)});
  }
  void Append(Arena& arena, Header header) {
    if (size_ == capacity_) Grow(arena);
    items_[size_++] = header;
  }
  // An empty field at the end, to be filled in where it stands.
  Header& AppendEmpty(Arena& arena) {
    if (size_ == capacity_) Grow(arena);
    return *new (items_ + size_++) Header;
  }
  void Append(Arena& arena, HeaderId id, std::string_view value) { Append(arena, Header{HeaderName(id), value, id}); }

  // Replaces the first field of that name and removes the others, or appends.
  void Set(Arena& arena, std::string_view name, std::string_view value);
  void Set(Arena& arena, HeaderId id, std::string_view value);

  // How many were removed.
  size_t Remove(std::string_view name);
  size_t Remove(HeaderId id);
  template <class Predicate>
  size_t RemoveIf(Predicate&& predicate) {
    size_t kept = 0;
    for (size_t i = 0; i < size_; i++) {
      if (!predicate(static_cast<const Header&>(items_[i]))) {
        if (kept != i) items_[kept] = items_[i];
        kept++;
      }
    }
    size_t removed = size_ - kept;
    size_ = static_cast<uint32_t>(kept);
    return removed;
  }

  // The first of that name, or null.
  const Header* Find(std::string_view name) const;
  const Header* Find(HeaderId id) const {
    for (const Header& h : *this) {
      if (h.id == id) return &h;
    }
    return nullptr;
  }
  std::string_view Get(HeaderId id) const {
    const Header* h = Find(id);
    return h != nullptr ? h->value : std::string_view();
  }
  std::string_view Get(std::string_view name) const {
    const Header* h = Find(name);
    return h != nullptr ? h->value : std::string_view();
  }

 private:
  void Grow(Arena& arena) { Reserve(arena, capacity_ == 0 ? 16 : size_t{capacity_} * 2); }

  Header* items_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

// How a body is delimited on the wire (RFC 9112 6.3).
enum class BodyFraming : uint8_t { kNone, kLength, kChunked, kUntilClose };

struct RequestHead {
  Method method = Method::kGet;
  std::string_view method_text;
  std::string_view target;     // as received: "/a/../b?x=1", "http://h/p", "*"
  std::string_view authority;  // host[:port] that counts: the absolute-form's, else Host's; "" only in HTTP/1.0
  std::string_view path;       // normalised by http/url.h; "*" for OPTIONS *
  std::string_view query;      // without "?"; as received
  bool has_query = false;      // tells "/a?" from "/a"
  uint8_t major = 1, minor = 1;
  BodyFraming framing = BodyFraming::kNone;
  bool keep_alive = true;
  bool expect_continue = false;
  bool upgrade = false;         // Connection: upgrade with an Upgrade field, HTTP/1.1
  uint64_t content_length = 0;  // for kLength
  HeaderList headers;
};

struct ResponseHead {
  uint16_t status = 200;
  std::string_view reason;  // "" stands for the status' standard phrase
  uint8_t minor = 1;
  BodyFraming framing = BodyFraming::kNone;
  bool keep_alive = true;
  uint64_t content_length = 0;
  HeaderList headers;
};

// "Not Found"; "" for a status without a registered phrase.
std::string_view ReasonPhrase(int status);

// Whether a response of that status to that method has a body at all (RFC 9110 6.4.1).
constexpr bool ResponseHasBody(Method method, int status) {
  return method != Method::kHead && status >= 200 && status != 204 && status != 304;
}

}  // namespace mg::http
