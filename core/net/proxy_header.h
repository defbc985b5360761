// The header of the PROXY protocol, versions 1 and 2, with which a proxy in front tells whose connection it passes on
// (haproxy.org/download/2.6/doc/proxy-protocol.txt). A pure function; strict: what the specification does not allow is
// refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/address.h"

namespace mg::net {

struct ProxyHeader {
  enum class Status : uint8_t {
    kNeedMore,  // nothing is wrong so far
    kBad,       // `error` says why; the connection is to be closed
    kDone,
  } status = Status::kNeedMore;
  size_t length = 0;  // kDone: of the header, in bytes
  // LOCAL (version 2) or UNKNOWN (version 1): the connection is the proxy's own, a health check; there are no
  // addresses.
  bool local = false;
  SocketAddress source, destination;  // unless local; unix addresses may be without a path
  const char* error = "";
};

// More than this is refused, TLVs included.
constexpr size_t kMaxProxyHeader = 4096;

// Looks at the first bytes of a connection: as many as have come, up to kMaxProxyHeader.
ProxyHeader ParseProxyHeader(std::string_view bytes);

}  // namespace mg::net
