#include "http/h1_parser.h"

#include <algorithm>

#include "http/h1_scan.h"
#include "http/url.h"

namespace mg::http {
namespace {

// What the fields say about framing and the connection; filled in while they are read.
struct Control {
  std::string_view host, content_length, transfer_encoding;
  uint32_t hosts = 0, content_lengths = 0, transfer_encodings = 0;
  bool close = false;           // in Connection
  bool keep_alive = false;      // in Connection
  bool upgrade_option = false;  // in Connection
  bool upgrade_field = false;
  bool expect_continue = false;
  bool unknown_expectation = false;

  void Note(const Header& header) {
    switch (header.id) {
      case HeaderId::kHost:
        host = header.value;
        hosts++;
        break;
      case HeaderId::kContentLength:
        content_length = header.value;
        content_lengths++;
        break;
      case HeaderId::kTransferEncoding:
        transfer_encoding = header.value;
        transfer_encodings++;
        break;
      case HeaderId::kConnection:
        ForEachListItem(header.value, [this](std::string_view option) {
          if (EqualsIgnoreCase(option, "close")) close = true;
          if (EqualsIgnoreCase(option, "keep-alive")) keep_alive = true;
          if (EqualsIgnoreCase(option, "upgrade")) upgrade_option = true;
        });
        break;
      case HeaderId::kUpgrade: upgrade_field = !header.value.empty(); break;
      case HeaderId::kExpect:
        ForEachListItem(header.value, [this](std::string_view expectation) {
          bool known = EqualsIgnoreCase(expectation, "100-continue");
          (known ? expect_continue : unknown_expectation) = true;
        });
        break;
      default: break;
    }
  }
};

// White space around a field's value (RFC 9110 5.6.3).
constexpr bool IsOws(char c) { return c == ' ' || c == '\t'; }

// A field line without its CRLF, in which there is no control byte but HTAB. `around` begins where `line` does and may
// reach past its end: what the scan may read.
ParseError ParseField(std::string_view line, std::string_view around, Header& out) {
  size_t colon = scan::TokenLength(around);
  if (colon == 0 && !line.empty() && IsOws(line[0])) return ParseError::kObsFold;
  if (colon == 0 || colon >= line.size() || line[colon] != ':') return ParseError::kHeaderName;
  const char* begin = line.data() + colon + 1;
  const char* end = line.data() + line.size();
  while (begin != end && IsOws(*begin)) begin++;
  while (begin != end && IsOws(end[-1])) end--;
  out.name = line.substr(0, colon);
  out.value = std::string_view(begin, static_cast<size_t>(end - begin));
  out.id = IdentifyHeader(out.name);
  return ParseError::kNone;
}

// Why IndexLines refused: the first byte that may not stand where it is.
ParseError Diagnose(std::string_view head, ParseError first_line) {
  size_t line_begin = 0;
  for (size_t at = 0; at < head.size(); at++) {
    uint8_t c = static_cast<uint8_t>(head[at]);
    if (c == '\n') return ParseError::kBareLf;
    if (c == '\r' && at + 1 < head.size() && head[at + 1] == '\n') {
      at++;
      line_begin = at + 1;
    } else if ((c < 0x20 && c != '\t') || c == 0x7F) {
      if (line_begin == 0) return first_line;
      bool in_value = head.substr(line_begin, at - line_begin).find(':') != std::string_view::npos;
      return in_value ? ParseError::kHeaderValue : ParseError::kHeaderName;
    }
  }
  return ParseError::kBareLf;
}

// The first line without its CRLF, and the fields. `first_line_error` is what a control byte in the first line means.
ParseError SplitHead(std::string_view head, const ParseLimits& limits, ParseError first_line_error, Arena& arena,
                     std::string_view& first_line, HeaderList& headers, Control& control) {
  if (head.size() > limits.head) return ParseError::kHeadTooLarge;
  size_t most = std::min(limits.headers + 2, head.size() / 2 + 1);  // the first line, the fields, the empty line
  uint32_t* ends = static_cast<uint32_t*>(arena.Allocate(most * sizeof(uint32_t), alignof(uint32_t)));
  size_t count = scan::IndexLines(head, ends, most);
  if (count == scan::kBad) return Diagnose(head, first_line_error);
  if (count > most) return ParseError::kTooManyHeaders;
  if (count < 2 || ends[count - 1] != head.size() - 1 || ends[count - 1] != ends[count - 2] + 2) {
    return ParseError::kBareLf;  // not a whole head
  }

  first_line = head.substr(0, ends[0] - 1);
  if (first_line.empty()) return first_line_error;
  headers.Clear();
  headers.Reserve(arena, count + 6);  // the gateway adds some of its own
  for (size_t i = 1; i + 1 < count; i++) {
    size_t begin = ends[i - 1] + 1;
    Header& header = headers.AppendEmpty(arena);
    ParseError error = ParseField(head.substr(begin, ends[i] - 1 - begin), head.substr(begin), header);
    if (error != ParseError::kNone) return error;
    if (header.id != HeaderId::kOther) control.Note(header);
  }
  return ParseError::kNone;
}

// "HTTP/1.1" or "HTTP/1.0"; kVersion for another HTTP/x.y, `otherwise` for anything else.
ParseError ParseVersion(std::string_view text, ParseError otherwise, uint8_t& minor) {
  if (text.size() != 8 || text.substr(0, 5) != "HTTP/" || !IsDigit(text[5]) || text[6] != '.' || !IsDigit(text[7])) {
    return otherwise;
  }
  if (text[5] != '1' || text[7] > '1') return ParseError::kVersion;
  minor = static_cast<uint8_t>(text[7] - '0');
  return ParseError::kNone;
}

// The one Transfer-Encoding field of an HTTP/1.1 message: only "chunked".
ParseError CheckTransferEncoding(std::string_view value) {
  if (EqualsIgnoreCase(value, "chunked")) return ParseError::kNone;
  bool unknown = false, malformed = value.empty() || value.back() == ',' || value.front() == ',';
  ForEachListItem(value, [&](std::string_view coding) {
    if (scan::TokenLength(coding) != coding.size()) malformed = true;
    if (!EqualsIgnoreCase(coding, "chunked")) unknown = true;
  });
  return unknown && !malformed ? ParseError::kTransferCoding : ParseError::kTransferEncoding;
}

// Framing by Content-Length and Transfer-Encoding alone (RFC 9112 6.3), the same for both kinds of message.
ParseError ParseFraming(const Control& control, uint8_t minor, BodyFraming& framing, uint64_t& content_length) {
  framing = BodyFraming::kNone;
  content_length = 0;
  if (control.transfer_encodings != 0 && control.content_lengths != 0) return ParseError::kFramingConflict;
  if (control.transfer_encodings != 0) {
    if (control.transfer_encodings > 1 || minor == 0) return ParseError::kTransferEncoding;
    framing = BodyFraming::kChunked;
    return CheckTransferEncoding(control.transfer_encoding);
  }
  if (control.content_lengths != 0) {
    // At most 18 digits: no sum of such numbers overflows, for us or for those who count in signed 64 bits.
    if (control.content_lengths > 1 || control.content_length.size() > 18) return ParseError::kContentLength;
    std::optional<uint64_t> length = ParseDecimal(control.content_length);
    if (!length) return ParseError::kContentLength;
    framing = BodyFraming::kLength;
    content_length = *length;
  }
  return ParseError::kNone;
}

bool KeepAlive(const Control& control, uint8_t minor) { return !control.close && (minor >= 1 || control.keep_alive); }

// METHOD SP target SP version (RFC 9112 3).
ParseError ParseRequestLine(std::string_view line, const ParseLimits& limits, RequestHead& out) {
  size_t method_end = line.find(' ');
  if (method_end == std::string_view::npos) return ParseError::kRequestLine;
  out.method_text = line.substr(0, method_end);
  if (out.method_text.empty() || scan::TokenLength(out.method_text) != out.method_text.size()) {
    return ParseError::kRequestLine;
  }
  out.method = ParseMethod(out.method_text);

  size_t target_end = line.rfind(' ');
  if (target_end <= method_end + 1) return ParseError::kRequestLine;
  out.target = line.substr(method_end + 1, target_end - method_end - 1);
  if (out.target.find(' ') != std::string_view::npos) return ParseError::kRequestLine;
  out.major = 1;
  ParseError error = ParseVersion(line.substr(target_end + 1), ParseError::kRequestLine, out.minor);
  if (error != ParseError::kNone) return error;
  return out.target.size() > limits.target ? ParseError::kTargetTooLong : ParseError::kNone;
}

// Splits "http://authority/path" (RFC 9112 3.2.2) into `authority`, its default `port`, and the rest from the path on.
bool SplitAbsoluteForm(std::string_view target, std::string_view& authority, uint16_t& port, std::string_view& rest) {
  if (target.size() > 7 && EqualsIgnoreCase(target.substr(0, 7), "http://")) {
    port = 80;
    target.remove_prefix(7);
  } else if (target.size() > 8 && EqualsIgnoreCase(target.substr(0, 8), "https://")) {
    port = 443;
    target.remove_prefix(8);
  } else {
    return false;
  }
  size_t end = std::min(target.find_first_of("/?"), target.size());
  authority = target.substr(0, end);
  rest = target.substr(end);
  return true;
}

bool SameAuthority(const Authority& a, const Authority& b, uint16_t default_port) {
  auto port = [&](const Authority& authority) { return authority.port != 0 ? authority.port : default_port; };
  return a.is_ipv6 == b.is_ipv6 && port(a) == port(b) && EqualsIgnoreCase(a.host, b.host);
}

// Host (RFC 9112 3.2): once in HTTP/1.1, at most once in HTTP/1.0, well-formed, and no other than `absolute`.
ParseError CheckHost(const Control& control, std::string_view absolute, uint16_t default_port, RequestHead& out) {
  if (control.hosts > 1 || (control.hosts == 0 && out.minor >= 1)) return ParseError::kHost;
  std::optional<Authority> host;
  if (control.hosts == 1) {
    host = ParseAuthority(control.host);
    if (!host) return ParseError::kHost;
  }
  out.authority = control.host;
  if (absolute.empty()) return ParseError::kNone;
  std::optional<Authority> wanted = ParseAuthority(absolute);
  if (!wanted) return ParseError::kTarget;
  if (host && !SameAuthority(*wanted, *host, default_port)) return ParseError::kHost;
  out.authority = absolute;
  return ParseError::kNone;
}

// The target's form (RFC 9112 3.2), the authority that counts, the path and the query.
ParseError ParseTarget(const Control& control, const ParseLimits& limits, Arena& arena, RequestHead& out) {
  if (out.method == Method::kConnect) return ParseError::kConnect;
  if (!scan::AllTargetBytes(out.target)) return ParseError::kTarget;
  std::string_view absolute, rest = out.target;
  uint16_t port = 0;
  bool asterisk = out.method == Method::kOptions && out.target == "*";
  if (!asterisk && out.target[0] != '/') {
    if (!SplitAbsoluteForm(out.target, absolute, port, rest) || absolute.empty()) return ParseError::kTarget;
    asterisk = rest.empty() && out.method == Method::kOptions;
  }
  ParseError error = CheckHost(control, absolute, port, out);
  if (error != ParseError::kNone) return error;

  size_t mark = rest.find('?');
  out.has_query = mark != std::string_view::npos;
  out.query = out.has_query ? rest.substr(mark + 1) : std::string_view();
  if (!IsValidQuery(out.query)) return ParseError::kQuery;
  std::string_view raw = rest.substr(0, mark);
  if (raw.empty()) raw = "/";
  if (asterisk) {
    out.path = "*";
    return ParseError::kNone;
  }
  std::optional<std::string_view> path = NormalisePath(raw, arena, limits.encoded_slashes);
  if (!path) return ParseError::kPath;
  out.path = *path;
  return ParseError::kNone;
}

// HTTP-version SP status [SP reason] (RFC 9112 4); the SP of an empty reason may be missing.
ParseError ParseStatusLine(std::string_view line, ResponseHead& out) {
  ParseError error = ParseVersion(line.substr(0, 8), ParseError::kStatusLine, out.minor);
  if (error != ParseError::kNone) return error;
  if (line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) return ParseError::kStatusLine;
  std::optional<uint16_t> status = ParseDecimal<uint16_t>(line.substr(9, 3));
  // Beyond 599 is to be taken for a server's error (RFC 9110 15): as a malformed response is.
  if (!status || *status < 100 || *status > 599) return ParseError::kStatusLine;
  out.status = *status;
  out.reason = line.size() > 13 ? line.substr(13) : std::string_view();
  return ParseError::kNone;
}

}  // namespace

int StatusFor(ParseError error) {
  switch (error) {
    case ParseError::kVersion: return 505;
    case ParseError::kConnect:  // for no resource at all
    case ParseError::kTransferCoding: return 501;
    case ParseError::kHeadTooLarge:
    case ParseError::kTooManyHeaders: return 431;
    case ParseError::kTargetTooLong: return 414;
    case ParseError::kExpectation: return 417;
    case ParseError::kHeadTimeout: return 408;
    default: return 400;
  }
}

std::string_view ParseErrorText(ParseError error) {
  switch (error) {
    case ParseError::kNone: return "no error";
    case ParseError::kBareLf: return "a line of the head does not end in CRLF";
    case ParseError::kRequestLine: return "the request line is malformed";
    case ParseError::kVersion: return "the HTTP version is not supported";
    case ParseError::kTarget: return "the request target is malformed";
    case ParseError::kTargetTooLong: return "the request target is too long";
    case ParseError::kHeadTooLarge: return "the head is too large";
    case ParseError::kTooManyHeaders: return "the head has too many fields";
    case ParseError::kHeaderName: return "a field name is malformed";
    case ParseError::kHeaderValue: return "a field value has a control character";
    case ParseError::kObsFold: return "a field is folded over several lines";
    case ParseError::kHost: return "the Host field is missing, repeated, malformed or not the target's authority";
    case ParseError::kContentLength: return "Content-Length is malformed or repeated";
    case ParseError::kTransferEncoding: return "Transfer-Encoding is not a single, final \"chunked\" of HTTP/1.1";
    case ParseError::kTransferCoding: return "a transfer coding other than \"chunked\" is not supported";
    case ParseError::kFramingConflict: return "the message has a framing field that contradicts another or its status";
    case ParseError::kStatusLine: return "the status line is malformed";
    case ParseError::kConnect: return "the CONNECT method is not supported";
    case ParseError::kQuery: return "the query has an invalid percent-encoding";
    case ParseError::kExpectation: return "Expect asks for something other than 100-continue";
    case ParseError::kHeadTimeout: return "the head did not come in time";
    case ParseError::kPath: return "the path has an invalid encoding, an invalid byte or leads above the root";
  }
  return "unknown error";
}

HeadScan ScanHead(std::string_view bytes, size_t from) {
  scan::HeadEnd end = scan::FindHeadEnd(bytes, std::min(from, bytes.size()));
  switch (end.kind) {
    case scan::HeadEnd::kFound: return {HeadScan::kComplete, end.length};
    case scan::HeadEnd::kBareLf: return {HeadScan::kBareLf, end.length};
    default: return {HeadScan::kIncomplete, bytes.size()};
  }
}

size_t LeadingEmptyLine(std::string_view bytes) { return bytes.starts_with("\r\n") ? 2 : 0; }

ParseError ParseRequestHead(std::string_view head, const ParseLimits& limits, Arena& arena, RequestHead& out) {
  Control control;
  std::string_view line;
  ParseError error = SplitHead(head, limits, ParseError::kRequestLine, arena, line, out.headers, control);
  if (error != ParseError::kNone) return error;
  error = ParseRequestLine(line, limits, out);
  if (error != ParseError::kNone) return error;
  error = ParseTarget(control, limits, arena, out);
  if (error != ParseError::kNone) return error;
  error = ParseFraming(control, out.minor, out.framing, out.content_length);
  if (error != ParseError::kNone) return error;
  if (control.unknown_expectation) return ParseError::kExpectation;
  out.keep_alive = KeepAlive(control, out.minor);
  out.expect_continue = control.expect_continue && out.minor >= 1;
  out.upgrade = control.upgrade_option && control.upgrade_field && out.minor >= 1;
  return ParseError::kNone;
}

ParseError ParseResponseHead(std::string_view head, const ParseLimits& limits, Method request_method, Arena& arena,
                             ResponseHead& out) {
  Control control;
  std::string_view line;
  ParseError error = SplitHead(head, limits, ParseError::kStatusLine, arena, line, out.headers, control);
  if (error != ParseError::kNone) return error;
  error = ParseStatusLine(line, out);
  if (error != ParseError::kNone) return error;
  error = ParseFraming(control, out.minor, out.framing, out.content_length);
  if (error != ParseError::kNone) return error;
  out.keep_alive = KeepAlive(control, out.minor);
  if (out.status == 101 && !control.upgrade_field) return ParseError::kFramingConflict;  // switched to what?

  if (ResponseHasBody(request_method, out.status)) {
    if (out.framing == BodyFraming::kNone) out.framing = BodyFraming::kUntilClose;
    if (out.framing == BodyFraming::kUntilClose) out.keep_alive = false;
    return ParseError::kNone;
  }
  // A 1xx or 204 says that it has no body; if its fields say otherwise, what follows is anyone's guess (RFC 9110 8.6).
  bool announces = out.framing == BodyFraming::kChunked || out.content_length != 0;
  if (announces && (out.status < 200 || out.status == 204)) return ParseError::kFramingConflict;
  out.framing = BodyFraming::kNone;
  out.content_length = 0;
  return ParseError::kNone;
}

ParseError ParseTrailers(std::string_view section, Arena& arena, HeaderList& out) {
  while (!section.empty()) {
    size_t end = section.find("\r\n");
    if (end == std::string_view::npos) return ParseError::kBareLf;
    std::string_view line = section.substr(0, end);
    Header& header = out.AppendEmpty(arena);
    ParseError error = ParseField(line, section, header);
    if (error != ParseError::kNone) return error;
    for (char c : header.value) {
      if ((static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7F) return ParseError::kHeaderValue;
    }
    section.remove_prefix(end + 2);
  }
  return ParseError::kNone;
}

}  // namespace mg::http
