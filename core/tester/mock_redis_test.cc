#include "tester/mock_redis.h"

#include <gtest/gtest.h>

namespace mg::tester {
namespace {

std::string BytesFor(RedisScript& script, const std::string& command) {
  const RedisReply* reply = script.Choose(*ParseCommandText(command));
  return reply == nullptr ? "(none)" : reply->bytes;
}

TEST(RedisScriptTest, RepliesAreWrittenAsRedisCliShowsThem) {
  auto script = RedisScript::Parse(R"(>>> GET a
"x\r\n\x00"
>>> GET nothing
(nil)
>>> INCR n
(integer) -5
>>> SET a b
OK
>>> EVALSHA *
(error) NOSCRIPT No matching script
>>> LRANGE l 0 -1
1) "a"
2) (integer) 2
3) (nil)

>>> KEYS *
(empty array)
>>> HGETALL h
raw
*1\r\n*1\r\n:7\r\n
)");
  ASSERT_TRUE(script.has_value()) << script.error().message;
  EXPECT_EQ(BytesFor(*script, "GET a"), std::string("$4\r\nx\r\n\0\r\n", 10));
  EXPECT_EQ(BytesFor(*script, "get nothing"), "$-1\r\n");
  EXPECT_EQ(BytesFor(*script, "GET A"), "(none)");
  EXPECT_EQ(BytesFor(*script, "INCR n"), ":-5\r\n");
  EXPECT_EQ(BytesFor(*script, "SET a b"), "+OK\r\n");
  EXPECT_EQ(BytesFor(*script, "SET a b EX 1"), "(none)");
  EXPECT_EQ(BytesFor(*script, "EVALSHA 0123 1 k"), "-NOSCRIPT No matching script\r\n");
  EXPECT_EQ(BytesFor(*script, "LRANGE l 0 -1"), "*3\r\n$1\r\na\r\n:2\r\n$-1\r\n");
  EXPECT_EQ(BytesFor(*script, "KEYS x"), "*0\r\n");
  EXPECT_EQ(BytesFor(*script, "HGETALL h"), "*1\r\n*1\r\n:7\r\n");
}

TEST(RedisScriptTest, TheReplyThatNamesMostAndThoseAlikeInTurn) {
  auto script = RedisScript::Parse(">>> *\nany\n>>> GET *\nget\n>>> GET a\nfirst\n>>> GET a\nlast\n");
  ASSERT_TRUE(script.has_value()) << script.error().message;
  EXPECT_EQ(BytesFor(*script, "GET a"), "+first\r\n");
  EXPECT_EQ(BytesFor(*script, "GET a"), "+last\r\n");
  EXPECT_EQ(BytesFor(*script, "GET a"), "+last\r\n");
  EXPECT_EQ(BytesFor(*script, "GET b"), "+get\r\n");
  EXPECT_EQ(BytesFor(*script, "TTL b"), "+any\r\n");
}

TEST(RedisScriptTest, RefusesWhatIsNoReply) {
  for (const char* text : {">>>\nOK\n", ">>> GET a\n", ">>> GET a\n\"x\n", ">>> GET a\n(integer) x\n",
                           ">>> GET a\n(what)\n", ">>> GET a\nOK\nOK\n", ">>> GET a\n1) OK\n3) OK\n",
                           ">>> GET a delay=x\nOK\n", ">>> GET \"a\nOK\n", ">>> GET a\nraw\n\\q\n"}) {
    EXPECT_FALSE(RedisScript::Parse(text).has_value()) << text;
  }
}

TEST(RedisScriptTest, CommandsAreReadAsTheyArrive) {
  std::string bytes;
  std::vector<std::string> command;
  for (char c : std::string("*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n")) {
    EXPECT_EQ(TakeCommand(bytes, command), Taken::kMore);
    bytes += c;
  }
  EXPECT_EQ(TakeCommand(bytes, command), Taken::kCommand);
  EXPECT_EQ(command, (std::vector<std::string>{"GET", "\r\n"}));
  EXPECT_EQ(bytes, "");
  EXPECT_EQ(CommandText(command), R"(GET "\r\n")");
  EXPECT_EQ(*ParseCommandText(CommandText({"a\"b", "", "c d"})), (std::vector<std::string>{"a\"b", "", "c d"}));
  for (const char* broken : {"GET a\r\n", "*0\r\n", "*-1\r\n", "*1\r\n:1\r\n", "*1\r\n$1\r\nabc", "*1\r\n$x\r\n"}) {
    bytes = broken;
    EXPECT_EQ(TakeCommand(bytes, command), Taken::kBroken) << broken;
  }
}

}  // namespace
}  // namespace mg::tester
