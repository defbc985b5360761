#include "net/dns_message.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace mg::net {

namespace {

constexpr size_t kHeader = 12, kMostRecords = 4096;
constexpr uint16_t kCname = 5, kSrv = 33, kInternet = 1;

class Reader {
 public:
  explicit Reader(std::span<const unsigned char> bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }
  size_t at() const { return at_; }
  void MoveTo(size_t place) {
    failed_ = failed_ || place > bytes_.size();
    if (!failed_) at_ = place;
  }
  uint16_t U16() {
    if (failed_ || bytes_.size() - at_ < 2) return Fail();
    at_ += 2;
    return static_cast<uint16_t>(bytes_[at_ - 2] << 8 | bytes_[at_ - 1]);
  }
  uint32_t U32() {
    uint32_t high = U16();
    return high << 16 | U16();
  }
  // A name, followed through its pointers, each of which must lead further back: no loop.
  std::string Name() {
    std::string name;
    size_t place = at_, bound = bytes_.size();
    bool jumped = false;
    while (!failed_) {
      if (place >= bound) return Fail(), "";
      unsigned char length = bytes_[place];
      if (length == 0) {
        if (!jumped) at_ = place + 1;
        return name;
      }
      if ((length & 0xc0) == 0xc0) {
        if (place + 2 > bytes_.size()) return Fail(), "";
        size_t to = static_cast<size_t>(length & 0x3f) << 8 | bytes_[place + 1];
        if (!jumped) at_ = place + 2;
        jumped = true;
        if (to >= place) return Fail(), "";
        bound = place;
        place = to;
        continue;
      }
      if (length > 63 || bytes_.size() - place <= length || name.size() + length > 254) return Fail(), "";
      if (!name.empty()) name += '.';
      name.append(reinterpret_cast<const char*>(&bytes_[place + 1]), length);
      place += 1u + length;
    }
    return name;
  }

 private:
  uint16_t Fail() {
    failed_ = true;
    return 0;
  }
  std::span<const unsigned char> bytes_;
  size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace

bool IsDnsName(std::string_view name) {
  return !name.empty() && name.size() <= 253 && name[0] != '.' && name.find("..") == std::string_view::npos &&
         std::ranges::all_of(name, [](char c) { return IsAlpha(c) || IsDigit(c) || c == '-' || c == '_' || c == '.'; });
}

Result<SrvAnswer> ParseSrvResponse(std::span<const unsigned char> message) {
  Reader reader(message);
  auto malformed = [] {
    return Fail(ErrorCode::kProtocol, "DNS: a malformed response", Origin::kUpstream, Retryable::kYes);
  };
  if (message.size() < kHeader) return malformed();
  reader.U16();  // the id, which c-ares has checked
  uint16_t flags = reader.U16();
  size_t questions = reader.U16(), answers = reader.U16();
  if ((flags & 0x8000) == 0 || questions > kMostRecords || answers > kMostRecords) return malformed();
  reader.MoveTo(kHeader);
  for (size_t i = 0; i < questions && !reader.failed(); i++) {
    reader.Name();
    reader.U32();
  }
  SrvAnswer result;
  std::optional<uint32_t> ttl;
  for (size_t i = 0; i < answers && !reader.failed(); i++) {
    reader.Name();
    uint16_t type = reader.U16(), of_class = reader.U16();
    uint32_t lives = reader.U32();
    if (lives > 0x7fffffff) lives = 0;  // RFC 2181 8
    size_t size = reader.U16(), end = reader.at() + size;
    if (of_class == kInternet && (type == kSrv || type == kCname)) ttl = std::min(ttl.value_or(lives), lives);
    if (of_class == kInternet && type == kSrv) {
      SrvRecord record;
      record.priority = reader.U16();
      record.weight = reader.U16();
      record.port = reader.U16();
      record.host = Lower(reader.Name());
      if (reader.failed() || reader.at() != end) return malformed();
      if (!record.host.empty() && !IsDnsName(record.host)) return malformed();
      if (result.records.size() < SrvAnswer::kMost) result.records.push_back(std::move(record));
    }
    reader.MoveTo(end);
  }
  if (reader.failed()) return malformed();
  result.ttl = ttl.value_or(0);
  return result;
}

}  // namespace mg::net
