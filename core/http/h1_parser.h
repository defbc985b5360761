// HTTP/1.x heads and chunks, strict (RFC 9112): whatever two parsers could read differently is refused. No allocation
// but in the arena; safe on any bytes; AVX2 or SSE4.2 where the processor has them, picked once at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "http/message.h"

namespace mg::config {
enum class EncodedSlashes : uint8_t;
}

namespace mg::http {

struct ParseLimits {
  size_t head = 32 * 1024;  // bytes of request line (or status line) and fields
  size_t headers = 100;     // fields
  size_t target = 16 * 1024;
  config::EncodedSlashes encoded_slashes{};  // keep
};

// Why a head was refused: what the status of the answer is made from, and what the log says.
enum class ParseError : uint8_t {
  kNone,
  kBareLf,            // a line that does not end in CRLF
  kRequestLine,       // not METHOD SP TARGET SP HTTP/x.y
  kVersion,           // a version other than HTTP/1.0 and 1.1: 505
  kTarget,            // a request-target that breaks its form
  kTargetTooLong,     // 414
  kHeadTooLarge,      // 431
  kTooManyHeaders,    // 431
  kHeaderName,        // not a token, or white space before the colon
  kHeaderValue,       // NUL or a control byte
  kObsFold,           // a line that begins with white space
  kHost,              // missing, repeated, malformed, or not the authority of an absolute-form target
  kContentLength,     // malformed, or repeated
  kTransferEncoding,  // anything but a single, final "chunked", or in HTTP/1.0
  kTransferCoding,    // a well-formed coding other than "chunked": 501
  kFramingConflict,   // Transfer-Encoding with Content-Length
  kStatusLine,        // a response's first line
  kConnect,           // the CONNECT method: a gateway opens no tunnel to where the client says
  kPath,              // %00, an invalid percent-encoding, or dot segments past the root
  kQuery,             // %00 or an invalid percent-encoding
  kExpectation,       // other than 100-continue: 417
  kHeadTimeout,       // 408
};

int StatusFor(ParseError error);                    // 400, 408, 414, 417, 431, 501, 505
std::string_view ParseErrorText(ParseError error);  // one line for the log and the problem body's detail

// Finds where a head ends: "\r\n\r\n". `from` is how far an earlier call has looked (0 at first).
// Empty lines before a request line are not skipped here (see SkipLeadingEmptyLines).
struct HeadScan {
  enum State : uint8_t { kIncomplete, kComplete, kBareLf } state;
  size_t length;  // kComplete: of the head, its last CRLF included; kIncomplete: hand in as `from` next time
};
HeadScan ScanHead(std::string_view bytes, size_t from);

// A server should ignore CRLF before a request line (RFC 9112 2.2): at most one is. How many bytes to skip.
size_t LeadingEmptyLine(std::string_view bytes);

// Parses a whole head, as ScanHead measured it. The views in `out` point into `head`, which must live as long as the
// arena does. Everything in RequestHead is filled in, the path normalised, the framing decided.
ParseError ParseRequestHead(std::string_view head, const ParseLimits& limits, Arena& arena, RequestHead& out);

// `request_method` decides, with the status, whether a body follows.
ParseError ParseResponseHead(std::string_view head, const ParseLimits& limits, Method request_method, Arena& arena,
                             ResponseHead& out);

// Parses a trailer section as ChunkDecoder hands it out ("" or lines each ended by CRLF) and appends its fields.
ParseError ParseTrailers(std::string_view section, Arena& arena, HeaderList& out);

// Decodes a chunked body piecemeal (RFC 9112 7.1): strict about sizes, CRLFs and extensions; trailers are parsed as
// fields. Feed it what came; it hands out pieces of the input, never copies.
class ChunkDecoder {
 public:
  struct Step {
    enum Kind : uint8_t {
      kNeedMore,  // all input is used up
      kData,      // `data` is body
      kTrailers,  // the last chunk has come: `data` is the raw trailer section, "" or lines each ended by CRLF
                  // (complete, already checked); the message ends here
      kBad,
    } kind;
    size_t used;  // bytes of the input that are done with
    std::string_view data;
  };

  // After kTrailers or kBad, Reset() before the next message. A trailer section that comes in pieces is collected here;
  // `data` then points into the decoder until Reset().
  Step Next(std::string_view input);
  void Reset();

  static constexpr size_t kTrailerLimit = 8 * 1024;  // bytes of the section, its empty line included
  static constexpr size_t kExtensionLimit = 256;     // bytes of chunk extensions a line

 private:
  enum class State : uint8_t {
    kSize,    // the first digit of a chunk's size
    kDigits,  // a further digit, or what ends the size
    kSpace,   // white space between the size and ";"
    kName,    // of an extension, after ";" and white space
    kNameMore,
    kNameSpace,  // white space behind it
    kValue,      // after "=" and white space
    kValueMore,
    kQuoted,
    kEscaped,  // a byte after "\\" in a quoted value
    kQuotedEnd,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kDone,
    kBad,
  };
  bool SizeLine(char c);   // takes one byte of a chunk's first line; false: it is malformed
  bool Extension(char c);  // of its extensions
  Step Trailer(std::string_view input, size_t from);
  Step Bad(size_t used);

  State state_ = State::kSize;
  uint8_t digits_ = 0;
  uint16_t extension_ = 0;
  uint64_t left_ = 0;
  // Trailer bytes that came in pieces; empty in nearly every message.
  std::string trailer_;
};

}  // namespace mg::http
