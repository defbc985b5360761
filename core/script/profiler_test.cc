#include "script/profiler.h"

#include "base/sanitizer.h"
#include "script/test_support.h"

namespace mg::script {
namespace {

constexpr Nanoseconds kLong = 600'000'000'000;

class ProfilerTest : public ScriptTest {
 protected:
  ~ProfilerTest() override { Profiler::Get().Take(); }

  void LoadRoutes() {
    ASSERT_EQ(Load(R"yaml(
  - name: busy
    match: { path: /busy }
    policies: [{ script: busy.lua }]
    respond: { body: in }
  - name: other
    match: { path: /other }
    policies: [{ script: busy.lua }]
    respond: { body: in }
)yaml",
                   {{"/conf/busy.lua", R"lua(
local function hot(n)
  local x = 0
  for i = 1, n do
    x = (x * 31 + i) % 1000003
  end
  return x
end
local function caller()
  local sum = 0
  for i = 1, 200 do
    sum = sum + hot(10000)
  end
  return sum
end
return { access = function() ngx.ctx.sum = caller() end }
)lua"}},
                   "lua: { limits: { cpu: 30s } }\n"),
              "");
  }
};

TEST_F(ProfilerTest, TellsWhereARouteSpendsItsTime) {
  if (kUnderTsan) GTEST_SKIP() << "TSan defers the signals that take samples";
  LoadRoutes();
  ASSERT_TRUE(Profiler::Get().Start("busy", kLong).has_value());
  EXPECT_FALSE(Profiler::Get().Start("busy", kLong).has_value());
  // Until there are samples: how many come in which time is the machine's business.
  std::string folded;
  for (int turn = 0; turn < 500 && folded.find("hot") == std::string::npos; turn++) {
    EXPECT_EQ(Fetch("/busy").status, 200);
    EXPECT_EQ(Fetch("/other").status, 200);
    folded += Profiler::Get().Take();
    ASSERT_TRUE(Profiler::Get().Start("busy", kLong).has_value());
  }
  EXPECT_NE(folded.find("busy;access;policy script;"), std::string::npos) << folded;
  EXPECT_NE(folded.find("hot busy.lua:2;line "), std::string::npos) << folded;
  EXPECT_EQ(folded.find("other;"), std::string::npos) << folded;
}

TEST_F(ProfilerTest, ARunawayIsStoppedWhileItIsSampled) {
  if (kUnderTsan) GTEST_SKIP() << "TSan defers the signals that take samples";
  ASSERT_EQ(Load(R"yaml(
  - name: busy
    match: { path: /busy }
    content: { lua: "while true do pcall(function() local t = {} for i = 1, 100 do t[i] = i end end) end" }
)yaml",
                 {}, "lua: { limits: { cpu: 50ms } }\n"),
            "");
  ASSERT_TRUE(Profiler::Get().Start("busy", kLong).has_value());
  for (int turn = 0; turn < 10; turn++) EXPECT_EQ(Fetch("/busy").status, 500);
  EXPECT_NE(Profiler::Get().Take().find("busy;content;"), std::string::npos);
  EXPECT_NE(log.text.find("time limit of 50 ms exceeded"), std::string::npos) << log.text;
}

TEST_F(ProfilerTest, NothingIsKeptWhileItIsOff) {
  LoadRoutes();
  EXPECT_EQ(Fetch("/busy").status, 200);
  EXPECT_EQ(Profiler::Get().Take(), "");
}

}  // namespace
}  // namespace mg::script
