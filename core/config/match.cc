// match: which requests a route is for.
#include <algorithm>

#include <fmt/format.h>

#include "base/strings.h"
#include "config/build.h"
#include "config/section.h"
#include "config/syntax.h"

namespace mg::config {

using namespace build;  // NOLINT: the tables read better

namespace {

// What is wrong with a path that is no regular expression; empty: nothing.
std::string CheckPathText(std::string_view path) {
  if (!path.starts_with('/')) return "a path begins with /";
  for (char c : path) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return "a path holds no spaces and no control characters";
    if (c == '?' || c == '#') return fmt::format("a path holds no \"{}\": a query is matched by match.query", c);
  }
  if (path.find("//") != std::string_view::npos) return "\"//\" never matches: paths are normalised first";
  for (std::string_view rest = path; !rest.empty();) {
    size_t slash = rest.find('/', 1);
    std::string_view segment = rest.substr(1, slash == std::string_view::npos ? slash : slash - 1);
    if (segment == "." || segment == "..")
      return fmt::format("\"/{}/\" never matches: paths are normalised first", segment);
    rest = slash == std::string_view::npos ? "" : rest.substr(slash);
  }
  return "";
}

std::string CheckSegments(std::string_view path) {
  std::vector<std::string_view> names;
  while (!path.empty()) {
    size_t slash = path.find('/', 1);
    std::string_view segment = path.substr(1, slash == std::string_view::npos ? slash : slash - 1);
    bool last = slash == std::string_view::npos;
    path = last ? "" : path.substr(slash);
    if (segment == "*" && last) {
      segment = "{rest}";  // what it matched
    } else if (segment.find('*') != std::string_view::npos) {
      return "\"*\" is only the whole last segment: /p/*";
    }
    if (segment.find_first_of("{}") == std::string_view::npos) continue;
    std::string_view name = segment.substr(1, segment.size() < 2 ? 0 : segment.size() - 2);
    if (!segment.starts_with('{') || !segment.ends_with('}') || name.find_first_of("{}") != std::string_view::npos) {
      return "a parameter is a whole segment: /p/{name}";
    }
    if (!IsIdentifier(name)) return fmt::format("\"{}\" is not a parameter's name: letters, digits and _", name);
    if (std::find(names.begin(), names.end(), name) != names.end())
      return fmt::format("the parameter \"{}\" is given twice", name);
    names.push_back(name);
  }
  return "";
}

std::string CheckPath(std::string_view path) {
  if (path.starts_with('~')) {
    std::string_view expression = Trim(path.substr(path.starts_with("~*") ? 2 : 1));
    return expression.empty() ? "an empty regular expression" : "";
  }
  if (path.starts_with("^~")) return CheckPathText(Trim(path.substr(2)));
  if (path.starts_with('=')) return "an exact path is written as it is, without \"=\"";
  std::string why = CheckPathText(path);
  return why.empty() ? CheckSegments(path) : why;
}

std::vector<Condition> ReadConditions(const Value& value, const std::string& path, bool headers, Reading& reading) {
  std::vector<Condition> conditions;
  for (const auto& [name, wanted] : value.entries) {
    Condition condition;
    condition.name = headers ? Lower(name) : name;
    if (headers && !IsToken(name))
      reading.diagnostics.Error(KeyPosition(value, name), path, fmt::format("\"{}\" is not a header's name", name));
    condition.value = wanted.text;
    if (wanted.kind == Value::Kind::kMap) {
      if (const Value* present = wanted.Find("present")) {
        condition.kind = present->boolean ? Condition::Kind::kPresent : Condition::Kind::kAbsent;
      } else if (const Value* regex = wanted.Find("regex")) {
        condition.kind = Condition::Kind::kRegex;
        condition.value = regex->text;
      }
    }
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

Schema ConditionsSchema(std::string doc) {
  return MapOf(std::move(doc),
               Text("").Or(Map("",
                               {
                                   {"present", Bool("Whether it must be there, whatever it holds; `false`: must not.")},
                                   {"regex", Text("A regular expression (PCRE2) that it must match.")
                                                 .AtLeast(1)
                                                 .Keep(Schema::Environment::kKeep)},
                               })
                               .ExactlyOneOf({"present", "regex"})));
}

}  // namespace

Schema MatchSchema() {
  return Map("Which requests it is for: all that is given must be so.",
             {
                 {"hosts", OneOrMore("Names, `*.example.com` for all below one; any host where none is given.",
                                     Text("").AtLeast(1))},
                 {"path",
                  Text("`/exact`, `/with/{name}`, `/prefix/*`, `^~ /raw-prefix`, `~ REGEX`, `~* REGEX` (without case).")
                      .AtLeast(1)
                      .Keep(Schema::Environment::kUnlessRegex)
                      .Default("/*")},
                 {"methods", OneOrMore("Any method where none is given.", Text("").AtLeast(1))},
                 {"headers", ConditionsSchema("Name -> value, `{ present: true }` or `{ regex: ... }`.")},
                 {"query", ConditionsSchema("The same for arguments of the query.")},
             });
}

Match ReadMatch(const Value* value, const std::string& path, Reading& reading) {
  Match match;
  if (value == nullptr || value->kind != Value::Kind::kMap) return match;
  size_t index = 0;
  for (const Value* host : ItemsOf(value->Find("hosts"))) {
    std::string why = CheckMatchHost(host->text);
    if (!why.empty())
      reading.Error(*host, fmt::format("{}.hosts[{}]", path, index), fmt::format("{}: {}", Quote(*host), why));
    match.hosts.push_back(Lower(host->text));
    index++;
  }
  if (const Value* text = value->Find("path"); text != nullptr && text->kind == Value::Kind::kString) {
    match.path = text->text;
    std::string why = CheckPath(match.path);
    if (!why.empty()) reading.Error(*text, path + ".path", why);
  }
  index = 0;
  for (const Value* method : ItemsOf(value->Find("methods"))) {
    const std::string& name = method->text;
    bool lower = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(c & ~0x20);
    if (!IsToken(name) || lower) {
      std::string why = lower ? fmt::format("{}: methods are case-sensitive: {}", Quote(*method), upper)
                              : fmt::format("{} is not a method", Quote(*method));
      reading.Error(*method, fmt::format("{}.methods[{}]", path, index), std::move(why));
    }
    match.methods.push_back(name);
    index++;
  }
  if (const Value* headers = value->Find("headers")) {
    match.headers = ReadConditions(*headers, path + ".headers", true, reading);
  }
  if (const Value* query = value->Find("query")) {
    match.query = ReadConditions(*query, path + ".query", false, reading);
  }
  return match;
}

std::optional<std::vector<std::string>> PathParameters(std::string_view path) {
  if (path.starts_with('~')) return std::nullopt;
  std::vector<std::string> names;
  if (path.starts_with("^~") || path.ends_with("/*")) names.push_back("rest");
  for (size_t open = path.find('{'); open != std::string_view::npos; open = path.find('{', open + 1)) {
    size_t close = path.find('}', open);
    if (close == std::string_view::npos) break;
    names.emplace_back(path.substr(open + 1, close - open - 1));
  }
  return names;
}

}  // namespace mg::config
