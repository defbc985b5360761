// URI escaping, base64, digests, SQL quoting.
#include "base/encoding.h"
#include "base/strings.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "http/url.h"
#include "script/surface.h"

using mg::script::GiveScratch;
using mg::script::View;

namespace {

std::string EscapeUri(std::string_view text, bool whole) {
  if (!whole) return mg::http::EncodeComponent(text);
  std::string escaped;
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    if (c > ' ' && c < 0x7f && c != '#' && c != '%' && c != '?') {
      escaped += c;
    } else {
      escaped += mg::http::EncodeComponent(text.substr(i, 1));
    }
  }
  return escaped;
}

std::string QuoteSql(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    switch (c) {
      case '\0': quoted += "\\0"; break;
      case '\b': quoted += "\\b"; break;
      case '\n': quoted += "\\n"; break;
      case '\r': quoted += "\\r"; break;
      case '\t': quoted += "\\t"; break;
      case '\x1a': quoted += "\\Z"; break;
      case '\\': quoted += "\\\\"; break;
      case '\'': quoted += "\\'"; break;
      case '"': quoted += "\\\""; break;
      default: quoted += c;
    }
  }
  quoted += "'";
  return quoted;
}

}  // namespace

extern "C" {

void mg_encode_escape_uri(const char* data, size_t size, int kind, mg_string* out) noexcept {
  GiveScratch(out, EscapeUri(View(data, size), kind == 0));
}

void mg_encode_unescape_uri(const char* data, size_t size, int plus_is_space, mg_string* out) noexcept {
  GiveScratch(out, mg::http::DecodeLenient(View(data, size),
                                           plus_is_space != 0 ? mg::http::Plus::kSpace : mg::http::Plus::kKeep));
}

void mg_encode_base64(const char* data, size_t size, int url, int padding, mg_string* out) noexcept {
  mg::Base64 form = url != 0 ? (padding != 0 ? mg::Base64::kUrlPadded : mg::Base64::kUrl)
                             : (padding != 0 ? mg::Base64::kStandard : mg::Base64::kUnpadded);
  GiveScratch(out, mg::Base64Encode(View(data, size), form));
}

int mg_encode_decode_base64(const char* data, size_t size, int url, mg_string* out) noexcept {
  std::optional<std::string> decoded =
      mg::Base64Decode(View(data, size), url != 0 ? mg::Base64::kUrlLenient : mg::Base64::kLenient);
  if (!decoded) return MG_ERROR;
  GiveScratch(out, std::move(*decoded));
  return MG_OK;
}

void mg_encode_digest(int kind, const char* data, size_t size, mg_string* out) noexcept {
  GiveScratch(out, mg::crypto::ComputeDigest(kind == 0 ? mg::crypto::Digest::kMd5 : mg::crypto::Digest::kSha1,
                                             View(data, size)));
}

void mg_encode_hmac_sha1(const char* key, size_t key_size, const char* data, size_t size, mg_string* out) noexcept {
  GiveScratch(out, mg::crypto::ComputeHmac(mg::crypto::Digest::kSha1, View(key, key_size), View(data, size)));
}

void mg_encode_hex(const char* data, size_t size, mg_string* out) noexcept {
  GiveScratch(out, mg::HexEncode(View(data, size)));
}

uint32_t mg_encode_crc32(const char* data, size_t size) noexcept { return mg::crypto::Crc32(View(data, size)); }

void mg_encode_quote_sql(const char* data, size_t size, mg_string* out) noexcept {
  GiveScratch(out, QuoteSql(View(data, size)));
}

// Two of nginx's own functions, which libraries (lua-resty-string among them) look for in the process by ffi.C.
unsigned char* ngx_hex_dump(unsigned char* to, const unsigned char* from, size_t size) noexcept {
  for (size_t i = 0; i < size; i++) {
    *to++ = static_cast<unsigned char>("0123456789abcdef"[from[i] >> 4]);
    *to++ = static_cast<unsigned char>("0123456789abcdef"[from[i] & 15]);
  }
  return to;
}

// -1: no number, or one that does not fit.
intptr_t ngx_atoi(const unsigned char* digits, size_t size) noexcept {
  return mg::ParseDecimal<intptr_t>({reinterpret_cast<const char*>(digits), size}).value_or(-1);
}

}  // extern "C"

namespace mg::script {
void LinkEncoding() {}
}  // namespace mg::script
