#include "config/template.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "config/syntax.h"

namespace mg::config {
namespace {

using Kind = Expression::Kind;

enum class Name : uint8_t { kNone, kOptional, kRequired };

struct Row {
  std::string_view word;
  Kind kind;
  Name name = Name::kNone;
  TemplateUse use = TemplateUse::kRequest;
  std::string_view variable = {};  // of kBuiltin
};

constexpr Row LogVariable(std::string_view word, std::string_view variable) {
  return {word, Kind::kBuiltin, Name::kNone, TemplateUse::kLog, variable};
}

constexpr Row kRows[] = {
    {"consumer", Kind::kConsumer},
    {"route", Kind::kRoute},
    {"remote_addr", Kind::kRemoteAddr},
    {"method", Kind::kMethod},
    {"host", Kind::kHost},
    {"path", Kind::kPath, Name::kOptional},
    {"header", Kind::kHeader, Name::kRequired},
    {"query", Kind::kQuery, Name::kRequired},
    {"cookie", Kind::kCookie, Name::kRequired},
    {"claim", Kind::kClaim, Name::kRequired},
    {"var", Kind::kVar, Name::kRequired},
    {"request_id", Kind::kRequestId},
    {"uri", Kind::kUri},
    {"scheme", Kind::kScheme},
    {"protocol", Kind::kProtocol},
    {"tls", Kind::kTls, Name::kRequired},
    {"status", Kind::kStatus, Name::kNone, TemplateUse::kLog},
    {"bytes_sent", Kind::kBytesSent, Name::kNone, TemplateUse::kLog},
    {"bytes_received", Kind::kBytesReceived, Name::kNone, TemplateUse::kLog},
    {"request_time", Kind::kRequestTime, Name::kNone, TemplateUse::kLog},
    {"upstream_time", Kind::kUpstreamTime, Name::kNone, TemplateUse::kLog},
    {"upstream_addr", Kind::kUpstreamAddr, Name::kNone, TemplateUse::kLog},
    {"upstream_status", Kind::kUpstreamStatus, Name::kNone, TemplateUse::kLog},
    {"time_iso8601", Kind::kTimeIso8601, Name::kNone, TemplateUse::kLog},
    {"time_local", Kind::kTimeLocal, Name::kNone, TemplateUse::kLog},
    {"user_agent", Kind::kUserAgent, Name::kNone, TemplateUse::kLog},
    {"referer", Kind::kReferer, Name::kNone, TemplateUse::kLog},
    {"generation", Kind::kGeneration, Name::kNone, TemplateUse::kLog},
    {"request_line", Kind::kRequestLine, Name::kNone, TemplateUse::kLog},
    {"tls_version", Kind::kTlsVersion, Name::kNone, TemplateUse::kLog},
    {"tls_cipher", Kind::kTlsCipher, Name::kNone, TemplateUse::kLog},
    {"response_header", Kind::kResponseHeader, Name::kRequired, TemplateUse::kLog},
    {"upstream_header", Kind::kUpstreamHeader, Name::kRequired, TemplateUse::kLog},
    {"phase_time", Kind::kPhaseTime, Name::kRequired, TemplateUse::kLog},
    LogVariable("attempts", "upstream_attempts"),
    LogVariable("body_bytes_received", "body_bytes_received"),
    LogVariable("body_bytes_sent", "body_bytes_sent"),
    LogVariable("completion", "completion"),
    LogVariable("connection", "connection"),
    LogVariable("connection_requests", "connection_requests"),
    LogVariable("error", "error"),
    LogVariable("hostname", "hostname"),
    LogVariable("loop", "loop"),
    LogVariable("peer_addr", "peer_addr"),
    LogVariable("pid", "pid"),
    LogVariable("remote_port", "remote_port"),
    LogVariable("request_target", "request_uri"),
    LogVariable("server_addr", "server_addr"),
    LogVariable("server_port", "server_port"),
    LogVariable("time_unix", "msec"),
    LogVariable("tls_resumed", "ssl_session_reused"),
    LogVariable("tls_server_name", "ssl_server_name"),
    LogVariable("upstream", "upstream"),
    LogVariable("upstream_connect_time", "upstream_connect_time"),
    LogVariable("upstream_header_time", "upstream_header_time"),
    LogVariable("upstream_response_time", "upstream_response_time"),
};

constexpr std::string_view kPhases[] = {"rewrite", "access", "content", "balance", "header_filter", "body_filter"};

bool IsHeaderKind(Kind kind) {
  return kind == Kind::kHeader || kind == Kind::kResponseHeader || kind == Kind::kUpstreamHeader;
}

// What `tls.NAME` may name, and the variable it is.
constexpr std::pair<std::string_view, std::string_view> kTlsNames[] = {
    {"version", "ssl_protocol"},
    {"cipher", "ssl_cipher"},
    {"alpn", "ssl_alpn_protocol"},
    {"server_name", "ssl_server_name"},
    {"resumed", "ssl_session_reused"},
    {"client.verify", "ssl_client_verify"},
    {"client.subject", "ssl_client_s_dn"},
    {"client.issuer", "ssl_client_i_dn"},
    {"client.serial", "ssl_client_serial"},
    {"client.san", "ssl_client_san"},
    {"client.fingerprint", "ssl_client_fingerprint_sha256"},
    {"client.cert", "ssl_client_escaped_cert"},
};

Result<Expression> TlsExpression(std::string_view name) {
  std::vector<std::string_view> known;
  for (const auto& [word, variable] : kTlsNames) {
    if (word == name) return Expression{Kind::kTls, std::string(variable)};
    known.push_back(word);
  }
  std::string message = fmt::format("unknown expression \"tls.{}\"", name.substr(0, 80));
  std::string_view nearest = Nearest(name, known);
  if (!nearest.empty()) message += fmt::format("; did you mean \"tls.{}\"?", nearest);
  return Fail(ErrorCode::kInvalid, std::move(message));
}

std::string CheckName(Kind kind, std::string_view name) {
  bool plain = true;
  for (char c : name) plain = plain && static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '{' && c != '}';
  if (!plain) return "a name holds no spaces and no braces";
  if ((IsHeaderKind(kind) || kind == Kind::kCookie) && !IsToken(name)) return "not a name of a header or a cookie";
  if (kind == Kind::kPhaseTime && std::ranges::find(kPhases, name) == std::end(kPhases))
    return "the phases are rewrite, access, content, balance, header_filter and body_filter";
  bool group = kind == Kind::kPath && ParseDecimal<uint32_t>(name).value_or(0) > 0;  // of a regular expression
  if ((kind == Kind::kPath || kind == Kind::kVar) && !group && !IsIdentifier(name))
    return "a name has letters, digits and _ only";
  return "";
}

}  // namespace

Result<Expression> ParseExpression(std::string_view text, TemplateUse use) {
  size_t dot = text.find('.');
  std::string_view word = text.substr(0, dot);
  const Row* row = nullptr;
  for (const Row& candidate : kRows) {
    if (candidate.word == word) row = &candidate;
  }
  if (row == nullptr) {
    std::vector<std::string_view> known;
    for (const Row& candidate : kRows) {
      if (candidate.use == TemplateUse::kRequest || use == TemplateUse::kLog) known.push_back(candidate.word);
    }
    std::string message = fmt::format("unknown expression \"{}\"", text.substr(0, 80));
    std::string_view nearest = Nearest(word, known);
    if (!nearest.empty()) message += fmt::format("; did you mean \"{}\"?", nearest);
    return Fail(ErrorCode::kInvalid, std::move(message));
  }
  if (row->use == TemplateUse::kLog && use == TemplateUse::kRequest) {
    return Fail(ErrorCode::kInvalid, fmt::format("\"{}\" is known in access logs only", word));
  }
  Expression expression{row->kind, std::string(row->variable)};
  if (dot == std::string_view::npos) {
    if (row->name == Name::kRequired)
      return Fail(ErrorCode::kInvalid, fmt::format("\"{0}\" needs a name: {0}.NAME", word));
    return expression;
  }
  std::string_view name = text.substr(dot + 1);
  if (row->name == Name::kNone) return Fail(ErrorCode::kInvalid, fmt::format("\"{}\" takes no name", word));
  if (name.empty()) return Fail(ErrorCode::kInvalid, fmt::format("\"{0}.\" needs a name: {0}.NAME", word));
  if (std::string why = CheckName(row->kind, name); !why.empty()) {
    return Fail(ErrorCode::kInvalid, fmt::format("\"{}\": {}", text.substr(0, 80), why));
  }
  if (row->kind == Kind::kTls) return TlsExpression(name);
  expression.name = IsHeaderKind(row->kind) ? Lower(name) : std::string(name);
  return expression;
}

Result<Template> Template::Parse(std::string_view text, TemplateUse use) {
  Template parsed;
  std::string literal;
  auto flush = [&] {
    if (!literal.empty()) parsed.pieces_.push_back({std::move(literal), {}, true});
    literal.clear();
  };
  while (!text.empty()) {
    size_t open = text.find('{');
    literal.append(text.substr(0, open));
    if (open == std::string_view::npos) break;
    if (text.substr(open).starts_with("{{")) {
      literal += '{';
      text.remove_prefix(open + 2);
      continue;
    }
    size_t close = text.find('}', open);
    if (close == std::string_view::npos) {
      return Fail(ErrorCode::kInvalid, "\"{\" without \"}\"; \"{{\" stands for a brace");
    }
    Result<Expression> expression = ParseExpression(text.substr(open + 1, close - open - 1), use);
    if (!expression) {
      std::string message = expression.error().message;
      if (close == open + 1) message = "\"{}\" is empty";
      return Fail(ErrorCode::kInvalid, message + "; \"{{\" stands for a brace");
    }
    flush();
    parsed.pieces_.push_back({"", std::move(*expression), false});
    text.remove_prefix(close + 1);
  }
  flush();
  return parsed;
}

}  // namespace mg::config
