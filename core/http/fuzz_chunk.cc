// ChunkDecoder on any bytes: whole and cut into pieces (the first bytes say where) it comes to the same.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/h1_parser.h"

using namespace mg;
using namespace mg::http;

namespace {

struct Outcome {
  std::string data, trailers;
  size_t used = 0;
  ChunkDecoder::Step::Kind kind = ChunkDecoder::Step::kNeedMore;
};

// Each piece lies in a block of its own, so that AddressSanitizer sees any read past it or back into an earlier one.
Outcome Decode(std::string_view wire, const uint8_t* cuts, size_t cut_count) {
  Outcome out;
  ChunkDecoder decoder;
  for (size_t at = 0, i = 0; at < wire.size(); i++) {
    size_t size = cut_count == 0 ? wire.size() : std::min<size_t>(wire.size() - at, cuts[i % cut_count] % 32 + 1);
    std::vector<char> block(wire.begin() + static_cast<ptrdiff_t>(at),
                            wire.begin() + static_cast<ptrdiff_t>(at + size));
    std::string_view piece(block.data(), block.size());
    at += size;
    while (!piece.empty()) {
      ChunkDecoder::Step step = decoder.Next(piece);
      MG_CHECK(step.used <= piece.size());
      MG_CHECK(step.used > 0 || step.kind == ChunkDecoder::Step::kBad);
      out.used += step.used;
      out.kind = step.kind;
      piece.remove_prefix(step.used);
      if (step.kind == ChunkDecoder::Step::kData) out.data += step.data;
      if (step.kind == ChunkDecoder::Step::kTrailers) out.trailers = step.data;
      if (step.kind == ChunkDecoder::Step::kTrailers || step.kind == ChunkDecoder::Step::kBad) return out;
      MG_CHECK(step.kind == ChunkDecoder::Step::kData || piece.empty());
    }
    out.kind = ChunkDecoder::Step::kNeedMore;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kCuts = 4;
  if (size < kCuts) return 0;
  std::string_view wire(reinterpret_cast<const char*>(data) + kCuts, size - kCuts);
  Outcome whole = Decode(wire, nullptr, 0);
  Outcome pieces = Decode(wire, data, kCuts);
  MG_CHECK(whole.kind == pieces.kind && whole.data == pieces.data && whole.trailers == pieces.trailers);
  if (whole.kind == ChunkDecoder::Step::kTrailers) {
    MG_CHECK(whole.used == pieces.used);
    static BlockPool pool;
    Arena arena(pool);
    HeaderList trailers;
    MG_CHECK(ParseTrailers(whole.trailers, arena, trailers) == ParseError::kNone);
  }
  return 0;
}
