// The text of --- redis with replies, and the commands it is held against.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/strings.h"
#include "tester/mock_redis.h"
#include "tester/sections.h"

namespace mg::tester {
namespace {

constexpr size_t kMaxWords = 1024 * 1024;
constexpr size_t kMaxCommand = 64 * 1024 * 1024;  // bytes

std::unexpected<Error> Bad(std::string message) { return Fail(ErrorCode::kInvalid, std::move(message)); }

std::string Bulk(std::string_view text) { return fmt::format("${}\r\n{}\r\n", text.size(), text); }

// "text", (integer) 1, (nil), (error) ERR text, OK.
Result<std::string> Scalar(std::string_view line) {
  if (line.starts_with('"')) {
    if (line.size() < 2 || !line.ends_with('"')) return Bad(fmt::format("a quote is missing: {}", line));
    Result<std::string> text = Unescape(line.substr(1, line.size() - 2));
    if (!text) return text;
    return Bulk(*text);
  }
  if (line == "(nil)") return std::string("$-1\r\n");
  if (line == "(empty array)") return std::string("*0\r\n");
  if (line.starts_with("(integer) ")) {
    std::string_view digits = line.substr(10);
    int64_t value = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size())
      return Bad(fmt::format("no integer: \"{}\"", line));
    return fmt::format(":{}\r\n", value);
  }
  if (line.starts_with("(error) ")) return fmt::format("-{}\r\n", line.substr(8));
  if (line.empty() || line.starts_with('('))
    return Bad(
        fmt::format("no reply: \"{}\"; there are \"text\", (integer) 1, (nil), (error) ERR text, OK, lists as 1) "
                    "2) ..., (empty array), raw, close, stall",
                    line));
  return fmt::format("+{}\r\n", line);
}

Result<void> ReadReply(RedisReply& reply, const std::vector<std::string_view>& lines) {
  if (lines.empty()) return Bad("a reply is wanted after \">>> " + CommandText(reply.words) + "\"");
  if (lines[0] == "raw") {
    std::string all;
    for (size_t i = 1; i < lines.size(); i++) all.append(i > 1 ? "\n" : "").append(lines[i]);
    Result<std::string> bytes = Unescape(all);
    if (!bytes) return std::unexpected(bytes.error());
    reply.bytes = std::move(*bytes);
    return {};
  }
  if (lines.size() == 1 && lines[0] == "close") reply.kind = RedisReply::Kind::kClose;
  if (lines.size() == 1 && lines[0] == "stall") reply.kind = RedisReply::Kind::kStall;
  if (reply.kind != RedisReply::Kind::kBytes) return {};
  bool is_list = lines[0].starts_with("1) ");
  if (!is_list && lines.size() > 1) return Bad(fmt::format("one reply is wanted, not a second: \"{}\"", lines[1]));
  if (is_list) reply.bytes = fmt::format("*{}\r\n", lines.size());
  for (size_t i = 0; i < lines.size(); i++) {
    std::string number = fmt::format("{}) ", i + 1);
    if (is_list && !lines[i].starts_with(number))
      return Bad(fmt::format("expected \"{}\", got \"{}\"", number, lines[i]));
    Result<std::string> bytes = Scalar(Trim(lines[i].substr(is_list ? number.size() : 0)));
    if (!bytes) return std::unexpected(bytes.error());
    reply.bytes += *bytes;
  }
  return {};
}

// "GET key delay=50ms".
Result<RedisReply> ReadCommand(std::string_view line) {
  Result<std::vector<std::string>> words = ParseCommandText(line);
  if (!words) return std::unexpected(words.error());
  RedisReply reply;
  if (!words->empty() && words->back().starts_with("delay=")) {
    auto time = ParseTime(std::string_view(words->back()).substr(6));
    if (!time) return Bad("delay= takes a time such as 50ms");
    reply.delay = *time;
    words->pop_back();
  }
  reply.any_more = !words->empty() && words->back() == "*";
  if (reply.any_more) words->pop_back();
  if (words->empty() && !reply.any_more) return Bad("a command is wanted after \">>>\", or *");
  reply.words = std::move(*words);
  return reply;
}

}  // namespace

Result<RedisScript> RedisScript::Parse(std::string_view text) {
  RedisScript script;
  std::vector<std::string_view> lines;
  auto finish = [&]() -> Result<void> {
    if (script.replies_.empty()) return {};
    while (!lines.empty() && Trim(lines.back()).empty()) lines.pop_back();
    return ReadReply(script.replies_.back(), lines);
  };
  for (std::string_view line : SplitLines(text)) {
    if (!line.starts_with(">>>")) {
      lines.push_back(line);
      continue;
    }
    if (auto done = finish(); !done) return std::unexpected(done.error());
    lines.clear();
    Result<RedisReply> reply = ReadCommand(Trim(line.substr(3)));
    if (!reply) return std::unexpected(reply.error());
    script.replies_.push_back(std::move(*reply));
  }
  if (auto done = finish(); !done) return std::unexpected(done.error());
  return script;
}

const RedisReply* RedisScript::Choose(const std::vector<std::string>& command) {
  RedisReply* best = nullptr;
  auto rank = [](const RedisReply& reply) { return reply.words.size() * 2 + (reply.any_more ? 0 : 1); };
  for (RedisReply& reply : replies_) {
    if (!MatchesCommand(reply.words, reply.any_more, command)) continue;
    // The first of the best that is unused, else the last of them.
    if (best == nullptr || rank(reply) > rank(*best) || (rank(reply) == rank(*best) && best->used)) best = &reply;
  }
  if (best != nullptr) best->used = true;
  return best;
}

bool MatchesCommand(const std::vector<std::string>& pattern, bool any_more, const std::vector<std::string>& command) {
  if (pattern.size() > command.size() || (!any_more && pattern.size() != command.size())) return false;
  if (pattern.empty()) return true;
  return EqualsIgnoreCase(pattern[0], command[0]) &&
         std::equal(pattern.begin() + 1, pattern.end(), command.begin() + 1);
}

std::string CommandText(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command) {
    if (!text.empty()) text += ' ';
    std::string escaped = Escape(word);
    bool plain = !word.empty() && escaped == word && word.find_first_of(" \"") == std::string::npos;
    if (plain) {
      text += word;
      continue;
    }
    text += '"';
    for (char c : escaped) text.append(c == '"' ? "\\x22" : std::string_view(&c, 1));
    text += '"';
  }
  return text;
}

Result<std::vector<std::string>> ParseCommandText(std::string_view line) {
  std::vector<std::string> words;
  for (line = Trim(line); !line.empty(); line = Trim(line)) {
    if (line[0] != '"') {
      words.emplace_back(line.substr(0, line.find_first_of(" \t")));
      line.remove_prefix(words.back().size());
      continue;
    }
    size_t end = line.find('"', 1);
    if (end == std::string_view::npos) return Bad(fmt::format("a quote is missing: {}", line));
    Result<std::string> word = Unescape(line.substr(1, end - 1));
    if (!word) return std::unexpected(word.error());
    words.push_back(std::move(*word));
    line.remove_prefix(end + 1);
  }
  return words;
}

Taken TakeCommand(std::string& bytes, std::vector<std::string>& command) {
  size_t at = 0;
  // A line "*3" or "$5" at `at`: its number.
  auto number = [&](char kind, size_t most, size_t& value) {
    size_t end = bytes.find("\r\n", at);
    if (end == std::string::npos) return bytes.size() - at > 32 ? Taken::kBroken : Taken::kMore;
    auto parsed = ParseDecimal(std::string_view(bytes).substr(at + 1, end - at - 1));
    if (bytes[at] != kind || !parsed || *parsed > most) return Taken::kBroken;
    value = static_cast<size_t>(*parsed);
    at = end + 2;
    return Taken::kCommand;
  };
  command.clear();
  if (bytes.empty()) return Taken::kMore;
  size_t count = 0, size = 0;
  if (Taken taken = number('*', kMaxWords, count); taken != Taken::kCommand) return taken;
  if (count == 0) return Taken::kBroken;
  for (size_t i = 0; i < count; i++) {
    if (at >= bytes.size()) return Taken::kMore;
    if (Taken taken = number('$', kMaxCommand, size); taken != Taken::kCommand) return taken;
    if (bytes.size() - at < size + 2) return Taken::kMore;
    if (bytes.compare(at + size, 2, "\r\n") != 0) return Taken::kBroken;
    command.push_back(bytes.substr(at, size));
    at += size + 2;
  }
  bytes.erase(0, at);
  return Taken::kCommand;
}

}  // namespace mg::tester
