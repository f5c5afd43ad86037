#include "lib/pairing/qr_frame.h"

#include <gtest/gtest.h>

#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "tests/fakes/fake_random.h"

namespace musubi::pairing {
namespace {

class QrFrameTest : public ::testing::Test {
 protected:
  fakes::FakeRandom random_;
  crypto::Keyring keyring_ = crypto::Keyring::Generate("k1", random_);
  const QrFrame frame_{.session_id = {1, 2, 3}, .generation = 2, .frame_number = 77};
};

TEST_F(QrFrameTest, AnyReplicaWithTheKeyOpensIt) {
  const std::string encoded = MakeQrFrame(keyring_, frame_);
  const auto opened = OpenQrFrame(*crypto::Keyring::Parse(keyring_.Serialize().Reveal()), encoded);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(*opened, frame_);
}

TEST_F(QrFrameTest, ChangedFrameIsRefusedWhateverTheOctet) {
  const std::string encoded = MakeQrFrame(keyring_, frame_);
  const base::Bytes octets = *base::Base64UrlDecode(encoded);
  for (size_t i = 0; i < octets.size(); ++i) {
    base::Bytes changed = octets;
    changed[i] ^= 1;
    EXPECT_EQ(base::ReasonOf(OpenQrFrame(keyring_, base::Base64UrlEncode(changed)).status()),
              base::ErrorReason::kQrFrameInvalid)
        << "octet " << i;
  }
}

TEST_F(QrFrameTest, ForeignShortAndLongInputIsRefused) {
  const std::string foreign = MakeQrFrame(crypto::Keyring::Generate("k1", random_), frame_);
  for (const std::string& input :
       {foreign, std::string(), std::string("AQ"), std::string("!"),
        MakeQrFrame(keyring_, frame_) + "AAAA", std::string(kMaxEncodedQrFrameSize + 1, 'A')}) {
    EXPECT_EQ(base::ReasonOf(OpenQrFrame(keyring_, input).status()),
              base::ErrorReason::kQrFrameInvalid)
        << input;
  }
}

TEST_F(QrFrameTest, LongestKeyIdFitsTheLimit) {
  const auto keyring = crypto::Keyring::Generate("k123456789012345", random_);
  const std::string encoded = MakeQrFrame(keyring, frame_);
  EXPECT_EQ(encoded.size(), kMaxEncodedQrFrameSize);
  EXPECT_TRUE(OpenQrFrame(keyring, encoded).ok());
}

TEST_F(QrFrameTest, OldKeyStillOpens) {
  const std::string encoded = MakeQrFrame(keyring_, frame_);
  const auto next = crypto::Keyring::Generate("k2", random_);
  const auto both =
      crypto::Keyring::Parse(next.Serialize().Reveal() + keyring_.Serialize().Reveal());
  EXPECT_TRUE(OpenQrFrame(*both, encoded).ok());
  EXPECT_FALSE(OpenQrFrame(next, encoded).ok());
}

}  // namespace
}  // namespace musubi::pairing
