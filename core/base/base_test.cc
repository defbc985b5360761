#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/held_text.h"
#include "base/list.h"
#include "base/strings.h"

namespace mg {
namespace {

TEST(Arena, KeepsWhatItCopiesAndGivesBlocksBack) {
  BlockPool pool;
  {
    Arena arena(pool);
    std::vector<std::string_view> kept;
    for (int i = 0; i < 2000; i++) kept.push_back(arena.Copy(std::string(20, static_cast<char>('a' + i % 26))));
    for (int i = 0; i < 2000; i++) EXPECT_EQ(kept[i], std::string(20, static_cast<char>('a' + i % 26)));
    EXPECT_EQ(arena.Concat("a", std::string_view("bc"), std::string("d")), "abcd");
    EXPECT_EQ(arena.Copy(std::string(100000, 'x')), std::string(100000, 'x'));
    EXPECT_EQ(arena.Copy("after"), "after");
  }
  EXPECT_GT(pool.free_blocks(), 3u);
}

TEST(Buffer, AppendsAndConsumesAcrossBlocks) {
  Buffer buffer;
  std::string all;
  for (int i = 0; i < 50; i++) {
    std::string part(i * 997 % 9000, static_cast<char>('a' + i % 26));
    buffer.Append(part);
    all += part;
  }
  EXPECT_EQ(buffer.ToString(), all);
  for (size_t step = 1; !buffer.empty(); step = step * 3 + 1) {
    size_t count = std::min(step, buffer.size());
    buffer.Consume(count);
    all.erase(0, count);
    ASSERT_EQ(buffer.ToString(), all);
  }
  EXPECT_TRUE(buffer.Front().empty());
}

TEST(Buffer, TakesAnotherOver) {
  Buffer a, b;
  a.Append("one ");
  b.Append("two");
  a.Append(std::move(b));
  EXPECT_EQ(a.ToString(), "one two");
  EXPECT_EQ(a.size(), 7u);
  EXPECT_TRUE(b.empty());
  a.Consume(5);  // the first block goes, and what was known of the chain moves on
  b.Append(" three");
  a.Append(std::move(b));
  a.Append("!");
  EXPECT_EQ(a.ToString(), "wo three!");
  EXPECT_EQ(a.size(), 9u);
  Buffer c = std::move(a);
  EXPECT_TRUE(a.empty());
  c.Consume(9);
  EXPECT_TRUE(c.empty());
}

TEST(HeldText, IsAStringOnlyWhileItHoldsSomething) {
  HeldText text;
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(std::string_view(text), "");
  text.erase(0, 5);
  text.append("");
  text.append("one ");
  text.append("two");
  EXPECT_EQ(std::string_view(text), "one two");
  EXPECT_EQ(text.find("two"), 4u);
  EXPECT_EQ(text.find("two", 5), std::string_view::npos);
  text.erase(0, 4);
  EXPECT_EQ(std::string_view(text), "two");
  text.assign("three");
  EXPECT_EQ(text.size(), 5u);
  text.clear();
  EXPECT_TRUE(text.empty());
  text.Release();
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(sizeof(HeldText), sizeof(void*));
}

struct Node : ListNode<void> {
  explicit Node(int v) : value(v) {}
  int value;
};

TEST(List, LinksAndUnlinks) {
  List<Node, void> list;
  Node a(1), c(3);
  list.PushBack(a);
  {
    Node b(2);
    list.PushBack(b);
    list.PushBack(c);
    EXPECT_EQ(list.Next(a)->value, 2);
  }
  EXPECT_EQ(list.Next(a)->value, 3);
  EXPECT_EQ(list.PopFront()->value, 1);
  EXPECT_EQ(list.PopFront()->value, 3);
  EXPECT_TRUE(list.empty());
}

TEST(Strings, FindsTheNearest) {
  std::vector<std::string> known = {"upstream", "respond", "redirect", "content"};
  EXPECT_EQ(Nearest("upstraem", known), "upstream");
  EXPECT_EQ(Nearest("redirct", known), "redirect");
  EXPECT_EQ(Nearest("zzz", known), "");
}

TEST(Strings, ParsesDecimalsStrictly) {
  EXPECT_EQ(ParseDecimal("42"), 42u);
  EXPECT_FALSE(ParseDecimal("+42"));
  EXPECT_FALSE(ParseDecimal("42 "));
  EXPECT_FALSE(ParseDecimal(""));
  EXPECT_FALSE(ParseDecimal("18446744073709551616"));
  EXPECT_FALSE(ParseDecimal<uint8_t>("256"));
}

}  // namespace
}  // namespace mg
