#include "proxy/identity.h"

#include <gtest/gtest.h>

namespace mg::proxy {
namespace {

TEST(IdentityHeaders, MatchInAnyCaseWithUnderscoresAndByPrefix) {
  IdentityHeaders headers({"X-User-ID", "x-consumer-*"});
  for (std::string_view name :
       {"X-User-ID", "x_user_id", "X-uSER_iD", "X-Consumer-", "x_CONSUMER_name", "X-Consumer-A-B"}) {
    EXPECT_TRUE(headers.Matches(name)) << name;
  }
  for (std::string_view name : {"X-User", "X-User-IDs", "XUser-ID", "X-Consumer", "", "Y-User-ID", "X-User-I"}) {
    EXPECT_FALSE(headers.Matches(name)) << name;
  }
}

TEST(IdentityHeaders, NoneMatchNothingAndAStarMatchesAll) {
  EXPECT_FALSE(IdentityHeaders().Matches("X"));
  EXPECT_FALSE(IdentityHeaders({""}).Matches("X"));
  EXPECT_TRUE(IdentityHeaders({"*"}).Matches("X"));
}

TEST(IdentityHeaders, StripRemovesAllAndKeepsTheOrderOfTheRest) {
  BlockPool blocks;
  Arena arena(blocks);
  http::HeaderList list;
  for (std::string_view name : {"A", "X-User-ID", "B", "x_user-id", "C"}) list.Append(arena, name, "1");
  IdentityHeaders({"x-user-id"}).Strip(list);
  std::string left;
  for (const http::Header& header : list) left += header.name;
  EXPECT_EQ(left, "ABC");
}

}  // namespace
}  // namespace mg::proxy
