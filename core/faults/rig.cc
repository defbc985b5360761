#include "faults/rig.h"

#include <condition_variable>
#include <mutex>

#include "config/load.h"

namespace mg::faults {

std::string Configuration(const RigOptions& options, const net::SocketAddress& upstream) {
  std::string text = "listeners: [{ address: \"127.0.0.1:0\" }]\n";
  text += options.gateway;
  text += "upstreams: { u: { targets: [\"" + upstream.ToString() + "\"]";
  if (!options.upstream.empty()) text += ", " + options.upstream;
  text += " } }\n";
  text += "routes:\n- { match: { path: /here }, respond: { body: \"here\\n\" } }\n";
  text += "- { match: { path: \"/*\" }, upstream: u";
  if (!options.route.empty()) text += ", " + options.route;
  text += " }\n";
  return text;
}

bool LoadInto(server::Gateway& gateway, const std::string& text) {
  config::Diagnostics diagnostics;
  config::DiskFiles files;
  auto made = config::LoadText("fault.yaml", text, "/tmp", config::TextKind::kGateway, files, diagnostics);
  bool loaded = made != nullptr && !diagnostics.failed() && gateway.Load(std::move(made), files, diagnostics);
  for (const config::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.level == config::Diagnostic::Level::kError) ADD_FAILURE() << diagnostic.ToString();
  }
  return loaded;
}

Rig::Rig(const RigOptions& options) : gateway({.loops = options.loops, .sockets = &sockets}) {
  if (!LoadInto(gateway, Configuration(options, upstream.address()))) return;
  Ask(kGet, kCleanClose);  // what is opened once, is open now
  resting.clear();
  gateway.ClearState();
  descriptors_ = OpenDescriptors();
  // Sessions end in the turns after their clients: until the number stays.
  for (int same = 0; same < 5; Settle()) {
    long now = OpenDescriptors();
    same = now == descriptors_ ? same + 1 : 0;
    descriptors_ = now;
  }
}

Rig::~Rig() { resting.clear(); }

Left Rig::Count() {
  std::mutex mutex;
  std::condition_variable done;
  Left left;
  std::vector<proxy::LoopContext*> loops = gateway.loops();
  size_t missing = loops.size();
  for (proxy::LoopContext* loop : loops) {
    loop->loop.Post([&, loop] {
      std::lock_guard lock(mutex);
      left.exchanges += loop->current->live;
      left.generations += loop->retired.size();
      left.pipes += loop->loop.pipes().kept();
      if (--missing == 0) done.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return missing == 0; });
  for (const auto& one : gateway.snapshot()->upstreams) {
    for (const upstream::Member& member : one->plan()->members) left.active += member.target->active.load();
  }
  return left;
}

void Rig::Settle() {
  for (int turn = 0; turn < 3; turn++) Count();
}

size_t Rig::ServeUntilEnd(Socket& client, std::string_view reply) {
  size_t served = 0;
  while (!client.ended) {
    pollfd wait[2] = {{client.fd(), POLLIN, 0}, {upstream.fd(), POLLIN, 0}};
    if (poll(wait, 2, kPatienceMs) <= 0) {
      ADD_FAILURE() << "the client waits; received so far: " << client.received.substr(0, 400);
      return served;
    }
    if (wait[1].revents != 0) {
      Socket peer = upstream.Accept();
      if (std::string request = peer.ReceiveRequest(); !request.empty()) {
        last_request = std::move(request);
        served++;
        peer.Send(reply);
        resting.push_back(std::move(peer));
      }
    }
    if (wait[0].revents != 0) client.Receive();
  }
  return served;
}

Answer Rig::Ask(std::string_view request, std::string_view reply) {
  Socket client = Connect();
  client.Send(request);
  ServeUntilEnd(client, reply);
  return Judge(client, std::string(request.substr(0, request.find(' '))));
}

void Rig::ExpectCancelled() {
  while (upstream.Waiting()) {
    Socket peer = upstream.Accept();
    EXPECT_TRUE(peer.ReceiveEnd()) << "the gateway keeps what nobody waits for";
  }
}

Left Rig::WaitUntilIdle() {
  tester::Deadline patience{std::chrono::milliseconds(kPatienceMs)};
  Left left = Count();
  while (!left.none() && !patience.passed()) {
    poll(nullptr, 0, 1);
    left = Count();
  }
  gateway.ClearState();
  return left;
}

void Rig::ExpectAtRest() {
  resting.clear();
  tester::Deadline patience{std::chrono::milliseconds(kPatienceMs)};
  Left left;
  long descriptors = 0;
  do {
    ExpectCancelled();
    left = WaitUntilIdle();
    descriptors = OpenDescriptors() - 2 * static_cast<long>(left.pipes);
    if (descriptors > descriptors_) poll(nullptr, 0, 1);
  } while (descriptors > descriptors_ && !patience.passed());
  EXPECT_EQ(left.exchanges, 0u);
  EXPECT_EQ(left.generations, 0u);
  EXPECT_EQ(left.active, 0u);
  EXPECT_EQ(descriptors, descriptors_);
  Answer clean = Ask(kGet, kCleanClose);
  EXPECT_TRUE(clean.Is(200, "clean")) << clean;
  resting.clear();
}

}  // namespace mg::faults
