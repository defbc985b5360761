// Every implementation of the block scans this processor can run, against the definition and against each other.
#include "http/h1_scan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace mg::http::scan {
namespace {

// Mostly lines that end well, now and then a byte that matters in a place where it should not be.
std::string RandomHead(std::mt19937& random) {
  constexpr std::string_view special("\r\n\t\0\x1F\x7F\x80\xFF:", 9);
  std::string text;
  for (size_t lines = random() % 8; lines > 0; lines--) {
    text.append(random() % 90, 'x');
    if (random() % 6 == 0) text.push_back(special[random() % special.size()]);
    text += "\r\n";
    if (random() % 6 == 0) text += "\r\n";
  }
  if (!text.empty() && random() % 8 == 0) text.erase(random() % text.size(), 1);
  return text;
}

std::vector<uint32_t> NaiveLines(std::string_view text, bool& good) {
  std::vector<uint32_t> ends;
  good = !text.ends_with('\r');
  for (size_t i = 0; i < text.size(); i++) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    bool after_cr = i > 0 && text[i - 1] == '\r';
    if ((c == '\n') != after_cr) good = false;
    if (c != '\r' && c != '\n' && c != '\t' && (c < 0x20 || c == 0x7F)) good = false;
    if (c == '\n') ends.push_back(static_cast<uint32_t>(i));
  }
  return ends;
}

TEST(Scan, KernelsAgree) {
  std::mt19937 random(1);
  size_t good_heads = 0, found = 0, bare = 0;
  ASSERT_FALSE(SupportedKernels().empty());
  for (int round = 0; round < 20000; round++) {
    std::string text = RandomHead(random);
    std::vector<char> exact(text.begin(), text.end());
    std::string_view head(exact.data(), exact.size());
    bool good = false;
    std::vector<uint32_t> expected = NaiveLines(head, good);
    good_heads += good;
    HeadEnd first = SupportedKernels().back().find_head_end(head, 0);
    found += first.kind == HeadEnd::kFound;
    bare += first.kind == HeadEnd::kBareLf;
    for (const Kernels& kernels : SupportedKernels()) {
      std::vector<uint32_t> ends(expected.size() + 1);
      size_t count = kernels.index_lines(head, ends.data(), ends.size());
      ASSERT_EQ(count, good ? expected.size() : kBad) << kernels.name << " " << text;
      ends.resize(good ? count : 0);
      if (good) {
        ASSERT_EQ(ends, expected) << kernels.name;
      }
      if (good && expected.size() > 1) {
        std::vector<uint32_t> few(expected.size() - 1);
        ASSERT_EQ(kernels.index_lines(head, few.data(), few.size()), few.size() + 1) << kernels.name;
      }
      HeadEnd end = kernels.find_head_end(head, 0);
      ASSERT_EQ(end.kind, first.kind) << kernels.name << " " << text;
      ASSERT_EQ(end.length, first.length) << kernels.name << " " << text;
    }
  }
  EXPECT_GT(good_heads, 1000u);
  EXPECT_GT(found, 1000u);
  EXPECT_GT(bare, 100u);
}

TEST(Scan, TokensAndTargets) {
  for (int byte = 0; byte < 256; byte++) {
    char c = static_cast<char>(byte);
    bool token = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
    bool target = byte > 0x20 && byte < 0x7F && c != '#';
    for (size_t before : {0, 1, 15, 16, 17, 40}) {
      std::string text = std::string(before, 'a') + c + "b";
      EXPECT_EQ(TokenLength(text), token ? text.size() : before) << byte;
      EXPECT_EQ(AllTargetBytes(text), target) << byte;
      text.append(20, 'b');
      EXPECT_EQ(TokenLength(text), token ? text.size() : before) << byte;
      EXPECT_EQ(AllTargetBytes(text), target) << byte;
    }
  }
  EXPECT_EQ(TokenLength(""), 0u);
  EXPECT_TRUE(AllTargetBytes(""));
}

}  // namespace
}  // namespace mg::http::scan
