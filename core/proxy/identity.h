// The headers that only the gateway may set (X-User-ID, ...): removed from every client's request before any hook, in
// any case, and with _ for -, since some backends read both alike. Immutable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace mg::proxy {

class IdentityHeaders {
 public:
  IdentityHeaders() = default;
  // Names as configured; a trailing * matches a prefix.
  explicit IdentityHeaders(const std::vector<std::string>& names);

  bool Matches(std::string_view name) const;
  void Strip(http::HeaderList& headers) const;

 private:
  std::vector<std::string> exact_, prefixes_;  // lower case, - for _
  uint64_t first_letters_ = 0;                 // a bit each: most names need no comparison
};

}  // namespace mg::proxy
