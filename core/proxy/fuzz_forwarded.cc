// X-Forwarded-For and Forwarded on any bytes: who the client is. What holds: it is the peer, or an address that stands
// in the field.
#include <cstdlib>

#include "proxy/trust.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using mg::http::HeaderId;
  static const mg::proxy::TrustedProxies trusted({"127.0.0.0/8", "10.0.0.0/8", "::1"});
  std::string_view field(reinterpret_cast<const char*>(data), size);
  for (HeaderId id : {HeaderId::kXForwardedFor, HeaderId::kForwarded}) {
    mg::BlockPool blocks;
    mg::Arena arena(blocks);
    mg::http::HeaderList headers;
    headers.Append(arena, id, field.substr(0, size / 2));
    headers.Append(arena, id, field.substr(size / 2));
    headers.Append(arena, id, field);
    std::string_view client = mg::proxy::ClientBehind(trusted, headers, "127.0.0.1");
    if (!mg::proxy::TrustedProxies::IsAddress(client)) abort();
    if (client != "127.0.0.1" && field.find(client) == std::string_view::npos) abort();
  }
  return 0;
}
