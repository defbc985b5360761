// MetricsPage: writes Prometheus' text format 0.0.4 into a string: what is asked for when the page is read, beside what
// a MetricsRegistry counts. Plain functions of its arguments; any thread.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "observe/metrics.h"

namespace mg::observe {

// A label's value between its quotes; what is not UTF-8 becomes U+FFFD, since one wrong byte would cost the whole page.
void AppendLabelValue(std::string& to, std::string_view value);

class MetricsPage {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  explicit MetricsPage(std::string& to) : to_(to) {}

  // The head of a family; its samples follow at once.
  void Family(MetricKind kind, std::string_view name, std::string_view help);
  void Sample(std::string_view name, Labels labels, double value);
  void Sample(std::string_view name, Labels labels, std::integral auto value) {
    Begin(name, labels);
    to_ += std::to_string(value);
    to_ += '\n';
  }
  // A family of one series.
  void Single(MetricKind kind, std::string_view name, std::string_view help, auto value) {
    Family(kind, name, help);
    Sample(name, {}, value);
  }

 private:
  void Begin(std::string_view name, Labels labels);
  std::string& to_;
};

}  // namespace mg::observe
