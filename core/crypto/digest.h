// Digests (FIPS 180-4, RFC 1321) and HMAC (RFC 2104). Any thread: what OpenSSL needs for them is fetched once a process
// and kept once a thread. All of it is for short inputs and does not fail: without memory the process ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_st;
struct evp_md_ctx_st;

namespace mg::crypto {

enum class Digest : uint8_t { kMd5, kSha1, kSha256, kSha384, kSha512 };
constexpr size_t kDigestCount = 5;
constexpr size_t kLargestDigest = 64;

constexpr size_t DigestSize(Digest digest) {
  constexpr std::array<size_t, kDigestCount> kSizes{16, 20, 32, 48, 64};
  return kSizes[static_cast<size_t>(digest)];
}
const char* DigestName(Digest digest);  // "SHA256": OpenSSL's name

// `to` has room for DigestSize(digest).
void ComputeDigest(Digest digest, std::string_view data, void* to);
std::string ComputeDigest(Digest digest, std::string_view data);
void ComputeHmac(Digest digest, std::string_view key, std::string_view data, void* to);
std::string ComputeHmac(Digest digest, std::string_view key, std::string_view data);

// A digest in pieces. One thread at a time.
class Hasher {
 public:
  explicit Hasher(Digest digest);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void Update(std::string_view data);
  // The digest of all that came since the beginning or the last Reset; then Reset is due.
  std::string Finish();
  void Reset();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  Digest digest_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// For this module: the algorithm, fetched once and never freed.
const evp_md_st* FetchedDigest(Digest digest);

}  // namespace mg::crypto
