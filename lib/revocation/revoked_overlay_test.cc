#include "lib/revocation/revoked_overlay.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "lib/base/file.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::revocation {
namespace {

using base::Bytes;

const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 4, 1, 4, 0, 0), absl::UTCTimeZone());
const absl::Time kExpiry = kNow + absl::Hours(1000);
const base::Hash256 kIssuer{7};

pki::RevocationFinding Revoked() {
  pki::RevocationFinding finding;
  finding.outcome = pki::RevocationOutcome::kRevoked;
  finding.method = pki::RevocationMethod::kOcsp;
  finding.revoked_at = kNow - absl::Hours(9);
  finding.reason = pki::CrlReason::kKeyCompromise;
  finding.this_update = kNow - absl::Minutes(1);
  return finding;
}

class RevokedOverlayTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<RevokedOverlay>> Open(absl::Time now = kNow,
                                                       size_t max_entries = 10) const {
    return RevokedOverlay::Create({.file = file_, .max_entries = max_entries}, now);
  }
  std::string Content() const { return *base::ReadFile(file_); }
  void Write(const std::string& content) {
    ASSERT_TRUE(base::WriteFileAtomically(file_, content, 0600).ok());
  }

  fakes::TempDir folder_;
  const std::string file_ = folder_.path() + "/revoked";
};

TEST_F(RevokedOverlayTest, WhatWasToldOutlivesTheProcess) {
  for (const Bytes& serial : {Bytes{5}, Bytes(20, 0x7f), Bytes{0xff}}) {
    ASSERT_TRUE((*Open())->Add(kIssuer, serial, kExpiry, Revoked(), kNow).ok());
    const auto found = (*Open())->Find(kIssuer, serial);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->outcome, pki::RevocationOutcome::kRevoked);
    EXPECT_EQ(found->method, pki::RevocationMethod::kOcsp);
    EXPECT_EQ(found->revoked_at, Revoked().revoked_at);
    EXPECT_EQ(found->reason, pki::CrlReason::kKeyCompromise);
    EXPECT_EQ(found->this_update, Revoked().this_update);
    EXPECT_FALSE(found->next_update.has_value());
  }
  EXPECT_FALSE((*Open())->Find(kIssuer, Bytes{6}).has_value());
  EXPECT_FALSE((*Open())->Find(base::Hash256{8}, Bytes{5}).has_value());
}

TEST_F(RevokedOverlayTest, ExpiredCertificatesAreForgottenAtTheNextStart) {
  ASSERT_TRUE((*Open())->Add(kIssuer, Bytes{5}, kExpiry, Revoked(), kNow).ok());
  const absl::Time end = kExpiry + kKeptAfterExpiry;
  EXPECT_TRUE((*Open(end))->Find(kIssuer, Bytes{5}).has_value());
  EXPECT_FALSE((*Open(end + absl::Seconds(1)))->Find(kIssuer, Bytes{5}).has_value());
}

TEST_F(RevokedOverlayTest, ALineThatADeathCutOffIsDropped) {
  ASSERT_TRUE((*Open())->Add(kIssuer, Bytes{5}, kExpiry, Revoked(), kNow).ok());
  const size_t whole = Content().size();
  ASSERT_TRUE((*Open())->Add(kIssuer, Bytes{6}, kExpiry, Revoked(), kNow).ok());
  const std::string two = Content();
  for (size_t size = whole; size < two.size(); ++size) {
    Write(two.substr(0, size));
    const auto overlay = Open();
    ASSERT_TRUE(overlay.ok()) << overlay.status();
    EXPECT_TRUE((*overlay)->Find(kIssuer, Bytes{5}).has_value());
    EXPECT_FALSE((*overlay)->Find(kIssuer, Bytes{6}).has_value());
    // What comes after is whole again.
    ASSERT_TRUE((*overlay)->Add(kIssuer, Bytes{7}, kExpiry, Revoked(), kNow).ok());
    EXPECT_TRUE((*Open())->Find(kIssuer, Bytes{7}).has_value());
  }
}

TEST_F(RevokedOverlayTest, AnyOtherDamageIsRefusedByFileAndLine) {
  ASSERT_TRUE((*Open())->Add(kIssuer, Bytes{5}, kExpiry, Revoked(), kNow).ok());
  const std::string good = Content();
  const size_t line = good.find('\n') + 1;
  for (size_t i = 0; i + 1 < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == '1' ? '2' : '1';
    Write(bad);
    const absl::Status status = Open().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << i;
    const std::string where = file_ + (i < line ? ":1: " : ":2: ");
    EXPECT_EQ(std::string(status.message()).find(where), 0u) << status;
  }
}

TEST_F(RevokedOverlayTest, WhenItIsFullWhatExpiredMakesRoom) {
  const auto overlay = *Open(kNow, 2);
  ASSERT_TRUE(overlay->Add(kIssuer, Bytes{1}, kNow + absl::Hours(1), Revoked(), kNow).ok());
  ASSERT_TRUE(overlay->Add(kIssuer, Bytes{2}, kExpiry, Revoked(), kNow).ok());
  EXPECT_TRUE(overlay->Add(kIssuer, Bytes{2}, kExpiry, Revoked(), kNow).ok()) << "known already";
  EXPECT_EQ(overlay->Add(kIssuer, Bytes{3}, kExpiry, Revoked(), kNow).code(),
            absl::StatusCode::kResourceExhausted);
  const absl::Time later = kNow + absl::Hours(2) + kKeptAfterExpiry;
  EXPECT_TRUE(overlay->Add(kIssuer, Bytes{3}, kExpiry, Revoked(), later).ok());
  EXPECT_FALSE(overlay->Find(kIssuer, Bytes{1}).has_value());
  const auto again = *Open(later);
  EXPECT_TRUE(again->Find(kIssuer, Bytes{2}).has_value());
  EXPECT_TRUE(again->Find(kIssuer, Bytes{3}).has_value());
}

TEST_F(RevokedOverlayTest, AFileOfAnotherMakeIsLeftAlone) {
  for (const std::string content : {"something else", "something\nelse\n", "musubi-revoked 2\n"}) {
    Write(content);
    EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss) << content;
    EXPECT_EQ(Content(), content);
  }
}

TEST_F(RevokedOverlayTest, WhatCouldNotBeWrittenIsWrittenWithTheNext) {
  const auto overlay = *Open();
  ASSERT_TRUE(overlay->Add(kIssuer, Bytes{5}, kExpiry, Revoked(), kNow).ok());
  // Half a line fits.
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit full{.rlim_cur = Content().size() + 40, .rlim_max = limit.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  const absl::Status status = overlay->Add(kIssuer, Bytes{6}, kExpiry, Revoked(), kNow);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(overlay->Find(kIssuer, Bytes{6}).has_value()) << "as long as the process lives";
  EXPECT_FALSE((*RevokedOverlay::Create({.file = file_}, kNow))->Find(kIssuer, Bytes{6}));
  // Told again, it is written.
  ASSERT_TRUE(overlay->Add(kIssuer, Bytes{6}, kExpiry, Revoked(), kNow).ok());
  ASSERT_TRUE(overlay->Add(kIssuer, Bytes{7}, kExpiry, Revoked(), kNow).ok());
  const auto again = *Open();
  for (const uint8_t serial : {5, 6, 7}) {
    EXPECT_TRUE(again->Find(kIssuer, Bytes{serial}).has_value()) << int{serial};
  }
}

TEST_F(RevokedOverlayTest, WithoutAFileItRemembersAsLongAsItLives) {
  const auto overlay = *RevokedOverlay::Create({}, kNow);
  ASSERT_TRUE(overlay->Add(kIssuer, Bytes{5}, kExpiry, Revoked(), kNow).ok());
  EXPECT_TRUE(overlay->Find(kIssuer, Bytes{5}).has_value());
}

}  // namespace
}  // namespace musubi::revocation
