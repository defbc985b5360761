// ngx.socket.udp against peers that answer from a thread of their own.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "net/address.h"
#include "script/test_harness.h"

namespace mg::script {
namespace {

// Answers each datagram with itself and "!", until an empty one comes.
class EchoPeer {
 public:
  explicit EchoPeer(const net::SocketAddress& at) : fd_(socket(at.family(), SOCK_DGRAM, 0)) {
    EXPECT_EQ(bind(fd_, at.raw(), at.length()), 0);
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &length);
    address_ = net::SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&bound), length);
    thread_ = std::thread([this] { Serve(); });
  }
  ~EchoPeer() {
    int fd = socket(address_.family(), SOCK_DGRAM, 0);
    sendto(fd, "", 0, 0, address_.raw(), address_.length());
    close(fd);
    thread_.join();
    close(fd_);
  }
  uint16_t port() const { return address_.port(); }

 private:
  void Serve() {
    std::vector<char> bytes(70'000);
    for (;;) {
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      ssize_t size = recvfrom(fd_, bytes.data(), bytes.size() - 1, 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (size <= 0) return;
      bytes[static_cast<size_t>(size)] = '!';
      sendto(fd_, bytes.data(), static_cast<size_t>(size) + 1, 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }

  int fd_;
  net::SocketAddress address_;
  std::thread thread_;
};

std::string RunLua(const std::string& chunk) {
  ScriptHarness harness;
  std::string text;
  for (size_t at = 0; at < chunk.size();) {
    size_t end = std::min(chunk.find('\n', at), chunk.size());
    text += "      " + chunk.substr(at, end - at) + "\n";
    at = end + 1;
  }
  std::string wrong = harness.Load("- match: { path: / }\n  content:\n    lua: |\n" + text);
  if (!wrong.empty()) return wrong;
  TestResponse response = harness.Fetch("/");
  return response.body.empty() ? harness.log.text : response.body;
}

TEST(UdpSocket, SendsAndReceives) {
  EchoPeer peer(*net::SocketAddress::FromIp("127.0.0.1", 0));
  EXPECT_EQ(RunLua("local port = " + std::to_string(peer.port()) + R"(
local sock = ngx.socket.udp()
ngx.say(sock:bind("127.0.0.1"), sock:setpeername("127.0.0.1", port))
ngx.say(sock:send("one"), sock:receive())
ngx.say(sock:send { "t", { "w", 0 } }, sock:receive(2))
sock:settimeout(10)
ngx.say(sock:receive())
ngx.say(sock:setpeername("localhost", port))
ngx.say(sock:send(("x"):rep(9000)), #sock:receive())
local reader = ngx.thread.spawn(function() return sock:receive() end)
ngx.say(sock:receive())
ngx.thread.kill(reader)
ngx.say(sock:close(), sock:close())
)"),
            "true1\n1one!\n1tw\nniltimeout\n1\n19001\nnilsocket busy reading\n1nilclosed\n");
}

TEST(UdpSocket, SpeaksToUnixSockets) {
  std::string path = "/tmp/mg-udp-" + std::to_string(getpid()) + ".sock";
  unlink(path.c_str());
  {
    EchoPeer peer(*net::SocketAddress::FromUnix(path));
    EXPECT_EQ(RunLua("local sock = ngx.socket.udp()\nngx.say(sock:setpeername('unix:" + path +
                     "'))\nngx.say(sock:send('a'), sock:receive())\n"),
              "1\n1a!\n");
  }
  unlink(path.c_str());
}

}  // namespace
}  // namespace mg::script
