// Doorkeeper: what a loop does with accepted sockets before they are sessions: reads the PROXY header of those that
// begin with one, and turns away those that there is no room for. Owner: the loop's thread record. Thread: its loop's.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <string_view>

#include "base/list.h"
#include "net/address.h"
#include "net/connection_limits.h"
#include "net/loop.h"

namespace mg::net {

class Doorkeeper {
 public:
  // What came of a PROXY header: the client it names, or (a proxy's own connection) the proxy.
  using OnClient = std::function<void(int fd, const SocketAddress& client, Admission admission)>;

  // `bad_headers`: counts PROXY headers that were none; written by the loop alone.
  explicit Doorkeeper(Loop& loop, std::atomic<uint64_t>* bad_headers = nullptr);
  ~Doorkeeper();

  // Reads the header, which `peer` has `timeout` to send, and no byte more; then calls `on_client`, perhaps from
  // within. What is no header, or comes too late, ends the connection, and is logged and counted.
  void ReadProxyHeader(int fd, const SocketAddress& peer, Admission admission, Milliseconds timeout,
                       OnClient on_client);

  // Answers a client that speaks no TLS with 503 and Retry-After, and closes; the socket is kept a moment so that the
  // client can read that. `why`: a short text without quotes.
  void TurnAway(int fd, std::string_view why);

  // Ends all that waits here.
  void Clear();
  size_t waiting() const { return waiting_; }

 private:
  class Newcomer;
  void BadHeader(const SocketAddress& peer, const char* why);
  void CloseLeaving(bool all);
  static void OnTimer(void* self) { static_cast<Doorkeeper*>(self)->CloseLeaving(false); }

  Loop& loop_;
  List<Newcomer, Doorkeeper> newcomers_;
  size_t waiting_ = 0;
  std::atomic<uint64_t>* bad_headers_;
  struct Leaving {
    int fd;
    Nanoseconds until;
  };
  std::deque<Leaving> leaving_;
  Timer timer_;
};

}  // namespace mg::net
