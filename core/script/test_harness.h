// For tests and benchmarks: a loop with a generation made from YAML and Lua in memory, and requests that go through the
// real pipeline, their answers collected.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "config/load.h"
#include "proxy/exchange.h"
#include "route/matcher.h"
#include "script/build.h"

namespace mg::script {

// Collects the log.
class LogCollector final : public LogSink {
 public:
  LogCollector() { SetLogSink(this); }
  ~LogCollector() override { SetLogSink(nullptr); }
  void Write(LogLevel, std::string_view line) override { text += std::string(line) + "\n"; }
  std::string text;
};

struct TestRequest {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct TestResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool complete = false;
  bool aborted = false;

  std::string Header(std::string_view name) const {
    std::string all;
    for (const auto& [each, value] : headers) {
      if (EqualsIgnoreCase(each, name)) all += (all.empty() ? "" : ", ") + value;
    }
    return all;
  }
};

// A downstream that takes everything at once (or, `blocked`, nothing).
class CollectingStream final : public http::Stream {
 public:
  void SendInformational(const http::ResponseHead&) override {}
  void SendHead(const http::ResponseHead& head, http::End end) override {
    response.status = head.status;
    for (const http::Header& header : head.headers) response.headers.emplace_back(header.name, header.value);
    response.complete = end == http::End::kYes;
  }
  void SendBody(std::string_view data, http::End end) override {
    response.body += data;
    response.complete = end == http::End::kYes;
  }
  void SetTrailers(std::string_view) override {}
  void Flush() override {}
  size_t pending() const override { return blocked && !response.body.empty() ? response.body.size() : 0; }
  void Abort() override { response.aborted = true; }
  void PauseBody() override { paused = true; }
  void ResumeBody() override { paused = false; }
  void WantBody() override {}
  void StartTunnel() override {}
  const http::ConnectionInfo& connection() const override { return info; }
  uint64_t bytes_received() const override { return 0; }
  uint64_t bytes_sent() const override { return response.body.size(); }
  void DisableKeepAlive() override {}

  http::ConnectionInfo info;
  TestResponse response;
  bool blocked = false;
  bool paused = false;
};

class ScriptHarness {
 public:
  // Loads `routes` (YAML, a list) with the `lua:` section's text where given; files by absolute path.
  // Answers the diagnostics; empty: the generation is live.
  std::string Load(const std::string& routes, config::FileList files = {}, const std::string& lua = "") {
    config::MemoryFiles source(std::move(files));
    config::Diagnostics diagnostics;
    std::string text = "listeners: [{ address: \"127.0.0.1:1\" }]\n" + lua + "routes:\n" + routes;
    auto config = config::LoadText("test.yaml", text, "/conf", config::TextKind::kGateway, source, diagnostics);
    if (!config || diagnostics.failed()) return diagnostics.ToString();
    auto snapshot = std::make_shared<proxy::Snapshot>();
    snapshot->config = std::move(config);
    std::vector<route::RouteSpec> specs;
    for (const config::Route& route : snapshot->config->routes) {
      route::RouteSpec spec;
      spec.name = route.name;
      spec.path = route.match.path;
      spec.methods = route.match.methods;
      spec.internal = route.internal;
      specs.push_back(std::move(spec));
    }
    auto table = std::make_unique<proxy::RouteTable>();
    table->matcher = std::move(*route::Matcher::Build(specs));
    for (uint32_t i = 0; i < specs.size(); i++) table->routes.push_back(i);
    snapshot->table_by_listener.push_back(table.get());
    snapshot->tables.push_back(std::move(table));
    snapshot->limits = std::make_shared<const config::Limits>(snapshot->config->limits);
    uint32_t index = 0;
    for (const config::Route& route : snapshot->config->routes) {
      proxy::RouteEntry entry;
      entry.conf = &route;
      entry.index = index;
      for (const auto& [name, value] : route.vars) {
        entry.vars.emplace_back(name, *config::Template::Parse(value));
        snapshot->variable_names.insert(name);
      }
      entry.body_limit = 1 << 20;
      entry.Settle();
      snapshot->routes.push_back(std::move(entry));
      snapshot->route_names[route.name] = index++;
    }
    BuildOptions options;
    for (const auto& [name, size] : snapshot->config->lua.shared_dicts) {
      options.dicts.push_back(std::make_shared<store::SharedDict>(name, size));
    }
    snapshot->programs = BuildPrograms(*snapshot->config, options, source, diagnostics);
    if (diagnostics.failed()) return diagnostics.ToString();
    auto generation = std::make_unique<proxy::Generation>();
    if (snapshot->programs) {
      for (proxy::RouteEntry& entry : snapshot->routes) entry.hooks = snapshot->programs->MaskOf(entry.index);
      generation->program = snapshot->programs->TakeProgram(0);
    }
    generation->snapshot = std::move(snapshot);
    context.Switch(std::move(generation));
    return diagnostics.ToString();
  }

  // The exchange of a request that has begun; its answer is in `stream`.
  proxy::Exchange& Begin(CollectingStream& stream, const TestRequest& request = {}) {
    proxy::Exchange& x = *context.TakeExchange();
    x.stream = &stream;
    Arena& arena = x.arena;
    x.request.method_text = arena.Copy(request.method);
    x.request.method = http::ParseMethod(x.request.method_text);
    x.request.target = arena.Copy(request.target);
    size_t mark = x.request.target.find('?');
    x.request.path = x.request.target.substr(0, mark);
    x.request.has_query = mark != std::string_view::npos;
    if (x.request.has_query) x.request.query = x.request.target.substr(mark + 1);
    x.request.authority = "test";
    x.request.headers.Append(arena, "Host", "test");
    for (const auto& [name, value] : request.headers)
      x.request.headers.Append(arena, arena.Copy(name), arena.Copy(value));
    x.raw_head = arena.Concat(x.request.method_text, " ", x.request.target, " HTTP/1.1\r\nHost: test\r\n\r\n");
    if (!request.body.empty()) {
      x.request.framing = http::BodyFraming::kLength;
      x.request.content_length = request.body.size();
    }
    x.OnRequest();
    return x;
  }

  // A whole request: runs the loop until it is answered.
  TestResponse Fetch(const TestRequest& request = {}) {
    CollectingStream stream;
    proxy::Exchange& x = Begin(stream, request);
    if (!request.body.empty() && !Done(stream)) x.OnBody(request.body, http::End::kYes);
    RunUntil([&] { return Done(stream); });
    return stream.response;
  }
  TestResponse Fetch(const std::string& target) {
    TestRequest request;
    request.target = target;
    return Fetch(request);
  }

  static bool Done(const CollectingStream& stream) { return stream.response.complete || stream.response.aborted; }

  template <class Condition>
  bool RunUntil(Condition&& condition, int turns = 5000) {
    while (!condition() && turns-- > 0) context.loop.RunOnce(1);
    return condition();
  }

  LogCollector log;
  proxy::LoopContext context{0, 1};
};

}  // namespace mg::script
