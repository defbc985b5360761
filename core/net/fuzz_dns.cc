// The DNS response parser: any bytes; what it accepts keeps its promises.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "net/dns_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto answer = mg::net::ParseSrvResponse({data, size});
  if (!answer) return 0;
  if (answer->records.size() > mg::net::SrvAnswer::kMost) abort();
  for (const mg::net::SrvRecord& record : answer->records) {
    if (!record.host.empty() && !mg::net::IsDnsName(record.host)) abort();
  }
  return 0;
}
