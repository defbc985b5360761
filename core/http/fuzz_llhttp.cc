// Against llhttp in its strict mode: what we accept, it must accept, and read the same out of the same bytes: start
// line, fields, body, trailers, how many messages, and where the connection ends. It may refuse more:
// - methods that it does not know
// - chunk extensions, which it reads by a grammar of its own: a name without a value, white space, quoted values
// It leaves to its user which responses have no body (HEAD, 1xx, 204, 304), so it is told.
// The first byte of the input says what the rest is: bit 0 a response, bit 1 to HEAD.
#include <llhttp.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "http/h1_parser.h"

using namespace mg;
using namespace mg::http;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Message {
  std::string start;  // "GET /x 1.1", "200 1.1"
  Fields fields, trailers;
  std::string body;
  bool operator==(const Message&) const = default;
};

std::string_view TrimOws(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Fields Copy(const HeaderList& headers) {
  Fields fields;
  for (const Header& header : headers) fields.emplace_back(header.name, header.value);
  return fields;
}

// --- ours

struct Ours {
  std::vector<Message> messages;
  size_t used = 0;           // bytes of whole messages
  bool until_close = false;  // the last one ends with the input
  bool comparable = true;
};

bool KnownToLlhttp(std::string_view method) {
#define MG_METHOD(number, name, text) #text,
  static constexpr std::string_view kMethods[] = {HTTP_METHOD_MAP(MG_METHOD)};
#undef MG_METHOD
  if (method == "CONNECT" || method == "SOURCE") return false;  // SOURCE: of another protocol, for it
  for (std::string_view known : kMethods) {
    if (method == known) return true;
  }
  return false;
}

// Whether a chunked body has an extension.
bool HasExtensions(std::string_view wire) {
  for (size_t at = 0;;) {
    std::string_view line = wire.substr(at, wire.find('\r', at) - at);
    if (line.find_first_of("; \t") != std::string_view::npos) return true;
    uint64_t size = std::strtoull(std::string(line).c_str(), nullptr, 16);
    if (size == 0) return false;
    at += line.size() + 2 + size + 2;
  }
}

// The body behind a head; false: it is malformed or not all there.
bool ReadBody(std::string_view rest, BodyFraming framing, uint64_t length, Arena& arena, Message& out, Ours& ours) {
  switch (framing) {
    case BodyFraming::kNone: return true;
    case BodyFraming::kLength:
      if (rest.size() < length) return false;
      out.body = rest.substr(0, length);
      ours.used += length;
      return true;
    case BodyFraming::kUntilClose:
      out.body = rest;
      ours.used += rest.size();
      ours.until_close = true;
      return true;
    case BodyFraming::kChunked: break;
  }
  ChunkDecoder decoder;
  for (size_t at = 0;;) {
    ChunkDecoder::Step step = decoder.Next(rest.substr(at));
    at += step.used;
    if (step.kind == ChunkDecoder::Step::kNeedMore || step.kind == ChunkDecoder::Step::kBad) return false;
    if (step.kind == ChunkDecoder::Step::kData) {
      out.body += step.data;
      continue;
    }
    HeaderList trailers;
    MG_CHECK(ParseTrailers(step.data, arena, trailers) == ParseError::kNone);
    out.trailers = Copy(trailers);
    ours.comparable = ours.comparable && !HasExtensions(rest.substr(0, at));
    ours.used += at;
    return true;
  }
}

Ours ReadRequests(std::string_view bytes, BlockPool& pool) {
  Ours ours;
  for (bool more = true; more;) {
    size_t before = ours.used;
    ours.used += LeadingEmptyLine(bytes.substr(before));
    std::string_view rest = bytes.substr(ours.used);
    Arena arena(pool);
    RequestHead head;
    HeadScan scan = ScanHead(rest, 0);
    Message message;
    bool whole = scan.state == HeadScan::kComplete &&
                 ParseRequestHead(rest.substr(0, scan.length), ParseLimits(), arena, head) == ParseError::kNone;
    if (whole) {
      ours.used += scan.length;
      message.start =
          std::string(head.method_text) + " " + std::string(head.target) + " 1." + std::to_string(head.minor);
      message.fields = Copy(head.headers);
      ours.comparable = ours.comparable && KnownToLlhttp(head.method_text);
      whole = ReadBody(rest.substr(scan.length), head.framing, head.content_length, arena, message, ours);
    }
    if (!whole) {
      ours.used = before;
      return ours;
    }
    ours.messages.push_back(std::move(message));
    more = head.keep_alive;
  }
  return ours;
}

Ours ReadResponses(std::string_view bytes, Method method, BlockPool& pool) {
  Ours ours;
  for (bool more = true; more && ours.used < bytes.size();) {
    size_t before = ours.used;
    std::string_view rest = bytes.substr(before);
    Arena arena(pool);
    ResponseHead head;
    HeadScan scan = ScanHead(rest, 0);
    Message message;
    bool whole = scan.state == HeadScan::kComplete && ParseResponseHead(rest.substr(0, scan.length), ParseLimits(),
                                                                        method, arena, head) == ParseError::kNone;
    if (whole) {
      ours.used += scan.length;
      message.start = std::to_string(head.status) + " 1." + std::to_string(head.minor);
      message.fields = Copy(head.headers);
      whole = ReadBody(rest.substr(scan.length), head.framing, head.content_length, arena, message, ours);
    }
    if (!whole) {
      ours.used = before;
      return ours;
    }
    ours.messages.push_back(std::move(message));
    more = head.keep_alive && !ours.until_close && head.status != 101;
  }
  return ours;
}

// --- llhttp's

struct Theirs {
  llhttp_t parser;
  llhttp_settings_t settings;
  std::vector<Message> messages;
  Message message;
  std::string method, url, name, value;
  bool head_over = false, to_head = false;
};

Theirs& Self(llhttp_t* parser) { return *static_cast<Theirs*>(parser->data); }

int OnHeadersComplete(llhttp_t* parser) {
  Theirs& t = Self(parser);
  t.head_over = true;
  std::string version = " " + std::to_string(parser->http_major) + "." + std::to_string(parser->http_minor);
  if (parser->type == HTTP_REQUEST) {
    t.message.start = t.method + " " + t.url + version;
    return 0;
  }
  t.message.start = std::to_string(parser->status_code) + version;
  return ResponseHasBody(t.to_head ? Method::kHead : Method::kGet, parser->status_code) ? 0 : 1;
}

int OnValueComplete(llhttp_t* parser) {
  Theirs& t = Self(parser);
  Fields& fields = t.head_over ? t.message.trailers : t.message.fields;
  fields.emplace_back(std::exchange(t.name, {}), TrimOws(t.value));
  t.value.clear();
  return 0;
}

int OnMessageComplete(llhttp_t* parser) {
  Theirs& t = Self(parser);
  t.messages.push_back(std::exchange(t.message, {}));
  t.method.clear();
  t.url.clear();
  t.head_over = false;
  return 0;
}

template <std::string Theirs::*kTo>
int Append(llhttp_t* parser, const char* at, size_t length) {
  (Self(parser).*kTo).append(at, length);
  return 0;
}

int OnBody(llhttp_t* parser, const char* at, size_t length) {
  Self(parser).message.body.append(at, length);
  return 0;
}

// Why it does not agree; null: it does.
const char* Disagreement(Theirs& t, std::string_view bytes, const Ours& ours, llhttp_type_t type) {
  llhttp_settings_init(&t.settings);
  t.settings.on_method = Append<&Theirs::method>;
  t.settings.on_url = Append<&Theirs::url>;
  t.settings.on_header_field = Append<&Theirs::name>;
  t.settings.on_header_value = Append<&Theirs::value>;
  t.settings.on_header_value_complete = OnValueComplete;
  t.settings.on_headers_complete = OnHeadersComplete;
  t.settings.on_body = OnBody;
  t.settings.on_message_complete = OnMessageComplete;
  llhttp_init(&t.parser, type, &t.settings);
  t.parser.data = &t;
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  llhttp_errno_t error = llhttp_execute(&t.parser, at, bytes.size());
  while (error == HPE_PAUSED_UPGRADE) {  // a request that asks to upgrade: the next one may follow all the same
    at = llhttp_get_error_pos(&t.parser);
    llhttp_resume_after_upgrade(&t.parser);
    if (at == end) {
      error = HPE_OK;
      break;
    }
    error = llhttp_execute(&t.parser, at, static_cast<size_t>(end - at));
  }
  if (error != HPE_OK) return llhttp_errno_name(error);
  if (ours.until_close && llhttp_finish(&t.parser) != HPE_OK) return "its end";
  if (t.messages.size() != ours.messages.size()) return "another count of messages";
  return t.messages == ours.messages ? nullptr : "another message";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static BlockPool pool;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  bool response = (data[0] & 1) != 0, to_head = (data[0] & 2) != 0;
  Ours ours = response ? ReadResponses(bytes, to_head ? Method::kHead : Method::kGet, pool) : ReadRequests(bytes, pool);
  if (ours.messages.empty() || !ours.comparable) return 0;
  Theirs theirs{};
  theirs.to_head = to_head;
  const char* why = Disagreement(theirs, bytes.substr(0, ours.used), ours, response ? HTTP_RESPONSE : HTTP_REQUEST);
  if (why == nullptr) return 0;
  std::fprintf(stderr, "llhttp does not agree: %s, behind %zu of %zu messages\n", why, theirs.messages.size(),
               ours.messages.size());
  std::abort();
}
