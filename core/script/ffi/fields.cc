#include "script/ffi/fields.h"

#include "script/surface.h"

namespace mg::script {
namespace {

bool IsTokenCharacter(char c) {
  return IsAlpha(c) || IsDigit(c) || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

bool IsValueCharacter(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); }

template <bool (*Allowed)(char)>
std::string_view Escape(Arena& arena, std::string_view text) {
  size_t bad = 0;
  for (char c : text) bad += Allowed(c) ? 0 : 1;
  if (bad == 0) return arena.Copy(text);
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string escaped;
  escaped.reserve(text.size() + 2 * bad);
  for (char c : text) {
    if (Allowed(c)) {
      escaped += c;
    } else {
      escaped += '%';
      escaped += kDigits[static_cast<unsigned char>(c) >> 4];
      escaped += kDigits[static_cast<unsigned char>(c) & 15];
    }
  }
  return arena.Copy(escaped);
}

}  // namespace

std::string_view SafeName(Arena& arena, std::string_view name) { return Escape<IsTokenCharacter>(arena, name); }
std::string_view SafeValue(Arena& arena, std::string_view value) {
  std::string_view escaped = Escape<IsValueCharacter>(arena, value);
  return Trim(escaped);
}

void ReplaceFields(http::HeaderList& headers, Arena& arena, std::string_view name, std::span<const mg_string> values,
                   Keep keep) {
  if (name.empty()) return;
  if (values.empty()) {
    if (keep == Keep::kNo) headers.Remove(name);
    return;
  }
  std::string_view safe = SafeName(arena, name);
  bool first = keep == Keep::kNo;
  for (const mg_string& value : values) {
    std::string_view text = SafeValue(arena, View(value.data, value.size));
    if (first) {
      headers.Set(arena, safe, text);
    } else {
      headers.Append(arena, safe, text);
    }
    first = false;
  }
}

int ListFields(const http::HeaderList& headers, mg_header* out, int most) {
  int count = 0;
  for (const http::Header& header : headers) {
    if (count < most) {
      Give(&out[count].name, header.name);
      Give(&out[count].value, header.value);
    }
    count++;
  }
  return count;
}

}  // namespace mg::script
