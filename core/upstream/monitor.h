// Monitor: what is done once for all loops: active health checks, and the names of targets. It watches the upstreams of
// the current generation; what stays from one generation to the next goes on undisturbed.
//
// A Monitor lives on a loop; MonitorThread gives it one of its own, so that no handshake of a check delays a request.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "upstream/health_check.h"
#include "upstream/name_watch.h"
#include "upstream/registry.h"

namespace mg::upstream {

class Monitor {
 public:
  using Upstreams = std::vector<std::shared_ptr<Upstream>>;

  Monitor(net::Loop& loop, Registry& registry) : loop_(loop), registry_(registry), resolver_(loop) {}

  // Watches these, and no others any more. `ready` is called, perhaps from within, once each of their names has been
  // asked for, with whatever result; or never, when Watch is called again before that.
  void Watch(const Upstreams& upstreams, const config::Resolver& conf, std::function<void()> ready);

  size_t checks() const;
  size_t names() const { return names_.size(); }

 private:
  struct Watched {
    std::shared_ptr<Upstream> upstream;
    std::vector<NameWatch*> names;  // by conf().targets; null: an address
    std::unordered_map<Target*, std::unique_ptr<HealthCheck>> checks;
  };
  using Names = std::map<std::string, std::unique_ptr<NameWatch>>;

  NameWatch* NameOf(const config::Target& target, const config::Resolver& conf, Names& before);
  void NameChanged();
  void Compose(Watched& watched);
  void CheckMembers(Watched& watched);
  void TellWhenReady();

  net::Loop& loop_;
  Registry& registry_;
  net::Resolver resolver_;
  Names names_;
  std::vector<Watched> watched_;
  bool watching_ = false;  // within Watch
  std::function<void()> ready_;
};

class MonitorThread {
 public:
  explicit MonitorThread(Registry& registry);
  ~MonitorThread() { Stop(); }

  // Of the control thread. Returns once the names were asked for, or after a few seconds of waiting for DNS.
  void Watch(Monitor::Upstreams upstreams, config::Resolver conf);
  void Stop();
  net::Loop& loop() { return *loop_; }  // until Stop()

 private:
  Registry& registry_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<Monitor> monitor_;
  std::thread thread_;
};

}  // namespace mg::upstream
