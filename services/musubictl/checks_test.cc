#include "services/musubictl/checks.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "lib/base/file.h"
#include "lib/checklog/check_log.h"
#include "services/musubictl/commands_fixture.h"

namespace musubi::services::musubictl {
namespace {

class ChecksTest : public CommandsFixture {
 protected:
  void SetUp() override {
    const auto keyring = crypto::Keyring::Generate("k1", random_);
    ASSERT_TRUE(base::WriteFileAtomically(keyring_, keyring.Serialize().Reveal(), 0600).ok());
    auto segments = checklog::OpenSegments(log_);
    ASSERT_TRUE(segments.ok()) << segments.status();
    const auto log = checklog::CheckLog::Create(
        {.clock = clock_, .storage = *std::move(segments), .keyring = keyring});
    ASSERT_TRUE(log.ok()) << log.status();
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE((*log)
                      ->Append({.at = clock_.Now(),
                                .caller = "platform",
                                .purpose = checklog::CheckPurpose::kAccountRecovery})
                      .ok());
    }
  }
  Flags GoodFlags() const { return {.audit_keyring = keyring_, .check_log = log_}; }

  const std::string keyring_ = folder_.File("audit.keyring");
  const std::string log_ = folder_.File("checks");
  const std::string segment_ = log_ + "/checks-000000000001.log";
};

TEST_F(ChecksTest, AWholeLogVerifiesAndItsHeadFindsItAgain) {
  ASSERT_EQ(Run({"checks", "verify"}, GoodFlags()), kExitOk) << err_;
  EXPECT_NE(out_.find("check log: OK\nrows that hold: 4\nchecks among them: 2\n"),
            std::string::npos)
      << out_;
  const size_t at = out_.find("head: ") + 6;
  Flags flags = GoodFlags();
  flags.expected_head = out_.substr(at, out_.find('\n', at) - at);
  ASSERT_EQ(Run({"checks", "verify"}, flags), kExitOk) << out_ << err_;
  EXPECT_NE(out_.find("the expected head is among them"), std::string::npos) << out_;
  flags.expected_head[0] = '9';
  EXPECT_EQ(Run({"checks", "verify"}, flags), kExitBroken);
  EXPECT_NE(out_.find("BROKEN (HEAD_MISSING)"), std::string::npos) << out_;
}

TEST_F(ChecksTest, ExportPrintsTheRowsAsJsonLines) {
  ASSERT_EQ(Run({"checks", "export"}, GoodFlags()), kExitOk) << err_;
  std::istringstream lines(out_);
  std::string kinds;
  for (std::string line; std::getline(lines, line);) {
    kinds += nlohmann::json::parse(line).at("kind").get<std::string>() + " ";
  }
  EXPECT_EQ(kinds, "start check check stop ");
}

TEST_F(ChecksTest, ADamagedLogIsNamedAndExportEndsBeforeTheDamage) {
  std::string text = *base::ReadFile(segment_);
  const size_t second = text.rfind("ACCOUNT_RECOVERY");
  text[second] = 'B';
  ASSERT_TRUE(base::WriteFileAtomically(segment_, text, 0600).ok());
  EXPECT_EQ(Run({"checks", "verify"}, GoodFlags()), kExitBroken);
  EXPECT_NE(out_.find("BROKEN (ROW_BROKEN)"), std::string::npos) << out_;
  EXPECT_NE(out_.find(segment_ + ": line 4 (row 3) was changed"), std::string::npos) << out_;
  EXPECT_EQ(Run({"checks", "export"}, GoodFlags()), kExitBroken);
  EXPECT_EQ(std::ranges::count(out_, '\n'), 2);
  EXPECT_NE(err_.find("ROW_BROKEN"), std::string::npos) << err_;
}

TEST_F(ChecksTest, WhatCannotBeCheckedSaysWhatIsMissing) {
  const auto error_of = [&](auto change) {
    Flags flags = GoodFlags();
    change(flags);
    EXPECT_EQ(Run({"checks", "verify"}, flags), kExitError);
    return err_;
  };
  const auto expect = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect(error_of([](Flags& f) { f.check_log = ""; }), "--check_log is missing");
  expect(error_of([](Flags& f) { f.audit_keyring = ""; }), "--audit_keyring is missing");
  expect(error_of([](Flags& f) { f.check_log += "/absent"; }), "/absent");
  expect(error_of([](Flags& f) { f.expected_head = "x"; }), "64 hexadecimal digits");
  expect(error_of([](Flags& f) { f.first_segment = 0; }), "--first_segment");
}

}  // namespace
}  // namespace musubi::services::musubictl
