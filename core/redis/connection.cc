// Commands: queued, sent, answered, timed out.
#include "redis/connection.h"

#include <event2/event.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mg::redis {

namespace {

constexpr size_t kMostQueuedBytes = 64 * 1024 * 1024;
constexpr size_t kMostScripts = 1000;
constexpr Nanoseconds kMillisecond = 1'000'000;
// A server that has sent nothing since, this long after the deadline of its oldest command, is taken for dead.
constexpr Nanoseconds kSilence = 2'000 * kMillisecond;

}  // namespace

Connection::Impl::Impl(net::Loop& on, net::Resolver& with, config::Redis what)
    : loop(on),
      resolver(with),
      conf(std::move(what)),
      deadlines(
          on, [](void* self) { static_cast<Impl*>(self)->CheckDeadlines(); }, this),
      transport(on, *this),
      attempt(
          on, [](void* self) { static_cast<Impl*>(self)->AttemptTimer(); }, this) {
  auto run = [](int, short, void* self) { static_cast<Impl*>(self)->Work(); };
  event_assign(&work, loop.base(), -1, EV_PERSIST, run, this);
}

Connection::Impl::~Impl() { event_del(&work); }

// Activating costs no system call; it runs behind what is active now, in the same turn.
void Connection::Impl::WorkSoon() { event_active(&work, EV_WRITE, 1); }

uint64_t Connection::Impl::Send(std::string bytes, OnReply done, config::Duration timeout,
                                std::unique_ptr<Script> script) {
  uint64_t number = next_number++;
  if (Refuse(number, done)) return number;
  Nanoseconds deadline = loop.Now() + (timeout.count() > 0 ? timeout : conf.timeout).count() * kMillisecond;
  Append(number, std::move(bytes), std::move(done), deadline, std::move(script));
  return number;
}

bool Connection::Impl::Refuse(uint64_t number, OnReply& done) {
  if (refusing || state == State::kClosed) {
    FailLater(number, std::move(done), why);
    return true;
  }
  if (queue.size() + failures.size() < kMostWaiting && out.size() < kMostQueuedBytes) return false;
  FailLater(number, std::move(done),
            Error{ErrorCode::kUnavailable, Origin::kUpstream, Retryable::kNo,
                  fmt::format("redis {}: too many commands waiting", conf.name)});
  return true;
}

void Connection::Impl::Append(uint64_t number, std::string bytes, OnReply done, Nanoseconds deadline,
                              std::unique_ptr<Script> script) {
  uint64_t begin = queued_bytes;
  queued_bytes += bytes.size();
  out.Append(bytes);
  queue.push_back({number, std::move(done), deadline, begin, queued_bytes, std::move(script)});
  if (!deadlines.armed() || deadline < deadlines.due()) deadlines.SetAt(deadline);
  WorkSoon();
}

void Connection::Impl::FailLater(uint64_t number, OnReply done, Error error) {
  failures.push_back({number, std::move(done), std::move(error)});
  WorkSoon();
}

void Connection::Impl::Forget(uint64_t number) {
  auto forget = [number](auto& list) {
    auto found = std::find_if(list.begin(), list.end(), [number](const auto& one) { return one.number == number; });
    if (found != list.end()) found->done = nullptr;
  };
  forget(failures);
  // Numbers are consecutive but for those refused and for scripts that were sent again.
  size_t place = queue.empty() ? 0 : number - queue.front().number;
  if (place < queue.size() && queue[place].number == number) {
    queue[place].done = nullptr;
  } else {
    forget(queue);
  }
}

void Connection::Impl::Work() {
  for (size_t left = failures.size(); left > 0 && !failures.empty(); left--) {
    Failure failure = std::move(failures.front());
    failures.pop_front();
    if (failure.done) failure.done(std::unexpected(std::move(failure.error)));
  }
  Flush();
}

void Connection::Impl::Flush() {
  if (!login.empty() && state == State::kLogin) {
    net::IoResult result = transport.Write(login);
    if (result.status == net::IoResult::kOk) login.erase(0, result.bytes);
    if (result.status == net::IoResult::kError) Die(ErrorCode::kReset, transport.last_error());
    return;
  }
  constexpr int kMostPieces = 64;
  while (state == State::kReady && !out.empty()) {
    iovec pieces[kMostPieces];
    net::IoResult result = transport.Write(pieces, out.Fill(pieces, kMostPieces));
    if (result.status == net::IoResult::kError) return Die(ErrorCode::kReset, transport.last_error());
    if (result.status != net::IoResult::kOk) return;
    out.Consume(result.bytes);
    sent_bytes += result.bytes;
  }
}

// Replies come as the server likes: reading goes on until there is nothing.
void Connection::Impl::Receive() {
  while (state == State::kLogin || state == State::kReady) {
    std::span<char> buffer = loop.read_buffer();
    net::IoResult result = transport.Read(buffer.data(), buffer.size());
    if (result.status == net::IoResult::kAgain) return;
    if (result.status == net::IoResult::kEnd) return Die(ErrorCode::kReset, "the server closed the connection");
    if (result.status == net::IoResult::kError) return Die(ErrorCode::kReset, transport.last_error());
    last_read = loop.Now();
    reader->Feed({buffer.data(), result.bytes});
    while (ReplyPtr reply = reader->Next()) {
      Answer(std::move(reply));  // may end this connection, and begin another
      if (reader == nullptr) return;
    }
    if (!reader->error().empty()) return Die(ErrorCode::kProtocol, reader->error());
    if (!transport.readable() && queue.empty()) return;  // while replies are owed, only "nothing now" is believed
  }
}

void Connection::Impl::Answer(ReplyPtr reply) {
  if (state == State::kLogin) return LoginReply(*reply);
  // No reply comes before its command has left.
  if (queue.empty() || queue.front().begin >= sent_bytes) {
    bool error = reply->type == REDIS_REPLY_ERROR;
    return Die(error ? ErrorCode::kReset : ErrorCode::kProtocol,
               error ? std::string(reply->str, reply->len) : "the server sent a reply that nobody asked for");
  }
  Command command = std::move(queue.front());
  queue.pop_front();
  pause = 0;
  if (!command.done) return;
  if (command.script != nullptr && reply->type == REDIS_REPLY_ERROR &&
      std::string_view(reply->str, reply->len).starts_with("NOSCRIPT")) {
    // The server ran nothing: its script cache was emptied.
    std::string bytes;
    AppendCommand(bytes, 2 + command.script->arguments);
    AppendArgument(bytes, "EVAL");
    AppendArgument(bytes, *command.script->text);
    bytes += command.script->tail;
    return Append(command.number, std::move(bytes), std::move(command.done), command.deadline, nullptr);
  }
  command.done(reply.get());
}

void Connection::Impl::CheckDeadlines() {
  if (state == State::kClosed) return;
  Nanoseconds now = loop.Now(), next = INT64_MAX;
  if (!queue.empty() && state == State::kReady) {
    Nanoseconds dead = std::max(queue.front().deadline, last_read) + kSilence;
    if (dead <= now) return Die(ErrorCode::kTimeout, "the server does not answer");
    next = dead;
  }
  for (Command& command : queue) {
    if (!command.done) continue;
    if (command.deadline > now) {
      next = std::min(next, command.deadline);
      continue;
    }
    FailLater(command.number, std::exchange(command.done, nullptr),
              Error{ErrorCode::kTimeout, Origin::kUpstream, Retryable::kNo,
                    fmt::format("redis {}: no reply in time", conf.name)});
  }
  if (next != INT64_MAX) deadlines.SetAt(next);
}

std::shared_ptr<const std::string> Connection::Impl::KnownScript(std::string_view sha, std::string_view text) {
  auto found = scripts.find(sha);
  if (found != scripts.end() && *found->second == text) return found->second;
  if (scripts.size() >= kMostScripts) scripts.clear();
  return scripts[std::string(sha)] = std::make_shared<const std::string>(text);
}

bool Connection::Impl::Idle() const {
  auto waits = [](const auto& one) { return static_cast<bool>(one.done); };
  return std::none_of(queue.begin(), queue.end(), waits) && std::none_of(failures.begin(), failures.end(), waits);
}

// Ends everything; what waits is told. The Impl itself goes at the end of the turn.
void Connection::Impl::Close() {
  state = State::kClosed;
  why = Error{ErrorCode::kCancelled, Origin::kGateway, Retryable::kNo,
              fmt::format("redis {}: the connection was dropped", conf.name)};
  transport.Close();
  query.reset();
  reader.reset();
  attempt.Cancel();
  deadlines.Cancel();
  for (Command& command : std::exchange(queue, {})) {
    if (command.done) failures.push_back({command.number, std::move(command.done), why});
  }
  for (Failure& failure : std::exchange(failures, {})) {
    if (failure.done) failure.done(std::unexpected(std::move(failure.error)));
  }
  event_del(&work);
}

Connection::Connection(net::Loop& loop, net::Resolver& resolver, config::Redis conf)
    : impl_(std::make_unique<Impl>(loop, resolver, std::move(conf))) {
  impl_->Start();
}

// A handler of the Impl may be running: it stays until the turn is over.
Connection::~Connection() {
  impl_->Close();
  net::Loop& loop = impl_->loop;
  loop.DestroyLater(std::move(impl_));
}

uint64_t Connection::Send(std::span<const std::string_view> arguments, OnReply done, config::Duration timeout) {
  std::string bytes;
  AppendCommand(bytes, arguments.size());
  for (std::string_view argument : arguments) AppendArgument(bytes, argument);
  return impl_->Send(std::move(bytes), std::move(done), timeout, nullptr);
}

uint64_t Connection::Eval(std::string_view sha, std::string_view script, std::span<const std::string_view> keys,
                          std::span<const std::string_view> arguments, OnReply done, config::Duration timeout) {
  auto again = std::make_unique<Impl::Script>();
  again->text = impl_->KnownScript(sha, script);
  again->arguments = 1 + keys.size() + arguments.size();
  AppendArgument(again->tail, fmt::to_string(keys.size()));
  for (std::string_view key : keys) AppendArgument(again->tail, key);
  for (std::string_view argument : arguments) AppendArgument(again->tail, argument);
  std::string bytes;
  AppendCommand(bytes, 2 + again->arguments);
  AppendArgument(bytes, "EVALSHA");
  AppendArgument(bytes, sha);
  bytes += again->tail;
  return impl_->Send(std::move(bytes), std::move(done), timeout, std::move(again));
}

void Connection::Forget(uint64_t number) { impl_->Forget(number); }
bool Connection::connected() const { return impl_->state == Impl::State::kReady; }
bool Connection::idle() const { return impl_->Idle(); }
const config::Redis& Connection::conf() const { return impl_->conf; }

}  // namespace mg::redis
