// From a configuration to programs: modules, schemas, chunks, and where their errors point.
#include "base/encoding.h"
#include "net/test_certificates.h"
#include "script/test_support.h"

namespace mg::script {
namespace {

constexpr const char* kTier = R"(
return {
  schema = {
    gold = { type = "integer", required = true, min = 1 },
    window = { type = "duration", default = "5m" },
    names = { type = "list", values = "string", default = {} },
  },
  compile = function(conf) return { gold = conf.gold, window = conf.window, count = #conf.names } end,
  access = function(conf, ctx)
    ctx.tier = conf.gold .. "/" .. conf.window .. "/" .. conf.count
    ngx.header["X-Tier"] = ctx.tier
  end,
}
)";

const std::string kPath = "lua: { path: [/lua] }\n";

std::string Policy(const std::string& policy) {
  return "- match: { path: /* }\n  policies:\n  - " + policy + "\n  respond: { body: in }\n";
}

TEST_F(ScriptTest, AModuleOfTheUsersOwn) {
  ASSERT_EQ(Load(Policy("tier: { gold: 3, names: [a, b] }"), {{"/lua/tier.lua", kTier}}, kPath), "");
  EXPECT_EQ(Fetch().Header("x-tier"), "3/300/2");
}

TEST_F(ScriptTest, ItsConfigurationIsCheckedWhereItStands) {
  std::string errors = Load(Policy("tier: { gold: 0, windw: 1s }"), {{"/lua/tier.lua", kTier}}, kPath);
  EXPECT_NE(errors.find("test.yaml:6:"), std::string::npos) << errors;
  EXPECT_NE(errors.find("tier.gold"), std::string::npos) << errors;
  EXPECT_NE(errors.find("windw"), std::string::npos) << errors;
  EXPECT_NE(errors.find("window"), std::string::npos) << errors;
}

TEST_F(ScriptTest, AnUnknownPolicyNamesTheNearest) {
  std::string errors = Load(Policy("teir: { gold: 1 }"), {{"/lua/tier.lua", kTier}}, kPath);
  EXPECT_NE(errors.find("there is no policy \"teir\", did you mean \"tier\"?"), std::string::npos) << errors;
}

TEST_F(ScriptTest, AScriptWithItsConfiguration) {
  ASSERT_EQ(Load(Policy("script: { file: s/tier.lua, with: { gold: 7 } }"), {{"/conf/s/tier.lua", kTier}}), "");
  EXPECT_EQ(Fetch().Header("x-tier"), "7/300/0");
}

TEST_F(ScriptTest, SyntaxErrorsNameFileAndLine) {
  std::string errors = Load(Policy("script: bad.lua"), {{"/conf/bad.lua", "local x = 1\nreturn {,}\n"}});
  EXPECT_NE(errors.find("/conf/bad.lua:2:"), std::string::npos) << errors;
  errors = Load("- match: { path: /* }\n  content:\n    lua: |\n      local x\n      x = = 1\n");
  EXPECT_NE(errors.find("test.yaml:7:"), std::string::npos) << errors;
  errors = Load(Policy("lua: { access: \"x x\" }"));
  EXPECT_NE(errors.find("test.yaml:5:"), std::string::npos) << errors;
}

TEST_F(ScriptTest, AllErrorsAtOnce) {
  std::string errors =
      Load(Policy("nothing_like_it: {}") + Policy("lua: { access: \"x x\" }") + Policy("script: absent.lua"));
  EXPECT_NE(errors.find("nothing_like_it"), std::string::npos) << errors;
  EXPECT_NE(errors.find("test.yaml:9:"), std::string::npos) << errors;
  EXPECT_NE(errors.find("absent.lua"), std::string::npos) << errors;
}

TEST_F(ScriptTest, AMistakenPhaseNameIsAWarning) {
  std::string warnings =
      Load(Policy("script: s.lua"), {{"/conf/s.lua", "return { acess = function() end, log = function() end }"}});
  EXPECT_NE(warnings.find("did you mean \"access\""), std::string::npos) << warnings;
}

TEST_F(ScriptTest, GlobalsAreStrictForScriptsOnly) {
  ASSERT_EQ(Load("- match: { path: /* }\n  content: { lua: \"ngx.say(require('lib').f()) oops = 1\" }\n",
                 {{"/lua/lib.lua", "a_global = 'lib'\nreturn { f = function() return a_global end }"},
                  {"/conf/init.lua", "require 'lib'"}},
                 "lua: { path: [/lua], init: init.lua }\n"),
            "");
  Fetch();
  EXPECT_NE(log.text.find("test.yaml:5: global 'oops' is written here"), std::string::npos) << log.text;
}

TEST_F(ScriptTest, OcspResponsesAreTakenForWhatTheySay) {
  net::test::Authority authority, stranger("Another CA");
  net::test::Identity own = authority.Issue("own", ""), other = authority.Issue("other", "");
  std::string good = authority.Ocsp(own);
  auto text = [](const std::string& bytes) { return "\"" + HexEncode(bytes) + "\""; };
  std::string data =
      "local data = { chain = " + text(own.cert_pem + authority.pem()) + ", leaf = " + text(own.cert_pem) +
      ", { 'good', " + text(good) + "}, { 'revoked', " + text(authority.Ocsp(own, V_OCSP_CERTSTATUS_REVOKED)) +
      "}, { 'unknown', " + text(authority.Ocsp(own, V_OCSP_CERTSTATUS_UNKNOWN)) + "}, { 'expired', " +
      text(authority.Ocsp(own, V_OCSP_CERTSTATUS_GOOD, -3600)) + "}, { 'other', " + text(authority.Ocsp(other)) +
      "}, { 'stranger', " + text(stranger.Ocsp(own)) + "}, { 'cut', " + text(good.substr(0, good.size() / 2)) + "} }";
  ASSERT_EQ(Load("- match: { path: /* }\n  content: content.lua\n", {{"/conf/content.lua", data + R"(
local ssl, ocsp = require "ngx.ssl", require "ngx.ocsp"
local function bytes(hex) return (hex:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end)) end
local chain = assert(ssl.cert_pem_to_der(bytes(data.chain)))
for _, case in ipairs(data) do
  ngx.say(case[1], ": ", ocsp.validate_ocsp_response(bytes(case[2]), chain))
end
ngx.say("no issuer: ", ocsp.validate_ocsp_response(bytes(data[1][2]), assert(ssl.cert_pem_to_der(bytes(data.leaf)))))
local request = assert(ocsp.create_ocsp_request(chain))
ngx.say("request: ", #request > 0 and request:byte(1) == 0x30, " ", ocsp.create_ocsp_request(chain, 8) == nil)
ngx.say("responder: ", ocsp.get_ocsp_responder_from_der_chain(chain))
)"}},
                 "lua: { path: [/lua] }\n"),
            "");
  EXPECT_EQ(Fetch().body,
            "good: true\n"
            "revoked: nilcertificate status \"revoked\" in the OCSP response\n"
            "unknown: nilcertificate status \"unknown\" in the OCSP response\n"
            "expired: nilOCSP_check_validity() failed\n"
            "other: nilcertificate status not found in the OCSP response\n"
            "stranger: nilOCSP_basic_verify() failed\n"
            "cut: nild2i_OCSP_RESPONSE() failed\n"
            "no issuer: nilno issuer certificate in chain\n"
            "request: true true\n"
            "responder: nil\n")
      << log.text;
}

TEST_F(ScriptTest, StrictGlobalsCanBeOff) {
  ASSERT_EQ(Load("- match: { path: /* }\n  content: { lua: \"count = (count or 0) + 1 ngx.say(count)\" }\n", {},
                 "lua: { strict_globals: false }\n"),
            "");
  Fetch();
  EXPECT_EQ(Fetch().body, "2\n");
}

TEST_F(ScriptTest, InitRunsFirstAndMayNotWait) {
  ASSERT_EQ(Load("- match: { path: /* }\n  content: { lua: \"ngx.say(_G.from_init)\" }\n",
                 {{"/conf/init.lua", "_G.from_init = ngx.get_phase()"}}, "lua: { init: init.lua }\n"),
            "");
  EXPECT_EQ(Fetch().body, "init\n");
  std::string errors = Load("- match: { path: /* }\n  respond: { body: x }\n",
                            {{"/conf/init.lua", "local a = 1\nngx.sleep(1)"}}, "lua: { init: init.lua }\n");
  EXPECT_NE(errors.find("/conf/init.lua:2:1: "), std::string::npos) << errors;
  EXPECT_NE(errors.find("no request found"), std::string::npos) << errors;
}

TEST_F(ScriptTest, InitWorkerMayWait) {
  ASSERT_EQ(Load("- match: { path: /* }\n  content: { lua: \"ngx.say(_G.started)\" }\n",
                 {{"/conf/w.lua", "_G.started = ngx.worker.id() ngx.sleep(0.001) _G.started = 'later'"}},
                 "lua: { init_worker: w.lua }\n"),
            "");
  EXPECT_EQ(Fetch().body, "0\n");
  EXPECT_TRUE(RunUntil([&] { return Fetch().body == "later\n"; }, 200));
}

TEST_F(ScriptTest, BytecodeIsRefused) {
  std::string errors = Load(Policy("script: b.lua"), {{"/conf/b.lua", std::string("\x1bLJ\x02\x00", 5)}});
  EXPECT_EQ(errors,
            "test.yaml:5:5: /conf/b.lua: bytecode is not taken, only Lua text (routes[0].policies[0].script)\n");
}

TEST_F(ScriptTest, ASchemaThatIsWrongIsTold) {
  std::string errors =
      Load(Policy("tier: {}"),
           {{"/lua/tier.lua", "return { schema = { a = { type = 'integr' } }, log = function() end }"}}, kPath);
  EXPECT_NE(errors.find("schema.a has the unknown type \"integr\""), std::string::npos) << errors;
}

}  // namespace
}  // namespace mg::script
