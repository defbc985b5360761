#include "observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace mg::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Page(const MetricsRegistry& registry) {
  std::string page;
  registry.Render(page);
  return page;
}

using Values = std::vector<std::string_view>;

TEST(Metrics, RendersEachKind) {
  MetricsRegistry registry;
  MetricsShard& a = registry.NewShard();
  MetricsShard& b = registry.NewShard();
  auto* requests = *registry.AddFamily(MetricKind::kCounter, "requests_total", "All requests", {"route", "code"});
  auto* active = *registry.AddFamily(MetricKind::kGauge, "active", "Open now");
  auto* uptime = *registry.AddFamily(MetricKind::kGauge, "uptime_seconds", "Since start");
  registry.AddFamily(MetricKind::kGauge, "empty", "Has no series").value();
  Counter ok = registry.GetCounter(requests, Values{"r1", "200"});
  Gauge open = registry.GetGauge(active);
  registry.SetCallback(uptime, {}, [] { return 1.5; });
  a.Add(ok, 2);
  b.Add(ok);
  registry.shared().Add(ok);
  a.Add(open, 3);
  b.Add(open, -5);
  EXPECT_EQ(Page(registry),
            "# HELP active Open now\n# TYPE active gauge\nactive -2\n"
            "# HELP requests_total All requests\n# TYPE requests_total counter\n"
            "requests_total{route=\"r1\",code=\"200\"} 4\n"
            "# HELP uptime_seconds Since start\n# TYPE uptime_seconds gauge\nuptime_seconds 1.5\n");
  EXPECT_EQ(registry.Value(ok), 4u);
  EXPECT_EQ(registry.Value(open), -2);
}

TEST(Metrics, RendersHistograms) {
  MetricsRegistry registry;
  MetricsShard& shard = registry.NewShard();
  auto* family = *registry.AddFamily(MetricKind::kHistogram, "d_seconds", "Durations", {"r"});
  Histogram histogram = registry.GetHistogram(family, Values{"x"});
  for (Nanoseconds duration : {Nanoseconds{-5}, Nanoseconds{5'000}, Nanoseconds{5'001}, Nanoseconds{1'000'000'000},
                               Nanoseconds{61'000'000'000}}) {
    shard.Observe(histogram, duration);
  }
  std::string page = Page(registry);
  EXPECT_THAT(page, HasSubstr("# TYPE d_seconds histogram\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"5e-06\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"1e-05\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"0.5\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"1\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"60\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"+Inf\"} 5\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_sum{r=\"x\"} 62.000010001\nd_seconds_count{r=\"x\"} 5\n"));
}

TEST(Metrics, EscapesLabelsAndHelp) {
  MetricsRegistry registry;
  auto* family = *registry.AddFamily(MetricKind::kCounter, "c", "back\\slash \"and\"\nline", {"l"});
  registry.GetCounter(family, Values{"a\\b\"c\nd\xff"});
  EXPECT_EQ(Page(registry),
            "# HELP c back\\\\slash \"and\"\\nline\n# TYPE c counter\nc{l=\"a\\\\b\\\"c\\nd\xef\xbf\xbd\"} 0\n");
}

TEST(Metrics, BoundsItsSeries) {
  MetricsRegistry registry;
  MetricsShard& shard = registry.NewShard();
  auto* family = *registry.AddFamily(MetricKind::kCounter, "c", "", {"l"}, 3);
  for (int i = 0; i < 100; i++) {
    std::string value = std::to_string(i);
    shard.Add(registry.GetCounter(family, Values{value}));
  }
  std::string page = Page(registry);
  EXPECT_THAT(page, HasSubstr("c{l=\"2\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("c{l=\"_other\"} 97\n"));
  EXPECT_THAT(page, Not(HasSubstr("c{l=\"3\"}")));
}

TEST(Metrics, RefusesNamesAndConflicts) {
  MetricsRegistry registry;
  auto first = registry.AddFamily(MetricKind::kCounter, "a:b_c1", "", {"l"});
  ASSERT_TRUE(first);
  EXPECT_EQ(*registry.AddFamily(MetricKind::kCounter, "a:b_c1", "", {"l"}), *first);
  EXPECT_FALSE(registry.AddFamily(MetricKind::kGauge, "a:b_c1", "", {"l"}));
  EXPECT_FALSE(registry.AddFamily(MetricKind::kCounter, "a:b_c1", "", {"m"}));
  for (const char* name : {"", "1a", "a-b", "a b", "\xc3\xa4"}) {
    EXPECT_FALSE(registry.AddFamily(MetricKind::kCounter, name, "")) << name;
  }
  for (const char* label : {"", "le", "__x", "a:b", "1"}) {
    EXPECT_FALSE(registry.AddFamily(MetricKind::kCounter, "n", "", {label})) << label;
  }
  EXPECT_FALSE(registry.AddFamily(MetricKind::kCounter, "n", "", {"x", "x"}));
}

TEST(Metrics, RunsOutOfSlotsGracefully) {
  MetricsRegistry registry;
  MetricsShard& early = registry.NewShard();
  early.Add(Counter{});
  early.Observe(Histogram{}, 1);
  for (int f = 0; f < 8; f++) {
    auto* family = *registry.AddFamily(MetricKind::kHistogram, "h" + std::to_string(f), "", {"l"}, 1000);
    for (int i = 0; i < 1000; i++) {
      std::string value = std::to_string(i);
      early.Observe(registry.GetHistogram(family, Values{value}), 1);
    }
  }
  MetricsShard& late = registry.NewShard();
  late.Observe(registry.GetHistogram(*registry.AddFamily(MetricKind::kHistogram, "h0", "", {"l"}), Values{"0"}), 1);
  std::string page = Page(registry);
  EXPECT_THAT(page, HasSubstr("h0_count{l=\"0\"} 2\n"));
  EXPECT_THAT(page, Not(HasSubstr("h7_count{l=\"999\"}")));
}

TEST(Metrics, CountsWhileItIsReadAndGrows) {
  MetricsRegistry registry;
  auto* family = *registry.AddFamily(MetricKind::kCounter, "c", "", {"l"}, 5000);
  Counter common = registry.GetCounter(family, Values{"common"});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&registry, family, common, t] {
      MetricsShard& shard = registry.NewShard();
      for (int i = 0; i < 1000; i++) {
        shard.Add(common);
        registry.shared().Add(common);
        std::string value = std::to_string(t) + "-" + std::to_string(i);
        shard.Add(registry.GetCounter(family, Values{value}));
        if (i % 250 == 0) Page(registry);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry.Value(common), 8000u);
}

}  // namespace
}  // namespace mg::observe
