#include "base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace mg {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid: return "invalid";
    case ErrorCode::kTooLarge: return "too_large";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kConnect: return "connect";
    case ErrorCode::kReset: return "reset";
    case ErrorCode::kProtocol: return "protocol";
    case ErrorCode::kTls: return "tls";
    case ErrorCode::kResolve: return "resolve";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kDenied: return "denied";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kScript: return "script";
    case ErrorCode::kSystem: return "system";
    case ErrorCode::kInternal: return "internal";
  }
  return "unknown";
}

std::unexpected<Error> FailErrno(std::string_view label) {
  char text[128];
  const char* reason = strerror_r(errno, text, sizeof text);
  return Fail(ErrorCode::kSystem, std::string(label) + ": " + reason);
}

void CheckFailed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, expression);
  std::abort();
}

}  // namespace mg
