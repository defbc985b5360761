// Bytes as text: base64 and base64url (RFC 4648 sections 4 and 5), hexadecimal (section 8), and UTF-8 (RFC 3629). Pure
// functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mg {

enum class Base64 : uint8_t {
  kStandard,    // "+/", padded to a multiple of four. Decoding is strict: the one encoding of the bytes, nothing else
  kUrl,         // "-_", without padding, as JOSE uses it (RFC 7515 section 2). Decoding is as strict
  kUrlPadded,   // "-_", padded
  kUnpadded,    // "+/", without padding
  kLenient,     // "+/"; decoding ends at the first '=', takes missing padding and ignores left-over bits, as
                // ngx.decode_base64 does. Encodes as kStandard
  kUrlLenient,  // "-_", decoded as leniently. Encodes as kUrl
};

// The exact size of the encoding of `size` bytes, and the most that `size` characters can decode to.
size_t Base64EncodedSize(size_t size, Base64 form);
constexpr size_t Base64DecodedMaximum(size_t size) { return size / 4 * 3 + 3; }

// To a buffer with room for the sizes above. `to` may not overlap `from`. Decoding answers the size, or nothing if the
// text is not well formed (then the buffer holds rubbish).
size_t Base64EncodeTo(std::string_view from, Base64 form, char* to);
std::optional<size_t> Base64DecodeTo(std::string_view from, Base64 form, char* to);

std::string Base64Encode(std::string_view bytes, Base64 form = Base64::kStandard);
std::optional<std::string> Base64Decode(std::string_view text, Base64 form = Base64::kStandard);

// Lower case; decoding takes both cases. An odd number of digits is not well formed.
void HexEncodeTo(std::string_view bytes, char* to);  // room for twice the size
std::string HexEncode(std::string_view bytes);
std::optional<std::string> HexDecode(std::string_view text);

// The size of the well-formed UTF-8 sequence that begins at `at` < text.size(); 0 if there is none.
size_t Utf8SequenceSize(std::string_view text, size_t at);

}  // namespace mg
