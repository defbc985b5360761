#include "script/embedded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace mg::script {
namespace {

namespace fs = std::filesystem;

std::string Read(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// The test runs in the source folder.
TEST(EmbeddedTest, HoldsExactlyWhatTheTreeHolds) {
  std::map<std::string, std::string> expected;
  std::error_code absent;
  for (const auto& entry : fs::recursive_directory_iterator("lua", absent)) {
    std::string name = fs::relative(entry.path(), "lua").generic_string();
    if (!name.ends_with(".lua") || name.ends_with("_spec.lua") || name.starts_with("meta/")) continue;
    expected[name] = Read(entry.path());
  }
  if (fs::path surface = "core/script/ffi/moongate_ffi.h"; fs::exists(surface)) {
    expected["moongate_ffi.h"] = Read(surface);
  }

  std::map<std::string, std::string> embedded;
  for (const EmbeddedFile& file : EmbeddedLua()) embedded[std::string(file.name)] = file.text;
  EXPECT_EQ(embedded, expected);
}

TEST(EmbeddedTest, IsSortedByNameAndEndsInNul) {
  std::string_view last;
  for (const EmbeddedFile& file : EmbeddedLua()) {
    EXPECT_LT(last, file.name);
    EXPECT_EQ(file.text.data()[file.text.size()], '\0') << file.name;
    last = file.name;
  }
}

}  // namespace
}  // namespace mg::script
