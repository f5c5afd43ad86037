#include "lib/prelink/evidence.h"

#include <gtest/gtest.h>

#include <functional>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/crypto/hash.h"
#include "services/musubictl/commands_fixture.h"
#include "tests/fakes/test_ca.h"

namespace musubi::services::musubictl {
namespace {

class EvidenceVerifyTest : public CommandsFixture {
 protected:
  int Verify(const std::string& record) {
    return Run({"evidence", "verify"}, {.key = public_key_, .record = Write("record", record)});
  }
  std::string Write(const std::string& name, std::string_view content) const {
    const std::string path = folder_.path() + "/" + name;
    EXPECT_TRUE(base::WriteFileAtomically(path, content, 0600).ok());
    return path;
  }
  void SetUp() override {
    const std::string file = Write("key", key_.Serialize().Reveal());
    ASSERT_EQ(Run({"evidence", "public-key"}, {.key = file}), kExitOk) << err_;
    public_key_ = Write("key.pub", out_);
  }
  // A record of another statement by the same key.
  std::string Signed(const std::string& statement) const {
    prelink::EvidenceRecord record{.statement = statement, .key_id = key_.id()};
    const auto signature = key_.Sign(base::AsBytes(statement));
    record.signature.assign(signature.begin(), signature.end());
    return record.Serialize();
  }

  const crypto::Ed25519PrivateKey key_ = crypto::Ed25519PrivateKey::Generate("e1", random_);
  std::string public_key_;
};

pki::Verdict Verdict() {
  pki::Verdict verdict;
  verdict.status = pki::VerdictStatus::kInvalid;
  verdict.reason = pki::VerdictReason::kRevoked;
  verdict.checked_at = absl::FromUnixSeconds(1'775'000'000);
  verdict.possession = pki::PossessionOutcome::kProven;
  verdict.revocation.outcome = pki::RevocationOutcome::kRevoked;
  verdict.revocation.method = pki::RevocationMethod::kCrl;
  verdict.revocation.this_update = absl::FromUnixSeconds(1'774'900'000);
  verdict.revocation.next_update = absl::FromUnixSeconds(1'775'072'800);
  return verdict;
}

// Both kinds of statement, as they are signed.
const std::string kVerdictStatement =
    R"({"anchor":"auth-03","kind":"verdict","profile":"jpki-card","verdict":)"
    R"({"checked_at":"2026-03-31T23:33:20Z","possession":"PROVEN","reason":"REVOKED","revocation":)"
    R"({"method":"CRL","next_update":"2026-04-01T19:46:40Z","outcome":"REVOKED",)"
    R"("this_update":"2026-03-30T19:46:40Z"},"status":"INVALID"},"version":1})";
// As `evidence verify` prints it.
const std::string kPrinted = R"(evidence: OK
{
  "anchor": "auth-03",
  "kind": "verdict",
  "profile": "jpki-card",
  "verdict": {
    "checked_at": "2026-03-31T23:33:20Z",
    "possession": "PROVEN",
    "reason": "REVOKED",
    "revocation": {
      "method": "CRL",
      "next_update": "2026-04-01T19:46:40Z",
      "outcome": "REVOKED",
      "this_update": "2026-03-30T19:46:40Z"
    },
    "status": "INVALID"
  },
  "version": 1
}
)";

TEST_F(EvidenceVerifyTest, ARecordOfAVerdictHolds) {
  const prelink::EvidenceRecord record =
      prelink::SignVerdict(key_, Verdict(), "jpki-card", "auth-03");
  EXPECT_EQ(record.statement, kVerdictStatement);
  EXPECT_EQ(Verify(record.Serialize()), kExitOk) << err_;
  EXPECT_EQ(out_, kPrinted);
}

TEST_F(EvidenceVerifyTest, ReadsARecordFromStandardInput) {
  const std::string record =
      prelink::SignVerdict(key_, Verdict(), "jpki-card", "auth-03").Serialize();
  const Flags flags{.key = public_key_, .record = "-"};
  EXPECT_EQ(Run({"evidence", "verify"}, flags, record + "\n"), kExitOk) << err_;
  EXPECT_EQ(out_, kPrinted);
  EXPECT_EQ(Run({"evidence", "verify"}, flags, record + std::string(size_t{64} << 10, ' ')),
            kExitError);
  EXPECT_NE(err_.find("must not be longer than 65536 octets"), std::string::npos) << err_;
}

TEST_F(EvidenceVerifyTest, AStatementMayLackTheTimesOfRevocationData) {
  pki::Verdict verdict = Verdict();
  verdict.revocation.next_update.reset();
  EXPECT_EQ(Verify(prelink::SignVerdict(key_, verdict, "jpki-card", "").Serialize()), kExitOk);
  verdict.revocation.this_update.reset();
  EXPECT_EQ(Verify(prelink::SignVerdict(key_, verdict, "jpki-card", "").Serialize()), kExitOk);
}

TEST_F(EvidenceVerifyTest, ValidateStoresItsVerdictAsARecord) {
  const fakes::TestCa ca;
  const fakes::TestKey& card_key = fakes::TestKey::Get(fakes::KeyKind::kRsa2048, 9);
  const std::string key_file = Write("key", key_.Serialize().Reveal());
  const std::string record_file = folder_.path() + "/record";
  Flags flags{
      .validate = {.anchors = {Write("ca", base::AsText(ca.certificate_der()))},
                   .certificate = Write("card", base::AsText(ca.Issue(ca.CardSpec(card_key, 7)))),
                   .time = "2026-04-01T04:00:00Z",
                   .evidence_key = key_file,
                   .evidence_out = record_file}};
  EXPECT_EQ(Run({"validate"}, flags), kExitError) << "INDETERMINATE is a verdict too";
  EXPECT_NE(out_.find("REVOCATION_UNAVAILABLE"), std::string::npos) << out_ << err_;
  EXPECT_EQ(Run({"evidence", "verify"}, {.key = public_key_, .record = record_file}), kExitOk);
  EXPECT_NE(out_.find("REVOCATION_UNAVAILABLE"), std::string::npos) << out_;
  EXPECT_NE(out_.find(base::HexEncode(crypto::Sha256(ca.certificate_der()))), std::string::npos);

  flags.validate.revocation = "none";
  EXPECT_EQ(Run({"validate"}, flags), kExitOk);
  EXPECT_EQ(Run({"evidence", "verify"}, {.key = public_key_, .record = record_file}), kExitOk);
  EXPECT_NE(out_.find(R"("possession": "NOT_ASKED")"), std::string::npos) << out_;
  EXPECT_NE(out_.find(R"("reason": "UNSPECIFIED")"), std::string::npos) << out_;

  Flags nowhere = flags;
  nowhere.validate.evidence_out = folder_.path() + "/none/record";
  EXPECT_EQ(Run({"validate"}, nowhere), kExitError);
  EXPECT_NE(err_.find("evidence_out"), std::string::npos) << err_;
  EXPECT_EQ(out_, "");
  flags.validate.batch = true;
  EXPECT_EQ(Run({"validate"}, flags), kExitError);
  EXPECT_NE(err_.find("without --batch"), std::string::npos) << err_;
  flags.validate.evidence_out.clear();
  EXPECT_EQ(Run({"validate"}, flags), kExitError);
  EXPECT_NE(err_.find("together"), std::string::npos) << err_;
}

TEST_F(EvidenceVerifyTest, ARecordOfAJourneyHolds) {
  link::Link link;
  link.relying_party_id = "demo-university";
  const prelink::JourneySummary summary{
      .act = session::Act::kLink, .flow = session::Flow::kOneDevice, .verdict = Verdict()};
  const prelink::EvidenceRecord record =
      prelink::SignEvidence(key_, {}, link, summary, absl::FromUnixSeconds(1'775'000'000));
  EXPECT_EQ(Verify(record.Serialize()), kExitOk) << out_ << err_;
}

TEST_F(EvidenceVerifyTest, NamesEveryTampering) {
  const auto good = [this] {
    return prelink::SignVerdict(key_, Verdict(), "jpki-card", "auth-03");
  };
  const auto changed = [&](std::function<void(prelink::EvidenceRecord&)> change) {
    prelink::EvidenceRecord record = good();
    change(record);
    return record.Serialize();
  };
  const auto replaced = [](std::string text, std::string_view from, std::string_view to) {
    return text.replace(text.find(from), from.size(), to);
  };
  const crypto::Ed25519PrivateKey other = crypto::Ed25519PrivateKey::Generate("e1", random_);
  struct Case {
    const char* what;
    std::string record;
    const char* fault;
  };
  const Case cases[] = {
      {"the statement says VALID",
       changed([&](auto& r) { r.statement = replaced(r.statement, "INVALID", "VALID"); }),
       "BAD_SIGNATURE"},
      {"a bit of the signature", changed([](auto& r) { r.signature[9] ^= 1; }), "BAD_SIGNATURE"},
      {"a signature that is cut off", changed([](auto& r) { r.signature.resize(63); }),
       "BAD_SIGNATURE"},
      {"a key of the same id",
       prelink::SignVerdict(other, Verdict(), "jpki-card", "auth-03").Serialize(), "BAD_SIGNATURE"},
      {"another key id", changed([](auto& r) { r.key_id = "e2"; }), "OTHER_KEY"},
      {"spaces", Signed(replaced(kVerdictStatement, ",", ", ")), "NOT_CANONICAL"},
      {"another order",
       Signed(R"({"version":1,)" + replaced(kVerdictStatement.substr(1), R"(,"version":1)", "")),
       "NOT_CANONICAL"},
      {"a member twice",
       Signed(replaced(kVerdictStatement, R"("kind":"verdict",)",
                       R"("kind":"verdict","kind":"verdict",)")),
       "NOT_CANONICAL"},
      {"no JSON", Signed("VALID"), "NOT_CANONICAL"},
      {"another version", Signed(replaced(kVerdictStatement, R"("version":1)", R"("version":2)")),
       "UNKNOWN_VERSION"},
      {"no version", Signed(replaced(kVerdictStatement, R"(,"version":1)", "")), "UNKNOWN_VERSION"},
      {"a member more", Signed(replaced(kVerdictStatement, R"("kind")", R"("holder":"x","kind")")),
       "UNKNOWN_MEMBERS"},
      {"a member less", Signed(replaced(kVerdictStatement, R"("reason":"REVOKED",)", "")),
       "UNKNOWN_MEMBERS"},
      {"another kind", Signed(replaced(kVerdictStatement, R"("kind":"verdict")", R"("kind":"x")")),
       "UNKNOWN_MEMBERS"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Verify(c.record), kExitBroken) << c.what << ": " << err_;
    EXPECT_EQ(out_, "evidence: BROKEN (" + std::string(c.fault) + ")\n") << c.what;
  }
}

TEST_F(EvidenceVerifyTest, WhatIsNoRecordOrNoKeyCannotBeChecked) {
  for (const char* record : {"", "[]", "{}", R"({"statement":"","key_id":"e1","signature":"?"})",
                             R"({"statement":"","key_id":"e1","signature":"","more":1})"}) {
    EXPECT_EQ(Verify(record), kExitError) << record;
    EXPECT_NE(err_.find("record"), std::string::npos) << err_;
  }
  const std::string wrong = Write("short.pub", "e1 AAAA\n");
  EXPECT_EQ(Run({"evidence", "verify"}, {.key = wrong, .record = public_key_}), kExitError);
  EXPECT_EQ(Run({"evidence", "verify"}, {.key = public_key_}), kExitError);
  EXPECT_NE(err_.find("--record is missing"), std::string::npos);
}

}  // namespace
}  // namespace musubi::services::musubictl
