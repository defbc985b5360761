// Random bytes, comparison of secrets, and CRC-32. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mg::crypto {

// From OpenSSL's generator, seeded by the kernel; fit for keys. Ends the process if there is no entropy.
void RandomBytes(void* to, size_t size);
std::string RandomBytes(size_t size);

// Takes a time that depends on the sizes only.
bool ConstantTimeEquals(std::string_view a, std::string_view b);

// The CRC-32 of zlib and ISO 3309 (RFC 1952 section 8). `start` continues the one of the bytes before.
uint32_t Crc32(std::string_view data, uint32_t start = 0);

}  // namespace mg::crypto
