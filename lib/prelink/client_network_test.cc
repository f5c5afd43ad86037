#include "lib/prelink/client_network.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/base/encoding.h"
#include "lib/base/error.h"

namespace musubi::prelink {
namespace {

TEST(ClientNetwork, IsTheFirst24BitsOfIpv4AndThe48OfIpv6) {
  struct Case {
    const char* text;
    const char* octets;  // In hex; empty: refused.
  };
  const Case kCases[] = {
      {"192.0.2.0/24", "c00002"},
      {"192.0.2.255", "c00002"},
      {"192.0.2.7/32", "c00002"},
      {"192.0.3.7", "c00003"},
      {"::ffff:192.0.2.9", "c00002"},
      {"::ffff:192.0.2.0/120", "c00002"},
      {"2001:db8:1::/48", "20010db80001"},
      {"2001:db8:1:2:3:4:5:6", "20010db80001"},
      {"2001:db8:1:2::/64", "20010db80001"},
      {"2001:db8:2::1", "20010db80002"},
      {"", ""},
      {"192.0.2", ""},
      {"192.0.0.0/16", ""},
      {"192.0.2.0/33", ""},
      {"192.0.2.0/", ""},
      {"192.0.2.0/-1", ""},
      {"192.0.2.0/24/24", ""},
      {"2001:db8::/32", ""},
      {"2001:db8::/129", ""},
      {"::ffff:192.0.2.0/96", ""},
      {"Mihon-machi", ""},
      {"192.0.2.1 ", ""},
      {"999.0.2.1", ""},
  };
  for (const Case& c : kCases) {
    const auto network = ClientNetwork::Parse(c.text);
    if (*c.octets == '\0') {
      EXPECT_EQ(base::ReasonOf(network.status()), base::ErrorReason::kFieldInvalid) << c.text;
      EXPECT_EQ(base::MetadataOf(network.status())["field"], "client_network") << c.text;
    } else {
      ASSERT_TRUE(network.ok()) << c.text << ": " << network.status();
      EXPECT_EQ(base::HexEncode(network->octets()), c.octets) << c.text;
    }
  }
  EXPECT_FALSE(ClientNetwork::Parse(std::string_view("192.0.2.0\0.1", 12)).ok());
}

}  // namespace
}  // namespace musubi::prelink
