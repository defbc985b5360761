#include "server/flame_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mg::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) count++;
  return count;
}

TEST(FlameGraphTest, StacksOfOneBeginningShareItsBoxes) {
  std::string svg = FlameGraph("r;access;f a.lua:1 30\nr;access;g a.lua:9 10\nr;log;f a.lua:1 60\n", "title");
  EXPECT_EQ(CountSamples("r;access;f a.lua:1 30\nr;access;g a.lua:9 10\n"), 40u);
  EXPECT_EQ(Count(svg, "<g>"), 7u) << svg;  // all, r, access, f, g, log, f
  EXPECT_THAT(svg, HasSubstr("<title>access (40 samples, 40.0%)</title>"));
  EXPECT_THAT(svg, HasSubstr("<title>f a.lua:1 (30 samples, 30.0%)</title>"));
  EXPECT_THAT(svg, HasSubstr("<title>f a.lua:1 (60 samples, 60.0%)</title>"));
  // 1180 wide: f of access begins at the left, g behind its 30 samples.
  EXPECT_THAT(svg, HasSubstr("<title>g a.lua:9 (10 samples, 10.0%)</title><rect x=\"364.0\""));
  EXPECT_EQ(Count(svg, "</svg>"), 1u);
}

TEST(FlameGraphTest, NamesAreNoMarkup) {
  std::string svg = FlameGraph("<script>&\"x\" 1\n", "<b>");
  EXPECT_THAT(svg, Not(HasSubstr("<script>")));
  EXPECT_THAT(svg, Not(HasSubstr("<b>")));
  EXPECT_THAT(svg, HasSubstr("&lt;script&gt;&amp;&quot;x&quot; (1 samples, 100.0%)"));
}

TEST(FlameGraphTest, LinesThatAreNoStacksArePassedOver) {
  EXPECT_EQ(CountSamples("\nabc\n 5\na;b x\na;b -1\na;b 0\na;b 99999999999999999999999\n"), 0u);
  EXPECT_EQ(Count(FlameGraph("abc\n", "t"), "<g>"), 0u);
}

}  // namespace
}  // namespace mg::server
