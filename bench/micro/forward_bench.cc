// What rewriting heads costs: the request as it goes on to the upstream, the response without what was meant for the
// connection alone, and edits as the configuration and hooks make them.
#include <benchmark/benchmark.h>

#include <memory>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "http/h1_parser.h"
#include "proxy/exchange.h"
#include "proxy/loop_context.h"
#include "proxy/pipeline.h"

namespace mg::proxy {
namespace {

constexpr std::string_view kRequest =
    "GET /v1/catalog/items/42?currency=EUR&expand=stock HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36\r\n"
    "Accept: application/json, text/plain, */*\r\n"
    "Accept-Language: en-GB,en;q=0.9,nl;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://app.example.com/catalog\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "X-Forwarded-For: 203.0.113.9\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 1024\r\n"
    "Cache-Control: no-store\r\n"
    "ETag: \"5d8c72a5edda8d6a\"\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

// One route to one upstream, and an exchange that has come as far as its first attempt.
struct Rig {
  Rig() {
    auto conf = std::make_unique<config::Config>();
    config::Upstream& upstream = conf->upstreams.emplace_back();
    upstream.name = "backend";
    config::Target& target = upstream.targets.emplace_back();
    target.address = {config::Address::Kind::kIp, "127.0.0.1", 8080, "127.0.0.1:8080"};
    config::Route& route = conf->routes.emplace_back();
    route.name = "all";
    route.upstream = "backend";
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->upstreams.push_back(std::move(*registry.Build(conf->upstreams[0])));
    snapshot->config = std::move(conf);
    RouteEntry& entry = snapshot->routes.emplace_back();
    entry.conf = &snapshot->config->routes[0];
    entry.upstream = snapshot->upstreams[0].get();
    generation.snapshot = snapshot;
    exchange.generation = &generation;
    exchange.route = &entry;
    exchange.upstream.upstream = entry.upstream;
    exchange.upstream.count = 1;
    exchange.upstream.attempts[0].address = "127.0.0.1:8080";
    MG_CHECK(http::ParseRequestHead(kRequest, {}, head_arena, exchange.request) == http::ParseError::kNone);
  }

  upstream::Registry registry;
  LoopContext context{0, 1};
  Generation generation;
  Arena head_arena{context.loop.blocks()};
  Exchange exchange{context};
};

void EncodeRequest(benchmark::State& state) {
  Rig rig;
  http::BodyFraming framing;
  for (auto _ : state) {
    std::string_view head = EncodeUpstreamRequest(rig.exchange, framing);
    if (head.empty()) state.SkipWithError("not encoded");
    benchmark::DoNotOptimize(head);
    rig.exchange.arena.Release();
  }
}
BENCHMARK(EncodeRequest);

// A copy of `fields` in `arena`: what an edit works on, and part of what is measured.
http::HeaderList CopyOf(const http::HeaderList& fields, Arena& arena) {
  http::HeaderList copy;
  copy.Reserve(arena, fields.size() + 4);
  for (const http::Header& header : fields) copy.Append(arena, header);
  return copy;
}

void CleanResponse(benchmark::State& state) {
  BlockPool pool;
  Arena arena(pool);
  http::ResponseHead parsed;
  http::ParseResponseHead(kResponse, {}, http::Method::kGet, arena, parsed);
  for (auto _ : state) {
    Arena own(pool);
    http::ResponseHead head = parsed;
    head.headers = CopyOf(parsed.headers, own);
    CleanUpstreamResponse(head);
    if (head.headers.size() != 5) state.SkipWithError("not cleaned");
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK(CleanResponse);

// One field set that is there, one that is not, one removed: as response_headers or a hook does.
void EditFields(benchmark::State& state) {
  BlockPool pool;
  Arena arena(pool);
  http::RequestHead head;
  http::ParseRequestHead(kRequest, {}, arena, head);
  for (auto _ : state) {
    Arena own(pool);
    http::HeaderList fields = CopyOf(head.headers, own);
    fields.Set(own, "Accept-Language", "en");
    fields.Set(own, "X-User-ID", "user-42");
    fields.Remove("Cookie");
    if (fields.size() != head.headers.size()) state.SkipWithError("not edited");
    benchmark::DoNotOptimize(fields);
  }
}
BENCHMARK(EditFields);

}  // namespace
}  // namespace mg::proxy
