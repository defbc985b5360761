#include "observe/metrics_page.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/encoding.h"

namespace mg::observe {

namespace {

enum class Quotes : bool { kPlain, kEscaped };

void AppendEscaped(std::string& to, std::string_view text, Quotes quotes) {
  for (size_t at = 0; at < text.size();) {
    size_t size = Utf8SequenceSize(text, at);
    if (size == 0) {
      to += "\xef\xbf\xbd";
    } else if (text[at] == '\\') {
      to += "\\\\";
    } else if (text[at] == '\n') {
      to += "\\n";
    } else if (text[at] == '"' && quotes == Quotes::kEscaped) {
      to += "\\\"";
    } else {
      to.append(text, at, size);
    }
    at += size == 0 ? 1 : size;
  }
}

std::string_view KindName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter: return "counter";
    case MetricKind::kGauge: return "gauge";
    case MetricKind::kHistogram: return "histogram";
  }
  return "untyped";
}

}  // namespace

void AppendLabelValue(std::string& to, std::string_view value) { AppendEscaped(to, value, Quotes::kEscaped); }

void MetricsPage::Family(MetricKind kind, std::string_view name, std::string_view help) {
  to_.append("# HELP ").append(name).append(" ");
  AppendEscaped(to_, help, Quotes::kPlain);
  to_.append("\n# TYPE ").append(name).append(" ").append(KindName(kind)).append("\n");
}

void MetricsPage::Begin(std::string_view name, Labels labels) {
  to_.append(name);
  char before = '{';
  for (const auto& [label, value] : labels) {
    to_ += before;
    to_.append(label).append("=\"");
    AppendLabelValue(to_, value);
    to_ += '"';
    before = ',';
  }
  to_ += labels.size() == 0 ? " " : "} ";
}

void MetricsPage::Sample(std::string_view name, Labels labels, double value) {
  Begin(name, labels);
  if (std::isinf(value)) {
    to_ += value > 0 ? "+Inf" : "-Inf";
  } else {
    fmt::format_to(std::back_inserter(to_), "{}", value);
  }
  to_ += '\n';
}

}  // namespace mg::observe
