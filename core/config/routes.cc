// routes and policies, and the references from them to what else the configuration defines.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "base/strings.h"
#include "config/build.h"
#include "config/section.h"
#include "config/syntax.h"
#include "config/template.h"

namespace mg::config {

using namespace build;  // NOLINT: the tables read better

namespace {

class RouteReader {
 public:
  RouteReader(Reading& reading, size_t count);

  void Read(const Value& value, size_t index);
  // That the routes are there which error pages name.
  void CheckErrorPages();

 private:
  void ReadName(const Value& value, size_t index, Route& route);
  void ReadVars(const Value& value, Route& route);
  void ReadRewrite(const Value& value, Route& route);
  void ReadRequestHeaders(const Value& value, Route& route);
  void ReadListenerNames(const Value& value, Route& route);
  void ReadUpstreamOf(const Value& value, Route& route);
  void ReadRespond(const Value& value, Route& route);
  void ReadRedirect(const Value& value, Route& route);
  void CheckTemplate(const Value& value, const std::string& path, const Route& route);

  Reading& reading_;
  std::unordered_map<std::string_view, Position> names_;
  std::vector<std::string> upstream_names_;
  std::unordered_set<std::string_view> upstreams_;
  std::vector<std::string_view> listeners_;
};

RouteReader::RouteReader(Reading& reading, size_t count) : reading_(reading) {
  reading.config.routes.reserve(count);  // a name stays where it is
  names_.reserve(count);
  for (const Upstream& upstream : reading.config.upstreams) upstream_names_.push_back(upstream.name);
  upstreams_.insert(upstream_names_.begin(), upstream_names_.end());
  for (const Listener& listener : reading.config.listeners) {
    if (!listener.name.empty()) listeners_.push_back(listener.name);
  }
}

void RouteReader::Read(const Value& value, size_t index) {
  Route& route = reading_.config.routes.emplace_back();
  route.path = fmt::format("routes[{}]", index);
  route.position = value.position;
  route.client_abort = reading_.config.client_abort;
  if (value.kind != Value::Kind::kMap) return;
  ReadName(value, index, route);
  if (const Value* match = value.Find("match")) route.match = ReadMatch(match, route.path + ".match", reading_);
  Get(value, "priority", route.priority);
  Get(value, "internal", route.internal);
  if (const Value* policies = value.Find("policies")) {
    route.policies = ReadPolicies(policies, route.path + ".policies", reading_);
  }
  ReadVars(value, route);
  ReadRewrite(value, route);
  ReadRequestHeaders(value, route);
  if (const Value* edit = value.Find("response_headers")) {
    route.response_headers = ReadHeaderEdit(edit, route.path + ".response_headers", reading_);
  }
  if (const Value* pages = value.Find("error_pages")) {
    route.error_pages = ReadErrorPages(pages, route.path + ".error_pages", reading_);
  }
  if (size_t limit = SIZE_MAX; value.Find("body_limit") != nullptr) {
    Get(value, "body_limit", limit);
    route.body_limit = limit;
  }
  if (size_t most = SIZE_MAX; value.Find("body_buffer") != nullptr) {
    Get(value, "body_buffer", most);
    route.body_buffer = most;
  }
  ReadClientAbort(value, route.client_abort);
  if (const Value* logs = value.Find("access_log"))
    route.access_logs = ReadAccessLogs(*logs, route.path + ".access_log", reading_);
  ReadListenerNames(value, route);
  if (const Value* upstream = value.Find("upstream")) ReadUpstreamOf(*upstream, route);
  if (const Value* respond = value.Find("respond")) ReadRespond(*respond, route);
  if (const Value* redirect = value.Find("redirect")) ReadRedirect(*redirect, route);
  if (const Value* content = value.Find("content")) route.content = ReadLuaSource(*content, reading_);
}

void RouteReader::CheckErrorPages() {
  auto check = [&](const std::map<uint16_t, std::string>& pages, const Position& at, const std::string& path) {
    for (const auto& [status, page] : pages) {
      if (!page.starts_with('@') || names_.contains(std::string_view(page).substr(1))) continue;
      reading_.diagnostics.Error(at, fmt::format("{}error_pages.{}", path, status),
                                 fmt::format("there is no route \"{}\"", page.substr(1)));
    }
  };
  check(reading_.config.error_pages, {}, "");
  for (const Route& route : reading_.config.routes) check(route.error_pages, route.position, route.path + ".");
}

void RouteReader::ReadName(const Value& value, size_t index, Route& route) {
  const Value* name = value.Find("name");
  route.name = name != nullptr ? name->text : fmt::format("route-{}", index);
  const Value& at = name != nullptr ? *name : value;
  if (name != nullptr && !IsName(route.name)) {
    reading_.Error(at, route.path + ".name", fmt::format("{} is not a name: letters, digits and _-./:@", Quote(at)));
  }
  auto [first, added] = names_.emplace(route.name, at.position);
  if (added) return;
  const Position& place = first->second;
  reading_.Error(at, route.path + ".name",
                 fmt::format("the route \"{}\" is defined twice: first at {}:{}:{}", route.name,
                             reading_.diagnostics.files[place.file], place.line, place.column));
}

void RouteReader::CheckTemplate(const Value& value, const std::string& path, const Route& route) {
  Result<Template> parsed = Template::Parse(value.text);
  if (!parsed) {
    reading_.Error(value, path, parsed.error().message);
    return;
  }
  std::optional<std::vector<std::string>> parameters;
  for (const Template::Piece& piece : parsed->pieces()) {
    const Expression& expression = piece.expression;
    if (piece.is_literal || expression.kind != Expression::Kind::kPath || expression.name.empty()) continue;
    if (!parameters) parameters = PathParameters(route.match.path);
    if (!parameters) return;
    if (std::find(parameters->begin(), parameters->end(), expression.name) != parameters->end()) continue;
    std::string message = fmt::format("the route's path \"{}\" has no {{{}}}", route.match.path, expression.name);
    std::string_view nearest = Nearest(expression.name, *parameters);
    if (!nearest.empty()) message += fmt::format("; did you mean {{path.{}}}?", nearest);
    reading_.Error(value, path, std::move(message));
  }
}

void RouteReader::ReadVars(const Value& value, Route& route) {
  const Value* vars = value.Find("vars");
  route.vars = config::ReadVars(vars, route.path + ".vars", reading_, Templates::kLeave);
  route.set = ReadSet(value.Find("set"), route.path + ".set", reading_);
  if (vars == nullptr) return;
  for (const auto& [name, text] : vars->entries) CheckTemplate(text, route.path + ".vars." + name, route);
}

void RouteReader::ReadRewrite(const Value& value, Route& route) {
  const Value* rewrite = value.Find("rewrite");
  if (rewrite == nullptr) return;
  const std::string path = route.path + ".rewrite";
  Get(*rewrite, "strip_prefix", route.rewrite.strip_prefix);
  Get(*rewrite, "path", route.rewrite.path);
  Get(*rewrite, "host", route.rewrite.host);
  if (const Value* prefix = rewrite->Find("strip_prefix"); prefix != nullptr && !prefix->text.starts_with('/')) {
    reading_.Error(*prefix, path + ".strip_prefix", "a path begins with /");
  }
  if (const Value* text = rewrite->Find("path"); text != nullptr && text->kind == Value::Kind::kString) {
    if (!text->text.starts_with('/') && !text->text.starts_with('{'))
      reading_.Error(*text, path + ".path", "a path begins with /");
    CheckTemplate(*text, path + ".path", route);
  }
  if (const Value* host = rewrite->Find("host")) {
    if (!IsFieldValue(host->text)) reading_.Error(*host, path + ".host", "holds control characters");
    CheckTemplate(*host, path + ".host", route);
  }
}

void RouteReader::ReadRequestHeaders(const Value& value, Route& route) {
  const Value* headers = value.Find("request_headers");
  const std::string path = route.path + ".request_headers";
  route.request_headers = ReadRequestHeaderEdit(headers, path, reading_, Templates::kLeave);
  if (headers == nullptr || headers->kind != Value::Kind::kMap) return;
  for (std::string_view key : {"set", "add"}) {
    const Value* fields = headers->Find(key);
    if (fields == nullptr) continue;
    for (const auto& [name, texts] : fields->entries) {
      for (const Value* text : ItemsOf(&texts)) CheckTemplate(*text, fmt::format("{}.{}.{}", path, key, name), route);
    }
  }
}

void RouteReader::ReadListenerNames(const Value& value, Route& route) {
  size_t index = 0;
  for (const Value* name : ItemsOf(value.Find("listeners"))) {
    if (std::find(listeners_.begin(), listeners_.end(), name->text) == listeners_.end()) {
      reading_.Error(*name, fmt::format("{}.listeners[{}]", route.path, index),
                     UnknownName("listener", *name, listeners_));
    }
    route.listeners.push_back(name->text);
    index++;
  }
}

// A name, or in place a URL or a whole upstream.
void RouteReader::ReadUpstreamOf(const Value& value, Route& route) {
  if (value.kind != Value::Kind::kMap && upstreams_.contains(value.text)) {
    route.upstream = value.text;
    return;
  }
  const std::string path = route.path + ".upstream";
  Upstream anonymous;
  if (value.kind == Value::Kind::kMap) {
    anonymous = ReadUpstream("@" + route.name, value, path, reading_);
    CheckFallback(value, path, {upstream_names_.begin(), upstream_names_.end()}, reading_);
  } else if (value.text.find("://") != std::string::npos) {
    Result<TargetUrl> url = ParseTargetUrl(value.text);
    if (!url) {
      reading_.Error(value, path, Quote(value) + ": " + url.error().message);
      return;
    }
    anonymous.name = "@" + route.name;
    anonymous.position = value.position;
    anonymous.tls.enabled = url->tls;
    anonymous.targets.push_back({.address = std::move(url->address), .position = value.position});
  } else {
    route.upstream = value.text;
    if (!value.text.empty()) {
      std::vector<std::string_view> known(upstream_names_.begin(), upstream_names_.end());
      reading_.Error(value, path, UnknownName("upstream", value, known));
    }
    return;
  }
  anonymous.anonymous = true;
  route.upstream = anonymous.name;
  reading_.config.upstreams.push_back(std::move(anonymous));
}

void RouteReader::ReadRespond(const Value& value, Route& route) {
  const std::string path = route.path + ".respond";
  Respond& respond = route.respond.emplace();
  if (value.kind == Value::Kind::kInteger) respond.status = static_cast<uint16_t>(value.integer);
  if (value.kind != Value::Kind::kMap) return;
  Get(value, "status", respond.status);
  Get(value, "body", respond.body);
  Get(value, "template", respond.is_template);
  respond.headers = ReadHeaders(value.Find("headers"), path + ".headers", reading_);
  const Value* body = value.Find("body");
  if (body != nullptr && !respond.body.empty() && (respond.status == 204 || respond.status == 304)) {
    reading_.Error(*body, path + ".body", fmt::format("an answer with status {} has no body", respond.status));
  }
  if (!respond.is_template) return;
  if (body != nullptr) CheckTemplate(*body, path + ".body", route);
  if (const Value* headers = value.Find("headers")) {
    for (const auto& [name, texts] : headers->entries) {
      for (const Value* text : ItemsOf(&texts)) CheckTemplate(*text, path + ".headers." + name, route);
    }
  }
}

void RouteReader::ReadRedirect(const Value& value, Route& route) {
  const std::string path = route.path + ".redirect";
  Redirect& redirect = route.redirect.emplace();
  const Value* location = value.kind == Value::Kind::kMap ? value.Find("location") : &value;
  if (value.kind == Value::Kind::kMap) Get(value, "status", redirect.status);
  if (redirect.status != 301 && redirect.status != 302 && redirect.status != 303 && redirect.status != 307 &&
      redirect.status != 308) {
    reading_.Error(*value.Find("status"), path + ".status",
                   fmt::format("{} is not one of 301, 302, 303, 307, 308", redirect.status));
  }
  if (location == nullptr || location->kind != Value::Kind::kString) return;
  redirect.location = location->text;
  if (!IsFieldValue(redirect.location)) reading_.Error(*location, path + ".location", "holds control characters");
  CheckTemplate(*location, path + ".location", route);
}

Policy ReadPolicy(const Node& node, const std::string& path, Reading& reading) {
  Policy policy;
  policy.position = node.position;
  policy.path = path;
  auto fail = [&](const Position& at, std::string message) { reading.diagnostics.Error(at, path, std::move(message)); };
  if (node.kind == Node::Kind::kScalar) {
    policy.name = node.scalar;
  } else if (node.kind == Node::Kind::kMap && !node.entries.empty()) {
    const Node::Entry& entry = node.entries[0];
    policy.name = entry.key;
    policy.position = entry.position;
    if (entry.value.kind != Node::Kind::kNull) policy.conf = &entry.value;
    if (node.entries.size() > 1) {
      const Node::Entry& second = node.entries[1];
      fail(second.position, fmt::format("a policy is one key: indent \"{0}\" deeper if it belongs to \"{1}\", or write "
                                        "\"- {0}\" for another policy",
                                        second.key, entry.key));
    }
  } else {
    fail(node.position, "expected a policy: its name, or a map of one key (its name) to its configuration");
    return policy;
  }
  if (!IsName(policy.name))
    fail(policy.position, fmt::format("\"{}\" is not a policy's name", policy.name.substr(0, 80)));
  policy.path += "." + policy.name;
  return policy;
}

// Of the routes' templates that may name parameters of the path, respond's texts are read as they stand.
Schema RespondSchema() {
  const Respond d;
  return Map("Answers itself.",
             {
                 {"status", Integer("").AtLeast(200).AtMost(599).Default(d.status)},
                 {"headers", MapOf("Names -> one value, or a list of several.", OneOrMore("", Text("")))},
                 {"body", Text("Literal unless `template: true`.").Keep(Schema::Environment::kKeep)},
                 {"template", Bool("Whether body and headers' values are templates.").Default(d.is_template)},
             })
      .Or(Integer("").AtLeast(200).AtMost(599));
}

Schema RedirectSchema() {
  const Redirect d;
  return Map("Redirects.",
             {
                 {"status", Integer("301, 302, 303, 307 or 308.").AtLeast(301).AtMost(308).Default(d.status)},
                 {"location", Text("A template.").AtLeast(1).Required()},
             })
      .Or(Text("").AtLeast(1));
}

Schema RouteSchema() {
  Schema upstream = UpstreamSchema();
  Schema upstream_name =
      Text("Sends the request to this upstream: its name, a URL (`http://host:port`), or an upstream in place.")
          .AtLeast(1)
          .Or(std::move(upstream));
  return Map("",
             {
                 {"name", Text("Unique; `route-N` where none is given (N counts from 0).").AtLeast(1)},
                 {"match", MatchSchema()},
                 {"priority", Integer("The higher is tried first.").AtLeast(-1000000).AtMost(1000000).Default(0)},
                 {"internal", Bool("Answers exec, subrequests and error pages only.").Default(false)},
                 {"listeners", OneOrMore("Names of the only listeners it is served on; all where none is given.",
                                         Text("").AtLeast(1))},
                 {"policies", PoliciesSchema()},
                 {"vars", VarsSchema()},
                 {"set", SetSchema()},
                 {"rewrite",
                  Map("Applied when the upstream request is built.",
                      {
                          {"strip_prefix", Text("Taken off the path's front.").AtLeast(1)},
                          {"path", Text("The path to send; a template. Goes before `strip_prefix`.").AtLeast(1)},
                          {"host", Text("The Host to send; a template.").AtLeast(1)},
                      })},
                 {"request_headers", RequestHeaderEditSchema()},
                 {"response_headers", HeaderEditSchema()},
                 {"error_pages", ErrorPagesSchema()},
                 {"body_limit", Size("In place of `limits.body`; `0`: no limit.")},
                 {"body_buffer", Size("In place of `limits.body_buffer`; `0`: all in memory.")},
                 {"client_abort", ClientAbortSchema()},
                 {"access_log", AccessLogSchema()},
                 {"upstream", std::move(upstream_name)},
                 {"respond", RespondSchema()},
                 {"redirect", RedirectSchema()},
                 {"content", LuaSourceSchema("A Lua chunk, run for each request.")},
             })
      .ExactlyOneOf({"upstream", "respond", "redirect", "content"})
      .Unless("policies");  // one of which may answer: known when they are loaded
}

}  // namespace

Schema PoliciesSchema() {
  return ListOf(
      "What is done to requests and responses, in this order: a policy's name, or one key, its name, with its "
      "configuration.",
      Raw(""));
}

Schema RoutesSchema() {
  Schema routes = ListOf("Which requests are answered, and how.", RouteSchema());
  routes.deferred = true;  // there may be thousands
  return routes;
}

std::vector<Policy> ReadPolicies(const Value* value, const std::string& path, Reading& reading) {
  std::vector<Policy> policies;
  for (const Value* item : ItemsOf(value)) {
    if (item->node == nullptr) continue;
    policies.push_back(ReadPolicy(*item->node, fmt::format("{}[{}]", path, policies.size()), reading));
  }
  return policies;
}

void ReadRoutes(const Value& root, Reading& reading) {
  const Value* section = root.Find("routes");
  if (section == nullptr || section->kind != Value::Kind::kList) return;
  static const Schema schema = RoutesSchema();
  size_t count = section->node->items.size();
  RouteReader reader(reading, count);
  for (size_t i = 0; i < count; i++) {
    reader.Read(CheckDeferred(schema, *section, i, "routes", reading.files, reading.diagnostics), i);
  }
  reader.CheckErrorPages();
}

}  // namespace mg::config
