// moongate.http: fetches to upstreams and URLs, one or several at once.
#include "proxy/exchange.h"
#include "script/ffi/fields.h"
#include "script/program.h"
#include "script/scheduler.h"
#include "script/surface.h"
#include "upstream/fetch.h"

namespace mg::script {
namespace {

constexpr int kMostAtOnce = 64;

// Several fetches that one coroutine waits for. Ends when the last has its answer.
class FetchOperation final : public Operation {
 public:
  struct Results {
    std::vector<Result<upstream::FetchResponse>> all;
    bool many = false;
  };

  FetchOperation(size_t count, bool many) : results_(std::make_shared<Results>()), left_(count) {
    results_->all.assign(count, std::unexpected(Error{}));
    results_->many = many;
  }

  void Start(Handle handle, proxy::LoopContext& context, std::vector<upstream::FetchRequest> requests) {
    handle_ = handle;
    for (size_t i = 0; i < requests.size(); i++) {
      fetches_.push_back(
          upstream::StartFetch(context.loop, context.pools, context.resolver, std::move(requests[i]),
                               [this, i](Result<upstream::FetchResponse> result) { Came(i, std::move(result)); }));
    }
  }

 private:
  void Came(size_t index, Result<upstream::FetchResponse> result) {
    results_->all[index] = std::move(result);
    if (--left_ > 0) return;
    Scheduler::Wake(handle_, [results = results_](lua_State* L) { return Push(L, *results); });
  }

  // One: a table {status, headers, body}, or nil and an error. Many: a list of such tables, or of {err = ...}.
  static int Push(lua_State* L, const Results& results) {
    if (!results.many) {
      const auto& result = results.all[0];
      if (result) {
        PushResponse(L, *result);
        return 1;
      }
      lua_pushnil(L);
      lua_pushlstring(L, result.error().message.data(), result.error().message.size());
      return 2;
    }
    lua_createtable(L, static_cast<int>(results.all.size()), 0);
    for (size_t i = 0; i < results.all.size(); i++) {
      const auto& result = results.all[i];
      if (result) {
        PushResponse(L, *result);
      } else {
        lua_createtable(L, 0, 1);
        lua_pushlstring(L, result.error().message.data(), result.error().message.size());
        lua_setfield(L, -2, "err");
      }
      lua_rawseti(L, -2, static_cast<int>(i) + 1);
    }
    return 1;
  }

  static void PushResponse(lua_State* L, const upstream::FetchResponse& response) {
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, response.status);
    lua_setfield(L, -2, "status");
    lua_pushlstring(L, response.body.data(), response.body.size());
    lua_setfield(L, -2, "body");
    lua_createtable(L, 0, static_cast<int>(response.headers.size()));
    for (const auto& [name, value] : response.headers) PushField(L, Lower(name), value);
    lua_setfield(L, -2, "headers");
  }

  Handle handle_;
  std::shared_ptr<Results> results_;
  size_t left_;
  std::vector<std::unique_ptr<upstream::Fetch>> fetches_;
};

// What is wrong with it, "" for nothing.
std::string ReadRequest(const mg_http_request& from, const proxy::Snapshot* snapshot, upstream::FetchRequest& to) {
  if (from.upstream.size > 0) {
    std::string_view name = View(from.upstream.data, from.upstream.size);
    auto found = snapshot != nullptr ? snapshot->upstream_names.find(name) : decltype(snapshot->upstream_names.end()){};
    if (snapshot == nullptr || found == snapshot->upstream_names.end())
      return "no upstream \"" + std::string(name) + "\"";
    to.upstream = found->second;
  }
  to.url = View(from.url.data, from.url.size);
  if (from.path.size > 0) to.path_and_query = View(from.path.data, from.path.size);
  if (from.method.size > 0) to.method = View(from.method.data, from.method.size);
  to.body = View(from.body.data, from.body.size);
  for (uint32_t i = 0; i < from.header_count; i++) {
    const mg_header& header = from.headers[i];
    to.headers.emplace_back(View(header.name.data, header.name.size), View(header.value.data, header.value.size));
  }
  if (from.timeout > 0) to.timeout = config::Duration(static_cast<int64_t>(std::min(from.timeout, 86400.0) * 1000));
  if (from.limit > 0) to.limit = static_cast<size_t>(from.limit);
  return {};
}

}  // namespace

void LinkHttp() {}

}  // namespace mg::script

extern "C" {

int mg_http_fetch(const mg_http_request* requests, int count, int many, mg_string* error) noexcept {
  using namespace mg::script;
  Program* program = t_active.vm->around.program;
  if (!CanWait() || program == nullptr || program->loop() == nullptr || count < 1 || count > kMostAtOnce) {
    GiveScratch(error, "between 1 and " + std::to_string(kMostAtOnce) + " requests, where a script can wait");
    return MG_ERROR;
  }
  std::vector<mg::upstream::FetchRequest> wanted(static_cast<size_t>(count));
  const mg::proxy::Snapshot* snapshot = program->snapshot();
  for (size_t i = 0; i < wanted.size(); i++) {
    if (std::string wrong = ReadRequest(requests[i], snapshot, wanted[i]); !wrong.empty()) {
      GiveScratch(error, std::move(wrong));
      return MG_ERROR;
    }
  }
  auto operation = std::make_unique<FetchOperation>(wanted.size(), many != 0);
  FetchOperation* fetch = operation.get();
  Handle handle = Scheduler::BeginWait(std::move(operation));
  fetch->Start(handle, *program->loop(), std::move(wanted));
  return MG_AGAIN;
}

}  // extern "C"
