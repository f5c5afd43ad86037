#include "lib/pki/crl_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::pki {
namespace {

namespace der = fakes::der;
using base::Bytes;
using fakes::CrlSpec;
using fakes::TestCa;

const absl::Time kThisUpdate =
    absl::FromCivil(absl::CivilSecond(2026, 4, 1, 3, 0, 0), absl::UTCTimeZone());

class Recorder final : public CrlEntrySink {
 public:
  struct Entry {
    Bytes serial;
    absl::Time revoked_at;
    CrlReason reason;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  void OnHead(absl::Time this_update, size_t size) override {
    ++heads;
    head_time = this_update;
    entries_size = size;
  }
  void OnEntry(const CrlEntry& entry) override {
    entries.push_back({base::ToBytes(entry.serial), entry.revoked_at, entry.reason});
  }

  int heads = 0;
  absl::Time head_time;
  size_t entries_size = 0;
  std::vector<Entry> entries;
};

struct Streamed {
  CrlOutcome outcome;
  Recorder recorder;
  CrlOutcome signature;
};

Streamed Stream(base::ByteView octets, size_t piece, const Certificate& signer) {
  Streamed result;
  CrlStream stream(result.recorder);
  for (size_t at = 0; at < octets.size(); at += piece) {
    stream.Feed(octets.subspan(at, std::min(piece, octets.size() - at)));
  }
  result.outcome = stream.Finish();
  result.signature = stream.CheckSignature(signer);
  return result;
}

class CrlStreamTest : public testing::Test {
 protected:
  CrlSpec Spec() const {
    return fakes::MakeCrlSpec(ca_, fakes::DistributionPointName("Mihon-shi"), 7, kThisUpdate);
  }
  Bytes Issue(const CrlSpec& spec) const { return fakes::IssueCrl(spec, ca_.key()); }

  // Pieces of every size say what ParseCrl says.
  void ExpectAsParseCrl(const Bytes& crl, const std::string& what) const {
    const CrlParseResult parsed = ParseCrl(crl);
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}, size_t{64}, crl.size()}) {
      Streamed streamed = Stream(crl, piece, ca_.certificate());
      EXPECT_EQ(Name(streamed.outcome), Name(parsed.outcome)) << what << " in pieces of " << piece;
      if (!parsed.crl) {
        EXPECT_EQ(streamed.signature, CrlOutcome::kMalformed) << what;
        continue;
      }
      EXPECT_EQ(streamed.signature, CheckCrlSignature(*parsed.crl, ca_.certificate())) << what;
      EXPECT_EQ(streamed.recorder.heads, 1);
      EXPECT_EQ(streamed.recorder.head_time, parsed.crl->this_update());
      std::vector<Recorder::Entry> expected;
      for (const CrlEntry& entry : parsed.crl->entries()) {
        expected.push_back({base::ToBytes(entry.serial), entry.revoked_at, entry.reason});
      }
      auto less = [](const Recorder::Entry& a, const Recorder::Entry& b) {
        return a.serial.size() != b.serial.size() ? a.serial.size() < b.serial.size()
                                                  : a.serial < b.serial;
      };
      std::ranges::stable_sort(streamed.recorder.entries, less);
      EXPECT_EQ(streamed.recorder.entries, expected) << what << " in pieces of " << piece;
    }
  }

  TestCa ca_;
};

TEST_F(CrlStreamTest, PiecesOfAnySizeGiveWhatParseCrlGives) {
  const absl::Time at = kThisUpdate - absl::Hours(30);
  CrlSpec odd = Spec();
  odd.Revoke(Bytes{1}, at).Revoke(Bytes{2}, at, 4).Revoke(Bytes(20, 0x7a), at, 0);
  odd.Revoke(Bytes(21, 0x01), at, 1).Revoke(Bytes{0xff}, at).Revoke(Bytes{0x00, 0xff}, at, 10);
  odd.Revoke(Bytes{3}, at, 1);
  odd.entries.back().extensions.push_back({"2.5.29.24", false, der::GeneralizedTime(at)});
  odd.Revoke(Bytes{4}, absl::FromUnixSeconds(int64_t{3'000'000'000}), 1);
  CrlSpec endless = Spec(), full = fakes::MakeCrlSpec(ca_, {}, 9, kThisUpdate);
  endless.next_update.reset();
  CrlSpec no_extensions = Spec();
  no_extensions.extensions.clear();
  ExpectAsParseCrl(Issue(Spec()), "without entries");
  ExpectAsParseCrl(Issue(odd), "entries of all forms");
  ExpectAsParseCrl(Issue(endless), "without nextUpdate");
  ExpectAsParseCrl(Issue(endless.Revoke(Bytes{1}, at)), "without nextUpdate, with an entry");
  ExpectAsParseCrl(Issue(full.Revoke(Bytes{1}, at)), "full");
  ExpectAsParseCrl(Issue(no_extensions), "without entries and extensions");
  ExpectAsParseCrl(Issue(no_extensions.Revoke(Bytes{1}, at)), "without extensions");
  for (const auto kind : {fakes::KeyKind::kEcP256, fakes::KeyKind::kEcP384}) {
    const TestCa ec({.key_kind = kind});
    const Bytes crl =
        fakes::IssueCrl(fakes::MakeCrlSpec(ec, {}, 1, kThisUpdate).Revoke(Bytes{1}, at), ec.key());
    EXPECT_EQ(Stream(crl, 100, ec.certificate()).signature, CrlOutcome::kUsable);
    EXPECT_EQ(Stream(crl, 100, ca_.certificate()).signature, CrlOutcome::kBadSignature);
  }
}

TEST_F(CrlStreamTest, RefusesWhatParseCrlRefusesForTheSameReason) {
  const struct {
    const char* name;
    std::function<void(CrlSpec&)> change;
  } cases[] = {
      {"v1", [](CrlSpec& s) { s.version.reset(); }},
      {"v3", [](CrlSpec& s) { s.version = 2; }},
      {"algorithms differ", [](CrlSpec& s) { s.outer_algorithm = fakes::Sha1WithRsaAlgorithm(); }},
      {"unknown critical", [](CrlSpec& s) { s.Set(fakes::kUnheardOfOid, true, der::Null()); }},
      {"delta", [](CrlSpec& s) { s.Set(fakes::kDeltaCrlIndicatorOid, true, der::Integer(6)); }},
      {"indirect entry",
       [](CrlSpec& s) {
         s.entries[0].extensions.push_back(
             {std::string(fakes::kCertificateIssuerOid), true, der::Sequence({})});
       }},
      {"unknown critical in an entry",
       [](CrlSpec& s) {
         s.entries[0].extensions.push_back({std::string(fakes::kUnheardOfOid), true, der::Null()});
       }},
      {"reason 8", [](CrlSpec& s) { s.Revoke(Bytes{9}, kThisUpdate, 8); }},
      {"reason 11", [](CrlSpec& s) { s.Revoke(Bytes{9}, kThisUpdate, 11); }},
      {"serial of 22 octets", [](CrlSpec& s) { s.Revoke(Bytes(22, 1), kThisUpdate); }},
      {"serial not minimal",
       [](CrlSpec& s) {
         s.Revoke(Bytes{0, 1}, kThisUpdate);
       }},
      {"empty serial", [](CrlSpec& s) { s.Revoke(Bytes{}, kThisUpdate); }},
  };
  for (const auto& test_case : cases) {
    CrlSpec spec = Spec();
    spec.Revoke(Bytes{5}, kThisUpdate);
    test_case.change(spec);
    ASSERT_FALSE(ParseCrl(Issue(spec)).crl) << test_case.name;
    ExpectAsParseCrl(Issue(spec), test_case.name);
  }
}

TEST_F(CrlStreamTest, ACutListOrTrailingOctetsAreMalformed) {
  const Bytes crl = Issue(Spec().Revoke(Bytes{5}, kThisUpdate, 1).Revoke(Bytes{6}, kThisUpdate));
  for (size_t size = 0; size < crl.size(); ++size) {
    EXPECT_EQ(Stream(base::ByteView(crl).first(size), 50, ca_.certificate()).outcome,
              CrlOutcome::kMalformed);
  }
  Bytes longer = crl;
  longer.push_back(0);
  EXPECT_EQ(Stream(longer, 50, ca_.certificate()).outcome, CrlOutcome::kMalformed);
  EXPECT_EQ(Stream(longer, 1, ca_.certificate()).outcome, CrlOutcome::kMalformed);
}

TEST_F(CrlStreamTest, NoChangedOctetIsTakenAndSigned) {
  const Bytes crl = Issue(Spec().Revoke(Bytes{5}, kThisUpdate, 1));
  const Certificate signer = ca_.certificate();
  ASSERT_EQ(Stream(crl, 64, signer).signature, CrlOutcome::kUsable);
  for (size_t at = 0; at < crl.size(); ++at) {
    Bytes changed = crl;
    changed[at] ^= 1;
    const Streamed streamed = Stream(changed, 64, signer);
    EXPECT_FALSE(streamed.outcome == CrlOutcome::kUsable &&
                 streamed.signature == CrlOutcome::kUsable)
        << at;
  }
}

TEST_F(CrlStreamTest, ASecondListOfEntriesIsMalformed) {
  const Bytes algorithm = ca_.key().CertificateAlgorithmDer();
  const Bytes time = der::UtcTime(kThisUpdate);
  const Bytes entries = der::Sequence({der::Sequence({der::Integer(5), time})});
  const Bytes version = der::Integer(1);
  const Bytes tbs = der::Sequence({version, algorithm, ca_.name(), time, time, entries, entries});
  ExpectAsParseCrl(der::Sequence({tbs, algorithm, der::BitString(ca_.key().SignCertificate(tbs))}),
                   "two lists");
}

TEST_F(CrlStreamTest, WhatExceedsALimitIsTooLarge) {
  CrlSpec entry = Spec().Revoke(Bytes{5}, kThisUpdate), tail = Spec();
  const Bytes large_entry(kMaxCrlEntrySize, 0), large_tail(kMaxCrlTailSize, 0);
  entry.entries[0].extensions.push_back(
      {std::string(fakes::kUnheardOfOid), false, der::OctetString(large_entry)});
  tail.Set(fakes::kUnheardOfOid, false, der::OctetString(large_tail));
  CrlSpec head = Spec();
  const std::string name(kMaxCrlHeadSize, 'a');
  head.issuer = der::Name({{"CN", name}});
  for (const CrlSpec* spec : {&entry, &tail, &head}) {
    EXPECT_EQ(Stream(Issue(*spec), 1000, ca_.certificate()).outcome, CrlOutcome::kTooLarge);
    EXPECT_EQ(Stream(Issue(*spec), 1 << 20, ca_.certificate()).outcome, CrlOutcome::kTooLarge);
  }
  // Wherever it ends, pieces of any size say the same: too large once the length is whole.
  const Bytes crl = Issue(entry);
  for (size_t size = 0; size < 400; ++size) {
    const base::ByteView cut = base::ByteView(crl).first(size);
    const CrlOutcome whole = Stream(cut, 400, ca_.certificate()).outcome;
    EXPECT_EQ(Name(Stream(cut, 1, ca_.certificate()).outcome), Name(whole)) << size;
    EXPECT_EQ(Name(Stream(cut, 7, ca_.certificate()).outcome), Name(whole)) << size;
  }
  // A length is enough: nobody has to send what it announces.
  const Bytes announced = {0x30, 0x84, 0x50, 0x00, 0x00, 0x00};
  EXPECT_EQ(Stream(announced, 6, ca_.certificate()).outcome, CrlOutcome::kTooLarge);
}

}  // namespace
}  // namespace musubi::pki
