// Writes HTTP/1.1 heads and chunk framing. The caller has decided what is in the head; this only spells it.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "http/message.h"

namespace mg::http {

// A text under construction in an arena, contiguous, of a size known beforehand to be enough.
class HeadWriter {
 public:
  HeadWriter(Arena& arena, size_t most)
      : begin_(static_cast<char*>(arena.Allocate(most, 1))), at_(begin_), limit_(begin_ + most) {}
  void Put(std::string_view text) {
    MG_CHECK(text.size() <= static_cast<size_t>(limit_ - at_));
    if (text.empty()) return;  // data() may be null
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void Put(char c) { Put(std::string_view(&c, 1)); }
  void PutDecimal(uint64_t number);
  void PutField(std::string_view name, std::string_view value) {
    Put(name);
    Put(": ");
    Put(value);
    Put("\r\n");
  }
  std::string_view text() const { return {begin_, static_cast<size_t>(at_ - begin_)}; }

 private:
  char* begin_;
  char* at_;
  char* limit_;
};

// Room for all the fields of a list as PutField writes them.
size_t EncodedSize(const HeaderList& headers);

// "HTTP/1.1 404 Not Found\r\n"
void PutStatusLine(HeadWriter& writer, int status, std::string_view reason);

// "1f4\r\n" into `to` (at least 18 bytes); returns its length.
size_t EncodeChunkSize(size_t size, char* to);

// A text as one piece of what is to be written.
inline iovec Piece(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

}  // namespace mg::http
