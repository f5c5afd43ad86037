// CheckNameStatement on any statement: no crash, and only what the issuer signed is good, for the
// challenge and the card that it was signed for.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/crypto/ed25519.h"
#include "lib/jpki/name_statement.h"
#include "tests/fakes/fake_random.h"

namespace {

using namespace musubi;

base::Hash256 TakeHash(FuzzedDataProvider& data) {
  base::Hash256 hash{};
  data.ConsumeData(hash.data(), hash.size());
  return hash;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t size) {
  static fakes::FakeRandom random;
  static const auto key = crypto::Ed25519PrivateKey::Generate("sim-1", random);
  static const jpki::NameIssuers issuers =
      jpki::NameIssuers::Parse(R"({"version":1,"issuers":[{"id":"sim-1","ed25519_public_key":")" +
                                   base::Base64UrlEncode(key.public_key()) + "\"}]}",
                               "name-issuers.json")
          .value();
  FuzzedDataProvider data(octets, size);
  // What was signed, what is presented, what is expected: each as the one before or of its own.
  const std::string name = data.ConsumeRandomLengthString(300);
  const base::Hash256 challenge = TakeHash(data), certificate = TakeHash(data);
  jpki::NameStatement shown{.name = base::Secret<std::string>(name),
                            .issuer_key_id = "sim-1",
                            .challenge_hash = challenge,
                            .certificate_hash = certificate};
  base::Hash256 want_challenge = challenge, want_certificate = certificate;
  const auto signature =
      key.Sign(jpki::EncodeNameStatement(name, challenge, certificate).RevealBytes());
  shown.signature.assign(signature.begin(), signature.end());
  const uint8_t changes = data.ConsumeIntegral<uint8_t>();
  if (changes & 1) shown.challenge_hash = TakeHash(data);
  if (changes & 2) shown.certificate_hash = TakeHash(data);
  if (changes & 4) want_challenge = TakeHash(data);
  if (changes & 8) want_certificate = TakeHash(data);
  if (changes & 16) shown.issuer_key_id = data.ConsumeRandomLengthString(20);
  if (changes & 32) shown.signature = data.ConsumeBytes<uint8_t>(70);
  if (changes & 64) shown.name = base::Secret<std::string>(data.ConsumeRandomLengthString(300));

  const bool is_signed = shown.name.Reveal() == name && shown.challenge_hash == challenge &&
                         shown.certificate_hash == certificate && shown.issuer_key_id == "sim-1" &&
                         std::ranges::equal(shown.signature, signature);
  const bool has_form = !name.empty() && name.size() <= jpki::kMaxNameLength;
  const bool is_meant =
      want_challenge == shown.challenge_hash && want_certificate == shown.certificate_hash;
  const pki::VerdictReason verdict =
      jpki::CheckNameStatement(issuers, shown, want_challenge, want_certificate);
  const pki::VerdictReason want = !(is_signed && has_form)
                                      ? pki::VerdictReason::kNameStatementInvalid
                                  : is_meant ? pki::VerdictReason::kUnspecified
                                             : pki::VerdictReason::kNameStatementMismatch;
  MUSUBI_CHECK(verdict == want, "a statement is good for what was signed and expected");
  return 0;
}
