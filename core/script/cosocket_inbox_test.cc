#include "script/cosocket_inbox.h"

#include <gtest/gtest.h>

#include <vector>

namespace mg::script {
namespace {

using Mode = Wanted::Mode;

// What comes of the pieces, each answer in brackets; "!" behind it: it ends at the pattern.
std::string Answers(const std::vector<std::string>& pieces, const Wanted& wanted) {
  Inbox inbox;
  std::string out;
  inbox.Begin();
  for (const std::string& piece : pieces) {
    inbox.Append(piece);
    while (auto answer = inbox.Take(wanted)) {
      out += "[" + std::string(answer->data) + "]" + (answer->met ? "!" : "");
      inbox.Begin();
      if (answer->data.empty() && wanted.mode == Mode::kSize) break;
    }
  }
  return out + std::string(inbox.TakePartial(wanted, true));
}

std::vector<std::string> EachByte(std::string_view text) {
  std::vector<std::string> pieces;
  for (char c : text) pieces.emplace_back(1, c);
  return pieces;
}

struct InboxCase {
  const char* name;
  Wanted wanted;
  const char* input;
  const char* answers;
};

class InboxAnswers : public testing::TestWithParam<InboxCase> {};

TEST_P(InboxAnswers, WholeAndByteByByte) {
  const InboxCase& c = GetParam();
  EXPECT_EQ(Answers({c.input}, c.wanted), c.answers);
  EXPECT_EQ(Answers(EachByte(c.input), c.wanted), c.answers);
}

INSTANTIATE_TEST_SUITE_P(
    All, InboxAnswers,
    testing::Values(InboxCase{"Size", {Mode::kSize, 3}, "abcdefgh", "[abc][def]gh"},
                    InboxCase{"Line", {Mode::kLine}, "a\nb\r\n\r\nc\rd\ne", "[a][b][][cd]e"},
                    InboxCase{"All", {Mode::kAll}, "a\nb", "a\nb"},
                    InboxCase{"Until", {Mode::kUntil, 0, "--x"}, "ab--x---xc", "[ab]![-]!c"},
                    InboxCase{"UntilInclusive", {Mode::kUntil, 0, "--x", true}, "ab--x---xc", "[ab--x]![---x]!c"},
                    InboxCase{"UntilPieces", {Mode::kUntil, 2, "--x"}, "abcde--xf", "[ab][cd][e]!f"},
                    InboxCase{"UntilPiecesEven", {Mode::kUntil, 2, "--x"}, "abcd--xf", "[ab][cd][]!f"},
                    InboxCase{"UntilPiecesInclusive", {Mode::kUntil, 2, "--x", true}, "abcde--xf", "[ab][cd][e--x]!f"},
                    InboxCase{"UntilOverlap", {Mode::kUntil, 0, "aab"}, "aaaab", "[aa]!"},
                    InboxCase{"UntilPiecesOverlap", {Mode::kUntil, 1, "aab"}, "aaaabc", "[a][a][]![c]"}),
    [](const auto& given) { return given.param.name; });

TEST(Inbox, AnyIsWhatThereIs) {
  Inbox inbox;
  inbox.Append("abc");
  Wanted any{Mode::kAny, 2};
  EXPECT_EQ(inbox.Take(any)->data, "ab");
  EXPECT_EQ(inbox.Take(any)->data, "c");
  EXPECT_FALSE(inbox.Take(any));
}

TEST(Inbox, APartialReadLeavesWhatMayBeThePattern) {
  Inbox inbox;
  Wanted until{Mode::kUntil, 0, "--end"};
  inbox.Begin();
  inbox.Append("abc--e");
  EXPECT_FALSE(inbox.Take(until));
  EXPECT_EQ(inbox.TakePartial(until, false), "abc");
  inbox.Append("nd!");
  inbox.Begin();
  auto answer = inbox.Take(until);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->data, "");
  EXPECT_TRUE(answer->met);
  EXPECT_EQ(inbox.size(), 1u);
}

TEST(Inbox, GivesItsMemoryBack) {
  Inbox inbox;
  std::string piece(1000, 'x');
  for (int i = 0; i < 10'000; i++) {
    inbox.Append(piece);
    inbox.Append("\n");
    inbox.Begin();
    auto line = inbox.Take({Mode::kLine});
    ASSERT_TRUE(line);
    ASSERT_EQ(line->data.size(), 1000u);
  }
  EXPECT_TRUE(inbox.empty());
}

}  // namespace
}  // namespace mg::script
