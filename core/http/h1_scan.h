// The vectorised byte scans under the HTTP/1 parser. Pure functions of their input, any thread; they never read outside
// of it. AVX2 where the processor has it (asked once), else SSE2, else plain loops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mg::http::scan {

// The offsets of all line ends (of their LF) in `head`, into `ends`, which has room for `most`. kBad: a control byte
// other than HTAB, a CR or an LF alone. More than `most` lines: returns most + 1.
constexpr size_t kBad = SIZE_MAX;
size_t IndexLines(std::string_view head, uint32_t* ends, size_t most);

// Where the empty line that ends a head ends, looking at LFs from `from` on.
struct HeadEnd {
  enum Kind : uint8_t { kNone, kFound, kBareLf } kind;
  size_t length;  // kFound: with that empty line
};
HeadEnd FindHeadEnd(std::string_view bytes, size_t from);

// The implementations of the two above that this processor can run, the best first. The functions use the best; the
// others are here to be tested against it.
struct Kernels {
  std::string_view name;
  size_t (*index_lines)(std::string_view head, uint32_t* ends, size_t most);
  HeadEnd (*find_head_end)(std::string_view bytes, size_t from);
};
std::span<const Kernels> SupportedKernels();

// How many token characters (RFC 9110 5.6.2) `text` starts with. Made for field names: letters, digits, "-".
size_t TokenLength(std::string_view text);

// Whether all bytes are visible ASCII (0x21 to 0x7E) other than "#".
bool AllTargetBytes(std::string_view text);

}  // namespace mg::http::scan
