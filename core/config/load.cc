#include "config/load.h"

#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "config/build.h"
#include "config/document.h"
#include "config/section.h"

namespace mg::config {
namespace {

Schema MakeGatewaySchema() {
  using namespace build;  // NOLINT: the tables read better
  const Config d;
  return Map(
      "A gateway's configuration.",
      {
          {"version", Integer("Of this format.").AtLeast(1).AtMost(1).Default(1)},
          {"workers",
           Integer("Event-loop threads; `auto` honours CPU affinity and the cgroup's quota. Takes a restart.")
               .AtLeast(1)
               .AtMost(1024)
               .Or(Text("").OneOf({"auto"}))
               .Default("auto")},
          {"user", Text("The worker's user, when started as root. Takes a restart.").AtLeast(1)},
          {"pid", File("Where the supervisor's process id is written.")},
          {"watch", Bool("Whether to reload when a file of the configuration or a script changes.").Default(d.watch)},
          {"include", OneOrMore("More files, by path or pattern (`conf.d/*.yaml`).", Text("").AtLeast(1))},
          {"log", LogSchema()},
          {"access_log", AccessLogSchema()},
          {"status", StatusSchema()},
          {"admin", AdminSchema()},
          {"limits", LimitsSchema()},
          {"tls", TlsSchema()},
          {"trusted_proxies",
           OneOrMore("Networks whose X-Forwarded-For, Forwarded and PROXY headers count.", Text("").AtLeast(1))},
          {"identity_headers",
           OneOrMore(
               "Removed from every request before any hook, in any case, with `_` for `-` too; `X-User-*` is a prefix.",
               Text("").AtLeast(1))},
          {"lua", LuaSchema()},
          {"resolver", ResolverSchema()},
          {"redis", RedisSchema()},
          {"listeners", ListenersSchema()},
          {"upstreams", MapOf("The servers behind the gateway, by name.", UpstreamSchema())},
          {"policies", PoliciesSchema()},
          {"vars", VarsSchema()},
          {"set", SetSchema()},
          {"request_headers", RequestHeaderEditSchema()},
          {"response_headers", HeaderEditSchema()},
          {"error_pages", ErrorPagesSchema()},
          {"client_abort", ClientAbortSchema()},
          {"routes", RoutesSchema()},
      });
}

const Schema& GatewaySchema() {
  static const Schema schema = MakeGatewaySchema();
  return schema;
}

// Of a document that has been read only the policies are looked at again. A node below them stays where it is.
Node TakePolicies(Node& root) {
  Node kept;
  kept.kind = Node::Kind::kSequence;
  auto take = [&](Node& map) {
    for (Node::Entry& entry : map.entries) {
      if (entry.key == "policies") kept.items.push_back(std::move(entry.value));
    }
  };
  take(root);
  for (Node::Entry& entry : root.entries) {
    if (entry.key != "routes" && entry.key != "listeners") continue;
    for (Node& item : entry.value.items) take(item);
  }
  return kept;
}

std::unique_ptr<Config> Build(Node document, const std::string& file, TextKind kind, FileSource& files,
                              Diagnostics& diagnostics) {
  auto config = std::make_unique<Config>();
  Node* root = &document;
  config->file = file;
  Value value = CheckGiven(GatewaySchema(), root, root->position, "", files, diagnostics);
  Reading reading{*config, files, diagnostics};
  ReadGateway(value, reading);
  ReadListeners(value, reading);
  ReadResolver(value, reading);
  ReadUpstreams(value, reading);
  ReadRoutes(value, reading);
  if (kind == TextKind::kGateway && root->Find("listeners") == nullptr) {
    diagnostics.Error(root->position, "listeners",
                      "no listeners: add, for example, listeners: [{ address: \"0.0.0.0:8080\" }]");
  } else if (kind == TextKind::kGateway && config->listeners.empty() && !diagnostics.failed()) {
    diagnostics.Error(root->Find("listeners")->position, "listeners",
                      "no listeners: add, for example, - address: \"0.0.0.0:8080\"");
  }
  config->document = std::make_shared<const Node>(TakePolicies(document));
  config->files = diagnostics.files;
  config->directories = diagnostics.directories;
  return config;
}

std::string WorkingDirectory() {
  std::error_code ignored;
  return std::filesystem::current_path(ignored).string();
}

}  // namespace

std::unique_ptr<Config> Load(const std::string& file, FileSource& files, Diagnostics& diagnostics) {
  std::string absolute = AbsolutePath(WorkingDirectory(), file);
  std::optional<Node> document = ReadDocument(file, absolute, files, diagnostics);
  return document ? Build(std::move(*document), absolute, TextKind::kGateway, files, diagnostics) : nullptr;
}

std::unique_ptr<Config> LoadText(const std::string& name, const std::string& text, const std::string& directory,
                                 TextKind kind, FileSource& files, Diagnostics& diagnostics) {
  std::string absolute = AbsolutePath(WorkingDirectory(), directory);
  std::optional<Node> document = ReadDocumentText(name, text, absolute, kind, files, diagnostics);
  return document ? Build(std::move(*document), name, kind, files, diagnostics) : nullptr;
}

std::string JsonSchema() { return ToJsonSchema(GatewaySchema()); }

}  // namespace mg::config
