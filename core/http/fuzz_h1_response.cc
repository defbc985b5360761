// ParseResponseHead on any bytes; the first byte picks the request's method.
#include <cstdint>
#include <string>

#include "base/result.h"
#include "http/h1_parser.h"

using namespace mg;
using namespace mg::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Method method = data[0] % 2 == 0 ? Method::kGet : Method::kHead;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  static BlockPool pool;
  Arena arena(pool);
  ResponseHead head;
  if (ParseResponseHead(bytes, ParseLimits(), method, arena, head) != ParseError::kNone) return 0;

  HeadScan scan = ScanHead(bytes, 0);
  MG_CHECK(scan.state == HeadScan::kComplete && scan.length == bytes.size());
  MG_CHECK(head.status >= 100 && head.status <= 999);
  MG_CHECK(head.reason.find_first_of("\r\n") == std::string_view::npos);
  MG_CHECK((head.framing != BodyFraming::kNone) == ResponseHasBody(method, head.status));
  MG_CHECK(head.framing != BodyFraming::kUntilClose || !head.keep_alive);
  size_t lengths = 0, codings = 0;
  for (const Header& h : head.headers) {
    MG_CHECK(h.id == IdentifyHeader(h.name));
    lengths += h.id == HeaderId::kContentLength;
    codings += h.id == HeaderId::kTransferEncoding;
  }
  MG_CHECK(lengths + codings <= 1);
  MG_CHECK(head.framing != BodyFraming::kLength || lengths == 1);
  MG_CHECK(head.framing != BodyFraming::kChunked || codings == 1);
  return 0;
}
