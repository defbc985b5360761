#include "observe/metrics.h"

#include "observe/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
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
  for (Nanoseconds duration : {Nanoseconds{-5}, Nanoseconds{500'000}, Nanoseconds{500'001}, Nanoseconds{1'000'000'000},
                               Nanoseconds{61'000'000'000}}) {
    shard.Observe(histogram, duration);
  }
  std::string page = Page(registry);
  EXPECT_THAT(page, HasSubstr("# TYPE d_seconds histogram\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"0.0005\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"0.001\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"0.5\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"1\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"60\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_bucket{r=\"x\",le=\"+Inf\"} 5\n"));
  EXPECT_THAT(page, HasSubstr("d_seconds_sum{r=\"x\"} 62.001000001\nd_seconds_count{r=\"x\"} 5\n"));
}

TEST(Metrics, EscapesLabelsAndHelp) {
  MetricsRegistry registry;
  auto* family = *registry.AddFamily(MetricKind::kCounter, "c", "back\\slash \"and\"\nline", {"l"});
  registry.GetCounter(family, Values{"a\\b\"c\nd\xff"});
  EXPECT_EQ(Page(registry),
            "# HELP c back\\\\slash \"and\"\\nline\n# TYPE c counter\nc{l=\"a\\\\b\\\"c\\nd\xef\xbf\xbd\"} 0\n");
}

TEST(Metrics, ShowsTimeInSecondsAndSparseSeriesOnceTheyCount) {
  MetricsRegistry registry;
  auto* time = *registry.AddFamily(MetricKind::kCounter, "t_seconds_total", "T", {}, {.is_time = true});
  auto* rare = *registry.AddFamily(MetricKind::kCounter, "r_total", "R", {"l"}, {.sparse = true});
  auto* slow = *registry.AddFamily(MetricKind::kHistogram, "s_seconds", "S", {"l"}, {.sparse = true});
  registry.shared().Add(registry.GetCounter(time), 1'500'000'000);
  Counter seen = registry.GetCounter(rare, Values{"seen"});
  registry.GetCounter(rare, Values{"unseen"});
  registry.GetHistogram(slow, Values{"unseen"});
  EXPECT_EQ(Page(registry), "# HELP t_seconds_total T\n# TYPE t_seconds_total counter\nt_seconds_total 1.5\n");
  registry.shared().Add(seen);
  EXPECT_THAT(Page(registry), HasSubstr("# TYPE r_total counter\nr_total{l=\"seen\"} 1\n# HELP t_"));
}

TEST(MetricsPage, WritesSamples) {
  std::string text;
  MetricsPage page(text);
  page.Family(MetricKind::kGauge, "g", "line\nbreak");
  page.Sample("g", {}, 1.25);
  page.Sample("g", {{"a", "x\"\n\\\xff"}, {"b", ""}}, uint64_t{18446744073709551615u});
  page.Sample("g", {}, std::numeric_limits<double>::infinity());
  EXPECT_EQ(text,
            "# HELP g line\\nbreak\n# TYPE g gauge\ng 1.25\n"
            "g{a=\"x\\\"\\n\\\\\xef\xbf\xbd\",b=\"\"} 18446744073709551615\ng +Inf\n");
}

TEST(Metrics, BoundsItsSeries) {
  MetricsRegistry registry;
  MetricsShard& shard = registry.NewShard();
  auto* family = *registry.AddFamily(MetricKind::kCounter, "c", "", {"l"}, {.max_series = 3});
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
  for (int f = 0; f < 16; f++) {
    auto* family = *registry.AddFamily(MetricKind::kHistogram, "h" + std::to_string(f), "", {"l"});
    for (int i = 0; i < 1000; i++) {
      std::string value = std::to_string(i);
      early.Observe(registry.GetHistogram(family, Values{value}), 1);
    }
  }
  MetricsShard& late = registry.NewShard();
  late.Observe(registry.GetHistogram(*registry.AddFamily(MetricKind::kHistogram, "h0", "", {"l"}), Values{"0"}), 1);
  std::string page = Page(registry);
  EXPECT_THAT(page, HasSubstr("h0_count{l=\"0\"} 2\n"));
  EXPECT_THAT(page, Not(HasSubstr("h15_count{l=\"999\"}")));
}

TEST(Metrics, CountsWhileItIsReadAndGrows) {
  MetricsRegistry registry;
  auto* family = *registry.AddFamily(MetricKind::kCounter, "c", "", {"l"}, {.max_series = 5000});
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
