// The functions of url.h on any bytes.
#include <cstdint>
#include <string>

#include "base/result.h"
#include "http/url.h"

using namespace mg;
using namespace mg::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  static BlockPool pool;
  Arena arena(pool);

  if (auto path = NormalisePath(text, arena)) {
    MG_CHECK(path->starts_with('/') && path->find("//") == std::string_view::npos);
    MG_CHECK((std::string(*path) + "/").find("/../") == std::string::npos &&
             (std::string(*path) + "/").find("/./") == std::string::npos);
    auto again = NormalisePath(*path, arena);
    MG_CHECK(again && *again == *path);
  }

  std::string lenient = DecodeLenient(text, Plus::kKeep);
  if (auto decoded = DecodeComponent(text, arena)) MG_CHECK(*decoded == lenient);
  MG_CHECK(DecodeComponent(EncodeComponent(text), arena) == text);
  MG_CHECK(DecodeComponent(EncodePath(text), arena) == text);

  size_t half = size / 2;
  if (auto value = QueryArgument(text.substr(half), text.substr(0, half))) MG_CHECK(value->size() <= size);
  if (auto value = CookieValue(text.substr(half), text.substr(0, half))) MG_CHECK(value->size() <= size);

  if (auto authority = ParseAuthority(text)) {
    MG_CHECK(!authority->host.empty());
    MG_CHECK(authority->host.find_first_of("@/?# \r\n") == std::string_view::npos);
  }
  if (auto url = ParseUrl(text)) {
    MG_CHECK(url->port != 0 && url->path_and_query.starts_with('/'));
    MG_CHECK(ParseAuthority(url->authority).has_value());
  }
  return 0;
}
