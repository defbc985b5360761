#include "http/message.h"

#include <gtest/gtest.h>

#include <string>

namespace mg::http {
namespace {

class HeaderListTest : public testing::Test {
 protected:
  std::string Text() const {
    std::string text;
    for (const Header& h : list_) text.append(h.name).append("=").append(h.value).append(";");
    return text;
  }
  BlockPool pool_;
  Arena arena_{pool_};
  HeaderList list_;
};

TEST_F(HeaderListTest, KeepsOrderWhileItGrows) {
  std::string expected;
  std::vector<std::string> names;
  for (int i = 0; i < 100; i++) names.push_back("X-" + std::to_string(i));
  for (const std::string& name : names) {
    list_.Append(arena_, name, "v");
    expected += name + "=v;";
  }
  EXPECT_EQ(list_.size(), 100u);
  EXPECT_EQ(Text(), expected);
}

TEST_F(HeaderListTest, FindsByNameAndById) {
  list_.Append(arena_, "x-one", "1");
  list_.Append(arena_, "content-type", "text/plain");
  list_.Append(arena_, HeaderId::kServer, "s");
  EXPECT_EQ(list_.Get("X-ONE"), "1");
  EXPECT_EQ(list_.Get("Content-Type"), "text/plain");
  EXPECT_EQ(list_.Get(HeaderId::kContentType), "text/plain");
  EXPECT_EQ(list_.Get("server"), "s");
  EXPECT_EQ(list_.Find("x-two"), nullptr);
  EXPECT_EQ(list_.Find(""), nullptr);
  EXPECT_EQ(list_.Find(HeaderId::kHost), nullptr);
  EXPECT_EQ(list_.Get("x-two"), "");
}

TEST_F(HeaderListTest, SetReplacesTheFirstAndRemovesTheOthers) {
  list_.Append(arena_, "A", "1");
  list_.Append(arena_, "B", "1");
  list_.Append(arena_, "a", "2");
  list_.Append(arena_, "C", "1");
  list_.Append(arena_, "A", "3");
  list_.Set(arena_, "a", "new");
  EXPECT_EQ(Text(), "a=new;B=1;C=1;");
  list_.Set(arena_, "D", "4");
  EXPECT_EQ(Text(), "a=new;B=1;C=1;D=4;");
  list_.Append(arena_, "via", "1");
  list_.Append(arena_, "VIA", "2");
  list_.Set(arena_, HeaderId::kVia, "3");
  EXPECT_EQ(Text(), "a=new;B=1;C=1;D=4;Via=3;");
}

TEST_F(HeaderListTest, RemovesAllOfAName) {
  list_.Append(arena_, "A", "1");
  list_.Append(arena_, "Cookie", "1");
  list_.Append(arena_, "a", "2");
  list_.Append(arena_, "cookie", "2");
  EXPECT_EQ(list_.Remove("A"), 2u);
  EXPECT_EQ(list_.Remove("A"), 0u);
  EXPECT_EQ(Text(), "Cookie=1;cookie=2;");
  EXPECT_EQ(list_.Remove("COOKIE"), 2u);
  EXPECT_TRUE(list_.empty());
  list_.Append(arena_, "B", "1");
  EXPECT_EQ(list_.Remove(HeaderId::kOther), 0u);
  EXPECT_EQ(list_.RemoveIf([](const Header& h) { return h.value == "1"; }), 1u);
}

TEST(Headers, IdentifiesEachInAnyCase) {
  for (size_t i = 1; i < static_cast<size_t>(HeaderId::kCount); i++) {
    HeaderId id = static_cast<HeaderId>(i);
    std::string name(HeaderName(id));
    ASSERT_FALSE(name.empty());
    EXPECT_EQ(IdentifyHeader(name), id) << name;
    std::string lower = Lower(name), upper = name;
    for (char& c : upper) c = IsAlpha(c) ? static_cast<char>(c & ~0x20) : c;
    EXPECT_EQ(IdentifyHeader(lower), id) << lower;
    EXPECT_EQ(IdentifyHeader(upper), id) << upper;
    // Any other byte anywhere makes it another name.
    for (size_t at = 0; at < name.size(); at++) {
      for (int byte = 0; byte < 256; byte++) {
        std::string other = lower;
        other[at] = static_cast<char>(byte);
        if (EqualsIgnoreCase(other, lower)) continue;
        ASSERT_NE(IdentifyHeader(other), id) << other;
      }
    }
    EXPECT_EQ(IdentifyHeader(name + "s"), HeaderId::kOther);
    EXPECT_NE(IdentifyHeader(name.substr(1)), id);
  }
  EXPECT_EQ(IdentifyHeader(""), HeaderId::kOther);
  EXPECT_EQ(IdentifyHeader("x"), HeaderId::kOther);
  EXPECT_EQ(IdentifyHeader(std::string(1000, 'x')), HeaderId::kOther);
  EXPECT_EQ(HeaderName(HeaderId::kOther), "");
  EXPECT_EQ(HeaderName(HeaderId::kXRequestId), "X-Request-ID");
  EXPECT_EQ(HeaderName(HeaderId::kAccept), "Accept");
}

TEST(Methods, ParseAndName) {
  for (size_t i = 0; i < static_cast<size_t>(Method::kOther); i++) {
    Method method = static_cast<Method>(i);
    EXPECT_EQ(ParseMethod(MethodName(method)), method);
    EXPECT_EQ(ParseMethod(Lower(MethodName(method))), Method::kOther);
  }
  EXPECT_EQ(MethodName(Method::kOther), "");
  for (const char* other :
       {"", "GE", "GOT", "PAT", "HEAT", "POSH", "PATCI", "DELETF", "OPTIONT", "CONNECU", "PROPFIND"}) {
    EXPECT_EQ(ParseMethod(other), Method::kOther) << other;
  }
}

TEST(Status, Phrases) {
  EXPECT_EQ(ReasonPhrase(200), "OK");
  EXPECT_EQ(ReasonPhrase(413), "Content Too Large");
  EXPECT_EQ(ReasonPhrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(ReasonPhrase(511), "Network Authentication Required");
  for (int unknown : {-1, 0, 99, 105, 299, 306, 418, 499, 599, 1000}) EXPECT_EQ(ReasonPhrase(unknown), "");
}

}  // namespace
}  // namespace mg::http
