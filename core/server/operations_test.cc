// A whole gateway, its supervisor and worker as processes of their own, seen from outside: signals, files, the status
// listener.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/clock.h"
#include "server/supervisor.h"

namespace mg::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr Nanoseconds kPatience = 30'000'000'000;  // a busy machine may be slow

bool Until(const std::function<bool()>& done) {
  for (Nanoseconds end = MonotonicNow() + kPatience; MonotonicNow() < end;) {
    if (done()) return true;
    poll(nullptr, 0, 5);
  }
  return false;
}

// A client's connection to a unix socket.
class Connection {
 public:
  explicit Connection(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, sizeof to.sun_path - 1);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    timeval limit{static_cast<time_t>(kPatience / 1'000'000'000), 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  bool connected() const { return connected_; }
  void Send(std::string_view bytes) const { (void)!send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  std::string ReadAll() const {
    std::string all;
    char buffer[16384];
    for (ssize_t size; (size = recv(fd_, buffer, sizeof buffer, 0)) > 0;) all.append(buffer, static_cast<size_t>(size));
    return all;
  }
  bool readable() const {
    pollfd wait{fd_, POLLIN, 0};
    return poll(&wait, 1, 0) == 1;
  }

 private:
  int fd_;
  bool connected_ = false;
};

class Operations : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "moongate-operations-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override {
    if (pid > 0) {
      kill(pid, SIGTERM);
      waitpid(pid, nullptr, 0);
    }
    std::filesystem::remove_all(folder);
  }

  void Configure(const std::string& routes, const std::string& more = "") {
    std::ofstream(folder + "/gateway.yaml") << "workers: 1\nlisteners: [\"unix:gateway.sock\"]\n"
                                            << "status: { address: \"unix:status.sock\" }\n"
                                            << more << "\nroutes:\n"
                                            << routes << "\n";
  }
  void Start() {
    pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      int log = open((folder + "/error.log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
      dup2(log, STDERR_FILENO);
      _exit(RunSupervised({folder + "/gateway.yaml"}));
    }
    ASSERT_TRUE(Until([&] { return Get("status.sock", "/readyz").starts_with("HTTP/1.1 200 "); })) << Text("error.log");
  }
  std::string Get(const std::string& socket, const std::string& path) {
    Connection connection(folder + "/" + socket);
    if (!connection.connected()) return "";
    connection.Send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return connection.ReadAll();
  }
  std::string Page() {
    std::string answer = Get("status.sock", "/metrics");
    size_t end = answer.find("\r\n\r\n");
    return end == std::string::npos ? answer : answer.substr(end + 4);
  }
  std::string Text(const std::string& file) {
    std::ifstream in(folder + "/" + file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string folder;
  pid_t pid = -1;
};

TEST_F(Operations, AccessLogIsOpenedAgainOnUsr1) {
  Configure("- respond: { status: 204 }", "access_log: { format: \"{request_target}\", output: access.log }");
  Start();
  EXPECT_THAT(Get("gateway.sock", "/before"), StartsWith("HTTP/1.1 204 "));
  ASSERT_TRUE(Until([&] { return Text("access.log") == "/before\n"; })) << Text("access.log");
  std::filesystem::rename(folder + "/access.log", folder + "/access.log.1");
  kill(pid, SIGUSR1);
  ASSERT_TRUE(Until([&] { return std::filesystem::exists(folder + "/access.log"); }));
  Get("gateway.sock", "/after");
  EXPECT_TRUE(Until([&] { return Text("access.log") == "/after\n"; })) << Text("access.log");
  EXPECT_EQ(Text("access.log.1"), "/before\n");
}

TEST_F(Operations, UnixSocketsGoWithTheirListenerAndWithTheGateway) {
  std::string old = "- respond: { status: 204 }";
  Configure(old);
  Start();
  EXPECT_TRUE(std::filesystem::exists(folder + "/gateway.sock"));
  std::ofstream(folder + "/gateway.yaml") << "workers: 1\nlisteners: [\"unix:other.sock\"]\n"
                                          << "status: { address: \"unix:status.sock\" }\nroutes:\n"
                                          << old << "\n";
  kill(pid, SIGHUP);
  EXPECT_TRUE(Until([&] { return !std::filesystem::exists(folder + "/gateway.sock"); })) << Text("error.log");
  EXPECT_THAT(Get("other.sock", "/"), StartsWith("HTTP/1.1 204 "));
  kill(pid, SIGTERM);
  waitpid(pid, nullptr, 0);
  pid = -1;
  EXPECT_FALSE(std::filesystem::exists(folder + "/other.sock"));
  EXPECT_FALSE(std::filesystem::exists(folder + "/status.sock"));
}

TEST_F(Operations, NotReadyWhileItDrains) {
  Configure("- respond: { status: 204 }");
  Start();
  Connection slow(folder + "/gateway.sock");
  slow.Send("GET / HTTP/1.1\r\n");  // under way: draining waits for it
  ASSERT_TRUE(Until([&] { return Page().find("moongate_connections_open 1\n") != std::string::npos; }));
  kill(pid, SIGQUIT);
  EXPECT_TRUE(Until([&] { return Get("status.sock", "/readyz").starts_with("HTTP/1.1 503 "); }));
  EXPECT_THAT(Get("status.sock", "/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Page(), HasSubstr("moongate_ready 0\n"));
  slow.Send("Host: localhost\r\n\r\n");
  EXPECT_THAT(slow.ReadAll(), StartsWith("HTTP/1.1 204 "));
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  pid = -1;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(Operations, StatusAnswersWhileTheLoopIsBusy) {
  Configure("- content: { lua: \"while not io.open('" + folder + "/go') do end ngx.say('done')\" }",
            "lua: { limits: { cpu: 10m } }");
  Start();
  Connection busy(folder + "/gateway.sock");
  busy.Send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(Until([&] { return Page().find("moongate_requests_in_flight 1\n") != std::string::npos; }));
  EXPECT_THAT(Get("status.sock", "/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("status.sock", "/readyz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_FALSE(busy.readable());
  std::ofstream(folder + "/go") << "\n";
  EXPECT_THAT(busy.ReadAll(), HasSubstr("done\n"));
}

TEST_F(Operations, ReloadsAreCounted) {
  Configure("- respond: { status: 204 }");
  Start();
  Configure("- respond: { status: 205 }");
  kill(pid, SIGHUP);
  EXPECT_TRUE(Until([&] { return Page().find("moongate_generation 2\n") != std::string::npos; }));
  std::ofstream(folder + "/gateway.yaml") << "nonsense: true\n";
  kill(pid, SIGHUP);
  EXPECT_TRUE(Until([&] { return Page().find("moongate_reloads_total{result=\"refused\"} 1\n") != std::string::npos; }))
      << Page();
  EXPECT_THAT(Page(), HasSubstr("moongate_reload_last_successful 0\n"));
  EXPECT_THAT(Page(), HasSubstr("moongate_reloads_total{result=\"live\"} 2\n"));
}

// The pipe's reader reads nothing: requests go on, lines are dropped, counted, and the error log says so.
TEST_F(Operations, AnOutputThatBlocksCostsLinesAndNothingElse) {
  std::string pipe = folder + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  Configure("- respond: { status: 204 }", "access_log: { format: \"{request_target}\", output: pipe }");
  Start();
  const std::string path = "/" + std::string(8000, 'x');
  auto dropped = [&] { return Page().find("moongate_log_lines_dropped_total 0\n") == std::string::npos; };
  EXPECT_TRUE(Until([&] {
    for (int i = 0; i < 20; i++) EXPECT_THAT(Get("gateway.sock", path), StartsWith("HTTP/1.1 204 "));
    return dropped();
  }));
  EXPECT_TRUE(Until([&] { return Text("error.log").find("lines were dropped") != std::string::npos; }));
  close(reader);
}

TEST_F(Operations, AnAccessLogThatCannotBeOpenedIsRefused) {
  Configure("- respond: { status: 204 }");
  Start();
  ASSERT_EQ(mkfifo((folder + "/unread").c_str(), 0600), 0);  // nobody reads it: opening it must not wait
  Configure("- respond: { status: 204 }\n  access_log: { output: unread }");
  kill(pid, SIGHUP);
  EXPECT_TRUE(Until([&] { return Text("error.log").find("routes[0].access_log.output") != std::string::npos; }))
      << Text("error.log");
}

// Prometheus' own parser reads the page, after all kinds of things have been counted.
TEST_F(Operations, PromtoolFindsNothingWrong) {
  if (std::system("promtool --version >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "promtool is not installed: Debian's package prometheus has it";
  Configure(
      "- { name: \"odd.name:/@\", match: { path: /odd }, policies: [ { lua: { access: \"ngx.ctx.x = 1\" } } ], "
      "upstream: \"http://127.0.0.1:1\" }\n- respond: { status: 204 }",
      "lua: { shared_dicts: { d: 1MiB } }");
  Start();
  Get("gateway.sock", "/odd");
  Get("gateway.sock", "/");
  std::ofstream(folder + "/page") << Page();
  std::string command = "promtool check metrics <" + folder + "/page >" + folder + "/verdict 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << Text("verdict");
}

}  // namespace
}  // namespace mg::server
