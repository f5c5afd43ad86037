// EncodeChallenge on any fields: no crash, the app's encoder says the very same, and what was
// encoded can be read back, so that no two challenges have the same octets.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/base/check.h"
#include "lib/jpki/challenge.h"
#include "sandbox/challenge_encoder.h"

namespace {

using namespace musubi;

// Reads the fields of an encoding one after the other.
class Reader {
 public:
  explicit Reader(base::ByteView octets) : rest_(octets) {}

  void Expect(std::string_view text) {
    MUSUBI_CHECK(rest_.size() >= text.size() && base::AsText(rest_.first(text.size())) == text,
                 "the encoding begins with its tag");
    rest_ = rest_.subspan(text.size());
  }
  std::string Field() {
    MUSUBI_CHECK(rest_.size() >= 4, "a field has a length");
    size_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = (length << 8) | rest_[i];
    MUSUBI_CHECK(rest_.size() - 4 >= length, "a field has its length");
    const std::string field(base::AsText(rest_.subspan(4, length)));
    rest_ = rest_.subspan(4 + length);
    return field;
  }
  bool done() const { return rest_.empty(); }

 private:
  base::ByteView rest_;
};

template <size_t N>
std::array<uint8_t, N> Take(FuzzedDataProvider& data) {
  std::array<uint8_t, N> octets{};
  data.ConsumeData(octets.data(), N);
  return octets;
}

std::string TextOf(base::ByteView octets) { return std::string(base::AsText(octets)); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t size) {
  FuzzedDataProvider data(octets, size);
  jpki::Challenge challenge;
  challenge.session_id = Take<16>(data);
  challenge.transcript = Take<32>(data);
  challenge.nonce = Take<32>(data);
  if (data.ConsumeBool()) challenge.account_binding_hash = data.ConsumeBytes<uint8_t>(32);
  challenge.relying_party_id = data.ConsumeRandomLengthString(600);
  challenge.origin = data.ConsumeRandomLengthString(600);
  challenge.act = data.ConsumeRandomLengthString(600);
  challenge.flow = data.ConsumeRandomLengthString(600);
  challenge.consent_text_version = data.ConsumeRandomLengthString(600);
  while (data.remaining_bytes() > 0 && challenge.requested_attributes.size() < 8) {
    challenge.requested_attributes.push_back(data.ConsumeRandomLengthString(20));
  }
  const auto encoded = jpki::EncodeChallenge(challenge);
  const auto by_the_app =
      sandbox::EncodeChallenge({.relying_party_id = challenge.relying_party_id,
                                .origin = challenge.origin,
                                .act = challenge.act,
                                .session_id = base::ToBytes(challenge.session_id),
                                .account_binding_hash = challenge.account_binding_hash,
                                .flow = challenge.flow,
                                .transcript = base::ToBytes(challenge.transcript),
                                .requested_attributes = challenge.requested_attributes,
                                .consent_text_version = challenge.consent_text_version,
                                .nonce = base::ToBytes(challenge.nonce)});
  if (!encoded.ok()) return 0;
  MUSUBI_CHECK(!by_the_app.ok() || *by_the_app == *encoded, "app and server say the same");

  std::sort(challenge.requested_attributes.begin(), challenge.requested_attributes.end());
  std::string attributes;
  for (const std::string& name : challenge.requested_attributes) {
    attributes += (attributes.empty() ? "" : ",") + name;
  }
  Reader reader(*encoded);
  reader.Expect("MUSUBI-CHALLENGE\x01");
  for (const std::string& field :
       {challenge.relying_party_id, challenge.origin, challenge.act, TextOf(challenge.session_id),
        TextOf(challenge.account_binding_hash), challenge.flow, TextOf(challenge.transcript),
        attributes, challenge.consent_text_version, TextOf(challenge.nonce)}) {
    MUSUBI_CHECK(reader.Field() == field, "a field is read back");
  }
  MUSUBI_CHECK(reader.done(), "nothing follows");
  return 0;
}
