// A real DNS server of a test: dnsmasq (Debian: dnsmasq-base) on a loopback port of its own, with the records the test
// wants, which may change while it runs. Not part of the library.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "net/test_process.h"
#include "net/test_support.h"

namespace mg::net::test {

class Dnsmasq {
 public:
  Dnsmasq() {
    // Below the ports that connections take for themselves: it must be there for each start.
    std::minstd_rand random{std::random_device{}()};
    for (int i = 0; i < 1000 && port_ == 0; i++) {
      auto port = static_cast<uint16_t>(20'000 + random() % 12'000);
      if (Free(SOCK_DGRAM, port) && Free(SOCK_STREAM, port)) port_ = port;
    }
    log_ = testing::TempDir() + "mg-dns-" + std::to_string(getpid()) + "-" + std::to_string(port_) + ".log";
  }
  ~Dnsmasq() { Stop(); }

  // `records`: options of dnsmasq, without their dashes. Answers for "test" and all below it, and for nothing else.
  bool Start(const std::vector<std::string>& records) {
    Stop();
    std::vector<std::string> command = {"dnsmasq",
                                        "--keep-in-foreground",
                                        "--conf-file=/dev/null",
                                        "--no-resolv",
                                        "--no-hosts",
                                        "--user=root",
                                        "--pid-file=",
                                        "--bind-interfaces",
                                        "--listen-address=127.0.0.1",
                                        "--port=" + std::to_string(port_),
                                        "--local=/test/",
                                        "--log-queries",
                                        "--log-facility=" + log_};
    for (const std::string& record : records) command.push_back("--" + record);
    server_.emplace(command);
    // It answers once it listens.
    for (int i = 0; i < 500 && server_->running(); i++) {
      std::ifstream lines(log_);
      std::string text{std::istreambuf_iterator<char>(lines), {}};
      if (text.find("started") != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ADD_FAILURE() << "dnsmasq does not run (Debian: dnsmasq-base)";
    return false;
  }
  void Stop() {
    server_.reset();
    unlink(log_.c_str());
  }
  void Signal(int signal) { server_->Signal(signal); }
  // How often it was asked: "A] name".
  int Queries(const std::string& what) const {
    std::ifstream lines(log_);
    int count = 0;
    for (std::string line; std::getline(lines, line);) count += line.find("query[" + what) != std::string::npos;
    return count;
  }
  uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  static bool Free(int type, uint16_t port) {
    int probe = socket(AF_INET, type, 0);
    SocketAddress address = *SocketAddress::FromIp("127.0.0.1", port);
    bool free = bind(probe, address.raw(), address.length()) == 0;
    close(probe);
    return free;
  }

  uint16_t port_ = 0;
  std::string log_;
  std::optional<Process> server_;
};

}  // namespace mg::net::test
