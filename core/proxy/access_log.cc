// The access log: one line a request, made from the format's template, handed to the log writer.
#include "base/json.h"
#include "proxy/pipeline.h"
#include "proxy/variables.h"

namespace mg::proxy {

namespace {

// What a client sent may hold anything: a line stays one line (nginx's way, \xHH).
void AppendEscaped(std::string& line, std::string_view text) {
  for (char c : text) {
    unsigned char byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && c != '"' && c != '\\') {
      line += c;
    } else {
      line += fmt::format("\\x{:02X}", byte);
    }
  }
}

void AppendJson(Exchange& x, std::string& line) {
  auto variable = [&](std::string_view name) { return BuiltinVariable(x, name).value_or(std::string_view()); };
  line += '{';
  for (std::string_view name :
       {"time_iso8601", "remote_addr", "request_method", "host", "request_uri", "server_protocol", "route", "consumer",
        "upstream_addr", "upstream_status", "request_id"}) {
    AppendJsonString(line, name);
    line += ':';
    AppendJsonString(line, variable(name));
    line += ',';
  }
  for (std::string_view name : {"status", "bytes_sent", "request_length", "request_time", "generation"}) {
    AppendJsonString(line, name);
    line += ':';
    line += variable(name);
    line += ',';
  }
  line += "\"user_agent\":";
  AppendJsonString(line, x.request.headers.Get(http::HeaderId::kUserAgent));
  line += '}';
}

}  // namespace

void WriteAccessLog(Exchange& x) {
  const Snapshot& snapshot = x.snapshot();
  if (!snapshot.access_log || x.context.access_log == nullptr) return;
  std::string line;
  if (snapshot.config->access_format == "json") {
    AppendJson(x, line);
  } else {
    for (const config::Template::Piece& piece : snapshot.access_format.pieces()) {
      if (piece.is_literal) {
        line += piece.literal;
        continue;
      }
      std::string_view value = Evaluate(x, piece.expression);
      if (value.empty()) value = "-";
      AppendEscaped(line, value);
    }
  }
  x.context.access_log->Write(snapshot.access_output, line);
}

}  // namespace mg::proxy
