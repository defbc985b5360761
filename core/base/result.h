// Result and Error: the one shape of failure in Moongate. Nothing here throws; a broken invariant is MG_CHECK, which
// aborts (the supervisor starts a new worker), and input from the network or a user is never an invariant.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace mg {

enum class ErrorCode : uint8_t {
  kInvalid,      // input that breaks its format
  kTooLarge,     // input past a limit
  kTimeout,      // a deadline passed
  kConnect,      // a connection could not be made
  kReset,        // a connection ended before its work did
  kProtocol,     // a peer broke the protocol
  kTls,          // a handshake or a certificate failed
  kResolve,      // a name has no address
  kNotFound,     // what was named does not exist
  kUnavailable,  // nothing that could serve it: no healthy target, an open breaker, a queue that is full
  kDenied,       // refused on purpose
  kCancelled,    // whoever asked has gone
  kScript,       // an error in a script
  kSystem,       // the operating system refused
  kInternal,
};

// Whose fault it was.
enum class Origin : uint8_t { kDownstream, kUpstream, kGateway };

enum class Retryable : bool { kNo, kYes };

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  Origin where = Origin::kGateway;
  Retryable retryable = Retryable::kNo;
  std::string message;  // for the log: may name addresses, never secrets; clients never see it
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> Fail(ErrorCode code, std::string message, Origin where = Origin::kGateway,
                                   Retryable retryable = Retryable::kNo) {
  return std::unexpected<Error>(Error{code, where, retryable, std::move(message)});
}

// "connect", "timeout", ...: for logs, metrics and the access log.
std::string_view ErrorCodeName(ErrorCode code);

// "LABEL: strerror(errno)" as a kSystem error.
std::unexpected<Error> FailErrno(std::string_view label);

[[noreturn]] void CheckFailed(const char* expression, const char* file, int line);

}  // namespace mg

// Aborts when an invariant of our own is broken. On in every build.
#define MG_CHECK(expression) \
  (static_cast<bool>(expression) ? void(0) : ::mg::CheckFailed(#expression, __FILE__, __LINE__))
