// Resolver: names to addresses on a loop, by c-ares (A and AAAA, /etc/hosts, search domains), with a cache that keeps
// to the records' TTLs (at least 1 s, at most 1 h; a failure for 1 s) and serves a stale answer while DNS fails. Equal
// questions share one lookup. The addresses come in the order of RFC 6724. "localhost" and names below it are loopback
// (RFC 6761 6.3). Ask() is for who keeps answers himself: one kind of record, asked anew. One per loop, on its thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "net/address.h"
#include "net/dns_message.h"
#include "net/loop.h"

namespace mg::net {

class Resolver {
 public:
  explicit Resolver(Loop& loop);
  ~Resolver();

  // Calls back on the loop, possibly from within this call when the answer is known (an address, the cache): then it
  // returns null. The addresses carry `port`. Cancel by destroying the returned handle. `done` may do anything but
  // destroy the resolver. Errors: kResolve (retryable unless the name does not exist), kUnavailable (too many lookups).
  class Query;
  using Done = std::function<void(Result<std::vector<SocketAddress>>)>;
  std::unique_ptr<Query> Resolve(const std::string& name, uint16_t port, Done done);

  // One kind of record, past the cache. Calls back once, possibly from within this call. An error that is not retryable
  // is DNS' word that there is none (NXDOMAIN, no data); any other says nothing.
  enum class Type : uint8_t { kA, kAaaa, kSrv };
  struct Records {
    std::vector<SocketAddress> addresses;  // of kA and kAaaa, without port
    std::vector<SrvRecord> services;       // of kSrv
    Nanoseconds ttl = 0;
  };
  using AskDone = std::function<void(Result<Records>)>;
  std::unique_ptr<Query> Ask(const std::string& name, Type type, AskDone done);

  // Which servers are asked, and how. Where it changes, the cache is forgotten; lookups under way go on with the
  // servers they began with.
  void Configure(const config::Resolver& conf);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Resolver::Query {
 public:
  virtual ~Query() = default;
};

}  // namespace mg::net
