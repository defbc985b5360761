// Feeds bytes to the reply reader in pieces whose sizes come from the input.
#include <cstdint>

#include "redis/resp.h"

namespace {

// Touches all of a reply, so that a sanitizer sees what is not there.
size_t Walk(const redisReply& reply) {
  size_t sum = static_cast<size_t>(reply.type);
  for (size_t i = 0; i < reply.elements; i++) sum += Walk(*reply.element[i]);
  if (reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS || reply.type == REDIS_REPLY_ERROR) {
    for (size_t i = 0; i <= static_cast<size_t>(reply.len); i++) sum += static_cast<unsigned char>(reply.str[i]);
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  size_t step = size_t{data[0]} + 1;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  mg::redis::ReplyReader reader;
  volatile size_t sum = 0;
  while (!bytes.empty() && reader.error().empty()) {
    reader.Feed(bytes.substr(0, step));
    bytes.remove_prefix(bytes.size() < step ? bytes.size() : step);
    while (mg::redis::ReplyPtr reply = reader.Next()) sum = sum + Walk(*reply);
  }
  return 0;
}
