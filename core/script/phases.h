// The phases of requests as the surface's bits (MG_PHASE_*), and back.
#pragma once

#include "proxy/phase.h"
#include "script/ffi/moongate_ffi.h"

namespace mg::script {

constexpr uint32_t BitOf(proxy::Phase phase) {
  using enum proxy::Phase;
  switch (phase) {
    case kServerRewrite: return MG_PHASE_SERVER_REWRITE;
    case kSet: return MG_PHASE_SET;
    case kRewrite: return MG_PHASE_REWRITE;
    case kAccess: return MG_PHASE_ACCESS;
    case kContent: return MG_PHASE_CONTENT;
    case kBalance: return MG_PHASE_BALANCER;
    case kHeaderFilter: return MG_PHASE_HEADER_FILTER;
    case kBodyFilter: return MG_PHASE_BODY_FILTER;
    default: return MG_PHASE_LOG;
  }
}

constexpr proxy::Phase PhaseOf(uint32_t bit) {
  using enum proxy::Phase;
  switch (bit) {
    case MG_PHASE_SERVER_REWRITE: return kServerRewrite;
    case MG_PHASE_SET: return kSet;
    case MG_PHASE_REWRITE: return kRewrite;
    case MG_PHASE_ACCESS: return kAccess;
    case MG_PHASE_BALANCER: return kBalance;
    case MG_PHASE_HEADER_FILTER: return kHeaderFilter;
    case MG_PHASE_BODY_FILTER: return kBodyFilter;
    case MG_PHASE_LOG: return kLog;
    default: return kContent;
  }
}

}  // namespace mg::script
