#include "http/h1_scan.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#define MG_AVX2 __attribute__((target("avx2,bmi")))
#endif

namespace mg::http::scan {
namespace {

constexpr std::array<bool, 256> kTokenByte = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; c++) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; c++) table[static_cast<size_t>(c)] = table[static_cast<size_t>(c - 32)] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<size_t>(c)] = true;
  return table;
}();

// Judges the LF at `at`; kNone: just a line's end.
inline HeadEnd JudgeLf(std::string_view bytes, size_t at) {
  if (at == 0 || bytes[at - 1] != '\r') return {HeadEnd::kBareLf, at};
  if (at >= 3 && bytes[at - 2] == '\n' && bytes[at - 3] == '\r') return {HeadEnd::kFound, at + 1};
  return {HeadEnd::kNone, 0};
}

inline HeadEnd FindHeadEndPlain(std::string_view bytes, size_t from) {
  for (size_t at = from; at < bytes.size(); at++) {
    if (bytes[at] != '\n') continue;
    HeadEnd end = JudgeLf(bytes, at);
    if (end.kind != HeadEnd::kNone) return end;
  }
  return {HeadEnd::kNone, 0};
}

size_t IndexLinesPlain(std::string_view head, uint32_t* ends, size_t most) {
  size_t count = 0;
  bool after_cr = false;
  for (size_t at = 0; at < head.size(); at++) {
    uint8_t c = static_cast<uint8_t>(head[at]);
    if ((c == '\n') != after_cr || (c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7F) return kBad;
    after_cr = c == '\r';
    if (c != '\n') continue;
    if (count == most) return most + 1;
    ends[count++] = static_cast<uint32_t>(at);
  }
  return after_cr ? kBad : count;
}

#if defined(__x86_64__)

// 64 bytes as three bit sets, the first byte lowest.
struct Masks {
  uint64_t control;  // below 0x20 but for HTAB, and DEL
  uint64_t cr;
  uint64_t lf;
};

// What IndexLines keeps between blocks of 64 bytes.
struct LineIndex {
  uint32_t* ends;
  size_t most;
  size_t count = 0;
  uint64_t after_cr = 0;  // 1: the block before ended in CR

  // False: a control byte, or CR and LF that are no pair.
  bool Add(const Masks& masks, size_t base) {
    uint64_t expected = masks.cr << 1 | after_cr;
    if (((masks.control & ~(masks.cr | masks.lf)) | (masks.lf ^ expected)) != 0) return false;
    after_cr = masks.cr >> 63;
    for (uint64_t lf = masks.lf; lf != 0; lf &= lf - 1) {
      if (count >= most) {
        count = most + 1;
        return true;
      }
      ends[count++] = static_cast<uint32_t>(base + static_cast<size_t>(std::countr_zero(lf)));
    }
    return true;
  }
};

struct Masks16 {
  uint32_t control, cr, lf;
};

inline Masks16 Classify16(const char* bytes) {
  __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1F)), x);
  __m128i tab = _mm_cmpeq_epi8(x, _mm_set1_epi8('\t'));
  __m128i control = _mm_or_si128(_mm_andnot_si128(tab, low), _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7F)));
  return {static_cast<uint32_t>(_mm_movemask_epi8(control)),
          static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\r')))),
          static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n'))))};
}

inline Masks ClassifySse2(const char* block) {
  Masks16 a = Classify16(block), b = Classify16(block + 16), c = Classify16(block + 32), d = Classify16(block + 48);
  auto join = [](uint64_t p, uint64_t q, uint64_t r, uint64_t s) { return p | q << 16 | r << 32 | s << 48; };
  return {join(a.control, b.control, c.control, d.control), join(a.cr, b.cr, c.cr, d.cr), join(a.lf, b.lf, c.lf, d.lf)};
}

MG_AVX2 inline uint64_t Bits(__m256i low, __m256i high) {
  return static_cast<uint32_t>(_mm256_movemask_epi8(low)) | uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(high))}
                                                                << 32;
}

MG_AVX2 inline __m256i ControlBytes(__m256i x) {
  __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(0x1F)), x);
  __m256i tab = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\t'));
  return _mm256_or_si256(_mm256_andnot_si256(tab, low), _mm256_cmpeq_epi8(x, _mm256_set1_epi8(0x7F)));
}

MG_AVX2 inline Masks ClassifyAvx2(const char* block) {
  __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block));
  __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32));
  __m256i cr = _mm256_set1_epi8('\r'), lf = _mm256_set1_epi8('\n');
  return {Bits(ControlBytes(a), ControlBytes(b)), Bits(_mm256_cmpeq_epi8(a, cr), _mm256_cmpeq_epi8(b, cr)),
          Bits(_mm256_cmpeq_epi8(a, lf), _mm256_cmpeq_epi8(b, lf))};
}

// The last, shorter block: read together with bytes before it, which are shifted out, or from a copy.
struct Tail {
  char copy[64];
  const char* block = copy;
  int shift = 0;
  Tail(std::string_view head, size_t at) {
    if (head.size() >= 64) {
      block = head.data() + head.size() - 64;
      shift = static_cast<int>(64 - (head.size() - at));
    } else {
      std::memset(copy, ' ', sizeof(copy));
      std::memcpy(copy, head.data() + at, head.size() - at);
    }
  }
  Masks Cut(const Masks& masks) const { return {masks.control >> shift, masks.cr >> shift, masks.lf >> shift}; }
};

size_t IndexLinesSse2(std::string_view head, uint32_t* ends, size_t most) {
  LineIndex index{ends, most};
  size_t at = 0;
  for (; head.size() - at >= 64; at += 64) {
    if (!index.Add(ClassifySse2(head.data() + at), at)) return kBad;
    if (index.count > most) return index.count;
  }
  if (at == head.size()) return index.after_cr == 0 ? index.count : kBad;
  Tail tail(head, at);
  return index.Add(tail.Cut(ClassifySse2(tail.block)), at) ? index.count : kBad;
}

MG_AVX2 size_t IndexLinesAvx2(std::string_view head, uint32_t* ends, size_t most) {
  LineIndex index{ends, most};
  size_t at = 0;
  for (; head.size() - at >= 64; at += 64) {
    if (!index.Add(ClassifyAvx2(head.data() + at), at)) return kBad;
    if (index.count > most) return index.count;
  }
  if (at == head.size()) return index.after_cr == 0 ? index.count : kBad;
  Tail tail(head, at);
  return index.Add(tail.Cut(ClassifyAvx2(tail.block)), at) ? index.count : kBad;
}

HeadEnd FindHeadEndSse2(std::string_view bytes, size_t from) {
  for (; bytes.size() - from >= 16; from += 16) {
    __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + from));
    uint32_t lf = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n'))));
    for (; lf != 0; lf &= lf - 1) {
      HeadEnd end = JudgeLf(bytes, from + static_cast<size_t>(std::countr_zero(lf)));
      if (end.kind != HeadEnd::kNone) return end;
    }
  }
  return FindHeadEndPlain(bytes, from);
}

MG_AVX2 HeadEnd FindHeadEndAvx2(std::string_view bytes, size_t from) {
  for (; bytes.size() - from >= 32; from += 32) {
    __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes.data() + from));
    uint32_t lf = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, _mm256_set1_epi8('\n'))));
    for (; lf != 0; lf &= lf - 1) {
      HeadEnd end = JudgeLf(bytes, from + static_cast<size_t>(std::countr_zero(lf)));
      if (end.kind != HeadEnd::kNone) return end;
    }
  }
  return FindHeadEndPlain(bytes, from);
}

constexpr Kernels kKernels[] = {
    {"avx2", IndexLinesAvx2, FindHeadEndAvx2},
    {"sse2", IndexLinesSse2, FindHeadEndSse2},
    {"plain", IndexLinesPlain, FindHeadEndPlain},
};

std::span<const Kernels> Supported() {
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
  return std::span(kKernels).subspan(avx2 ? 0 : 1);
}

#else

constexpr Kernels kKernels[] = {{"plain", IndexLinesPlain, FindHeadEndPlain}};

std::span<const Kernels> Supported() { return kKernels; }

#endif

const Kernels kBest = Supported().front();

}  // namespace

size_t IndexLines(std::string_view head, uint32_t* ends, size_t most) { return kBest.index_lines(head, ends, most); }

HeadEnd FindHeadEnd(std::string_view bytes, size_t from) { return kBest.find_head_end(bytes, from); }

std::span<const Kernels> SupportedKernels() { return Supported(); }

size_t TokenLength(std::string_view text) {
  size_t at = 0;
#if defined(__x86_64__)
  for (; text.size() - at >= 16; at += 16) {
    __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    __m128i letter = _mm_sub_epi8(_mm_or_si128(x, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter);
    __m128i digit = _mm_sub_epi8(x, _mm_set1_epi8('0'));
    digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
    __m128i good = _mm_or_si128(_mm_or_si128(letter, digit), _mm_cmpeq_epi8(x, _mm_set1_epi8('-')));
    uint32_t other = static_cast<uint32_t>(_mm_movemask_epi8(good)) ^ 0xFFFF;
    if (other == 0) continue;
    at += static_cast<size_t>(std::countr_zero(other));
    break;
  }
#endif
  while (at < text.size() && kTokenByte[static_cast<uint8_t>(text[at])]) at++;
  return at;
}

bool AllTargetBytes(std::string_view text) {
  size_t at = 0;
#if defined(__x86_64__)
  for (; text.size() - at >= 16; at += 16) {
    __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    __m128i offset = _mm_sub_epi8(x, _mm_set1_epi8(0x21));
    __m128i visible = _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(0x7E - 0x21)), offset);
    if (_mm_movemask_epi8(_mm_andnot_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('#')), visible)) != 0xFFFF) return false;
  }
#endif
  for (; at < text.size(); at++) {
    if (text[at] < 0x21 || text[at] > 0x7E || text[at] == '#') return false;
  }
  return true;
}

}  // namespace mg::http::scan
