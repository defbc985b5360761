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

}  // namespace
}  // namespace mg::proxy
