#include "config/yaml_hint.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include <fmt/format.h>

#include "base/strings.h"

namespace mg::config {
namespace {

constexpr std::string_view kBlank = " \t";

bool IsNameChar(char c) { return IsAlpha(c) || IsDigit(c) || c == '_' || c == '.' || c == '-' || c == ':'; }

// Where a word of a plain text ends: at a space, or at what ends it in a flow list or map.
size_t WordEnd(std::string_view line, size_t from) {
  int depth = 0;
  for (size_t i = from; i < line.size(); i++) {
    char c = line[i];
    if (c == '{') depth++;
    if (c == '}' && depth-- == 0) return i;
    if (c == ' ' || c == '\t' || c == ',' || c == ']') return i;
  }
  return line.size();
}

size_t WordBegin(std::string_view line, size_t from) {
  while (from > 0 && std::string_view(" \t,[").find(line[from - 1]) == std::string_view::npos) from--;
  return from;
}

struct Word {
  size_t begin;
  std::string_view text;
};

// A plain word such as /v1/{id}, {id}/x or ${PORT}: YAML begins a map at its brace.
std::optional<Word> WordWithBraces(std::string_view line) {
  for (size_t brace = line.find('{'); brace != std::string_view::npos; brace = line.find('{', brace + 1)) {
    size_t close = brace + 1;
    while (close < line.size() && IsNameChar(line[close])) close++;
    if (close == brace + 1 || close >= line.size() || line[close] != '}') continue;
    size_t begin = WordBegin(line, brace);
    while (begin < brace && line[begin] == '{') begin++;
    size_t end = WordEnd(line, begin);
    std::string_view word = line.substr(begin, end - begin);
    bool alone = begin == brace && end == close + 1;
    if (!alone && !word.empty() && word[0] != '"' && word[0] != '\'' && word[0] != '#') return Word{begin, word};
  }
  return std::nullopt;
}

// The key before a word, with its colon: `path: `; empty where there is none.
std::string KeyBefore(std::string_view line, size_t word) {
  std::string_view before = Trim(line.substr(0, word));
  if (!before.ends_with(':')) return "";
  size_t begin = before.size() - 1;
  while (begin > 0 && IsNameChar(before[begin - 1])) begin--;
  return std::string(before.substr(begin)) + " ";
}

YamlHint QuoteIt(std::string_view line, uint32_t number, const Word& word, std::string_view why) {
  return {number, static_cast<uint32_t>(word.begin + 1),
          fmt::format("{}, quote it: {}\"{}\"", why, KeyBefore(line, word.begin), word.text)};
}

}  // namespace

std::string_view LineOf(std::string_view text, uint32_t line) {
  size_t begin = 0;
  for (uint32_t i = 1; i < line; i++) {
    size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) return {};
    begin = end + 1;
  }
  std::string_view found = text.substr(begin, text.find('\n', begin) - begin);
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

std::optional<YamlHint> UnquotedBraces(std::string_view text, uint32_t line) {
  std::string_view whole = LineOf(text, line);
  auto word = WordWithBraces(whole);
  if (!word) return std::nullopt;
  return QuoteIt(whole, line, *word, "an unquoted \"{\" begins a map");
}

YamlHint ExplainUnknownAlias(std::string_view text, uint32_t line, uint32_t column) {
  std::string_view whole = LineOf(text, line);
  if (auto braces = UnquotedBraces(text, line)) return *braces;
  size_t at = std::min<size_t>(column - 1, whole.size());
  return QuoteIt(whole, line, {at, whole.substr(at, WordEnd(whole, at) - at)},
                 "an unquoted \"*\" begins an alias, and no anchor has that name: if it is meant as text");
}

YamlHint ExplainYamlError(std::string_view text, const YamlFailure& failure) {
  std::string_view line = LineOf(text, failure.line);
  size_t at = failure.column > 0 ? failure.column - 1 : 0;
  char c = at < line.size() ? line[at] : '\0';
  auto says = [&](std::string_view words) { return failure.problem.find(words) != std::string::npos; };
  auto here = [&](std::string message) { return YamlHint{failure.line, failure.column, std::move(message)}; };

  size_t indent = std::min(line.find_first_not_of(kBlank), line.size());
  size_t tab = line.substr(0, indent).find('\t');
  if (tab != std::string_view::npos) {
    return {failure.line, static_cast<uint32_t>(tab + 1), "a tab indents this line: YAML is indented with spaces only"};
  }
  if (failure.context == "while scanning a quoted scalar" && says("end of stream")) {
    return {failure.context_line, failure.context_column, "the quote opened here is never closed"};
  }
  if (says("unknown escape character")) {
    return here(fmt::format("unknown escape character: {}", line.substr(std::min(at + 1, line.size()), 1)));
  }
  if (auto braces = UnquotedBraces(text, failure.line)) return *braces;
  if (failure.context == "while scanning an alias") {
    return ExplainUnknownAlias(text, failure.context_line, failure.context_column);
  }
  if (c == '@' || c == '`' || c == '%') {
    return QuoteIt(line, failure.line, {at, line.substr(at, WordEnd(line, at) - at)},
                   fmt::format("a text cannot begin with \"{}\" unquoted", c));
  }
  if (failure.context.starts_with("while parsing a flow") && says("did not find expected") && failure.open_line > 0) {
    std::string_view opener = LineOf(text, failure.open_line);
    char bracket = failure.open_column <= opener.size() ? opener[failure.open_column - 1] : '[';
    if (bracket != '{') bracket = '[';
    return {failure.open_line, failure.open_column,
            fmt::format("the \"{}\" opened here is not closed before line {}, column {}", bracket, failure.line,
                        failure.column)};
  }
  if (says("mapping values are not allowed")) {
    return here("\": \" is not allowed here: quote the text it stands in, or check the indentation");
  }
  if (says("could not find expected ':'")) {
    std::string_view key = LineOf(text, failure.context_line);
    key = Trim(key.substr(std::min<size_t>(failure.context_column - 1, key.size())));
    return {failure.context_line, failure.context_column,
            fmt::format("\"{}\" has no value: write key: value, with a space after the colon", key.substr(0, 80))};
  }
  if (c == ']' || c == '}') return here(fmt::format("\"{}\" closes nothing here: quote the text it stands in", c));
  if (says("did not find expected") || says("block sequence entries are not allowed") ||
      says("mapping keys are not allowed")) {
    return here("this does not belong to what is above: check the indentation");
  }
  return here("YAML: " + failure.problem);
}

}  // namespace mg::config
