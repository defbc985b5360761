// Field values and lists: names, lists, cookies, queries, numbers and trailer sections, on any bytes.
#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/strings.h"
#include "http/h1_encoder.h"
#include "http/h1_parser.h"
#include "http/url.h"

using namespace mg;
using namespace mg::http;

namespace {

bool Within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void CheckNames(std::string_view text) {
  HeaderId id = IdentifyHeader(text);
  MG_CHECK(id == HeaderId::kOther || EqualsIgnoreCase(HeaderName(id), text));
  std::string upper(text), lower(text);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  for (char& c : lower) c = ToLower(c);
  MG_CHECK(IdentifyHeader(upper) == id && IdentifyHeader(lower) == id);
  Method method = ParseMethod(text);
  MG_CHECK(method == Method::kOther || MethodName(method) == text);
}

// Each item is a piece of the value without white space or commas around it; joined again it is the same list.
void CheckList(std::string_view value) {
  std::string joined;
  size_t count = 0, again = 0;
  ForEachListItem(value, [&](std::string_view item) {
    MG_CHECK(Within(item, value) && !item.empty());
    MG_CHECK(item.front() != ' ' && item.front() != '\t' && item.back() != ' ' && item.back() != '\t');
    if (count++ > 0) joined += ", ";
    joined += item;
  });
  std::string twice;
  ForEachListItem(joined, [&](std::string_view item) {
    if (again++ > 0) twice += ", ";
    twice += item;
  });
  MG_CHECK(again == count && twice == joined);
}

void CheckTrailers(std::string_view section) {
  static BlockPool pool;
  Arena arena(pool);
  HeaderList fields;
  if (ParseTrailers(section, arena, fields) != ParseError::kNone) return;
  HeadWriter writer(arena, EncodedSize(fields));
  for (const Header& field : fields) {
    MG_CHECK(Within(field.name, section) && Within(field.value, section) && !field.name.empty());
    MG_CHECK(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    writer.PutField(field.name, field.value);
  }
  HeaderList again;
  MG_CHECK(ParseTrailers(writer.text(), arena, again) == ParseError::kNone && again.size() == fields.size());
  for (size_t i = 0; i < again.size(); i++) {
    MG_CHECK(again.begin()[i].name == fields.begin()[i].name && again.begin()[i].value == fields.begin()[i].value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // In a block of its own, so that AddressSanitizer sees any read past it.
  std::string copy(reinterpret_cast<const char*>(data), size);
  std::string_view bytes = copy;
  std::string_view name = bytes.substr(0, bytes.find('\n'));
  std::string_view value = bytes.substr(std::min(name.size() + 1, bytes.size()));
  CheckNames(name);
  CheckList(value);
  CheckTrailers(bytes);
  if (auto cookie = CookieValue(value, name)) MG_CHECK(Within(*cookie, value));
  if (auto argument = QueryArgument(value, name)) {
    MG_CHECK(Within(*argument, value) && argument->find('&') == std::string_view::npos);
  }
  if (auto number = ParseDecimal(value))
    MG_CHECK(!value.empty() && (*number > 0 || value.find_first_not_of('0') == std::string_view::npos));
  if (IsValidQuery(value)) {
    static BlockPool pool;
    Arena arena(pool);
    auto decoded = DecodeComponent(value, arena);
    MG_CHECK(decoded && DecodeLenient(value, Plus::kKeep) == *decoded);
  }
  return 0;
}
