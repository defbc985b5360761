// HTTP/1 heads as browsers and services send them: how long until a head is found, parsed and checked.
#include <benchmark/benchmark.h>

#include <string_view>

#include "base/arena.h"
#include "http/h1_parser.h"

namespace mg::http {
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

void ScanRequestHead(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(ScanHead(kRequest, 0));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kRequest.size()));
}
BENCHMARK(ScanRequestHead);

void ParseRequest(benchmark::State& state) {
  BlockPool pool;
  for (auto _ : state) {
    Arena arena(pool);
    RequestHead head;
    if (ParseRequestHead(kRequest, {}, arena, head) != ParseError::kNone) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kRequest.size()));
}
BENCHMARK(ParseRequest);

void ParseResponse(benchmark::State& state) {
  BlockPool pool;
  for (auto _ : state) {
    Arena arena(pool);
    ResponseHead head;
    if (ParseResponseHead(kResponse, {}, Method::kGet, arena, head) != ParseError::kNone)
      state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kResponse.size()));
}
BENCHMARK(ParseResponse);

void DecodeChunks(benchmark::State& state) {
  constexpr std::string_view kBody = "10\r\n0123456789abcdef\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
  ChunkDecoder decoder;
  for (auto _ : state) {
    decoder.Reset();
    std::string_view rest = kBody;
    ChunkDecoder::Step step;
    do {
      step = decoder.Next(rest);
      rest.remove_prefix(step.used);
    } while (step.kind == ChunkDecoder::Step::kData);
    if (step.kind != ChunkDecoder::Step::kTrailers) state.SkipWithError("refused");
  }
}
BENCHMARK(DecodeChunks);

}  // namespace
}  // namespace mg::http
