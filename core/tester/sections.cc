#include "tester/sections.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "base/strings.h"

namespace mg::tester {
namespace {

constexpr std::string_view kSections[] = {
    // What is run.
    "config", "gateway", "user_files", "env", "upstream", "upstream_1", "upstream_2", "upstream_3", "upstream_4",
    "upstream_5", "redis", "clock", "log_level",
    // What is sent.
    "request", "requests", "pipelined_requests", "raw_request", "raw_request_middle_delay", "more_headers", "timeout",
    "abort", "shutdown", "wait", "tls",
    // What is expected.
    "response_body", "response_body_like", "response_body_unlike", "response_headers", "response_headers_like",
    "response_trailers", "raw_response_headers_like", "raw_response_headers_unlike", "error_code", "error_code_like",
    "ignore_response", "connection_closed", "no_response", "response_cut", "must_die", "error_log", "no_error_log",
    "access_log", "access_log_like", "grep_error_log", "grep_error_log_out", "upstream_requests_like",
    "upstream_requests_unlike", "upstream_request_count", "upstream_connection_count", "redis_commands",
    // What is done with the block.
    "ONLY", "SKIP", "LAST", "TODO"};

constexpr std::string_view kFilters[] = {"chomp", "trim", "lower", "bytes", "regex"};

// Test::Nginx's that have no place here, and what to do instead.
constexpr std::pair<std::string_view, std::string_view> kForeignSections[] = {
    {"http_config", "there is no nginx.conf here: write a whole configuration in --- gateway"},
    {"main_config", "there is no nginx.conf here: write a whole configuration in --- gateway"},
    {"post_main_config", "there is no nginx.conf here: write a whole configuration in --- gateway"},
    {"stream_config", "there is no nginx.conf here: write a whole configuration in --- gateway"},
    {"server_name", "send the Host you want in --- more_headers"},
    {"init", "there is no Perl here: use --- user_files, --- env or --- upstream"},
    {"skip_eval", "there is no Perl here: write --- SKIP: reason"},
    {"tcp_listen", "use --- upstream, whose address is ${UPSTREAM}"},
    {"tcp_query", "use --- upstream with --- upstream_requests_like"},
    {"tcp_reply", "use --- upstream"},
    {"udp_listen", "there are no UDP servers here"},
    {"curl", "the tester sends requests itself: leave it out"},
    {"skip_nginx", "nginx does not run here: leave it out"},
    {"no_check_leak", "leave it out"},
    {"no_shutdown_error_log", "leave it out"},
    {"shutdown_error_log", "leave it out"},
    {"stap", "leave it out"},
};

template <class Names>
std::string Unknown(std::string_view what, std::string_view name, const Names& known) {
  std::string message = fmt::format("there is no {} \"{}\"", what, Escape(name.substr(0, 64)));
  std::string_view nearest = Nearest(name.substr(0, 64), known);
  if (!nearest.empty()) message += fmt::format("; did you mean \"{}\"?", nearest);
  return message;
}

}  // namespace

std::span<const std::string_view> SectionNames() { return kSections; }

std::string WhyNotSection(std::string_view name) {
  if (std::find(std::begin(kSections), std::end(kSections), name) != std::end(kSections)) return "";
  for (const auto& [foreign, instead] : kForeignSections) {
    if (name == foreign) return fmt::format("there is no section \"{}\": {}", name, instead);
  }
  return Unknown("section", name, kSections);
}

std::string WhyNotFilter(std::string_view name) {
  if (name == "eval")
    return "there is no Perl here: write the text itself, with escapes such as \\r\\n and \\x00 and the filter "
           "\"bytes\", or a regular expression and the filter \"regex\"";
  if (std::find(std::begin(kFilters), std::end(kFilters), name) != std::end(kFilters)) return "";
  return Unknown("filter", name, kFilters);
}

Result<std::string> ApplyFilters(const Section& section) {
  std::string text = section.text;
  for (const std::string& filter : section.filters) {
    if (filter == "chomp") {
      if (text.ends_with('\n')) text.pop_back();
    } else if (filter == "trim") {
      size_t from = text.find_first_not_of(" \t\r\n");
      text = from == std::string::npos ? "" : text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
    } else if (filter == "lower") {
      text = Lower(text);
    } else if (filter == "bytes") {
      Result<std::string> bytes = Unescape(text);
      if (!bytes) return bytes;
      text = std::move(*bytes);
    }
  }
  return text;
}

Result<std::string> Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    char next = i + 1 < text.size() ? text[i + 1] : '\0';
    i++;
    switch (next) {
      case 'r': out += '\r'; break;
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case '0': out += '\0'; break;
      case '\\': out += '\\'; break;
      case '\n': break;
      case 'x': {
        int high = i + 1 < text.size() ? HexDigit(text[i + 1]) : -1;
        int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
        if (high < 0 || low < 0) return Fail(ErrorCode::kInvalid, "\\x takes two hexadecimal digits");
        out += static_cast<char>(high << 4 | low);
        i += 2;
        break;
      }
      default:
        return Fail(ErrorCode::kInvalid,
                    fmt::format("\"\\{}\" is not an escape: there are \\r \\n \\t \\0 \\\\ \\xHH, and a backslash at "
                                "the end of a line",
                                next == '\0' ? "" : Escape(std::string_view(&next, 1))));
    }
  }
  return out;
}

std::string Escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (byte < 0x20 || byte > 0x7e) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::vector<Part> SplitParts(std::string_view text) {
  constexpr std::string_view kCut = "---8<---";
  std::vector<Part> parts(1);
  size_t from = 0, line = 0;
  for (size_t at = 0; at < text.size(); line++) {
    size_t end = std::min(text.find('\n', at), text.size());
    size_t next = std::min(end + 1, text.size());
    if (text.substr(at, end - at).starts_with(kCut)) {
      parts.back().text = text.substr(from, at - from);
      parts.push_back({{}, Trim(text.substr(at + kCut.size(), end - at - kCut.size())), line + 1});
      from = next;
    }
    at = next;
  }
  parts.back().text = text.substr(from);
  return parts;
}

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::string_view> SplitWords(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::string_view line : SplitLines(text)) {
    if (line.starts_with("---8<---")) continue;
    for (line = Trim(line); !line.empty(); line = Trim(line)) {
      words.push_back(line.substr(0, line.find_first_of(" \t")));
      line.remove_prefix(words.back().size());
    }
  }
  return words;
}

std::optional<std::chrono::milliseconds> ParseTime(std::string_view text) {
  text = Trim(text);
  double unit = 1000;
  if (text.ends_with("ms")) {
    unit = 1;
    text.remove_suffix(2);
  } else if (text.ends_with('s')) {
    text.remove_suffix(1);
  }
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value) || value < 0 ||
      value * unit > 3'600'000)
    return std::nullopt;
  return std::chrono::milliseconds(static_cast<int64_t>(std::llround(value * unit)));
}

}  // namespace mg::tester
