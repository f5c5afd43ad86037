#include "lib/rpc/caller.h"

#include <gtest/gtest.h>

#include <vector>

#include "lib/base/error.h"

namespace musubi::rpc {
namespace {

const Caller kFrontCaller{.role = Role::kFront, .relying_party_id = {}};
const Caller kDemo{.role = Role::kRelyingParty, .relying_party_id = "demo"};

TEST(Caller, TakesTheFourRolesExactly) {
  const std::pair<const char*, Caller> cases[] = {
      {"musubi://role/front", kFrontCaller},
      {"musubi://role/platform", {.role = Role::kPlatform, .relying_party_id = {}}},
      {"musubi://role/operator", {.role = Role::kOperator, .relying_party_id = {}}},
      {"musubi://role/relying-party/demo", kDemo},
  };
  for (const auto& [uri, expected] : cases) {
    const auto caller = CallerFromUris(std::vector<std::string>{uri});
    ASSERT_TRUE(caller.ok()) << uri;
    EXPECT_EQ(*caller, expected) << uri;
  }
}

TEST(Caller, RefusesWhatOnlyLooksLikeARole) {
  const std::string long_id(kMaxRelyingPartyIdLength + 1, 'a');
  const std::vector<std::string> cases[] = {
      {},
      {""},
      {"musubi://role/"},
      {"musubi://role/frontier"},
      {"musubi://role/front/"},
      {"musubi://role/Front"},
      {"MUSUBI://role/front"},
      {"musubi://role/front?x"},
      {"xmusubi://role/front"},
      {"musubi://roles/front"},
      {std::string("musubi://role/front\0", 20)},
      {"musubi://role/relying-party"},
      {"musubi://role/relying-party/"},
      {"musubi://role/relying-party/a/b"},
      {"musubi://role/relying-party/Demo"},
      {"musubi://role/relying-party/" + long_id},
      {"musubi://role/front", "musubi://role/platform"},
      {"musubi://role/front", "musubi://role/front"},
      {"musubi://role/front", "musubi://role/unknown"},
      {"spiffe://example.ac.jp/front"},
  };
  for (const auto& uris : cases) {
    const auto caller = CallerFromUris(uris);
    ASSERT_FALSE(caller.ok()) << (uris.empty() ? "" : uris.front());
    EXPECT_EQ(base::ReasonOf(caller.status()), base::ErrorReason::kCallerUnauthenticated);
  }
}

TEST(Caller, IgnoresUrisOfOthersBesideTheRole) {
  const auto caller =
      CallerFromUris(std::vector<std::string>{"spiffe://example.ac.jp/web", "musubi://role/front"});
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(*caller, kFrontCaller);
}

TEST(Caller, OnPlaintextOnlyListedRolesCount) {
  const std::vector<Caller> allowed = {kFrontCaller, kDemo};
  const auto ask = [&](std::vector<std::string> stated) {
    return CallerFromMetadata(stated, allowed);
  };
  EXPECT_EQ(ask({"front"}).value(), kFrontCaller);
  EXPECT_EQ(ask({"relying-party/demo"}).value(), kDemo);
  for (const auto& stated : std::vector<std::vector<std::string>>{{},
                                                                  {""},
                                                                  {"platform"},
                                                                  {"relying-party/other"},
                                                                  {"musubi://role/front"},
                                                                  {"front", "front"}}) {
    EXPECT_EQ(base::ReasonOf(ask(stated).status()), base::ErrorReason::kCallerUnauthenticated);
  }
}

}  // namespace
}  // namespace musubi::rpc
