#include "tester/new_verb.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tester/verbs.h"

namespace mg::tester {
namespace {

class NewVerb : public testing::Test {
 protected:
  NewVerb() {
    std::string pattern = (std::filesystem::temp_directory_path() / "moongate-new-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~NewVerb() override { std::filesystem::remove_all(folder_); }

  int New(const std::string& name) { return RunNew(std::vector<std::string>{"policy", name, "--in", folder_}); }
  int Test(const std::string& name) { return RunTest(std::vector<std::string>{folder_ + "/t/" + name + ".t"}); }
  std::string Read(const std::string& name) {
    std::ifstream file(folder_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Write(const std::string& name, const std::string& text) { std::ofstream(folder_ + "/" + name) << text; }

  std::string folder_;
};

TEST_F(NewVerb, WhatItWritesPassesItsTestsAndTheTestsCanFail) {
  ASSERT_EQ(New("tenant_check"), 0);
  EXPECT_EQ(Test("tenant_check"), 0);
  std::string policy = Read("policies/tenant_check.lua");
  EXPECT_EQ(policy.find('@'), std::string::npos);
  size_t check = policy.find("if not value");
  ASSERT_NE(check, std::string::npos);
  Write("policies/tenant_check.lua", policy.replace(check, 12, "if false and value"));
  EXPECT_EQ(Test("tenant_check"), 1);
}

TEST_F(NewVerb, WritesOverNothing) {
  ASSERT_EQ(New("mine"), 0);
  Write("policies/mine.lua", "changed");
  EXPECT_EQ(New("mine"), 1);
  EXPECT_EQ(Read("policies/mine.lua"), "changed");
  // A test alone is in the way, too, and then no policy is left behind.
  Write("t/other.t", "changed");
  EXPECT_EQ(New("other"), 1);
  EXPECT_EQ(Read("t/other.t"), "changed");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/policies/other.lua"));
  // Nor does it follow a link.
  std::filesystem::create_symlink(folder_ + "/elsewhere", folder_ + "/policies/link.lua");
  EXPECT_EQ(New("link"), 1);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/elsewhere"));
}

TEST_F(NewVerb, RefusesNamesThatCouldNotBeUsed) {
  for (const char* name : {"", "Tenant", "7up", "a-b", "a/b", "..", "jwt", "lua", "script", "end"}) {
    EXPECT_EQ(New(name), 2) << name;
  }
  EXPECT_EQ(New(std::string(65, 'a')), 2);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_EQ(RunNew({}), 2);
  EXPECT_EQ(RunNew(std::vector<std::string>{"route", "a"}), 2);
  EXPECT_EQ(RunNew(std::vector<std::string>{"policy"}), 2);
  EXPECT_EQ(RunNew(std::vector<std::string>{"policy", "a", "--in"}), 2);
}

}  // namespace
}  // namespace mg::tester
