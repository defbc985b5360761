// ChunkDecoder (RFC 9112 7.1), declared in h1_parser.h.
#include <algorithm>
#include <limits>

#include "http/h1_parser.h"
#include "http/h1_scan.h"

namespace mg::http {
namespace {

// More than anyone sends, and what signed counters can hold.
constexpr uint64_t kMaxChunk = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
constexpr uint8_t kMaxDigits = 16;  // leading zeros included

constexpr bool IsControl(char c) { return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7F; }

// Lines each ended by CRLF, with no other LF: whether each is a field line, and none a framing field (RFC 9110 6.5.1).
bool ValidFields(std::string_view section) {
  while (!section.empty()) {
    size_t end = section.find('\n') - 1;
    std::string_view line = section.substr(0, end);
    size_t colon = scan::TokenLength(line);
    if (colon == 0 || colon == line.size() || line[colon] != ':') return false;
    if (std::any_of(line.begin(), line.end(), IsControl)) return false;
    HeaderId id = IdentifyHeader(line.substr(0, colon));  // a framing field that comes too late, but not for everyone
    if (id == HeaderId::kContentLength || id == HeaderId::kTransferEncoding) return false;
    section.remove_prefix(end + 2);
  }
  return true;
}

}  // namespace

bool ChunkDecoder::SizeLine(char c) {
  switch (state_) {
    case State::kSize:
    case State::kDigits: {
      int digit = HexDigit(c);
      if (digit >= 0) {
        if (++digits_ > kMaxDigits) return false;
        left_ = left_ << 4 | static_cast<uint64_t>(digit);
        state_ = State::kDigits;
        return left_ <= kMaxChunk;
      }
      if (state_ == State::kSize) return false;
      state_ = c == '\r' ? State::kSizeLf : c == ';' ? State::kName : State::kSpace;
      return c == '\r' || c == ';' || c == ' ' || c == '\t';
    }
    case State::kSizeLf: state_ = left_ == 0 ? State::kTrailer : State::kData; return c == '\n';
    default: return (c == '\r' || ++extension_ <= kExtensionLimit) && Extension(c);
  }
}

// *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), and the CR behind it.
bool ChunkDecoder::Extension(char c) {
  bool space = c == ' ' || c == '\t';
  bool token = scan::TokenLength({&c, 1}) == 1;
  auto go = [this](State state) {
    state_ = state;
    return true;
  };
  auto ends = [&] {  // what may follow a name or a value
    if (c == '\r') return go(State::kSizeLf);
    return c == ';' && go(State::kName);
  };
  switch (state_) {
    case State::kSpace: return space || (c == ';' && go(State::kName));
    case State::kName: return space || (token && go(State::kNameMore));
    case State::kNameMore:
      if (space) return go(State::kNameSpace);
      return token || (c == '=' ? go(State::kValue) : ends());
    case State::kNameSpace: return space || (c == '=' && go(State::kValue)) || (c == ';' && go(State::kName));
    case State::kValue:
      if (c == '"') return go(State::kQuoted);
      return space || (token && go(State::kValueMore));
    case State::kValueMore: return token || (space ? go(State::kSpace) : ends());
    case State::kQuoted:
      if (c == '"') return go(State::kQuotedEnd);
      if (c == '\\') return go(State::kEscaped);
      return !IsControl(c);
    case State::kEscaped: return !IsControl(c) && go(State::kQuoted);
    default: return space ? go(State::kSpace) : ends();  // kQuotedEnd
  }
}

ChunkDecoder::Step ChunkDecoder::Next(std::string_view input) {
  size_t at = 0;
  while (at < input.size()) {
    switch (state_) {
      case State::kData: {
        size_t size = static_cast<size_t>(std::min<uint64_t>(left_, input.size() - at));
        left_ -= size;
        if (left_ == 0) state_ = State::kDataCr;
        return {Step::kData, at + size, input.substr(at, size)};
      }
      case State::kDataCr:
        if (input[at++] != '\r') return Bad(at);
        state_ = State::kDataLf;
        break;
      case State::kDataLf:
        if (input[at++] != '\n') return Bad(at);
        state_ = State::kSize;
        digits_ = 0;
        extension_ = 0;
        break;
      case State::kTrailer: return Trailer(input, at);
      case State::kDone:
      case State::kBad: return Bad(at);
      default:
        if (!SizeLine(input[at++])) return Bad(at);
        break;
    }
  }
  return state_ == State::kBad ? Bad(at) : Step{Step::kNeedMore, at, {}};
}

// Looks for the empty line that ends the section, in the input itself when the section is whole in it.
ChunkDecoder::Step ChunkDecoder::Trailer(std::string_view input, size_t from) {
  std::string_view section = input.substr(from);
  size_t before = trailer_.size();
  if (before != 0) {
    trailer_.append(section.substr(0, kTrailerLimit));  // no section is longer
    section = trailer_;
  }
  size_t length = 0;  // with the empty line
  if (section.starts_with("\r\n")) {
    length = 2;
  } else {
    scan::HeadEnd end = scan::FindHeadEnd(section.substr(0, kTrailerLimit), std::min(before, section.size()));
    if (end.kind == scan::HeadEnd::kBareLf) return Bad(input.size());
    if (end.kind == scan::HeadEnd::kFound) length = end.length;
  }
  if (length == 0) {
    if (section.size() >= kTrailerLimit) return Bad(input.size());
    if (before == 0) trailer_ = section;
    return {Step::kNeedMore, input.size(), {}};
  }
  std::string_view fields = section.substr(0, length - 2);
  if (!ValidFields(fields)) return Bad(from + length - before);
  state_ = State::kDone;
  return {Step::kTrailers, from + length - before, fields};
}

ChunkDecoder::Step ChunkDecoder::Bad(size_t used) {
  state_ = State::kBad;
  return {Step::kBad, used, {}};
}

void ChunkDecoder::Reset() {
  state_ = State::kSize;
  digits_ = 0;
  extension_ = 0;
  left_ = 0;
  trailer_.clear();
}

}  // namespace mg::http
