// What is forwarded: fields that Connection names, a response's connection fields, trailers, and Max-Forwards' like, on
// heads and trailer sections of any bytes.
#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/strings.h"
#include "proxy/pipeline.h"

using namespace mg;
using namespace mg::http;
using namespace mg::proxy;

namespace {

size_t Count(const HeaderList& headers, HeaderId id) {
  size_t count = 0;
  for (const Header& header : headers) count += header.id == id;
  return count;
}

// No field that the gateway knows goes, whatever is named; nor does one that is not named.
void CheckNamedFields(const RequestHead& given, Arena& arena) {
  HeaderList headers;
  for (const Header& header : given.headers) headers.Append(arena, header);
  RemoveNamedFields(headers);
  for (size_t id = 1; id < static_cast<size_t>(HeaderId::kCount); id++) {
    MG_CHECK(Count(headers, static_cast<HeaderId>(id)) == Count(given.headers, static_cast<HeaderId>(id)));
  }
  std::string names;
  for (const Header& header : given.headers) {
    if (header.id == HeaderId::kConnection) names.append(",").append(header.value);
  }
  for (const Header& header : given.headers) {
    if (header.id != HeaderId::kOther) continue;
    bool named = false;
    ForEachListItem(names, [&](std::string_view item) { named = named || EqualsIgnoreCase(item, header.name); });
    MG_CHECK((headers.Find(header.name) == nullptr) == named);
  }
}

void CheckResponse(std::string_view bytes, Arena& arena) {
  ResponseHead head;
  if (ParseResponseHead(bytes, ParseLimits(), Method::kGet, arena, head) != ParseError::kNone) return;
  bool switching = head.status == 101;
  size_t lengths = Count(head.headers, HeaderId::kContentLength), cookies = Count(head.headers, HeaderId::kSetCookie);
  CleanUpstreamResponse(head);
  MG_CHECK(Count(head.headers, HeaderId::kContentLength) == lengths);
  MG_CHECK(Count(head.headers, HeaderId::kSetCookie) == cookies);
  if (switching) return;
  for (HeaderId id : {HeaderId::kConnection, HeaderId::kKeepAlive, HeaderId::kProxyConnection,
                      HeaderId::kTransferEncoding, HeaderId::kUpgrade, HeaderId::kTe}) {
    MG_CHECK(Count(head.headers, id) == 0);
  }
}

// What goes on is a trailer section, without a field of framing, routing or identity, and stays as it is.
void CheckTrailers(std::string_view section, Arena& arena) {
  static const IdentityHeaders reserved({"X-User-ID", "X-Consumer-*"});
  std::string_view kept = TrailersToForward(section, &reserved, arena);
  HeaderList fields;
  MG_CHECK(ParseTrailers(kept, arena, fields) == ParseError::kNone);
  for (const Header& field : fields) {
    MG_CHECK(field.id == HeaderId::kOther && !reserved.Matches(field.name));
    MG_CHECK(section.find(field.name) != std::string_view::npos);
  }
  MG_CHECK(TrailersToForward(kept, &reserved, arena) == kept);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static BlockPool pool;
  Arena arena(pool);
  std::string copy(reinterpret_cast<const char*>(data), size);
  RequestHead request;
  if (ParseRequestHead(copy, ParseLimits(), arena, request) == ParseError::kNone) CheckNamedFields(request, arena);
  CheckResponse(copy, arena);
  CheckTrailers(copy, arena);
  return 0;
}
