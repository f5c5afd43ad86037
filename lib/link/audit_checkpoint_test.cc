#include "lib/link/audit_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::link {
namespace {

using testing::HasSubstr;

// Chains as somebody left them: of entries, only the MACs.
class FakeReader final : public AuditReader {
 public:
  absl::StatusOr<AuditHead> Head(absl::Time) override { return AuditHead(); }
  absl::StatusOr<AuditReport> Verify(const crypto::Keyring&, const std::optional<AuditHead>&,
                                     OnAuditEntry) override {
    return AuditReport();
  }
  absl::StatusOr<AuditPlace> Find(const std::string& relying_party_id, int64_t sequence) override {
    const std::map<int64_t, base::Hash256>& chain = chains[relying_party_id];
    AuditPlace place{.last = chain.empty() ? 0 : chain.rbegin()->first};
    if (chain.contains(sequence)) place.mac = chain.at(sequence);
    return place;
  }

  std::map<std::string, std::map<int64_t, base::Hash256>> chains;
};

class Checkpoints : public testing::Test {
 protected:
  Checkpoints() {
    for (uint8_t i = 1; i <= 5; ++i) reader_.chains["party-a"][i] = base::Hash256{i};
    for (uint8_t i = 1; i <= 5; ++i) reader_.chains["party-b"][i] = base::Hash256{i, 1};
  }
  AuditCheckpoint Sign(const std::string& party, uint8_t sequence, base::Hash256 mac) const {
    return SignCheckpoint({party, {sequence, mac}}, absl::FromUnixMicros(1'500'000'000'123'456),
                          key_);
  }
  AuditCheckpoint OfA(uint8_t sequence) const {
    return Sign("party-a", sequence, base::Hash256{sequence});
  }
  CheckpointReport Verify(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    EXPECT_TRUE(base::WriteFileAtomically(path_, text, 0600).ok());
    const auto report = VerifyCheckpoints(path_, keys_, reader_);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(CheckpointReport());
  }
  // The one fault of the second of three lines.
  void ExpectFault(const std::string& line, CheckpointFault fault, const std::string& what) {
    const CheckpointReport report = Verify({OfA(1).ToJson(), line, OfA(2).ToJson()});
    EXPECT_FALSE(report.ok) << line;
    EXPECT_EQ(report.count, 2) << line;
    ASSERT_EQ(report.findings.size(), 1u) << line;
    EXPECT_EQ(Name(report.findings[0].fault), Name(fault)) << line;
    EXPECT_EQ(report.findings[0].first_line, 2) << line;
    EXPECT_THAT(report.findings[0].what, HasSubstr(what));
  }

  fakes::FakeRandom random_;
  const crypto::Ed25519PrivateKey key_ = crypto::Ed25519PrivateKey::Generate("c1", random_);
  const CheckpointKeys keys_ = {{key_.id(), key_.public_key()}};
  fakes::TempDir folder_;
  const std::string path_ = folder_.File("checkpoints.jsonl");
  FakeReader reader_;
};

TEST_F(Checkpoints, HaveAFixedEncoding) {
  // A fixed key and golden values: neither the line nor what is signed may ever change.
  const std::string key_file = folder_.File("key");
  ASSERT_TRUE(
      base::WriteFileAtomically(key_file, "c1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", 0600)
          .ok());
  const auto key = crypto::Ed25519PrivateKey::Load(key_file);
  ASSERT_TRUE(key.ok()) << key.status();
  const AuditCheckpoint checkpoint = SignCheckpoint(
      {"party-a", {17, base::Hash256{1, 2}}}, absl::FromUnixMicros(1'500'000'000'123'456), *key);
  EXPECT_EQ(
      checkpoint.ToJson(),
      R"({"kind":"checkpoint","version":1,"relying_party":"party-a","sequence":17,)"
      R"("mac":"0102000000000000000000000000000000000000000000000000000000000000",)"
      R"("at":"2017-07-14T02:40:00.123456Z","key_id":"c1","signature":")"
      R"(OcCxmyCPbG2psmQLU1BuIL_khuSaYVuZxdAcwMaxZe4C8lrLyaJoCg40GmE3YN_c8jvt8dXTIji7a3wQ34-8DA"})");
}

TEST_F(Checkpoints, AreReadAsTheyAreWrittenAndInNoOtherSpelling) {
  for (const AuditCheckpoint& one :
       {OfA(3), Sign("", 3, {3}), Sign("大学\"\n", 3, base::Hash256{3})}) {
    const auto again = AuditCheckpoint::Parse(one.ToJson());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, one);
  }
  const std::string line = OfA(3).ToJson();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = line;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  for (const std::string& bad :
       {std::string(), std::string("{}"), line + " ", with("\"version\":1", "\"version\":2"),
        with("checkpoint", "entry"), with("\"sequence\":3", "\"sequence\":0"),
        with("\"sequence\":3", "\"sequence\":-3"), with("\"mac\":\"0", "\"mac\":\""),
        with("\"mac\":\"03", "\"mac\":\"0G"), with(".123456Z", ".1234567Z"),
        with("Z\"", "+00:00\""), with("\"signature\":\"", "\"signature\":\"A"),
        with("{", "{\"more\":1,")}) {
    EXPECT_EQ(AuditCheckpoint::Parse(bad).status().code(), absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

TEST_F(Checkpoints, OfAWholeChainHold) {
  const CheckpointReport report =
      Verify({OfA(2).ToJson(), Sign("party-b", 5, {5, 1}).ToJson(), OfA(5).ToJson()});
  EXPECT_TRUE(report.ok);
  EXPECT_EQ(report.count, 3);
  EXPECT_EQ(report.newest, OfA(2).at);
  EXPECT_FALSE(CheckpointReport().ok);
}

TEST_F(Checkpoints, TellWhatWasDoneToTheChain) {
  const AuditCheckpoint five = OfA(5);
  reader_.chains["party-a"].erase(5);
  ExpectFault(five.ToJson(), CheckpointFault::kChainTruncated, "ends after entry 4");
  reader_.chains["party-a"][6] = {6};
  ExpectFault(five.ToJson(), CheckpointFault::kEntryMissing, "no entry 5");
  reader_.chains["party-a"][5] = {55};
  ExpectFault(five.ToJson(), CheckpointFault::kEntryRewritten, "another entry 5");
  const AuditCheckpoint of_b = Sign("party-b", 5, {5, 1});
  reader_.chains["party-b"].clear();
  ExpectFault(of_b.ToJson(), CheckpointFault::kChainMissing, "party-b");
}

TEST_F(Checkpoints, TellWhatWasDoneToTheFile) {
  // One member at a time of a line that was signed; the mac that then stands there would fit.
  AuditCheckpoint swapped = OfA(4);
  swapped.chain = {"party-b", {4, {4, 1}}};
  ExpectFault(swapped.ToJson(), CheckpointFault::kBadSignature, "does not hold");
  swapped = OfA(4);
  swapped.chain.head = {3, {3}};
  ExpectFault(swapped.ToJson(), CheckpointFault::kBadSignature, "does not hold");
  swapped = OfA(4);
  swapped.at += absl::Microseconds(1);
  ExpectFault(swapped.ToJson(), CheckpointFault::kBadSignature, "does not hold");
  swapped = OfA(4);
  swapped.signature = OfA(5).signature;
  ExpectFault(swapped.ToJson(), CheckpointFault::kBadSignature, "does not hold");
  // Another key under the same id, and under its own.
  const auto other = crypto::Ed25519PrivateKey::Generate("c1", random_);
  ExpectFault(SignCheckpoint(OfA(4).chain, OfA(4).at, other).ToJson(),
              CheckpointFault::kBadSignature, "does not hold");
  const auto next = crypto::Ed25519PrivateKey::Generate("c2", random_);
  ExpectFault(SignCheckpoint(OfA(4).chain, OfA(4).at, next).ToJson(), CheckpointFault::kUnknownKey,
              "c2");
  ExpectFault("{}", CheckpointFault::kMalformed, "no checkpoint");
  // A signed one of another relying party, whose chain is not here.
  ExpectFault(Sign("party-z", 1, {1}).ToJson(), CheckpointFault::kChainMissing, "party-z");
}

TEST_F(Checkpoints, OneBadLineHidesNoOther) {
  const std::string cut = OfA(5).ToJson();
  reader_.chains["party-a"].erase(5);
  const CheckpointReport report = Verify({"x", cut, "y", OfA(1).ToJson(), cut});
  ASSERT_EQ(report.findings.size(), 2u);
  EXPECT_EQ(report.findings[0].fault, CheckpointFault::kMalformed);
  EXPECT_EQ(report.findings[0].lines, 2);
  EXPECT_EQ(report.findings[1].fault, CheckpointFault::kChainTruncated);
  EXPECT_EQ(report.findings[1].lines, 2);
  EXPECT_EQ(report.findings[1].first_line, 2);
  EXPECT_EQ(report.count, 1);
}

TEST_F(Checkpoints, AFileThatShowsNothingIsNotOk) {
  const auto verify = [&](const std::string& text) {
    EXPECT_TRUE(base::WriteFileAtomically(path_, text, 0600).ok());
    return VerifyCheckpoints(path_, keys_, reader_).status();
  };
  EXPECT_EQ(VerifyCheckpoints(path_, keys_, reader_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(verify("").code(), absl::StatusCode::kFailedPrecondition);
  // A write that was cut off counts as no line.
  EXPECT_EQ(verify(OfA(1).ToJson()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(verify(std::string(5000, 'x') + "\n").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(VerifyCheckpoints(folder_.path(), keys_, reader_).ok());
}

}  // namespace
}  // namespace musubi::link
