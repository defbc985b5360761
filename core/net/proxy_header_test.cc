#include "net/proxy_header.h"

#include <gtest/gtest.h>

namespace mg::net {
namespace {

using Status = ProxyHeader::Status;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

// Version 2: command, family, and what follows its length.
std::string V2(int command, int family, const std::string& rest) {
  std::string header = kSignature;
  header += static_cast<char>(0x20 | command);
  header += static_cast<char>(family);
  header += static_cast<char>(rest.size() >> 8);
  header += static_cast<char>(rest.size());
  return header + rest;
}

const std::string kIp4("\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb", 12);  // 192.0.2.1:56324 to 198.51.100.1:443

// What a header that is whole says; each of its beginnings asks for more; bytes behind it are left alone.
ProxyHeader Whole(const std::string& header) {
  for (size_t i = 0; i < header.size(); i++) {
    EXPECT_EQ(ParseProxyHeader(header.substr(0, i)).status, Status::kNeedMore) << i << " bytes of " << header;
  }
  ProxyHeader result = ParseProxyHeader(header + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(result.status, Status::kDone) << header << ": " << result.error;
  EXPECT_EQ(result.length, header.size());
  return result;
}

TEST(ProxyHeader, VersionOne) {
  ProxyHeader v4 = Whole("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n");
  EXPECT_FALSE(v4.local);
  EXPECT_EQ(v4.source.ToString(), "192.0.2.1:56324");
  EXPECT_EQ(v4.destination.ToString(), "198.51.100.1:443");
  ProxyHeader v6 = Whole("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n");
  EXPECT_EQ(v6.source.ToString(), "[2001:db8::1]:0");
  EXPECT_EQ(v6.destination.ToString(), "[::1]:65535");
  // The longest that there is.
  Whole("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
}

TEST(ProxyHeader, VersionOneUnknown) {
  EXPECT_TRUE(Whole("PROXY UNKNOWN\r\n").local);
  EXPECT_TRUE(
      Whole("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n").local);  // anything up to CRLF is ignored
  EXPECT_EQ(ParseProxyHeader("PROXY UNKNOWNX\r\n").status, Status::kBad);
}

TEST(ProxyHeader, VersionOneStrictly) {
  for (std::string_view line : {
           "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n",      // bare LF
           "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",        // a word too few
           "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 1\r\n",  // and too many
           "PROXY  TCP4 192.0.2.1 198.51.100.1 56324 443\r\n",   // two spaces
           "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 \r\n",   // a space at the end
           "PROXY TCP4 192.0.2.1\t198.51.100.1 56324 443\r\n",   // a tab
           "PROXY TCP4 192.0.2.01 198.51.100.1 56324 443\r\n",   // a leading zero
           "PROXY TCP4 192.0.2.1 198.51.100.1 056324 443\r\n",   //
           "PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n",    // too large
           "PROXY TCP4 192.0.2.1 198.51.100.1 -1 443\r\n",       //
           "PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n",       //
           "PROXY TCP4 192.0.2 198.51.100.1 1 443\r\n",          // not an address
           "PROXY TCP4 ::1 ::2 1 443\r\n",                       // of another family
           "PROXY TCP6 192.0.2.1 198.51.100.1 1 443\r\n",        //
           "PROXY TCP6 fe80::1%lo ::1 1 443\r\n",                // a scope
           "PROXY UDP4 192.0.2.1 198.51.100.1 1 443\r\n",        //
           "PROXY tcp4 192.0.2.1 198.51.100.1 1 443\r\n",        // case counts
           "PROXY TCP4 192.0.2.1 198.51.100.1 1 443\r\r\n",      //
           "PROXY \r\n",
           "PROXY\r\n",
           "proxy TCP4 192.0.2.1 198.51.100.1 1 443\r\n",
           "GET / HTTP/1.1\r\n",
           "\x16\x03\x01",
           "\r\n\r\nGET",
       }) {
    EXPECT_EQ(ParseProxyHeader(line).status, Status::kBad) << line;
  }
  EXPECT_EQ(ParseProxyHeader("PROXY UNKNOWN " + std::string(93, 'x')).status, Status::kBad);  // no CRLF in 107 bytes
  EXPECT_EQ(ParseProxyHeader("PROXY UNKNOWN " + std::string(92, 'x')).status, Status::kNeedMore);
  EXPECT_EQ(ParseProxyHeader(std::string_view("PROXY TCP4 192.0.2.1\0 1.1.1.1 1 2\r\n", 35)).status, Status::kBad);
}

TEST(ProxyHeader, VersionTwo) {
  ProxyHeader v4 = Whole(V2(1, 0x11, kIp4));
  EXPECT_EQ(v4.source.ToString(), "192.0.2.1:56324");
  EXPECT_EQ(v4.destination.ToString(), "198.51.100.1:443");
  std::string ip6(36, '\0');
  ip6[0] = 0x20;
  ip6[1] = 0x01;
  ip6[15] = 1;
  ip6[31] = 2;
  ip6[33] = 80;
  ProxyHeader v6 = Whole(V2(1, 0x21, ip6));
  EXPECT_EQ(v6.source.ToString(), "[2001::1]:80");
  EXPECT_EQ(v6.destination.ToString(), "[::2]:0");
}

TEST(ProxyHeader, VersionTwoUnix) {
  std::string paths(216, '\0');
  paths.replace(0, 11, "/run/a.sock");
  ProxyHeader header = Whole(V2(1, 0x31, paths));
  EXPECT_EQ(header.source.ToString(), "unix:/run/a.sock");
  EXPECT_EQ(header.source.Ip(), "unix:");
  EXPECT_EQ(header.destination.ToString(), "unix:");
  EXPECT_EQ(Whole(V2(1, 0x31, std::string(216, 'p'))).source.ToString(), "unix:" + std::string(108, 'p'));
}

TEST(ProxyHeader, VersionTwoWithoutAddresses) {
  EXPECT_TRUE(Whole(V2(0, 0x00, "")).local);
  EXPECT_TRUE(Whole(V2(0, 0x31, "any")).local);  // of LOCAL nothing else counts
  EXPECT_TRUE(Whole(V2(0, 0xff, "any")).local);
  EXPECT_TRUE(Whole(V2(1, 0x00, "any")).local);
}

TEST(ProxyHeader, VersionTwoSkipsTlvs) {
  EXPECT_EQ(Whole(V2(1, 0x11, kIp4 + std::string("\x01\x00\x02h2\x04\x00\x00", 8))).source.port(), 56324);
  for (std::string_view tlvs : {std::string_view("\x01", 1), std::string_view("\x01\x00", 2),
                                std::string_view("\x01\x00\x01", 3), std::string_view("\x01\x00\x03h2", 5)}) {
    EXPECT_EQ(ParseProxyHeader(V2(1, 0x11, kIp4 + std::string(tlvs))).status, Status::kBad);
  }
}

TEST(ProxyHeader, VersionTwoStrictly) {
  EXPECT_EQ(ParseProxyHeader(V2(1, 0x11, kIp4.substr(1))).status, Status::kBad);
  EXPECT_EQ(ParseProxyHeader(V2(1, 0x21, kIp4)).status, Status::kBad);
  EXPECT_EQ(ParseProxyHeader(V2(1, 0x31, kIp4)).status, Status::kBad);
  EXPECT_EQ(ParseProxyHeader(V2(2, 0x11, kIp4)).status, Status::kBad);  // no such command
  for (int family : {0x01, 0x10, 0x12, 0x13, 0x22, 0x32, 0x41, 0xff}) {
    EXPECT_EQ(ParseProxyHeader(V2(1, family, std::string(216, '\0'))).status, Status::kBad) << family;
  }
  for (int version : {0x00, 0x11, 0x31, 0xf1}) {
    std::string header = V2(1, 0x11, kIp4);
    header[12] = static_cast<char>(version);
    EXPECT_EQ(ParseProxyHeader(header).status, Status::kBad) << version;
  }
  std::string broken = V2(1, 0x11, kIp4);
  broken[11] = '\r';
  EXPECT_EQ(ParseProxyHeader(broken).status, Status::kBad);
}

TEST(ProxyHeader, IsOfALimitedSize) {
  std::string most = kIp4 + std::string("\x04\x0f\xe1", 3) + std::string(kMaxProxyHeader - 16 - 15, '\0');
  EXPECT_EQ(ParseProxyHeader(V2(1, 0x11, most)).status, Status::kDone);
  EXPECT_EQ(ParseProxyHeader(V2(1, 0x11, most + "x").substr(0, 16)).status, Status::kBad);  // known from its length
}

}  // namespace
}  // namespace mg::net
