// Requests for the matcher's tests and fuzzer: a head that owns its text.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "http/message.h"

namespace mg::route {

class TestRequest {
 public:
  // "path?query" as it comes out of the parser: normalised.
  TestRequest(std::string_view method, std::string_view host, std::string_view target,
              const std::vector<std::pair<std::string_view, std::string_view>>& fields = {})
      : arena_(pool_) {
    head_.method_text = arena_.Copy(method);
    head_.method = http::ParseMethod(method);
    head_.authority = arena_.Copy(host);
    size_t mark = target.find('?');
    head_.path = arena_.Copy(target.substr(0, mark));
    head_.has_query = mark != std::string_view::npos;
    if (head_.has_query) head_.query = arena_.Copy(target.substr(mark + 1));
    for (auto [name, value] : fields) head_.headers.Append(arena_, arena_.Copy(name), arena_.Copy(value));
  }
  const http::RequestHead& head() const { return head_; }

 private:
  BlockPool pool_{1};
  Arena arena_;
  http::RequestHead head_;
};

}  // namespace mg::route
