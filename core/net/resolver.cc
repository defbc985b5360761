#include "net/resolver.h"

#include <ares.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/list.h"
#include "base/log.h"
#include "base/strings.h"

namespace mg::net {

namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds kFailureTtl = kSecond;
constexpr Nanoseconds kStale = 24 * 3600 * kSecond;  // how long after its end an answer may stand in
constexpr Nanoseconds kPatience = kSecond;           // before a stale answer stands in for a slow one
constexpr size_t kMostCached = 10'000, kMostLookups = 1'000;

struct Waiting : Resolver::Query, ListNode<Waiting> {
  uint16_t port = 0;
  Resolver::Done done;
};

struct Answer {
  std::vector<SocketAddress> addresses;  // without port; none: `error` tells why
  Error error;
  Nanoseconds fresh_until = 0, stale_until = 0;
  bool failing = false;  // DNS failed since: `addresses` are stale

  Result<std::vector<SocketAddress>> WithPort(uint16_t port) const {
    if (addresses.empty()) return std::unexpected(error);
    std::vector<SocketAddress> result;
    result.reserve(addresses.size());
    for (const SocketAddress& address : addresses) result.push_back(address.WithPort(port));
    return result;
  }
};

bool IsLocalhost(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name == "localhost" || name.ends_with(".localhost");
}

Nanoseconds NanosecondsOf(config::Duration duration) { return duration.count() * 1'000'000; }

// Whether DNS says that there is nothing; anything else is DNS failing.
bool IsDefinite(int status) { return status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME; }

std::unexpected<Error> Failure(const std::string& name, int status) {
  return Fail(ErrorCode::kResolve, fmt::format("DNS: {}: {}", name, ares_strerror(status)), Origin::kUpstream,
              IsDefinite(status) ? Retryable::kNo : Retryable::kYes);
}

// Each address once; the least TTL of them and of the aliases on the way.
Nanoseconds CollectAddresses(const ares_addrinfo* found, std::vector<SocketAddress>& addresses) {
  Nanoseconds ttl = INT32_MAX * kSecond;
  if (found == nullptr) return 0;
  for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next) {
    SocketAddress address = SocketAddress::FromRaw(node->ai_addr, node->ai_addrlen).WithPort(0);
    if (std::ranges::find(addresses, address) == addresses.end()) addresses.push_back(address);
    ttl = std::min(ttl, node->ai_ttl * kSecond);
  }
  for (const ares_addrinfo_cname* alias = found->cnames; alias != nullptr; alias = alias->next)
    ttl = std::min(ttl, alias->ttl * kSecond);
  return ttl;
}

// c-ares keeps process-wide state; made before any resolver, never torn down.
void InitLibrary() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  MG_CHECK(status == ARES_SUCCESS);
}

}  // namespace

struct Resolver::Impl {
  // A question to c-ares and who waits for it; nobody, when a stale answer is being renewed.
  struct Lookup {
    std::string name;
    Impl* resolver = nullptr;
    List<Waiting, Waiting> waiting;
    Answer answer;
    Nanoseconds begun = 0;
  };

  // One of Ask's.
  struct Question {
    Impl* resolver = nullptr;
    std::string name;
    Type type = Type::kA;
    AskDone done;  // null: cancelled
    std::optional<Result<Records>> answer;
  };
  struct Asking final : Query {
    explicit Asking(std::shared_ptr<Question> of) : question(std::move(of)) {}
    ~Asking() override { question->done = nullptr; }
    std::shared_ptr<Question> question;
  };

  explicit Impl(Loop& on)
      : loop(on),
        timeout(
            on, [](void* self) { static_cast<Impl*>(self)->TimeOut(); }, this) {
    InitLibrary();
    OpenChannel();
  }
  ~Impl() {
    closing = true;
    ares_destroy(channel);
  }

  void OpenChannel();
  const Answer* Known(const std::string& name);
  Lookup* Join(const std::string& name);
  void Ask(Lookup& lookup);
  void Finish(Lookup& lookup, int status, const ares_addrinfo* found);
  void Store(const std::string& name, const Answer& answer);
  void Process(int fd, short what);
  void TimeOut();
  void Settle();
  void WatchSocket(int fd, bool read, bool write);
  static void Deliver(Lookup& lookup);
  void Send(Question& question);
  void Answered(Question& question, Result<Records> answer);
  int family() const;

  Loop& loop;
  Timer timeout;
  ares_channel channel = nullptr;
  config::Resolver conf;
  bool reopen = false, closing = false;
  std::unordered_map<int, std::unique_ptr<event>> sockets;
  std::unordered_map<std::string, std::unique_ptr<Lookup>> lookups;
  std::unordered_map<std::string, Answer> answers;
  std::vector<std::unique_ptr<Lookup>> finished;  // to be delivered once c-ares has returned
  std::unordered_map<Question*, std::shared_ptr<Question>> questions;
  std::vector<std::shared_ptr<Question>> answered;  // as `finished`
};

void Resolver::Impl::OpenChannel() {
  if (channel != nullptr) ares_destroy(channel);
  ares_options options{};
  options.timeout = static_cast<int>(std::min<int64_t>(conf.timeout.count(), 3'600'000));
  options.tries = static_cast<int>(conf.attempts);
  options.sock_state_cb_data = this;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
    static_cast<Impl*>(self)->WatchSocket(fd, read != 0, write != 0);
  };
  int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  std::vector<char*> domains;
  for (std::string& domain : conf.search) domains.push_back(domain.data());
  if (!domains.empty()) {
    mask |= ARES_OPT_DOMAINS;
    options.domains = domains.data();
    options.ndomains = static_cast<int>(domains.size());
  }
  int status = ares_init_options(&channel, &options, mask);
  MG_CHECK(status == ARES_SUCCESS);
  reopen = false;
  std::string servers;
  for (const std::string& server : conf.nameservers) servers += (servers.empty() ? "" : ",") + server;
  if (servers.empty()) return;
  status = ares_set_servers_ports_csv(channel, servers.c_str());
  if (status != ARES_SUCCESS) MG_LOG(kError, "DNS servers \"{}\": {}", servers, ares_strerror(status));
}

int Resolver::Impl::family() const {
  if (conf.family == config::Resolver::Family::kIpv4) return AF_INET;
  return conf.family == config::Resolver::Family::kIpv6 ? AF_INET6 : AF_UNSPEC;
}

void Resolver::Impl::WatchSocket(int fd, bool read, bool write) {
  auto found = sockets.find(fd);
  if (found != sockets.end()) {
    event_del(found->second.get());
    if (!read && !write) sockets.erase(found);
  }
  if (!read && !write) return;
  auto& watched = sockets[fd];
  if (watched == nullptr) watched = std::make_unique<event>();
  auto ready = [](int socket, short what, void* self) { static_cast<Impl*>(self)->Process(socket, what); };
  short what = static_cast<short>((read ? EV_READ : 0) | (write ? EV_WRITE : 0) | EV_PERSIST);
  event_assign(watched.get(), loop.base(), fd, what, ready, this);
  event_add(watched.get(), nullptr);
}

void Resolver::Impl::Process(int fd, short what) {
  ares_process_fd(channel, (what & EV_READ) != 0 ? fd : ARES_SOCKET_BAD, (what & EV_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
  Settle();
}

// Who has waited for a second gets the stale answer, if there is one; the lookup goes on (RFC 8767 5).
void Resolver::Impl::TimeOut() {
  for (auto& [name, lookup] : lookups) {
    auto before = answers.find(name);
    if (before == answers.end() || loop.Now() - lookup->begun < kPatience) continue;
    if (before->second.addresses.empty() || before->second.stale_until <= loop.Now()) continue;
    before->second.failing = true;
    auto stand_in = std::make_unique<Lookup>();
    stand_in->answer = before->second;
    while (Waiting* waiting = lookup->waiting.PopFront()) stand_in->waiting.PushBack(*waiting);
    finished.push_back(std::move(stand_in));
  }
  Process(ARES_SOCKET_BAD, 0);
}

// After every call into c-ares: hands out what has been answered, and sets the timer.
void Resolver::Impl::Settle() {
  while (!finished.empty() || !answered.empty()) {
    for (auto& lookup : std::exchange(finished, {})) Deliver(*lookup);
    for (auto& question : std::exchange(answered, {})) {
      // The call may destroy its own handle.
      if (AskDone done = std::exchange(question->done, nullptr)) done(std::move(*question->answer));
    }
  }
  timeval most{3600, 0}, left{};
  timeval* wait = ares_timeout(channel, &most, &left);
  if (lookups.empty() && questions.empty()) {
    timeout.Cancel();
  } else {
    timeout.SetAfter(std::min<Milliseconds>(wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000, kPatience / 1'000'000));
  }
}

// The cached answer, fresh or standing in for one; null: it has to be asked for.
const Answer* Resolver::Impl::Known(const std::string& name) {
  auto found = answers.find(name);
  if (found == answers.end()) return nullptr;
  Answer& answer = found->second;
  Nanoseconds now = loop.Now();
  if (now < answer.fresh_until) return &answer;
  return answer.failing && now < answer.stale_until ? &answer : nullptr;
}

// The lookup of this name that is under way, or a new one; null: too many. It stays until Settle.
Resolver::Impl::Lookup* Resolver::Impl::Join(const std::string& name) {
  if (auto found = lookups.find(name); found != lookups.end()) return found->second.get();
  if (lookups.size() >= kMostLookups) return nullptr;
  auto& place = lookups[name];
  place = std::make_unique<Lookup>();
  Lookup* lookup = place.get();
  lookup->name = name;
  lookup->resolver = this;
  lookup->begun = loop.Now();
  Ask(*lookup);
  return lookup;
}

// May come to Finish before it returns.
void Resolver::Impl::Ask(Lookup& lookup) {
  if (reopen && lookups.size() + questions.size() == 1) OpenChannel();
  ares_addrinfo_hints hints{};
  hints.ai_family = family();
  hints.ai_socktype = SOCK_STREAM;
  auto came = [](void* argument, int status, int, ares_addrinfo* found) {
    auto* self = static_cast<Lookup*>(argument);
    self->resolver->Finish(*self, status, found);
    if (found != nullptr) ares_freeaddrinfo(found);
  };
  ares_getaddrinfo(channel, lookup.name.c_str(), nullptr, &hints, came, &lookup);
}

void Resolver::Impl::Finish(Lookup& lookup, int status, const ares_addrinfo* found) {
  if (closing) return;
  Answer& answer = lookup.answer;
  Nanoseconds now = loop.Now();
  Nanoseconds ttl = std::min(CollectAddresses(found, answer.addresses), NanosecondsOf(conf.max_ttl));
  if (status == ARES_SUCCESS && answer.addresses.empty()) status = ARES_ENODATA;
  if (status == ARES_SUCCESS) {
    answer.fresh_until = now + std::max(ttl, NanosecondsOf(conf.min_ttl));
    answer.stale_until = answer.fresh_until + kStale;
  } else {
    // That a name does not exist is an answer; anything else is DNS failing.
    bool definite = IsDefinite(status);
    auto before = answers.find(lookup.name);
    if (!definite && before != answers.end() && now < before->second.stale_until) {
      answer = before->second;
      answer.failing = true;
    }
    answer.fresh_until = now + kFailureTtl;
    answer.error = Failure(lookup.name, status).error();
  }
  Store(lookup.name, answer);
  auto entry = lookups.find(lookup.name);
  finished.push_back(std::move(entry->second));
  lookups.erase(entry);
}

void Resolver::Impl::Store(const std::string& name, const Answer& answer) {
  if (answers.size() >= kMostCached && !answers.contains(name)) {
    std::erase_if(answers, [now = loop.Now()](const auto& entry) { return entry.second.fresh_until < now; });
    if (answers.size() >= kMostCached) answers.erase(answers.begin());
  }
  answers[name] = answer;
}

void Resolver::Impl::Deliver(Lookup& lookup) {
  while (Waiting* waiting = lookup.waiting.PopFront()) {
    // The call may destroy its own handle.
    Done done = std::move(waiting->done);
    done(lookup.answer.WithPort(waiting->port));
  }
}

// --- Ask

// May come to Answered before it returns.
void Resolver::Impl::Send(Question& question) {
  if (reopen && lookups.size() + questions.size() == 1) OpenChannel();
  if (question.type == Type::kSrv) {
    auto came = [](void* argument, int status, int, unsigned char* bytes, int size) {
      auto& self = *static_cast<Question*>(argument);
      if (status != ARES_SUCCESS) return self.resolver->Answered(self, Failure(self.name, status));
      Result<SrvAnswer> parsed = ParseSrvResponse({bytes, static_cast<size_t>(size)});
      if (!parsed) return self.resolver->Answered(self, std::unexpected(parsed.error()));
      if (parsed->records.empty()) return self.resolver->Answered(self, Failure(self.name, ARES_ENODATA));
      self.resolver->Answered(self, Records{{}, std::move(parsed->records), parsed->ttl * kSecond});
    };
    ares_search(channel, question.name.c_str(), 1, 33, came, &question);  // class IN, type SRV
    return;
  }
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;
  hints.ai_family = question.type == Type::kA ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  auto came = [](void* argument, int status, int, ares_addrinfo* found) {
    auto& self = *static_cast<Question*>(argument);
    Answer answer;
    Nanoseconds ttl = CollectAddresses(found, answer.addresses);
    if (found != nullptr) ares_freeaddrinfo(found);
    if (status == ARES_SUCCESS && answer.addresses.empty()) status = ARES_ENODATA;
    if (status != ARES_SUCCESS) return self.resolver->Answered(self, Failure(self.name, status));
    self.resolver->Answered(self, Records{std::move(answer.addresses), {}, ttl});
  };
  ares_getaddrinfo(channel, question.name.c_str(), nullptr, &hints, came, &question);
}

void Resolver::Impl::Answered(Question& question, Result<Records> answer) {
  if (closing) return;
  question.answer = std::move(answer);
  auto entry = questions.find(&question);
  answered.push_back(std::move(entry->second));
  questions.erase(entry);
}

Resolver::Resolver(Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}
Resolver::~Resolver() = default;

void Resolver::Configure(const config::Resolver& conf) {
  if (impl_->conf == conf) return;
  impl_->conf = conf;
  impl_->answers.clear();
  if (impl_->lookups.empty() && impl_->questions.empty()) {
    impl_->OpenChannel();
  } else {
    impl_->reopen = true;  // once they have ended
  }
}

std::unique_ptr<Resolver::Query> Resolver::Ask(const std::string& name, Type type, AskDone done) {
  std::string key = Lower(name);
  if (type != Type::kSrv && IsLocalhost(key)) {
    const char* loopback = type == Type::kA ? "127.0.0.1" : "::1";
    done(Records{{*SocketAddress::FromIp(loopback, 0)}, {}, 3600 * kSecond});
    return nullptr;
  }
  if (!IsDnsName(key)) {
    done(Fail(ErrorCode::kResolve, fmt::format("\"{}\" is not a host name", name.substr(0, 253))));
    return nullptr;
  }
  if (impl_->questions.size() >= kMostLookups) {
    done(Fail(ErrorCode::kUnavailable, fmt::format("DNS: {}: too many lookups under way", key), Origin::kGateway,
              Retryable::kYes));
    return nullptr;
  }
  auto question = std::make_shared<Impl::Question>();
  question->resolver = impl_.get();
  question->name = std::move(key);
  question->type = type;
  question->done = std::move(done);
  impl_->questions.emplace(question.get(), question);
  auto handle = std::make_unique<Impl::Asking>(question);
  impl_->Send(*question);
  impl_->Settle();
  if (question->done == nullptr) return nullptr;  // answered already
  return handle;
}

std::unique_ptr<Resolver::Query> Resolver::Resolve(const std::string& name, uint16_t port, Done done) {
  if (auto literal = SocketAddress::FromIp(name, port)) {
    done(std::vector<SocketAddress>{*literal});
    return nullptr;
  }
  if (!IsDnsName(name)) {
    done(Fail(ErrorCode::kResolve, fmt::format("\"{}\" is not a host name", name.substr(0, 253))));
    return nullptr;
  }
  std::string key = Lower(name);
  if (IsLocalhost(key)) {
    std::vector<SocketAddress> loopback;
    if (impl_->family() != AF_INET6) loopback.push_back(*SocketAddress::FromIp("127.0.0.1", port));
    if (impl_->family() != AF_INET) loopback.push_back(*SocketAddress::FromIp("::1", port));
    done(std::move(loopback));
    return nullptr;
  }
  if (const Answer* known = impl_->Known(key); known != nullptr) {
    auto result = known->WithPort(port);
    if (known->fresh_until <= impl_->loop.Now() && impl_->Join(key) != nullptr) impl_->Settle();
    done(std::move(result));
    return nullptr;
  }
  Impl::Lookup* lookup = impl_->Join(key);
  if (lookup == nullptr) {
    done(Fail(ErrorCode::kUnavailable, fmt::format("DNS: {}: too many lookups under way", key)));
    return nullptr;
  }
  auto waiting = std::make_unique<Waiting>();
  waiting->port = port;
  waiting->done = std::move(done);
  lookup->waiting.PushBack(*waiting);
  impl_->Settle();
  if (!waiting->linked()) return nullptr;  // answered already
  return waiting;
}

}  // namespace mg::net
