// What the reader takes, the validator takes; what is written back is the same document; strings and base64 survive a
// round trip.
#include <cstdint>

#include "base/encoding.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  bool valid = mg::ValidateJson(text);
  auto document = mg::JsonDocument::Parse(text);
  if (document) {
    MG_CHECK(valid);
    std::string written, again;
    mg::AppendJson(written, document->root());
    auto second = mg::JsonDocument::Parse(written);
    MG_CHECK(second);
    mg::AppendJson(again, second->root());
    MG_CHECK(written == again);
  }
  MG_CHECK(mg::ValidateJson(mg::JsonString(text)));
  for (auto form : {mg::Base64::kStandard, mg::Base64::kUrl, mg::Base64::kUrlPadded, mg::Base64::kUnpadded}) {
    MG_CHECK(mg::Base64Decode(mg::Base64Encode(text, form), form) == text);
    auto decoded = mg::Base64Decode(text, form);
    if (decoded) MG_CHECK(mg::Base64Encode(*decoded, form) == text);
  }
  mg::Base64Decode(text, mg::Base64::kLenient);
  return 0;
}
