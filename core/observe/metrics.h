// Metrics: counters, gauges and histograms that cost a loop one addition to memory of its own, and are summed when they
// are read.
//
// Owner: the process has one MetricsRegistry, which outlives all threads that count. A loop takes a MetricsShard once
// and is its only writer. Families and series are made by any thread under a lock (at load, or the first time a label
// value is seen); the handle they give (Counter, Gauge, Histogram) is kept and used without one. Series are never
// removed: a counter keeps its value over reloads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mg::observe {

// Handles; default ones may be used and count nowhere.
struct Counter {
  uint32_t slot = 0;
};
struct Gauge {  // an integer that goes up and down; the sum over shards is shown
  uint32_t slot = 0;
};
struct Histogram {  // of durations
  uint32_t slot = 0;
};

// Upper bounds of a histogram's buckets: 0.5 ms to 60 s, three a decade.
inline constexpr std::array<Nanoseconds, 16> kHistogramBounds{
    500'000,       1'000'000,      2'500'000,      5'000'000,     10'000'000,    25'000'000,
    50'000'000,    100'000'000,    250'000'000,    500'000'000,   1'000'000'000, 2'500'000'000,
    5'000'000'000, 10'000'000'000, 30'000'000'000, 60'000'000'000};

class MetricsShard {
 public:
  enum class Writers : bool { kOne, kMany };
  static constexpr size_t kSlotsPerChunk = 512;
  static constexpr size_t kMaxChunks = 512;

  explicit MetricsShard(Writers writers) : many_(writers == Writers::kMany) {}
  ~MetricsShard();
  MetricsShard(const MetricsShard&) = delete;
  MetricsShard& operator=(const MetricsShard&) = delete;

  void Add(Counter counter, uint64_t count = 1) { AddTo(counter.slot, count); }
  void Add(Gauge gauge, int64_t change) { AddTo(gauge.slot, static_cast<uint64_t>(change)); }
  void Observe(Histogram histogram, Nanoseconds duration);

 private:
  friend class MetricsRegistry;
  using Slot = std::atomic<uint64_t>;
  struct alignas(64) Chunk {
    std::array<Slot, kSlotsPerChunk> slots{};
  };

  void AddTo(uint32_t slot, uint64_t count) {
    Slot& value = chunks_[slot / kSlotsPerChunk].load(std::memory_order_acquire)->slots[slot % kSlotsPerChunk];
    if (many_) {
      value.fetch_add(count, std::memory_order_relaxed);
    } else {
      value.store(value.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }
  }
  uint64_t Read(uint32_t slot) const {
    return chunks_[slot / kSlotsPerChunk]
        .load(std::memory_order_acquire)
        ->slots[slot % kSlotsPerChunk]
        .load(std::memory_order_relaxed);
  }

  std::array<std::atomic<Chunk*>, kMaxChunks> chunks_{};
  bool many_;
};

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

struct FamilyOptions {
  size_t max_series = 1000;  // more are counted together under MetricsRegistry::kOverflow
  bool is_time = false;      // a counter that is given nanoseconds and shown in seconds
  bool sparse = false;       // a series is shown once it has counted something
};

class MetricsRegistry {
 public:
  // A family of series; valid as long as the registry.
  struct Family;

  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";
  static constexpr std::string_view kOverflow = "_other";  // each label of the series that takes what is past the bound

  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // A loop's own shard, kept by the registry. `shared` may be used by any thread, at the price of an atomic addition.
  MetricsShard& NewShard();
  MetricsShard& shared() { return *shared_; }

  // The family of that name: made, or found again if kind and labels are the same. kInvalid if they are not, or for
  // names that Prometheus does not take.
  Result<Family*> AddFamily(MetricKind kind, std::string_view name, std::string_view help,
                            std::vector<std::string> labels = {}, FamilyOptions options = {});

  // The series with these values, one for each label, made at first sight. The family is of the kind asked for.
  Counter GetCounter(Family* family, std::span<const std::string_view> values = {});
  Gauge GetGauge(Family* family, std::span<const std::string_view> values = {});
  Histogram GetHistogram(Family* family, std::span<const std::string_view> values = {});

  // A counter or gauge whose value is asked for when it is read, on the reading thread and under the lock: `read` does
  // not use the registry. It replaces an earlier one.
  void SetCallback(Family* family, std::span<const std::string_view> values, std::function<double()> read);

  uint64_t Value(Counter counter) const;
  int64_t Value(Gauge gauge) const;

  // Appends all of it in Prometheus' text format 0.0.4. Any thread.
  void Render(std::string& to) const;

 private:
  struct Series;
  Series* FindOrMake(Family* family, std::span<const std::string_view> values);
  uint32_t TakeSlots(uint32_t count);
  uint64_t Sum(uint32_t slot) const;
  void RenderSeries(std::string& to, const Family& family, const Series& series) const;
  void RenderHistogram(std::string& to, const Family& family, const Series& series) const;

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<MetricsShard>> shards_;
  MetricsShard* shared_;  // the first of them
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
  uint32_t next_slot_ = 1;  // 0 is where default handles count
  size_t chunks_ = 0;
};

}  // namespace mg::observe
