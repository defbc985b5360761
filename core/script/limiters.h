// The token buckets of all rate_limit policies. One per process: they outlive generations, so that a reload forgives
// nothing. Any thread.
#pragma once

#include "store/token_bucket.h"

namespace mg::script {

store::TokenBuckets& Limiters();

}  // namespace mg::script
