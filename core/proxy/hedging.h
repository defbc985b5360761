// Hedging: further attempts at other targets while the first has not answered; the first answer wins, the others are
// cancelled. Owner: the exchange. Thread: its loop's.
#pragma once

#include <array>

#include "http/h1_client.h"
#include "net/loop.h"
#include "upstream/pool.h"
#include "upstream/retry_budget.h"

namespace mg::proxy {

class Exchange;
struct Attempt;

class Hedging {
 public:
  explicit Hedging(Exchange& exchange);

  void Arm();     // the first attempt has begun
  void Cancel();  // ends what runs and starts no more
  bool runs() const;
  // The exchange's own attempt has failed: one that runs here takes its place.
  void TakeOver();

 private:
  // One further attempt, until it has the answer's head: then the exchange goes on with its connection.
  class Runner final : public http::ClientHandler {
   public:
    explicit Runner(Hedging& hedging);

    void OnClientConnected() override;
    void OnInformational(const http::ResponseHead&) override {}
    void OnResponseHead(http::ResponseHead& head) override;
    void OnResponseBody(std::string_view, http::End) override {}
    void OnRequestDrained() override {}
    void OnFailed(const Error& error) override;
    Arena& response_arena() override;

    bool runs() const { return static_cast<bool>(lease); }
    Attempt& attempt();
    void End(bool failed);
    void Overdue();

    upstream::Lease lease;
    uint8_t index = 0;  // into the exchange's attempts
    net::Timer timer;
    upstream::RetryBudget::Hold hold;

   private:
    Hedging& hedging_;
  };

  void Fire();
  void Take(Runner& runner);

  Exchange& exchange_;
  net::Timer timer_;
  uint32_t started_ = 0;
  std::array<Runner, 3> runners_;
};

}  // namespace mg::proxy
