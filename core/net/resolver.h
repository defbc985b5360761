// Resolver: names to addresses on a loop, by c-ares (A, AAAA, /etc/hosts, search domains), with a cache that keeps to
// the records' TTLs and serves a stale answer while DNS fails. One per loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/address.h"
#include "net/loop.h"

namespace mg::net {

class Resolver {
 public:
  explicit Resolver(Loop& loop);
  ~Resolver();

  // Calls back on the loop, possibly from within this call when the answer is known (an address, the cache).
  // The addresses carry `port`. Cancel by destroying the returned handle.
  class Query;
  using Done = std::function<void(Result<std::vector<SocketAddress>>)>;
  std::unique_ptr<Query> Resolve(const std::string& name, uint16_t port, Done done);

  // Servers to ask instead of resolv.conf's ("127.0.0.1:5353"); empty: resolv.conf's.
  void SetServers(const std::vector<std::string>& servers);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Resolver::Query {
 public:
  virtual ~Query() = default;
};

}  // namespace mg::net
