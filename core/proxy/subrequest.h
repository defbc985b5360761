// Subrequest: a request that a script makes of the gateway itself (ngx.location.capture), and its answer, collected. A
// child Exchange with its own arena, without access and log phases; this is the Stream it answers to.
//
// Owner: what waits for it in the parent. Thread: the loop's. Cancel() before the parent ends: the child is then gone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/stream.h"
#include "proxy/exchange.h"

namespace mg::proxy {

constexpr uint8_t kDeepestSubrequest = 50;
constexpr size_t kMostSubrequests = 10'000;               // of a loop, at once
constexpr size_t kMostSubrequestBody = 64 * 1024 * 1024;  // of an answer: what goes beyond is cut

// What is asked; the texts are copied.
struct SubrequestSpec {
  enum class Variables : uint8_t { kNone, kCopy, kShare };  // kShare: the child's come back to the parent
  std::string_view path;                                    // begins with "/"; encoded or not
  std::string_view query;
  std::string_view method = "GET";
  const std::string_view* body = nullptr;  // null: none given
  bool forward_body = false;               // the parent's, where it has been read and none is given
  Variables variables = Variables::kNone;
};

struct SubrequestAnswer {
  uint16_t status = 0;
  std::vector<std::pair<std::string, std::string>> headers,
      variables;  // variables: with kShare, as the child left them
  std::string body;
  bool truncated = false;  // it ended before it was complete
};

class Subrequest final : public http::Stream {
 public:
  explicit Subrequest(Exchange& parent) : parent_(parent) {}
  ~Subrequest() override;

  // Makes the child, which waits for Start. False: the path is not a sound one.
  bool Prepare(const SubrequestSpec& spec);
  Exchange& child() { return *child_; }
  // `done` is called once, in a later turn of the loop, with the answer complete.
  void Start(std::function<void()> done);
  // Ends the child, wherever it stands. Nothing is called any more.
  void Cancel();

  SubrequestAnswer answer;

  // --- http::Stream
  void SendInformational(const http::ResponseHead&) override {}
  void SendHead(const http::ResponseHead& head, http::End end) override;
  void SendBody(std::string_view data, http::End end) override;
  void SetTrailers(std::string_view) override {}
  void Flush() override {}
  size_t pending() const override { return 0; }
  void Abort() override;
  void PauseBody() override {}
  void ResumeBody() override {}
  void WantBody() override {}
  void StartTunnel() override {}
  const http::ConnectionInfo& connection() const override { return parent_.connection; }
  net::SocketAddress LocalAddress() const override;
  uint64_t bytes_received() const override { return 0; }
  uint64_t bytes_sent() const override { return answer.body.size(); }
  void DisableKeepAlive() override {}

 private:
  void KeepVariables();
  void CompleteSoon();
  void Complete();

  Exchange& parent_;
  Exchange* child_ = nullptr;  // until its answer is complete
  bool shares_variables_ = false, has_body_ = true, started_ = false, completing_ = false;
  std::function<void()> done_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // what was put off finds out by it
};

}  // namespace mg::proxy
