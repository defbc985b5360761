// The PROXY header's parser on any bytes. What holds: a header is no longer than what there is; it reads the same
// whatever follows it, and asks for more on each part of itself.
#include <cstdlib>

#include "net/proxy_header.h"

using mg::net::ParseProxyHeader;
using mg::net::ProxyHeader;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ProxyHeader header = ParseProxyHeader(bytes);
  if (header.status != ProxyHeader::Status::kDone) {
    if (header.status == ProxyHeader::Status::kNeedMore && size >= mg::net::kMaxProxyHeader) abort();
    return 0;
  }
  if (header.length > size || header.length > mg::net::kMaxProxyHeader) abort();
  if (!header.local && header.source.family() != header.destination.family()) abort();
  header.source.ToString();
  header.destination.ToString();
  ProxyHeader alone = ParseProxyHeader(bytes.substr(0, header.length));
  if (alone.status != header.status || alone.length != header.length || alone.local != header.local) abort();
  for (size_t i = 0; i < header.length; i++) {
    if (ParseProxyHeader(bytes.substr(0, i)).status != ProxyHeader::Status::kNeedMore) abort();
  }
  return 0;
}
