// The client: one connection to the gateway, on the tester's own thread. Sends the bytes it is given as they are,
// reading all the while, with a deadline on everything; never blocks past it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/address.h"
#include "tester/response_reader.h"

struct ssl_st;

namespace mg::tester {

// A monotonic moment that work must be done by: by the machine's own clock, whatever --- clock says.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now)
      : at_(ClockNanoseconds(CLOCK_MONOTONIC) + Nanoseconds{from_now.count()} * 1'000'000) {}
  int left_ms() const;  // for poll(); never negative
  bool passed() const { return left_ms() == 0; }

 private:
  Nanoseconds at_;
};

class Client {
 public:
  Client() = default;
  ~Client() { Close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Result<void> Connect(const net::SocketAddress& to, Deadline deadline);
  void Close();
  // How the client speaks TLS, from --- tls.
  struct Tls {
    std::string folder;                     // of certificates.h
    std::string server_name = "localhost";  // asked for (SNI), and verified
    std::string certificate;                // its own: "client"; "": none
    std::string version;                    // the only one it speaks; "": the best
    std::string alpn;                       // the one protocol it offers; "": none
  };
  // Shakes hands on the connection, and verifies the gateway.
  Result<void> StartTls(const Tls& tls, Deadline deadline);
  // No more will be sent; reading goes on.
  void ShutdownSend();

  // Why the client stopped.
  enum class Outcome : uint8_t {
    kDone,      // what was asked for has come
    kEnded,     // the gateway closed the connection (a reset counts: `reset()`)
    kTimeout,   // the deadline passed
    kProtocol,  // reader().error() says what is wrong
  };
  // Sends all of it, taking in what comes meanwhile. kEnded here only tells that the rest could not be sent.
  Outcome Send(std::string_view bytes, Deadline deadline);
  // Until this many responses are complete (a 101's follow-up bytes never are).
  Outcome ReadResponses(size_t count, Deadline deadline);
  // Until any byte of a response has come that was not there when this was last called.
  Outcome ReadSomething(Deadline deadline);
  // Until the gateway closes the connection.
  Outcome ReadEnd(Deadline deadline);

  ResponseReader& reader() { return reader_; }
  bool ended() const { return ended_; }
  bool reset() const { return reset_; }

 private:
  // Waits for `events` and reads what is there. False: the deadline passed.
  bool Turn(short events, short& ready, Deadline deadline);
  void ReadWhatIsThere();

  // recv() and send(), or what TLS makes of them: -1 with EAGAIN where one has to wait.
  ssize_t Receive(char* to, size_t size);
  ssize_t Transmit(std::string_view bytes);

  int fd_ = -1;
  ssl_st* ssl_ = nullptr;
  bool ended_ = false, reset_ = false;
  ResponseReader reader_;
};

}  // namespace mg::tester
