#include "tester/expectations.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/strings.h"
#include "tester/pattern.h"
#include "tester/sections.h"

namespace mg::tester {
namespace {

constexpr size_t kShown = 400;  // bytes of a text in a message

// A section's text without the newline at its end.
std::string_view Line(std::string_view text) { return text.ends_with('\n') ? text.substr(0, text.size() - 1) : text; }

std::string Quoted(std::string_view text) {
  std::string out = "\"" + Escape(text.substr(0, kShown)) + "\"";
  if (text.size() > kShown) out += fmt::format(" (and {} bytes more)", text.size() - kShown);
  return out;
}

// One section's checks over several responses: what it expects of each, and failures in its name.
class SectionCheck {
 public:
  SectionCheck(const Section& section, Failures& failures)
      : section_(section), failures_(failures), parts_(SplitParts(section.text)) {}

  // Whether there is a part for each of `count` things, or one for all.
  bool Fits(size_t count, std::string_view things) {
    if (parts_.size() == 1 || parts_.size() == count) return true;
    Fail(0, fmt::format("{} parts for {} {}", parts_.size(), count, things));
    return false;
  }
  bool split() const { return parts_.size() > 1; }
  std::string_view PartOf(size_t index) const { return parts_[split() ? index : 0].text; }
  size_t LineOf(size_t index) const { return parts_[split() ? index : 0].line; }

  // `line` is relative to the section's text.
  void Fail(size_t line, std::string message, std::string_view expected = {}, std::string_view actual = {}) {
    failures_.push_back(
        {section_.text_line + line, section_.name, std::move(message), std::string(expected), std::string(actual)});
  }
  std::optional<Pattern> MakePattern(size_t line, std::string_view text, Pattern::Kind kind,
                                     Pattern::Extent extent = Pattern::Extent::kAnywhere) {
    Result<Pattern> pattern = Pattern::Make(text, kind, extent);
    if (pattern) return std::move(*pattern);
    Fail(line, pattern.error().message);
    return std::nullopt;
  }
  Pattern::Kind kind() const { return section_.HasFilter("regex") ? Pattern::Kind::kRegex : Pattern::Kind::kLiteral; }

 private:
  const Section& section_;
  Failures& failures_;
  std::vector<Part> parts_;
};

std::string Which(size_t index, size_t count) { return count > 1 ? fmt::format("response {}: ", index + 1) : ""; }

// Runs `check(section check, response, part, line, prefix)` for the section's part of each response.
template <class F>
void EachResponse(const Block& block, std::string_view name, Observed& observed, Failures& failures, F&& check) {
  const Section* section = block.Find(name);
  if (section == nullptr || observed.responses.empty()) return;
  SectionCheck each(*section, failures);
  size_t count = std::max(observed.expected_responses, observed.responses.size());
  if (!each.Fits(count, "responses")) return;
  for (size_t i = 0; i < observed.responses.size(); i++) {
    check(each, observed.responses[i], each.PartOf(i), each.LineOf(i), Which(i, count));
  }
}

void CheckStatus(const Block& block, Observed& observed, Failures& failures) {
  const Section* like = block.Find("error_code_like");
  if (like != nullptr) {
    EachResponse(block, "error_code_like", observed, failures,
                 [](SectionCheck& check, Response& r, std::string_view part, size_t line, const std::string& which) {
                   auto pattern = check.MakePattern(line, Trim(part), Pattern::Kind::kRegex);
                   if (pattern && !pattern->In(std::to_string(r.status)))
                     check.Fail(
                         line, fmt::format("{}expected a status like {}, got {}", which, Quoted(Line(part)), r.status));
                 });
    return;
  }
  const Section* section = block.Find("error_code");
  std::vector<std::string_view> codes =
      SplitWords(section == nullptr ? std::string_view("200") : std::string_view(section->text));
  size_t at = section == nullptr ? block.line : section->line;
  size_t count = std::max(observed.expected_responses, observed.responses.size());
  if (codes.size() != 1 && codes.size() != count) {
    failures.push_back({at, "error_code", fmt::format("{} codes for {} responses", codes.size(), count), "", ""});
    return;
  }
  for (size_t i = 0; i < observed.responses.size(); i++) {
    std::string_view code = codes[codes.size() == 1 ? 0 : i];
    if (std::to_string(observed.responses[i].status) == code) continue;
    failures.push_back({at, "error_code",
                        fmt::format("{}expected {}, got {}", Which(i, count), code, observed.responses[i].status), "",
                        ""});
  }
}

void CheckBodies(const Block& block, Observed& observed, Failures& failures) {
  EachResponse(block, "response_body", observed, failures,
               [](SectionCheck& check, Response& r, std::string_view part, size_t line, const std::string& which) {
                 if (r.body != part)
                   check.Fail(line, fmt::format("{}expected {}, got {}", which, Quoted(part), Quoted(r.body)), part,
                              r.body);
               });
  for (bool want : {true, false}) {
    EachResponse(block, want ? "response_body_like" : "response_body_unlike", observed, failures,
                 [&](SectionCheck& check, Response& r, std::string_view part, size_t line, const std::string& which) {
                   auto pattern = check.MakePattern(line, part, Pattern::Kind::kRegex);
                   if (pattern && pattern->In(r.body) != want)
                     check.Fail(line, fmt::format("{}the body {} match {}: {}", which, want ? "does not" : "does",
                                                  Quoted(Line(part)), Quoted(r.body)));
                 });
  }
}

// "Name: value" lines; "!Name" and "Name:" say that there is no such field.
template <class Matches>
void CheckFields(SectionCheck& check, const Fields& fields, std::string_view part, size_t line,
                 const std::string& which, Matches&& matches) {
  for (std::string_view text : SplitLines(part)) {
    size_t at = line++;
    if (Trim(text).empty()) continue;
    bool absent = text.starts_with('!');
    if (absent) text.remove_prefix(1);
    size_t colon = text.find(':');
    std::string_view name = Trim(text.substr(0, colon));
    std::string_view value = colon == std::string_view::npos ? "" : Trim(text.substr(colon + 1));
    if (colon == std::string_view::npos && !absent) {
      check.Fail(at, fmt::format("expected \"Name: value\" or \"!Name\", got {}", Quoted(text)));
      continue;
    }
    bool found = false;
    std::string actual = JoinFields(fields, name, found);
    if (absent || value.empty()) {
      if (found && (absent || !actual.empty()))
        check.Fail(at, fmt::format("{}expected no {}, got {}", which, name, Quoted(actual)));
    } else if (!found) {
      check.Fail(at, fmt::format("{}expected {}: {}, but there is none", which, name, value));
    } else if (!matches(at, value, actual)) {
      check.Fail(at, fmt::format("{}expected {}: {}, got {}", which, name, value, Quoted(actual)));
    }
  }
}

void CheckHeaders(const Block& block, Observed& observed, Failures& failures) {
  auto equal = [](size_t, std::string_view value, std::string_view actual) { return value == actual; };
  EachResponse(block, "response_headers", observed, failures,
               [&](SectionCheck& check, Response& r, std::string_view part, size_t line, const std::string& which) {
                 CheckFields(check, r.headers, part, line, which, equal);
               });
  EachResponse(block, "response_trailers", observed, failures,
               [&](SectionCheck& check, Response& r, std::string_view part, size_t line, const std::string& which) {
                 CheckFields(check, r.trailers, part, line, which, equal);
               });
  EachResponse(block, "response_headers_like", observed, failures,
               [&](SectionCheck& check, Response& r, std::string_view part, size_t line, const std::string& which) {
                 auto like = [&](size_t at, std::string_view value, std::string_view actual) {
                   auto pattern = check.MakePattern(at, value, Pattern::Kind::kRegex, Pattern::Extent::kWhole);
                   return !pattern || pattern->In(actual);
                 };
                 CheckFields(check, r.headers, part, line, which, like);
               });
  for (bool want : {true, false}) {
    EachResponse(block, want ? "raw_response_headers_like" : "raw_response_headers_unlike", observed, failures,
                 [&](SectionCheck& check, Response& r, std::string_view part, size_t line, const std::string& which) {
                   auto pattern = check.MakePattern(line, part, Pattern::Kind::kRegex);
                   if (pattern && pattern->In(r.head) != want)
                     check.Fail(line, fmt::format("{}the head {} match {}: {}", which, want ? "does not" : "does",
                                                  Quoted(Line(part)), Quoted(r.head)));
                 });
  }
}

// Whether the responses came at all, and the connection ended as it should.
void CheckArrival(const Block& block, const Observed& observed, Failures& failures) {
  auto fail = [&](size_t line, std::string_view section, std::string message) {
    failures.push_back({line, std::string(section), std::move(message), "", ""});
  };
  size_t got = observed.responses.size();
  if (const Section* none = block.Find("no_response")) {
    if (!observed.received.empty() || !observed.closed)
      fail(none->line, "no_response",
           fmt::format("expected the connection to end without a byte, got {}{}", Quoted(observed.received),
                       observed.closed ? "" : ", and it is open"));
    return;
  }
  if (const Section* cut = block.Find("response_cut")) {
    if (got == 0 || !observed.responses.back().cut)
      fail(cut->line, "response_cut", "the response was not cut off" + (got == 0 ? ": none came" : std::string()));
    if (got > observed.expected_responses)
      fail(block.line, "request", fmt::format("expected {} responses, got {}", observed.expected_responses, got));
    return;
  }
  if (!observed.protocol_error.empty()) {
    fail(block.line, "request", observed.protocol_error);
  } else if (got > observed.expected_responses) {
    fail(block.line, "request", fmt::format("expected {} responses, got {}", observed.expected_responses, got));
  } else if (got < observed.expected_responses && observed.outcome == Client::Outcome::kTimeout) {
    if (!block.Has("abort")) fail(block.line, "timeout", fmt::format("response {} did not come in time", got + 1));
  } else if (got < observed.expected_responses) {
    fail(block.line, "request", fmt::format("the connection was closed before response {}", got + 1));
  }
  const Section* closed = block.Find("connection_closed");
  if (closed != nullptr && !observed.closed) fail(closed->line, "connection_closed", "the connection stayed open");
}

}  // namespace

void CheckResponses(const Block& block, Observed& observed, Failures& failures) {
  if (block.Has("ignore_response") || observed.expected_responses == 0) return;
  CheckArrival(block, observed, failures);
  CheckStatus(block, observed, failures);
  CheckHeaders(block, observed, failures);
  CheckBodies(block, observed, failures);
}

void CheckLogHas(const Block& block, const std::vector<std::string>& log, Failures& failures) {
  if (const Section* section = block.Find("error_log")) {
    SectionCheck check(*section, failures);
    size_t line = 0;
    for (std::string_view text : SplitLines(section->text)) {
      size_t at = line++;
      if (Trim(text).empty()) continue;
      auto pattern = check.MakePattern(at, text, check.kind());
      if (pattern && std::none_of(log.begin(), log.end(), [&](const std::string& l) { return pattern->In(l); }))
        check.Fail(at, fmt::format("no line of the log has {}", Quoted(text)));
    }
  }
  const Section* section = block.Find("grep_error_log");
  const Section* expected = block.Find("grep_error_log_out");
  if (section == nullptr || expected == nullptr) return;
  SectionCheck check(*section, failures);
  auto pattern = check.MakePattern(0, section->text, check.kind());
  if (!pattern) return;
  std::string out;
  for (const std::string& line : log) {
    for (std::string_view rest = line; auto found = pattern->Find(rest);) {
      out.append(*found).append("\n");
      rest.remove_prefix(static_cast<size_t>(found->data() - rest.data()) + std::max<size_t>(found->size(), 1));
    }
  }
  if (out != expected->text)
    failures.push_back({expected->line, "grep_error_log_out",
                        fmt::format("expected {}, got {}", Quoted(expected->text), Quoted(out)), expected->text, out});
}

void CheckLogHasNot(const Block& block, const std::vector<std::string>& log, Failures& failures) {
  const Section* section = block.Find("no_error_log");
  if (section == nullptr) return;
  SectionCheck check(*section, failures);
  size_t line = 0;
  for (std::string_view text : SplitLines(section->text)) {
    size_t at = line++;
    if (Trim(text).empty()) continue;
    auto pattern = check.MakePattern(at, text, check.kind());
    auto found = std::find_if(log.begin(), log.end(), [&](const std::string& l) { return pattern && pattern->In(l); });
    if (found != log.end()) check.Fail(at, fmt::format("the log has {}: {}", Quoted(text), Quoted(*found)));
  }
}

void CheckAccessLog(const Block& block, const std::string& log, Failures& failures) {
  if (const Section* section = block.Find("access_log")) {
    std::string expected = section->text;
    if (section->in_line && !expected.empty()) expected += '\n';
    if (log != expected)
      failures.push_back({section->text_line, "access_log",
                          fmt::format("expected {}, got {}", Quoted(expected), Quoted(log)), expected, log});
  }
  const Section* section = block.Find("access_log_like");
  if (section == nullptr) return;
  SectionCheck check(*section, failures);
  std::vector<std::string_view> patterns = SplitLines(section->text), lines = SplitLines(log);
  if (patterns.size() != lines.size())
    check.Fail(0, fmt::format("expected {} lines, got {}: {}", patterns.size(), lines.size(), Quoted(log)));
  for (size_t i = 0; i < std::min(patterns.size(), lines.size()); i++) {
    auto pattern = check.MakePattern(i, patterns[i], Pattern::Kind::kRegex, Pattern::Extent::kWhole);
    if (pattern && !pattern->In(lines[i]))
      check.Fail(i, fmt::format("line {} does not match {}: {}", i + 1, Quoted(patterns[i]), Quoted(lines[i])));
  }
}

namespace {

// A list of numbers, one a mock.
void CheckCounts(const Block& block, std::string_view name, const std::vector<size_t>& counts, Failures& failures) {
  const Section* section = block.Find(name);
  if (section == nullptr) return;
  std::string actual;
  for (size_t count : counts) actual += fmt::format("{}{}", actual.empty() ? "" : " ", count);
  if (Trim(SplitLines(section->text).empty() ? "" : SplitLines(section->text)[0]) != actual)
    failures.push_back({section->line, std::string(name),
                        fmt::format("expected {}, got {}", Quoted(Trim(section->text)), Quoted(actual)), "", ""});
}

void CheckUpstreamTexts(const Block& block, const std::vector<MockRequest>& requests, Failures& failures) {
  for (bool want : {true, false}) {
    const Section* section = block.Find(want ? "upstream_requests_like" : "upstream_requests_unlike");
    if (section == nullptr) continue;
    SectionCheck check(*section, failures);
    if (want && requests.empty()) check.Fail(0, "the upstream got no request");
    if (!check.Fits(requests.size(), "requests to the upstream")) continue;
    for (size_t i = 0; i < requests.size(); i++) {
      auto pattern = check.MakePattern(check.LineOf(i), check.PartOf(i), Pattern::Kind::kRegex);
      if (pattern && pattern->In(requests[i].text) != want)
        check.Fail(check.LineOf(i), fmt::format("request {} to the upstream {} match: {}", i + 1,
                                                want ? "does not" : "does", Quoted(requests[i].text)));
    }
  }
}

}  // namespace

void CheckUpstreams(const Block& block, const Observed& observed, Failures& failures) {
  const std::vector<MockRequest>& requests = observed.upstream_requests;
  for (const MockRequest& request : requests) {
    if (!request.answered)
      failures.push_back(
          {block.line, "upstream",
           fmt::format("the mock got a request that it has no answer for: {} {}", request.method, request.target), "",
           ""});
  }
  CheckUpstreamTexts(block, requests, failures);
  std::vector<size_t> counts(observed.upstream_connections.size());
  for (const MockRequest& request : requests) counts[request.upstream]++;
  CheckCounts(block, "upstream_request_count", counts, failures);
  CheckCounts(block, "upstream_connection_count", observed.upstream_connections, failures);
}

void CheckRedis(const Block& block, const Observed& observed, Failures& failures) {
  std::string actual;
  for (const MockRedis::Received& received : observed.redis_commands) {
    std::string text = CommandText(received.command);
    actual += text + "\n";
    if (!received.answered)
      failures.push_back({block.line, "redis", "there is no reply for the command: " + text, "", ""});
  }
  const Section* section = block.Find("redis_commands");
  if (section == nullptr) return;
  auto fail = [&](std::string message) {
    failures.push_back({section->line, section->name, std::move(message), section->text, actual});
  };
  if (!observed.has_mock_redis) return fail("--- redis has no replies (\">>> COMMAND\"): a real server does not tell");
  std::vector<std::string_view> lines = SplitLines(section->text);
  std::erase_if(lines, [](std::string_view line) { return Trim(line).empty(); });
  for (size_t i = 0; i < std::max(lines.size(), observed.redis_commands.size()); i++) {
    if (i >= lines.size()) return fail("there came more: " + CommandText(observed.redis_commands[i].command));
    if (i >= observed.redis_commands.size()) return fail(fmt::format("did not come: {}", Trim(lines[i])));
    Result<std::vector<std::string>> words = ParseCommandText(lines[i]);
    if (!words) return fail(words.error().message);
    bool any_more = !words->empty() && words->back() == "*";
    if (any_more) words->pop_back();
    const std::vector<std::string>& command = observed.redis_commands[i].command;
    if (!MatchesCommand(*words, any_more, command))
      return fail(fmt::format("expected {}, got {}", Trim(lines[i]), CommandText(command)));
  }
}

}  // namespace mg::tester
