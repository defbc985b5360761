#include "server/explain_verb.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "base/strings.h"
#include "config/load.h"
#include "http/h1_parser.h"
#include "http/url.h"
#include "proxy/pipeline.h"
#include "script/build.h"
#include "server/cli.h"
#include "server/control_socket.h"
#include "server/gateway.h"
#include "server/trace_client.h"

namespace mg::server {
namespace {

constexpr Nanoseconds kTraceWait = 10'000'000'000;
constexpr std::chrono::milliseconds kAnswerWait{60'000};

bool HasControl(std::string_view text) {
  return std::ranges::any_of(text,
                             [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

struct Target {
  std::string path, host = "localhost";
};

Result<Target> TargetOf(const ExplainRequest& request) {
  if (request.url.starts_with('/') || request.url == "*") return Target{request.url};
  Result<http::Url> url = http::ParseUrl(request.url);
  if (!url) return Fail(ErrorCode::kInvalid, "the URL is a path, or begins with http:// or https://");
  return Target{std::string(url->path_and_query), std::string(url->authority)};
}

bool Names(const std::string& field, std::string_view name) {
  return EqualsIgnoreCase(field.substr(0, field.find(':')), name);
}

bool HasField(const ExplainRequest& request, std::string_view name) {
  return std::ranges::any_of(request.fields, [&](const std::string& field) { return Names(field, name); });
}

// The request as a client would send it, with `more` fields.
Result<std::string> HeadText(const ExplainRequest& request, const std::string& more = "") {
  Result<Target> target = TargetOf(request);
  if (!target) return std::unexpected(target.error());
  std::string fields = more;
  for (const std::string& field : request.fields) {
    size_t colon = field.find(':');
    if (colon == std::string::npos) return Fail(ErrorCode::kInvalid, "-H wants \"NAME: VALUE\"");
    fields += field + "\r\n";
  }
  if (!HasField(request, "Host")) fields += "Host: " + target->host + "\r\n";
  return fmt::format("{} {} HTTP/1.1\r\n{}\r\n", request.method, target->path, fields);
}

std::string At(const config::Config& conf, const config::Position& at) {
  return at.file < conf.files.size() ? fmt::format("{}:{}", conf.files[at.file], at.line) : conf.file;
}

std::string SourceText(const config::Config& conf, const config::LuaSource& source) {
  return source.file.empty() ? "Lua in place at " + At(conf, source.position) : source.file;
}

std::string AnswerOf(const config::Config& conf, const config::Route& route) {
  if (route.respond) return fmt::format("respond, status {}", route.respond->status);
  if (route.redirect)
    return fmt::format("redirect, status {}, to {}", route.redirect->status, route.redirect->location);
  if (!route.content.empty()) return "content, " + SourceText(conf, route.content);
  if (route.upstream.empty()) return "one of its policies answers";
  auto found = std::ranges::find(conf.upstreams, route.upstream, &config::Upstream::name);
  if (found == conf.upstreams.end()) return "upstream " + route.upstream;
  std::string targets;
  for (const config::Target& target : found->targets) {
    targets += (targets.empty() ? "" : ", ") + target.address.text;
  }
  return found->anonymous ? "upstream, at " + targets : fmt::format("upstream {}, at {}", route.upstream, targets);
}

std::string HookText(const config::Config& conf, const script::Hook& hook) {
  std::string text = hook.policy->name;
  if (!hook.file.empty() && !hook.file.starts_with("embedded:")) text += " " + hook.file;
  return fmt::format("{} ({})", text, At(conf, hook.policy->position));
}

bool HooksHandshakes(const config::Listener& listener) {
  return listener.tls && !(listener.tls->client_hello.empty() && listener.tls->certificate.empty());
}

// What runs before there is a request.
std::string HandshakeOf(const config::Config& conf, const config::Listener& listener) {
  if (!HooksHandshakes(listener)) return "";
  std::string text = "its TLS handshakes run\n";
  for (auto [phase, source] : {std::pair("ssl_client_hello", &listener.tls->client_hello),
                               std::pair("ssl_certificate", &listener.tls->certificate)}) {
    if (!source->empty()) text += fmt::format("  {:<16} {}\n", phase, SourceText(conf, *source));
  }
  return text;
}

// Listeners to which the request is the same: of one table, of one mind about identity headers, without chunks for
// handshakes.
struct Door {
  const proxy::RouteTable* table;
  const config::Listener* listener;  // one of them: those with policies of their own share no table
  bool keeps_identity;
  std::string names;  // "public, 127.0.0.1:8081"
};

// What runs of a phase besides policies; empty: nothing.
std::string_view OthersOf(const proxy::RouteEntry& route, proxy::Phase phase) {
  if (phase == proxy::Phase::kSet) return "the variables of `set`";
  if (phase == proxy::Phase::kContent && route.conf->content.empty())
    return "its upstream's fallback, while the circuit breaker is open";
  return "";
}

std::string PoliciesOf(const proxy::Snapshot& snapshot, const Door& door, uint32_t route) {
  const proxy::RouteEntry& entry = snapshot.routes[door.table->first_route + route];
  std::string text;
  for (unsigned i = 0; i < static_cast<unsigned>(proxy::Phase::kCount); i++) {
    auto phase = static_cast<proxy::Phase>(i);
    bool runs = phase == proxy::Phase::kServerRewrite ? door.table->server_rewrite : entry.Has(phase);
    if (!snapshot.programs || !runs) continue;
    std::string_view name = proxy::PhaseName(phase);
    auto add = [&](std::string_view what) {
      text += fmt::format("  {:<14} {}\n", name, what);
      name = "";
    };
    if (std::string_view others = OthersOf(entry, phase); !others.empty()) add(others);
    for (const script::Hook& hook :
         script::HooksOf(*snapshot.programs, *snapshot.config, *door.listener, *entry.conf, phase)) {
      add(HookText(*snapshot.config, hook));
    }
  }
  return text.empty() ? "it runs no policies\n" : "it runs, by phase\n" + text;
}

std::vector<Door> DoorsOf(const proxy::Snapshot& snapshot) {
  std::vector<Door> doors;
  for (size_t i = 0; i < snapshot.listener_numbers.size(); i++) {
    uint32_t number = snapshot.listener_numbers[i];
    const config::Listener& listener = snapshot.config->listeners[i];
    const std::string& name = listener.name.empty() ? listener.address.text : listener.name;
    const proxy::RouteTable* table = snapshot.TableFor(number);
    bool keeps = snapshot.KeepsIdentity(number), hooks = HooksHandshakes(listener);
    auto known = std::ranges::find_if(doors, [&](const Door& door) {
      return door.table == table && door.keeps_identity == keeps && !hooks && !HooksHandshakes(*door.listener);
    });
    if (known == doors.end()) {
      doors.push_back({table, &listener, keeps, name});
    } else {
      known->names += ", " + name;
    }
  }
  return doors;
}

// Adds what a request with this head meets there; false: no route.
bool ExplainAt(const proxy::Snapshot& snapshot, const Door& door, const http::RequestHead& head, std::string& text) {
  const proxy::RouteTable& table = *door.table;
  text += table.matcher->Explain(head);
  route::Match match = table.matcher->Find(head, {});
  if (match.kind != route::Match::kRoute) return false;
  uint32_t index = table.routes[match.route];
  const config::Route& route = snapshot.config->routes[index];
  text += fmt::format("it stands at {}\nits answer: {}\n", At(*snapshot.config, route.position),
                      AnswerOf(*snapshot.config, route));
  text += PoliciesOf(snapshot, door, index);
  return true;
}

}  // namespace

Result<ExplainRequest> ReadExplainArguments(std::span<const std::string> arguments) {
  ExplainRequest request;
  std::vector<std::string> plain;
  for (size_t i = 0; i < arguments.size(); i++) {
    const std::string& argument = arguments[i];
    if (argument == "-d" || argument == "--data") {
      if (i + 1 == arguments.size()) return Fail(ErrorCode::kInvalid, argument + " wants a value");
      request.body = arguments[++i];
      continue;
    }
    if (HasControl(argument))
      return Fail(ErrorCode::kInvalid, "an argument has a line end or another control character");
    if (argument == "-H" || argument == "-c") {
      if (i + 1 == arguments.size()) return Fail(ErrorCode::kInvalid, argument + " wants a value");
      std::vector<std::string>& to = argument == "-H" ? request.fields : request.arguments;
      if (argument == "-c") to.push_back(argument);
      to.push_back(arguments[++i]);
      if (HasControl(to.back())) return Fail(ErrorCode::kInvalid, argument + ": its value has a control character");
    } else if (argument == "--trace") {
      request.trace = true;
    } else if (argument.starts_with('-')) {
      return Fail(ErrorCode::kInvalid, "unknown argument \"" + argument + "\"");
    } else {
      plain.push_back(argument);
    }
  }
  if (plain.size() != 2)
    return Fail(ErrorCode::kInvalid, "a method and a URL are wanted, as in: explain GET /v1/items");
  if (!request.body.empty() && !request.trace)
    return Fail(ErrorCode::kInvalid, "-d goes with --trace: without it nothing is sent");
  request.method = plain[0];
  request.url = plain[1];
  return request;
}

Result<Explanation> Explain(const proxy::Snapshot& snapshot, const ExplainRequest& request) {
  Result<std::string> text = HeadText(request);
  if (!text) return std::unexpected(text.error());
  const config::Limits& limits = *snapshot.limits;
  BlockPool pool(1);
  Arena arena(pool);
  http::RequestHead head;
  http::ParseLimits parse{limits.head, limits.headers, limits.uri, limits.encoded_slashes};
  http::ParseError error = http::ParseRequestHead(*text, parse, arena, head);
  if (error != http::ParseError::kNone) {
    return Explanation{false, fmt::format("refused before any route is looked at: {} ({})\n",
                                          http::ParseErrorText(error), http::StatusFor(error))};
  }
  // As the pipeline does before it matches.
  proxy::RemoveNamedFields(head.headers);
  http::RequestHead stripped = head;
  stripped.headers = http::HeaderList();
  for (const http::Header& header : head.headers) stripped.headers.Append(arena, header);
  snapshot.identity_headers.Strip(stripped.headers);
  std::vector<Door> doors = DoorsOf(snapshot);
  Explanation explanation{true, {}};
  for (const Door& door : doors) {
    if (doors.size() > 1) explanation.text += fmt::format("on {}:\n", door.names);
    explanation.text += HandshakeOf(*snapshot.config, *door.listener);
    bool found = ExplainAt(snapshot, door, door.keeps_identity ? head : stripped, explanation.text);
    explanation.answered = explanation.answered && found;
  }
  return explanation;
}

Result<std::string> TracedRequest(const ExplainRequest& request, std::string_view token) {
  std::string more = fmt::format("{}: {}\r\n", proxy::Traces::kField, token);
  if (!HasField(request, "Connection")) more += "Connection: close\r\n";
  bool framed = HasField(request, "Content-Length") || HasField(request, "Transfer-Encoding");
  if (!request.body.empty() && !framed) more += fmt::format("Content-Length: {}\r\n", request.body.size());
  Result<std::string> head = HeadText(request, more);
  if (head) *head += request.body;
  return head;
}

const config::Listener* ListenerFor(const config::Config& conf, const ExplainRequest& request) {
  Result<http::Url> url = http::ParseUrl(request.url);
  if (!url) return conf.listeners.empty() ? nullptr : &conf.listeners.front();
  const config::Listener* first = nullptr;
  for (const config::Listener& listener : conf.listeners) {
    if (listener.tls.has_value() != url->tls) continue;
    if (listener.address.kind != config::Address::Kind::kUnix && listener.address.port == url->port) return &listener;
    if (first == nullptr) first = &listener;
  }
  return first;
}

namespace {

int TraceFailed(std::string_view what) {
  fmt::print(stderr, "moongate explain: no trace: {}\n", what);
  return 1;
}

// What the gateway tells of the request; it may still be in its log phase.
Result<std::string> TakeTrace(const std::string& socket, const std::string& token) {
  for (Nanoseconds end = MonotonicNow() + kTraceWait; MonotonicNow() < end; poll(nullptr, 0, 10)) {
    Result<std::string> text = AskForText(socket, "trace take " + token);
    if (!text || !text->empty()) return text;
  }
  return Fail(ErrorCode::kTimeout, "the request has not ended yet");
}

int RunTrace(const config::Config& conf, const ExplainRequest& request, const std::string& socket) {
  const config::Listener* listener = ListenerFor(conf, request);
  if (listener == nullptr) return TraceFailed("no listener has the scheme of the URL");
  Result<std::string> token = AskForText(socket, "trace arm");
  if (!token) return TraceFailed(token.error().message);
  Result<std::string> text = TracedRequest(request, *token);
  if (!text) return TraceFailed(text.error().message);
  std::string name = TargetOf(request)->host;
  for (const std::string& field : request.fields) {
    if (Names(field, "Host")) name = Trim(std::string_view(field).substr(field.find(':') + 1));
  }
  std::optional<http::Authority> authority = http::ParseAuthority(name);
  Result<std::string> answer =
      SendToListener(*listener, authority ? std::string(authority->host) : "", *text, kAnswerWait);
  if (!answer) return TraceFailed(answer.error().message);
  Result<std::string> trace = TakeTrace(socket, *token);
  if (!trace)
    return TraceFailed(
        fmt::format("{} (the answer: {})", trace.error().message, answer->substr(0, answer->find("\r\n"))));
  fmt::print("traced at {}: {}", listener->address.text, *trace);
  return 0;
}

}  // namespace

int RunExplain(std::span<const std::string> arguments) {
  Result<ExplainRequest> request = ReadExplainArguments(arguments);
  if (!request) return UsageError("explain", request.error().message);
  std::string file;
  if (!ConfigFileArgument("explain", request->arguments, file)) return 2;
  config::DiskFiles files;
  config::Diagnostics diagnostics;
  SetLogLevel(LogLevel::kWarn);
  std::unique_ptr<config::Config> conf = config::Load(file, files, diagnostics);
  OwnSockets sockets;
  Gateway gateway({1, &sockets, nullptr});
  std::shared_ptr<proxy::Snapshot> snapshot;
  if (conf) snapshot = gateway.Build(std::move(conf), files, diagnostics);
  std::fputs(diagnostics.ToString().c_str(), stderr);
  if (!snapshot) return 1;
  Result<Explanation> explanation = Explain(*snapshot, *request);
  if (!explanation) return UsageError("explain", explanation.error().message);
  std::fputs(explanation->text.c_str(), stdout);
  std::fflush(stdout);
  if (request->trace) return RunTrace(*snapshot->config, *request, ControlSocketPath(file));
  return explanation->answered ? 0 : 1;
}

}  // namespace mg::server
