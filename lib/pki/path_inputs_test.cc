// The inputs of RFC 5280 section 6.1.1, and what an anchor's own certificate says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "lib/pki/path_validator.h"
#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"

namespace musubi::pki {
namespace {

using base::Bytes;
using fakes::CertificateSpec;
using fakes::KeyKind;
using fakes::TestCa;
using fakes::TestKey;
using testing::ElementsAre;
using testing::IsEmpty;
namespace der = fakes::der;

using Change = std::function<void(CertificateSpec&)>;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 4, 1), absl::UTCTimeZone());
constexpr std::string_view kGold = "2.999.7.1";
constexpr std::string_view kSilver = "2.999.7.2";
constexpr std::string_view kAnyPolicy = "2.5.29.32.0";
constexpr std::string_view kPolicyMappingsOid = "2.5.29.33";
constexpr std::string_view kInhibitAnyPolicyOid = "2.5.29.54";
constexpr std::string_view kServerAuth = "1.3.6.1.5.5.7.3.1";
constexpr std::string_view kClientAuth = "1.3.6.1.5.5.7.3.2";
constexpr std::string_view kAnyUsage = "2.5.29.37.0";

Change Policies(std::initializer_list<std::string_view> oids) {
  const Bytes value = fakes::PoliciesValue(oids);
  return [value](CertificateSpec& spec) { spec.Set(fakes::kCertificatePoliciesOid, true, value); };
}
Change MapsGoldToSilver() {
  return [](CertificateSpec& spec) {
    Policies({kGold})(spec);
    spec.Set(kPolicyMappingsOid, true,
             der::Sequence({der::Sequence({der::Oid(kGold), der::Oid(kSilver)})}));
  };
}
// requireExplicitPolicy [0] or inhibitPolicyMapping [1], after no certificate.
Change PolicyConstraint(int which) {
  return [which](CertificateSpec& spec) {
    spec.Set(fakes::kPolicyConstraintsOid, true,
             der::Sequence({der::ContextPrimitive(which, Bytes{0})}));
  };
}
Change Usages(std::initializer_list<std::string_view> oids) {
  const Bytes value = fakes::ExtendedKeyUsageValue(oids);
  return [value](CertificateSpec& spec) { spec.Set(fakes::kExtendedKeyUsageOid, false, value); };
}
Change NoUsages() {
  return [](CertificateSpec& spec) { spec.Remove(fakes::kExtendedKeyUsageOid); };
}

Bytes SequenceOf(const std::vector<Bytes>& elements) {
  Bytes content;
  for (const Bytes& element : elements) base::Append(content, element);
  return der::Sequence({content});
}

// anchor - sub - card.
struct Chain {
  Change anchor, sub, card;
};

PathResult Validate(const Chain& chain, const PathInputs& inputs,
                    const ValidationProfile& profile = ValidationProfile::Rfc5280(),
                    AnchorRule rule = AnchorRule::kWholeCertificate) {
  const TestCa root;
  const TestKey& sub_key = TestKey::Get(KeyKind::kRsa2048, 21);
  CertificateSpec anchor = root.AnchorSpec();
  if (chain.anchor) chain.anchor(anchor);
  CertificateSpec sub = root.SubordinateSpec(sub_key, "Sub");
  if (chain.sub) chain.sub(sub);
  CertificateSpec card = root.CardSpec(TestKey::Get(KeyKind::kRsa2048, 10));
  card.issuer = sub.subject;
  if (chain.card) chain.card(card);
  TrustAnchor trusted = fakes::AnchorOf(fakes::ParseCertificate(root.Issue(anchor)), "root");
  trusted.rule = rule;
  return PathValidator({trusted}, profile)
      .Validate(fakes::IssueCertificate(card, sub_key), std::vector<Bytes>{root.Issue(sub)}, kNow,
                inputs);
}

void ExpectPolicies(const PathResult& result, const std::vector<std::string>& policies) {
  EXPECT_TRUE(result.verdict.valid()) << result.verdict.diagnostic;
  EXPECT_EQ(result.user_constrained_policies, policies);
}
void ExpectInvalid(const PathResult& result, VerdictReason reason, int cert_index) {
  EXPECT_EQ(result.verdict.status, VerdictStatus::kInvalid);
  EXPECT_EQ(Name(result.verdict.reason), Name(reason)) << result.verdict.diagnostic;
  EXPECT_EQ(result.verdict.cert_index, cert_index);
  EXPECT_THAT(result.user_constrained_policies, IsEmpty());
}
void ExpectNoPolicy(const PathResult& result) {
  ExpectInvalid(result, VerdictReason::kPolicyConstraintsViolated, 0);
}

TEST(PathInputs, TheInitialPoliciesLimitThoseOfThePath) {
  const Chain chain{nullptr, Policies({kGold, kSilver}), Policies({kGold})};
  ExpectPolicies(Validate(chain, {}), {std::string(kGold)});
  ExpectPolicies(Validate(chain, {.initial_policies = {std::string(kGold)}}), {std::string(kGold)});
  // Nothing holds, and nothing was demanded.
  ExpectPolicies(Validate(chain, {.initial_policies = {std::string(kSilver)}}), {});
  ExpectNoPolicy(Validate(
      chain, {.initial_policies = {std::string(kSilver)}, .initial_explicit_policy = true}));
}

TEST(PathInputs, AnExplicitPolicyIsDemandedFromTheFirstCertificateOn) {
  ExpectPolicies(Validate({nullptr, Policies({kAnyPolicy}), Policies({kGold})},
                          {.initial_explicit_policy = true}),
                 {std::string(kGold)});
  ExpectPolicies(Validate({nullptr, nullptr, Policies({kGold})}, {}), {});
  ExpectNoPolicy(
      Validate({nullptr, nullptr, Policies({kGold})}, {.initial_explicit_policy = true}));
}

TEST(PathInputs, MappingIsInhibited) {
  const Chain chain{nullptr, MapsGoldToSilver(), Policies({kSilver})};
  PathInputs inputs{.initial_policies = {std::string(kGold)}, .initial_explicit_policy = true};
  ExpectPolicies(Validate(chain, inputs), {std::string(kGold)});
  inputs.initial_policy_mapping_inhibit = true;
  ExpectNoPolicy(Validate(chain, inputs));
}

TEST(PathInputs, AnyPolicyIsInhibited) {
  const Chain chain{nullptr, Policies({kAnyPolicy}), Policies({kGold})};
  PathInputs inputs{.initial_explicit_policy = true};
  ExpectPolicies(Validate(chain, inputs), {std::string(kGold)});
  inputs.initial_any_policy_inhibit = true;
  ExpectNoPolicy(Validate(chain, inputs));
}

TEST(PathInputs, TheProfilesPoliciesAreNotWidened) {
  ValidationProfile profile = ValidationProfile::Rfc5280();
  profile.required_policies = {std::string(kGold)};
  const Chain both{nullptr, Policies({kGold, kSilver}), Policies({kGold, kSilver})};
  ExpectPolicies(Validate(both, {}, profile), {std::string(kGold)});
  ExpectPolicies(Validate(both, {.initial_policies = {std::string(kAnyPolicy)}}, profile),
                 {std::string(kGold)});
  ExpectPolicies(
      Validate(both, {.initial_policies = {std::string(kSilver), std::string(kGold)}}, profile),
      {std::string(kGold)});
  ExpectNoPolicy(Validate(both, {.initial_policies = {std::string(kSilver)}}, profile));
}

TEST(PathInputs, TheAnchorsOwnPoliciesCount) {
  const PathInputs explicit_policy{.initial_explicit_policy = true};
  const Chain gold{Policies({kGold}), Policies({kGold}), Policies({kGold})};
  ExpectPolicies(Validate(gold, explicit_policy), {std::string(kGold)});
  ExpectNoPolicy(
      Validate({Policies({kSilver}), Policies({kGold}), Policies({kGold})}, explicit_policy));
  // Without policies of its own it stands for any.
  ExpectPolicies(Validate({PolicyConstraint(0), Policies({kGold}), Policies({kGold})}, {}),
                 {std::string(kGold)});
  ExpectNoPolicy(Validate({PolicyConstraint(0), nullptr, Policies({kGold})}, {}));
  ExpectNoPolicy(
      Validate({PolicyConstraint(1), MapsGoldToSilver(), Policies({kSilver})}, explicit_policy));
  ExpectNoPolicy(Validate(
      {[](CertificateSpec& spec) { spec.Set(kInhibitAnyPolicyOid, true, der::Integer(0)); },
       Policies({kAnyPolicy}), Policies({kGold})},
      explicit_policy));
}

TEST(PathInputs, AnyPolicyIsNeitherMappedNorMappedTo) {
  auto maps = [](std::string_view from, std::string_view to) {
    return [from, to](CertificateSpec& spec) {
      Policies({kGold, kAnyPolicy})(spec);
      spec.Set(kPolicyMappingsOid, true,
               der::Sequence({der::Sequence({der::Oid(from), der::Oid(to)})}));
    };
  };
  const PathInputs explicit_policy{.initial_explicit_policy = true};
  EXPECT_TRUE(Validate({nullptr, maps(kGold, kSilver), Policies({kSilver})}, explicit_policy)
                  .verdict.valid());
  for (const auto& change : {maps(kAnyPolicy, kSilver), maps(kGold, kAnyPolicy)}) {
    const PathResult result = Validate({nullptr, change, Policies({kSilver})}, explicit_policy);
    EXPECT_EQ(result.verdict.status, VerdictStatus::kInvalid);
  }
}

TEST(PathInputs, TheTargetsOwnDemandForAPolicyCounts) {
  const Chain without{nullptr, nullptr, Policies({kGold})};
  ExpectPolicies(Validate(without, {}), {});
  ExpectNoPolicy(Validate({nullptr, nullptr, PolicyConstraint(0)}, {}));
}

TEST(PathInputs, TheAnchorsNameConstraintsCount) {
  auto constraint = [](int list, std::string_view country) {
    return [list, country](CertificateSpec& spec) {
      spec.Set(fakes::kNameConstraintsOid, true,
               der::Sequence({der::Context(
                   list, {der::Sequence({der::Context(4, {der::Name({{"C", country}})})})})}));
    };
  };
  constexpr int kPermitted = 0;
  constexpr int kExcluded = 1;
  EXPECT_TRUE(Validate({constraint(kPermitted, "JP"), nullptr, nullptr}, {}).verdict.valid());
  EXPECT_TRUE(Validate({constraint(kExcluded, "US"), nullptr, nullptr}, {}).verdict.valid());
  for (const auto& change : {constraint(kPermitted, "US"), constraint(kExcluded, "JP")}) {
    const PathResult result = Validate({change, nullptr, nullptr}, {});
    EXPECT_EQ(result.verdict.status, VerdictStatus::kInvalid);
    EXPECT_EQ(Name(result.verdict.reason), Name(VerdictReason::kNameConstraintsViolated));
  }
}

TEST(PathInputs, TheAnchorsCriticalExtensionsCount) {
  ExpectInvalid(Validate({[](CertificateSpec& spec) {
                            spec.Set("2.999.9", true, Bytes{5, 0});
                          },
                          nullptr, nullptr},
                         {}),
                VerdictReason::kUnknownCriticalExtension, 2);
}

TEST(PathInputs, TheAnchorConformsWhereTheWholePathHasTo) {
  ValidationProfile profile = ValidationProfile::Rfc5280();
  profile.conformance = Conformance::kWholePath;
  const Change not_critical = [](CertificateSpec& spec) {
    spec.Set(fakes::kBasicConstraintsOid, false, fakes::BasicConstraintsValue(true));
  };
  EXPECT_TRUE(Validate({}, {}, profile).verdict.valid());
  ExpectInvalid(Validate({not_critical, nullptr, nullptr}, {}, profile),
                VerdictReason::kProfileMismatch, 2);
  ExpectInvalid(Validate({nullptr, not_critical, nullptr}, {}, profile),
                VerdictReason::kProfileMismatch, 1);
  profile.conformance = Conformance::kTargetForms;
  EXPECT_TRUE(Validate({not_critical, not_critical, nullptr}, {}, profile).verdict.valid());
}

TEST(PathInputs, AnAnchorIsHeldToAsMuchAsItsRuleSays) {
  ValidationProfile profile = ValidationProfile::Rfc5280();
  profile.conformance = Conformance::kWholePath;
  const PathInputs inputs{.purpose = Purpose{std::string(kClientAuth)}};
  auto set = [](std::string_view oid, Bytes value) -> Change {
    return [oid, value](CertificateSpec& spec) { spec.Set(oid, true, value); };
  };
  const Bytes other_country = der::Sequence(
      {der::Context(0, {der::Sequence({der::Context(4, {der::Name({{"C", "US"}})})})})});
  const std::vector<Change> constraints = {
      set("2.999.9", Bytes{5, 0}),
      set(fakes::kBasicConstraintsOid, fakes::BasicConstraintsValue(true, 0)),
      set(fakes::kBasicConstraintsOid, fakes::BasicConstraintsValue(false)),
      set(fakes::kKeyUsageOid, fakes::KeyUsageValue(static_cast<uint16_t>(KeyUsage::kCrlSign))),
      set(fakes::kNameConstraintsOid, other_country),
      PolicyConstraint(0),
      Usages({kServerAuth}),
      [](CertificateSpec& spec) { spec.Remove(fakes::kSubjectKeyIdentifierOid); },
  };
  for (const Change& change : constraints) {
    const Chain chain{change, nullptr, nullptr};
    auto valid = [&](AnchorRule rule) {
      return Validate(chain, inputs, profile, rule).verdict.valid();
    };
    EXPECT_FALSE(valid(AnchorRule::kWholeCertificate));
    EXPECT_FALSE(valid(AnchorRule::kConstraintsOnly));
    EXPECT_TRUE(valid(AnchorRule::kValidityOnly));
    EXPECT_TRUE(valid(AnchorRule::kNameAndKey));
  }
  const Chain expired{[](CertificateSpec& spec) { spec.not_after = kNow - absl::Seconds(1); },
                      nullptr, nullptr};
  for (const AnchorRule rule : {AnchorRule::kWholeCertificate, AnchorRule::kValidityOnly}) {
    ExpectInvalid(Validate(expired, inputs, profile, rule), VerdictReason::kExpired, 2);
  }
  for (const AnchorRule rule : {AnchorRule::kConstraintsOnly, AnchorRule::kNameAndKey}) {
    EXPECT_TRUE(Validate(expired, inputs, profile, rule).verdict.valid());
  }
}

// An anchor is read once, for all threads.
TEST(PathInputs, ThreadsShareAnAnchorHoweverItIsHeld) {
  const TestCa root;
  const TestKey& sub_key = TestKey::Get(KeyKind::kRsa2048, 21);
  CertificateSpec sub = root.SubordinateSpec(sub_key, "Sub");
  Policies({kGold})(sub);
  CertificateSpec card = root.CardSpec(TestKey::Get(KeyKind::kRsa2048, 10));
  card.issuer = sub.subject;
  Policies({kGold})(card);
  const Bytes target = fakes::IssueCertificate(card, sub_key);
  const std::vector<Bytes> intermediates = {root.Issue(sub)};
  for (const bool with_policies : {true, false}) {
    for (const AnchorRule rule : {AnchorRule::kWholeCertificate, AnchorRule::kNameAndKey}) {
      CertificateSpec anchor = root.AnchorSpec();
      if (with_policies) Policies({kSilver})(anchor);
      TrustAnchor trusted = fakes::AnchorOf(fakes::ParseCertificate(root.Issue(anchor)), "root");
      trusted.rule = rule;
      const PathValidator validator({trusted}, ValidationProfile::Rfc5280());
      const PathInputs inputs{.initial_explicit_policy = true};
      const bool valid = !with_policies || rule == AnchorRule::kNameAndKey;
      std::vector<std::thread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          for (int round = 0; round < 10; ++round) {
            const PathResult result = validator.Validate(target, intermediates, kNow, inputs);
            EXPECT_EQ(result.verdict.valid(), valid) << result.verdict.diagnostic;
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
    }
  }
}

TEST(PathInputs, APurposeIsAskedOfTheWholePath) {
  auto inputs = [](PurposeRule rule) {
    return PathInputs{.purpose = Purpose{std::string(kClientAuth), rule}};
  };
  const PathInputs lenient = inputs(PurposeRule::kNotContradicted);
  const PathInputs target = inputs(PurposeRule::kTargetNamesIt);
  const PathInputs all = inputs(PurposeRule::kAllNameIt);
  auto expect_wrong = [](const PathResult& result, int cert_index) {
    ExpectInvalid(result, VerdictReason::kWrongExtendedKeyUsage, cert_index);
  };
  const Chain client{nullptr, Usages({kClientAuth}), Usages({kClientAuth})};
  for (const PathInputs& i : {lenient, target, all}) {
    EXPECT_TRUE(Validate(client, i).verdict.valid());
    expect_wrong(Validate({nullptr, nullptr, Usages({kServerAuth})}, i), 0);
    expect_wrong(Validate({nullptr, Usages({kServerAuth}), Usages({kClientAuth})}, i), 1);
    expect_wrong(Validate({Usages({kServerAuth}), Usages({kClientAuth}), Usages({kClientAuth})}, i),
                 2);
  }
  const Chain silent{nullptr, nullptr, NoUsages()};
  const Chain any{nullptr, Usages({kAnyUsage}), Usages({kAnyUsage})};
  EXPECT_TRUE(Validate(silent, lenient).verdict.valid());
  EXPECT_TRUE(Validate(any, lenient).verdict.valid());
  expect_wrong(Validate(silent, target), 0);
  expect_wrong(Validate(any, target), 0);
  const Chain silent_issuer{nullptr, nullptr, Usages({kClientAuth})};
  const Chain any_issuer{nullptr, Usages({kAnyUsage}), Usages({kClientAuth})};
  EXPECT_TRUE(Validate(silent_issuer, target).verdict.valid());
  EXPECT_TRUE(Validate(any_issuer, target).verdict.valid());
  expect_wrong(Validate(silent_issuer, all), 1);
  expect_wrong(Validate(any_issuer, all), 1);
}

// OpenSSL stops at 1,000 policy nodes, and at 2^20 comparisons of names with subtrees.
TEST(PathInputs, MorePoliciesThanTheLimitAreTooComplex) {
  // `count` policies, each mapped to each: every level multiplies the nodes by it.
  auto maps_all = [](int count) {
    std::vector<Bytes> policies, mappings;
    for (int i = 0; i < count; ++i) {
      const Bytes from = der::Oid("2.999.7." + std::to_string(i));
      policies.push_back(der::Sequence({from}));
      for (int k = 0; k < count; ++k) {
        mappings.push_back(der::Sequence({from, der::Oid("2.999.7." + std::to_string(k))}));
      }
    }
    return
        [policies = SequenceOf(policies), mappings = SequenceOf(mappings)](CertificateSpec& spec) {
          spec.Set(fakes::kCertificatePoliciesOid, true, policies);
          spec.Set(kPolicyMappingsOid, true, mappings);
        };
  };
  const Change few = maps_all(5);
  EXPECT_TRUE(Validate({few, few, Policies({"2.999.7.1"})}, {}).verdict.valid());
  const Change many = maps_all(28);
  ExpectInvalid(Validate({many, many, Policies({"2.999.7.1"})}, {}), VerdictReason::kTooComplex, 0);
}

TEST(PathInputs, MoreComparisonsOfNamesThanTheLimitAreTooComplex) {
  auto names = [](int count) {
    const Bytes value = SequenceOf(std::vector<Bytes>(
        static_cast<size_t>(count), der::ContextPrimitive(2, base::AsBytes("a"))));
    return [value](CertificateSpec& spec) { spec.Set("2.5.29.17", false, value); };
  };
  auto subtrees = [](int count) {
    const Bytes subtree = der::Sequence({der::ContextPrimitive(2, base::AsBytes("b"))});
    Bytes excluded;
    for (int i = 0; i < count; ++i) base::Append(excluded, subtree);
    const Bytes value = der::Sequence({der::Context(1, {excluded})});
    return [value](CertificateSpec& spec) { spec.Set(fakes::kNameConstraintsOid, true, value); };
  };
  EXPECT_TRUE(Validate({nullptr, subtrees(1000), names(1000)}, {}).verdict.valid());
  ExpectInvalid(Validate({nullptr, subtrees(1100), names(1100)}, {}), VerdictReason::kTooComplex,
                0);
}

TEST(PathInputs, IntermediatesAreLimited) {
  EXPECT_TRUE(Validate({}, {.max_intermediates = 1}).verdict.valid());
  ExpectInvalid(Validate({}, {.max_intermediates = 0}), VerdictReason::kIssuerUnknown, 0);
  ValidationProfile profile = ValidationProfile::Rfc5280();
  profile.max_intermediates = 0;
  ExpectInvalid(Validate({}, {.max_intermediates = 5}, profile), VerdictReason::kIssuerUnknown, 0);
}

TEST(PathInputs, AnOidIsDottedNumbers) {
  EXPECT_TRUE(IsDottedOid("2.999.1.30"));
  for (const char* text : {"", "2", "anyPolicy", "2.999.", "3.1", "1.40", "2.999.x"}) {
    EXPECT_FALSE(IsDottedOid(text)) << text;
  }
}

}  // namespace
}  // namespace musubi::pki
