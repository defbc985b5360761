#include "script/meter.h"

#include <gtest/gtest.h>

namespace mg::script {
namespace {

void Spin(Nanoseconds time) {
  Nanoseconds until = MonotonicNow() + time;
  while (MonotonicNow() < until) {
  }
}

struct MeterTest : ::testing::Test {
  MeterTest() {
    Ticks::Calibrate();
    for (const char* name : {"a", "b"}) {
      series.push_back(metrics.Of(name, "access"));
    }
  }
  uint64_t Runs(size_t policy) { return registry.Value(series[policy].runs); }
  Nanoseconds Cpu(size_t policy) { return static_cast<Nanoseconds>(registry.Value(series[policy].cpu)); }

  observe::MetricsRegistry registry;
  PolicyMetrics metrics{registry};
  std::vector<PolicySeries> series;
  Meter meter;
};

TEST_F(MeterTest, ChargesEachPolicyWithItsOwnTime) {
  meter.SetShard(&registry.NewShard());
  meter.Begin(series, 0, true, nullptr);
  Spin(2'000'000);
  meter.Switch(1);
  Spin(5'000'000);
  meter.End();
  EXPECT_EQ(Runs(0), 1u);
  EXPECT_EQ(Runs(1), 1u);
  EXPECT_GE(Cpu(0), 1'900'000);
  EXPECT_GE(Cpu(1), 4'900'000);
}

TEST_F(MeterTest, GoingOnAfterAWaitIsNoNewRun) {
  meter.SetShard(&registry.NewShard());
  meter.Begin(series, 1, true, nullptr);
  meter.End();
  meter.Begin(series, 1, false, nullptr);
  meter.End();
  meter.End();
  EXPECT_EQ(Runs(0), 0u);
  EXPECT_EQ(Runs(1), 1u);
}

TEST_F(MeterTest, WithoutAShardNothingIsCounted) {
  meter.Begin(series, 0, true, nullptr);
  meter.Switch(1);
  meter.End();
  EXPECT_EQ(Runs(0) + Runs(1), 0u);
}

TEST_F(MeterTest, PoliciesPastTheLimitShareOne) {
  metrics.SetLimit(2);
  PolicySeries c = metrics.Of("c", "access"), d = metrics.Of("d", "log");
  EXPECT_EQ(c.runs.slot, d.runs.slot);
  EXPECT_EQ(metrics.Of("a", "access").runs.slot, series[0].runs.slot);
  std::string page;
  registry.Render(page);
  EXPECT_NE(page.find("moongate_policy_runs_total{policy=\"_other\",phase=\"_other\"} 0"), std::string::npos);
}

}  // namespace
}  // namespace mg::script
