#include "net/doorkeeper.h"

#include <gtest/gtest.h>

#include <thread>

#include "net/test_support.h"

namespace mg::net {
namespace {

using test::RunUntil;
using test::TcpPair;

SocketAddress Ip(const char* ip) { return *SocketAddress::FromIp(ip, 1); }

TEST(ConnectionLimits, CountsAllAndEachAddress) {
  ConnectionLimits limits;
  Admission first = limits.Enter(2), second = limits.Enter(2);
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(limits.Enter(2));
  EXPECT_EQ(limits.open(), 2u);
  EXPECT_TRUE(limits.EnterAddress(first, Ip("192.0.2.1"), 1));
  EXPECT_FALSE(limits.EnterAddress(second, Ip("192.0.2.1"), 1));
  EXPECT_TRUE(limits.EnterAddress(second, Ip("192.0.2.2"), 1));
  EXPECT_EQ(limits.open_from(Ip("192.0.2.1")), 1u);
  first.Release();
  EXPECT_EQ(limits.open_from(Ip("192.0.2.1")), 0u);
  EXPECT_EQ(limits.open(), 1u);
  Admission third = limits.Enter(2);
  EXPECT_TRUE(limits.EnterAddress(third, Ip("::ffff:192.0.2.1"), 1));  // a mapped address is the same
  Admission fourth = std::move(third);
  EXPECT_FALSE(third);  // NOLINT: what a moved one is, is promised
  EXPECT_EQ(limits.open(), 2u);
}

TEST(ConnectionLimits, ANetworkOfIpv6IsOneAddress) {
  ConnectionLimits limits;
  Admission a = limits.Enter(9), b = limits.Enter(9), c = limits.Enter(9);
  EXPECT_TRUE(limits.EnterAddress(a, Ip("2001:db8::1"), 1));
  EXPECT_FALSE(limits.EnterAddress(b, Ip("2001:db8::ffff:1"), 1));
  EXPECT_TRUE(limits.EnterAddress(c, Ip("2001:db8:0:1::1"), 1));
}

TEST(ConnectionLimits, WithoutALimitAddressesAreNotCounted) {
  ConnectionLimits limits;
  Admission a = limits.Enter(9);
  EXPECT_TRUE(limits.EnterAddress(a, Ip("192.0.2.1"), 0));
  EXPECT_EQ(limits.open_from(Ip("192.0.2.1")), 0u);
}

TEST(ConnectionLimits, ThreadsShareThem) {
  ConnectionLimits limits;
  std::atomic<int> most{0}, now{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; i++) {
        Admission admission = limits.Enter(3);
        if (!admission) continue;
        if (!limits.EnterAddress(admission, Ip(i % 2 == 0 ? "192.0.2.1" : "192.0.2.2"), 2)) continue;
        int open = ++now;
        for (int seen = most; open > seen && !most.compare_exchange_weak(seen, open);) {
        }
        --now;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(most, 1);
  EXPECT_LE(most, 3);
  EXPECT_EQ(limits.open(), 0u);
  EXPECT_EQ(limits.open_from(Ip("192.0.2.1")), 0u);
}

class Door : public testing::Test {
 protected:
  // A connection whose first bytes the door reads; the other end.
  int Arrive() {
    auto [server, client] = TcpPair();
    fcntl(server, F_SETFL, O_NONBLOCK);
    clients.push_back(client);
    servers.push_back(server);
    return client;
  }
  void Read(size_t index, Milliseconds timeout = 10'000) {
    door.ReadProxyHeader(servers[index], Ip("127.0.0.1"), limits.Enter(9), timeout,
                         [this](int fd, const SocketAddress& client, Admission admission) {
                           taken.push_back({fd, client, std::move(admission)});
                         });
  }
  static void Send(int fd, std::string_view bytes) {
    ASSERT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  bool Ended(int fd) {
    return RunUntil(loop, [&] {
      char byte;
      ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
      return got == 0 || (got < 0 && errno == ECONNRESET);
    });
  }
  void TearDown() override {
    door.Clear();
    for (Taken& one : taken) close(one.fd);
    for (int fd : clients) close(fd);
    loop.RunOnce(0);
  }

  struct Taken {
    int fd;
    SocketAddress client;
    Admission admission;
  };
  Loop loop;
  ConnectionLimits limits;
  std::atomic<uint64_t> bad{0};
  Doorkeeper door{loop, &bad};
  std::vector<int> clients, servers;
  std::vector<Taken> taken;
};

TEST_F(Door, TakesTheHeaderAndNoByteMore) {
  int client = Arrive();
  Send(client, "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET /");
  Read(0);
  ASSERT_TRUE(RunUntil(loop, [&] { return taken.size() == 1; }));
  EXPECT_EQ(taken[0].client.ToString(), "192.0.2.1:56324");
  EXPECT_TRUE(taken[0].admission);
  char rest[16];
  EXPECT_EQ(std::string_view(rest, recv(taken[0].fd, rest, sizeof rest, 0)), "GET /");
  EXPECT_EQ(door.waiting(), 0u);
}

TEST_F(Door, WaitsForAHeaderByteByByte) {
  int client = Arrive();
  Read(0);
  EXPECT_EQ(door.waiting(), 1u);
  for (char c : std::string_view("PROXY UNKNOWN\r\n")) {
    EXPECT_TRUE(taken.empty());
    Send(client, {&c, 1});
    for (int i = 0; i < 3; i++) loop.RunOnce(1);
  }
  ASSERT_TRUE(RunUntil(loop, [&] { return taken.size() == 1; }));
  EXPECT_EQ(taken[0].client.Ip(), "127.0.0.1");  // the proxy's own
  EXPECT_EQ(limits.open(), 1u);
}

TEST_F(Door, EndsWhatIsNone) {
  Arrive();
  Arrive();
  Send(clients[0], "GET / HTTP/1.1\r\n");
  Read(0);
  Read(1);
  Send(clients[1], "PROXY TCP4 x");
  for (int i = 0; i < 3; i++) loop.RunOnce(1);
  Send(clients[1], "\n");
  EXPECT_TRUE(Ended(clients[0]));
  EXPECT_TRUE(Ended(clients[1]));
  EXPECT_TRUE(taken.empty());
  EXPECT_EQ(bad, 2u);
  EXPECT_EQ(limits.open(), 0u);
}

TEST_F(Door, EndsWhatComesTooLateOrEndsBefore) {
  Arrive();
  Arrive();
  Read(0, 20);
  Read(1);
  Send(clients[1], "PROXY ");
  shutdown(clients[1], SHUT_WR);
  EXPECT_TRUE(Ended(clients[0]));
  EXPECT_TRUE(Ended(clients[1]));
  EXPECT_EQ(bad, 2u);
  EXPECT_EQ(door.waiting(), 0u);
}

TEST_F(Door, AHeaderThatComesWithTheEndCounts) {
  int client = Arrive();
  Read(0);
  Send(client, "PROXY UNKNOWN\r\nGET / HTTP/1.0\r\n\r\n");
  shutdown(client, SHUT_WR);
  ASSERT_TRUE(RunUntil(loop, [&] { return taken.size() == 1; }));
  EXPECT_EQ(bad, 0u);
}

TEST_F(Door, TurnsAwayWithAnAnswer) {
  int client = Arrive();
  Send(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  door.TurnAway(servers[0], "limits.connections is reached");
  std::string answer;
  ASSERT_TRUE(RunUntil(loop, [&] {
    char buffer[1024];
    ssize_t got = recv(client, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) answer.append(buffer, static_cast<size_t>(got));
    return got == 0;
  }));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << answer;
  EXPECT_NE(answer.find("\r\nRetry-After: 1\r\n"), std::string::npos);
  EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with(R"("status":503,"detail":"limits.connections is reached"})")) << answer;
}

TEST_F(Door, ThoseTurnedAwayAreNotKept) {
  for (int i = 0; i < 300; i++) {
    Arrive();
    door.TurnAway(servers.back(), "full");
  }
  char buffer[1024];
  // The oldest made room: their sockets are gone, so that a further byte is answered with a reset.
  recv(clients[0], buffer, sizeof buffer, 0);
  send(clients[0], "x", 1, MSG_NOSIGNAL);
  EXPECT_TRUE(RunUntil(loop, [&] { return send(clients[0], "x", 1, MSG_NOSIGNAL) < 0; }));
}

}  // namespace
}  // namespace mg::net
