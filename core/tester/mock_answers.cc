#include "tester/mock_answers.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/strings.h"
#include "tester/sections.h"

namespace mg::tester {
namespace {

std::unexpected<Error> Bad(std::string message) { return Fail(ErrorCode::kInvalid, std::move(message)); }

bool IsMethod(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
}

Result<void> ReadOption(std::string_view word, MockAnswer& answer) {
  size_t equals = word.find('=');
  std::string_view name = word.substr(0, equals);
  std::string_view value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
  auto number = ParseDecimal<size_t>(value);
  if (name == "delay" && ParseTime(value)) {
    answer.delay = *ParseTime(value);
  } else if (name == "cut" && number) {
    answer.cut = *number;
  } else if (name == "split" && number && *number > 0) {
    answer.split = *number;
  } else if (word == "chunked") {
    answer.chunked = true;
  } else if (word == "close") {
    answer.close = true;
  } else if (word == "early") {
    answer.early = true;
  } else {
    return Bad(
        fmt::format("\"{}\" is neither a method, nor a path, nor one of delay=TIME, cut=BYTES, split=BYTES, "
                    "chunked, close, early",
                    Escape(word)));
  }
  return {};
}

Result<void> ReadSelector(std::string_view line, MockAnswer& answer) {
  for (line = Trim(line); !line.empty(); line = Trim(line)) {
    std::string_view word = line.substr(0, line.find_first_of(" \t"));
    line.remove_prefix(word.size());
    if (word.starts_with('/')) {
      answer.prefix = word.ends_with('*');
      answer.path = answer.prefix ? word.substr(0, word.size() - 1) : word;
    } else if (IsMethod(word)) {
      answer.method = word;
    } else if (auto read = ReadOption(word, answer); !read) {
      return read;
    }
  }
  return {};
}

Result<void> ReadStatus(std::string_view line, std::string_view rest, MockAnswer& answer) {
  auto status = ParseDecimal<int>(line.substr(0, 3));
  if (!status || *status < 100 || (line.size() > 3 && line[3] != ' '))
    return Bad(fmt::format("expected a status, echo, raw, close, reset or stall, got \"{}\"", Escape(line)));
  answer.status = *status;
  answer.reason = Trim(line.substr(3));
  while (!rest.empty() && rest[0] != '\n') {
    size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view field = rest.substr(0, end);
    if (field.find(':') == std::string_view::npos)
      return Bad(fmt::format("expected \"Name: value\" or an empty line, got \"{}\"", Escape(field)));
    answer.headers.append(field).append("\r\n");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (!rest.empty()) rest.remove_prefix(1);
  answer.body = rest;
  return {};
}

Result<void> ReadAnswer(std::string_view text, MockAnswer& answer) {
  while (text.ends_with("\n\n")) text.remove_suffix(1);  // blank lines before the next ">>>"
  text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
  size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = Trim(text.substr(0, end));
  std::string_view rest = text.substr(std::min(end + 1, text.size()));
  constexpr std::array<std::pair<std::string_view, MockAnswer::Kind>, 4> kWords = {{
      {"echo", MockAnswer::Kind::kEcho},
      {"close", MockAnswer::Kind::kClose},
      {"reset", MockAnswer::Kind::kReset},
      {"stall", MockAnswer::Kind::kStall},
  }};
  for (const auto& [word, kind] : kWords) {
    if (line != word) continue;
    if (!Trim(rest).empty() && rest.find_first_not_of('\n') != std::string_view::npos)
      return Bad(fmt::format("nothing may follow \"{}\"", word));
    answer.kind = kind;
    return {};
  }
  if (line != "raw") return ReadStatus(line, rest, answer);
  Result<std::string> bytes = Unescape(rest);
  if (!bytes) return std::unexpected(bytes.error());
  answer.kind = MockAnswer::Kind::kRaw;
  answer.body = std::move(*bytes);
  return {};
}

std::string Chunked(std::string_view body) {
  std::string out;
  while (!body.empty()) {  // a chunk a line
    size_t size = std::min(body.find('\n'), body.size() - 1) + 1;
    out += fmt::format("{:x}\r\n", size);
    out.append(body.substr(0, size)).append("\r\n");
    body.remove_prefix(size);
  }
  return out + "0\r\n\r\n";
}

bool HasField(std::string_view headers, std::string_view name) {
  for (std::string_view line : SplitLines(headers)) {
    if (EqualsIgnoreCase(line.substr(0, line.find(':')), name)) return true;
  }
  return false;
}

}  // namespace

std::string MockAnswer::Encode(std::string_view request_method, std::string_view echo) const {
  if (kind == Kind::kRaw) return body;
  std::string_view content = kind == Kind::kEcho ? echo : std::string_view(body);
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n{}", status, reason.empty() ? "Mock" : reason, headers);
  if (kind == Kind::kEcho) out += "Content-Type: text/plain\r\n";
  bool has_body = status != 204 && status != 304;
  bool chunks = has_body && chunked;
  if (chunks) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (has_body && !HasField(headers, "content-length") && !HasField(headers, "transfer-encoding")) {
    out += fmt::format("Content-Length: {}\r\n", content.size());
  }
  out += "\r\n";
  if (has_body && request_method != "HEAD") out += chunks ? Chunked(content) : std::string(content);
  return out;
}

Result<AnswerBook> AnswerBook::Parse(std::string_view text) {
  AnswerBook book;
  constexpr std::string_view kOpen = ">>>";
  if (!text.starts_with(kOpen)) {
    MockAnswer& answer = book.answers_.emplace_back();
    size_t next = text.find("\n>>>");
    if (next != std::string_view::npos) return Bad("the first answer has no \">>>\" line");
    if (auto read = ReadAnswer(text, answer); !read) return std::unexpected(read.error());
    return book;
  }
  while (!text.empty()) {
    size_t next = text.find("\n>>>");
    std::string_view one = text.substr(0, next == std::string_view::npos ? next : next + 1);
    text.remove_prefix(one.size());
    MockAnswer& answer = book.answers_.emplace_back();
    size_t end = std::min(one.find('\n'), one.size());
    if (auto read = ReadSelector(one.substr(kOpen.size(), end - kOpen.size()), answer); !read)
      return std::unexpected(read.error());
    if (auto read = ReadAnswer(one.substr(std::min(end + 1, one.size())), answer); !read)
      return std::unexpected(read.error());
  }
  return book;
}

const MockAnswer* AnswerBook::Choose(std::string_view method, std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  MockAnswer* chosen = nullptr;
  int best = -1;
  for (MockAnswer& answer : answers_) {
    std::string_view compared = answer.path.find('?') == std::string::npos ? path : target;
    bool path_fits = answer.prefix ? compared.starts_with(answer.path) : compared == answer.path;
    if (!answer.method.empty() && answer.method != method) continue;
    if (!answer.path.empty() && !path_fits) continue;
    // An exact path before a prefix.
    int rank = (answer.path.empty() ? 0 : answer.prefix ? 2 : 4) + (answer.method.empty() ? 0 : 1);
    if (rank < best) continue;
    if (rank > best || (chosen != nullptr && chosen->used)) chosen = &answer;
    best = rank;
  }
  if (chosen != nullptr) chosen->used = true;
  return chosen;
}

}  // namespace mg::tester
