// The access log: a line a request, made from the compiled format, handed to the log writer.
#include "proxy/access_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/json.h"
#include "proxy/pipeline.h"
#include "proxy/variables.h"

namespace mg::proxy {

namespace {

using Kind = config::Expression::Kind;

constexpr std::string_view kCombined =
    "{remote_addr} - {consumer} [{time_local}] \"{request_line}\" {status} {bytes_sent} \"{referer}\" \"{user_agent}\"";

constexpr std::string_view kJsonFields[] = {"time_iso8601",
                                            "remote_addr",
                                            "method",
                                            "scheme",
                                            "host",
                                            "request_target",
                                            "protocol",
                                            "status",
                                            "completion",
                                            "request_time",
                                            "bytes_received",
                                            "bytes_sent",
                                            "body_bytes_sent",
                                            "route",
                                            "consumer",
                                            "request_id",
                                            "upstream",
                                            "upstream_addr",
                                            "upstream_status",
                                            "upstream_connect_time",
                                            "upstream_header_time",
                                            "upstream_response_time",
                                            "attempts",
                                            "error",
                                            "referer",
                                            "user_agent",
                                            "tls_version",
                                            "generation",
                                            "connection",
                                            "connection_requests"};

constexpr std::string_view kNumbers[] = {
    "attempts",    "body_bytes_received", "body_bytes_sent", "bytes_received", "bytes_sent",
    "connection",  "connection_requests", "generation",      "loop",           "pid",
    "remote_port", "request_time",        "server_port",     "status",         "time_unix"};

bool IsNumber(std::string_view field) {
  return std::ranges::find(kNumbers, field) != std::end(kNumbers) || field.starts_with("phase_time.");
}

// What a client sent may hold anything: a line stays one line of printable ASCII (nginx's way, \xHH).
void AppendEscaped(std::string& line, std::string_view text) {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      line += c;
    } else {
      fmt::format_to(std::back_inserter(line), "\\x{:02X}", byte);
    }
  }
}

LogNeeds NeedsOf(const config::Expression& expression) {
  bool variable = expression.kind == Kind::kBuiltin || expression.kind == Kind::kVar;
  if (expression.kind == Kind::kPhaseTime) return kNeedsPhaseTimes;
  bool upstream_head = expression.kind == Kind::kVar && expression.name.starts_with("upstream_http_");
  if (expression.kind == Kind::kUpstreamHeader || upstream_head) return kNeedsUpstreamHead;
  return variable && (expression.name == "server_addr" || expression.name == "server_port") ? kNeedsLocalAddress : 0;
}

}  // namespace

AccessLog::AccessLog(const config::AccessLog& conf) : conf_(&conf) {
  if (conf.format != "json") {
    AddTemplate(conf.format == "combined" ? kCombined : std::string_view(conf.format));
  } else if (conf.fields.empty()) {
    AddFields({std::begin(kJsonFields), std::end(kJsonFields)});
  } else {
    AddFields(conf.fields);
  }
  for (const Piece& piece : pieces_) {
    if (piece.as != As::kLiteral) needs_ |= NeedsOf(piece.expression);
  }
}

void AccessLog::AddTemplate(std::string_view format) {
  Result<config::Template> parsed = config::Template::Parse(format, config::TemplateUse::kLog);
  MG_CHECK(parsed);  // the configuration was checked
  for (const config::Template::Piece& piece : parsed->pieces()) {
    if (piece.is_literal) {
      AddLiteral(piece.literal);
    } else {
      pieces_.push_back({As::kText, "", piece.expression});
    }
  }
}

void AccessLog::AddFields(const std::vector<std::string>& fields) {
  char before = '{';
  for (const std::string& field : fields) {
    std::string literal(1, before);
    before = ',';
    Result<config::Expression> expression = config::ParseExpression(field, config::TemplateUse::kLog);
    MG_CHECK(expression);
    AppendJsonString(literal, field);
    literal += ':';
    AddLiteral(std::move(literal));
    pieces_.push_back({IsNumber(field) ? As::kNumber : As::kString, "", *expression});
  }
  AddLiteral("}");
}

void AccessLog::Append(Exchange& x, std::string& line) const {
  for (const Piece& piece : pieces_) {
    if (piece.as == As::kLiteral) {
      line += piece.literal;
      continue;
    }
    std::string_view value = Evaluate(x, piece.expression);
    switch (piece.as) {
      case As::kString: AppendJsonString(line, value); break;
      case As::kNumber: line += value.empty() ? std::string_view("null") : value; break;
      default:
        if (value.empty()) {
          line += '-';
        } else {
          AppendEscaped(line, value);
        }
    }
  }
}

const LogSet* LogsOf(const Exchange& x) {
  const Snapshot& snapshot = x.snapshot();
  size_t set = x.route != nullptr ? x.route->log_set : 0;
  return set < snapshot.log_sets.size() ? &snapshot.log_sets[set] : nullptr;
}

void WriteAccessLog(Exchange& x) {
  const LogSet* set = LogsOf(x);
  if (set == nullptr || x.context.access_log == nullptr) return;
  thread_local std::string line;  // keeps its memory
  for (const AccessLog* log : set->logs) {
    line.clear();
    log->Append(x, line);
    x.context.access_log->Write(log->output, line);
  }
  if (line.capacity() > 65536) line.shrink_to_fit();
}

}  // namespace mg::proxy
