#include "proxy/trust.h"

#include <gtest/gtest.h>

namespace mg::proxy {
namespace {

TEST(TrustedProxies, ContainsByNetwork) {
  TrustedProxies trusted({"10.0.0.0/8", "192.168.1.7", "172.16.0.0/12", "2001:db8::/33", "::1", "203.0.113.128/25"});
  for (std::string_view ip :
       {"10.0.0.0", "10.255.255.255", "192.168.1.7", "172.31.0.1", "2001:db8:7fff::1", "::1", "203.0.113.255"}) {
    EXPECT_TRUE(trusted.Contains(ip)) << ip;
  }
  for (std::string_view ip : {"11.0.0.0", "192.168.1.8", "172.32.0.1", "2001:db8:8000::1", "::2", "203.0.113.127", "",
                              "x", "10.0.0.1.2", "10.0.0.1:80", "unix:"}) {
    EXPECT_FALSE(trusted.Contains(ip)) << ip;
  }
}

TEST(TrustedProxies, ANetworkOfZeroBitsIsOfOneFamily) {
  TrustedProxies all({"0.0.0.0/0"});
  EXPECT_TRUE(all.Contains("8.8.8.8"));
  EXPECT_FALSE(all.Contains("::1"));
  EXPECT_TRUE(TrustedProxies().empty());
  EXPECT_FALSE(TrustedProxies().Contains("10.0.0.1"));
}

TEST(TrustedProxies, AMappedAddressIsItsIpv4Address) {
  TrustedProxies trusted({"10.0.0.0/8", "::ffff:192.0.2.0/120"});
  EXPECT_TRUE(trusted.Contains("::ffff:10.1.2.3"));
  EXPECT_TRUE(trusted.Contains("192.0.2.9"));
  EXPECT_FALSE(trusted.Contains("192.0.3.9"));
  EXPECT_FALSE(trusted.Contains("::ffff:11.1.2.3"));
}

TEST(TrustedProxies, UnixSocketsByName) {
  TrustedProxies trusted({"unix:"});
  EXPECT_FALSE(trusted.empty());
  EXPECT_TRUE(trusted.Contains("unix:"));
  EXPECT_FALSE(trusted.Contains("127.0.0.1"));
}

TEST(NodeAddress, IsTheAddressWithoutItsPort) {
  for (auto [node, address] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"192.0.2.1", "192.0.2.1"},
           {"192.0.2.1:80", "192.0.2.1"},
           {"::1", "::1"},
           {"[::1]", "::1"},
           {"[::1]:80", "::1"},
           {"", ""},
           {"unknown", ""},
           {"_hidden", ""},
           {"192.0.2.1:", ""},
           {"192.0.2.1:http", ""},
           {"192.0.2.1:65536", ""},
           {"192.0.2.1:_obf", ""},
           {"[192.0.2.1]", ""},
           {"[::1", ""},
           {"[::1]80", ""},
           {"a[::1]", ""},
           {"host.example:80", ""},
       }) {
    EXPECT_EQ(NodeAddress(node), address) << node;
  }
}

TEST(ForwardedNodes, ReadsRfc7239) {
  auto nodes = [](std::string_view field) {
    std::vector<std::string_view> found;
    std::string text;
    if (!ForwardedNodes(field, found)) return std::string("malformed");
    for (std::string_view node : found) text += "<" + std::string(node) + ">";
    return text;
  };
  EXPECT_EQ(nodes(""), "");
  EXPECT_EQ(nodes("for=192.0.2.1"), "<192.0.2.1>");
  EXPECT_EQ(nodes("For=\"[2001:db8::1]:80\";proto=https;by=203.0.113.43"), "<[2001:db8::1]:80>");
  EXPECT_EQ(nodes("for=a, for=b;host=\"x,for=y;\" ,,for=c,"), "<a><b><c>");
  EXPECT_EQ(nodes("proto=http, for=a"), "<><a>");   // the first tells of nobody
  EXPECT_EQ(nodes("for=[::1]:80;"), "<[::1]:80>");  // quotes are forgotten by some
  EXPECT_EQ(nodes("for=\"a\\\"b\""), "<>");
  for (std::string_view field : {"for", "for=", "for=a b", "for=\"a", "for=\"a\\", "for=\"a\"b", "for=a;for=b", "=a",
                                 "for =a", "for= a", "for=a/b"}) {
    EXPECT_EQ(nodes(field), "malformed") << field;
  }
}

}  // namespace
}  // namespace mg::proxy
