#include "lib/pki/crl.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::pki {
namespace {

namespace der = fakes::der;
using base::Bytes;
using fakes::CrlSpec;
using fakes::TestCa;
using fakes::TestKey;

const absl::Time kThisUpdate =
    absl::FromCivil(absl::CivilSecond(2026, 4, 1, 3, 0, 0), absl::UTCTimeZone());

class CrlTest : public testing::Test {
 protected:
  CrlSpec Spec() const {
    return fakes::MakeCrlSpec(ca_, fakes::DistributionPointName("Mihon-shi"), 7, kThisUpdate);
  }
  Bytes Issue(const CrlSpec& spec) const { return fakes::IssueCrl(spec, ca_.key()); }
  CrlOutcome Parse(const CrlSpec& spec) const { return ParseCrl(Issue(spec)).outcome; }
  // Parse and signature against the CA.
  CrlOutcome Verify(const Bytes& crl, const TestCa& signer) const {
    const CrlParseResult parsed = ParseCrl(crl);
    return parsed.crl ? CheckCrlSignature(*parsed.crl, signer.certificate()) : parsed.outcome;
  }
  Certificate Card(uint64_t serial = 0x01234567) const {
    return fakes::ParseCertificate(ca_.Issue(ca_.CardSpec(card_key_, serial)));
  }

  const TestKey& card_key_ = TestKey::Get(fakes::KeyKind::kRsa2048, 9);
  TestCa ca_;
};

TEST_F(CrlTest, SaysWhoIsRevokedSinceWhenAndWhy) {
  CrlSpec spec = Spec();
  const absl::Time at = kThisUpdate - absl::Hours(30);
  spec.Revoke(Bytes{0x02, 0x03}, at, 3).Revoke(Bytes{0x01}, at).Revoke(Bytes{0x00, 0xff}, at, 0);
  const CrlParseResult parsed = ParseCrl(Issue(spec));
  ASSERT_EQ(parsed.outcome, CrlOutcome::kUsable);
  const Crl& crl = *parsed.crl;
  EXPECT_EQ(CheckCrlSignature(crl, ca_.certificate()), CrlOutcome::kUsable);
  EXPECT_EQ(crl.this_update(), kThisUpdate);
  EXPECT_EQ(crl.next_update(), kThisUpdate + absl::Hours(48));
  EXPECT_EQ(crl.number(), Bytes{7});
  EXPECT_EQ(crl.entries().size(), 3u);
  const auto entry = crl.Find(Bytes{0x02, 0x03});
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->revoked_at, at);
  EXPECT_EQ(entry->reason, CrlReason::kAffiliationChanged);
  EXPECT_EQ(crl.Find(Bytes{0x01})->reason, CrlReason::kNotGiven);
  EXPECT_EQ(crl.Find(Bytes{0x00, 0xff})->reason, CrlReason::kUnspecified);
  EXPECT_FALSE(crl.Find(Bytes{0xff}).has_value()) << "-1 is not 255";
  EXPECT_FALSE(crl.Find(Bytes{0x02}).has_value());
}

TEST_F(CrlTest, AnEmptyListIsAList) {
  const CrlParseResult parsed = ParseCrl(Issue(Spec()));
  ASSERT_EQ(parsed.outcome, CrlOutcome::kUsable);
  EXPECT_TRUE(parsed.crl->entries().empty());
}

struct ParseCase {
  const char* name;
  CrlOutcome outcome;
  std::function<void(CrlSpec&)> change;
};

TEST_F(CrlTest, RefusesWhatItMustNotUse) {
  const Bytes flag{0xff};
  const auto idp = [](std::initializer_list<base::ByteView> parts) {
    return [value = fakes::IdpValue(parts)](CrlSpec& spec) {
      spec.Set(fakes::kIssuingDistributionPointOid, true, value);
    };
  };
  const auto entry_extension = [](std::string_view oid, bool critical, Bytes value) {
    return [=](CrlSpec& spec) {
      spec.Revoke(Bytes{0x05}, kThisUpdate);
      spec.entries.back().extensions.push_back({std::string(oid), critical, value});
    };
  };
  const Bytes name = fakes::IdpDirectoryName(fakes::DistributionPointName("Mihon-shi"));
  const ParseCase cases[] = {
      {"v1", CrlOutcome::kVersionNotSupported, [](CrlSpec& spec) { spec.version.reset(); }},
      {"v3", CrlOutcome::kVersionNotSupported, [](CrlSpec& spec) { spec.version = 2; }},
      {"algorithms differ", CrlOutcome::kAlgorithmMismatch,
       [](CrlSpec& spec) { spec.inner_algorithm = fakes::Sha1WithRsaAlgorithm(); }},
      {"unknown critical extension", CrlOutcome::kUnknownCriticalExtension,
       [](CrlSpec& spec) { spec.Set(fakes::kUnheardOfOid, true, der::Null()); }},
      {"unknown extension that is not critical", CrlOutcome::kUsable,
       [](CrlSpec& spec) { spec.Set(fakes::kUnheardOfOid, false, der::Null()); }},
      {"unknown critical entry extension", CrlOutcome::kUnknownCriticalEntryExtension,
       entry_extension(fakes::kUnheardOfOid, true, der::Null())},
      {"unknown entry extension that is not critical", CrlOutcome::kUsable,
       entry_extension(fakes::kUnheardOfOid, false, der::Null())},
      {"certificateIssuer without indirectCRL", CrlOutcome::kIndirect,
       entry_extension(fakes::kCertificateIssuerOid, true,
                       der::Sequence({der::Context(4, {ca_.name()})}))},
      {"reason 7", CrlOutcome::kMalformed,
       entry_extension(fakes::kReasonCodeOid, false, der::Enumerated(7))},
      {"removeFromCRL in a complete list", CrlOutcome::kMalformed,
       entry_extension(fakes::kReasonCodeOid, false, der::Enumerated(8))},
      {"reason 11", CrlOutcome::kMalformed,
       entry_extension(fakes::kReasonCodeOid, false, der::Enumerated(11))},
      {"delta", CrlOutcome::kDelta,
       [](CrlSpec& spec) { spec.Set(fakes::kDeltaCrlIndicatorOid, true, der::Integer(6)); }},
      {"empty IDP", CrlOutcome::kMalformed, idp({})},
      {"indirect", CrlOutcome::kIndirect, idp({name, der::ContextPrimitive(4, flag)})},
      {"only some reasons", CrlOutcome::kOnlySomeReasons,
       idp({name, der::ContextPrimitive(3, Bytes{0x06, 0x40})})},
      {"two onlys", CrlOutcome::kMalformed,
       idp({der::ContextPrimitive(1, flag), der::ContextPrimitive(2, flag)})},
      {"a flag of FALSE", CrlOutcome::kMalformed, idp({name, der::ContextPrimitive(1, Bytes{0})})},
      {"name relative to the issuer", CrlOutcome::kDistributionPointNotSupported,
       idp({der::Context(
           0, {der::Context(1, {der::Sequence({der::Oid("2.5.4.3"), der::Utf8("Mihon-shi")})})})})},
      {"an empty name relative to the issuer", CrlOutcome::kMalformed,
       idp({der::Context(0, {der::Context(1, {})})})},
      {"a DNS name as point", CrlOutcome::kDistributionPointNotSupported,
       idp({der::Context(
           0, {der::Context(0, {der::ContextPrimitive(2, base::AsBytes("crl.example"))})})})},
      {"issuer that is no Name", CrlOutcome::kMalformed,
       [](CrlSpec& spec) { spec.issuer = der::Sequence({der::Sequence({})}); }},
      {"algorithm without an OID", CrlOutcome::kMalformed,
       [](CrlSpec& spec) {
         spec.inner_algorithm = der::Sequence({der::Null()});
         spec.outer_algorithm = spec.inner_algorithm;
       }},
      {"algorithm with two parameters", CrlOutcome::kMalformed,
       [](CrlSpec& spec) {
         spec.inner_algorithm =
             der::Sequence({der::Oid(fakes::kUnheardOfOid), der::Null(), der::Null()});
         spec.outer_algorithm = spec.inner_algorithm;
       }},
      {"AKI with a constructed key identifier", CrlOutcome::kMalformed,
       [](CrlSpec& spec) {
         spec.Set(fakes::kAuthorityKeyIdentifierOid, false,
                  der::Sequence({der::Context(0, {der::OctetString(Bytes{1})})}));
       }},
      {"negative number", CrlOutcome::kMalformed,
       [](CrlSpec& spec) { spec.Set(fakes::kCrlNumberOid, false, Bytes{0x02, 0x01, 0x80}); }},
      {"serial that is not minimal", CrlOutcome::kMalformed,
       [](CrlSpec& spec) { spec.Revoke(Bytes{0x00, 0x01}, kThisUpdate); }},
      {"empty serial", CrlOutcome::kMalformed,
       [](CrlSpec& spec) { spec.Revoke(Bytes{}, kThisUpdate); }},
      {"serial of 22 octets", CrlOutcome::kMalformed,
       [](CrlSpec& spec) { spec.Revoke(Bytes(22, 0x01), kThisUpdate); }},
  };
  for (const ParseCase& test_case : cases) {
    CrlSpec spec = Spec();
    test_case.change(spec);
    EXPECT_EQ(Name(Parse(spec)), Name(test_case.outcome)) << test_case.name;
  }
}

TEST_F(CrlTest, RefusesAnExtensionThatComesTwice) {
  CrlSpec spec = Spec();
  spec.extensions.push_back({std::string(fakes::kCrlNumberOid), false, der::Integer(8)});
  EXPECT_EQ(Parse(spec), CrlOutcome::kMalformed);
}

TEST_F(CrlTest, RefusesEveryCutAndAnyTrailingOctet) {
  CrlSpec spec = Spec();
  spec.Revoke(Bytes{0x05}, kThisUpdate, 1);
  const Bytes whole = Issue(spec);
  for (size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    ASSERT_EQ(ParseCrl(cut).outcome, CrlOutcome::kMalformed) << size;
  }
  Bytes trailing = whole;
  trailing.push_back(0);
  EXPECT_EQ(ParseCrl(trailing).outcome, CrlOutcome::kMalformed);
}

TEST_F(CrlTest, RefusesMoreThanTheLargestSize) {
  EXPECT_EQ(ParseCrl(Bytes(kMaxCrlSize + 1)).outcome, CrlOutcome::kTooLarge);
}

TEST_F(CrlTest, OnlyTheKeyThatMaySignItCounts) {
  const Bytes good = Issue(Spec());
  EXPECT_EQ(Verify(good, ca_), CrlOutcome::kUsable);
  const TestCa other_generation({.key_number = 1, .serial = 2});
  EXPECT_EQ(Verify(good, other_generation), CrlOutcome::kBadSignature);
  const TestCa other_name({.organizational_unit = "JPKI for digital signature"});
  EXPECT_EQ(Verify(good, other_name), CrlOutcome::kWrongIssuer);
  Bytes damaged = good;
  damaged.back() ^= 1;
  EXPECT_EQ(Verify(damaged, ca_), CrlOutcome::kBadSignature);

  CrlSpec sha1 = Spec();
  sha1.inner_algorithm = sha1.outer_algorithm = fakes::Sha1WithRsaAlgorithm();
  EXPECT_EQ(Verify(Issue(sha1), ca_), CrlOutcome::kAlgorithmNotAllowed);

  const auto no_crl_sign = fakes::ParseCertificate(ca_.Issue(ca_.AnchorSpec().Set(
      fakes::kKeyUsageOid, true, fakes::KeyUsageValue(uint16_t(KeyUsage::kKeyCertSign)))));
  EXPECT_EQ(CheckCrlSignature(*ParseCrl(good).crl, no_crl_sign), CrlOutcome::kSignerNotAllowed);
}

TEST_F(CrlTest, AnEcdsaListIsCheckedOnTheCurveOfItsSigner) {
  const TestCa ca({.key_kind = fakes::KeyKind::kEcP384});
  CrlSpec spec = fakes::MakeCrlSpec(ca, {}, 1, kThisUpdate);
  const Bytes ecdsa_sha256 = der::Sequence({der::Oid("1.2.840.10045.4.3.2")});
  spec.inner_algorithm = spec.outer_algorithm = ecdsa_sha256;
  spec.signed_with = crypto::SignatureAlgorithm::kEcdsaP384Sha256;
  EXPECT_EQ(CheckCrlSignature(*ParseCrl(fakes::IssueCrl(spec, ca.key())).crl, ca.certificate()),
            CrlOutcome::kUsable);
}

TEST_F(CrlTest, IsInForceFromThisUpdateToNextUpdate) {
  const Crl crl = *ParseCrl(Issue(Spec())).crl;
  const absl::Time next_update = kThisUpdate + absl::Hours(48);
  const absl::Duration skew = absl::Minutes(5), tick = absl::Seconds(1);
  EXPECT_EQ(CheckCrlTime(crl, kThisUpdate - skew - tick, skew), CrlOutcome::kNotYetValid);
  EXPECT_EQ(CheckCrlTime(crl, kThisUpdate - skew, skew), CrlOutcome::kUsable);
  EXPECT_EQ(CheckCrlTime(crl, next_update, skew), CrlOutcome::kUsable);
  EXPECT_EQ(CheckCrlTime(crl, next_update + tick, skew), CrlOutcome::kStale);
  CrlSpec endless = Spec();
  endless.next_update.reset();
  EXPECT_EQ(CheckCrlTime(*ParseCrl(Issue(endless)).crl, kThisUpdate, skew),
            CrlOutcome::kNextUpdateMissing);
}

TEST_F(CrlTest, SpeaksForTheCertificatesOfItsScope) {
  const Bytes flag{0xff};
  const Bytes here = fakes::IdpDirectoryName(fakes::DistributionPointName("Mihon-shi"));
  const Bytes there = fakes::IdpDirectoryName(fakes::DistributionPointName("Rei-shi"));
  const Bytes here_in_capitals =
      fakes::IdpDirectoryName(der::Name({{"C", "jp"},
                                         {"O", "jpki-sim"},
                                         {"OU", "JPKI for user  authentication"},
                                         {"OU", "CRL Distribution Points"},
                                         {"OU", "Mihon-ken"},
                                         {"CN", "MIHON-SHI CRLDP"}}));
  const struct {
    const char* name;
    Bytes idp;
    CrlOutcome outcome;
  } cases[] = {
      {"its point", fakes::IdpValue({here}), CrlOutcome::kUsable},
      {"its point, written otherwise", fakes::IdpValue({here_in_capitals}), CrlOutcome::kUsable},
      {"its point, end entities only", fakes::IdpValue({here, der::ContextPrimitive(1, flag)}),
       CrlOutcome::kUsable},
      {"another point", fakes::IdpValue({there}), CrlOutcome::kForeignScope},
      {"CA certificates only", fakes::IdpValue({here, der::ContextPrimitive(2, flag)}),
       CrlOutcome::kForeignScope},
      {"attribute certificates only", fakes::IdpValue({here, der::ContextPrimitive(5, flag)}),
       CrlOutcome::kForeignScope},
      {"end entities of all points", fakes::IdpValue({der::ContextPrimitive(1, flag)}),
       CrlOutcome::kUsable},
  };
  for (const auto& test_case : cases) {
    CrlSpec spec = Spec();
    spec.Set(fakes::kIssuingDistributionPointOid, true, test_case.idp);
    const CrlParseResult parsed = ParseCrl(Issue(spec));
    ASSERT_EQ(parsed.outcome, CrlOutcome::kUsable) << test_case.name;
    EXPECT_EQ(CheckCrlScope(*parsed.crl, Card()), test_case.outcome) << test_case.name;
  }
  CrlSpec full = Spec();
  fakes::RemoveExtension(full.extensions, fakes::kIssuingDistributionPointOid);
  EXPECT_EQ(CheckCrlScope(*ParseCrl(Issue(full)).crl, Card()), CrlOutcome::kUsable);
  // A certificate without a distribution point belongs to no partition.
  const auto pointless = fakes::ParseCertificate(
      ca_.Issue(ca_.CardSpec(card_key_).Remove(fakes::kCrlDistributionPointsOid)));
  EXPECT_EQ(CheckCrlScope(*ParseCrl(Issue(Spec())).crl, pointless), CrlOutcome::kForeignScope);
}

TEST(CompareCrlNumbers, OrdersAsNumbers) {
  EXPECT_EQ(CompareCrlNumbers(Bytes{7}, Bytes{7}), 0);
  EXPECT_LT(CompareCrlNumbers(Bytes{7}, Bytes{8}), 0);
  EXPECT_GT(CompareCrlNumbers(Bytes{0x00, 0x80}, Bytes{0x7f}), 0);
  EXPECT_GT(CompareCrlNumbers(Bytes{0x01, 0x00}, Bytes{0x00, 0xff}), 0);
  EXPECT_LT(CompareCrlNumbers(Bytes{0}, Bytes{1}), 0);
}

TEST_F(CrlTest, OfAllFormsTellsDeltaIndirectAndReasons) {
  CrlSpec spec = Spec();
  spec.Set(fakes::kDeltaCrlIndicatorOid, true, der::Integer(6));
  const Bytes flag{0xff};
  // keyCompromise and cACompromise, and the first bit, which means nothing.
  const Bytes reasons{0x05, 0xe0};
  spec.Set(fakes::kIssuingDistributionPointOid, true,
           fakes::IdpValue({der::ContextPrimitive(3, reasons), der::ContextPrimitive(4, flag)}));
  const Bytes other = der::Name({{"C", "JP"}, {"CN", "another issuer"}});
  spec.Revoke(Bytes{0x05}, kThisUpdate).Revoke(Bytes{0x06}, kThisUpdate, 8);
  spec.Revoke(Bytes{0x05}, kThisUpdate, 1);
  spec.entries[1].extensions.push_back(
      {std::string(fakes::kCertificateIssuerOid), true, der::Sequence({der::Context(4, {other})})});
  const CrlParseResult parsed = ParseCrl(Issue(spec), CrlForms::kAll);
  ASSERT_EQ(parsed.outcome, CrlOutcome::kUsable);
  const Crl& crl = *parsed.crl;
  EXPECT_EQ(crl.base_number(), Bytes{6});
  EXPECT_TRUE(crl.issuing_distribution_point()->indirect);
  EXPECT_EQ(crl.issuing_distribution_point()->only_some_reasons, ReasonFlags{0b110});
  // An entry without certificateIssuer has that of the one before it.
  EXPECT_EQ(crl.Find(Bytes{0x05})->reason, CrlReason::kNotGiven);
  EXPECT_EQ(crl.Find(Bytes{0x05}, other)->reason, CrlReason::kKeyCompromise);
  EXPECT_EQ(crl.Find(Bytes{0x06}, other)->reason, CrlReason::kRemoveFromCrl);
  EXPECT_FALSE(crl.Find(Bytes{0x06}).has_value());
}

TEST_F(CrlTest, OfAllFormsStillRefusesWhatNoListMaySay) {
  CrlSpec v1 = Spec();
  v1.version.reset();
  EXPECT_EQ(ParseCrl(Issue(v1), CrlForms::kAll).outcome, CrlOutcome::kVersionNotSupported)
      << "extensions";
  v1.extensions.clear();
  EXPECT_EQ(ParseCrl(Issue(v1), CrlForms::kAll).outcome, CrlOutcome::kUsable);
  CrlSpec removed = Spec();
  removed.Revoke(Bytes{0x05}, kThisUpdate, 8);
  EXPECT_EQ(ParseCrl(Issue(removed), CrlForms::kAll).outcome, CrlOutcome::kMalformed)
      << "removeFromCRL in a complete list";
  CrlSpec not_critical = Spec();
  not_critical.Set(fakes::kDeltaCrlIndicatorOid, false, der::Integer(6));
  EXPECT_EQ(ParseCrl(Issue(not_critical), CrlForms::kAll).outcome, CrlOutcome::kMalformed);
  CrlSpec direct = Spec();
  direct.Revoke(Bytes{0x05}, kThisUpdate);
  direct.entries[0].extensions.push_back(
      {std::string(fakes::kCertificateIssuerOid), true,
       der::Sequence({der::Context(4, {der::Name({{"CN", "another issuer"}})})})});
  EXPECT_EQ(ParseCrl(Issue(direct), CrlForms::kAll).outcome, CrlOutcome::kIndirect);
}

}  // namespace
}  // namespace musubi::pki
