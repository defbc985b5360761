#include "observe/line_writer.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <iterator>

#include "base/clock.h"

namespace mg::observe {

namespace {

constexpr int kTick = 5;  // ms between two looks while lines come
constexpr int kTicksBeforeSleep = 20;
constexpr Nanoseconds kTellEvery = 60'000'000'000;

std::atomic<uint64_t> next_identity{1};

// The ring of this thread and whose it is.
struct Attachment {
  uint64_t writer = 0;
  std::shared_ptr<LineRing> ring;
  void Close() {
    if (ring) ring->Close();
    ring.reset();
    writer = 0;
  }
  ~Attachment() { Close(); }
};
thread_local Attachment attachment;

}  // namespace

LineWriter::LineWriter(Options options)
    : options_(options),
      identity_(next_identity.fetch_add(1)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      shared_(std::max(options.ring_bytes, 4 * options.max_line)) {
  MG_CHECK(wake_fd_ >= 0);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LineWriter::~LineWriter() {
  stopping_.store(true);
  Wake();
  thread_.join();
  close(wake_fd_);
}

Result<LineWriter::Output> LineWriter::Open(std::string_view target) {
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < outputs_.size(); i++) {
    if (outputs_[i]->target() == target) return Output{static_cast<uint16_t>(i)};
  }
  if (outputs_.size() >= kMaxOutputs) return Fail(ErrorCode::kTooLarge, "too many log outputs");
  Result<LineOutput> opened = LineOutput::Open(target);
  if (!opened) return std::unexpected(opened.error());
  outputs_.push_back(std::make_unique<LineOutput>(std::move(*opened)));
  return Output{static_cast<uint16_t>(outputs_.size() - 1)};
}

bool LineWriter::Write(Output output, std::string_view line, uint8_t severity) {
  LineRing::Line entry{output.index, severity, line.substr(0, options_.max_line)};
  bool taken;
  if (attachment.writer == identity_) {
    taken = attachment.ring->Push(entry);
  } else {
    std::lock_guard lock(shared_mutex_);
    taken = shared_.Push(entry);
  }
  if (sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false)) Wake();
  return taken;
}

void LineWriter::Attach() {
  if (attachment.writer == identity_) return;
  attachment.Close();
  auto ring = std::make_shared<LineRing>(std::max(options_.ring_bytes, 4 * options_.max_line));
  {
    std::lock_guard lock(mutex_);
    rings_.push_back(ring);
  }
  attachment.ring = std::move(ring);
  attachment.writer = identity_;
}

void LineWriter::Detach() {
  if (attachment.writer == identity_) attachment.Close();
}

void LineWriter::Reopen() {
  reopen_.store(true);
  Wake();
}

void LineWriter::Flush() {
  std::unique_lock lock(mutex_);
  uint64_t mine = ++flush_wanted_;
  Wake();
  flushed_.wait(lock, [&] { return flush_done_ >= mine; });
}

uint64_t LineWriter::dropped() const {
  std::lock_guard lock(mutex_);
  uint64_t sum = lost_.load(std::memory_order_relaxed) + shared_.dropped();
  for (const auto& ring : rings_) sum += ring->dropped();
  return sum;
}

void LineWriter::Wake() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t ignored = write(wake_fd_, &one, sizeof one);
}

// Writes what is in the rings; false if there was nothing.
bool LineWriter::Drain() {
  uint64_t lines = 0;
  auto take = [&](const LineRing::Line& line) {
    if (line.output >= open_.size()) FindOutputs();  // opened since
    open_.at(line.output)->Take(line.text, line.severity);
    lines++;
  };
  shared_.Drain(take);
  for (const auto& ring : draining_) ring->Drain(take);
  if (lines == 0) return false;
  for (LineOutput* output : open_) output->Flush();
  written_.fetch_add(lines, std::memory_order_relaxed);
  return true;
}

// Takes note of new rings and outputs, lets go of rings that are closed and empty, opens paths again.
void LineWriter::Serve() {
  {
    std::lock_guard lock(mutex_);
    std::erase_if(rings_, [this](const std::shared_ptr<LineRing>& ring) {
      if (!ring->closed() || !ring->empty()) return false;
      lost_.fetch_add(ring->dropped(), std::memory_order_relaxed);
      return true;
    });
    draining_ = rings_;
  }
  FindOutputs();
  if (!reopen_.exchange(false)) return;
  for (LineOutput* output : open_) {
    if (auto opened = output->Reopen(); !opened) MG_LOG(kError, "log: {}", opened.error().message);
  }
}

void LineWriter::FindOutputs() {
  std::lock_guard lock(mutex_);
  for (size_t i = open_.size(); i < outputs_.size(); i++) open_.push_back(outputs_[i].get());
}

void LineWriter::Run() {
  int idle = 0;
  uint64_t lost_before = 0;
  while (true) {
    bool stopping = stopping_.load();
    uint64_t flush;
    {
      std::lock_guard lock(mutex_);
      flush = flush_wanted_;
    }
    Serve();
    idle = Drain() ? 0 : idle + 1;
    uint64_t lost = 0;
    for (LineOutput* output : open_) lost += output->lost();
    lost_.fetch_add(lost - lost_before, std::memory_order_relaxed);
    lost_before = lost;
    TellOfLoss();
    {
      std::lock_guard lock(mutex_);
      flush_done_ = flush;
    }
    flushed_.notify_all();
    if (stopping) return;
    pollfd wait{wake_fd_, POLLIN, 0};
    if (idle < kTicksBeforeSleep) {
      poll(&wait, 1, kTick);
    } else {
      Sleep();
    }
    uint64_t wakes;
    [[maybe_unused]] ssize_t ignored = read(wake_fd_, &wakes, sizeof wakes);
  }
}

// Says in the log that lines are missing: when that begins, and at most once a minute while it goes on.
void LineWriter::TellOfLoss() {
  uint64_t all = dropped();
  if (all == told_) return;
  Nanoseconds now = MonotonicNow();
  if (told_at_ != 0 && now - told_at_ < kTellEvery) return;
  MG_LOG(kError, "log: {} lines were dropped: an output is full, blocked or too slow ({} since the start)", all - told_,
         all);
  told_ = all;
  told_at_ = now;
}

// Until a producer, or someone who asks for something, wakes it.
void LineWriter::Sleep() {
  sleeping_.store(true, std::memory_order_seq_cst);
  bool empty = shared_.empty();
  {
    std::lock_guard lock(mutex_);
    for (const auto& ring : rings_) empty = empty && ring->empty() && !ring->closed();
  }
  if (empty) {
    pollfd wait{wake_fd_, POLLIN, 0};
    poll(&wait, 1, -1);
  }
  sleeping_.store(false, std::memory_order_seq_cst);
}

void LogToWriter::Write(LogLevel level, std::string_view line) {
  thread_local std::string text;  // keeps its memory
  thread_local std::time_t second = 0;
  thread_local char date[32];
  Nanoseconds now = WallNow();
  if (std::time_t current = now / 1'000'000'000; current != second) {
    second = current;
    std::tm utc{};
    gmtime_r(&second, &utc);
    std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  }
  text.clear();
  fmt::format_to(std::back_inserter(text), "{}.{:03}Z [{}] ", date, now / 1'000'000 % 1000, LogLevelName(level));
  for (char c : line) {
    if (c == '\n') {
      text += "\\n";
    } else if ((static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f) {
      fmt::format_to(std::back_inserter(text), "\\x{:02x}", static_cast<uint8_t>(c));
    } else {
      text += c;
    }
  }
  auto severity = static_cast<uint8_t>(static_cast<uint8_t>(level) - 1);  // syslog counts from 0
  writer_.Write({output_.load(std::memory_order_relaxed)}, text, severity);
  if (text.capacity() > 65536) text.shrink_to_fit();
}

}  // namespace mg::observe
