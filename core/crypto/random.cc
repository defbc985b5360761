#include "crypto/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>

#include "base/result.h"

namespace mg::crypto {

namespace {

// tables[0] is the classic one; tables[k][b] is the effect of byte b followed by k zero bytes, so that eight bytes are
// taken at once.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; k++) {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t crc = tables[k - 1][byte];
      tables[k][byte] = (crc >> 8) ^ tables[0][crc & 255];
    }
  }
  return tables;
}
constexpr Tables kTables = MakeTables();

}  // namespace

void RandomBytes(void* to, size_t size) {
  auto* at = static_cast<unsigned char*>(to);
  while (size > 0) {
    int part = static_cast<int>(size < 65536 ? size : 65536);
    MG_CHECK(RAND_bytes(at, part) == 1);
    at += part;
    size -= static_cast<size_t>(part);
  }
}

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  RandomBytes(bytes.data(), size);
  return bytes;
}

bool ConstantTimeEquals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

uint32_t Crc32(std::string_view data, uint32_t start) {
  uint32_t crc = ~start;
  const auto* at = reinterpret_cast<const uint8_t*>(data.data());
  size_t left = data.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint32_t low = crc ^ (uint32_t{at[0]} | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16 | uint32_t{at[3]} << 24);
    crc = kTables[7][low & 255] ^ kTables[6][low >> 8 & 255] ^ kTables[5][low >> 16 & 255] ^ kTables[4][low >> 24] ^
          kTables[3][at[4]] ^ kTables[2][at[5]] ^ kTables[1][at[6]] ^ kTables[0][at[7]];
  }
  for (; left > 0; left--, at++) crc = (crc >> 8) ^ kTables[0][(crc ^ *at) & 255];
  return ~crc;
}

}  // namespace mg::crypto
