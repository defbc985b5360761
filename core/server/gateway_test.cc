// The gateway's door: limits that hold over all loops, and what those who find no room are told.
#include "server/gateway.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/load.h"
#include "net/test_certificates.h"

namespace mg::server {
namespace {

class Door : public testing::Test {
 protected:
  Door() { gateway_ = std::make_unique<Gateway>(GatewayOptions{.loops = 2, .sockets = &sockets_}); }
  ~Door() override {
    for (int fd : open_) close(fd);
  }

  void Load(const std::string& text) {
    config::MemoryFiles files({{"/t/a.crt", identity_.cert_pem}, {"/t/a.key", identity_.key_pem}});
    config::Diagnostics diagnostics;
    auto conf =
        config::LoadText("g.yaml", text + "\nroutes: [{ respond: { body: \"{remote_addr}\", template: true } }]\n",
                         "/t", config::TextKind::kGateway, files, diagnostics);
    ASSERT_NE(conf, nullptr) << diagnostics.ToString();
    ASSERT_TRUE(gateway_->Load(std::move(conf), files, diagnostics)) << diagnostics.ToString();
  }
  int Connect(size_t listener = 0) {
    net::SocketAddress to = gateway_->BoundAddress(listener);
    int fd = socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fd, to.raw(), to.length()), 0);
    open_.push_back(fd);
    return fd;
  }
  void Close(int fd) {
    close(fd);
    std::erase(open_, fd);
  }
  // What comes until the end of the connection, or until a response is complete.
  static std::string Read(int fd) {
    std::string got;
    char buffer[4096];
    pollfd wait{fd, POLLIN, 0};
    while (poll(&wait, 1, 10'000) == 1) {
      ssize_t size = recv(fd, buffer, sizeof buffer, 0);
      if (size <= 0) break;
      got.append(buffer, static_cast<size_t>(size));
      if (got.ends_with("\r\n\r\n127.0.0.1") || got.ends_with("\r\n\r\n192.0.2.1")) break;
    }
    return got;
  }
  static std::string Ask(int fd, std::string_view before = "") {
    std::string request = std::string(before) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    return Read(fd);
  }
  static bool Served(int fd, std::string_view before = "") { return Ask(fd, before).starts_with("HTTP/1.1 200 "); }
  static bool TurnedAway(int fd) {
    std::string got = Ask(fd);
    return got.starts_with("HTTP/1.1 503 ") && got.find("Retry-After: 1") != std::string::npos;
  }
  // Until the gateway has noticed that connections have gone.
  bool Until(size_t open) {
    for (int i = 0; i < 2000 && gateway_->open_connections() != open; i++) poll(nullptr, 0, 5);
    return gateway_->open_connections() == open;
  }
  uint64_t Sum(std::atomic<uint64_t> proxy::LoopCounters::*counter) {
    uint64_t sum = 0;
    for (proxy::LoopContext* loop : gateway_->loops()) sum += loop->counters.*counter;
    return sum;
  }

  net::test::Authority authority_;
  net::test::Identity identity_ = authority_.Issue("a", "DNS:a.example");
  OwnSockets sockets_;
  std::unique_ptr<Gateway> gateway_;
  std::vector<int> open_;
};

TEST_F(Door, ConnectionsAreLimitedOverAllLoops) {
  Load("listeners: [\"127.0.0.1:0\"]\nlimits: { connections: 5 }");
  std::vector<int> served;
  for (int i = 0; i < 5; i++) {
    served.push_back(Connect());
    EXPECT_TRUE(Served(served.back()));
  }
  EXPECT_TRUE(TurnedAway(Connect()));
  EXPECT_TRUE(TurnedAway(Connect()));
  for (int fd : served) EXPECT_TRUE(Served(fd)) << "what is there is served on";
  Close(served[0]);
  ASSERT_TRUE(Until(4));
  EXPECT_TRUE(Served(Connect()));
  EXPECT_EQ(Sum(&proxy::LoopCounters::accepted), 8u);
  EXPECT_EQ(Sum(&proxy::LoopCounters::refused_connections), 2u);
}

TEST_F(Door, ConnectionsOfOneAddressAreLimited) {
  Load("listeners: [\"127.0.0.1:0\"]\nlimits: { per_address: 2 }");
  int first = Connect();
  EXPECT_TRUE(Served(first));
  EXPECT_TRUE(Served(Connect()));
  EXPECT_TRUE(TurnedAway(Connect()));
  Close(first);
  ASSERT_TRUE(Until(1));
  EXPECT_TRUE(Served(Connect()));
  EXPECT_EQ(Sum(&proxy::LoopCounters::refused_address), 1u);
}

TEST_F(Door, TheAddressBehindAProxyIsWhatCounts) {
  Load(
      "listeners: [{ address: \"127.0.0.1:0\", proxy_protocol: true }]\nlimits: { per_address: 1 }\ntrusted_proxies: "
      "127.0.0.1");
  constexpr std::string_view kOne = "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n";
  EXPECT_TRUE(Served(Connect(), kOne));
  EXPECT_FALSE(Served(Connect(), kOne));
  EXPECT_TRUE(Served(Connect(), "PROXY UNKNOWN\r\n"));
  EXPECT_EQ(Sum(&proxy::LoopCounters::refused_address), 1u);
}

TEST_F(Door, ATlsClientWithoutRoomIsCutOff) {
  Load(
      "listeners: [{ address: \"127.0.0.1:0\", tls: { certificates: [{ cert: a.crt, key: a.key }] } }]\nlimits: { "
      "connections: 1 }");
  Connect();
  ASSERT_TRUE(Until(1));
  EXPECT_EQ(Read(Connect()), "");
  EXPECT_EQ(Sum(&proxy::LoopCounters::refused_connections), 1u);
}

TEST_F(Door, FailedHandshakesAreCounted) {
  Load("listeners: [{ address: \"127.0.0.1:0\", tls: { certificates: [{ cert: a.crt, key: a.key }] } }]");
  EXPECT_FALSE(Served(Connect()));
  EXPECT_EQ(Sum(&proxy::LoopCounters::handshake_failures), 1u);
}

TEST_F(Door, AHandshakeThatDoesNotComeIsAFailedOne) {
  Load(
      "listeners: [{ address: \"127.0.0.1:0\", tls: { certificates: [{ cert: a.crt, key: a.key }] } }]\n"
      "limits: { head_timeout: 50ms }");
  int silent = Connect();
  char byte;
  EXPECT_EQ(recv(silent, &byte, 1, 0), 0);  // it waits for the gateway to close
  EXPECT_EQ(Sum(&proxy::LoopCounters::handshake_failures), 1u);
}

TEST_F(Door, AnotherLimitHoldsFromTheNextConnectionOn) {
  Load("listeners: [\"127.0.0.1:0\"]");
  EXPECT_TRUE(Served(Connect()));
  Load("listeners: [\"127.0.0.1:0\"]\nlimits: { connections: 1 }");
  EXPECT_TRUE(TurnedAway(Connect()));
  Load("listeners: [\"127.0.0.1:0\"]");
  EXPECT_TRUE(Served(Connect()));
}

TEST_F(Door, WithoutDescriptorsWhatIsThereIsServed) {
  Load("listeners: [\"127.0.0.1:0\"]");
  int known = Connect();
  EXPECT_TRUE(Served(known));
  // Sockets for those who come are made before descriptors run out: this process is the gateway's too.
  net::SocketAddress to = gateway_->BoundAddress(0);
  std::vector<int> later;
  for (int i = 0; i < 4; i++) {
    later.push_back(socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    open_.push_back(later.back());
  }
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none{3, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  for (int fd : later) EXPECT_EQ(connect(fd, to.raw(), to.length()), 0);
  bool still = true;
  for (int i = 0; i < 20; i++) still = still && Served(known);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(still);
  // And it recovers: whoever waited is served or was closed, and who comes now is served.
  EXPECT_TRUE(Served(Connect()));
  EXPECT_TRUE(Served(known));
}

}  // namespace
}  // namespace mg::server
