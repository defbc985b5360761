#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tester/verbs.h"

namespace mg::tester {
namespace {

TEST(WatchTest, RunsAgainWhenAPolicyOrATestIsSaved) {
  std::string pattern = (std::filesystem::temp_directory_path() / "moongate-watch-XXXXXX").string();
  std::filesystem::path folder = mkdtemp(pattern.data());
  auto write = [&](const char* name, const std::string& text) { std::ofstream(folder / name) << text; };
  auto policy = [](int status) {
    return "return { access = function() ngx.exit(" + std::to_string(status) + ") end }";
  };
  auto block = [](int status) {
    return "=== TEST 1: it answers\n--- config\n- match: { path: /t }\n  policies: [{ script: p.lua }]\n  respond: "
           "200\n"
           "--- request\nGET /t\n--- error_code: " +
           std::to_string(status) + "\n";
  };
  write("p.lua", policy(403));
  write("p.t", block(404));
  Options options;
  options.paths = {folder.string()};
  std::vector<int> codes;
  WatchAndTest(options, [&](int code) {
    codes.push_back(code);
    if (codes.size() == 1) write("p.lua", policy(404));
    if (codes.size() == 2) write("p.t", block(405));
    if (codes.size() == 3) write("p.lua", "return {");
    return codes.size() < 4;
  });
  std::filesystem::remove_all(folder);
  EXPECT_EQ(codes, (std::vector<int>{1, 0, 1, 1}));
}

}  // namespace
}  // namespace mg::tester
