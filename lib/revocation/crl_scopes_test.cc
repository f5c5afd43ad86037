// A country of partitions: what happens to one of 1,890 is nobody else's matter. And what a restart
// must not forget.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/revocation/crl_store.h"
#include "tests/fakes/crl_directory.h"
#include "tests/fakes/der_writer.h"
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

constexpr int kMunicipalities = 1890;
constexpr uint64_t kListed = 0x42, kUnlisted = 0x43;

// Everything that the tests share: 1,890 signatures are made once.
struct Country {
  Country() {
    for (int i = 0; i < kMunicipalities; ++i) {
      points.push_back(fakes::DistributionPointName("Mihon-" + std::to_string(i)));
      lists.push_back(List(i, 7));
    }
  }

  Bytes List(int i, uint64_t number) const {
    CrlSpec spec = fakes::MakeCrlSpec(ca, points[static_cast<size_t>(i)], number, start);
    return fakes::IssueCrl(spec.Revoke(Bytes{kListed}, start, 1), ca.key());
  }
  pki::Certificate Card(int i, uint64_t serial) const {
    auto spec = ca.CardSpec(ca.key(), serial);
    spec.Set(fakes::kCrlDistributionPointsOid, false,
             fakes::CrlDistributionPointsValue(points[static_cast<size_t>(i)]));
    return fakes::ParseCertificate(ca.Issue(spec));
  }

  // P-256 signs fast.
  TestCa ca{{.key_kind = fakes::KeyKind::kEcP256}};
  absl::Time start = fakes::SimulatedClock().Now();
  std::vector<Bytes> points;
  std::vector<Bytes> lists;
};

class CrlScopesTest : public testing::Test {
 protected:
  static const Country& country() {
    static const Country* country = new Country();
    return *country;
  }
  static std::string File(int i) { return std::to_string(i) + ".crl"; }

  // As fast as a test wants it: nobody else reads, and no power fails.
  void Write(const std::string& file, const Bytes& content) {
    std::ofstream(directory_.path() + "/" + file, std::ios::binary | std::ios::trunc)
        << base::AsText(content);
  }
  void WriteCountry() {
    std::string manifest = R"({"version":1,"scopes":[)";
    for (int i = 0; i < kMunicipalities; ++i) {
      Write(File(i), country().lists[static_cast<size_t>(i)]);
      manifest += std::string(i > 0 ? "," : "") + R"({"anchor":"auth-01","distribution_point":")" +
                  base::Base64Encode(country().points[static_cast<size_t>(i)]) + R"(","file":")" +
                  File(i) + R"("})";
    }
    Write(kScopesFile, base::ToBytes(manifest + "]}"));
  }
  absl::Status Open() { return Open(state_.File("crl-state")); }
  absl::Status Open(const std::string& state_file) {
    store_.reset();
    auto store =
        CrlStore::Create({clock_, observer_}, {.directory = directory_.path(),
                                               .issuers = {{"auth-01", country().ca.certificate()}},
                                               .state_file = state_file});
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    return absl::OkStatus();
  }
  RevocationOutcome Lookup(int i, uint64_t serial) const {
    return store_->Lookup(country().Card(i, serial), country().ca.certificate(), clock_.Now())
        .outcome;
  }
  // What a card of a municipality gets, not listed and listed.
  void ExpectAnswers(int i, RevocationOutcome unlisted, RevocationOutcome listed) const {
    EXPECT_EQ(Lookup(i, kUnlisted), unlisted) << i;
    EXPECT_EQ(Lookup(i, kListed), listed) << i;
  }
  void ExpectOthersUnharmed() const {
    for (const int i : {0, 1, 5, 100, 1000, 1889}) {
      ExpectAnswers(i, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
    }
  }
  std::string EventOf(int i) const {
    const auto events = observer_.scopes();
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
      if (event->file != File(i)) continue;
      return std::string(Name(event->outcome)) + " " + std::string(pki::Name(event->crl_outcome));
    }
    return "";
  }

  fakes::SimulatedClock clock_;
  fakes::RecordingObserver observer_;
  fakes::CrlDirectory directory_;
  fakes::TempDir state_;
  std::unique_ptr<CrlStore> store_;
};

TEST_F(CrlScopesTest, WhatHappensToOnePartitionHappensToItsCertificatesOnly) {
  WriteCountry();
  ASSERT_TRUE(Open("").ok());
  for (int i = 0; i < kMunicipalities; i += 63) {
    ExpectAnswers(i, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  }
  const uint64_t epoch = store_->snapshot_epoch();

  // Nothing is remembered of them: removed, swapped with another's, renamed, cut, edited.
  store_.reset();
  directory_.Remove(File(2));
  Write(File(3), country().lists[4]);
  Write(File(4), country().lists[3]);
  Bytes cut = country().lists[6], edited = country().lists[7];
  cut.resize(cut.size() - 1);
  edited[edited.size() / 2] ^= 1;
  Write(File(6), cut);
  Write(File(7), edited);
  ASSERT_TRUE(Open("").ok());
  EXPECT_EQ(store_->snapshot_epoch(), epoch);
  EXPECT_EQ(EventOf(2), "MISSING UNSPECIFIED");
  EXPECT_EQ(EventOf(3), "REFUSED FOREIGN_SCOPE");
  EXPECT_EQ(EventOf(6), "REFUSED MALFORMED");
  for (const int i : {2, 3, 4, 6, 7}) {
    ExpectAnswers(i, RevocationOutcome::kNoUsableAnswer, RevocationOutcome::kNoUsableAnswer);
  }
  EXPECT_EQ(observer_.scopes_missing(), 10);
  ExpectOthersUnharmed();
}

TEST_F(CrlScopesTest, WhatIsInForceStaysUntilItIsStaleWhateverHappensToItsFile) {
  WriteCountry();
  ASSERT_TRUE(Open("").ok());
  directory_.Remove(File(2));
  Write(File(3), country().lists[4]);
  Write(File(6), Bytes(100, 0x30));
  clock_.Advance(absl::Hours(40));
  ASSERT_TRUE(store_->Reload().ok());
  for (const int i : {2, 3, 6}) {
    ExpectAnswers(i, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  }
  // The others get successors; those three grow old.
  clock_.Advance(absl::Hours(9));
  ASSERT_TRUE(store_->Reload().ok());
  EXPECT_EQ(EventOf(2), "MISSING STALE");
  EXPECT_EQ(EventOf(6), "REFUSED MALFORMED");
  for (const int i : {2, 3, 6}) {
    ExpectAnswers(i, RevocationOutcome::kNoUsableAnswer, RevocationOutcome::kRevoked);
  }
}

TEST_F(CrlScopesTest, AnOlderListIsRefusedAfterARestartToo) {
  directory_.Expect("auth-01", country().points[0], File(0));
  Write(File(0), country().List(0, 7));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(EventOf(0), "LOADED USABLE");
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(EventOf(0), "LOADED USABLE") << "the same list may come again";
  Write(File(0), country().List(0, 6));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(EventOf(0), "OLDER UNSPECIFIED");
  ExpectAnswers(0, RevocationOutcome::kNoUsableAnswer, RevocationOutcome::kRevoked);
  CrlSpec other = fakes::MakeCrlSpec(country().ca, country().points[0], 7, country().start);
  Write(File(0), fakes::IssueCrl(other, country().ca.key()));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(EventOf(0), "NUMBER_REUSED UNSPECIFIED");
  Write(File(0), country().List(0, 8));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(EventOf(0), "LOADED USABLE");
}

TEST_F(CrlScopesTest, AVanishedEntryStaysRevokedAfterARestartToo) {
  directory_.Expect("auth-01", country().points[0], File(0));
  Write(File(0), country().List(0, 7));
  ASSERT_TRUE(Open().ok());
  CrlSpec next = fakes::MakeCrlSpec(country().ca, country().points[0], 8, country().start);
  Write(File(0), fakes::IssueCrl(next, country().ca.key()));
  ASSERT_TRUE(store_->Reload().ok());
  ExpectAnswers(0, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  ASSERT_TRUE(Open().ok());
  ExpectAnswers(0, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  EXPECT_EQ(observer_.vanished(), 2);
  Write(File(0), country().List(0, 9));
  ASSERT_TRUE(Open().ok());
  ExpectAnswers(0, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  EXPECT_EQ(observer_.vanished(), 2) << "listed again";
}

class CrlVanishedTest : public CrlScopesTest {
 protected:
  // The last list in force no longer had kListed, and the process ended.
  void SetUp() override {
    directory_.Expect("auth-01", country().points[0], File(0));
    Write(File(0), country().List(0, 7));
    ASSERT_TRUE(Open().ok());
    Write(File(0), Without(8));
    ASSERT_TRUE(store_->Reload().ok());
    store_.reset();
  }
  Bytes Without(uint64_t number) const {
    const CrlSpec spec =
        fakes::MakeCrlSpec(country().ca, country().points[0], number, country().start);
    return fakes::IssueCrl(spec, country().ca.key());
  }
  pki::RevocationFinding Find(uint64_t serial) const {
    return store_->Lookup(country().Card(0, serial), country().ca.certificate(), clock_.Now());
  }
};

TEST_F(CrlVanishedTest, WhatVanishedIsRevokedAfterARestartWithoutAListInForce) {
  const struct {
    Bytes content;  // Empty: no file.
    const char* event;
  } cases[] = {{{}, "MISSING UNSPECIFIED"},
               {Bytes(100, 0x30), "REFUSED MALFORMED"},
               {country().lists[1], "REFUSED FOREIGN_SCOPE"},
               {country().List(0, 6), "OLDER UNSPECIFIED"}};
  for (const auto& test_case : cases) {
    SCOPED_TRACE(test_case.event);
    const int vanished = observer_.vanished(), missing = observer_.scopes_missing();
    directory_.Remove(File(0));
    if (!test_case.content.empty()) Write(File(0), test_case.content);
    ASSERT_TRUE(Open().ok());
    EXPECT_EQ(EventOf(0), test_case.event);
    EXPECT_FALSE(observer_.scopes().back().this_update);
    ExpectAnswers(0, RevocationOutcome::kNoUsableAnswer, RevocationOutcome::kRevoked);
    ASSERT_TRUE(store_->Reload().ok());
    ExpectAnswers(0, RevocationOutcome::kNoUsableAnswer, RevocationOutcome::kRevoked);
    EXPECT_EQ(observer_.vanished(), vanished + 2);
    EXPECT_EQ(observer_.scopes_missing(), missing + 4);
  }
  EXPECT_EQ(Find(kListed).reason, pki::CrlReason::kKeyCompromise);
  EXPECT_EQ(Find(kListed).revoked_at, country().start);
  EXPECT_FALSE(Find(kListed).this_update) << "there is no list";
  EXPECT_FALSE(Find(kUnlisted).this_update);
  EXPECT_FALSE(Find(kUnlisted).out_of_date) << "no list covers it";

  Write(File(0), Without(9));
  for (int restart = 0; restart < 2; ++restart) {
    ASSERT_TRUE(restart == 0 ? store_->Reload().ok() : Open().ok());
    EXPECT_EQ(EventOf(0), "LOADED USABLE");
    ExpectAnswers(0, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  }
}

TEST_F(CrlVanishedTest, WhatVanishedIsRevokedAfterARestartThoughTheManifestHasDroppedItsScope) {
  directory_.ExpectNothing();
  ASSERT_TRUE(Open().ok());
  ExpectAnswers(0, RevocationOutcome::kNoUsableAnswer, RevocationOutcome::kRevoked);
  ExpectAnswers(1, RevocationOutcome::kNoUsableAnswer, RevocationOutcome::kNoUsableAnswer);
  directory_.Expect("auth-01", country().points[0], File(0));
  ASSERT_TRUE(store_->Reload().ok());
  ExpectAnswers(0, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
}

TEST_F(CrlScopesTest, WhatVanishedIsRevokedAfterARestartWhoeverSignedTheLists) {
  const CrlScopeKey scope{crypto::Sha256(country().ca.certificate().spki_der()),
                          country().points[0]};
  CrlMarks marks;
  uint8_t signer = 0;
  for (const uint64_t serial : {kListed, kUnlisted, uint64_t{0}}) {
    CrlTable::Builder vanished(country().start);
    vanished.Add(Bytes{static_cast<uint8_t>(serial)}, {country().start});
    marks[{scope, base::Hash256{++signer}}] = {
        Bytes{7}, country().start, {}, serial > 0 ? vanished.Build() : nullptr};
  }
  ASSERT_TRUE(WriteCrlState(state_.File("crl-state"), marks).ok());
  directory_.Expect("auth-01", scope.point, File(0));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(EventOf(0), "MISSING UNSPECIFIED");
  ExpectAnswers(0, RevocationOutcome::kRevoked, RevocationOutcome::kRevoked);
  EXPECT_EQ(Lookup(0, 0x44), RevocationOutcome::kNoUsableAnswer);
}

TEST_F(CrlVanishedTest, WhatVanishedIsRevokedThoughAFullListIsInForce) {
  directory_.Expect("auth-01", {}, "full.crl");
  directory_.Remove(File(0));
  const CrlSpec full = fakes::MakeCrlSpec(country().ca, {}, 1, country().start);
  Write("full.crl", fakes::IssueCrl(full, country().ca.key()));
  ASSERT_TRUE(Open().ok());
  ExpectAnswers(0, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  EXPECT_EQ(Find(kUnlisted).this_update, country().start);
  EXPECT_FALSE(Find(kListed).this_update);
  EXPECT_EQ(observer_.scopes_missing(), 0);
}

TEST_F(CrlScopesTest, ADamagedStateIsARefusalThatNamesTheFile) {
  directory_.Expect("auth-01", country().points[0], File(0));
  Write(File(0), country().List(0, 7));
  ASSERT_TRUE(Open().ok());
  CrlSpec next = fakes::MakeCrlSpec(country().ca, country().points[0], 8, country().start);
  Write(File(0), fakes::IssueCrl(next, country().ca.key()));
  ASSERT_TRUE(Open().ok());
  const std::string state = *base::ReadFile(state_.File("crl-state"));
  for (size_t at = 0; at <= state.size(); at += at < state.size() - 9 ? 7 : 1) {
    std::string damaged = state;
    if (at < state.size()) {
      damaged[at] ^= 1;
    } else {
      damaged.pop_back();
    }
    std::ofstream(state_.File("crl-state"), std::ios::trunc) << damaged;
    const absl::Status status = Open();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << at;
    EXPECT_THAT(std::string(base::ToStd(status.message())), testing::HasSubstr("crl-state"));
  }
  std::ofstream(state_.File("crl-state"), std::ios::trunc);
  EXPECT_EQ(Open().code(), absl::StatusCode::kDataLoss) << "an empty file";
}

TEST_F(CrlScopesTest, AClockThatStepsBackTooFarMakesNothingGood) {
  directory_.Expect("auth-01", country().points[0], File(0));
  Write(File(0), country().List(0, 7));
  ASSERT_TRUE(Open().ok());
  clock_.Advance(absl::Hours(10));
  ExpectAnswers(0, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  clock_.Advance(-kMaxClockStepBack);
  ExpectAnswers(0, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  clock_.Advance(-absl::Seconds(1));
  ExpectAnswers(0, RevocationOutcome::kNoUsableAnswer, RevocationOutcome::kRevoked);
  clock_.Advance(absl::Seconds(1));
  ExpectAnswers(0, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
}

// Two generations of one DN, and a key for CRLs alone.
class CrlSignersTest : public CrlScopesTest {
 protected:
  std::string LoadSignedBy(const fakes::TestKey& key, const std::string& more) {
    Write(kScopesFile, base::ToBytes(R"({"version":1,"scopes":[{"anchor":"auth-01",)"
                                     R"("distribution_point":"full","file":"0.crl")" +
                                     more + "}]}"));
    CrlSpec spec = fakes::MakeCrlSpec(old_, {}, 7, country().start);
    Write(File(0), fakes::IssueCrl(spec.Revoke(Bytes{kListed}, country().start), key));
    auto store =
        CrlStore::Create({clock_, observer_}, {.directory = directory_.path(),
                                               .issuers = {{"auth-01", old_.certificate()},
                                                           {"auth-02", new_.certificate()},
                                                           {"other", other_.certificate()}}});
    if (!store.ok()) return std::string(base::ToStd(store.status().message()));
    store_ = *std::move(store);
    return EventOf(0);
  }
  RevocationOutcome Answer(const TestCa& ca) const {
    const auto card = fakes::ParseCertificate(ca.Issue(ca.CardSpec(ca.key(), kUnlisted)));
    return store_->Lookup(card, ca.certificate(), clock_.Now()).outcome;
  }
  void WriteSigner(const TestCa& by, uint16_t usage) {
    auto spec = by.SubordinateSpec(crl_key_, "CRL signer");
    spec.subject = old_.name();
    spec.Set(fakes::kKeyUsageOid, true, fakes::KeyUsageValue(usage));
    Write("signer.cer", by.Issue(spec));
  }

  static constexpr uint16_t kCrlSign = static_cast<uint16_t>(pki::KeyUsage::kCrlSign);
  TestCa old_{{.key_kind = fakes::KeyKind::kEcP256}};
  TestCa new_{{.key_kind = fakes::KeyKind::kEcP256, .key_number = 1, .serial = 2}};
  TestCa other_{{.organization = "Other", .key_kind = fakes::KeyKind::kEcP256, .key_number = 2}};
  const fakes::TestKey& crl_key_ = fakes::TestKey::Get(fakes::KeyKind::kEcP256, 3);
};

TEST_F(CrlSignersTest, AnotherGenerationSignsOnlyIfItIsNamed) {
  EXPECT_EQ(LoadSignedBy(old_.key(), ""), "LOADED USABLE");
  EXPECT_EQ(Answer(old_), RevocationOutcome::kGood);
  EXPECT_EQ(Answer(new_), RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(LoadSignedBy(new_.key(), ""), "REFUSED BAD_SIGNATURE");
  EXPECT_EQ(Answer(old_), RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(LoadSignedBy(new_.key(), R"(,"signer":"auth-02")"), "LOADED USABLE");
  EXPECT_EQ(Answer(old_), RevocationOutcome::kGood);
  EXPECT_EQ(Answer(new_), RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(LoadSignedBy(old_.key(), R"(,"signer":"auth-02")"), "REFUSED BAD_SIGNATURE");
  EXPECT_THAT(LoadSignedBy(other_.key(), R"(,"signer":"other")"),
              testing::HasSubstr("must have the anchor's name"));
  EXPECT_THAT(LoadSignedBy(old_.key(), R"(,"signer":"nobody")"),
              testing::HasSubstr("names no configured anchor"));
}

TEST_F(CrlSignersTest, AKeyForCrlsMustComeFromTheAnchorWithCrlSign) {
  const std::string named = R"(,"signer_certificate":"signer.cer")";
  WriteSigner(old_, kCrlSign);
  EXPECT_EQ(LoadSignedBy(crl_key_, named), "LOADED USABLE");
  EXPECT_EQ(Answer(old_), RevocationOutcome::kGood);
  EXPECT_EQ(LoadSignedBy(crl_key_, ""), "REFUSED BAD_SIGNATURE");
  WriteSigner(old_, static_cast<uint16_t>(pki::KeyUsage::kDigitalSignature));
  EXPECT_THAT(LoadSignedBy(crl_key_, named), testing::HasSubstr("cRLSign"));
  WriteSigner(new_, kCrlSign);
  EXPECT_THAT(LoadSignedBy(crl_key_, named), testing::HasSubstr("the anchor's key has signed"));
  EXPECT_THAT(LoadSignedBy(crl_key_, R"(,"signer_certificate":"../signer.cer")"),
              testing::HasSubstr("not a path"));
}

TEST_F(CrlScopesTest, WhatTheListsOfACountryLoseWhileNothingRunsStaysRevoked) {
  WriteCountry();
  ASSERT_TRUE(Open().ok());
  store_.reset();
  for (int i = 0; i < kMunicipalities; i += 63) {
    const CrlSpec next = fakes::MakeCrlSpec(country().ca, country().points[static_cast<size_t>(i)],
                                            8, country().start);
    Write(File(i), fakes::IssueCrl(next, country().ca.key()));
  }
  directory_.Remove(File(1));
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < kMunicipalities; i += 63) {
    ExpectAnswers(i, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  }
  EXPECT_EQ(observer_.vanished(), kMunicipalities / 63);
  ExpectAnswers(1, RevocationOutcome::kNoUsableAnswer, RevocationOutcome::kRevoked);
  ExpectAnswers(1889, RevocationOutcome::kGood, RevocationOutcome::kRevoked);
  EXPECT_EQ(observer_.vanished(), kMunicipalities / 63) << "1 and 1889 have no newer list";
}

TEST_F(CrlScopesTest, ReadersSeeWholeLoadsWhileTheyAreSwapped) {
  directory_.Expect("auth-01", country().points[0], File(0));
  directory_.Expect("auth-01", country().points[1], File(1));
  Write(File(0), country().List(0, 1));
  Write(File(1), country().List(1, 1));
  ASSERT_TRUE(Open().ok());
  const base::Hash256 key = crypto::Sha256(country().ca.certificate().spki_der());
  const pki::Certificate listed = country().Card(0, kListed), unlisted = country().Card(1, 0x43);
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0, asked = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const CrlQuery queries[] = {{key, listed.view(), clock_.Now()},
                                    {key, unlisted.view(), clock_.Now()}};
        pki::RevocationFinding findings[2];
        store_->Lookup(queries, clock_.Now(), findings);
        wrong += findings[0].outcome != RevocationOutcome::kRevoked;
        wrong += findings[1].outcome != RevocationOutcome::kGood;
        ++asked;
      }
    });
  }
  for (uint64_t number = 2; number < 30; ++number) {
    Write(File(0), country().List(0, number));
    Write(File(1), country().List(1, number));
    ASSERT_TRUE(store_->Reload().ok());
  }
  while (asked < 10) std::this_thread::yield();
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(store_->snapshot_epoch(), 29u);
}

}  // namespace
}  // namespace musubi::revocation
