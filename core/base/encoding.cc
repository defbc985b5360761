#include "base/encoding.h"

#include <array>

#include "base/strings.h"

namespace mg {

namespace {

constexpr std::string_view kStandardAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using Values = std::array<uint8_t, 256>;
constexpr uint8_t kNone = 0xff;

constexpr Values MakeValues(std::string_view alphabet) {
  Values values{};
  values.fill(kNone);
  for (size_t i = 0; i < alphabet.size(); i++) values[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
  return values;
}
constexpr Values kStandardValues = MakeValues(kStandardAlphabet);
constexpr Values kUrlValues = MakeValues(kUrlAlphabet);

constexpr bool UsesUrlAlphabet(Base64 form) {
  return form == Base64::kUrl || form == Base64::kUrlPadded || form == Base64::kUrlLenient;
}
constexpr bool WritesPadding(Base64 form) {
  return form == Base64::kStandard || form == Base64::kUrlPadded || form == Base64::kLenient;
}
constexpr bool IsLenient(Base64 form) { return form == Base64::kLenient || form == Base64::kUrlLenient; }

// Takes the padding off, or refuses it where it is not what the form says.
bool StripPadding(std::string_view& text, Base64 form) {
  if (IsLenient(form)) {
    text = text.substr(0, text.find('='));
    return true;
  }
  if (!WritesPadding(form)) return true;  // a '=' is no digit
  if (text.size() % 4 != 0) return false;
  for (int i = 0; i < 2 && text.ends_with('='); i++) text.remove_suffix(1);
  return true;
}

}  // namespace

size_t Base64EncodedSize(size_t size, Base64 form) {
  if (WritesPadding(form)) return (size + 2) / 3 * 4;
  return size / 3 * 4 + (size % 3 == 0 ? 0 : size % 3 + 1);
}

size_t Base64EncodeTo(std::string_view from, Base64 form, char* to) {
  const char* alphabet = (UsesUrlAlphabet(form) ? kUrlAlphabet : kStandardAlphabet).data();
  const auto* in = reinterpret_cast<const uint8_t*>(from.data());
  char* out = to;
  size_t left = from.size();
  for (; left >= 3; left -= 3, in += 3) {
    uint32_t bits = uint32_t{in[0]} << 16 | uint32_t{in[1]} << 8 | in[2];
    *out++ = alphabet[bits >> 18];
    *out++ = alphabet[bits >> 12 & 63];
    *out++ = alphabet[bits >> 6 & 63];
    *out++ = alphabet[bits & 63];
  }
  if (left > 0) {
    uint32_t bits = uint32_t{in[0]} << 16 | (left == 2 ? uint32_t{in[1]} << 8 : 0);
    *out++ = alphabet[bits >> 18];
    *out++ = alphabet[bits >> 12 & 63];
    if (left == 2) *out++ = alphabet[bits >> 6 & 63];
    if (WritesPadding(form)) {
      *out++ = '=';
      if (left == 1) *out++ = '=';
    }
  }
  return static_cast<size_t>(out - to);
}

std::optional<size_t> Base64DecodeTo(std::string_view from, Base64 form, char* to) {
  if (!StripPadding(from, form) || from.size() % 4 == 1) return std::nullopt;
  const Values& values = UsesUrlAlphabet(form) ? kUrlValues : kStandardValues;
  const auto* in = reinterpret_cast<const uint8_t*>(from.data());
  char* out = to;
  size_t left = from.size();
  uint8_t wrong = 0;  // a value has its upper two bits clear, kNone has not
  for (; left >= 4; left -= 4, in += 4) {
    uint8_t a = values[in[0]], b = values[in[1]], c = values[in[2]], d = values[in[3]];
    wrong |= a | b | c | d;
    *out++ = static_cast<char>(a << 2 | b >> 4);
    *out++ = static_cast<char>(b << 4 | c >> 2);
    *out++ = static_cast<char>(c << 6 | d);
  }
  if (left > 0) {
    uint8_t a = values[in[0]], b = values[in[1]], c = left == 3 ? values[in[2]] : 0;
    wrong |= a | b | c;
    *out++ = static_cast<char>(a << 2 | b >> 4);
    if (left == 3) *out++ = static_cast<char>(b << 4 | c >> 2);
    bool bits_left = left == 3 ? (c & 3) != 0 : (b & 15) != 0;
    if (bits_left && !IsLenient(form)) return std::nullopt;
  }
  if ((wrong & 0xc0) != 0) return std::nullopt;
  return static_cast<size_t>(out - to);
}

std::string Base64Encode(std::string_view bytes, Base64 form) {
  std::string text(Base64EncodedSize(bytes.size(), form), '\0');
  Base64EncodeTo(bytes, form, text.data());
  return text;
}

std::optional<std::string> Base64Decode(std::string_view text, Base64 form) {
  std::string bytes(Base64DecodedMaximum(text.size()), '\0');
  std::optional<size_t> size = Base64DecodeTo(text, form, bytes.data());
  if (!size) return std::nullopt;
  bytes.resize(*size);
  return bytes;
}

void HexEncodeTo(std::string_view bytes, char* to) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (char c : bytes) {
    *to++ = kDigits[static_cast<uint8_t>(c) >> 4];
    *to++ = kDigits[static_cast<uint8_t>(c) & 15];
  }
}

std::string HexEncode(std::string_view bytes) {
  std::string text(bytes.size() * 2, '\0');
  HexEncodeTo(bytes, text.data());
  return text;
}

std::optional<std::string> HexDecode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes(text.size() / 2, '\0');
  for (size_t i = 0; i < bytes.size(); i++) {
    int high = HexDigit(text[2 * i]), low = HexDigit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<char>(high << 4 | low);
  }
  return bytes;
}

size_t Utf8SequenceSize(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : 0; };
  auto continues = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  int first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return continues(1) ? 2 : 0;
  if (first < 0xf0) {
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (first > 0xf4 || (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  return continues(1) && continues(2) && continues(3) ? 4 : 0;
}

}  // namespace mg
