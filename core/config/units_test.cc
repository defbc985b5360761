#include "config/units.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "config/environment.h"
#include "config/syntax.h"
#include "config/template.h"
#include "config/workers.h"

namespace mg::config {
namespace {

TEST(Units, Durations) {
  const std::pair<const char*, double> good[] = {{"250ms", 0.25}, {"1s", 1},        {"5m", 300},     {"1h", 3600},
                                                 {"1d", 86400},   {"1.5s", 1.5},    {"1h30m", 5400}, {"0", 0},
                                                 {"0s", 0},       {"0.5ms", 0.0005}};
  for (auto [text, seconds] : good) {
    Result<double> parsed = ParseDuration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_DOUBLE_EQ(*parsed, seconds) << text;
  }
  for (const char* text :
       {"", "10", "s", "1 s", "-1s", "+1s", "1S", "1sec", "1s ", "1..5s", "1e3s", "1s5", "1y", "infs", "nan"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
}

TEST(Units, Sizes) {
  const std::pair<const char*, int64_t> good[] = {{"0", 0},
                                                  {"512", 512},
                                                  {"512B", 512},
                                                  {"16KiB", 16384},
                                                  {"16k", 16384},
                                                  {"16K", 16384},
                                                  {"10MiB", 10 << 20},
                                                  {"10m", 10 << 20},
                                                  {"1GiB", 1ll << 30},
                                                  {"1g", 1ll << 30},
                                                  {"1TiB", 1ll << 40},
                                                  {"0.5KiB", 512}};
  for (auto [text, bytes] : good) {
    Result<int64_t> parsed = ParseSize(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, bytes) << text;
  }
  for (const char* text : {"", "k", "-1", "1KB", "1MB", "1 k", "1.5", "0.0001k", "1x", "99999999999g", "1kk"}) {
    EXPECT_FALSE(ParseSize(text)) << text;
  }
}

TEST(Units, RatesAndShares) {
  EXPECT_DOUBLE_EQ(*ParseRate("10/s"), 10);
  EXPECT_DOUBLE_EQ(*ParseRate("600/m"), 10);
  EXPECT_DOUBLE_EQ(*ParseRate("36/h"), 0.01);
  for (const char* text : {"", "10", "10/", "/s", "10/ms", "10/sec", "10 /s", "-1/s"})
    EXPECT_FALSE(ParseRate(text)) << text;
  EXPECT_DOUBLE_EQ(*ParseShare("20%"), 0.2);
  EXPECT_DOUBLE_EQ(*ParseShare("0.5%"), 0.005);
  EXPECT_DOUBLE_EQ(*ParseShare("100%"), 1);
  for (const char* text : {"", "%", "20", "0.2", "101%", "-1%", "20 %"}) EXPECT_FALSE(ParseShare(text)) << text;
}

TEST(Units, YamlCoreSchema) {
  EXPECT_EQ(ParseYamlInteger("-12"), -12);
  EXPECT_EQ(ParseYamlInteger("+3"), 3);
  EXPECT_EQ(ParseYamlInteger("0o17"), 15);
  EXPECT_EQ(ParseYamlInteger("0xfF"), 255);
  EXPECT_EQ(ParseYamlInteger("9223372036854775807"), INT64_MAX);
  for (const char* text : {"", "-", "+", "+-1", "0x", "0o8", "1_000", "1.0", "9223372036854775808", "0b1", "-0x1"}) {
    EXPECT_FALSE(ParseYamlInteger(text)) << text;
  }
  EXPECT_EQ(ParseYamlNumber("1.5"), 1.5);
  EXPECT_EQ(ParseYamlNumber("-1e3"), -1000);
  EXPECT_EQ(ParseYamlNumber(".5"), 0.5);
  EXPECT_TRUE(std::isinf(*ParseYamlNumber("-.inf")));
  EXPECT_TRUE(std::isnan(*ParseYamlNumber(".nan")));
  for (const char* text : {"", "inf", "nan", "1.2.3", "abc", "1,5", "--1"}) EXPECT_FALSE(ParseYamlNumber(text)) << text;
  EXPECT_EQ(ParseYamlBool("true"), true);
  EXPECT_EQ(ParseYamlBool("FALSE"), false);
  for (const char* text : {"on", "off", "yes", "no", "y", "1", "tRue", ""}) EXPECT_FALSE(ParseYamlBool(text)) << text;
}

TEST(Units, WhatIsPrintedIsReadBack) {
  for (double seconds : {0.0, 0.001, 0.25, 1.0, 1.5, 90.0, 300.0, 3600.0, 86400.0}) {
    EXPECT_DOUBLE_EQ(*ParseDuration(FormatDuration(seconds)), seconds) << FormatDuration(seconds);
  }
  for (int64_t bytes : {0ll, 1ll, 1000ll, 1024ll, 1536ll, 10ll << 20, 1ll << 40}) {
    EXPECT_EQ(*ParseSize(FormatSize(bytes)), bytes) << FormatSize(bytes);
  }
}

TEST(Environment, FillsOnce) {
  ::setenv("SET", "a${PORT}", 1);
  ::setenv("PORT", "1", 1);
  ::setenv("EMPTY", "", 1);
  ::unsetenv("UNSET");
  const std::pair<const char*, const char*> good[] = {
      {"x", "x"},
      {"${SET}", "a${PORT}"},  // what comes from the environment is not read again
      {"-${PORT}-${PORT}-", "-1-1-"},
      {"${UNSET:-d}", "d"},
      {"${EMPTY:-d}", "d"},
      {"${EMPTY}", ""},
      {"${UNSET:-}", ""},
      {"${UNSET:-a:-b}", "a:-b"},
      {"$${PORT}", "${PORT}"},
      {"a$${", "a${"},
      {"$PORT $ $$", "$PORT $ $$"},
  };
  for (auto [text, expected] : good) {
    Result<Substitution> filled = Substitute(text);
    ASSERT_TRUE(filled) << text;
    EXPECT_EQ(filled->text, expected) << text;
  }
  EXPECT_FALSE(Substitute("$${PORT}")->changed);
  EXPECT_TRUE(Substitute("${UNSET:-d}")->changed);
  for (const char* text : {"${UNSET}", "${", "${PORT", "${}", "${1A}", "${A B}", "${A-b}", "${PORT:+x}"}) {
    EXPECT_FALSE(Substitute(text)) << text;
  }
}

TEST(Syntax, Addresses) {
  auto parse = [](const char* text) { return *ParseAddress(text, "/conf"); };
  EXPECT_EQ(parse("127.0.0.1:80").kind, Address::Kind::kIp);
  EXPECT_EQ(parse("127.0.0.1:80").port, 80);
  EXPECT_EQ(parse("[0:0::1]:80").host, "::1");
  EXPECT_EQ(parse(":80").host, "0.0.0.0");
  EXPECT_EQ(parse("*:80").host, "0.0.0.0");
  EXPECT_EQ(parse("a.example.com:80").kind, Address::Kind::kName);
  EXPECT_EQ(parse("unix:run/a.sock").host, "/conf/run/a.sock");
  EXPECT_EQ(parse("unix:/run/../a.sock").host, "/a.sock");
  EXPECT_EQ(parse("unix:run/a.sock").text, "unix:run/a.sock");
  for (const char* text :
       {"",       "127.0.0.1", "a",           ":",       "a:",        "a:b",          "a:65536",      "a:-1",
        "a:+1",   "::1:80",    "[::1]",       "[::1",    "[::1]x:80", "[1.2.3.4]:80", "1.2.3.4.5:80", "999.1.1.1:80",
        "a b:80", "unix:",     "http://a:80", "a..b:80", "-a:80"}) {
    EXPECT_FALSE(ParseAddress(text, "/conf")) << text;
  }
}

TEST(Syntax, TargetUrls) {
  EXPECT_TRUE(ParseTargetUrl("https://a.example.com")->tls);
  EXPECT_EQ(ParseTargetUrl("https://a.example.com")->address.port, 443);
  EXPECT_EQ(ParseTargetUrl("http://a.example.com/")->address.port, 80);
  EXPECT_EQ(ParseTargetUrl("http://[::1]:8080")->address.port, 8080);
  EXPECT_EQ(ParseTargetUrl("http://[::1]")->address.host, "::1");
  for (const char* text : {"http://", "http:///", "ftp://a", "http://a/b", "http://a?b", "http://u:p@a", "http://:80",
                           "http://a:0", "a:80"}) {
    EXPECT_FALSE(ParseTargetUrl(text)) << text;
  }
}

TEST(Syntax, Words) {
  EXPECT_TRUE(IsToken("X-User_1"));
  EXPECT_FALSE(IsToken(""));
  EXPECT_FALSE(IsToken("a:b"));
  EXPECT_FALSE(IsToken("a b"));
  EXPECT_TRUE(IsFieldValue("a\tb \303\251"));
  EXPECT_FALSE(IsFieldValue("a\nb"));
  EXPECT_FALSE(IsFieldValue(std::string("a\0b", 3)));
  EXPECT_TRUE(IsIdentifier("_a1"));
  EXPECT_FALSE(IsIdentifier("1a"));
  EXPECT_FALSE(IsIdentifier(""));
  EXPECT_TRUE(IsName("v1/orders.get"));
  EXPECT_FALSE(IsName("@a"));
  EXPECT_FALSE(IsName(std::string(256, 'a')));
  EXPECT_EQ(CheckCidr("10.0.0.0/8"), "");
  EXPECT_EQ(CheckCidr("::/0"), "");
  EXPECT_NE(CheckCidr("10.0.0.0/"), "");
  EXPECT_NE(CheckCidr("10.0.0/8"), "");
}

TEST(Templates, Pieces) {
  Result<Template> parsed = Template::Parse("/a/{path.id}{{x}?{query.q-1}{header.X-User}");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->pieces().size(), 5u);
  EXPECT_EQ(parsed->pieces()[0].literal, "/a/");
  EXPECT_EQ(parsed->pieces()[1].expression, (Expression{Expression::Kind::kPath, "id"}));
  EXPECT_EQ(parsed->pieces()[2].literal, "{x}?");
  EXPECT_EQ(parsed->pieces()[3].expression, (Expression{Expression::Kind::kQuery, "q-1"}));
  EXPECT_EQ(parsed->pieces()[4].expression, (Expression{Expression::Kind::kHeader, "x-user"}));
  EXPECT_FALSE(parsed->constant());
  EXPECT_TRUE(Template::Parse("a}b{{")->constant());
  EXPECT_EQ(Template::Parse("a}b{{")->pieces()[0].literal, "a}b{");
  EXPECT_TRUE(Template::Parse("")->constant());
  for (const char* text : {"{", "{}", "{a", "{nope}", "{header}", "{header.}", "{method.x}", "{path.a b}", "{status}",
                           "{ path }", "{cookie.a=b}", "{path.0}", "{path.1x}"}) {
    EXPECT_FALSE(Template::Parse(text)) << text;
  }
  for (const char* text : {"{status}", "{tls_cipher} {claim.realm.role} {uri}"}) {
    EXPECT_TRUE(Template::Parse(text, TemplateUse::kLog)) << text;
  }
}

TEST(Templates, EveryExpressionThatIsDocumented) {
  for (const char* text :
       {"consumer", "route", "remote_addr", "method", "host", "path", "path.id", "path.1", "header.a", "query.a",
        "cookie.a", "claim.sub", "var.a", "request_id", "uri", "scheme", "protocol"}) {
    EXPECT_TRUE(ParseExpression(text)) << text;
  }
  for (const char* text : {"status", "bytes_sent", "bytes_received", "request_time", "upstream_time", "upstream_addr",
                           "upstream_status", "time_iso8601", "time_local", "user_agent", "referer", "generation",
                           "request_line", "tls_version", "tls_cipher"}) {
    EXPECT_TRUE(ParseExpression(text, TemplateUse::kLog)) << text;
    EXPECT_FALSE(ParseExpression(text)) << text;
  }
}

class Cgroups : public testing::Test {
 protected:
  Cgroups() : root_(std::filesystem::temp_directory_path() / ("mg_config_cgroup_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(root_);
  }
  ~Cgroups() override { std::filesystem::remove_all(root_); }
  void Write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  std::optional<double> Cpus() { return CgroupCpus((root_ / "self").string(), root_.string()); }

  std::filesystem::path root_;
};

TEST_F(Cgroups, TheSmallestQuotaOnTheWayUpCounts) {
  Write("self", "0::/a/b\n");
  Write("cpu.max", "max 100000\n");
  EXPECT_FALSE(Cpus());
  Write("a/cpu.max", "150000 100000\n");
  EXPECT_EQ(Cpus(), 1.5);
  Write("a/b/cpu.max", "300000 100000\n");
  EXPECT_EQ(Cpus(), 1.5);
  Write("cpu.max", "50000 100000\n");
  EXPECT_EQ(Cpus(), 0.5);
}

TEST_F(Cgroups, VersionOne) {
  Write("self", "4:memory:/x\n3:cpu,cpuacct:/x\nnonsense\n");
  Write("cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
  Write("cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(Cpus());
  Write("cpu,cpuacct/x/cpu.cfs_quota_us", "200000\n");
  EXPECT_EQ(Cpus(), 2);
}

TEST_F(Cgroups, NothingThere) {
  EXPECT_FALSE(Cpus());
  Write("self", "0::/\n");
  Write("cpu.max", "abc def\n");
  EXPECT_FALSE(Cpus());
  EXPECT_GE(AutoWorkers(), 1u);
}

}  // namespace
}  // namespace mg::config
