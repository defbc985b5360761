#include "http/message.h"

#include <array>
#include <cstring>

namespace mg::http {
namespace {

constexpr size_t kHeaderCount = static_cast<size_t>(HeaderId::kCount);
constexpr size_t kLongestName = 19;

// Canonical spellings in the order of HeaderId.
constexpr std::array<std::string_view, kHeaderCount> kHeaderNames = {
    "",
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Forwarded",
    "Host",
    "If-Modified-Since",
    "If-None-Match",
    "Keep-Alive",
    "Location",
    "Origin",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Referer",
    "Server",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Request-ID",
};

// A perfect hash over the length, the first and the two last characters. Its multiplier is searched for at compile
// time.
constexpr int kSlotBits = 8;

constexpr uint32_t HashName(std::string_view name, uint32_t multiplier) {
  auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(name[i]) | 0x20); };
  size_t n = name.size();
  uint32_t key = static_cast<uint32_t>(n) | at(0) << 8 | at(n - 1) << 16 | at(n - 2) << 24;
  return (key * multiplier) >> (32 - kSlotBits);
}

consteval uint32_t FindMultiplier() {
  for (uint32_t multiplier = 0x9E3779B1;; multiplier += 2) {
    std::array<bool, 1 << kSlotBits> taken{};
    bool good = true;
    for (size_t i = 1; i < kHeaderCount && good; i++) {
      bool& slot = taken[HashName(kHeaderNames[i], multiplier)];
      good = !slot;
      slot = true;
    }
    if (good) return multiplier;
  }
}

struct KnownName {
  // `mask` has the bit of case where there is a letter: (byte | mask) == lower holds for exactly the two cases of it.
  std::array<char, 24> lower{};
  std::array<char, 24> mask{};
  uint8_t size = 0;
};

struct HeaderTable {
  uint32_t multiplier = 0;
  std::array<uint8_t, 1 << kSlotBits> slots{};
  std::array<KnownName, kHeaderCount> names{};
};

consteval HeaderTable MakeHeaderTable() {
  HeaderTable table;
  table.multiplier = FindMultiplier();
  for (size_t i = 1; i < kHeaderCount; i++) {
    std::string_view name = kHeaderNames[i];
    KnownName& known = table.names[i];
    if (name.size() > kLongestName || name.size() < 2) throw "a name that IdentifyHeader cannot compare";
    known.size = static_cast<uint8_t>(name.size());
    for (size_t k = 0; k < name.size(); k++) {
      known.lower[k] = ToLower(name[k]);
      known.mask[k] = IsAlpha(name[k]) ? 0x20 : 0;
    }
    table.slots[HashName(name, table.multiplier)] = static_cast<uint8_t>(i);
  }
  return table;
}

constexpr HeaderTable kTable = MakeHeaderTable();

template <class Word>
bool SameWord(const char* name, const KnownName& known, size_t offset) {
  Word text, lower, mask;
  std::memcpy(&text, name + offset, sizeof(Word));
  std::memcpy(&lower, known.lower.data() + offset, sizeof(Word));
  std::memcpy(&mask, known.mask.data() + offset, sizeof(Word));
  return static_cast<Word>(text | mask) == lower;
}

// Overlapping words instead of single bytes; `name` has known.size bytes.
bool SameName(const char* name, const KnownName& known) {
  size_t n = known.size;
  if (n >= 8) {
    return SameWord<uint64_t>(name, known, 0) && SameWord<uint64_t>(name, known, n - 8) &&
           (n <= 16 || SameWord<uint64_t>(name, known, 8));
  }
  if (n >= 4) return SameWord<uint32_t>(name, known, 0) && SameWord<uint32_t>(name, known, n - 4);
  return SameWord<uint16_t>(name, known, 0) && SameWord<uint16_t>(name, known, n - 2);
}

constexpr std::array<std::string_view, 10> kMethodNames = {"GET",     "HEAD",  "POST",    "PUT",   "DELETE",
                                                           "OPTIONS", "PATCH", "CONNECT", "TRACE", ""};

}  // namespace

Method ParseMethod(std::string_view text) {
  auto is = [&](Method method) { return text == kMethodNames[static_cast<size_t>(method)] ? method : Method::kOther; };
  switch (text.size()) {
    case 3: return text[0] == 'G' ? is(Method::kGet) : is(Method::kPut);
    case 4: return text[0] == 'H' ? is(Method::kHead) : is(Method::kPost);
    case 5: return text[0] == 'P' ? is(Method::kPatch) : is(Method::kTrace);
    case 6: return is(Method::kDelete);
    case 7: return text[0] == 'O' ? is(Method::kOptions) : is(Method::kConnect);
    default: return Method::kOther;
  }
}

std::string_view MethodName(Method method) {
  size_t index = static_cast<size_t>(method);
  return index < kMethodNames.size() ? kMethodNames[index] : std::string_view();
}

HeaderId IdentifyHeader(std::string_view name) {
  if (name.size() < 2 || name.size() > kLongestName) return HeaderId::kOther;
  uint8_t index = kTable.slots[HashName(name, kTable.multiplier)];
  const KnownName& known = kTable.names[index];
  if (known.size != name.size() || !SameName(name.data(), known)) return HeaderId::kOther;
  return static_cast<HeaderId>(index);
}

std::string_view HeaderName(HeaderId id) {
  size_t index = static_cast<size_t>(id);
  return index < kHeaderCount ? kHeaderNames[index] : std::string_view();
}

void HeaderList::Reserve(Arena& arena, size_t count) {
  if (count <= capacity_) return;
  Header* items = static_cast<Header*>(arena.Allocate(count * sizeof(Header), alignof(Header)));
  for (size_t i = 0; i < size_; i++) new (items + i) Header(items_[i]);
  items_ = items;
  capacity_ = static_cast<uint32_t>(count);
}

const Header* HeaderList::Find(std::string_view name) const {
  HeaderId id = IdentifyHeader(name);
  if (id != HeaderId::kOther) return Find(id);
  for (const Header& h : *this) {
    if (h.id == HeaderId::kOther && h.name.size() == name.size() && EqualsIgnoreCase(h.name, name)) return &h;
  }
  return nullptr;
}

void HeaderList::Set(Arena& arena, std::string_view name, std::string_view value) {
  const Header* first = Find(name);
  if (first == nullptr) return Append(arena, name, value);
  Header replacement{name, value, first->id};
  size_t index = static_cast<size_t>(first - items_);
  size_t at = 0;
  RemoveIf([&](const Header& h) {
    return at++ > index && h.id == replacement.id && (h.id != HeaderId::kOther || EqualsIgnoreCase(h.name, name));
  });
  items_[index] = replacement;
}

void HeaderList::Set(Arena& arena, HeaderId id, std::string_view value) { Set(arena, HeaderName(id), value); }

size_t HeaderList::Remove(std::string_view name) {
  HeaderId id = IdentifyHeader(name);
  if (id != HeaderId::kOther) return Remove(id);
  return RemoveIf([&](const Header& h) { return h.id == HeaderId::kOther && EqualsIgnoreCase(h.name, name); });
}

size_t HeaderList::Remove(HeaderId id) {
  if (id == HeaderId::kOther) return 0;
  return RemoveIf([&](const Header& h) { return h.id == id; });
}

// The registry of https://www.iana.org/assignments/http-status-codes, which names 413 and 422 as RFC 9110 does.
std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 102: return "Processing";
    case 103: return "Early Hints";
    case 104: return "Upload Resumption Supported";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 208: return "Already Reported";
    case 226: return "IM Used";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 305: return "Use Proxy";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 506: return "Variant Also Negotiates";
    case 507: return "Insufficient Storage";
    case 508: return "Loop Detected";
    case 510: return "Not Extended";
    case 511: return "Network Authentication Required";
    default: return {};
  }
}

}  // namespace mg::http
