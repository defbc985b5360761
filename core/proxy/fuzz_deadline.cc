// A deadline header of any bytes: what is read is within its limits, and what is written of it is read again.
#include <cstdint>

#include "base/result.h"
#include "proxy/deadline.h"

using namespace mg;
using namespace mg::proxy;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view value(reinterpret_cast<const char*>(data), size);
  for (std::string_view name : {"X-Request-Deadline", "grpc-timeout"}) {
    std::optional<Nanoseconds> left = ParseDeadline(name, value);
    if (!left) continue;
    MG_CHECK(*left >= 0 && *left <= Nanoseconds{366} * 24 * 3600 * 1'000'000'000);
    std::optional<Nanoseconds> again = ParseDeadline(name, FormatDeadline(name, *left));
    MG_CHECK(again && *again <= *left && *left - *again < 1'000'000'000);
  }
  return 0;
}
