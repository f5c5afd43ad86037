// CheckOcspResponse on well-formed responses that say anything, signed by anybody: an answer is
// believed only if one who may answer signed one current answer about this very certificate, and
// OpenSSL reads the same in it.
// (Octets that are no response: fuzz_ocsp_response.)
#include <fuzzer/FuzzedDataProvider.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "lib/base/check.h"
#include "lib/pki/ocsp.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"
#include "tests/fuzz/openssl_agreement.h"

namespace {

using namespace musubi;
using fakes::KeyKind;
using fakes::TestKey;

const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 4, 1, 12, 0, 0), absl::UTCTimeZone());

// Whose key signs, and who the response says that it is.
enum class Party { kIssuer, kDelegate, kCard, kMaxValue = kCard };

struct World {
  // The quickest keys of those that may sign.
  fakes::TestCa ca{{.key_kind = KeyKind::kRsa2048}};
  const TestKey& delegate_key = TestKey::Get(KeyKind::kRsa2048, 1);
  const TestKey& card_key = TestKey::Get(KeyKind::kRsa2048, 2);
  pki::Certificate issuer = ca.certificate();
  pki::Certificate target = fakes::ParseCertificate(ca.Issue(ca.CardSpec(card_key)));
  pki::Certificate delegate =
      fakes::ParseCertificate(ca.Issue(fakes::OcspDelegateSpec(ca, delegate_key)));

  const pki::Certificate& certificate(Party party) const {
    return party == Party::kIssuer ? issuer : party == Party::kDelegate ? delegate : target;
  }
  const TestKey& key(Party party) const {
    return party == Party::kIssuer ? ca.key() : party == Party::kDelegate ? delegate_key : card_key;
  }
};

absl::Time TakeTime(FuzzedDataProvider& data) {
  return kNow + absl::Seconds(data.ConsumeIntegralInRange<int>(-8000, 8000));
}

bool OneIn(FuzzedDataProvider& data, int n) { return data.ConsumeIntegralInRange(1, n) == 1; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t size) {
  static const World world;
  FuzzedDataProvider data(octets, size);
  const base::Bytes nonce(32, 0x5a);
  const pki::OcspPolicy policy{
      .nonce = data.PickValueInArray(
          {pki::NoncePolicy::kNone, pki::NoncePolicy::kOptional, pki::NoncePolicy::kRequired})};
  const auto claimed = data.ConsumeEnum<Party>(), signer = data.ConsumeEnum<Party>();
  fakes::OcspSpec spec;
  spec.responder = data.ConsumeBool() ? fakes::ResponderByName(world.certificate(claimed))
                                      : fakes::ResponderByKey(world.key(claimed));
  if (claimed != Party::kIssuer) {
    spec.certificates = {base::ToBytes(world.certificate(claimed).der())};
  }
  spec.produced_at = TakeTime(data);
  if (OneIn(data, 8)) spec.version = data.ConsumeIntegral<uint8_t>();
  bool right_nonce = false;
  if (data.ConsumeBool()) {
    right_nonce = !OneIn(data, 3);
    spec.Nonce(right_nonce ? nonce : data.ConsumeBytes<uint8_t>(32));
  }
  bool unheard_of = OneIn(data, 8);
  if (unheard_of) fakes::SetExtension(spec.extensions, fakes::kUnheardOfOid, true, {5, 0});
  int matching = 0;
  std::optional<fakes::OcspAnswerSpec> ours;
  for (int i = data.ConsumeIntegralInRange(0, 3); i > 0; --i) {
    fakes::OcspAnswerSpec answer;
    const bool matches = !OneIn(data, 3);
    base::Bytes serial = base::ToBytes(world.target.serial());
    if (!matches) serial.back() ^= 1;
    answer.cert_id =
        fakes::CertIdDer(world.issuer, serial,
                         data.ConsumeBool() ? pki::CertIdHash::kSha1 : pki::CertIdHash::kSha256);
    answer.status = data.PickValueInArray(
        {fakes::OcspGood(), fakes::OcspUnknown(), fakes::OcspRevoked(kNow - absl::Hours(1))});
    answer.this_update = TakeTime(data);
    if (data.ConsumeBool()) answer.next_update = TakeTime(data);
    if (matches) {
      ++matching;
      ours = answer;
    }
    spec.answers.push_back(answer);
  }
  base::Bytes response = fakes::IssueOcsp(spec, world.key(signer));
  const bool damaged = OneIn(data, 4);
  if (damaged) {
    response[data.ConsumeIntegralInRange<size_t>(0, response.size() - 1)] ^=
        data.ConsumeIntegralInRange<uint8_t>(1, 255);
  }
  const pki::OcspResult result =
      pki::CheckOcspResponse(response, world.target, world.issuer, nonce, policy, kNow);
  MUSUBI_CHECK(result.outcome != pki::OcspOutcome::kUnspecified, "there is always an outcome");
  fuzz::CheckOcspAgainstOpenSsl(response, world.target.serial(), result);
  const bool answered = result.outcome == pki::OcspOutcome::kAnswered;
  MUSUBI_CHECK(answered == result.cert_status.has_value(), "a status comes with an answer");
  if (!answered) return 0;
  // One octet may lie outside of what is signed (and read), in the enclosed certificate's twin of
  // an algorithm, say: what is said of the certificate stays the same.
  MUSUBI_CHECK(signer == claimed && signer != Party::kCard, "only who may answer is believed");
  MUSUBI_CHECK(matching == 1, "one answer about this certificate");
  MUSUBI_CHECK(!unheard_of, "no critical extension is passed over");
  MUSUBI_CHECK(policy.nonce != pki::NoncePolicy::kRequired || right_nonce, "the nonce is right");
  MUSUBI_CHECK(spec.produced_at <= kNow + policy.skew && ours->this_update <= kNow + policy.skew,
               "no answer from the future");
  MUSUBI_CHECK(kNow <= result.usable_until && result.this_update == ours->this_update,
               "a current answer");
  const bool good = ours->status == fakes::OcspGood();
  MUSUBI_CHECK((result.cert_status == pki::OcspCertStatus::kGood) == good, "GOOD is said by GOOD");
  return 0;
}
