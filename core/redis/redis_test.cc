#include "redis/redis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "net/test_certificates.h"
#include "net/test_process.h"
#include "net/test_support.h"
#include "redis/resp.h"

namespace mg::redis {
namespace {

using net::test::RunUntil;
using testing::HasSubstr;
using testing::StartsWith;
using Arguments = std::vector<std::string_view>;

std::string Text(const redisReply* reply) {
  switch (reply->type) {
    case REDIS_REPLY_INTEGER: return std::to_string(reply->integer);
    case REDIS_REPLY_NIL: return "(nil)";
    case REDIS_REPLY_ARRAY: {
      std::string text = "[";
      for (size_t i = 0; i < reply->elements; i++) text += (i > 0 ? " " : "") + Text(reply->element[i]);
      return text + "]";
    }
    default: return std::string(reply->str, reply->len);
  }
}

// What a command came to: its reply as text, or "kind: message" of the error.
std::string Outcome(const Result<redisReply*>& result) {
  if (result) return Text(*result);
  return std::string(ErrorCodeName(result.error().code)) + ": " + result.error().message;
}

// Against a redis-server of its own, in a folder of its own.
class RedisTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = testing::TempDir() + "mg-redis-" + std::to_string(getpid());
    std::filesystem::create_directory(folder);
    path = folder + "/redis.sock";
  }
  void TearDown() override {
    server.reset();
    std::filesystem::remove_all(folder);
  }
  void Start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command = {"redis-server", "--port", "0",     "--unixsocket", path,
                                        "--save",       "",       "--dir", folder,         "--enable-debug-command",
                                        "yes"};
    command.insert(command.end(), more.begin(), more.end());
    server.emplace(command);
    net::SocketAddress address = *net::SocketAddress::FromUnix(path);
    for (int i = 0; i < 500 && server->running(); i++) {
      int fd = socket(AF_UNIX, SOCK_STREAM, 0);
      bool up = connect(fd, address.raw(), address.length()) == 0;
      close(fd);
      if (up) return;
      usleep(20'000);
    }
    FAIL() << "redis-server does not run (Debian: redis-server)";
  }
  config::Redis Conf() {
    config::Redis conf;
    conf.name = "main";
    conf.address = {config::Address::Kind::kUnix, path, 0, "unix:" + path};
    conf.timeout = config::Duration(5000);
    return conf;
  }
  std::string Ask(Connection& connection, const Arguments& arguments, config::Duration timeout = {}) {
    std::optional<std::string> outcome;
    connection.Send(
        arguments, [&](auto result) { outcome = Outcome(result); }, timeout);
    EXPECT_FALSE(outcome);  // never from within
    EXPECT_TRUE(RunUntil(loop, [&] { return outcome.has_value(); }));
    return outcome.value_or("nothing");
  }
  static uint16_t FreePort() {
    int fd = *net::OpenListeningSocket(*net::SocketAddress::FromIp("127.0.0.1", 0), 1, net::ReusePort::kNo);
    uint16_t port = net::test::AddressOf(fd).port();
    close(fd);
    return port;
  }

  net::Loop loop;
  net::Resolver resolver{loop};
  std::string folder, path;
  std::optional<net::test::Process> server;
};

TEST_F(RedisTest, AnswersInOrderWhateverTheBytes) {
  Start();
  Connection connection(loop, resolver, Conf());
  std::string binary("a\0b\r\n$5\r\n", 9), large(5 << 20, 'x');
  EXPECT_EQ(Ask(connection, {"SET", binary, large}), "OK");
  EXPECT_EQ(Ask(connection, {"GET", binary}), large);
  EXPECT_EQ(Ask(connection, {"GET", "none"}), "(nil)");
  EXPECT_EQ(Ask(connection, {"SET", "", ""}), "OK");
  EXPECT_EQ(Ask(connection, {"GET", ""}), "");
  EXPECT_THAT(Ask(connection, {"NONSENSE"}), StartsWith("ERR unknown command"));
  EXPECT_EQ(Ask(connection, {"RPUSH", "list", "a", "b"}), "2");
  EXPECT_EQ(Ask(connection, {"LRANGE", "list", "0", "-1"}), "[a b]");
  EXPECT_TRUE(connection.connected());
  std::vector<std::string> outcomes;
  for (int i = 0; i < 1000; i++) {
    connection.Send(Arguments{"INCR", "n"}, [&](auto result) { outcomes.push_back(Outcome(result)); });
  }
  ASSERT_TRUE(RunUntil(loop, [&] { return outcomes.size() == 1000; }));
  for (int i = 0; i < 1000; i++) EXPECT_EQ(outcomes[i], std::to_string(i + 1));
  EXPECT_TRUE(connection.idle());
}

TEST_F(RedisTest, LoadsAScriptThatTheServerForgot) {
  Start();
  Connection connection(loop, resolver, Conf());
  std::string script = "return {KEYS[1], ARGV[1], redis.call('INCR', 'runs')}";
  unsigned char digest[20];
  SHA1(reinterpret_cast<const unsigned char*>(script.data()), script.size(), digest);
  std::string sha;
  for (unsigned char byte : digest) sha += fmt::format("{:02x}", byte);
  auto eval = [&] {
    std::optional<std::string> outcome;
    {
      // Nothing of the caller's is needed after the call.
      std::string text = script, key = "k", argument = "v";
      std::string_view keys[] = {key}, arguments[] = {argument};
      connection.Eval(sha, text, keys, arguments, [&](auto result) { outcome = Outcome(result); });
    }
    EXPECT_TRUE(RunUntil(loop, [&] { return outcome.has_value(); }));
    return *outcome;
  };
  EXPECT_EQ(eval(), "[k v 1]");
  EXPECT_EQ(eval(), "[k v 2]");
  EXPECT_EQ(Ask(connection, {"SCRIPT", "FLUSH"}), "OK");
  EXPECT_EQ(eval(), "[k v 3]");
  std::string stats = Ask(connection, {"INFO", "commandstats"});
  EXPECT_THAT(stats, HasSubstr("cmdstat_eval:calls=2,"));
  EXPECT_THAT(stats, HasSubstr("cmdstat_evalsha:calls=3,"));
  // An error of the script's own is its reply.
  std::string bad = "return redis.error_reply('MINE no')";
  std::optional<std::string> outcome;
  connection.Eval(std::string(40, '0'), bad, {}, {}, [&](auto result) { outcome = Outcome(result); });
  ASSERT_TRUE(RunUntil(loop, [&] { return outcome.has_value(); }));
  EXPECT_EQ(*outcome, "MINE no");
  // Forgetting reaches a script that is sent again.
  Ask(connection, {"SCRIPT", "FLUSH"});
  uint64_t number = connection.Eval(sha, script, {}, {}, [](auto) { ADD_FAILURE() << "was forgotten"; });
  loop.RunOnce(1000);
  connection.Forget(number);
  EXPECT_EQ(Ask(connection, {"PING"}), "PONG");
}

TEST_F(RedisTest, LogsIn) {
  Start({"--requirepass", "open-sesame", "--user", "alice", "on", ">wonder", "~*", "&*", "+@all"});
  config::Redis conf = Conf();
  conf.password = "open-sesame";
  conf.database = 3;
  {
    Connection connection(loop, resolver, conf);
    EXPECT_THAT(Ask(connection, {"CLIENT", "INFO"}), HasSubstr(" db=3 "));
  }
  conf.username = "alice";
  conf.password = "wonder";
  {
    Connection connection(loop, resolver, conf);
    EXPECT_EQ(Ask(connection, {"ACL", "WHOAMI"}), "alice");
  }
  conf.password = "hunter2";
  Connection connection(loop, resolver, conf);
  std::string outcome = Ask(connection, {"PING"});
  EXPECT_THAT(outcome, StartsWith("connect: redis main: login: WRONGPASS"));
  EXPECT_THAT(outcome, testing::Not(HasSubstr("hunter2")));
  EXPECT_FALSE(connection.connected());
}

TEST_F(RedisTest, GivesUpAfterTheDeadlineAndThrowsTheLateReplyAway) {
  Start();
  Connection connection(loop, resolver, Conf());
  Ask(connection, {"PING"});
  std::vector<std::string> outcomes;
  auto note = [&](auto result) { outcomes.push_back(Outcome(result)); };
  connection.Send(Arguments{"DEBUG", "SLEEP", "0.3"}, note, config::Duration(50));
  connection.Send(Arguments{"ECHO", "patient"}, note);
  connection.Send(Arguments{"ECHO", "hasty"}, note, config::Duration(60));
  uint64_t number = connection.Send(Arguments{"ECHO", "forgotten"}, [](auto) { ADD_FAILURE() << "was forgotten"; });
  connection.Forget(number);
  connection.Forget(number);
  connection.Forget(987654);
  ASSERT_TRUE(RunUntil(loop, [&] { return outcomes.size() == 3; }));
  EXPECT_EQ(outcomes, (std::vector<std::string>{"timeout: redis main: no reply in time",
                                                "timeout: redis main: no reply in time", "patient"}));
  EXPECT_EQ(Ask(connection, {"ECHO", "after"}), "after");
}

TEST_F(RedisTest, FailsWhatWasSentWhenTheServerDiesAndComesBack) {
  Start();
  Connection connection(loop, resolver, Conf());
  ASSERT_EQ(Ask(connection, {"PING"}), "PONG");
  std::map<std::string, int> kinds;
  auto note = [&](auto result) { kinds[result ? "reply" : std::string(ErrorCodeName(result.error().code))]++; };
  connection.Send(Arguments{"DEBUG", "SLEEP", "10"}, note);
  for (int i = 0; i < 99; i++) connection.Send(Arguments{"INCR", "n"}, note);
  for (int i = 0; i < 5; i++) loop.RunOnce(5);
  server->Kill(SIGKILL);
  ASSERT_TRUE(RunUntil(loop, [&] { return kinds["reset"] == 100; }));
  // While it is down, commands fail at once.
  ASSERT_TRUE(RunUntil(loop, [&] { return Ask(connection, {"PING"}).starts_with("connect: redis main: "); }));
  for (int i = 0; i < 100; i++) EXPECT_THAT(Ask(connection, {"PING"}), StartsWith("connect: "));
  Start();
  EXPECT_TRUE(RunUntil(loop, [&] { return Ask(connection, {"PING"}) == "PONG"; }));
}

TEST_F(RedisTest, NeverSendsACommandTwice) {
  Start();
  Connection victim(loop, resolver, Conf()), killer(loop, resolver, Conf());
  int64_t answered = 0, uncertain = 0, unsent = 0, left = 0;
  constexpr int kRounds = 30, kCommands = 200;
  for (int round = 0; round < kRounds; round++) {
    std::string id = Ask(victim, {"CLIENT", "ID"});
    for (int i = 0; i < kCommands; i++) {
      left++;
      victim.Send(Arguments{"INCR", "n"}, [&](auto result) {
        left--;
        if (result)
          answered++;
        else if (result.error().code == ErrorCode::kReset)
          uncertain++;
        else
          unsent++;
      });
      if (i == round * kCommands / kRounds) {
        killer.Send(Arguments{"CLIENT", "KILL", "ID", id}, [](auto) {});
        loop.RunOnce(0);
      }
      if (i % 7 == 0) loop.RunOnce(0);
    }
    ASSERT_TRUE(RunUntil(loop, [&] { return left == 0; }));
    ASSERT_TRUE(RunUntil(loop, [&] { return Ask(victim, {"PING"}) == "PONG"; }));
  }
  EXPECT_EQ(answered + uncertain + unsent, kRounds * kCommands);
  EXPECT_GT(uncertain, 0);
  int64_t counted = std::stoll(Ask(killer, {"GET", "n"}));
  EXPECT_GE(counted, answered);
  EXPECT_LE(counted, answered + uncertain);
}

TEST_F(RedisTest, FailsFastWhereNobodyListens) {
  Connection connection(loop, resolver, Conf());
  // The first waits for the attempt, the others know its end.
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(Ask(connection, {"PING"}), "connect: redis main: No such file or directory");
  }
  Start();
  EXPECT_TRUE(RunUntil(loop, [&] { return Ask(connection, {"PING"}) == "PONG"; }));
}

TEST_F(RedisTest, RefusesWhenTooManyWait) {
  Start();
  Connection connection(loop, resolver, Conf());
  ASSERT_EQ(Ask(connection, {"PING"}), "PONG");
  server->Signal(SIGSTOP);
  std::map<std::string, size_t> kinds;
  auto note = [&](auto result) { kinds[result ? "reply" : std::string(ErrorCodeName(result.error().code))]++; };
  for (size_t i = 0; i < Connection::kMostWaiting + 5; i++) {
    connection.Send(Arguments{"PING"}, note, config::Duration(60'000));
  }
  ASSERT_TRUE(RunUntil(loop, [&] { return kinds["unavailable"] == 5; }));
  server->Signal(SIGCONT);
  ASSERT_TRUE(RunUntil(loop, [&] { return kinds["reply"] == Connection::kMostWaiting; }));
}

TEST_F(RedisTest, LeavesAServerThatFallsSilent) {
  Start();
  Connection connection(loop, resolver, Conf());
  ASSERT_EQ(Ask(connection, {"PING"}), "PONG");
  server->Signal(SIGSTOP);
  EXPECT_THAT(Ask(connection, {"PING"}, config::Duration(20)), StartsWith("timeout: "));
  ASSERT_TRUE(RunUntil(loop, [&] { return !connection.connected(); }));
  server->Signal(SIGCONT);
  EXPECT_TRUE(RunUntil(loop, [&] { return Ask(connection, {"PING"}) == "PONG"; }));
}

TEST_F(RedisTest, MayBeDestroyedByACallBack) {
  Start();
  auto connection = std::make_unique<Connection>(loop, resolver, Conf());
  std::vector<std::string> outcomes;
  connection->Send(Arguments{"PING"}, [&](auto result) {
    outcomes.push_back(Outcome(result));
    connection.reset();
  });
  for (int i = 0; i < 2; i++) {
    connection->Send(Arguments{"ECHO", "later"}, [&](auto result) { outcomes.push_back(Outcome(result)); });
  }
  ASSERT_TRUE(RunUntil(loop, [&] { return connection == nullptr; }));
  loop.RunOnce(10);
  EXPECT_EQ(outcomes, (std::vector<std::string>{"PONG", "cancelled: redis main: the connection was dropped",
                                                "cancelled: redis main: the connection was dropped"}));
}

TEST_F(RedisTest, ConnectionsOutliveAReload) {
  Start();
  Connections connections(loop, resolver);
  config::Redis one = Conf(), two = Conf();
  two.name = "two";
  connections.Reconcile({one, two});
  Connection* kept = connections.Find("main");
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(connections.Find("none"), nullptr);
  EXPECT_EQ(Ask(*kept, {"PING"}), "PONG");
  std::optional<std::string> outcome;
  connections.Find("two")->Send(Arguments{"ECHO", "old"}, [&](auto result) { outcome = Outcome(result); });
  two.database = 1;
  one.position.line = 77;
  connections.Reconcile({two, one});
  EXPECT_EQ(connections.Find("main"), kept);
  EXPECT_TRUE(kept->connected());
  EXPECT_THAT(Ask(*connections.Find("two"), {"CLIENT", "INFO"}), HasSubstr(" db=1 "));
  ASSERT_TRUE(RunUntil(loop, [&] { return outcome.has_value(); }));
  EXPECT_EQ(*outcome, "old");  // the one before answered still
  connections.Reconcile({});
  EXPECT_EQ(connections.Find("main"), nullptr);
}

TEST_F(RedisTest, SpeaksTlsToANamedServer) {
  net::test::Authority ca;
  net::test::Identity identity = ca.Issue("redis", "DNS:localhost");
  auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder + "/" + name) << text;
    return folder + "/" + name;
  };
  std::string ca_file = write("ca.pem", ca.pem());
  uint16_t port = FreePort();
  Start({"--tls-port", std::to_string(port), "--tls-cert-file", write("redis.crt", identity.cert_pem), "--tls-key-file",
         write("redis.key", identity.key_pem), "--tls-ca-cert-file", ca_file, "--tls-auth-clients", "no"});
  setenv("SSL_CERT_FILE", ca_file.c_str(), 1);
  config::Redis conf = Conf();
  conf.address = {config::Address::Kind::kName, "localhost", port, ""};
  conf.tls = true;
  Connection connection(loop, resolver, conf);
  unsetenv("SSL_CERT_FILE");
  std::string large(1 << 20, 'x');
  EXPECT_EQ(Ask(connection, {"SET", "k", large}), "OK");
  EXPECT_EQ(Ask(connection, {"GET", "k"}), large);
}

TEST(ReplyReader, ReadsInAnyPieces) {
  std::string bytes = "+OK\r\n:5\r\n$3\r\na\r\n\r\n*2\r\n$-1\r\n*1\r\n-ERR no\r\n";
  for (size_t step = 1; step <= bytes.size(); step++) {
    ReplyReader reader;
    std::string seen;
    for (size_t at = 0; at < bytes.size(); at += step) {
      reader.Feed(std::string_view(bytes).substr(at, step));
      while (ReplyPtr reply = reader.Next()) seen += Text(reply.get()) + ";";
    }
    EXPECT_EQ(seen, "OK;5;a\r\n;[(nil) [ERR no]];") << step;
    EXPECT_EQ(reader.error(), "");
  }
}

TEST(ReplyReader, KeepsToItsLimits) {
  auto error = [](std::string_view bytes) {
    ReplyReader reader;
    reader.Feed(bytes);
    EXPECT_EQ(reader.Next(), nullptr);
    return reader.error();
  };
  EXPECT_NE(error("HTTP/1.1 400 Bad Request\r\n"), "");
  EXPECT_NE(error("*2147483647\r\n"), "");
  EXPECT_NE(error("*1048577\r\n"), "");
  EXPECT_NE(error("*2\r\n*1048570\r\n"), error("*2\r\n*1048576\r\n"));  // the sum counts
  EXPECT_EQ(error("*1048576\r\n"), "");
  EXPECT_NE(error("*99999999999999999999\r\n"), "");
  EXPECT_NE(error("$-2\r\n"), "");
  EXPECT_EQ(error("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"), "");
  std::string deep;
  for (int i = 0; i < 20; i++) deep += "*1\r\n";
  EXPECT_NE(error(deep), "");
  ReplyReader reader;
  reader.Feed("$1073741824\r\n");
  std::string megabyte(1 << 20, 'x');
  for (int i = 0; i < 64; i++) {
    reader.Feed(megabyte);
    EXPECT_EQ(reader.Next(), nullptr);
  }
  EXPECT_EQ(reader.error(), "a reply is larger than 64 MiB");
  // Each reply has the whole budget.
  ReplyReader many;
  for (int i = 0; i < 2; i++) {
    std::string array = "*700000\r\n";
    for (int j = 0; j < 700000; j++) array += ":1\r\n";
    many.Feed(array);
    EXPECT_NE(many.Next(), nullptr);
  }
}

}  // namespace
}  // namespace mg::redis
