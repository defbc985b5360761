#include "net/tls_handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <functional>
#include <memory>

#include "net/test_certificates.h"
#include "net/test_support.h"
#include "net/tls.h"

namespace mg::net {
namespace {

using test::Authority;
using test::Identity;
using test::Peer;
using test::RunUntil;
using test::TcpPair;
using testing::HasSubstr;

// Hooks whose answers a test gives; counts those that live.
class Hooks : public HandshakeHooks {
 public:
  Hooks() { SetHandshakeHooks(this); }
  ~Hooks() override { SetHandshakeHooks(nullptr); }
  std::unique_ptr<HandshakeHook> Begin(Transport& transport, ssl_st* ssl, uint32_t listener) override {
    begun++;
    of_listener = listener;
    return std::make_unique<Hook>(*this, transport, ssl);
  }

  struct Hook : HandshakeHook {
    Hook(Hooks& of, Transport& t, ssl_st* s) : hooks(of), transport(t), ssl(s) {
      hooks.living++;
      hooks.last = this;
    }
    ~Hook() override { hooks.living--; }
    HandshakeAnswer Run(HandshakeStep step) override {
      hooks.asked[static_cast<size_t>(step)]++;
      return hooks.answer ? hooks.answer(*this, step) : HandshakeAnswer::kGoOn;
    }
    Hooks& hooks;
    Transport& transport;
    ssl_st* ssl;
  };

  std::function<HandshakeAnswer(Hook&, HandshakeStep)> answer;
  Hook* last = nullptr;
  int begun = 0, living = 0;
  int asked[2] = {};
  uint32_t of_listener = 0;
};

class TlsHandshake : public testing::Test {
 protected:
  void SetUp() override {
    config::ListenerTls conf;
    conf.certificates.push_back({"a.crt", "a.key", own.cert_pem, own.key_pem});
    conf.client_hello.chunk = conf.certificate.chunk = "-- there are chunks";
    server_tls = std::move(*ServerTls::Make(conf, {"http/1.1"}, 7));
    config::UpstreamTls conf_of_client;
    conf_of_client.ca_pem = ca.pem();
    client_tls = std::move(*ClientTls::Make(conf_of_client));
  }
  void Begin(const std::string& name) {
    auto [a, b] = TcpPair();
    server = std::make_unique<Peer>(loop);
    client = std::make_unique<Peer>(loop);
    server->transport.Accept(a, server_tls->context());
    client->transport.Accept(b);
    client->transport.StartTls(client_tls->context(), name);
  }
  bool Finish() {
    return RunUntil(loop, [&] {
      if (client->connects == 1 && !client->connected) client->transport.Close();
      if (server->connects == 1 && !server->connected) server->transport.Close();
      return server->connects == 1 && client->connects == 1;
    });
  }
  // A byte each way: the ticket has come with it.
  bool Exchange() {
    server->transport.Write("s");
    if (!RunUntil(loop, [&] { return client->received == "s"; })) return false;
    client->transport.Write("c");
    return RunUntil(loop, [&] { return server->received == "c"; });
  }

  Loop loop;
  Authority ca;
  Identity own = ca.Issue("own", "DNS:example.com"), other = ca.Issue("other", "DNS:other.example");
  std::unique_ptr<ServerTls> server_tls;
  std::unique_ptr<ClientTls> client_tls;
  Hooks hooks;
  std::unique_ptr<Peer> server, client;
};

TEST_F(TlsHandshake, IsAskedAtBothStepsAndEndsWithTheHandshake) {
  Begin("example.com");
  ASSERT_TRUE(Finish());
  EXPECT_TRUE(server->connected && client->connected);
  EXPECT_EQ(hooks.begun, 1);
  EXPECT_EQ(hooks.of_listener, 7U);
  EXPECT_EQ(hooks.asked[0], 1);
  EXPECT_EQ(hooks.asked[1], 1);
  EXPECT_EQ(hooks.living, 0);
}

TEST_F(TlsHandshake, WaitsAtEachStepUntilItIsResumed) {
  for (size_t step : {0, 1}) {
    bool may_go_on = false;
    hooks.asked[step] = 0;
    hooks.answer = [&, step](Hooks::Hook&, HandshakeStep asked) {
      return may_go_on || static_cast<size_t>(asked) != step ? HandshakeAnswer::kGoOn : HandshakeAnswer::kWait;
    };
    Begin("example.com");
    ASSERT_TRUE(RunUntil(loop, [&] { return hooks.asked[step] > 0; }));
    for (int i = 0; i < 5; i++) loop.RunOnce(1);
    EXPECT_EQ(server->connects, 0);
    EXPECT_EQ(hooks.living, 1);
    may_go_on = true;
    hooks.last->transport.ResumeHandshake();
    ASSERT_TRUE(Finish());
    EXPECT_TRUE(server->connected && client->connected);
    EXPECT_EQ(hooks.living, 0);
  }
}

TEST_F(TlsHandshake, RefusesAtEachStep) {
  for (HandshakeStep refusing : {HandshakeStep::kClientHello, HandshakeStep::kCertificate}) {
    hooks.answer = [&](Hooks::Hook&, HandshakeStep step) {
      return step == refusing ? HandshakeAnswer::kRefuse : HandshakeAnswer::kGoOn;
    };
    Begin("example.com");
    ASSERT_TRUE(Finish());
    EXPECT_FALSE(server->connected || client->connected);
    EXPECT_THAT(server->failure, HasSubstr("TLS handshake"));
    EXPECT_EQ(hooks.living, 0);
  }
}

TEST_F(TlsHandshake, EndsWhenTheClientGoesAwayWhileItWaits) {
  hooks.answer = [](Hooks::Hook&, HandshakeStep) { return HandshakeAnswer::kWait; };
  Begin("example.com");
  ASSERT_TRUE(RunUntil(loop, [&] { return hooks.asked[0] > 0; }));
  client->transport.Close();
  ASSERT_TRUE(RunUntil(loop, [&] { return server->connects == 1; }));
  EXPECT_FALSE(server->connected);
  EXPECT_THAT(server->failure, HasSubstr("the client went away"));
  EXPECT_EQ(hooks.living, 0);
}

TEST_F(TlsHandshake, EndsWithTheTransportWhoeverElseKeepsTheConnection) {
  hooks.answer = [](Hooks::Hook&, HandshakeStep) { return HandshakeAnswer::kWait; };
  Begin("example.com");
  ASSERT_TRUE(RunUntil(loop, [&] { return hooks.asked[0] > 0; }));
  ssl_st* kept = server->transport.tls();
  RetainTls(kept);
  server->transport.Close();
  EXPECT_EQ(hooks.living, 0);
  ReleaseTls(kept);
}

TEST_F(TlsHandshake, ShowsAnotherCertificateOnThisConnectionAlone) {
  auto chain = ParseChain(other.cert_pem, TlsFormat::kPem);
  auto key = ParsePrivateKey(other.key_pem, TlsFormat::kPem);
  ASSERT_TRUE(chain && key);
  hooks.answer = [&](Hooks::Hook& hook, HandshakeStep step) {
    if (step == HandshakeStep::kCertificate) {
      ClearCertificates(hook.ssl);
      EXPECT_TRUE(UseChain(hook.ssl, **chain));
      EXPECT_TRUE(UseKey(hook.ssl, **key));
    }
    return HandshakeAnswer::kGoOn;
  };
  Begin("other.example");
  ASSERT_TRUE(Finish());
  EXPECT_TRUE(client->connected) << client->failure;
  hooks.answer = nullptr;
  Begin("other.example");
  ASSERT_TRUE(Finish());
  EXPECT_FALSE(client->connected);  // the configured one is for example.com
  Begin("example.com");
  ASSERT_TRUE(Finish());
  EXPECT_TRUE(client->connected) << client->failure;
}

TEST_F(TlsHandshake, RefusesAKeyThatDoesNotFit) {
  auto chain = ParseChain(other.cert_pem, TlsFormat::kPem);
  auto key = ParsePrivateKey(own.key_pem, TlsFormat::kPem);
  hooks.answer = [&](Hooks::Hook& hook, HandshakeStep step) {
    if (step == HandshakeStep::kClientHello) return HandshakeAnswer::kGoOn;
    ClearCertificates(hook.ssl);
    EXPECT_TRUE(UseChain(hook.ssl, **chain));
    EXPECT_FALSE(UseKey(hook.ssl, **key));
    return HandshakeAnswer::kGoOn;
  };
  Begin("other.example");
  ASSERT_TRUE(Finish());
  EXPECT_FALSE(client->connected);
}

TEST_F(TlsHandshake, IsNotAskedForACertificateWhereASessionIsResumed) {
  Begin("example.com");
  ASSERT_TRUE(Finish());
  ASSERT_TRUE(Exchange());
  client->transport.Close();
  EXPECT_EQ(hooks.asked[1], 1);
  Begin("example.com");
  ASSERT_TRUE(Finish());
  EXPECT_TRUE(DescribeTls(client->transport.tls()).resumed);
  EXPECT_EQ(hooks.asked[0], 2);
  EXPECT_EQ(hooks.asked[1], 1);
}

TEST_F(TlsHandshake, ReadsTheHelloAndChoosesItsVersion) {
  hooks.answer = [&](Hooks::Hook& hook, HandshakeStep step) {
    if (step == HandshakeStep::kCertificate) return HandshakeAnswer::kGoOn;
    EXPECT_EQ(HelloServerName(hook.ssl), "example.com");
    EXPECT_THAT(HelloVersions(hook.ssl), testing::IsSupersetOf({0x0304, 0x0303}));
    EXPECT_THAT(HelloCiphers(hook.ssl), testing::Contains(0x1301));
    EXPECT_THAT(HelloExtensions(hook.ssl), testing::Contains(TLSEXT_TYPE_server_name));
    EXPECT_FALSE(HelloExtension(hook.ssl, 4242));
    AllowVersions(hook.ssl, {0x0303});
    return HandshakeAnswer::kGoOn;
  };
  Begin("example.com");
  ASSERT_TRUE(Finish());
  ASSERT_TRUE(client->connected) << client->failure;
  EXPECT_EQ(TlsVersion(client->transport.tls()), 0x0303);
}

TEST(TlsObjects, ParseAndConvert) {
  Authority ca;
  Identity leaf = ca.Issue("leaf", "DNS:example.com");
  auto chain = ParseChain(leaf.cert_pem + ca.pem(), TlsFormat::kPem);
  ASSERT_TRUE(chain);
  auto again = ParseChain(ChainToDer(**chain), TlsFormat::kDer);
  ASSERT_TRUE(again);
  EXPECT_EQ(ChainToDer(**again), ChainToDer(**chain));
  EXPECT_FALSE(ParseChain(ChainToDer(**chain) + "x", TlsFormat::kDer));
  EXPECT_FALSE(ParseChain("", TlsFormat::kPem));
  EXPECT_FALSE(ParseChain("", TlsFormat::kDer));
  EXPECT_FALSE(ParseChain("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", TlsFormat::kPem));
  auto key = ParsePrivateKey(leaf.key_pem, TlsFormat::kPem);
  ASSERT_TRUE(key);
  auto der = KeyToDer(**key);
  ASSERT_TRUE(der);
  EXPECT_TRUE(ParsePrivateKey(*der, TlsFormat::kDer));
  EXPECT_FALSE(ParsePrivateKey(leaf.cert_pem, TlsFormat::kPem));
}

}  // namespace
}  // namespace mg::net
