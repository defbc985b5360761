#include "base/json.h"

#include <gtest/gtest.h>

namespace mg {
namespace {

TEST(JsonString, EscapesWhatMustBeAndMendsWhatIsNotUtf8) {
  EXPECT_EQ(JsonString("plain"), "\"plain\"");
  EXPECT_EQ(JsonString("a\"b\\c/\b\f\n\r\t"), R"("a\"b\\c/\b\f\n\r\t")");
  EXPECT_EQ(JsonString(std::string_view("\x00\x1f\x7f", 3)), R"("\u0000\u001f\u007f")");
  EXPECT_EQ(JsonString("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
  for (const char* bad : {"\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xc3", "\x80"}) {
    std::string text = JsonString(std::string("<") + bad + ">");
    EXPECT_TRUE(text.starts_with("\"<\xef\xbf\xbd")) << text;
    EXPECT_TRUE(ValidateJson(text));
  }
  std::string all;
  for (int c = 0; c < 256; c++) all += static_cast<char>(c);
  EXPECT_TRUE(ValidateJson(JsonString(all)));
}

TEST(ValidateJson, TellsJsonFromTheRest) {
  for (const char* text : {"{}", "[]", " null ", "true", "0", "-0.5e+3", R"({"a":[1,2,{"b":"\u00e4"}]})", "\"\"",
                           "18446744073709551615"}) {
    EXPECT_TRUE(ValidateJson(text)) << text;
  }
  for (const char* text :
       {"",    " ",    "[1,]",       "{a:1}", "{\"a\":1,}", "01",     "1.",      ".5",       "+1",
        "NaN", "1 2",  "[1",         "]",     "'a'",        "\"\t\"", "\"\\x\"", "\"\xff\"", "\xef\xbb\xbf{}",
        "nul", "[1]x", "\"\\ud800\""}) {
    EXPECT_FALSE(ValidateJson(text)) << text;
  }
  EXPECT_FALSE(ValidateJson(std::string_view("[1]\0", 4)));
}

TEST(ValidateJson, LimitsTheDepth) {
  auto nested = [](size_t depth) { return std::string(depth, '[') + "1" + std::string(depth, ']'); };
  EXPECT_TRUE(ValidateJson(nested(128)));
  EXPECT_FALSE(ValidateJson(nested(129)));
  EXPECT_FALSE(ValidateJson(std::string(1000000, '[')));
  EXPECT_TRUE(ValidateJson("[" + std::string(1000000, ' ') + "]"));
  EXPECT_FALSE(ValidateJson(nested(129)));
}

TEST(JsonDocument, ReadsValues) {
  auto document = JsonDocument::Parse(
      R"( {"s":"a\u0000\n\ud83d\ude00","i":-42,"d":1.5,"big":18446744073709551615,"t":true,"n":null,"a":[1,"x",[]],"o":{"k":{}}} )");
  ASSERT_TRUE(document);
  JsonValue root = document->root();
  EXPECT_EQ(root.size(), 8u);
  EXPECT_EQ(root.Find("s").string(), std::string_view("a\0\n\xf0\x9f\x98\x80", 7));
  EXPECT_EQ(root.Find("i").integer(), -42);
  EXPECT_EQ(root.Find("i").number(), -42.0);
  EXPECT_EQ(root.Find("d").number(), 1.5);
  EXPECT_FALSE(root.Find("d").integer());
  EXPECT_EQ(root.Find("big").number(), 18446744073709551615.0);
  EXPECT_EQ(root.Find("t").boolean(), true);
  EXPECT_TRUE(root.Find("n").is_null());
  EXPECT_TRUE(root.Find("n"));
  EXPECT_FALSE(root.Find("absent"));
  EXPECT_FALSE(root.Find("s").Find("deeper"));
  EXPECT_TRUE(root.Find("o").Find("k").is_object());
  std::string keys;
  for (JsonValue member : root) keys += std::string(member.key()) + ",";
  EXPECT_EQ(keys, "s,i,d,big,t,n,a,o,");
  std::string written;
  AppendJson(written, root.Find("a"));
  EXPECT_EQ(written, R"([1,"x",[]])");
  EXPECT_TRUE(document->source().starts_with(" {\"s\""));
}

TEST(JsonDocument, CopiesStandAlone) {
  JsonDocument copy;
  {
    auto document = JsonDocument::Parse(R"({"a":"b"})");
    ASSERT_TRUE(document);
    copy = *document;
  }
  EXPECT_EQ(copy.root().Find("a").string(), "b");
  EXPECT_FALSE(JsonDocument().root());
}

TEST(JsonDocument, RefusesDuplicatesAndHoldsItsLimits) {
  for (const char* text : {R"({"a":1,"a":2})", R"({"a":1,"\u0061":2})", R"([{"x":{"b":1,"c":2,"b":1}}])"}) {
    auto document = JsonDocument::Parse(text);
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().code, ErrorCode::kInvalid);
  }
  EXPECT_TRUE(JsonDocument::Parse(R"({"a":{"a":1},"b":{"a":1}})"));
  EXPECT_EQ(JsonDocument::Parse("[1,2,3]", {.values = 3}).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(JsonDocument::Parse("[[[]]]", {.depth = 2}).error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(JsonDocument::Parse("[[]]", {.depth = 2}));
  EXPECT_EQ(JsonDocument::Parse("[1,2,3]", {.bytes = 6}).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(JsonDocument::Parse(std::string(500, '[') + std::string(500, ']')).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(JsonDocument::Parse("{").error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace mg
