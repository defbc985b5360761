#include "net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>

#include <memory>

#include "net/test_certificates.h"
#include "net/test_support.h"

namespace mg::net {
namespace {

using test::Authority;
using test::Identity;
using test::Peer;
using test::RunUntil;
using test::TcpPair;
using testing::HasSubstr;
using Auth = config::ListenerTls::ClientAuth;

class Tls : public testing::Test {
 protected:
  config::ListenerTls ServerConf(const std::vector<Identity>& identities) {
    config::ListenerTls conf;
    for (size_t i = 0; i < identities.size(); i++) {
      std::string label = "server" + std::to_string(i);
      conf.certificates.push_back({label + ".crt", label + ".key", identities[i].cert_pem, identities[i].key_pem});
    }
    return conf;
  }
  std::unique_ptr<ServerTls> Server(const config::ListenerTls& conf) {
    auto made = ServerTls::Make(conf);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }
  std::unique_ptr<ClientTls> Client(const Identity& identity = {}) {
    config::UpstreamTls conf;
    conf.ca_pem = ca.pem();
    conf.cert_pem = identity.cert_pem;
    conf.key_pem = identity.key_pem;
    auto made = ClientTls::Make(conf);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }

  // A client and a server shaking hands over TCP.
  struct Connection {
    Connection(Loop& loop, ssl_ctx_st* server_tls, ssl_ctx_st* client_tls, const std::string& name)
        : server(loop), client(loop) {
      auto [a, b] = TcpPair();
      server.transport.Accept(a, server_tls);
      client.transport.Accept(b);
      client.transport.StartTls(client_tls, name);
      EXPECT_EQ(client.connects + server.connects, 0);
      done = RunUntil(loop, [&] {
        // Who fails is closed by its owner, as a session would.
        if (client.connects == 1 && !client.connected) client.transport.Close();
        if (server.connects == 1 && !server.connected) server.transport.Close();
        return server.connects == 1 && client.connects == 1;
      });
    }
    bool ok() const { return done && server.connected && client.connected; }
    // Carries a byte to the client and back: its ticket has come with it.
    bool Exchange(Loop& loop) {
      server.transport.Write("s");
      if (!RunUntil(loop, [&] { return client.received.ends_with("s"); })) return false;
      client.transport.Write("c");
      return RunUntil(loop, [&] { return server.received.ends_with("c"); });
    }
    bool done = false;
    Peer server, client;
  };

  Loop loop;
  Authority ca;
  Identity example = ca.Issue("example", "DNS:example.com,DNS:*.example.org,IP:127.0.0.1");
};

TEST_F(Tls, CarriesBytesAndDescribesItself) {
  auto server = Server(ServerConf({example}));
  auto client = Client();
  Connection one(loop, server->context(), client->context(), "example.com");
  ASSERT_TRUE(one.ok()) << one.client.failure << one.server.failure;
  ASSERT_TRUE(one.Exchange(loop));
  TlsInfo info = DescribeTls(one.server.transport.tls());
  EXPECT_EQ(info.version, "TLSv1.3");
  EXPECT_EQ(info.cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(info.server_name, "example.com");
  EXPECT_EQ(info.alpn, "");
  EXPECT_FALSE(info.resumed);
  EXPECT_EQ(PeerCertificate(one.client.transport.tls(), PeerField::kSubject), "CN=example");
  EXPECT_EQ(PeerCertificate(one.server.transport.tls(), PeerField::kVerify), "NONE");
}

TEST_F(Tls, SmallPiecesLeaveInOneRecord) {
  auto server = Server(ServerConf({example}));
  auto client = Client();
  Connection one(loop, server->context(), client->context(), "example.com");
  ASSERT_TRUE(one.ok());
  ASSERT_TRUE(one.Exchange(loop));
  std::string body(5000, 'b');
  iovec pieces[] = {{const_cast<char*>("head"), 4}, {nullptr, 0}, {body.data(), body.size()}};
  EXPECT_EQ(one.server.transport.Write(pieces, 3).bytes, 5004u);
  char buffer[20000];
  IoResult first{};
  one.client.on_readable = [&] {
    if (first.bytes == 0) first = one.client.transport.Read(buffer, sizeof buffer);
  };
  ASSERT_TRUE(RunUntil(loop, [&] { return first.bytes > 0; }));
  EXPECT_EQ(first.bytes, 5004u);  // SSL_read gives a record at a time
}

TEST_F(Tls, ManyBytesBothWaysThroughFullSockets) {
  auto server = Server(ServerConf({example}));
  auto client = Client();
  Connection one(loop, server->context(), client->context(), "example.com");
  ASSERT_TRUE(one.ok());
  std::string payload(6 << 20, 0);
  for (size_t i = 0; i < payload.size(); i++) payload[i] = static_cast<char>(i * 2654435761u >> 13);
  // Pieces of odd sizes, cut differently each time: what was refused comes again, and first.
  struct Sender {
    Peer& peer;
    std::string_view left;
    size_t step = 1;
    void Send() {
      while (!left.empty()) {
        iovec pieces[4];
        size_t at = 0;
        int count = 0;
        while (count < 4 && at < left.size()) {
          step = step * 7 % 30011 + 20000 * (count == 3);
          size_t part = std::min(step, left.size() - at);
          pieces[count++] = {const_cast<char*>(left.data() + at), part};
          at += part;
        }
        if (at < std::min<size_t>(left.size(), 16384))
          pieces[count - 1].iov_len += std::min<size_t>(left.size(), 16384) - at;
        IoResult result = peer.transport.Write(pieces, count);
        if (result.status != IoResult::kOk) {
          EXPECT_EQ(result.status, IoResult::kAgain) << peer.transport.last_error();
          return;
        }
        left.remove_prefix(result.bytes);
      }
    }
  };
  Sender down{one.server, payload}, up{one.client, payload, 5};
  one.server.on_writable = [&] { down.Send(); };
  one.client.on_writable = [&] { up.Send(); };
  down.Send();
  up.Send();
  EXPECT_FALSE(down.left.empty());  // the sockets did fill
  ASSERT_TRUE(RunUntil(loop, [&] {
    return one.client.received.size() == payload.size() && one.server.received.size() == payload.size();
  }));
  EXPECT_TRUE(one.client.received == payload);
  EXPECT_TRUE(one.server.received == payload);
  EXPECT_GT(one.server.writables, 0);
}

TEST_F(Tls, GivingLessThanWasRefusedEndsTheConnection) {
  auto server = Server(ServerConf({example}));
  auto client = Client();
  Connection one(loop, server->context(), client->context(), "example.com");
  ASSERT_TRUE(one.ok());
  one.client.on_readable = [] {};
  std::string chunk(16384, 'x');
  while (one.server.transport.Write(chunk).status == IoResult::kOk) {
  }
  one.server.on_writable = [&] { EXPECT_EQ(one.server.transport.Write("x").status, IoResult::kError); };
  one.client.on_readable = nullptr;
  one.client.Drain();
  ASSERT_TRUE(RunUntil(loop, [&] { return one.server.writables == 1; }));
}

TEST_F(Tls, TellsAnOrderlyEndFromACut) {
  auto server = Server(ServerConf({example}));
  auto client = Client();
  {
    Connection one(loop, server->context(), client->context(), "example.com");
    ASSERT_TRUE(one.ok());
    one.server.transport.Write("all of it");
    one.server.transport.ShutdownWrite();  // data, close_notify and FIN at once
    ASSERT_TRUE(RunUntil(loop, [&] { return one.client.ended || one.client.failed; }));
    EXPECT_EQ(one.client.received, "all of it");
    EXPECT_TRUE(one.client.ended);
    one.client.transport.Write("still heard");  // half closed
    ASSERT_TRUE(RunUntil(loop, [&] { return one.server.received == "still heard"; }));
  }
  {
    Connection one(loop, server->context(), client->context(), "example.com");
    ASSERT_TRUE(one.ok());
    one.server.transport.Write("part");
    one.server.transport.Close();  // says goodbye too
    ASSERT_TRUE(RunUntil(loop, [&] { return one.client.ended; }));
    EXPECT_EQ(one.client.received, "part");
  }
  {
    Connection one(loop, server->context(), client->context(), "example.com");
    ASSERT_TRUE(one.ok());
    one.server.transport.Write("part");
    shutdown(one.server.transport.fd(), SHUT_RDWR);  // behind OpenSSL's back: no close_notify
    ASSERT_TRUE(RunUntil(loop, [&] { return one.client.failed; }));
    EXPECT_EQ(one.client.received, "part");
    EXPECT_THAT(one.client.transport.last_error(), HasSubstr("close_notify"));
  }
}

TEST_F(Tls, PicksTheCertificateByName) {
  Identity other = ca.Issue("other", "DNS:other.net,DNS:www.example.org");
  Identity rsa = ca.Issue("other rsa", "DNS:other.net,DNS:www.example.org", true);
  auto server = Server(ServerConf({example, other, rsa}));
  auto client = Client();
  auto subject = [&](const std::string& name) -> std::string {
    Connection one(loop, server->context(), client->context(), name);
    if (!one.ok()) return one.client.failure;
    return PeerCertificate(one.client.transport.tls(), PeerField::kSubject);
  };
  EXPECT_EQ(subject("example.com"), "CN=example");
  EXPECT_EQ(subject("OTHER.net"), "CN=other");
  EXPECT_EQ(subject("www.example.org"), "CN=other");  // exact before wildcard
  EXPECT_EQ(subject("api.example.org"), "CN=example");
  EXPECT_THAT(subject("a.b.example.org"), HasSubstr("hostname mismatch"));  // a wildcard is one label
  EXPECT_THAT(subject("nowhere.test"), HasSubstr("hostname mismatch"));     // the first certificate
  EXPECT_EQ(subject("127.0.0.1"), "CN=example");                            // no SNI for an address
  EXPECT_EQ(subject(""), "CN=example");                                     // the peer's address is verified
  // A client that knows RSA only gets the sister of the same names.
  config::UpstreamTls any;
  any.verify = false;
  client = *ClientTls::Make(any);
  ASSERT_EQ(SSL_CTX_set1_sigalgs_list(client->context(), "RSA-PSS+SHA256"), 1);
  Connection one(loop, server->context(), client->context(), "other.net");
  ASSERT_TRUE(one.ok()) << one.client.failure;
  X509* shown = SSL_get0_peer_certificate(one.client.transport.tls());
  EXPECT_EQ(EVP_PKEY_get_base_id(X509_get0_pubkey(shown)), EVP_PKEY_RSA);
}

TEST_F(Tls, RefusesWhatItCannotVerify) {
  auto server = Server(ServerConf({example}));
  Authority stranger("Stranger");
  config::UpstreamTls conf;
  conf.ca_pem = stranger.pem();
  auto client = *ClientTls::Make(conf);
  {
    Connection one(loop, server->context(), client->context(), "example.com");
    EXPECT_FALSE(one.client.connected);
    EXPECT_THAT(one.client.failure, HasSubstr("unable to get local issuer certificate"));
    EXPECT_FALSE(one.server.connected);
    EXPECT_THAT(one.server.failure, HasSubstr("unknown ca"));
  }
  conf.verify = false;
  client = *ClientTls::Make(conf);
  {
    Connection one(loop, server->context(), client->context(), "whatever.test");
    EXPECT_TRUE(one.ok()) << one.client.failure;
  }
  auto expired = Server(ServerConf({ca.Issue("old", "DNS:example.com", false, -60)}));
  client = Client();
  {
    Connection one(loop, expired->context(), client->context(), "example.com");
    EXPECT_THAT(one.client.failure, HasSubstr("certificate has expired"));
  }
  // No name and no address to check: refused rather than trusted.
  auto [a, b] = test::Pair();
  Peer local(loop);
  local.transport.Accept(a);
  local.transport.StartTls(client->context(), "");
  ASSERT_TRUE(RunUntil(loop, [&] { return local.connects == 1; }));
  EXPECT_THAT(local.failure, HasSubstr("server name"));
  close(b);
}

TEST_F(Tls, ResumesAcrossContextsUntilItsKeyIsGone) {
  auto server = Server(ServerConf({example}));
  auto client = Client();
  auto resumed = [&](const std::string& name) {
    Connection one(loop, server->context(), client->context(), name);
    EXPECT_TRUE(one.ok()) << one.client.failure;
    EXPECT_TRUE(one.Exchange(loop));
    bool result = DescribeTls(one.client.transport.tls()).resumed;
    EXPECT_EQ(DescribeTls(one.server.transport.tls()).resumed, result);
    one.client.transport.Close();
    return result;
  };
  EXPECT_FALSE(resumed("example.com"));
  EXPECT_TRUE(resumed("example.com"));
  EXPECT_FALSE(resumed("x.example.org"));  // another name
  server = Server(ServerConf({example}));  // a reload
  EXPECT_TRUE(resumed("example.com"));
  RotateTicketKeys();
  RotateTicketKeys();
  EXPECT_TRUE(resumed("example.com"));
  for (int i = 0; i < 3; i++) RotateTicketKeys();
  EXPECT_FALSE(resumed("example.com"));
  ASSERT_EQ(SSL_CTX_set_max_proto_version(client->context(), TLS1_2_VERSION), 1);
  EXPECT_FALSE(resumed("y.example.org"));
  EXPECT_TRUE(resumed("y.example.org"));
  EXPECT_TRUE(resumed("y.example.org"));
}

TEST_F(Tls, AsksClientsForCertificates) {
  config::ListenerTls conf = ServerConf({example});
  conf.client_ca_pem = ca.pem();
  conf.client_ca = "clients.pem";
  auto plain = Server(conf);
  conf.client_auth = Auth::kOptional;
  auto optional = Server(conf);
  conf.client_auth = Auth::kRequired;
  auto required = Server(conf);
  auto anonymous = Client();
  auto known = Client(ca.Issue("alice", ""));
  Authority stranger;
  auto unknown = Client(stranger.Issue("mallory", ""));
  auto subject = [&](ServerTls& server, ClientTls& client) -> std::string {
    Connection one(loop, server.context(), client.context(), "example.com");
    if (!one.server.connected) return one.server.failure;
    EXPECT_TRUE(one.Exchange(loop));
    return PeerCertificate(one.server.transport.tls(), PeerField::kSubject);
  };
  EXPECT_EQ(subject(*optional, *anonymous), "");
  EXPECT_EQ(subject(*optional, *known), "CN=alice");
  EXPECT_EQ(subject(*optional, *unknown), "");  // it goes on, and nothing it claims is told
  EXPECT_EQ(subject(*required, *known), "CN=alice");
  EXPECT_EQ(subject(*required, *known), "CN=alice");  // resumed
  EXPECT_THAT(subject(*required, *anonymous), HasSubstr("peer did not return a certificate"));
  // A ticket from a listener that asks for nothing opens none that does.
  EXPECT_EQ(subject(*plain, *anonymous), "");
  EXPECT_NE(subject(*required, *anonymous), "");
}

TEST_F(Tls, TellsWhatCameOfAClientsCertificate) {
  config::ListenerTls conf = ServerConf({example});
  conf.client_ca_pem = ca.pem();
  conf.client_auth = Auth::kOptional;
  auto server = Server(conf);
  Authority stranger("Stranger");
  auto ask = [&](ClientTls& client, PeerField field, bool resumed) {
    Connection one(loop, server->context(), client.context(), "example.com");
    EXPECT_TRUE(one.ok()) << one.server.failure << one.client.failure;
    EXPECT_TRUE(one.Exchange(loop));
    EXPECT_EQ(DescribeTls(one.server.transport.tls()).resumed, resumed);
    return PeerCertificate(one.server.transport.tls(), field);
  };
  auto known = Client(ca.Issue(
      "alice", "DNS:a.example,IP:192.0.2.1,IP:::1,email:a@b.example,URI:spiffe://x/y,otherName:1.2.3;UTF8:no"));
  EXPECT_EQ(ask(*known, PeerField::kVerify, false), "SUCCESS");
  EXPECT_EQ(ask(*known, PeerField::kVerify, true), "SUCCESS");
  EXPECT_EQ(ask(*known, PeerField::kIssuer, true), "CN=Test CA");
  EXPECT_THAT(ask(*known, PeerField::kSerial, true), testing::MatchesRegex("[0-9A-F]+"));
  EXPECT_THAT(ask(*known, PeerField::kSha256, true), testing::MatchesRegex("[0-9a-f]{64}"));
  EXPECT_THAT(ask(*known, PeerField::kSha1, true), testing::MatchesRegex("[0-9a-f]{40}"));
  EXPECT_THAT(ask(*known, PeerField::kPem, true), testing::StartsWith("-----BEGIN CERTIFICATE-----\n"));
  EXPECT_EQ(ask(*known, PeerField::kNames, true),
            "DNS:a.example,IP:192.0.2.1,IP:::1,email:a@b.example,URI:spiffe://x/y");
  auto unknown = Client(stranger.Issue("mallory", "DNS:a.example"));
  EXPECT_EQ(ask(*unknown, PeerField::kVerify, false), "FAILED:unable to get local issuer certificate");
  // A ticket takes the verdict along.
  EXPECT_EQ(ask(*unknown, PeerField::kVerify, true), "FAILED:unable to get local issuer certificate");
  for (PeerField field : {PeerField::kSubject, PeerField::kIssuer, PeerField::kSerial, PeerField::kNames})
    EXPECT_EQ(ask(*unknown, field, true), "");
  EXPECT_THAT(ask(*unknown, PeerField::kSha256, true), testing::MatchesRegex("[0-9a-f]{64}"));
  auto expired = Client(ca.Issue("bob", "", false, -60));
  EXPECT_EQ(ask(*expired, PeerField::kVerify, false), "FAILED:certificate has expired");
}

TEST_F(Tls, WhatIsRetainedOutlivesTheConnection) {
  auto server = Server(ServerConf({example}));
  auto client = Client();
  Connection one(loop, server->context(), client->context(), "example.com");
  ASSERT_TRUE(one.ok());
  ssl_st* tls = one.server.transport.tls();
  RetainTls(tls);
  one.server.transport.Close();
  server.reset();
  EXPECT_EQ(DescribeTls(tls).version, "TLSv1.3");
  EXPECT_EQ(DescribeTls(tls).server_name, "example.com");
  ReleaseTls(tls);
}

// What a client that asks for it is told of the certificate's state; empty: nothing.
class Stapling : public Tls {
 protected:
  std::string Ask(ServerTls& server, const std::string& name = "example.com", bool asks = true) {
    auto client = Client();
    SSL_CTX_set_tlsext_status_type(client->context(), asks ? TLSEXT_STATUSTYPE_ocsp : -1);
    Connection one(loop, server.context(), client->context(), name);
    EXPECT_TRUE(one.ok()) << one.client.failure;
    const unsigned char* bytes = nullptr;
    long size = SSL_get_tlsext_status_ocsp_resp(one.client.transport.tls(), &bytes);
    return size <= 0 ? "" : std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
  config::ListenerTls Conf(const std::vector<std::pair<Identity, std::string>>& certificates) {
    config::ListenerTls conf;
    for (const auto& [identity, ocsp] : certificates) {
      conf.certificates.push_back(
          {"a.crt", "a.key", identity.cert_pem + ca.pem(), identity.key_pem, ocsp.empty() ? "" : "a.ocsp", ocsp});
    }
    return conf;
  }
  std::string Refusal(const std::string& ocsp) {
    auto made = ServerTls::Make(Conf({{example, ocsp}}));
    return made ? "" : made.error().message;
  }
};

TEST_F(Stapling, StaplesToThoseWhoAsk) {
  std::string good = ca.Ocsp(example);
  auto server = Server(Conf({{example, good}}));
  EXPECT_EQ(Ask(*server), good);
  EXPECT_EQ(Ask(*server, "example.com", false), "");
}

TEST_F(Stapling, EachCertificateHasItsOwn) {
  Identity other = ca.Issue("other", "DNS:other.net"), rsa = ca.Issue("other rsa", "DNS:other.net", true);
  std::string of_example = ca.Ocsp(example), of_rsa = ca.Ocsp(rsa);
  auto server = Server(Conf({{example, of_example}, {other, ""}, {rsa, of_rsa}}));
  EXPECT_EQ(Ask(*server), of_example);
  EXPECT_EQ(Ask(*server, "other.net"), "");  // the ECDSA one
  auto only_rsa = Server(Conf({{example, of_example}, {rsa, of_rsa}}));
  EXPECT_EQ(Ask(*only_rsa, "other.net"), of_rsa);
}

TEST_F(Stapling, WhatIsNotGoodIsNotStapled) {
  EXPECT_EQ(Ask(*Server(Conf({{example, ca.Ocsp(example, V_OCSP_CERTSTATUS_REVOKED)}}))), "");
  EXPECT_EQ(Ask(*Server(Conf({{example, ca.Ocsp(example, V_OCSP_CERTSTATUS_UNKNOWN)}}))), "");
  EXPECT_EQ(Ask(*Server(Conf({{example, ca.Ocsp(example, V_OCSP_CERTSTATUS_GOOD, -1000)}}))), "");  // out of date
}

TEST_F(Stapling, RefusesWhatIsNotOfTheCertificate) {
  EXPECT_EQ(Refusal("garbage"), "a.ocsp: not an OCSP response in DER");
  EXPECT_EQ(Refusal(ca.Ocsp(example) + "x"), "a.ocsp: not an OCSP response in DER");
  EXPECT_EQ(Refusal(ca.Ocsp(ca.Issue("other", ""))), "a.ocsp: says nothing of the certificate in a.crt");
  Authority stranger;
  EXPECT_THAT(Refusal(stranger.Ocsp(example)), testing::StartsWith("a.ocsp: not signed by the certificate's issuer"));
  config::ListenerTls conf = Conf({{example, ca.Ocsp(example)}});
  conf.certificates[0].cert_pem = example.cert_pem;
  auto made = ServerTls::Make(conf);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "a.ocsp: cannot be checked: add the issuer's certificate behind the one in a.crt");
}

TEST(TicketRotation, ReplacesTheKeysWhenTheyAreOld) {
  TicketRotation rotation;
  constexpr Nanoseconds kHour = 3600'000'000'000;
  EXPECT_EQ(rotation.Check(10 * kHour, 4 * 3600'000), 4 * 3600'000);
  EXPECT_EQ(rotation.Check(13 * kHour, 4 * 3600'000), 3600'000);
  EXPECT_EQ(rotation.Check(13 * kHour, 3600'000), 3600'000);  // a shorter period makes it due
  EXPECT_EQ(rotation.Check(14 * kHour - 1, 3600'000), 1);
  EXPECT_EQ(rotation.Check(14 * kHour, 3600'000), 3600'000);
}

TEST_F(Tls, ARotationThatIsDueMakesANewKey) {
  auto server = Server(ServerConf({example}));
  auto client = Client();
  auto resumed = [&] {
    Connection one(loop, server->context(), client->context(), "example.com");
    EXPECT_TRUE(one.Exchange(loop));
    return DescribeTls(one.client.transport.tls()).resumed;
  };
  EXPECT_FALSE(resumed());
  TicketRotation rotation;
  for (int i = 1; i <= 10; i++) rotation.Check(i, 3600'000);
  EXPECT_TRUE(resumed());
  for (int i = 1; i <= 3; i++) rotation.Check(i * 3600'000'000'001, 3600'000);
  EXPECT_FALSE(resumed());
}

TEST_F(Tls, SpeaksOnlyWhatItOffers) {
  auto server = Server(ServerConf({example}));
  auto client = Client();
  auto offer = [&](std::string_view wire) {
    SSL_CTX_set_alpn_protos(client->context(), reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
    Connection one(loop, server->context(), client->context(), "example.com");
    return one.ok() ? std::string(DescribeTls(one.client.transport.tls()).alpn) : one.client.failure;
  };
  EXPECT_EQ(offer("\x02h2\x08http/1.1"), "http/1.1");
  EXPECT_THAT(offer("\x02h2"), HasSubstr("no application protocol"));
  auto both = ServerTls::Make(ServerConf({example}), {"h2", "http/1.1"});
  server = std::move(*both);
  EXPECT_EQ(offer("\x08http/1.1\x02h2"), "h2");
  // TLS 1.1 is too old.
  SSL_CTX_set_min_proto_version(client->context(), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(client->context(), TLS1_1_VERSION);
  Connection old(loop, server->context(), client->context(), "example.com");
  EXPECT_FALSE(old.ok());
}

TEST_F(Tls, SaysWhatIsWrongWithAHandshake) {
  auto server = Server(ServerConf({example}));
  for (std::string_view bytes : {"GET / HTTP/1.1\r\n\r\n", ""}) {
    auto [a, b] = TcpPair();
    Peer peer(loop);
    peer.transport.Accept(a, server->context());
    ASSERT_EQ(send(b, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    shutdown(b, SHUT_WR);
    ASSERT_TRUE(RunUntil(loop, [&] { return peer.connects == 1; }));
    EXPECT_FALSE(peer.connected);
    EXPECT_EQ(peer.failure,
              bytes.empty() ? "TLS handshake: unexpected eof while reading" : "TLS handshake: http request");
    EXPECT_EQ(peer.readables, 0);
    close(b);
  }
}

TEST_F(Tls, ConnectsWithTlsAndOutlivesItsContexts) {
  auto server_tls = Server(ServerConf({example}));
  auto client_tls = Client();
  int fd = *OpenListeningSocket(*SocketAddress::FromIp("127.0.0.1", 0), 8, ReusePort::kNo);
  Peer server(loop), client(loop);
  Listener listener(loop, fd, [&](int socket, const SocketAddress&) {
    server.transport.Accept(socket, server_tls->context());
    server_tls.reset();
  });
  server.on_connected = [&] { server.transport.Write("hello"); };
  client.transport.Connect(test::AddressOf(fd), client_tls->context(), "example.com");
  ASSERT_TRUE(RunUntil(loop, [&] { return server_tls == nullptr; }));
  client_tls.reset();
  ASSERT_TRUE(RunUntil(loop, [&] { return client.received == "hello"; })) << client.failure << server.failure;
  close(fd);
}

TEST_F(Tls, CloseDuringTheHandshakeEndsAllCalls) {
  auto server = Server(ServerConf({example}));
  auto client_tls = Client();
  auto [a, b] = TcpPair();
  Peer one(loop), other(loop);
  one.transport.Accept(a, server->context());
  other.transport.Accept(b);
  other.transport.StartTls(client_tls->context(), "example.com");
  other.transport.Close();
  one.on_connected = [&] { one.transport.Close(); };
  ASSERT_TRUE(RunUntil(loop, [&] { return one.connects == 1; }));
  EXPECT_EQ(other.connects, 0);
  EXPECT_EQ(one.readables, 0);
}

TEST_F(Tls, NamesTheFileThatIsWrong) {
  Identity other = ca.Issue("other", "DNS:other.net");
  auto message = [&](const Identity& identity) {
    auto made = ServerTls::Make(ServerConf({example, identity}));
    return made ? "" : made.error().message;
  };
  EXPECT_EQ(message({example.cert_pem, other.key_pem}),
            "server1.key: the key does not belong to the certificate in server1.crt");
  EXPECT_THAT(message({"", other.key_pem}), HasSubstr("server1.crt: no PEM certificate"));
  EXPECT_THAT(message({"garbage", other.key_pem}), HasSubstr("server1.crt: no PEM certificate"));
  EXPECT_THAT(message({other.cert_pem, "garbage"}), HasSubstr("server1.key: no PEM private key"));
  EXPECT_THAT(message({other.cert_pem, Authority::KeyPem(ca.key(), "secret")}),
              HasSubstr("server1.key: the key has a passphrase"));
  EXPECT_THAT(
      message({other.cert_pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", other.key_pem}),
      HasSubstr("server1.crt: broken chain"));
  EXPECT_EQ(message({other.cert_pem + ca.pem(), other.key_pem}), "");
  EXPECT_FALSE(ServerTls::Make({}));
  config::ListenerTls conf = ServerConf({example});
  conf.client_auth = Auth::kRequired;
  conf.client_ca = "clients.pem";
  auto made = ServerTls::Make(conf);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("clients.pem: no PEM certificates"));
  config::UpstreamTls upstream;
  upstream.ca_pem = "garbage";
  EXPECT_FALSE(ClientTls::Make(upstream));
}

TEST_F(Tls, TrustsTheSystemsAuthoritiesByDefault) {
  std::string path = testing::TempDir() + "mg-ca-" + std::to_string(getpid()) + ".pem";
  FILE* file = fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fputs(ca.pem().c_str(), file);
  fclose(file);
  setenv("SSL_CERT_FILE", path.c_str(), 1);
  auto client = ClientTls::Make({});
  auto again = ClientTls::Make({});
  unsetenv("SSL_CERT_FILE");
  unlink(path.c_str());
  ASSERT_TRUE(client) << client.error().message;
  ASSERT_TRUE(again);
  EXPECT_EQ(SSL_CTX_get_cert_store((*client)->context()), SSL_CTX_get_cert_store((*again)->context()));
  auto server = Server(ServerConf({example}));
  Connection one(loop, server->context(), (*client)->context(), "example.com");
  EXPECT_TRUE(one.ok()) << one.client.failure;
}

}  // namespace
}  // namespace mg::net
