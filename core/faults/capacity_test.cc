// More connections than descriptors, and ten thousand that say nothing: a gateway in a process of its own, which is
// this program again (`--gateway`), so that its limit, its CPU time and its memory are its own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdio>
#include <ctime>
#include <map>

#include "base/sanitizer.h"
#include "faults/rig.h"

namespace mg::faults {
namespace {

// --- the child: answers each line on its standard input with one

// "limit N" sets how many descriptors it may have beyond those it has; 0: as many as the system allows.
void SetLimit(long beyond) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = beyond > 0 ? static_cast<rlim_t>(OpenDescriptors() + beyond) : limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void Serve(const std::string& upstream_port) {
  tester::LogCapture log;
  server::OwnSockets sockets;
  server::Gateway gateway({.loops = 1, .sockets = &sockets});
  auto upstream = net::SocketAddress::FromIp("127.0.0.1", static_cast<uint16_t>(std::stoul(upstream_port)));
  if (!LoadInto(gateway, Configuration({.gateway = "limits: { idle_timeout: 5m }\n"}, *upstream))) return;
  std::printf("%s\n", gateway.BoundAddress(0).ToString().c_str());
  std::fflush(stdout);
  char line[100];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    long number = 0;
    if (std::sscanf(line, "limit %ld", &number) == 1) SetLimit(number);
    timespec cpu{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    std::printf("descriptors %ld cpu_ms %ld memory %zu lines %zu connections %zu\n", OpenDescriptors(),
                static_cast<long>(cpu.tv_sec) * 1000 + cpu.tv_nsec / 1'000'000, mallinfo2().uordblks,
                log.Lines().size(), static_cast<size_t>(gateway.loops()[0]->counters.connections.load()));
    std::fflush(stdout);
  }
}

// --- the parent's side

class GatewayProcess {
 public:
  explicit GatewayProcess(const net::SocketAddress& upstream) {
    int in[2], out[2];
    EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string port = std::to_string(upstream.port()), self = "/proc/self/exe", verb = "--gateway";
    char* arguments[] = {self.data(), verb.data(), port.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    to_ = fdopen(in[1], "w");
    from_ = fdopen(out[0], "r");
    char line[200] = "";
    EXPECT_NE(std::fgets(line, sizeof line, from_), nullptr);
    std::string text(line);
    address_ =
        *net::SocketAddress::FromIp("127.0.0.1", static_cast<uint16_t>(std::stoul(text.substr(text.rfind(':') + 1))));
  }
  // It ends by itself, in order, having lost nothing (a leak, under a sanitizer, is an exit code).
  ~GatewayProcess() {
    fclose(to_);
    fclose(from_);
    int status = -1;
    waitpid(pid_, &status, 0);
    EXPECT_EQ(status, 0);
  }

  std::map<std::string, long> Ask(const std::string& command = "state") {
    std::fprintf(to_, "%s\n", command.c_str());
    std::fflush(to_);
    std::map<std::string, long> state;
    char line[400] = "";
    EXPECT_NE(std::fgets(line, sizeof line, from_), nullptr);
    char name[50];
    long value;
    int used = 0;
    for (const char* at = line; std::sscanf(at, "%49s %ld%n", name, &value, &used) == 2; at += used)
      state[name] = value;
    return state;
  }
  // Until the number of that name is at most this.
  bool Falls(const std::string& name, long most) {
    tester::Deadline patience{std::chrono::milliseconds(kPatienceMs)};
    while (Ask()[name] > most) {
      if (patience.passed()) return false;
      poll(nullptr, 0, 5);
    }
    return true;
  }
  const net::SocketAddress& address() const { return address_; }

 private:
  pid_t pid_ = -1;
  FILE* to_ = nullptr;
  FILE* from_ = nullptr;
  net::SocketAddress address_;
};

bool Here(Socket& client) {
  client.received.clear();
  return client.Send("GET /here HTTP/1.1\r\nHost: h\r\n\r\n") && client.ReceiveText("here\n");
}

TEST(Capacity, TenThousandIdleConnections) {
  if (kUnderAsan || kUnderTsan) GTEST_SKIP() << "sanitizers tell no memory";
  constexpr size_t kIdle = 10'000;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit wanted{before.rlim_max, before.rlim_max};
  if (before.rlim_max < kIdle + 200 || setrlimit(RLIMIT_NOFILE, &wanted) != 0) {
    GTEST_SKIP() << "this process may have " << before.rlim_max << " descriptors at most";
  }
  Listening upstream;
  GatewayProcess gateway(upstream.address());
  gateway.Ask("limit 0");
  Socket busy = Socket::To(gateway.address());
  ASSERT_TRUE(Here(busy));
  auto start = gateway.Ask();
  long full = 0;
  for (int round = 0; round < 2; round++) {
    std::vector<Socket> idle;
    idle.reserve(kIdle);
    for (size_t i = 0; i < kIdle; i++) {
      idle.push_back(Socket::To(gateway.address()));
      ASSERT_TRUE(idle.back().open()) << i;
      ASSERT_TRUE(idle.back().Send("GET /here HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
    for (Socket& client : idle) ASSERT_TRUE(client.ReceiveText("here\n"));
    auto now = gateway.Ask();
    EXPECT_GE(now["descriptors"], start["descriptors"] + static_cast<long>(kIdle));
    long each = (now["memory"] - start["memory"]) / static_cast<long>(kIdle);
    EXPECT_LT(each, 4'096) << "bytes of an idle connection";
    RecordProperty("bytes_of_an_idle_connection", std::to_string(each));
    if (round == 0) full = now["memory"];
    EXPECT_LT(now["memory"], full + full / 10) << "more at the second time";
    for (int i = 0; i < 200; i++) ASSERT_TRUE(Here(busy));
    EXPECT_TRUE(Here(idle[kIdle / 2])) << "one that was idle";
    for (Socket& client : idle) client.Reset();
    EXPECT_TRUE(gateway.Falls("descriptors", start["descriptors"]));
    EXPECT_TRUE(gateway.Falls("memory", start["memory"] + (1 << 20))) << gateway.Ask()["memory"] - start["memory"];
    ASSERT_TRUE(Here(busy));
  }
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(Capacity, DescriptorsRunOut) {
  if (kUnderAsan) GTEST_SKIP() << "AddressSanitizer opens files of its own";
  Listening upstream;
  GatewayProcess gateway(upstream.address());
  Socket first = Socket::To(gateway.address());
  ASSERT_TRUE(Here(first));
  auto start = gateway.Ask("limit 20");
  // Ten times as many as it can have: some are taken, the others end at once.
  std::vector<Socket> clients, taken;
  for (int i = 0; i < 200; i++) clients.push_back(Socket::To(gateway.address()));
  size_t refused = 0;
  for (Socket& client : clients) {
    client.Send("GET /here HTTP/1.1\r\nHost: h\r\n\r\n");
    if (client.ReceiveText("here\n")) {
      taken.push_back(std::move(client));
    } else {
      EXPECT_TRUE(client.received.empty()) << client.received;
      refused++;
    }
  }
  EXPECT_GT(taken.size(), 10u);
  EXPECT_GT(refused, 150u);
  // Those it has are served; what would need one more is told so.
  EXPECT_TRUE(Here(first));
  for (Socket& client : taken) EXPECT_TRUE(Here(client));
  first.received.clear();
  first.Send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(first.ReceiveText("request_id"));
  EXPECT_TRUE(first.received.starts_with("HTTP/1.1 50")) << first.received;
  // Idle while it is so, with newcomers in the queue now and then: it does not spin, and does not fill the log.
  auto tired = gateway.Ask();
  for (int i = 0; i < 20; i++) {
    Socket newcomer = Socket::To(gateway.address());
    newcomer.ReceiveEnd();
    poll(nullptr, 0, 10);
  }
  auto later = gateway.Ask();
  EXPECT_LT(later["cpu_ms"] - tired["cpu_ms"], 100);
  EXPECT_LT(later["lines"] - start["lines"], 50);
  // Some are given back, and others are taken again.
  while (taken.size() > 5) taken.pop_back();
  gateway.Falls("descriptors", start["descriptors"] + 8);
  Socket next = Socket::To(gateway.address());
  EXPECT_TRUE(Here(next));
  Socket proxied = Socket::To(gateway.address());
  proxied.Send(kGet);
  Socket up = upstream.Accept();
  up.ReceiveRequest();
  up.Send(kCleanClose);
  proxied.ReceiveEnd();
  EXPECT_TRUE(Judge(proxied).Is(200, "clean")) << Judge(proxied);
}

}  // namespace

int ServeAsChild(const char* upstream_port) {
  Serve(upstream_port);
  return testing::Test::HasFailure() ? 1 : 0;
}

}  // namespace mg::faults

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc == 3 && std::string_view(argv[1]) == "--gateway") return mg::faults::ServeAsChild(argv[2]);
  return RUN_ALL_TESTS();
}
