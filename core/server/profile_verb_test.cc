#include "server/profile_verb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "server/process_test_support.h"

namespace mg::server::test {
namespace {

using ::testing::HasSubstr;

Result<ProfileRequest> Read(std::vector<std::string> arguments) { return ReadProfileArguments(arguments); }

TEST(ProfileVerbTest, ReadsItsArguments) {
  auto got = Read({"--route", "a", "--seconds", "3", "-o", "x.svg", "-c", "g.yaml"});
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->route, "a");
  EXPECT_EQ(got->seconds, 3);
  EXPECT_EQ(got->output, "x.svg");
  EXPECT_EQ(got->config_file, "g.yaml");
  EXPECT_EQ(Read({"--route", "a"})->seconds, 10);
  for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{{},
                                                                                   {"--route"},
                                                                                   {"--route", ""},
                                                                                   {"--route", "a\nstop"},
                                                                                   {"--route", "a", "--seconds", "0"},
                                                                                   {"--route", "a", "--seconds", "601"},
                                                                                   {"--route", "a", "--seconds", "x"},
                                                                                   {"a"}}) {
    EXPECT_FALSE(Read(bad).has_value());
  }
}

TEST(ProfileVerbTest, DrawsWhatALiveGatewayRuns) {
  uint16_t port = FreePort();
  Running gateway(fmt::format(R"yaml(
listeners: ["127.0.0.1:{}"]
routes:
  - name: busy
    match: {{ path: /busy }}
    policies: [{{ script: busy.lua }}]
    respond: 200
)yaml",
                              port));
  gateway.Write("busy.lua", R"lua(
local function hot()
  local x = 0
  for i = 1, 1000000 do
    x = (x * 31 + i) % 1000003
  end
  return x
end
return { access = function() ngx.ctx.x = hot() + 1 end }
)lua");
  gateway.Start();
  ASSERT_TRUE(Eventually([&] { return StatusOf(port, "/busy") == 200; })) << gateway.Log();
  EXPECT_EQ(gateway.Ask("profile", {"--route", "none"}).first, 1);
  std::atomic<bool> done{false};
  std::thread load([&] {
    while (!done) StatusOf(port, "/busy");
  });
  auto [code, told] = gateway.Ask("profile", {"--route", "busy", "--seconds", "2", "-o", gateway.Path("p.svg")});
  done = true;
  load.join();
  EXPECT_EQ(code, 0) << told;
  EXPECT_THAT(ReadAll(gateway.Path("p.svg")), HasSubstr("hot busy.lua:2"));
}

}  // namespace
}  // namespace mg::server::test
