#include "tester/runner.h"

#include <poll.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/strings.h"
#include "config/load.h"
#include "tester/diff.h"
#include "tester/sections.h"
#include "tester/test_clock.h"

namespace mg::tester {
namespace {

constexpr std::chrono::milliseconds kDefaultTimeout{5000};
constexpr std::chrono::milliseconds kPatience{1000};  // for log lines and requests that come after the answer

void Pause(std::chrono::milliseconds time) {
  if (time.count() > 0) poll(nullptr, 0, static_cast<int>(time.count()));
}

// The block's configuration as one YAML text whose lines stand where they stand in the .t file, so that errors do too.
// With --- gateway and --- config the latter's list becomes the former's routes.
std::string ConfigurationText(const Section* gateway, const Section* config) {
  std::vector<std::string_view> lines;
  auto put = [&](const Section& section, std::string_view head) {
    std::vector<std::string_view> text = SplitLines(section.text);
    size_t first = section.text_line - 1;
    lines.resize(std::max(lines.size(), first + text.size()));
    lines[section.line - 1] = head;
    for (size_t i = 0; i < text.size(); i++) lines[first + i] = text[i];
  };
  if (gateway != nullptr) put(*gateway, "");
  if (config != nullptr) put(*config, gateway != nullptr ? "routes:" : "");
  std::string out;
  for (std::string_view line : lines) out.append(line).append("\n");
  return out;
}

std::optional<LogLevel> LevelOf(std::string_view name) {
  for (int level = 1; level <= 8; level++) {
    if (LogLevelName(static_cast<LogLevel>(level)) == name) return static_cast<LogLevel>(level);
  }
  return std::nullopt;
}

// "server_name: example.com" and the like, a line each.
Result<Client::Tls> TlsOf(const Section& section) {
  Client::Tls tls;
  for (std::string_view line : SplitLines(section.text)) {
    if (Trim(line).empty()) continue;
    std::string_view key = Trim(line.substr(0, line.find(':')));
    std::string value(Trim(line.substr(std::min(line.find(':'), line.size() - 1) + 1)));
    if (key == "server_name") {
      tls.server_name = value;
    } else if (key == "certificate") {
      tls.certificate = value;
    } else if (key == "version") {
      tls.version = value;
    } else if (key == "alpn") {
      tls.alpn = value;
    } else {
      return Fail(ErrorCode::kInvalid,
                  "expected server_name, certificate, version or alpn, each with a value, or plain");
    }
  }
  return tls;
}

}  // namespace

// One run of a block.
struct Runner::Attempt {
  const std::string& file;
  const Block& block;
  Fixture fixture;
  Observed observed;
  Failures failures;
  std::string skip;                // why it cannot run here
  std::vector<Nanoseconds> clock;  // by request; empty: the machine's

  void Fail(size_t line, std::string_view section, std::string message) {
    failures.push_back({line, std::string(section), std::move(message), "", ""});
  }
  void Fail(const Section& section, std::string message) { Fail(section.line, section.name, std::move(message)); }
  std::chrono::milliseconds Time(std::string_view section, std::chrono::milliseconds otherwise) {
    const Section* found = block.Find(section);
    if (found == nullptr) return otherwise;
    auto time = ParseTime(found->text);
    if (!time) Fail(*found, "expected a time such as 3, 0.5 or 200ms");
    return time.value_or(otherwise);
  }
};

Runner::Runner(const Options& options)
    : options_(options),
      redis_(folder_.path()),
      gateway_({.loops = options.loops, .sockets = &sockets_, .writer = &access_log_}) {}

Outcome Runner::Run(const std::string& file, const Block& block) {
  Outcome outcome;
  outcome.file = file;
  outcome.title = block.title;
  if (const Section* skip = block.Find("SKIP")) {
    outcome.kind = Outcome::Kind::kSkipped;
    outcome.reason = Trim(skip->text);
    return outcome;
  }
  if (const Section* todo = block.Find("TODO")) {
    outcome.todo = true;
    outcome.todo_reason = Trim(todo->text);
  }
  Nanoseconds began = ClockNanoseconds(CLOCK_MONOTONIC);
  for (int turn = 0; turn < options_.repeat && outcome.kind == Outcome::Kind::kPassed; turn++) {
    Attempt attempt{file, block, {}, {}, {}, {}, {}};
    RunOnce(attempt);
    clock_ = 0;
    if (!attempt.clock.empty()) gateway_.SetClock(0, 0);
    if (!attempt.skip.empty()) {
      outcome.kind = Outcome::Kind::kSkipped;
      outcome.reason = attempt.skip;
    } else if (!attempt.failures.empty()) {
      outcome.kind = Outcome::Kind::kFailed;
      if (turn > 0) outcome.diagnostics.push_back(fmt::format("in run {} of {}", turn + 1, options_.repeat));
      Describe(attempt, outcome);
    }
  }
  outcome.seconds = static_cast<double>(ClockNanoseconds(CLOCK_MONOTONIC) - began) / 1e9;
  return outcome;
}

void Runner::RunOnce(Attempt& attempt) {
  const Block& block = attempt.block;
  gateway_.ClearState();
  log_.Clear();
  std::filesystem::path folder = std::filesystem::absolute(attempt.file).parent_path();
  if (auto done = attempt.fixture.SetUp(block, folder.string(), redis_, dead_); !done) {
    if (done.error().code == ErrorCode::kNotFound) {
      attempt.skip = done.error().message;
    } else {
      attempt.Fail(block.line, "", done.error().message);
    }
    return;
  }
  Result<RequestPlan> plan = PlanRequests(block);
  if (!plan) {
    attempt.Fail(block.line, "", plan.error().message);
    return;
  }
  if (const Section* section = block.Find("clock")) {
    Result<std::vector<Nanoseconds>> clock = ParseClock(section->text, WallNow());
    if (!clock) return attempt.Fail(*section, clock.error().message);
    if (clock->size() > std::max<size_t>(plan->packets.size(), 1))
      return attempt.Fail(*section, "there are more times than requests");
    attempt.clock = std::move(*clock);
    SetClock(attempt, 0);
  }
  bool loaded = Load(attempt);
  if (loaded && !plan->packets.empty()) SendAndReceive(attempt, *plan);
  if (!attempt.failures.empty() && attempt.observed.responses.empty()) {
    attempt.observed.log = log_.Lines();
    return;
  }
  CheckAll(attempt);
}

void Runner::SetClock(const Attempt& attempt, size_t request) {
  if (request >= attempt.clock.size()) return;
  if (request > 0) Settle();  // the log phase of the request before is of its time
  Nanoseconds at = attempt.clock[request];
  gateway_.SetClock(at, clock_ != 0 ? at - clock_ : 0);
  clock_ = at;
}

bool Runner::Load(Attempt& attempt) {
  const Block& block = attempt.block;
  const Section* gateway = block.Find("gateway");
  const Section* config = block.Find("config");
  if (gateway == nullptr && config == nullptr) {
    attempt.Fail(block.line, "", "the block has neither --- config (a list of routes) nor --- gateway");
    return false;
  }
  std::string text = ConfigurationText(gateway, config);
  bool must_die = block.Has("must_die");
  int loads = options_.reload && !must_die ? 2 : 1;
  for (int i = 0; i < loads; i++) {
    config::Diagnostics diagnostics;
    config::DiskFiles files;
    std::unique_ptr<config::Config> made =
        config::LoadText(attempt.file, text, attempt.fixture.folder(), config::TextKind::kRoutes, files, diagnostics);
    bool good = made != nullptr;
    if (good) {
      LogLevel level = made->log_level;
      if (const Section* section = block.Find("log_level")) level = LevelOf(Trim(section->text)).value_or(level);
      SetLogLevel(level);
      if (made->listeners.empty()) {
        config::Listener& listener = made->listeners.emplace_back();
        listener.address = {config::Address::Kind::kIp, "127.0.0.1", 0, "127.0.0.1:0"};
      }
      // Sockets are told apart by what is written: two listeners on port 0 are two.
      for (size_t k = 1; k < made->listeners.size(); k++) made->listeners[k].address.text += fmt::format("#{}", k);
      CaptureAccessLogs(*made);
      made->lua.path.push_back(attempt.fixture.folder());
      good = gateway_.Load(std::move(made), files, diagnostics);
    }
    for (const auto& [path, content] : files.files()) files_.insert(path);
    for (const config::Diagnostic& diagnostic : diagnostics.all()) {
      bool error = diagnostic.level == config::Diagnostic::Level::kError;
      log_.Write(error ? LogLevel::kEmerg : LogLevel::kWarn, diagnostic.ToString());
      if (error && !must_die) attempt.Fail(block.line, "config", diagnostic.ToString());
    }
    if (!good && !must_die && attempt.failures.empty())
      attempt.Fail(block.line, "config", "was refused without a reason");
    if (good && must_die) attempt.Fail(*block.Find("must_die"), "the configuration was not refused");
    if (!good || must_die) return false;
  }
  return true;
}

void Runner::CaptureAccessLogs(config::Config& config) {
  access_log_.Flush();
  std::ofstream(folder_.path() + "/access.log", std::ios::trunc);
  auto capture = [this](std::vector<config::AccessLog>& logs) {
    for (config::AccessLog& log : logs) log.output = {config::Output::Kind::kFile, folder_.path() + "/access.log"};
  };
  capture(config.access_logs);
  for (config::Route& route : config.routes) {
    if (route.access_logs) capture(*route.access_logs);
  }
}

std::string Runner::AccessLog() {
  access_log_.Flush();
  std::ifstream file(folder_.path() + "/access.log", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Runner::SendAndReceive(Attempt& attempt, RequestPlan& plan) {
  const Block& block = attempt.block;
  Deadline deadline(attempt.Time("timeout", kDefaultTimeout));
  Client client;
  if (auto connected = client.Connect(gateway_.BoundAddress(0), deadline); !connected) {
    attempt.Fail(block.line, "request", connected.error().message);
    return;
  }
  if (const Section* section = block.Find("tls"); section != nullptr && Trim(section->text) != "plain") {
    Result<Client::Tls> tls = TlsOf(*section);
    if (!tls) return attempt.Fail(*section, tls.error().message);
    tls->folder = attempt.fixture.certificates();
    if (auto done = client.StartTls(*tls, deadline); !done) {
      if (block.Has("no_response")) {
        attempt.observed.closed = true;
        attempt.observed.outcome = Client::Outcome::kEnded;
        return;
      }
      return attempt.Fail(*section, done.error().message);
    }
  }
  for (const std::string& method : plan.methods) client.reader().Expect(method);
  attempt.observed.expected_responses = plan.responses;
  Client::Outcome outcome = Client::Outcome::kDone;
  for (size_t i = 0; i < plan.packets.size() && outcome == Client::Outcome::kDone; i++) {
    const Packet& packet = plan.packets[i];
    if (packet.responses > 0) outcome = client.ReadResponses(packet.responses, deadline);
    if (packet.for_something) outcome = client.ReadSomething(deadline);
    if (outcome != Client::Outcome::kDone) break;
    if (i > 0) Pause(plan.between);
    if (i > 0) SetClock(attempt, i);
    outcome = client.Send(packet.bytes, deadline);
  }
  if (block.Has("shutdown")) client.ShutdownSend();
  ReadAnswers(attempt, plan, client, deadline);
  if (!block.Has("ignore_response")) attempt.observed.protocol_error = client.reader().error();
  attempt.observed.closed = client.ended();
  attempt.observed.received = client.reader().received();
  attempt.observed.responses = std::move(client.reader().responses());
}

void Runner::ReadAnswers(Attempt& attempt, const RequestPlan& plan, Client& client, Deadline deadline) {
  Client::Outcome outcome = client.ReadResponses(plan.responses, deadline);
  attempt.observed.outcome = outcome;
  if (outcome != Client::Outcome::kDone || client.ended()) return;
  bool says_close = !client.reader().responses().empty() && client.reader().responses().back().closes;
  const Block& block = attempt.block;
  if (!says_close && !block.Has("connection_closed") && !block.Has("response_cut")) return;
  // A response that announces the end of the connection must be followed by it, and by nothing else.
  outcome = client.ReadEnd(deadline);
  if (outcome == Client::Outcome::kTimeout && says_close && !block.Has("ignore_response"))
    attempt.Fail(block.line, "request", "the response says that the connection closes, but it stays open");
}

void Runner::Settle() {
  std::mutex mutex;
  std::condition_variable done;
  std::vector<proxy::LoopContext*> loops = gateway_.loops();
  size_t left = loops.size();
  for (proxy::LoopContext* loop : loops) {
    loop->loop.Post([&] {
      std::lock_guard lock(mutex);
      if (--left == 0) done.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return left == 0; });
}

void Runner::CheckAll(Attempt& attempt) {
  const Block& block = attempt.block;
  CheckResponses(block, attempt.observed, attempt.failures);
  Pause(attempt.Time("wait", std::chrono::milliseconds(0)));
  Settle();
  Deadline patience(kPatience);
  log_.WaitUntil(
      [&](const std::vector<std::string>& lines) {
        Failures missing;
        CheckLogHas(block, lines, missing);
        return missing.empty();
      },
      kPatience);
  attempt.observed.log = log_.Lines();
  CheckLogHas(block, attempt.observed.log, attempt.failures);
  CheckLogHasNot(block, attempt.observed.log, attempt.failures);
  if (block.Has("access_log") || block.Has("access_log_like")) {
    for (Failures found;; found.clear()) {
      attempt.observed.access_log = AccessLog();
      CheckAccessLog(block, attempt.observed.access_log, found);
      if (!found.empty() && !patience.passed()) {
        Pause(std::chrono::milliseconds(5));
        continue;
      }
      attempt.failures.insert(attempt.failures.end(), found.begin(), found.end());
      break;
    }
  }
  for (Failures found;; found.clear()) {
    attempt.observed.upstream_requests = attempt.fixture.upstream_requests();
    attempt.observed.upstream_connections = attempt.fixture.upstream_connections();
    CheckUpstreams(block, attempt.observed, found);
    if (const MockRedis* redis = attempt.fixture.mock_redis()) {
      attempt.observed.has_mock_redis = true;
      attempt.observed.redis_commands = redis->Take();
    }
    CheckRedis(block, attempt.observed, found);
    if (!found.empty() && !patience.passed()) {
      Pause(std::chrono::milliseconds(5));
      continue;
    }
    attempt.failures.insert(attempt.failures.end(), found.begin(), found.end());
    return;
  }
}

void Runner::Describe(const Attempt& attempt, Outcome& outcome) const {
  auto& lines = outcome.diagnostics;
  for (const Failure& failure : attempt.failures) {
    std::string where = fmt::format("{}:{}: ", attempt.file, failure.line);
    bool placed = failure.message.starts_with(attempt.file + ":");  // by the configuration's loader
    lines.push_back(placed ? failure.message
                           : where + (failure.section.empty() ? "" : failure.section + ": ") + failure.message);
    if (options_.verbose && !(failure.expected.empty() && failure.actual.empty()))
      lines.push_back("--- expected, +++ got\n" + Diff(failure.expected, failure.actual));
  }
  if (!options_.verbose) return;
  lines.push_back("received:");
  for (std::string_view line : SplitLines(attempt.observed.received)) lines.push_back("  " + Escape(line));
  lines.push_back("log:");
  for (const std::string& line : attempt.observed.log) lines.push_back("  " + Escape(line));
  if (!attempt.observed.access_log.empty()) {
    lines.push_back("access log:");
    for (std::string_view line : SplitLines(attempt.observed.access_log)) lines.push_back("  " + Escape(line));
  }
  if (!attempt.observed.redis_commands.empty()) lines.push_back("commands to Redis:");
  for (const MockRedis::Received& received : attempt.observed.redis_commands)
    lines.push_back("  " + CommandText(received.command));
  for (const MockRequest& request : attempt.observed.upstream_requests) {
    lines.push_back("request to the upstream:");
    for (std::string_view line : SplitLines(request.text)) lines.push_back("  " + Escape(line));
  }
}

}  // namespace mg::tester
