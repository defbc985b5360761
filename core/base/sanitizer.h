// Which sanitizer this build runs under: for tests that cannot hold there.
#pragma once

namespace mg {

#ifdef __SANITIZE_ADDRESS__
constexpr bool kUnderAsan = true;  // memory is not told truly; it needs descriptors of its own
#else
constexpr bool kUnderAsan = false;
#endif

#ifdef __SANITIZE_THREAD__
constexpr bool kUnderTsan = true;  // nor here; signals come late
#else
constexpr bool kUnderTsan = false;
#endif

}  // namespace mg
