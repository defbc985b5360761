// HealthCheck: asks one target of one upstream again and again whether it is well, each time on a connection of its
// own. Owner: the Monitor. Thread: its loop's.
#pragma once

#include <memory>
#include <random>
#include <string>

#include "http/h1_client.h"
#include "upstream/upstream.h"

namespace mg::upstream {

class HealthCheck final : public http::ClientHandler {
 public:
  // `upstream` has active health.
  HealthCheck(net::Loop& loop, std::shared_ptr<const Upstream> upstream, std::shared_ptr<Target> target);
  ~HealthCheck() override;

  // A new generation's settings, from the next check on.
  void SetUpstream(std::shared_ptr<const Upstream> upstream) { next_ = std::move(upstream); }

  // http::ClientHandler
  void OnClientConnected() override;
  void OnInformational(const http::ResponseHead&) override {}
  void OnResponseHead(http::ResponseHead& head) override;
  void OnResponseBody(std::string_view, http::End) override {}
  void OnRequestDrained() override {}
  void OnFailed(const Error& error) override;
  Arena& response_arena() override { return arena_; }

 private:
  void Begin();
  void SendRequest();
  void OnTimer();
  void Ended(bool good, const std::string& reason);
  void Disconnect();
  Milliseconds NextWait();

  net::Loop& loop_;
  std::shared_ptr<const Upstream> upstream_, next_;
  const std::shared_ptr<Target> target_;
  net::Timer timer_;
  Arena arena_;
  std::unique_ptr<http::H1Client> client_;  // of the check under way
  Nanoseconds began_ = 0;
  uint32_t good_ = 0, bad_ = 0;  // in a row
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace mg::upstream
