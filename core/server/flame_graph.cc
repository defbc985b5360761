#include "server/flame_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/strings.h"

namespace mg::server {
namespace {

constexpr double kWidth = 1200, kRow = 17, kMargin = 10, kTop = 40;
constexpr double kLetter = 7.2;     // of the font, about
constexpr double kNarrowest = 0.3;  // boxes less wide than this are left out

struct Frame {
  uint64_t samples = 0;
  std::map<std::string, Frame, std::less<>> callees;
};

void Add(Frame& root, std::string_view stack, uint64_t count) {
  root.samples += count;
  Frame* at = &root;
  while (!stack.empty()) {
    size_t end = std::min(stack.find(';'), stack.size());
    at = &at->callees[std::string(stack.substr(0, end))];
    at->samples += count;
    stack.remove_prefix(std::min(end + 1, stack.size()));
  }
}

// Calls add(stack, count) for each line.
template <class F>
void ForEachStack(std::string_view folded, F&& add) {
  while (!folded.empty()) {
    size_t end = std::min(folded.find('\n'), folded.size());
    std::string_view line = folded.substr(0, end);
    folded.remove_prefix(std::min(end + 1, folded.size()));
    size_t space = line.rfind(' ');
    if (space == std::string_view::npos || space == 0) continue;
    auto count = ParseDecimal<uint64_t>(line.substr(space + 1));
    if (count && *count > 0) add(line.substr(0, space), *count);
  }
}

size_t DepthOf(const Frame& frame) {
  size_t deepest = 0;
  for (const auto& [name, callee] : frame.callees) deepest = std::max(deepest, DepthOf(callee));
  return deepest + 1;
}

std::string Text(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

// A warm colour of the name's own, the same in each picture.
std::string Colour(std::string_view name) {
  uint32_t hash = 2166136261u;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return fmt::format("rgb({},{},{})", 205 + hash % 50, 80 + hash / 50 % 130, 40 + hash / 6500 % 40);
}

// The beginning of a name that fits a box, of whole characters.
std::string_view Fitting(std::string_view name, double width) {
  size_t most = width < 3 * kLetter ? 0 : static_cast<size_t>((width - 6) / kLetter);
  if (name.size() <= most) return name;
  while (most > 0 && (static_cast<unsigned char>(name[most]) & 0xc0) == 0x80) most--;
  return name.substr(0, most);
}

struct Picture {
  double per_sample, bottom;
  uint64_t all;
  std::string out;

  void Draw(std::string_view name, const Frame& frame, double x, size_t level) {
    double width = static_cast<double>(frame.samples) * per_sample;
    if (width < kNarrowest) return;
    double y = bottom - static_cast<double>(level + 1) * kRow;
    out += fmt::format(
        "<g><title>{} ({} samples, {:.1f}%)</title><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" "
        "fill=\"{}\" rx=\"1\"/>",
        Text(name), frame.samples, 100.0 * static_cast<double>(frame.samples) / static_cast<double>(all), x, y, width,
        kRow - 1, Colour(name));
    if (std::string_view label = Fitting(name, width); !label.empty())
      out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", x + 3, y + 12, Text(label));
    out += "</g>\n";
    for (const auto& [callee, below] : frame.callees) {
      Draw(callee, below, x, level + 1);
      x += static_cast<double>(below.samples) * per_sample;
    }
  }
};

}  // namespace

uint64_t CountSamples(std::string_view folded) {
  uint64_t all = 0;
  ForEachStack(folded, [&](std::string_view, uint64_t count) { all += count; });
  return all;
}

std::string FlameGraph(std::string_view folded, std::string_view title) {
  Frame root;
  ForEachStack(folded, [&](std::string_view stack, uint64_t count) { Add(root, stack, count); });
  double height = kTop + static_cast<double>(DepthOf(root)) * kRow + kMargin;
  Picture picture{0, height - kMargin, root.samples, {}};
  picture.out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" "
      "height=\"{1}\" viewBox=\"0 0 {0} {1}\" font-family=\"monospace\" font-size=\"12\">\n<rect width=\"{0}\" "
      "height=\"{1}\" fill=\"white\"/>\n<text x=\"{2}\" y=\"22\" font-size=\"15\">{3}</text>\n",
      kWidth, height, kMargin, Text(title));
  if (root.samples > 0) {
    picture.per_sample = (kWidth - 2 * kMargin) / static_cast<double>(root.samples);
    picture.Draw("all", root, kMargin, 0);
  }
  return picture.out + "</svg>\n";
}

}  // namespace mg::server
