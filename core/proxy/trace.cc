#include "proxy/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "crypto/random.h"
#include "proxy/exchange.h"

namespace mg::proxy {

namespace {

constexpr size_t kMostTokens = 16;
constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds kTimeToSend = 30 * kSecond, kTimeToRun = 600 * kSecond, kTimeToTake = 30 * kSecond;

std::string Ms(double nanoseconds) { return fmt::format("{:.3f} ms", nanoseconds / 1e6); }

std::string AttemptText(const Attempt& attempt) {
  std::string text = fmt::format("{}: ", attempt.address);
  Nanoseconds after = (attempt.first_byte != 0 ? attempt.first_byte : attempt.ended) - attempt.began;
  if (attempt.status != 0) {
    text += fmt::format("status {} after {}", attempt.status, Ms(static_cast<double>(after)));
  } else {
    text += fmt::format("{} after {}", attempt.failed ? ErrorCodeName(attempt.error) : "given up",
                        Ms(static_cast<double>(after)));
  }
  return text + (attempt.reused ? ", on a kept connection" : ", on a new connection");
}

}  // namespace

// --- TracedRun

TracedRun::TracedRun(const void* code, Phase phase, const std::vector<std::string>& names)
    : code_(code), phase_(phase) {
  for (const std::string& name : names) policies_.emplace_back().name = name;
}

void TracedRun::Close() {
  for (Policy& policy : policies_) {
    if (policy.began != 0) policy.time += MonotonicNow() - std::exchange(policy.began, 0);
  }
}

void TracedRun::Began(uint32_t policy) {
  Close();
  Policy* now = Find(policy);
  if (now == nullptr) return;
  now->runs++;
  now->began = MonotonicNow();
}

void TracedRun::Used(uint32_t policy, uint64_t cpu) {
  if (Policy* of = Find(policy)) of->cpu += cpu;
}

void TracedRun::Waits(uint32_t policy) {
  if (Policy* of = Find(policy)) of->waits++;
}

void TracedRun::Failed(uint32_t policy, std::string_view why) {
  if (Policy* of = Find(policy)) of->decided = fmt::format("failed: {}", why.substr(0, why.find('\n')));
}

void TracedRun::Ended(uint32_t policy, std::string_view decided) {
  Close();
  Policy* of = Find(policy);
  if (of != nullptr && of->decided.empty()) of->decided = decided;
}

// --- Trace

TracedRun& Trace::RunOf(const void* code, Phase phase, const std::vector<std::string>& names) {
  auto known = std::ranges::find_if(runs_, [code](const TracedRun& run) { return run.code_ == code; });
  return known != runs_.end() ? *known : runs_.emplace_back(code, phase, names);
}

std::string Trace::Text(const Exchange& x) {
  std::vector<std::array<std::string, 5>> rows;
  for (TracedRun& run : runs_) {
    run.Close();
    for (const TracedRun::Policy& policy : run.policies_) {
      std::string decided = policy.decided.empty() ? "passed on" : policy.decided;
      if (policy.runs == 0) decided = "did not run";
      if (policy.runs > 1) decided += fmt::format(", in {} runs", policy.runs);
      if (policy.waits > 0) decided += fmt::format(", waited {} time{}", policy.waits, policy.waits == 1 ? "" : "s");
      rows.push_back({std::string(PhaseName(run.phase_)), policy.name, Ms(static_cast<double>(policy.time)),
                      Ms(static_cast<double>(policy.cpu)), decided});
    }
  }
  std::string_view route = x.route != nullptr ? std::string_view(x.route->conf->name) : "none";
  std::string text = fmt::format("generation {}, route \"{}\"\n", x.snapshot().generation, route);
  if (rows.empty()) {
    text += "no policy ran\n";
  } else {
    size_t width = 6;
    for (const auto& row : rows) width = std::max(width, row[1].size());
    text += fmt::format("  {:<14} {:<{}} {:>12} {:>12}  {}\n", "phase", "policy", width, "time", "CPU", "what it did");
    for (const auto& row : rows)
      text += fmt::format("  {:<14} {:<{}} {:>12} {:>12}  {}\n", row[0], row[1], width, row[2], row[3], row[4]);
  }
  for (size_t i = 0; i < x.upstream.count; i++)
    text += fmt::format("attempt {} at {}\n", i + 1, AttemptText(x.upstream.attempts[i]));
  const char* end = x.response.cut ? "cut off, status" : "answered with status";
  text += fmt::format("{} {} after {}, {} bytes of body\n", end, x.response.head.status,
                      Ms(static_cast<double>(answered_ - x.timing.began)), x.BodyBytesSent());
  return text;
}

// --- Traces

Traces& Traces::Get() {
  static Traces traces;
  return traces;
}

Traces::Entry* Traces::Find(std::string_view token, Nanoseconds now) {
  std::erase_if(entries_, [now](const Entry& entry) { return entry.until <= now; });
  for (Entry& entry : entries_) {
    if (crypto::ConstantTimeEquals(entry.token, token)) return &entry;
  }
  return nullptr;
}

void Traces::SetArmed() {
  Nanoseconds until = 0;
  for (const Entry& entry : entries_) {
    if (entry.state == Entry::State::kArmed) until = std::max(until, entry.until);
  }
  armed_until_.store(until, std::memory_order_relaxed);
}

Result<std::string> Traces::Arm(Nanoseconds now) {
  std::string token = HexEncode(crypto::RandomBytes(16));
  std::lock_guard lock(mutex_);
  std::erase_if(entries_, [now](const Entry& entry) { return entry.until <= now; });
  if (entries_.size() >= kMostTokens) return Fail(ErrorCode::kDenied, "too many requests are being traced");
  entries_.push_back({Entry::State::kArmed, token, {}, now + kTimeToSend});
  SetArmed();
  return token;
}

bool Traces::Redeem(std::string_view token, Nanoseconds now) {
  std::lock_guard lock(mutex_);
  Entry* entry = Find(token, now);
  if (entry == nullptr || entry->state != Entry::State::kArmed) return false;
  entry->state = Entry::State::kRunning;
  entry->until = now + kTimeToRun;
  SetArmed();
  return true;
}

void Traces::Keep(std::string_view token, std::string text, Nanoseconds now) {
  std::lock_guard lock(mutex_);
  Entry* entry = Find(token, now);
  if (entry == nullptr) return;
  entry->state = Entry::State::kDone;
  entry->text = std::move(text);
  entry->until = now + kTimeToTake;
}

Result<std::string> Traces::Take(std::string_view token, Nanoseconds now) {
  std::lock_guard lock(mutex_);
  Entry* entry = Find(token, now);
  if (entry == nullptr) return Fail(ErrorCode::kInvalid, "there is no such trace");
  if (entry->state == Entry::State::kRunning) return std::string();
  Entry taken = std::move(*entry);
  entries_.erase(entries_.begin() + (entry - entries_.data()));
  SetArmed();
  if (taken.state == Entry::State::kArmed) return Fail(ErrorCode::kInvalid, "no request has come with this token");
  return taken.text;
}

// --- of an exchange

void BeginTrace(Exchange& x) {
  const http::Header* field = x.request.headers.Find(Traces::kField);
  if (field == nullptr) return;
  if (Traces::Get().Redeem(field->value, MonotonicNow())) x.trace = std::make_unique<Trace>(field->value);
  x.request.headers.Remove(Traces::kField);
}

void EndTrace(Exchange& x) {
  std::unique_ptr<Trace> trace = std::move(x.trace);
  Traces::Get().Keep(trace->token(), trace->Text(x), MonotonicNow());
}

}  // namespace mg::proxy
