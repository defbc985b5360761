// ParseRequestHead on any bytes: what it accepts keeps its promises, and parses again to the same when written anew.
#include <cstdint>
#include <string>

#include "base/result.h"
#include "http/h1_parser.h"
#include "http/url.h"

using namespace mg;
using namespace mg::http;

namespace {

std::string Write(const RequestHead& head) {
  std::string text(head.method_text);
  text.append(" ").append(head.target).append(" HTTP/1.").append(1, static_cast<char>('0' + head.minor)).append("\r\n");
  for (const Header& h : head.headers) text.append(h.name).append(": ").append(h.value).append("\r\n");
  return text + "\r\n";
}

void CheckHead(const RequestHead& head, std::string_view raw, Arena& arena) {
  MG_CHECK(head.method != Method::kConnect && head.major == 1 && head.minor <= 1);
  MG_CHECK(head.path == "*" || NormalisePath(head.path, arena) == head.path);
  MG_CHECK(!head.authority.empty() || head.minor == 0);
  MG_CHECK(head.authority.empty() || ParseAuthority(head.authority));
  size_t lengths = 0, codings = 0;
  for (const Header& h : head.headers) {
    MG_CHECK(!h.name.empty() && h.id == IdentifyHeader(h.name));
    MG_CHECK(h.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    MG_CHECK(h.name.data() >= raw.data() && h.value.data() + h.value.size() <= raw.data() + raw.size());
    lengths += h.id == HeaderId::kContentLength;
    codings += h.id == HeaderId::kTransferEncoding;
  }
  MG_CHECK(lengths + codings <= 1);
  MG_CHECK((head.framing == BodyFraming::kLength) == (lengths == 1));
  MG_CHECK((head.framing == BodyFraming::kChunked) == (codings == 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static BlockPool pool;
  Arena arena(pool);
  HeadScan scan = ScanHead(bytes, 0);
  // Where the bytes are cut makes no difference.
  HeadScan half = ScanHead(bytes.substr(0, size / 2), 0);
  if (half.state == HeadScan::kIncomplete) half = ScanHead(bytes, half.length);
  MG_CHECK(half.state == scan.state && half.length == scan.length);

  RequestHead head;
  ParseError error = ParseRequestHead(bytes, ParseLimits(), arena, head);
  if (error != ParseError::kNone) {
    MG_CHECK(StatusFor(error) >= 400 && !ParseErrorText(error).empty());
    return 0;
  }
  MG_CHECK(scan.state == HeadScan::kComplete && scan.length == size);
  CheckHead(head, bytes, arena);
  std::string again = Write(head);
  RequestHead second;
  ParseLimits wide{.head = again.size()};
  MG_CHECK(ParseRequestHead(again, wide, arena, second) == ParseError::kNone);
  MG_CHECK(second.path == head.path && second.query == head.query && second.authority == head.authority);
  MG_CHECK(second.framing == head.framing && second.content_length == head.content_length);
  MG_CHECK(second.keep_alive == head.keep_alive && second.upgrade == head.upgrade);
  MG_CHECK(second.headers.size() == head.headers.size());
  return 0;
}
