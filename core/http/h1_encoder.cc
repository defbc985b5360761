#include "http/h1_encoder.h"

#include <charconv>

namespace mg::http {

void HeadWriter::PutDecimal(uint64_t number) {
  char digits[20];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  Put(std::string_view(digits, static_cast<size_t>(end - digits)));
}

size_t EncodedSize(const HeaderList& headers) {
  size_t size = 0;
  for (const Header& header : headers) size += header.name.size() + header.value.size() + 4;
  return size;
}

void PutStatusLine(HeadWriter& writer, int status, std::string_view reason) {
  if (status == 200 && reason.empty()) {
    writer.Put("HTTP/1.1 200 OK\r\n");
    return;
  }
  writer.Put("HTTP/1.1 ");
  writer.PutDecimal(static_cast<uint64_t>(status));
  writer.Put(' ');
  writer.Put(reason.empty() ? ReasonPhrase(status) : reason);
  writer.Put("\r\n");
}

size_t EncodeChunkSize(size_t size, char* to) {
  auto [end, error] = std::to_chars(to, to + 16, size, 16);
  end[0] = '\r';
  end[1] = '\n';
  return static_cast<size_t>(end + 2 - to);
}

}  // namespace mg::http
