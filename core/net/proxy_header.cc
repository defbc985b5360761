#include "net/proxy_header.h"

#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace mg::net {

namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kLineStart = "PROXY ";
constexpr size_t kMaxLine = 107;  // of version 1, CRLF included
constexpr size_t kFixed = 16;     // of version 2: signature, version, family, length

ProxyHeader Bad(const char* error) {
  ProxyHeader header;
  header.status = ProxyHeader::Status::kBad;
  header.error = error;
  return header;
}

// --- version 1: "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"

// Takes what stands before the next space; the last takes the rest. False: nothing stands there.
bool TakeWord(std::string_view& line, std::string_view& word, bool last = false) {
  size_t end = line.find(' ');
  if (last != (end == std::string_view::npos)) return false;
  word = line.substr(0, end);
  line.remove_prefix(last ? line.size() : end + 1);
  return !word.empty();
}

// Decimal, without leading zeros.
std::optional<uint16_t> Port(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return ParseDecimal<uint16_t>(text);
}

ProxyHeader ParseWords(std::string_view line, size_t length) {
  std::string_view protocol, source, destination, source_port, destination_port;
  line.remove_prefix(kLineStart.size());
  ProxyHeader header;
  header.status = ProxyHeader::Status::kDone;
  header.length = length;
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) {  // whatever follows is to be ignored
    header.local = true;
    return header;
  }
  if (!TakeWord(line, protocol) || !TakeWord(line, source) || !TakeWord(line, destination) ||
      !TakeWord(line, source_port) || !TakeWord(line, destination_port, true)) {
    return Bad("not five words");
  }
  int family = protocol == "TCP4" ? AF_INET : protocol == "TCP6" ? AF_INET6 : 0;
  if (family == 0) return Bad("neither TCP4, TCP6 nor UNKNOWN");
  std::optional<uint16_t> from = Port(source_port), to = Port(destination_port);
  if (!from || !to) return Bad("not a port");
  Result<SocketAddress> source_address = SocketAddress::FromIp(source, *from);
  Result<SocketAddress> destination_address = SocketAddress::FromIp(destination, *to);
  if (!source_address || !destination_address || source_address->family() != family ||
      destination_address->family() != family) {
    return Bad("not an address of its family");
  }
  header.source = *source_address;
  header.destination = *destination_address;
  return header;
}

ProxyHeader ParseLine(std::string_view bytes) {
  size_t end = bytes.substr(0, kMaxLine).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMaxLine) return Bad("the line is too long");
    return {};
  }
  if (bytes[end - 1] != '\r') return Bad("a line feed without a carriage return");
  std::string_view line = bytes.substr(0, end - 1);
  if (line.find('\r') != std::string_view::npos || line.find('\0') != std::string_view::npos)
    return Bad("a control byte");
  return ParseWords(line, end + 1);
}

// --- version 2

uint16_t Big16(std::string_view bytes) {
  return static_cast<uint16_t>(static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1]));
}

SocketAddress Ip4(std::string_view bytes, std::string_view port) {
  sockaddr_in raw{};
  raw.sin_family = AF_INET;
  std::memcpy(&raw.sin_addr, bytes.data(), 4);
  std::memcpy(&raw.sin_port, port.data(), 2);
  return SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&raw), sizeof raw);
}

SocketAddress Ip6(std::string_view bytes, std::string_view port) {
  sockaddr_in6 raw{};
  raw.sin6_family = AF_INET6;
  std::memcpy(&raw.sin6_addr, bytes.data(), 16);
  std::memcpy(&raw.sin6_port, port.data(), 2);
  return SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&raw), sizeof raw);
}

SocketAddress Unix(std::string_view path) {
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  std::memcpy(raw.sun_path, path.data(), path.size());
  return SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&raw), sizeof raw);
}
static_assert(sizeof(sockaddr_un::sun_path) == 108);

// What follows the addresses: type, length, value, again and again. Nothing here wants any of them.
bool SoundTlvs(std::string_view rest) {
  while (!rest.empty()) {
    if (rest.size() < 3) return false;
    size_t size = 3 + size_t{Big16(rest.substr(1))};
    if (size > rest.size()) return false;
    rest.remove_prefix(size);
  }
  return true;
}

ProxyHeader ParseAddresses(ProxyHeader header, unsigned family, std::string_view rest) {
  size_t used = 0;
  switch (family) {
    case 0x00: header.local = true; return header;  // UNSPEC: of no family that could be said; the rest is ignored
    case 0x11: used = 12; break;
    case 0x21: used = 36; break;
    case 0x31: used = 216; break;
    default: return Bad("not a stream of a known family");
  }
  if (rest.size() < used) return Bad("shorter than its addresses");
  if (!SoundTlvs(rest.substr(used))) return Bad("a malformed TLV");
  if (family == 0x11) {
    header.source = Ip4(rest, rest.substr(8));
    header.destination = Ip4(rest.substr(4), rest.substr(10));
  } else if (family == 0x21) {
    header.source = Ip6(rest, rest.substr(32));
    header.destination = Ip6(rest.substr(16), rest.substr(34));
  } else {
    header.source = Unix(rest.substr(0, 108));
    header.destination = Unix(rest.substr(108, 108));
  }
  return header;
}

ProxyHeader ParseBinary(std::string_view bytes) {
  if (bytes.size() < kFixed) return {};
  unsigned version = static_cast<unsigned char>(bytes[12]) >> 4, command = static_cast<unsigned char>(bytes[12]) & 15;
  if (version != 2) return Bad("not version 2");
  if (command > 1) return Bad("an unknown command");
  size_t size = Big16(bytes.substr(14));
  if (kFixed + size > kMaxProxyHeader) return Bad("too long");
  if (bytes.size() < kFixed + size) return {};
  ProxyHeader header;
  header.status = ProxyHeader::Status::kDone;
  header.length = kFixed + size;
  header.local = command == 0;
  if (header.local) return header;  // whatever it says of addresses is to be ignored
  return ParseAddresses(header, static_cast<unsigned char>(bytes[13]), bytes.substr(kFixed, size));
}

bool Begins(std::string_view bytes, std::string_view start) {
  size_t size = std::min(bytes.size(), start.size());
  return bytes.substr(0, size) == start.substr(0, size);
}

}  // namespace

ProxyHeader ParseProxyHeader(std::string_view bytes) {
  if (bytes.size() < kLineStart.size() && (Begins(bytes, kLineStart) || Begins(bytes, kSignature))) return {};
  if (bytes.starts_with(kLineStart)) return ParseLine(bytes);
  if (!Begins(bytes, kSignature)) return Bad("the connection does not begin with a PROXY header");
  return bytes.size() < kSignature.size() ? ProxyHeader{} : ParseBinary(bytes);
}

}  // namespace mg::net
