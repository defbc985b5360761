// A whole gateway in the test's process, with the test's own thread as its clients and its upstream. Part of the tests
// alone.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "faults/peers.h"
#include "server/gateway.h"
#include "tester/log_capture.h"

namespace mg::faults {

inline constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
inline constexpr std::string_view kClean = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean";
inline constexpr std::string_view kCleanClose =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nclean";

// Of this process, without those of the test's peers. Needs none itself, once called.
inline long OpenDescriptors() {
  static DIR* all = opendir("/proc/self/fd");
  rewinddir(all);
  long count = -Socket::open_sockets;
  while (readdir(all) != nullptr) count++;
  return count;
}

struct RigOptions {
  int loops = 1;
  std::string upstream = "retries: { attempts: 0 }";  // keys of the upstream "u", in one line
  std::string gateway;                                // further keys of the gateway, each with its line end
  std::string route;                                  // further keys of the only route, in one line
};

// What is left of requests, on all loops.
struct Left {
  uint64_t exchanges = 0;
  size_t generations = 0;
  uint32_t active = 0;  // as the targets count
  size_t pipes = 0;     // kept for the next large body
  bool none() const { return exchanges == 0 && generations == 0 && active == 0; }
};

class Rig {
 public:
  explicit Rig(const RigOptions& options = {});
  ~Rig();

  Socket Connect(int buffer = 0) const { return Socket::To(gateway.BoundAddress(0), buffer); }

  // Until the loops have dealt with what had come to them.
  void Settle();

  // Sends a request of its own connection and reads to its end; the upstream answers each request that comes to it
  // meanwhile with `reply`.
  Answer Ask(std::string_view request, std::string_view reply);
  // Reads the client to its end; the upstream answers whatever new connections bring with `reply`. Returns how many.
  size_t ServeUntilEnd(Socket& client, std::string_view reply);
  // Takes the connections that are waiting; each must be ended by the gateway.
  void ExpectCancelled();

  Left Count();
  // Until no request is left; then the connections at rest are closed.
  Left WaitUntilIdle();
  // Nothing is left of any request, and no descriptor; and the next request is answered.
  void ExpectAtRest();

  tester::LogCapture log;
  Listening upstream;
  server::OwnSockets sockets;
  server::Gateway gateway;
  std::vector<Socket> resting;  // of the upstream: connections on which it has answered
  std::string last_request;     // of those it has answered

 private:
  long descriptors_ = 0;
};

// The text of a configuration with the one route "/*" to the upstream "u" at that address.
std::string Configuration(const RigOptions& options, const net::SocketAddress& upstream);
// Loads it; a failure is the test's.
bool LoadInto(server::Gateway& gateway, const std::string& text);

}  // namespace mg::faults
