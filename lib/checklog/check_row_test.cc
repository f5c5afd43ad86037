#include "lib/checklog/check_row.h"

#include <gtest/gtest.h>

namespace musubi::checklog {
namespace {

TEST(CheckRow, IsOneLineOfJsonWithAllThatIsKept) {
  const CheckRow row{.at = absl::FromUnixMicros(1'775'001'600'000'001),
                     .caller = "platform",
                     .purpose = CheckPurpose::kAccountRecovery,
                     .method = pki::RevocationMethod::kOcsp,
                     .data_age = absl::Milliseconds(61'500),
                     .status = pki::VerdictStatus::kInvalid,
                     .reason = pki::VerdictReason::kRevoked,
                     .card = base::Hash256{0xab}};
  EXPECT_EQ(CheckAsJson(row, 12, "k1"),
            R"({"kind":"check","n":12,"at":"2026-04-01T00:00:00.000001Z","caller":"platform",)"
            R"("purpose":"ACCOUNT_RECOVERY","method":"OCSP","data_age_s":61,"status":"INVALID",)"
            R"("reason":"REVOKED","key_id":"k1","card":"ab)" +
                std::string(62, '0') + R"("})");
}

TEST(CheckRow, SaysNullOfWhatIsNotKnown) {
  const std::string json = CheckAsJson({.at = absl::UnixEpoch(), .caller = "a\"\n\xff"}, 1, "k1");
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_NE(json.find(R"("data_age_s":null)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("key_id":null,"card":null})"), std::string::npos) << json;
}

TEST(CheckRow, KindsAreToldApart) {
  EXPECT_EQ(KindOf(CheckAsJson({}, 1, "k1")), RowKind::kCheck);
  EXPECT_EQ(KindOf(StartAsJson(absl::UnixEpoch(), 1, 3)), RowKind::kStart);
  EXPECT_EQ(KindOf(StopAsJson(absl::UnixEpoch(), 1)), RowKind::kStop);
  EXPECT_EQ(KindOf("{}"), RowKind::kOther);
}

TEST(CheckRow, EveryPurposeHasAName) {
  for (int number = 1; number <= static_cast<int>(CheckPurpose::kServiceTest); ++number) {
    EXPECT_NE(Name(static_cast<CheckPurpose>(number)), "UNSPECIFIED") << number;
  }
  EXPECT_EQ(Name(static_cast<CheckPurpose>(99)), "UNSPECIFIED");
}

}  // namespace
}  // namespace musubi::checklog
