// Redis connections of a loop: one auto-pipelined connection per named configuration, over hiredis' reader and
// formatter on our own transports, so that TLS and unix sockets come free. Commands from all requests share it, in
// order; a connection that dies fails what was sent on it and is made anew with back-off. Thread: its loop's.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/resolver.h"

struct redisReply;

namespace mg::redis {

// Called once, never from within Send, with the reply (valid during the call; its type may be an error reply) or with
// what failed: kConnect (also at once, while the server is down), kTimeout, kReset (sent, but the connection died: it
// may have been carried out), kProtocol, kUnavailable (too many waiting), kCancelled (the connection was dropped). May
// do anything, destroying the Connection included.
using OnReply = std::function<void(Result<redisReply*>)>;

class Connection {
 public:
  static constexpr size_t kMostWaiting = 10'000;

  // Connects at once.
  Connection(net::Loop& loop, net::Resolver& resolver, config::Redis conf);
  ~Connection();

  // Sends one command (its arguments, binary safe). Commands of one turn of the loop leave in one write.
  // `timeout` 0: the configuration's; at its end the call-back comes and the late reply is thrown away in its turn. The
  // returned number cancels the call-back (Forget), never the command.
  uint64_t Send(std::span<const std::string_view> arguments, OnReply done, config::Duration timeout = {});
  void Forget(uint64_t number);

  // EVALSHA of a script whose text is known; on NOSCRIPT it is sent again as EVAL, once. `sha` is 40 hex digits.
  uint64_t Eval(std::string_view sha, std::string_view script, std::span<const std::string_view> keys,
                std::span<const std::string_view> arguments, OnReply done, config::Duration timeout = {});

  bool connected() const;  // and logged in
  bool idle() const;       // nobody waits for a reply
  const config::Redis& conf() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A loop's connections by name; outlives generations: Reconcile keeps those whose configuration is unchanged, and lets
// the others answer what they have been asked before they end.
class Connections {
 public:
  Connections(net::Loop& loop, net::Resolver& resolver);
  ~Connections();
  void Reconcile(const std::vector<config::Redis>& confs);
  Connection* Find(std::string_view name);  // null: none of that name

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mg::redis
