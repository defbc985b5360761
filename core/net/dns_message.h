// The part of a DNS response (RFC 1035) that is read here: SRV records (RFC 2782) with their TTLs, which c-ares does
// not give. Pure; the bytes are not trusted.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace mg::net {

struct SrvRecord {
  std::string host;  // lower case, without the final dot; empty: the service is decidedly not there
  uint16_t port = 0, priority = 0, weight = 0;
};

struct SrvAnswer {
  static constexpr size_t kMost = 256;  // records that are kept
  std::vector<SrvRecord> records;
  uint32_t ttl = 0;  // seconds: the least of the answer's records, aliases included
};

// kProtocol: not a well-formed response.
Result<SrvAnswer> ParseSrvResponse(std::span<const unsigned char> message);

// Letters, digits, "-", "_" and dots, of at most 253 bytes.
bool IsDnsName(std::string_view name);

}  // namespace mg::net
