#include "base/encoding.h"

#include <gtest/gtest.h>

namespace mg {
namespace {

// RFC 4648 section 10.
TEST(Base64, KnowsTheVectorsOfTheRfc) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (auto [bytes, text] : vectors) {
    EXPECT_EQ(Base64Encode(bytes), text);
    EXPECT_EQ(Base64Decode(text), bytes);
    std::string bare(text);
    while (bare.ends_with('=')) bare.pop_back();
    EXPECT_EQ(Base64Encode(bytes, Base64::kUrl), bare);
    EXPECT_EQ(Base64Decode(bare, Base64::kUrl), bytes);
    EXPECT_EQ(Base64Decode(bare, Base64::kLenient), bytes);
    EXPECT_EQ(Base64Decode(text, Base64::kLenient), bytes);
  }
}

TEST(Base64, RoundTripsEveryByteInEveryForm) {
  for (size_t size = 0; size < 260; size++) {
    std::string bytes;
    for (size_t i = 0; i < size; i++) bytes += static_cast<char>(i * 37 + size);
    for (Base64 form : {Base64::kStandard, Base64::kUrl, Base64::kUrlPadded, Base64::kUnpadded, Base64::kLenient,
                        Base64::kUrlLenient}) {
      std::string text = Base64Encode(bytes, form);
      EXPECT_EQ(text.size(), Base64EncodedSize(size, form));
      EXPECT_LE(size, Base64DecodedMaximum(text.size()));
      EXPECT_EQ(Base64Decode(text, form), bytes);
    }
  }
}

TEST(Base64, IsStrictWhereItSaysSo) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "Z", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "====", "=",
                           "Z===", "Zg==Zg==", "Zm9-", "Zm9_", "Zg=g"}) {
    EXPECT_FALSE(Base64Decode(text)) << text;
  }
  for (const char* text : {"Zg==", "Z", "Zh", "Zm9+", "Zm9/", "Zm8="}) EXPECT_FALSE(Base64Decode(text, Base64::kUrl));
  EXPECT_EQ(Base64Decode("-_-_", Base64::kUrl), "\xfb\xff\xbf");
  EXPECT_EQ(Base64Decode("+/+/"), "\xfb\xff\xbf");
}

TEST(Base64, IsLenientWhereItSaysSo) {
  EXPECT_EQ(Base64Decode("Zh", Base64::kLenient), "f");
  EXPECT_EQ(Base64Decode("Zg==rest", Base64::kLenient), "f");
  EXPECT_EQ(Base64Decode("-_-_==", Base64::kUrlLenient), "\xfb\xff\xbf");
  EXPECT_FALSE(Base64Decode("Z", Base64::kLenient));
  EXPECT_FALSE(Base64Decode("Zm 9v", Base64::kLenient));
}

TEST(Hex, RoundTripsAndRefuses) {
  EXPECT_EQ(HexEncode(std::string_view("\x00\xff\x1a", 3)), "00ff1a");
  EXPECT_EQ(HexDecode("00fF1A"), std::string("\x00\xff\x1a", 3));
  EXPECT_FALSE(HexDecode("0"));
  EXPECT_FALSE(HexDecode("0g"));
}

}  // namespace
}  // namespace mg
