// Expressions ("header.X-User") and templates ("/internal/{path.id}"): their syntax, checked when the configuration is
// loaded. What they evaluate to is the proxy's matter. Immutable values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mg::config {

// What is known when it is evaluated: a log line is written when all is over.
enum class TemplateUse : uint8_t { kRequest, kLog };

struct Expression {
  enum class Kind : uint8_t {
    // Of the request.
    kConsumer,
    kRoute,
    kRemoteAddr,
    kMethod,
    kHost,
    kPath,  // without a name the whole path, with one a parameter of the route's path ("rest": what * matched)
    kHeader,
    kQuery,
    kCookie,
    kClaim,
    kVar,  // with a name; a header's is in lower case
    kRequestId,
    kUri,
    kScheme,
    kProtocol,  // uri: path and query as sent; protocol: HTTP/1.1
    kTls,       // with the name of the variable that holds it: "ssl_client_verify"
    // In access logs only.
    kBuiltin,         // a variable of the gateway's own, by its name there
    kResponseHeader,  // with a name, as sent to the client; kUpstreamHeader: as it came
    kUpstreamHeader,
    kPhaseTime,  // with a phase's name
    kStatus,
    kBytesSent,
    kBytesReceived,
    kRequestTime,
    kUpstreamTime,
    kUpstreamAddr,
    kUpstreamStatus,
    kTimeIso8601,
    kTimeLocal,
    kUserAgent,
    kReferer,
    kGeneration,
    kRequestLine,
    kTlsVersion,
    kTlsCipher,
  };
  Kind kind = Kind::kPath;
  std::string name;
  bool operator==(const Expression&) const = default;
};

// An error says what is wrong and, for an unknown name, which is near.
Result<Expression> ParseExpression(std::string_view text, TemplateUse use = TemplateUse::kRequest);

// A text with {expression}s; "{{" is a brace, a "}" outside an expression stands for itself.
class Template {
 public:
  struct Piece {
    std::string literal;  // where is_literal
    Expression expression;
    bool is_literal = true;
  };

  static Result<Template> Parse(std::string_view text, TemplateUse use = TemplateUse::kRequest);

  const std::vector<Piece>& pieces() const { return pieces_; }
  // Holds no expression: its text is the one piece's, or empty.
  bool constant() const { return pieces_.empty() || (pieces_.size() == 1 && pieces_[0].is_literal); }

 private:
  std::vector<Piece> pieces_;
};

}  // namespace mg::config
