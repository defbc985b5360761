// What the readers of the sections share: each section has a schema (its table) and a function that turns the checked
// value into the structs of config.h, adding the errors that a table cannot see. Internal to the module.
#pragma once

#include <cmath>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/node.h"
#include "config/schema.h"

namespace mg::config {

struct Reading {
  Config& config;
  FileSource& files;
  Diagnostics& diagnostics;

  void Error(const Value& at, const std::string& path, std::string message) const {
    diagnostics.Error(at.position, path, std::move(message));
  }
  const std::string& DirectoryOf(const Value& value) const { return diagnostics.directories[value.position.file]; }
};

// A key's value into `out`, which keeps what it has where the key is absent.
template <std::integral Integer>
void Get(const Value& map, std::string_view key, Integer& out) {
  const Value* value = map.Find(key);
  if (value != nullptr && value->kind == Value::Kind::kInteger) out = static_cast<Integer>(value->integer);
}
inline void Get(const Value& map, std::string_view key, bool& out) {
  const Value* value = map.Find(key);
  if (value != nullptr && value->kind == Value::Kind::kBool) out = value->boolean;
}
inline void Get(const Value& map, std::string_view key, std::string& out) {
  const Value* value = map.Find(key);
  if (value != nullptr && value->kind == Value::Kind::kString) out = value->text;
}
inline void Get(const Value& map, std::string_view key, Duration& out) {
  const Value* value = map.Find(key);
  if (value != nullptr && value->kind == Value::Kind::kNumber) out = Duration(std::llround(value->number * 1000));
}
inline void GetPercent(const Value& map, std::string_view key, uint32_t& out) {
  const Value* value = map.Find(key);
  if (value != nullptr && value->kind == Value::Kind::kNumber)
    out = static_cast<uint32_t>(std::lround(value->number * 100));
}

// The items of a list, or the one value in its place; none where it is absent.
inline std::vector<const Value*> ItemsOf(const Value* value) {
  std::vector<const Value*> items;
  if (value == nullptr || value->kind == Value::Kind::kNull) return items;
  if (value->kind != Value::Kind::kList) return {value};
  for (const Value& item : value->items) {
    if (item.kind != Value::Kind::kNull || item.node != nullptr) items.push_back(&item);
  }
  return items;
}
inline std::vector<std::string> TextsOf(const Value* value) {
  std::vector<std::string> texts;
  for (const Value* item : ItemsOf(value)) texts.push_back(item->text);
  return texts;
}

// Where a key of a checked map stands.
Position KeyPosition(const Value& map, std::string_view key);

// An address that the schema has checked.
Address ReadAddress(const Value& value, const Reading& reading);
// The content of a file that is named by a checked path.
void ReadFile(const Value& map, std::string_view key, const std::string& path, std::string& content, Reading& reading);

// Lua: a file's path, { file: PATH } or { lua: CHUNK }.
Schema LuaSourceSchema(std::string doc);
LuaSource ReadLuaSource(const Value& value, const Reading& reading);

// "expected one of the names; did you mean ..." for a reference to a name that is not there.
std::string UnknownName(std::string_view what, const Value& name, const std::vector<std::string_view>& known);

// gateway.cc: all that has no file of its own.
Schema LogSchema();
Schema StatusSchema();
Schema AdminSchema();
Schema LimitsSchema();
Schema TlsSchema();
Schema LuaSchema();
Schema RedisSchema();
void ReadGateway(const Value& root, Reading& reading);

// access_log.cc: of the gateway and of a route.
Schema AccessLogSchema();
std::vector<AccessLog> ReadAccessLogs(const Value& value, const std::string& path, Reading& reading);
// Where the lines of a log go.
Output ReadOutput(const Value& value, const Reading& reading);

// listeners.cc
Schema ListenersSchema();
void ReadListeners(const Value& root, Reading& reading);

// upstreams.cc
Schema UpstreamSchema();  // of one
Upstream ReadUpstream(const std::string& name, const Value& value, const std::string& path, Reading& reading);
// Whether the upstream that a fallback names is there; all names must be known.
void CheckFallback(const Value& upstream, const std::string& path, const std::vector<std::string_view>& known,
                   Reading& reading);
void ReadUpstreams(const Value& root, Reading& reading);

// resolver.cc
Schema ResolverSchema();
void ReadResolver(const Value& root, Reading& reading);

// headers.cc: response headers and error pages, of the gateway and of a route.
Schema HeaderEditSchema();
Schema RequestHeaderEditSchema();
Schema ErrorPagesSchema();
Schema ClientAbortSchema();
HeaderEdit ReadHeaderEdit(const Value* value, const std::string& path, Reading& reading);
// Of requests: values are templates, and the names of the message's own framing are refused. A route checks the
// templates itself, which may name parameters of its path.
enum class Templates : bool { kLeave, kCheck };
HeaderEdit ReadRequestHeaderEdit(const Value* value, const std::string& path, Reading& reading,
                                 Templates templates = Templates::kCheck);
std::map<uint16_t, std::string> ReadErrorPages(const Value* value, const std::string& path, Reading& reading);
void ReadClientAbort(const Value& map, ClientAbort& out);
// A map of header names to one or more values, in file order.
std::vector<std::pair<std::string, std::string>> ReadHeaders(const Value* value, const std::string& path,
                                                             Reading& reading);

// Variables: templates (vars), and chunks that give their values (set). A route checks the templates itself.
Schema VarsSchema();
Schema SetSchema();
std::vector<std::pair<std::string, std::string>> ReadVars(const Value* value, const std::string& path, Reading& reading,
                                                          Templates templates = Templates::kCheck);
std::vector<std::pair<std::string, LuaSource>> ReadSet(const Value* value, const std::string& path, Reading& reading);

// match.cc
Schema MatchSchema();
Match ReadMatch(const Value* value, const std::string& path, Reading& reading);
// The names that {path.NAME} may have in a route with this path; nullopt: a regular expression, which names its own.
std::optional<std::vector<std::string>> PathParameters(std::string_view path);

// routes.cc
Schema PoliciesSchema();
Schema RoutesSchema();
std::vector<Policy> ReadPolicies(const Value* value, const std::string& path, Reading& reading);
void ReadRoutes(const Value& root, Reading& reading);

}  // namespace mg::config
