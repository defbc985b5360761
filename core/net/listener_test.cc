#include "net/listener.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <vector>

#include "net/test_support.h"

namespace mg::net {
namespace {

using test::AddressOf;
using test::RunUntil;

int ConnectTo(const SocketAddress& address) {
  int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  EXPECT_GE(fd, 0);
  bool begun = connect(fd, address.raw(), address.length()) == 0 || errno == EINPROGRESS;
  EXPECT_TRUE(begun);
  return fd;
}

void CloseAll(std::vector<int>& fds) {
  for (int fd : fds) close(fd);
  fds.clear();
}

TEST(Listener, HandsOutNonBlockingSockets) {
  Loop loop;
  int fd = *OpenListeningSocket(*SocketAddress::FromIp("::1", 0), 256, ReusePort::kNo);
  std::vector<int> accepted, clients;
  Listener listener(loop, fd, [&](int socket, const SocketAddress& peer) {
    accepted.push_back(socket);
    EXPECT_EQ(peer.Ip(), "::1");
    int no_delay = 0;
    socklen_t size = sizeof no_delay;
    getsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
    EXPECT_EQ(no_delay, 1);
    EXPECT_TRUE(fcntl(socket, F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(fcntl(socket, F_GETFD) & FD_CLOEXEC);
  });
  for (int i = 0; i < 150; i++) clients.push_back(ConnectTo(AddressOf(fd)));  // more than a batch
  ASSERT_TRUE(RunUntil(loop, [&] { return accepted.size() == 150; }));
  EXPECT_EQ(listener.accepted(), 150u);
  CloseAll(accepted);
  CloseAll(clients);
  close(fd);
}

TEST(Listener, PausesAndResumes) {
  Loop loop;
  int fd = *OpenListeningSocket(*SocketAddress::FromIp("127.0.0.1", 0), 16, ReusePort::kNo);
  std::vector<int> accepted, clients;
  Listener* self = nullptr;
  Listener listener(loop, fd, [&](int socket, const SocketAddress&) {
    accepted.push_back(socket);
    self->Pause();
  });
  self = &listener;
  for (int i = 0; i < 3; i++) clients.push_back(ConnectTo(AddressOf(fd)));
  ASSERT_TRUE(RunUntil(loop, [&] { return !accepted.empty(); }));
  for (int i = 0; i < 3; i++) loop.RunOnce(1);
  EXPECT_EQ(accepted.size(), 1u);
  listener.Resume();
  ASSERT_TRUE(RunUntil(loop, [&] { return accepted.size() == 2; }));
  CloseAll(accepted);
  CloseAll(clients);
  close(fd);
}

TEST(Listener, MayBeDestroyedByItsHandler) {
  Loop loop;
  int fd = *OpenListeningSocket(*SocketAddress::FromIp("127.0.0.1", 0), 16, ReusePort::kNo);
  std::vector<int> clients;
  std::unique_ptr<Listener> listener;
  std::function<void(int)> on_accept = [&](int socket) {
    close(socket);
    listener.reset();
  };
  // Two references keep the handler small enough to live on while its listener dies.
  listener = std::make_unique<Listener>(loop, fd, [&](int socket, const SocketAddress&) { on_accept(socket); });
  for (int i = 0; i < 2; i++) clients.push_back(ConnectTo(AddressOf(fd)));
  ASSERT_TRUE(RunUntil(loop, [&] { return listener == nullptr; }));
  CloseAll(clients);
  close(fd);
}

TEST(Listener, RefusesWhenDescriptorsRunOut) {
  Loop loop;
  int fd = *OpenListeningSocket(*SocketAddress::FromIp("127.0.0.1", 0), 64, ReusePort::kNo);
  std::vector<int> accepted, clients;
  Listener listener(loop, fd, [&](int socket, const SocketAddress&) { accepted.push_back(socket); });
  for (int i = 0; i < 20; i++) clients.push_back(ConnectTo(AddressOf(fd)));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit tight{static_cast<rlim_t>(clients.back() + 6), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  // Every client is answered: some accepted, the rest ended.
  auto ended = [&] {
    size_t count = 0;
    for (int client : clients) {
      char byte;
      ssize_t got = recv(client, &byte, 1, MSG_PEEK);
      count += got == 0 || (got < 0 && errno == ECONNRESET);
    }
    return count;
  };
  bool all = RunUntil(loop, [&] { return accepted.size() + ended() == clients.size(); });
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(all);
  EXPECT_GT(accepted.size(), 0u);
  EXPECT_GT(ended(), 0u);
  // And it recovers.
  CloseAll(accepted);
  clients.push_back(ConnectTo(AddressOf(fd)));
  EXPECT_TRUE(RunUntil(loop, [&] { return accepted.size() == 1; }));
  CloseAll(accepted);
  CloseAll(clients);
  close(fd);
}

TEST(OpenListeningSocket, SharesAnAddressWithinTheProcessOnly) {
  int first = *OpenListeningSocket(*SocketAddress::FromIp("127.0.0.1", 0), 8, ReusePort::kYes);
  SocketAddress address = AddressOf(first);
  auto second = OpenListeningSocket(address, 8, ReusePort::kYes);
  ASSERT_TRUE(second) << second.error().message;
  auto third = OpenListeningSocket(address, 8, ReusePort::kNo);
  ASSERT_FALSE(third);
  close(*second);

  pid_t child = fork();  // a stranger: it has no descriptor that listens there
  if (child == 0) {
    close(first);
    auto mine = OpenListeningSocket(address, 8, ReusePort::kYes);
    bool right = !mine && mine.error().message == "cannot listen on " + address.ToString() +
                                                      ": the address is already in use by another process: stop that "
                                                      "one or choose another address";
    _exit(right ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  close(first);
}

TEST(OpenListeningSocket, RemovesAStaleUnixSocketOnly) {
  std::string path = testing::TempDir() + "mg-listen-" + std::to_string(getpid()) + ".sock";
  SocketAddress address = *SocketAddress::FromUnix(path);
  int first = *OpenListeningSocket(address, 8, ReusePort::kYes);
  auto second = OpenListeningSocket(address, 8, ReusePort::kYes);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("already in use"), std::string::npos) << second.error().message;
  close(first);
  auto third = OpenListeningSocket(address, 8, ReusePort::kYes);
  ASSERT_TRUE(third) << third.error().message;
  close(*third);
  unlink(path.c_str());
  close(open(path.c_str(), O_CREAT | O_WRONLY, 0600));
  auto fourth = OpenListeningSocket(address, 8, ReusePort::kYes);
  ASSERT_FALSE(fourth);
  EXPECT_NE(fourth.error().message.find("is not a socket"), std::string::npos) << fourth.error().message;
  unlink(path.c_str());
}

}  // namespace
}  // namespace mg::net
