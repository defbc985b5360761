// NameWatch: the addresses behind one name, kept up to date: asked for anew when their TTL is over, kept while DNS
// fails, dropped when DNS says that they are gone. Owner: the Monitor. Thread: its loop's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/resolver.h"
#include "upstream/registry.h"

namespace mg::upstream {

class NameWatch {
 public:
  static constexpr size_t kMostAddresses = 1024, kMostHosts = 64;

  // `srv`: the name is of SRV records, which bring hosts and ports; else `port` is every address'. `changed` is called
  // when the addresses have changed, and when they are known for the first time (there may be none).
  NameWatch(net::Loop& loop, net::Resolver& resolver, const config::Resolver& conf, std::string name, bool srv,
            uint16_t port, std::function<void()> changed);

  void Start();  // asks for the first time; may call `changed` from within
  void SetConf(const config::Resolver& conf) { conf_ = conf; }

  bool known() const { return known_; }  // asked once, with whatever result
  const std::vector<Resolved>& addresses() const { return addresses_; }
  const std::string& name() const { return name_; }

 private:
  using Type = net::Resolver::Type;
  enum class State : uint8_t { kFound, kNone, kFailed };
  struct Host {  // to be asked for its addresses
    std::string name;
    uint16_t port = 0;
    uint32_t weight = 1, rank = 0;
  };

  void Ask();
  void ServicesCame(Result<net::Resolver::Records> records);
  void AskHosts();
  void AddressesCame(const std::string& host, Type type, Result<net::Resolver::Records> records);
  State Note(const Result<net::Resolver::Records>& records);
  void Finish();
  std::vector<Resolved> Collect() const;
  void Report(const std::vector<Resolved>& before) const;

  net::Resolver& resolver_;
  config::Resolver conf_;
  const std::string name_;
  const bool srv_;
  const uint16_t port_;
  const std::function<void()> changed_;
  net::Timer timer_;

  bool known_ = false, failing_ = false;
  std::vector<Resolved> addresses_;
  std::vector<Host> hosts_;  // the latest known
  std::map<std::pair<std::string, Type>, std::vector<net::SocketAddress>> by_host_;

  // Of the round under way.
  std::vector<std::unique_ptr<net::Resolver::Query>> queries_;
  size_t waiting_ = 0;
  bool failed_ = false;
  std::string error_;
  Nanoseconds ttl_ = 0;
  uint32_t failures_ = 0;  // rounds in a row without any address, or that failed
};

}  // namespace mg::upstream
