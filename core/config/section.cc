#include "config/section.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "config/build.h"
#include "config/syntax.h"

namespace mg::config {

Position KeyPosition(const Value& map, std::string_view key) {
  if (map.node != nullptr) {
    for (const Node::Entry& entry : map.node->entries) {
      if (entry.key == key) return entry.position;
    }
  }
  return map.position;
}

Address ReadAddress(const Value& value, const Reading& reading) {
  Result<Address> address = ParseAddress(value.text, reading.DirectoryOf(value));
  return address ? std::move(*address) : Address{};
}

void ReadFile(const Value& map, std::string_view key, const std::string& path, std::string& content, Reading& reading) {
  const Value* value = map.Find(key);
  if (value == nullptr || value->kind != Value::Kind::kString) return;
  std::string error;
  if (!reading.files.Read(value->text, content, error)) {
    reading.Error(*value, path, fmt::format("cannot read {}: {}", value->substituted ? "***" : value->text, error));
  }
}

Schema LuaSourceSchema(std::string doc) {
  using namespace build;  // NOLINT
  return File(std::move(doc))
      .Or(Map("",
              {
                  {"file", File("A file's path.")},
                  {"lua", Text("A chunk in place.").AtLeast(1).Keep(Schema::Environment::kKeep)},
              })
              .ExactlyOneOf({"file", "lua"}));
}

LuaSource ReadLuaSource(const Value& value, const Reading& reading) {
  LuaSource source;
  source.position = value.position;
  const Value* file = value.kind == Value::Kind::kMap ? value.Find("file") : &value;
  if (file != nullptr && file->kind == Value::Kind::kString) {
    source.file = file->text;
    source.position = file->position;
    source.name = "@" + source.file;
    return source;
  }
  const Value* chunk = value.Find("lua");
  if (chunk == nullptr || chunk->node == nullptr) return source;
  source.chunk = chunk->text;
  source.position = chunk->position;
  source.first_line = chunk->node->text_line;
  source.name = "@" + reading.diagnostics.files[chunk->position.file];
  return source;
}

std::string UnknownName(std::string_view what, const Value& name, const std::vector<std::string_view>& known) {
  std::string message = fmt::format("there is no {} {}", what, Quote(name));
  std::string_view nearest = name.substituted ? "" : Nearest(name.text, known);
  if (!nearest.empty()) {
    message += fmt::format("; did you mean \"{}\"?", nearest);
  } else if (known.empty()) {
    message += "; none is named";
  } else if (known.size() <= 8) {
    message += "; there is ";
    for (size_t i = 0; i < known.size(); i++) message += (i > 0 ? ", " : "") + std::string(known[i]);
  }
  return message;
}

}  // namespace mg::config
