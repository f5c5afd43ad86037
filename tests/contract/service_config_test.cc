// deploy/service-config.json, what clients are given, beside the method table, what the server
// demands: each method once, with a deadline that the server takes, and repeated only if that does
// nothing twice.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/time/time.h"
#include "lib/base/file.h"
#include "lib/rpc/method_table.h"
#include "musubi/v1/link.pb.h"
#include "musubi/v1/pairing.pb.h"
#include "musubi/v1/session.pb.h"
#include "musubi/v1/validation.pb.h"

namespace musubi {
namespace {

using nlohmann::json;
using rpc::MethodKind;

// Of the default session lifetime.
const absl::Duration kLongestWatch = absl::Minutes(30) + rpc::kWatchDeadlineMargin;

// Methods whose requests have neither a request id nor a claim key, and why to repeat them is safe.
const std::map<std::string, std::string> kSafeToRepeat = {
    {"musubi.v1.SessionService/GetSession", "reads"},
    {"musubi.v1.SessionService/WatchSession", "reads"},
    {"musubi.v1.PairingService/GetQrFrame", "reads"},
    {"musubi.v1.PairingService/WatchQrFrames", "reads"},
    {"musubi.v1.ValidationService/GetChallenge", "the challenge that arrives is the one in force"},
    {"musubi.v1.ValidationService/ValidateCertificate", "judges anew, and logs anew"},
    {"musubi.v1.ValidationService/ValidateCertificates", "judges anew, and logs anew"},
    {"musubi.v1.LinkService/GetLink", "reads, and notes anew that a name was seen"},
    {"musubi.v1.LinkService/ListLinks", "reads, and notes anew that names were seen"},
    {"musubi.v1.LinkService/ListLinkEvents", "reads"},
};

json ServiceConfig() {
  const auto text = base::ReadFile("deploy/service-config.json");
  EXPECT_TRUE(text.ok()) << text.status();
  return json::parse(text.value());
}

// "musubi.v1.SessionService/GetSession": the method's config.
std::map<std::string, json> ConfigsByMethod(const json& config) {
  std::map<std::string, json> methods;
  for (const json& entry : config.at("methodConfig")) {
    for (const json& name : entry.at("name")) {
      const std::string method =
          name.at("service").get<std::string>() + "/" + name.at("method").get<std::string>();
      EXPECT_TRUE(methods.emplace(method, entry).second) << method << " is there twice";
    }
  }
  return methods;
}

absl::Duration LongestOf(MethodKind kind) {
  switch (kind) {
    case MethodKind::kUnary:
      return rpc::kMaxUnaryDeadline;
    case MethodKind::kWatch:
      return kLongestWatch;
    case MethodKind::kBulk:
      break;
  }
  return rpc::kMaxBulkDeadline;
}

TEST(ServiceConfig, HasEachMethodWithTheDeadlineThatTheServerTakes) {
  std::map<std::string, json> methods = ConfigsByMethod(ServiceConfig());
  for (const rpc::MethodRule& rule : rpc::MethodTable()) {
    const auto found = methods.find(std::string(rule.method.substr(1)));
    ASSERT_NE(found, methods.end()) << rule.method << " has no entry";
    absl::Duration timeout;
    ASSERT_TRUE(absl::ParseDuration(found->second.at("timeout").get<std::string>(), &timeout));
    EXPECT_EQ(timeout, LongestOf(rule.kind)) << rule.method;
    EXPECT_EQ(found->second.at("waitForReady"), true) << rule.method;
    methods.erase(found);
  }
  for (const auto& [method, config] : methods) ADD_FAILURE() << method << " is in no table";
}

TEST(ServiceConfig, RepeatsWhatIsSafeToRepeatAndForTheRightReasons) {
  for (const auto& [method, config] : ConfigsByMethod(ServiceConfig())) {
    const json& policy = config.at("retryPolicy");
    EXPECT_EQ(policy.at("retryableStatusCodes"), json({"UNAVAILABLE", "CANCELLED"})) << method;
    const size_t slash = method.find('/');
    const google::protobuf::ServiceDescriptor* service = nullptr;
    for (const auto* file :
         {v1::GetSessionRequest::descriptor()->file(), v1::GetQrFrameRequest::descriptor()->file(),
          v1::GetChallengeRequest::descriptor()->file(),
          v1::GetLinkRequest::descriptor()->file()}) {
      if (file->service(0)->full_name() == method.substr(0, slash)) service = file->service(0);
    }
    ASSERT_NE(service, nullptr) << method;
    const auto* found = service->FindMethodByName(method.substr(slash + 1));
    ASSERT_NE(found, nullptr) << method;
    const google::protobuf::Descriptor& request = *found->input_type();
    const bool named = request.FindFieldByName("request_id") != nullptr ||
                       request.FindFieldByName("claim_key") != nullptr;
    EXPECT_NE(named, kSafeToRepeat.contains(method))
        << method << (named ? " needs no reason" : ": why is to repeat it safe?");
  }
}

TEST(ServiceConfig, SpreadsCallsAndStopsRepeatingInALongFailure) {
  const json config = ServiceConfig();
  EXPECT_EQ(config.at("loadBalancingConfig"), json::parse(R"([{"round_robin": {}}])"));
  const json& throttling = config.at("retryThrottling");
  EXPECT_GT(throttling.at("maxTokens"), 0);
  EXPECT_LT(throttling.at("tokenRatio"), 1);
}

}  // namespace
}  // namespace musubi
