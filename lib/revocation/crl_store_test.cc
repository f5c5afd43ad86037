#include "lib/revocation/crl_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "lib/base/status.h"
#include "tests/fakes/crl_directory.h"
#include "tests/fakes/der_writer.h"
#include "tests/fakes/recording_observer.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::revocation {
namespace {

using base::Bytes;
using fakes::CrlSpec;
using fakes::TestCa;
using fakes::TestKey;
using pki::RevocationOutcome;

constexpr char kFile[] = "auth-01-99001.crl";

class CrlStoreTest : public testing::Test {
 protected:
  CrlSpec Spec(uint64_t number) const {
    return fakes::MakeCrlSpec(ca_, point_, number, clock_.Now() - absl::Hours(1));
  }
  void Write(const CrlSpec& spec) { directory_.Write(kFile, fakes::IssueCrl(spec, ca_.key())); }
  void Start(size_t max_vanished = kMaxVanishedPerScope) {
    auto store = CrlStore::Create(
        {clock_, observer_},
        {.directory = directory_.path(),
         .issuers = {{"auth-01", ca_.certificate()}, {"auth-02", other_generation_.certificate()}},
         .max_vanished_per_scope = max_vanished});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  pki::Certificate Card(uint64_t serial) const {
    return fakes::ParseCertificate(ca_.Issue(ca_.CardSpec(card_key_, serial)));
  }
  pki::RevocationFinding Lookup(uint64_t serial) const {
    return store_->Lookup(Card(serial), ca_.certificate(), clock_.Now());
  }
  // What happened to the last scope of the last load.
  std::string LastEvent() const {
    const ScopeEvent event = observer_.scopes().back();
    return std::string(Name(event.outcome)) + " " + std::string(pki::Name(event.crl_outcome));
  }

  fakes::SimulatedClock clock_;
  fakes::RecordingObserver observer_;
  fakes::CrlDirectory directory_;
  const TestKey& card_key_ = TestKey::Get(fakes::KeyKind::kRsa2048, 9);
  TestCa ca_;
  TestCa other_generation_{{.key_number = 1, .serial = 2}};
  const Bytes point_ = fakes::DistributionPointName("Mihon-shi");
  std::unique_ptr<CrlStore> store_;
};

TEST_F(CrlStoreTest, ListedIsRevokedAndNotListedIsGood) {
  const absl::Time at = clock_.Now() - absl::Hours(9);
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7).Revoke(Card(0x42).serial(), at, 4));
  Start();
  EXPECT_EQ(LastEvent(), "LOADED USABLE");
  EXPECT_EQ(observer_.scopes().back().entries, 1u);

  const pki::RevocationFinding revoked = Lookup(0x42);
  EXPECT_EQ(revoked.outcome, RevocationOutcome::kRevoked);
  EXPECT_EQ(revoked.method, pki::RevocationMethod::kCrl);
  EXPECT_EQ(revoked.revoked_at, at);
  EXPECT_EQ(revoked.reason, pki::CrlReason::kSuperseded);

  const pki::RevocationFinding good = Lookup(0x43);
  EXPECT_EQ(good.outcome, RevocationOutcome::kGood);
  EXPECT_EQ(good.source_updated_at, clock_.Now());
  EXPECT_EQ(good.this_update, clock_.Now() - absl::Hours(1));
  EXPECT_EQ(good.next_update, clock_.Now() + absl::Hours(47));
}

TEST_F(CrlStoreTest, AFullListSpeaksForEveryPartition) {
  directory_.Expect("auth-01", {}, kFile);
  Write(fakes::MakeCrlSpec(ca_, {}, 1, clock_.Now()).Revoke(Card(0x42).serial(), clock_.Now()));
  Start();
  EXPECT_EQ(Lookup(0x42).outcome, RevocationOutcome::kRevoked);
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kGood);
}

TEST_F(CrlStoreTest, APartitionThatNobodyExpectsIsNoAnswerAndCounted) {
  directory_.Expect("auth-01", fakes::DistributionPointName("Rei-shi"), "other.crl");
  Start();
  EXPECT_EQ(LastEvent(), "MISSING UNSPECIFIED");
  EXPECT_EQ(Lookup(0x42).outcome, RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(observer_.scopes_missing(), 1);
}

TEST_F(CrlStoreTest, AGenerationsListSaysNothingAboutAnothers) {
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7));
  Start();
  const auto card =
      fakes::ParseCertificate(other_generation_.Issue(other_generation_.CardSpec(card_key_, 0x43)));
  EXPECT_EQ(store_->Lookup(card, other_generation_.certificate(), clock_.Now()).outcome,
            RevocationOutcome::kNoUsableAnswer);
}

TEST_F(CrlStoreTest, WhatIsWrongWithAFileIsReportedAndNothingIsGood) {
  const auto issue = [this](const CrlSpec& spec) { return fakes::IssueCrl(spec, ca_.key()); };
  const Bytes good = issue(Spec(7));
  Bytes damaged = good, trailing = good, cut = good;
  damaged.back() ^= 1;
  trailing.push_back(0);
  cut.resize(cut.size() / 2);
  CrlSpec entry = Spec(7).Revoke(Bytes{5}, clock_.Now());
  entry.entries[0].extensions.push_back(
      {std::string(fakes::kUnheardOfOid), true, fakes::der::Null()});
  CrlSpec unnumbered = Spec(7), endless = Spec(7), future = Spec(7);
  fakes::RemoveExtension(unnumbered.extensions, fakes::kCrlNumberOid);
  endless.next_update.reset();
  future.this_update = clock_.Now() + absl::Minutes(6);
  const struct {
    Bytes content;
    const char* event;
  } cases[] = {
      {damaged, "REFUSED BAD_SIGNATURE"},
      {trailing, "REFUSED MALFORMED"},
      {cut, "REFUSED MALFORMED"},
      {fakes::IssueCrl(Spec(7), other_generation_.key()), "REFUSED BAD_SIGNATURE"},
      {issue(fakes::MakeCrlSpec(ca_, fakes::DistributionPointName("Rei-shi"), 7, clock_.Now())),
       "REFUSED FOREIGN_SCOPE"},
      {issue(fakes::MakeCrlSpec(ca_, {}, 7, clock_.Now())), "REFUSED FOREIGN_SCOPE"},
      {issue(entry), "REFUSED UNKNOWN_CRITICAL_ENTRY_EXTENSION"},
      {issue(Spec(7).Set(fakes::kDeltaCrlIndicatorOid, true, fakes::der::Integer(6))),
       "REFUSED DELTA"},
      {issue(unnumbered), "NUMBER_MISSING UNSPECIFIED"},
      {issue(endless), "REFUSED NEXT_UPDATE_MISSING"},
      {issue(future), "REFUSED NOT_YET_VALID"},
  };
  directory_.Expect("auth-01", point_, kFile);
  for (const auto& test_case : cases) {
    directory_.Write(kFile, test_case.content);
    Start();
    EXPECT_EQ(LastEvent(), test_case.event);
    EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kNoUsableAnswer) << test_case.event;
  }
}

TEST_F(CrlStoreTest, AListInForceSurvivesABadSuccessorUntilItIsStale) {
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7).Revoke(Card(0x42).serial(), clock_.Now()));
  Start();
  directory_.Write(kFile, base::AsBytes("garbage"));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "REFUSED MALFORMED");
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kGood);
  directory_.Remove(kFile);
  clock_.Advance(absl::Hours(47));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "MISSING USABLE");
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kGood);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "MISSING STALE");
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(Lookup(0x42).outcome, RevocationOutcome::kRevoked) << "a stale list's entries hold";
}

TEST_F(CrlStoreTest, AStaleListIsTakenForWhatItLists) {
  directory_.Expect("auth-01", point_, kFile);
  CrlSpec spec = Spec(7).Revoke(Card(0x42).serial(), clock_.Now());
  spec.next_update = clock_.Now() - absl::Seconds(1);
  Write(spec);
  Start();
  EXPECT_EQ(LastEvent(), "LOADED STALE");
  EXPECT_EQ(Lookup(0x42).outcome, RevocationOutcome::kRevoked);
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kNoUsableAnswer);
}

TEST_F(CrlStoreTest, NeverGoesBackToAnOlderList) {
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7));
  Start();
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "UNCHANGED USABLE");
  Write(Spec(6));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "OLDER USABLE");
  CrlSpec earlier = Spec(8);
  earlier.this_update -= absl::Seconds(1);
  Write(earlier);
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "OLDER USABLE");
  Write(Spec(7).Revoke(Bytes{5}, clock_.Now()));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "NUMBER_REUSED USABLE");
  Write(Spec(8));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "LOADED USABLE");
}

TEST_F(CrlStoreTest, AVanishedEntryStaysRevokedAndAlarms) {
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7).Revoke(Card(0x42).serial(), clock_.Now(), 6));
  Start();
  for (const uint64_t number : {8, 9}) {
    Write(Spec(number));
    ASSERT_TRUE(store_->Reload().ok());
    EXPECT_EQ(LastEvent(), "LOADED USABLE");
  }
  const pki::RevocationFinding finding = Lookup(0x42);
  EXPECT_EQ(finding.outcome, RevocationOutcome::kRevoked);
  EXPECT_EQ(finding.reason, pki::CrlReason::kCertificateHold);
  EXPECT_EQ(observer_.vanished(), 1);
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kGood);
}

TEST_F(CrlStoreTest, RefusesAListThatForgetsMoreThanCanBeRemembered) {
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7).Revoke(Card(0x42).serial(), clock_.Now()).Revoke(Bytes{5}, clock_.Now()));
  Start(/*max_vanished=*/1);
  Write(Spec(8));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "TOO_MANY_VANISHED USABLE");
  EXPECT_EQ(Lookup(0x42).outcome, RevocationOutcome::kRevoked);
  Write(Spec(9).Revoke(Bytes{5}, clock_.Now()));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "LOADED USABLE");
}

TEST_F(CrlStoreTest, TwoProcessesNameOneScopeAlikeAndEachSaysHowNewItsListIs) {
  directory_.Expect("auth-01", point_, kFile);
  directory_.Expect("auth-01", {}, "absent.crl");
  Write(Spec(7));
  Start();
  const std::vector<CrlInForce> here = store_->InForce();
  ASSERT_EQ(here.size(), 1u);
  EXPECT_EQ(here[0].this_update, clock_.Now() - absl::Hours(1));
  clock_.Advance(absl::Hours(2));
  Write(Spec(8));
  Start();
  const std::vector<CrlInForce> there = store_->InForce();
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(there[0].scope, here[0].scope);
  EXPECT_EQ(there[0].this_update, here[0].this_update + absl::Hours(2));
}

TEST_F(CrlStoreTest, AScopeThatTheManifestNoLongerHasIsNotGood) {
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7).Revoke(Card(0x42).serial(), clock_.Now()));
  Start();
  directory_.ExpectNothing();
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(Lookup(0x42).outcome, RevocationOutcome::kRevoked);
  directory_.Expect("auth-01", point_, kFile);
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(LastEvent(), "UNCHANGED USABLE");
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kGood);
}

TEST_F(CrlStoreTest, AClockThatJumpsBackMakesNothingGood) {
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7));
  Start();
  clock_.Advance(-absl::Hours(2));
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kNoUsableAnswer);
}

TEST_F(CrlStoreTest, AnExpiredCertificateIsGoodOnlyOnAListThatKeepsItsEntry) {
  clock_.Advance(absl::Hours(24 * 365 * 5));
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7));
  Start();
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kNoUsableAnswer);
  Write(Spec(8).Set("2.5.29.60", false, fakes::der::GeneralizedTime(Card(1).not_after())));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kGood);
  Write(Spec(9).Set("2.5.29.60", false,
                    fakes::der::GeneralizedTime(Card(1).not_after() + absl::Seconds(1))));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kNoUsableAnswer);
}

TEST_F(CrlStoreTest, ThePastNeedsDataThatIsNoOlderAndTheFutureHasNone) {
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7));  // thisUpdate is an hour ago.
  Start();
  const auto at = [this](absl::Duration offset) {
    return store_->Lookup(Card(0x43), ca_.certificate(), clock_.Now() + offset).outcome;
  };
  EXPECT_EQ(at(-absl::Hours(2)), RevocationOutcome::kGood);
  EXPECT_EQ(at(-absl::Minutes(30)), RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(at(-absl::Minutes(5)), RevocationOutcome::kGood);
  EXPECT_EQ(at(absl::Minutes(5)), RevocationOutcome::kGood);
  EXPECT_EQ(at(absl::Minutes(6)), RevocationOutcome::kNoUsableAnswer);
}

TEST_F(CrlStoreTest, AWrongManifestIsAnErrorThatNamesTheRule) {
  const struct {
    const char* manifest;
    const char* message;
  } cases[] = {
      {"{", "scopes.json"},
      {R"({"version":2,"scopes":[]})", "must be 1"},
      {R"({"version":1})", "scopes"},
      {R"({"version":1,"scopes":[],"more":1})", "more"},
      {R"({"version":1,"scopes":[{"anchor":"auth-09","distribution_point":"full","file":"a"}]})",
       "names no configured anchor"},
      {R"({"version":1,"scopes":[{"anchor":"auth-01","distribution_point":"full","file":"../a"}]})",
       "not a path"},
      {R"({"version":1,"scopes":[{"anchor":"auth-01","distribution_point":"AAAA","file":"a"}]})",
       "base64 of one DER Name"},
      {R"({"version":1,"scopes":[{"anchor":"auth-01","distribution_point":"full","file":"a"},)"
       R"({"anchor":"auth-01","distribution_point":"full","file":"b"}]})",
       "twice"},
  };
  for (const auto& test_case : cases) {
    directory_.Write("scopes.json", base::AsBytes(test_case.manifest));
    const auto store = CrlStore::Create(
        {clock_, observer_},
        {.directory = directory_.path(), .issuers = {{"auth-01", ca_.certificate()}}});
    EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument) << test_case.manifest;
    EXPECT_THAT(std::string(base::ToStd(store.status().message())),
                testing::HasSubstr(test_case.message));
  }
  directory_.Remove("scopes.json");
  EXPECT_EQ(CrlStore::Create({clock_, observer_}, {.directory = directory_.path()}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(CrlStoreTest, AWrongManifestLeavesWhatIsInForce) {
  directory_.Expect("auth-01", point_, kFile);
  Write(Spec(7));
  Start();
  directory_.Write("scopes.json", base::AsBytes("{"));
  EXPECT_FALSE(store_->Reload().ok());
  EXPECT_EQ(Lookup(0x43).outcome, RevocationOutcome::kGood);
}

}  // namespace
}  // namespace musubi::revocation
