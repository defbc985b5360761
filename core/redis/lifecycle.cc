// How a connection is made, logs in, dies and is made anew.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "redis/connection.h"

namespace mg::redis {

namespace {
constexpr Milliseconds kFirstPause = 50, kLongestPause = 2'000;
constexpr Milliseconds kLeastAttempt = 1'000;  // for a connection to be made, however quick commands have to be
}  // namespace

void Connection::Impl::Start() {
  state = State::kResolving;
  attempt.SetAfter(std::max<Milliseconds>(conf.timeout.count(), kLeastAttempt));
  if (conf.tls && tls == nullptr) {
    config::UpstreamTls what;
    what.enabled = true;
    auto made = net::ClientTls::Make(what);
    if (!made) return Die(ErrorCode::kConnect, made.error().message);
    tls = std::move(*made);
  }
  auto resolved = [this](Result<std::vector<net::SocketAddress>> found) {
    if (!found) return Die(ErrorCode::kConnect, found.error().message);
    addresses = std::move(*found);
    ConnectNext();
  };
  if (conf.address->kind == config::Address::Kind::kName) {
    query = resolver.Resolve(conf.address->host, conf.address->port, resolved);
    return;
  }
  auto address = net::SocketAddress::From(*conf.address);
  if (!address) return Die(ErrorCode::kConnect, address.error().message);
  resolved(std::vector<net::SocketAddress>{*address});
}

void Connection::Impl::AttemptTimer() {
  if (state == State::kDown) return Start();
  Die(ErrorCode::kConnect, state == State::kLogin ? "the server does not answer" : "no connection in time");
}

void Connection::Impl::ConnectNext() {
  state = State::kConnecting;
  net::SocketAddress to = addresses.front();
  addresses.erase(addresses.begin());
  transport.Connect(to, tls == nullptr ? nullptr : tls->context(), tls == nullptr ? "" : conf.address->host);
}

void Connection::Impl::OnConnected(Result<void> result) {
  if (!result) {
    transport.Close();
    if (!addresses.empty()) return ConnectNext();
    return Die(ErrorCode::kConnect, result.error().message);
  }
  reader = std::make_unique<ReplyReader>();
  last_read = loop.Now();
  LogIn();
}

// AUTH [username] password, then SELECT; commands wait until both are granted.
void Connection::Impl::LogIn() {
  state = State::kLogin;
  auto append = [this](std::initializer_list<std::string_view> arguments) {
    AppendCommand(login, arguments.size());
    for (std::string_view argument : arguments) AppendArgument(login, argument);
    login_replies++;
  };
  if (!conf.username.empty()) {
    append({"AUTH", conf.username, conf.password});
  } else if (!conf.password.empty()) {
    append({"AUTH", conf.password});
  }
  if (conf.database != 0) append({"SELECT", fmt::to_string(conf.database)});
  if (login_replies == 0) return Ready();
  Flush();
}

void Connection::Impl::LoginReply(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_ERROR) {
    return Die(ErrorCode::kConnect, fmt::format("login: {}", std::string_view(reply.str, reply.len)));
  }
  if (--login_replies == 0) Ready();
}

void Connection::Impl::Ready() {
  if (refusing) MG_LOG(kNotice, "redis {}: connected again", conf.name);
  state = State::kReady;
  refusing = false;
  attempt.Cancel();
  addresses.clear();
  Flush();
}

// What was sent gets `sent`: it may have been carried out, so that it is never sent again. What was not gets `unsent`,
// or waits for the next connection.
void Connection::Impl::FailCommands(const Error& sent, const Error* unsent) {
  while (!queue.empty()) {
    Command& command = queue.front();
    bool left = command.begin < sent_bytes;
    if (!left && unsent == nullptr) return;
    if (command.end > sent_bytes) {
      out.Consume(command.end - sent_bytes);
      sent_bytes = command.end;
    }
    if (command.done) FailLater(command.number, std::move(command.done), left ? sent : *unsent);
    queue.pop_front();
  }
}

void Connection::Impl::Die(ErrorCode code, const std::string& reason) {
  if (state == State::kClosed || state == State::kDown) return;
  Error error{code, Origin::kUpstream, Retryable::kNo, fmt::format("redis {}: {}", conf.name, reason)};
  // A server that answers is worth a new attempt at once; one that has not answered since the last is not.
  bool at_once = state == State::kReady && pause == 0;
  transport.Close();
  query.reset();
  reader.reset();
  addresses.clear();
  login.clear();
  login_replies = 0;
  state = State::kDown;
  pause = std::clamp(pause * 2, kFirstPause, kLongestPause);
  if (at_once) {
    MG_LOG(kNotice, "{}; connecting anew", error.message);
    FailCommands(error, nullptr);
    return Start();
  }
  if (!refusing) MG_LOG(kWarn, "{}; commands fail until it is back", error.message);
  refusing = true;
  why = Error{ErrorCode::kConnect, Origin::kUpstream, Retryable::kYes, error.message};
  FailCommands(error, &why);
  // The loops of many processes are not to come back all at once.
  attempt.SetAfter(pause - loop.Now() / 1000 % (pause / 4));
}

}  // namespace mg::redis
