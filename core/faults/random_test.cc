// Everything at once: several clients and an upstream that each do what a seeded die says. Both compute from a
// request's number what its answer is, so that no answer can be taken for another's, or for whole when it is not.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <thread>

#include "faults/rig.h"

namespace mg::faults {
namespace {

using Die = std::mt19937;

int Roll(Die& die, int sides) { return static_cast<int>(die() % static_cast<uint32_t>(sides)); }

std::string BodyOf(uint32_t number) {
  Die die(number * 7919 + 1);
  size_t size = Roll(die, 20) == 0 ? 300'000 + die() % 100'000 : die() % 3'000;
  std::string body = std::to_string(number) + ":";
  while (body.size() < size) body += static_cast<char>('a' + die() % 26);
  return body;
}

// The upstream's side of one request. False: the connection is over.
bool Serve(Socket& peer, uint32_t number, bool complete) {
  Die die(number);
  std::string body = BodyOf(number);
  std::string length = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.size());
  std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (size_t at = 0; at < body.size(); at += 1'000) {
    std::string piece = body.substr(at, 1'000);
    chunked += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  }
  chunked += "0\r\n\r\n";
  std::string reply = Roll(die, 2) == 0 ? length + body : chunked;
  switch (Roll(die, 12)) {
    case 0: peer.Reset(); return false;
    case 1: return false;
    case 2:  // cut anywhere
      peer.Send(reply.substr(0, die() % reply.size()));
      if (Roll(die, 2) == 0) peer.Reset();
      return false;
    case 3:  // silent until the gateway has had enough
      peer.Send(reply.substr(0, die() % std::min<size_t>(reply.size(), 400)));
      while (peer.Receive()) peer.received.clear();
      return false;
    case 4: peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"); return false;
    case 5: peer.Send(reply + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"); return complete;
    case 6: peer.Send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply); return complete;
    case 7:  // ends with the connection
      peer.Send("HTTP/1.1 200 OK\r\n\r\n" + body);
      return false;
    case 8:  // the same, cut
      peer.Send("HTTP/1.1 200 OK\r\n\r\n" + body.substr(0, body.size() / 2));
      peer.Reset();
      return false;
    default: return peer.Send(reply) && complete;
  }
}

// All connections of the upstream: a thread each, until the gateway ends them.
class Upstream {
 public:
  explicit Upstream(const Listening& listening) : listening_(listening), acceptor_([this] { Accept(); }) {}
  ~Upstream() {
    stop_ = true;
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Accept() {
    while (!stop_) {
      if (!listening_.Waiting(20)) continue;
      Socket peer = listening_.Accept();
      if (peer.open()) threads_.emplace_back([](Socket with) { Talk(with); }, std::move(peer));
    }
  }
  static void Talk(Socket& peer) {
    for (;;) {
      if (!peer.ReceiveText("\r\n\r\n")) return;
      size_t at = peer.received.find(" /r/");
      if (at == std::string::npos) {  // not of the random clients
        peer.Send(kCleanClose);
        return;
      }
      auto number = static_cast<uint32_t>(std::stoul(peer.received.substr(at + 4, 9)));
      bool early = number % 11 == 0;  // answers before it has read the body
      bool complete =
          early ? peer.received.starts_with("GET") && !peer.ReceiveRequest().empty() : !peer.ReceiveRequest().empty();
      if (!complete && !early) return;
      if (!Serve(peer, number, complete)) return;
    }
  }

  const Listening& listening_;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

std::string RequestOf(Die& die, uint32_t number) {
  std::string head = fmt::format(" /r/{} HTTP/1.1\r\nHost: h\r\n", number);
  std::string body(Roll(die, 10) == 0 ? 200'000 : die() % 2'000, 'q');
  switch (Roll(die, 4)) {
    case 0: return "POST" + head + fmt::format("Content-Length: {}\r\n\r\n", body.size()) + body;
    case 1:
      return "PUT" + head + "Transfer-Encoding: chunked\r\n\r\n" +
             (body.empty() ? "" : fmt::format("{:x}\r\n{}\r\n", body.size(), body)) + "0\r\n\r\n";
    default: return "GET" + head + "\r\n";
  }
}

// One connection: some requests, well or badly sent, well or badly read. What came of them is checked.
struct Visit {
  const Rig& rig;
  Die die;
  uint32_t first;
  std::vector<uint32_t> numbers;
  std::string requests, bad;
  int whole = 0, failed = 0, cut = 0;

  void Run() {
    int count = 1 + Roll(die, 4);
    for (int i = 0; i < count; i++) {
      numbers.push_back(first + static_cast<uint32_t>(i));
      requests += RequestOf(die, numbers.back());
    }
    Socket client = rig.Connect(Roll(die, 4) == 0 ? 4096 : 0);
    int manner = Roll(die, 8);
    if (manner == 0) requests.resize(die() % requests.size());
    size_t piece = manner == 1 ? 1 + die() % 700 : requests.size();
    for (size_t at = 0; at < requests.size(); at += piece) {
      if (!Send(client, std::string_view(requests).substr(at, piece))) break;
    }
    if (manner == 0 && Roll(die, 2) == 0) return client.Reset();
    if (manner == 0 || manner == 2) client.EndSending();
    if (manner == 3) {  // reads some, and is gone
      if (client.received.empty()) client.Receive(1 + die() % 5'000);
      if (Roll(die, 2) == 0) return client.Reset();
      return client.Close();
    }
    tester::ResponseReader reader;
    size_t fed = 0;
    do {  // some has come while it sent
      reader.Feed(std::string_view(client.received).substr(fed));
      fed = client.received.size();
    } while (reader.error().empty() && reader.responses().size() < numbers.size() && client.Receive());
    if (client.ended) reader.End();
    Check(reader, client);
  }
  // Reads meanwhile: pipelined answers must not block both sides.
  bool Send(Socket& client, std::string_view bytes) {
    while (!bytes.empty()) {
      size_t sent = client.SendSome(bytes);
      if (sent == std::string_view::npos) return false;
      bytes.remove_prefix(sent);
      if (sent == 0) WaitFor(client.fd(), POLLIN | POLLOUT);
      if (WaitFor(client.fd(), POLLIN, 0) && !client.Receive()) return false;
    }
    return true;
  }
  void Check(tester::ResponseReader& reader, const Socket& client) {
    bool ends_cut = reader.error().starts_with("the connection ended in the middle");
    if (!reader.error().empty() && !ends_cut) bad = reader.error();
    for (size_t i = 0; i < reader.responses().size(); i++) {
      tester::Response& response = reader.responses()[i];
      bool is_cut = response.cut || (response.until_close && client.reset);
      if (i >= numbers.size()) {
        bad = "more answers than requests";
      } else if (is_cut) {
        cut++;
        if (response.status == 200 && !BodyOf(numbers[i]).starts_with(response.body)) bad = "another's answer, cut";
      } else if (response.status == 200) {
        whole++;
        if (response.body != BodyOf(numbers[i])) bad = fmt::format("not the answer to {}", numbers[i]);
      } else {
        failed++;
        if (response.status != 502 && response.status != 504 && response.status != 400 && response.status != 408)
          bad = fmt::format("status {}", response.status);
      }
    }
    if (!bad.empty()) bad += ": " + client.received.substr(0, 300);
  }
};

TEST(RandomFaults, LeaveNothingBehind) {
  constexpr int kClients = 6, kVisits = 60;
  uint32_t seed = 20'250'101;
  if (const char* other = std::getenv("MG_FAULT_SEED")) seed = static_cast<uint32_t>(std::stoul(other));
  SCOPED_TRACE(fmt::format("MG_FAULT_SEED={}", seed));
  Rig rig({.loops = 2,
           .upstream = "retries: { attempts: 1 }, timeouts: { first_byte: 50ms, between: 50ms, send: 50ms }",
           .gateway = "limits: { body_timeout: 100ms, send_timeout: 200ms, head_timeout: 100ms }\n"});
  std::atomic<int> whole = 0, failed = 0, cut = 0;
  {
    Upstream upstream(rig.upstream);
    std::vector<std::thread> clients;
    for (uint32_t c = 0; c < kClients; c++) {
      clients.emplace_back([&, c] {
        Die die(seed + c);
        for (uint32_t v = 0; v < kVisits; v++) {
          Visit visit{rig, Die(die()), 100'000'000 + c * 1'000'000 + v * 10 + seed % 1000 * 10'000, {}, {}, {}};
          visit.Run();
          EXPECT_EQ(visit.bad, "") << "client " << c << ", visit " << v;
          whole += visit.whole;
          failed += visit.failed;
          cut += visit.cut;
        }
      });
    }
    for (std::thread& client : clients) client.join();
    rig.WaitUntilIdle();  // whose end the upstream's threads wait for
  }
  // The die has shown all its sides; how often depends on the machine.
  EXPECT_GT(whole, 0);
  EXPECT_GT(failed, 0);
  EXPECT_GT(cut, 0);
  rig.ExpectAtRest();
}

}  // namespace
}  // namespace mg::faults
