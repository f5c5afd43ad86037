// What a list said that was in force when the process ended is held against whatever list is there
// when the next one starts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/revocation/crl_store.h"
#include "tests/fakes/crl_directory.h"
#include "tests/fakes/recording_observer.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::revocation {
namespace {

using base::Bytes;
using fakes::CrlSpec;
using fakes::TestCa;
using pki::RevocationOutcome;

constexpr char kFile[] = "0.crl";

// Serials of 1, 4, 5, 6 and 20 octets; the last is on no list. In content octets.
const std::vector<Bytes>& Listed() {
  static const auto* listed = new std::vector<Bytes>{
      {0x42},
      {0x7f, 0xff, 0xff, 0xff},
      {0x00, 0xff, 0xff, 0xff, 0xff},
      {0x01, 0x00, 0x00, 0x00, 0x00},
      {0x00, 0x80, 0x00, 0x00, 0x00, 0x01},
      Bytes(20, 0x7f),
  };
  return *listed;
}
const Bytes kUnlisted = {0x43};

class CrlRestartTest : public testing::Test {
 protected:
  void SetUp() override { directory_.Expect("auth-01", point_, kFile); }

  CrlSpec Spec(uint64_t number) const {
    return fakes::MakeCrlSpec(ca_, point_, number, clock_.Now() - absl::Hours(1));
  }
  // All of Listed() but `without`.
  CrlSpec Full(uint64_t number, const Bytes& without = {}) const {
    CrlSpec spec = Spec(number);
    for (const Bytes& serial : Listed()) {
      if (serial != without) spec.Revoke(serial, clock_.Now() - absl::Hours(2), 1);
    }
    return spec;
  }
  void Write(const CrlSpec& spec) { Write(spec, ca_); }
  void Write(const CrlSpec& spec, const TestCa& signer) {
    directory_.Write(kFile, fakes::IssueCrl(spec, signer.key()));
  }
  absl::Status Open(size_t max_vanished = kMaxVanishedPerScope) {
    store_.reset();
    auto store = CrlStore::Create(
        {clock_, observer_},
        {.directory = directory_.path(),
         .issuers = {{"auth-01", ca_.certificate()}, {"auth-02", successor_.certificate()}},
         .state_file = StateFile(),
         .max_vanished_per_scope = max_vanished});
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    return absl::OkStatus();
  }
  std::string StateFile() const { return state_.File("crl-state"); }
  std::string Folder() const { return StateFile() + ".lists"; }
  // Paths in the folder.
  std::vector<std::string> Kept() const {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
      paths.push_back(entry.path());
    }
    return paths;
  }
  // The state file and the folder: nothing was written if the inodes are the same, as each write
  // makes another file, and the old ones are held open here.
  std::map<std::string, ino_t> Inodes() {
    std::map<std::string, ino_t> inodes;
    std::vector<std::string> paths = Kept();
    paths.push_back(StateFile());
    for (const std::string& path : paths) {
      held_.emplace_back(path);
      struct stat info;
      EXPECT_EQ(stat(path.c_str(), &info), 0);
      inodes[path] = info.st_ino;
    }
    return inodes;
  }

  pki::RevocationFinding Find(const Bytes& serial) const {
    auto spec = ca_.CardSpec(ca_.key(), 1);
    spec.serial = serial;
    spec.Set(fakes::kCrlDistributionPointsOid, false, fakes::CrlDistributionPointsValue(point_));
    return store_->Lookup(fakes::ParseCertificate(ca_.Issue(spec)), ca_.certificate(),
                          clock_.Now());
  }
  void ExpectAllRevoked() const {
    for (const Bytes& serial : Listed()) {
      const pki::RevocationFinding finding = Find(serial);
      EXPECT_EQ(finding.outcome, RevocationOutcome::kRevoked) << base::HexEncode(serial);
      EXPECT_EQ(finding.reason, pki::CrlReason::kKeyCompromise);
      EXPECT_EQ(finding.revoked_at, revoked_at_);
    }
  }
  std::string LastEvent() const {
    const ScopeEvent event = observer_.scopes().back();
    return std::string(Name(event.outcome)) + " " + std::string(pki::Name(event.crl_outcome));
  }
  std::string LastError() const {
    return std::string(base::ToStd(observer_.scopes().back().error.message()));
  }

  fakes::SimulatedClock clock_;
  fakes::RecordingObserver observer_;
  fakes::CrlDirectory directory_;
  fakes::TempDir state_;
  // P-256 signs fast.
  TestCa ca_{{.key_kind = fakes::KeyKind::kEcP256}};
  TestCa successor_{{.key_kind = fakes::KeyKind::kEcP256, .key_number = 1, .serial = 2}};
  const Bytes point_ = fakes::DistributionPointName("Mihon-shi");
  const absl::Time revoked_at_ = clock_.Now() - absl::Hours(2);
  std::unique_ptr<CrlStore> store_;
  std::vector<std::ifstream> held_;
};

TEST_F(CrlRestartTest, WhatANewerListLeavesOutStaysRevokedAndAlarms) {
  Write(Full(7));
  ASSERT_TRUE(Open().ok());
  store_.reset();
  Write(Spec(8));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(LastEvent(), "LOADED USABLE");
  ExpectAllRevoked();
  EXPECT_EQ(observer_.vanished(), static_cast<int>(Listed().size()));
  EXPECT_EQ(Find(kUnlisted).outcome, RevocationOutcome::kGood);
  // And ever after.
  for (const uint64_t number : {8, 9}) {
    store_.reset();
    Write(Spec(number));
    ASSERT_TRUE(Open().ok());
    ExpectAllRevoked();
  }
}

TEST_F(CrlRestartTest, OneEntryThatALongerListLeavesOutIsNoticed) {
  Write(Full(7));
  for (size_t i = 0; i < Listed().size(); ++i) {
    ASSERT_TRUE(Open().ok());
    store_.reset();
    Write(Full(8 + i, Listed()[i]).Revoke(Bytes{0x50}, clock_.Now()));
    ASSERT_TRUE(Open().ok());
    const int vanished = observer_.vanished();
    ExpectAllRevoked();
    EXPECT_EQ(observer_.vanished(), vanished + 1) << i;
  }
}

TEST_F(CrlRestartTest, TheSameListAgainWritesNothing) {
  Write(Full(7));
  ASSERT_TRUE(Open().ok());
  const auto before = Inodes();
  EXPECT_EQ(before.size(), 2u);
  ASSERT_TRUE(store_->Reload().ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(LastEvent(), "LOADED USABLE");
  EXPECT_EQ(Inodes(), before);
  ExpectAllRevoked();
  EXPECT_EQ(observer_.vanished(), 0);
  EXPECT_EQ(Find(kUnlisted).outcome, RevocationOutcome::kGood);
  // Nor where something has vanished.
  Write(Spec(8));
  ASSERT_TRUE(store_->Reload().ok());
  const auto after = Inodes();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(Inodes(), after);
  EXPECT_EQ(Kept().size(), 1u) << "the list before is gone";
}

TEST_F(CrlRestartTest, WithoutAUsableListTheLastOnesEntriesHold) {
  Write(Full(7));
  ASSERT_TRUE(Open().ok());
  const auto before = Inodes();
  const struct {
    Bytes content;  // Empty: no file.
    const char* event;
  } cases[] = {{{}, "MISSING UNSPECIFIED"},
               {Bytes(100, 0x30), "REFUSED MALFORMED"},
               {fakes::IssueCrl(Spec(6), ca_.key()), "OLDER UNSPECIFIED"},
               {fakes::IssueCrl(Spec(7), ca_.key()), "NUMBER_REUSED UNSPECIFIED"}};
  for (const auto& test_case : cases) {
    directory_.Remove(kFile);
    if (!test_case.content.empty()) directory_.Write(kFile, test_case.content);
    ASSERT_TRUE(Open().ok());
    EXPECT_EQ(LastEvent(), test_case.event);
    ExpectAllRevoked();
    EXPECT_FALSE(Find(Listed()[0]).this_update) << "there is no list";
    EXPECT_EQ(Find(kUnlisted).outcome, RevocationOutcome::kNoUsableAnswer);
    EXPECT_EQ(observer_.vanished(), 0);
  }
  EXPECT_EQ(Inodes(), before);
  Write(Spec(8));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "LOADED USABLE");
  ExpectAllRevoked();
  EXPECT_EQ(observer_.vanished(), static_cast<int>(Listed().size()));
}

TEST_F(CrlRestartTest, AScopeThatTheManifestDroppedMeanwhileIsRememberedToo) {
  Write(Full(7));
  ASSERT_TRUE(Open().ok());
  store_.reset();
  directory_.ExpectNothing();
  ASSERT_TRUE(Open().ok());
  ExpectAllRevoked();
  EXPECT_EQ(Find(kUnlisted).outcome, RevocationOutcome::kNoUsableAnswer);
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(8));
  ASSERT_TRUE(store_->Reload().ok());
  ExpectAllRevoked();
  EXPECT_EQ(Find(kUnlisted).outcome, RevocationOutcome::kGood);

  store_.reset();
  std::filesystem::remove(Kept().at(0));
  directory_.ExpectNothing();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(LastEvent(), "LAST_LIST_LOST UNSPECIFIED");
  EXPECT_EQ(observer_.scopes().back().anchor, "");
}

TEST_F(CrlRestartTest, ALostTableIsSaidAndMakesNothingGood) {
  for (const bool missing : {true, false}) {
    SCOPED_TRACE(missing);
    std::filesystem::remove_all(Folder());
    std::filesystem::remove(StateFile());
    Write(Full(7));
    ASSERT_TRUE(Open().ok());
    store_.reset();
    ASSERT_EQ(Kept().size(), 1u);
    const std::string path = Kept()[0], table = *base::ReadFile(path);
    std::filesystem::remove(path);
    for (size_t at = 0; at <= table.size(); ++at) {
      if (!missing) {
        std::string damaged = table;
        if (at < table.size()) {
          damaged[at] ^= 1;
        } else {
          damaged.pop_back();
        }
        std::ofstream(path, std::ios::trunc) << damaged;
      }
      if (at == 0) {
        Write(Spec(8));
        ASSERT_TRUE(Open().ok()) << "the other scopes are served";
      } else {
        ASSERT_TRUE(store_->Reload().ok());
      }
      EXPECT_EQ(LastEvent(), "LAST_LIST_LOST UNSPECIFIED");
      EXPECT_THAT(LastError(), testing::HasSubstr(path));
      EXPECT_THAT(LastError(), testing::HasSubstr(missing ? "missing" : "damaged"));
      EXPECT_THAT(LastError(), testing::HasSubstr("Put back a copy"));
      for (const Bytes& serial : {Listed()[0], kUnlisted}) {
        EXPECT_EQ(Find(serial).outcome, RevocationOutcome::kNoUsableAnswer);
      }
      if (missing) break;
    }
    // After another restart too.
    ASSERT_TRUE(Open().ok());
    EXPECT_EQ(LastEvent(), "LAST_LIST_LOST UNSPECIFIED");
    // The fix.
    std::ofstream(path, std::ios::trunc) << table;
    ASSERT_TRUE(store_->Reload().ok());
    EXPECT_EQ(LastEvent(), "LOADED USABLE");
    ExpectAllRevoked();
    EXPECT_EQ(Find(kUnlisted).outcome, RevocationOutcome::kGood);
  }
}

TEST_F(CrlRestartTest, TheListThatWasInForceReplacesItsLostTable) {
  const Bytes last = fakes::IssueCrl(Full(7), ca_.key());
  directory_.Write(kFile, last);
  ASSERT_TRUE(Open().ok());
  store_.reset();
  std::filesystem::remove_all(Folder());
  Write(Spec(8));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(LastEvent(), "LAST_LIST_LOST UNSPECIFIED");
  directory_.Write(kFile, last);
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "LOADED USABLE");
  EXPECT_EQ(Kept().size(), 1u);
  store_.reset();
  Write(Spec(8));
  ASSERT_TRUE(Open().ok());
  ExpectAllRevoked();
}

TEST_F(CrlRestartTest, AnotherKeysListIsHeldAgainstTheLastOneToo) {
  Write(Full(7));
  ASSERT_TRUE(Open().ok());
  store_.reset();
  directory_.Write(kScopesFile,
                   base::AsBytes(R"({"version":1,"scopes":[{"anchor":"auth-01","signer":"auth-02",)"
                                 R"("distribution_point":")" +
                                 base::Base64Encode(point_) + R"(","file":")" + kFile + R"("}]})"));
  Write(Spec(1), successor_);
  for (int restart = 0; restart < 2; ++restart) {
    ASSERT_TRUE(Open().ok());
    EXPECT_EQ(LastEvent(), "LOADED USABLE");
    ExpectAllRevoked();
    EXPECT_EQ(Find(kUnlisted).outcome, RevocationOutcome::kGood);
    EXPECT_EQ(Kept().size(), 1u);
  }
}

TEST_F(CrlRestartTest, AListThatForgetsTooMuchIsRefusedAfterARestartToo) {
  Write(Full(7));
  ASSERT_TRUE(Open().ok());
  store_.reset();
  Write(Spec(8));
  ASSERT_TRUE(Open(/*max_vanished=*/Listed().size() - 1).ok());
  EXPECT_EQ(LastEvent(), "TOO_MANY_VANISHED UNSPECIFIED");
  ExpectAllRevoked();
  EXPECT_EQ(Find(kUnlisted).outcome, RevocationOutcome::kNoUsableAnswer);
}

// RFC 5280 section 3.3: an entry goes from the list once the certificate has expired.
TEST_F(CrlRestartTest, WhatVanishesBecauseItsCertificateExpiredIsNoAlarm) {
  Write(Full(7));
  ASSERT_TRUE(Open().ok());
  store_.reset();
  clock_.Advance(absl::Hours(24 * 365 * 5));
  Write(Spec(8));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(LastEvent(), "LOADED USABLE");
  EXPECT_EQ(Find(Listed()[0]).outcome, RevocationOutcome::kRevoked);
  EXPECT_EQ(observer_.vanished(), 0);
}

TEST_F(CrlRestartTest, AStateOfBeforeThereWereTablesIsTakenAndGetsThem) {
  Write(Full(7));
  ASSERT_TRUE(Open().ok());
  store_.reset();
  CrlMarks marks = *ReadCrlState(StateFile());
  marks.begin()->second.kept.reset();
  ASSERT_TRUE(WriteCrlState(StateFile(), marks).ok());
  std::filesystem::remove_all(Folder());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(LastEvent(), "LOADED USABLE");
  EXPECT_EQ(Kept().size(), 1u);
  store_.reset();
  Write(Spec(8));
  ASSERT_TRUE(Open().ok());
  ExpectAllRevoked();
}

TEST_F(CrlRestartTest, WhatCannotBeWrittenIsAnErrorAndIsWrittenLater) {
  Write(Full(7));
  ASSERT_TRUE(Open().ok());
  std::filesystem::rename(Folder(), state_.File("moved"));
  std::ofstream(Folder()) << "not a folder";
  Write(Spec(8));
  EXPECT_FALSE(store_->Reload().ok());
  ExpectAllRevoked();
  EXPECT_EQ((*ReadCrlState(StateFile())).begin()->second.number, Bytes{7});
  EXPECT_FALSE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "UNCHANGED USABLE");
  std::filesystem::remove(Folder());
  std::filesystem::rename(state_.File("moved"), Folder());
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ((*ReadCrlState(StateFile())).begin()->second.number, Bytes{8});
  ASSERT_TRUE(Open().ok());
  ExpectAllRevoked();
}

TEST_F(CrlRestartTest, WhatADeathLeftInTheFolderGoesAndNothingElse) {
  Write(Full(7));
  ASSERT_TRUE(Open().ok());
  const std::string kept = Kept().at(0);
  const std::string other = Folder() + "/" + std::string(64, 'a');
  for (const std::string& left : {other, kept + ".Ab12xY", Folder() + "/notes"}) {
    std::ofstream(left) << "cut";
  }
  Write(Full(8));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_THAT(Kept(), testing::UnorderedElementsAre(testing::Not(other), Folder() + "/notes"));
}

}  // namespace
}  // namespace musubi::revocation
