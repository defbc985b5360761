// Fetch: one whole HTTP request and its collected answer, for scripts, JWKS and health checks. Thread: its loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/resolver.h"
#include "upstream/pool.h"

namespace mg::upstream {

struct FetchRequest {
  // To an upstream (its balancer, retries, timeouts) with path_and_query, or, without one, to an absolute url.
  const Upstream* upstream = nullptr;
  std::string url;
  std::string path_and_query = "/";
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> headers;  // Host is made where absent
  std::string body;
  config::Duration timeout{10'000};  // for all of it
  size_t limit = 8 * 1024 * 1024;    // of the answer's body
  ssl_ctx_st* tls = nullptr;         // for https urls; null: the system's CAs
};

struct FetchResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string target;  // address that answered
};

using FetchDone = std::function<void(Result<FetchResponse>)>;

// Destroying the handle cancels it: `done` is not called then.
class Fetch {
 public:
  virtual ~Fetch() = default;
};

// `done` is called once, never from within this call.
std::unique_ptr<Fetch> StartFetch(net::Loop& loop, Pools& pools, net::Resolver& resolver, FetchRequest request,
                                  FetchDone done);

}  // namespace mg::upstream
