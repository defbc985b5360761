// Response headers, error pages and what a client's abort does: of the gateway and of a route.
#include <algorithm>

#include <fmt/format.h>

#include "base/strings.h"
#include "config/build.h"
#include "config/section.h"
#include "config/syntax.h"
#include "config/template.h"

namespace mg::config {

using namespace build;  // NOLINT: the tables read better

Schema HeaderEditSchema() {
  return Map("What is changed in the headers of responses: first removed, then set, then added.",
             {
                 {"set", MapOf("Replaces, or adds where there is none.", Text(""))},
                 {"add", MapOf("Adds beside what is there; a list adds several.", OneOrMore("", Text("")))},
                 {"remove", OneOrMore("Names.", Text("").AtLeast(1))},
             });
}

Schema RequestHeaderEditSchema() {
  return Map(
      "What is changed in the headers of requests to upstreams: first removed, then set, then added.",
      {
          {"set", MapOf("Templates. Replaces, or adds where there is none; an empty value is not sent.", Text(""))},
          {"add", MapOf("Templates. Adds beside what is there; a list adds several.", OneOrMore("", Text("")))},
          {"remove", OneOrMore("Names.", Text("").AtLeast(1))},
      });
}

Schema ErrorPagesSchema() {
  return MapOf("Status -> path of a route (it may be `internal`) that answers in its place.", Text("").AtLeast(1));
}

Schema ClientAbortSchema() {
  return Text("Whether a client that goes away ends its request, or it goes on to its end.")
      .OneOf({"cancel", "ignore"})
      .Default("cancel");
}

void ReadClientAbort(const Value& map, ClientAbort& out) {
  std::string text;
  Get(map, "client_abort", text);
  if (text == "ignore") out = ClientAbort::kIgnore;
  if (text == "cancel") out = ClientAbort::kCancel;
}

std::vector<std::pair<std::string, std::string>> ReadHeaders(const Value* value, const std::string& path,
                                                             Reading& reading) {
  std::vector<std::pair<std::string, std::string>> headers;
  if (value == nullptr) return headers;
  for (const auto& [name, texts] : value->entries) {
    if (!IsToken(name))
      reading.diagnostics.Error(KeyPosition(*value, name), path, fmt::format("\"{}\" is not a header's name", name));
    for (const Value* text : ItemsOf(&texts)) {
      if (!IsFieldValue(text->text)) {
        reading.Error(*text, path + "." + name, "a header's value holds no control characters and no line ends");
      }
      headers.emplace_back(name, text->text);
    }
  }
  return headers;
}

HeaderEdit ReadHeaderEdit(const Value* value, const std::string& path, Reading& reading) {
  HeaderEdit edit;
  if (value == nullptr || value->kind != Value::Kind::kMap) return edit;
  edit.set = ReadHeaders(value->Find("set"), path + ".set", reading);
  edit.add = ReadHeaders(value->Find("add"), path + ".add", reading);
  size_t index = 0;
  for (const Value* name : ItemsOf(value->Find("remove"))) {
    if (!IsToken(name->text)) {
      reading.Error(*name, fmt::format("{}.remove[{}]", path, index),
                    fmt::format("{} is not a header's name", Quote(*name)));
    }
    edit.remove.push_back(name->text);
    index++;
  }
  return edit;
}

HeaderEdit ReadRequestHeaderEdit(const Value* value, const std::string& path, Reading& reading, Templates templates) {
  HeaderEdit edit = ReadHeaderEdit(value, path, reading);
  if (value == nullptr || value->kind != Value::Kind::kMap) return edit;
  auto check_name = [&](const Position& at, std::string_view key, std::string_view name) {
    static constexpr std::string_view kOwn[] = {"connection", "content-length",  "expect",  "keep-alive",
                                                "te",         "trailer",         "upgrade", "transfer-encoding",
                                                "via",        "proxy-connection"};
    std::string lower = Lower(name);
    std::string why;
    if (lower == "host") why = "\"Host\" is what rewrite.host and preserve_host say";
    if (std::find(std::begin(kOwn), std::end(kOwn), lower) != std::end(kOwn))
      why = fmt::format("\"{}\" is the gateway's own to write", name);
    if (!why.empty()) reading.diagnostics.Error(at, fmt::format("{}.{}", path, key), std::move(why));
  };
  for (std::string_view key : {"set", "add"}) {
    const Value* fields = value->Find(key);
    if (fields == nullptr) continue;
    for (const auto& [name, texts] : fields->entries) {
      check_name(KeyPosition(*fields, name), key, name);
      if (templates == Templates::kLeave) continue;
      for (const Value* text : ItemsOf(&texts)) {
        Result<Template> parsed = Template::Parse(text->text);
        if (!parsed) reading.Error(*text, fmt::format("{}.{}.{}", path, key, name), parsed.error().message);
      }
    }
  }
  for (const Value* name : ItemsOf(value->Find("remove"))) check_name(name->position, "remove", name->text);
  return edit;
}

std::map<uint16_t, std::string> ReadErrorPages(const Value* value, const std::string& path, Reading& reading) {
  std::map<uint16_t, std::string> pages;
  if (value == nullptr) return pages;
  for (const auto& [status, page] : value->entries) {
    auto number = ParseDecimal<uint16_t>(status);
    if (!number || *number < 400 || *number > 599) {
      reading.diagnostics.Error(KeyPosition(*value, status), path,
                                fmt::format("\"{}\" is not a status from 400 to 599", status));
      continue;
    }
    if (!page.text.starts_with('/') && !page.text.starts_with('@'))
      reading.Error(page, path + "." + status, "a path begins with /, and a route's name is written \"@name\"");
    pages[*number] = page.text;
  }
  return pages;
}

Schema VarsSchema() { return MapOf("Variables, `ngx.var.NAME`, and their values: templates.", Text("")); }

Schema SetSchema() {
  return MapOf("Variables whose values Lua chunks return, in this order, before `rewrite`.", LuaSourceSchema(""));
}

namespace {
void CheckVariableName(const Value& map, const std::string& name, const std::string& path, Reading& reading) {
  if (IsIdentifier(name)) return;
  reading.diagnostics.Error(KeyPosition(map, name), path,
                            fmt::format("\"{}\" is not a variable's name: letters, digits and _", name));
}
}  // namespace

std::vector<std::pair<std::string, std::string>> ReadVars(const Value* value, const std::string& path, Reading& reading,
                                                          Templates templates) {
  std::vector<std::pair<std::string, std::string>> vars;
  if (value == nullptr) return vars;
  for (const auto& [name, text] : value->entries) {
    CheckVariableName(*value, name, path, reading);
    vars.emplace_back(name, text.text);
    if (templates == Templates::kLeave) continue;
    Result<Template> parsed = Template::Parse(text.text);
    if (!parsed) reading.Error(text, path + "." + name, parsed.error().message);
  }
  return vars;
}

std::vector<std::pair<std::string, LuaSource>> ReadSet(const Value* value, const std::string& path, Reading& reading) {
  std::vector<std::pair<std::string, LuaSource>> set;
  if (value == nullptr) return set;
  for (const auto& [name, source] : value->entries) {
    CheckVariableName(*value, name, path, reading);
    set.emplace_back(name, ReadLuaSource(source, reading));
  }
  return set;
}

}  // namespace mg::config
