#include "observe/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/strings.h"
#include "observe/metrics_page.h"

namespace mg::observe {

namespace {

constexpr uint32_t kHistogramSlots = kHistogramBounds.size() + 2;  // the buckets, the last one open; the sum
constexpr uint32_t kSumSlot = kHistogramBounds.size() + 1;

bool IsName(std::string_view name, std::string_view also) {
  if (name.empty() || IsDigit(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return IsAlpha(c) || IsDigit(c) || also.find(c) != std::string_view::npos; });
}

bool IsLabel(std::string_view name) { return IsName(name, "_") && !name.starts_with("__") && name != "le"; }

void AppendNumber(std::string& to, double number) { fmt::format_to(std::back_inserter(to), "{}", number); }

}  // namespace

struct MetricsRegistry::Series {
  std::string labels;  // as they are written: a="x",b="y"
  uint32_t slot = 0;
  std::function<double()> read;
};

struct MetricsRegistry::Family {
  MetricKind kind;
  std::string name, help;
  std::vector<std::string> labels;
  FamilyOptions options;
  std::map<std::string, Series, std::less<>> series;
};

MetricsShard::~MetricsShard() {
  for (std::atomic<Chunk*>& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
}

void MetricsShard::Observe(Histogram histogram, Nanoseconds duration) {
  if (histogram.slot == 0) return;
  duration = std::max<Nanoseconds>(duration, 0);
  auto bound = std::lower_bound(kHistogramBounds.begin(), kHistogramBounds.end(), duration);
  AddTo(histogram.slot + static_cast<uint32_t>(bound - kHistogramBounds.begin()), 1);
  AddTo(histogram.slot + kSumSlot, static_cast<uint64_t>(duration));
}

MetricsRegistry::MetricsRegistry() {
  chunks_ = 1;
  shards_.push_back(std::make_unique<MetricsShard>(MetricsShard::Writers::kMany));
  shared_ = shards_[0].get();
  shared_->chunks_[0].store(new MetricsShard::Chunk, std::memory_order_release);
}

MetricsRegistry::~MetricsRegistry() = default;

MetricsShard& MetricsRegistry::NewShard() {
  std::lock_guard lock(mutex_);
  shards_.push_back(std::make_unique<MetricsShard>(MetricsShard::Writers::kOne));
  for (size_t i = 0; i < chunks_; i++) {
    shards_.back()->chunks_[i].store(new MetricsShard::Chunk, std::memory_order_release);
  }
  return *shards_.back();
}

Result<MetricsRegistry::Family*> MetricsRegistry::AddFamily(MetricKind kind, std::string_view name,
                                                            std::string_view help, std::vector<std::string> labels,
                                                            FamilyOptions options) {
  if (!IsName(name, "_:")) return Fail(ErrorCode::kInvalid, "not a metric's name: " + std::string(name));
  for (size_t i = 0; i < labels.size(); i++) {
    if (!IsLabel(labels[i]) || std::find(labels.begin(), labels.begin() + static_cast<ptrdiff_t>(i), labels[i]) !=
                                   labels.begin() + static_cast<ptrdiff_t>(i)) {
      return Fail(ErrorCode::kInvalid, "not a label's name, or twice the same: " + labels[i]);
    }
  }
  std::lock_guard lock(mutex_);
  auto found = families_.find(name);
  if (found != families_.end()) {
    if (found->second->kind != kind || found->second->labels != labels) {
      return Fail(ErrorCode::kInvalid, "the metric is there with another kind or other labels: " + std::string(name));
    }
    return found->second.get();
  }
  options.max_series = std::max<size_t>(1, options.max_series);
  auto family =
      std::make_unique<Family>(Family{kind, std::string(name), std::string(help), std::move(labels), options, {}});
  Family* made = family.get();
  families_.emplace(std::string(name), std::move(family));
  return made;
}

// Slots that lie side by side in one chunk; 0 if there are none left.
uint32_t MetricsRegistry::TakeSlots(uint32_t count) {
  uint32_t room = MetricsShard::kSlotsPerChunk - next_slot_ % MetricsShard::kSlotsPerChunk;
  uint32_t first = count <= room ? next_slot_ : next_slot_ + room;
  size_t chunk = first / MetricsShard::kSlotsPerChunk;
  if (chunk >= MetricsShard::kMaxChunks) return 0;
  for (; chunks_ <= chunk; chunks_++) {
    for (auto& shard : shards_) {
      shard->chunks_[chunks_].store(new MetricsShard::Chunk, std::memory_order_release);
    }
  }
  next_slot_ = first + count;
  return first;
}

MetricsRegistry::Series* MetricsRegistry::FindOrMake(Family* family, std::span<const std::string_view> values) {
  std::string text;
  auto write = [&](auto&& value_of) {
    text.clear();
    for (size_t i = 0; i < family->labels.size(); i++) {
      if (i > 0) text += ',';
      text += family->labels[i] + "=\"";
      AppendLabelValue(text, value_of(i));
      text += '"';
    }
  };
  write([&](size_t i) { return i < values.size() ? values[i] : std::string_view(); });
  auto found = family->series.find(text);
  if (found != family->series.end()) return &found->second;
  if (family->series.size() >= family->options.max_series) {
    write([](size_t) { return kOverflow; });
    found = family->series.find(text);
    if (found != family->series.end()) return &found->second;
  }
  Series& series = family->series[text];
  series.labels = text;
  series.slot = TakeSlots(family->kind == MetricKind::kHistogram ? kHistogramSlots : 1);
  return &series;
}

Counter MetricsRegistry::GetCounter(Family* family, std::span<const std::string_view> values) {
  MG_CHECK(family->kind == MetricKind::kCounter);
  std::lock_guard lock(mutex_);
  return {FindOrMake(family, values)->slot};
}

Gauge MetricsRegistry::GetGauge(Family* family, std::span<const std::string_view> values) {
  MG_CHECK(family->kind == MetricKind::kGauge);
  std::lock_guard lock(mutex_);
  return {FindOrMake(family, values)->slot};
}

Histogram MetricsRegistry::GetHistogram(Family* family, std::span<const std::string_view> values) {
  MG_CHECK(family->kind == MetricKind::kHistogram);
  std::lock_guard lock(mutex_);
  return {FindOrMake(family, values)->slot};
}

void MetricsRegistry::SetCallback(Family* family, std::span<const std::string_view> values,
                                  std::function<double()> read) {
  MG_CHECK(family->kind != MetricKind::kHistogram);
  std::lock_guard lock(mutex_);
  FindOrMake(family, values)->read = std::move(read);
}

uint64_t MetricsRegistry::Sum(uint32_t slot) const {
  uint64_t sum = 0;
  for (const auto& shard : shards_) sum += shard->Read(slot);
  return sum;
}

uint64_t MetricsRegistry::Value(Counter counter) const {
  std::lock_guard lock(mutex_);
  return Sum(counter.slot);
}

int64_t MetricsRegistry::Value(Gauge gauge) const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(Sum(gauge.slot));
}

void MetricsRegistry::RenderSeries(std::string& to, const Family& family, const Series& series) const {
  uint64_t sum = series.read ? 0 : Sum(series.slot);
  if (family.options.sparse && sum == 0 && !series.read) return;
  to += family.name;
  if (!series.labels.empty()) to += '{' + series.labels + '}';
  to += ' ';
  if (series.read) {
    AppendNumber(to, series.read());
  } else if (family.kind == MetricKind::kGauge) {
    fmt::format_to(std::back_inserter(to), "{}", static_cast<int64_t>(sum));
  } else if (family.options.is_time) {
    AppendNumber(to, static_cast<double>(sum) / 1e9);
  } else {
    fmt::format_to(std::back_inserter(to), "{}", sum);
  }
  to += '\n';
}

void MetricsRegistry::RenderHistogram(std::string& to, const Family& family, const Series& series) const {
  std::array<uint64_t, kHistogramBounds.size() + 1> counts;
  uint64_t all = 0;
  for (uint32_t i = 0; i < counts.size(); i++) counts[i] = all += Sum(series.slot + i);
  if (family.options.sparse && all == 0) return;
  std::string_view comma = series.labels.empty() ? "" : ",";
  for (size_t i = 0; i < counts.size(); i++) {
    fmt::format_to(std::back_inserter(to), "{}_bucket{{{}{}le=\"", family.name, series.labels, comma);
    if (i < kHistogramBounds.size()) {
      AppendNumber(to, static_cast<double>(kHistogramBounds[i]) / 1e9);
    } else {
      to += "+Inf";
    }
    fmt::format_to(std::back_inserter(to), "\"}} {}\n", counts[i]);
  }
  std::string labels = series.labels.empty() ? "" : '{' + series.labels + '}';
  fmt::format_to(std::back_inserter(to), "{}_sum{} {}\n{}_count{} {}\n", family.name, labels,
                 static_cast<double>(Sum(series.slot + kSumSlot)) / 1e9, family.name, labels, all);
}

void MetricsRegistry::Render(std::string& to) const {
  MetricsPage page(to);
  std::lock_guard lock(mutex_);
  for (const auto& [name, family] : families_) {
    if (family->series.empty()) continue;
    size_t before = to.size();
    page.Family(family->kind, name, family->help);
    size_t head = to.size();
    for (const auto& [labels, series] : family->series) {
      if (series.slot == 0 && !series.read) continue;  // there was no room left for it
      if (family->kind == MetricKind::kHistogram) {
        RenderHistogram(to, *family, series);
      } else {
        RenderSeries(to, *family, series);
      }
    }
    if (to.size() == head) to.resize(before);
  }
}

}  // namespace mg::observe
