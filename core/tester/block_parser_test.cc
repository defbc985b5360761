#include "tester/block_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tester/sections.h"

namespace mg::tester {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Problems(const ParsedFile& file) {
  std::string out;
  for (const Problem& problem : file.problems) out += std::to_string(problem.line) + ": " + problem.message + "\n";
  return out;
}

TEST(BlockParser, ReadsBlocksWithTheirLines) {
  ParsedFile file = ParseBlocks(
      "# a comment\n"
      "\n"
      "=== TEST 1: first\n"
      "what it is about\n"
      "--- config\n"
      "\n"
      "- match: { path: /t }\n"
      "  respond: 200\n"
      "\n"
      "\n"
      "--- request\n"
      "GET /t\n"
      "--- error_code: 200\n"
      "=== second\n"
      "--- SKIP: not now\n");
  EXPECT_EQ(Problems(file), "");
  ASSERT_THAT(file.blocks, SizeIs(2));
  const Block& block = file.blocks[0];
  EXPECT_EQ(block.title, "TEST 1: first");
  EXPECT_EQ(block.description, "what it is about\n");
  EXPECT_EQ(block.line, 3u);
  ASSERT_THAT(block.sections, SizeIs(3));
  EXPECT_EQ(block.sections[0].text, "- match: { path: /t }\n  respond: 200\n");
  EXPECT_EQ(block.sections[0].line, 5u);
  EXPECT_EQ(block.sections[0].text_line, 7u);
  EXPECT_EQ(block.Find("request")->text, "GET /t\n");
  EXPECT_EQ(block.Find("error_code")->text, "200");
  EXPECT_TRUE(block.Find("error_code")->in_line);
  EXPECT_EQ(file.blocks[1].Find("SKIP")->text, "not now");
}

TEST(BlockParser, SkipsAPerlPreamble) {
  ParsedFile file = ParseBlocks("use Test::Nginx::Socket 'no_plan';\nrun_tests();\n__DATA__\n\n=== one\n--- ONLY\n");
  EXPECT_EQ(Problems(file), "");
  EXPECT_THAT(file.blocks, SizeIs(1));
}

TEST(BlockParser, DataLineInsideABlockIsText) {
  ParsedFile file = ParseBlocks("=== one\n--- user_files\n>>> a\n__DATA__\n--- LAST\n");
  EXPECT_EQ(Problems(file), "");
  ASSERT_THAT(file.blocks, SizeIs(1));
  EXPECT_EQ(file.blocks[0].Find("user_files")->text, ">>> a\n__DATA__\n");
}

TEST(BlockParser, BackslashMakesAHeadText) {
  ParsedFile file =
      ParseBlocks("=== one\n--- response_body\n\\--- config\n\\=== two\n\\\\--- three\n\\d\n---\n--- LAST\n");
  EXPECT_EQ(Problems(file), "");
  EXPECT_EQ(file.blocks.at(0).Find("response_body")->text, "--- config\n=== two\n\\--- three\n\\d\n---\n");
}

TEST(BlockParser, AppliesFilters) {
  ParsedFile file = ParseBlocks(
      "=== one\n--- response_body chomp\nhello\n--- request lower chomp\nGET /A\n--- raw_request "
      "bytes\na\\r\\n\\x41\\\nb\n"
      "--- more_headers trim: \n");
  EXPECT_EQ(Problems(file), "");
  EXPECT_EQ(file.blocks[0].Find("response_body")->text, "hello");
  EXPECT_EQ(file.blocks[0].Find("request")->text, "get /a");
  EXPECT_EQ(file.blocks[0].Find("raw_request")->text, "a\r\nAb\n");
}

TEST(BlockParser, ReportsWhatItDoesNotKnow) {
  ParsedFile file = ParseBlocks(
      "=== one\n--- reqest\nGET /\n--- request eval\n\"GET /\"\n--- http_config\n\n--- config chmop\nx\n=== two\n--- "
      "LAST\n");
  std::string problems = Problems(file);
  EXPECT_THAT(problems, HasSubstr("2: there is no section \"reqest\"; did you mean \"request\"?"));
  EXPECT_THAT(problems, HasSubstr("4: there is no Perl here"));
  EXPECT_THAT(problems, HasSubstr("6: there is no section \"http_config\": there is no nginx.conf"));
  EXPECT_THAT(problems, HasSubstr("8: there is no filter \"chmop\"; did you mean \"chomp\"?"));
  for (const Problem& problem : file.problems) EXPECT_EQ(problem.block, 0u);
  EXPECT_THAT(file.blocks[1].sections, SizeIs(1));
}

TEST(BlockParser, ReportsWhatIsMisplaced) {
  EXPECT_THAT(Problems(ParseBlocks("hello\n=== one\n--- LAST\n")), HasSubstr("1: expected a block"));
  EXPECT_THAT(Problems(ParseBlocks("=== one\n--- LAST\n--- LAST\n")),
              HasSubstr("3: the section \"LAST\" is given twice"));
  EXPECT_THAT(Problems(ParseBlocks("=== one\n--- error_code: 200\nx\n")),
              HasSubstr("3: \"--- error_code:\" has its value"));
  EXPECT_THAT(Problems(ParseBlocks("=== one\n\n")), HasSubstr("1: the block has no sections"));
  EXPECT_THAT(Problems(ParseBlocks("=== one\n--- request bytes\n\\q\n")), HasSubstr("not an escape"));
  EXPECT_THAT(ParseBlocks("").problems, IsEmpty());
}

TEST(Sections, Unescapes) {
  EXPECT_EQ(*Unescape("a\\r\\n\\t\\0\\\\\\x7f\\xFf"), std::string("a\r\n\t\0\\\x7f\xff", 8));
  EXPECT_EQ(*Unescape("one\\\ntwo"), "onetwo");
  EXPECT_FALSE(Unescape("\\"));
  EXPECT_FALSE(Unescape("\\x1"));
  EXPECT_FALSE(Unescape("\\xg0"));
  EXPECT_EQ(Escape("a\r\n\\\x01\xff"), "a\\r\\n\\\\\\x01\\xff");
}

TEST(Sections, SplitsParts) {
  std::vector<Part> parts = SplitParts("a\n---8<--- wait\nb\nc\n---8<---\n");
  ASSERT_THAT(parts, SizeIs(3));
  EXPECT_EQ(parts[0].text, "a\n");
  EXPECT_EQ(parts[1].text, "b\nc\n");
  EXPECT_EQ(parts[1].note, "wait");
  EXPECT_EQ(parts[1].line, 2u);
  EXPECT_EQ(parts[2].text, "");
  EXPECT_THAT(SplitParts(""), SizeIs(1));
  EXPECT_THAT(SplitLines("a\n\nb"), ElementsAre("a", "", "b"));
}

TEST(Sections, ReadsTimes) {
  EXPECT_EQ(ParseTime("3")->count(), 3000);
  EXPECT_EQ(ParseTime(" 0.25 ")->count(), 250);
  EXPECT_EQ(ParseTime("200ms")->count(), 200);
  EXPECT_EQ(ParseTime("2s")->count(), 2000);
  EXPECT_FALSE(ParseTime("soon"));
  EXPECT_FALSE(ParseTime("-1"));
  EXPECT_FALSE(ParseTime("nan"));
}

}  // namespace
}  // namespace mg::tester
