#include "store/siphash.h"

#include <sys/random.h>

#include "base/result.h"

namespace mg::store {

const SipKey& ProcessSipKey() {
  static const SipKey key = [] {
    SipKey drawn;
    MG_CHECK(getrandom(&drawn, sizeof drawn, 0) == static_cast<ssize_t>(sizeof drawn));
    return drawn;
  }();
  return key;
}

}  // namespace mg::store
