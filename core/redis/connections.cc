#include <algorithm>
#include <map>
#include <utility>

#include "redis/redis.h"

namespace mg::redis {

namespace {

constexpr Milliseconds kSweep = 500;

bool Same(const config::Redis& a, const config::Redis& b) {
  return a.address->kind == b.address->kind && a.address->host == b.address->host &&
         a.address->port == b.address->port && a.timeout == b.timeout && a.tls == b.tls && a.username == b.username &&
         a.password == b.password && a.database == b.database;
}

}  // namespace

struct Connections::Impl {
  Impl(net::Loop& on, net::Resolver& with)
      : loop(on),
        resolver(with),
        sweep(
            on, [](void* self) { static_cast<Impl*>(self)->Sweep(); }, this) {}

  void Sweep() {
    std::erase_if(retired, [](const auto& connection) { return connection->idle(); });
    if (!retired.empty()) sweep.SetAfter(kSweep);
  }

  net::Loop& loop;
  net::Resolver& resolver;
  std::map<std::string, std::unique_ptr<Connection>, std::less<>> by_name;
  std::vector<std::unique_ptr<Connection>> retired;  // still owe answers, which all have deadlines
  net::Timer sweep;
};

Connections::Connections(net::Loop& loop, net::Resolver& resolver) : impl_(std::make_unique<Impl>(loop, resolver)) {}
Connections::~Connections() = default;

void Connections::Reconcile(const std::vector<config::Redis>& confs) {
  auto before = std::exchange(impl_->by_name, {});
  for (const config::Redis& conf : confs) {
    auto kept = before.extract(conf.name);
    if (!kept.empty() && Same(kept.mapped()->conf(), conf)) {
      impl_->by_name.insert(std::move(kept));
      continue;
    }
    if (!kept.empty()) impl_->retired.push_back(std::move(kept.mapped()));
    impl_->by_name[conf.name] = std::make_unique<Connection>(impl_->loop, impl_->resolver, conf);
  }
  for (auto& [name, connection] : before) impl_->retired.push_back(std::move(connection));
  impl_->Sweep();
}

Connection* Connections::Find(std::string_view name) {
  auto found = impl_->by_name.find(name);
  return found == impl_->by_name.end() ? nullptr : found->second.get();
}

}  // namespace mg::redis
