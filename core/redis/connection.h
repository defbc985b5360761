// The inside of redis::Connection: one server, one transport at a time, its commands in order. Not for others.
//
//   kDown ─(back-off)→ kResolving → kConnecting → kLogin → kReady ─(died)→ kDown
//
// A command waits in `queue` from Send until its reply has come, called back or not: replies carry no names, their
// order is all. Its bytes wait in `out` until the connection is ready; what the transport has taken any of is failed
// when the connection dies, never sent again. Owner: the Connection, then the loop's destroy list. Thread: the loop's.
#pragma once

#include <event2/event_struct.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "net/transport.h"
#include "redis/redis.h"
#include "redis/resp.h"

namespace mg::redis {

struct Connection::Impl : net::TransportHandler {
  // What an EVALSHA needs to be sent again as EVAL.
  struct Script {
    std::shared_ptr<const std::string> text;
    size_t arguments;  // behind the text: the number of keys, the keys, the arguments
    std::string tail;  // those, as sent
  };
  struct Command {
    uint64_t number;
    OnReply done;  // none: forgotten, or timed out
    Nanoseconds deadline;
    uint64_t begin, end;  // its bytes among all that went to `out`
    std::unique_ptr<Script> script;
  };
  struct Failure {
    uint64_t number;
    OnReply done;
    Error error;
  };
  enum class State : uint8_t { kDown, kResolving, kConnecting, kLogin, kReady, kClosed };

  Impl(net::Loop& on, net::Resolver& with, config::Redis what);
  ~Impl() override;

  // Commands: connection.cc.
  uint64_t Send(std::string bytes, OnReply done, config::Duration timeout, std::unique_ptr<Script> script);
  bool Refuse(uint64_t number, OnReply& done);
  void Append(uint64_t number, std::string bytes, OnReply done, Nanoseconds deadline, std::unique_ptr<Script> script);
  void Forget(uint64_t number);
  void Work();  // once a turn: calls the failed back, sends what has come together
  void WorkSoon();
  void Flush();
  void Receive();
  void Answer(ReplyPtr reply);
  void CheckDeadlines();
  void FailLater(uint64_t number, OnReply done, Error error);
  void Close();
  std::shared_ptr<const std::string> KnownScript(std::string_view sha, std::string_view text);
  bool Idle() const;

  // The connection's life: lifecycle.cc.
  void Start();
  void AttemptTimer();
  void ConnectNext();
  void LogIn();
  void LoginReply(const redisReply& reply);
  void Ready();
  void Die(ErrorCode code, const std::string& reason);
  void FailCommands(const Error& sent, const Error* unsent);
  void OnConnected(Result<void> result) override;
  void OnReadable() override { Receive(); }
  void OnWritable() override { Flush(); }

  net::Loop& loop;
  net::Resolver& resolver;
  const config::Redis conf;
  State state = State::kDown;

  std::deque<Command> queue;
  std::deque<Failure> failures;  // to be called back by Work
  Buffer out;                    // commands not yet taken by the transport
  uint64_t queued_bytes = 0;     // that ever went to `out`
  uint64_t sent_bytes = 0;       // of those, taken by the transport or dropped
  uint64_t next_number = 1;
  std::map<std::string, std::shared_ptr<const std::string>, std::less<>> scripts;  // by digest
  net::Timer deadlines;
  Nanoseconds last_read = 0;
  event work{};

  net::Transport transport;
  std::unique_ptr<ReplyReader> reader;
  std::unique_ptr<net::ClientTls> tls;
  std::unique_ptr<net::Resolver::Query> query;
  std::vector<net::SocketAddress> addresses;  // still to be tried
  net::Timer attempt;                         // ends an attempt, or the pause before the next
  std::string login;                          // bytes of AUTH and SELECT not yet sent
  int login_replies = 0;                      // still to come
  Milliseconds pause = 0;                     // before the next attempt; 0: at once
  bool refusing = false;                      // the last attempt failed: commands fail at once
  Error why;                                  // with this
};

}  // namespace mg::redis
