// access_log, of the gateway and of a route: off, one log, or a list of them.
#include <fmt/format.h>

#include "config/build.h"
#include "config/section.h"
#include "config/syntax.h"
#include "config/template.h"

namespace mg::config {

using namespace build;  // NOLINT: the tables read better

namespace {

void CheckFormat(const Value& map, const AccessLog& log, const Reading& reading) {
  if (log.format == "combined" || log.format == "json") return;
  const Value& format = *map.Find("format");
  Result<Template> parsed = Template::Parse(log.format, TemplateUse::kLog);
  if (!parsed) {
    reading.Error(format, log.path + ".format", parsed.error().message);
  } else if (parsed->constant()) {
    reading.Error(format, log.path + ".format",
                  fmt::format("expected combined, json, or a template with {{expressions}}, found {}", Quote(format)));
  }
}

void ReadFields(const Value& map, AccessLog& log, const Reading& reading) {
  const Value* fields = map.Find("fields");
  if (fields == nullptr) return;
  if (log.format != "json") {
    reading.Error(*fields, log.path + ".fields", "only the format json has fields");
    return;
  }
  for (const Value* field : ItemsOf(fields)) {
    std::string path = fmt::format("{}.fields[{}]", log.path, log.fields.size());
    if (auto parsed = ParseExpression(field->text, TemplateUse::kLog); !parsed)
      reading.Error(*field, path, parsed.error().message);
    if (std::ranges::find(log.fields, field->text) != log.fields.end())
      reading.Error(*field, path, fmt::format("{} is given twice", Quote(*field)));
    log.fields.push_back(field->text);
  }
}

AccessLog ReadOne(const Value& value, std::string path, const Reading& reading) {
  AccessLog log;
  log.position = value.position;
  log.path = std::move(path);
  if (const Value* output = value.Find("output")) log.output = ReadOutput(*output, reading);
  Get(value, "format", log.format);
  CheckFormat(value, log, reading);
  ReadFields(value, log, reading);
  return log;
}

}  // namespace

Output ReadOutput(const Value& value, const Reading& reading) {
  if (value.text == "off") return {Output::Kind::kOff, ""};
  if (value.text == "stderr") return {Output::Kind::kStderr, ""};
  if (value.text == "syslog") return {Output::Kind::kSyslog, ""};
  return {Output::Kind::kFile, AbsolutePath(reading.DirectoryOf(value), value.text)};
}

Schema AccessLogSchema() {
  auto one = [](std::string doc) {
    return Map(std::move(doc),
               {
                   {"format", Text("`combined`, `json`, or a template.").AtLeast(1).Default("combined")},
                   {"fields", OneOrMore("Of `json`: expressions, which are the keys too.", Text("").AtLeast(1))},
                   {"output", Text("`stderr`, `syslog`, `off`, or a file's path.").AtLeast(1).Default("stderr")},
               });
  };
  return one("A line for each request; `off` writes none. A list: several logs.")
      .Or(Text("").OneOf({"off"}))
      .Or(ListOf("", one("")));
}

std::vector<AccessLog> ReadAccessLogs(const Value& value, const std::string& path, Reading& reading) {
  std::vector<AccessLog> logs;
  if (value.kind == Value::Kind::kMap) {
    logs.push_back(ReadOne(value, path, reading));
  } else if (value.kind == Value::Kind::kList) {
    size_t index = 0;
    for (const Value* item : ItemsOf(&value)) {
      if (item->kind == Value::Kind::kMap) logs.push_back(ReadOne(*item, fmt::format("{}[{}]", path, index), reading));
      index++;
    }
  }
  std::erase_if(logs, [](const AccessLog& log) { return log.output.kind == Output::Kind::kOff; });
  return logs;
}

}  // namespace mg::config
