#include "proxy/phase.h"

namespace mg::proxy {

std::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kServerRewrite: return "server_rewrite";
    case Phase::kSet: return "set";
    case Phase::kRewrite: return "rewrite";
    case Phase::kAccess: return "access";
    case Phase::kContent: return "content";
    case Phase::kBalance: return "balance";
    case Phase::kHeaderFilter: return "header_filter";
    case Phase::kBodyFilter: return "body_filter";
    case Phase::kLog: return "log";
    case Phase::kCount: break;
  }
  return "unknown";
}

}  // namespace mg::proxy
