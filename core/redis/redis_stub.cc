#include "redis/redis.h"
namespace mg::redis {
struct Connections::Impl {};
Connections::Connections(net::Loop&, net::Resolver&) {}
Connections::~Connections() = default;
void Connections::Reconcile(const std::vector<config::Redis>&) {}
Connection* Connections::Find(std::string_view) { return nullptr; }
}  // namespace mg::redis
