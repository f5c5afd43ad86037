#include "lib/link/audit_chain.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "lib/base/encoding.h"
#include "tests/fakes/fake_random.h"

namespace musubi::link {
namespace {

// A fixed key, so that the MAC below is a golden value: the encoding must never change.
crypto::Keyring FixedKeyring() {
  return *crypto::Keyring::Parse("a1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n");
}

std::vector<AuditEntry> Chain(int length, const crypto::Keyring& keyring) {
  std::vector<AuditEntry> chain;
  AuditHead head;
  for (int i = 1; i <= length; ++i) {
    const auto n = static_cast<uint8_t>(i);
    chain.push_back(AppendTo(head,
                             {.at = absl::FromUnixMicros(1'000'000 * i),
                              .event = AuditEvent::kLinked,
                              .relying_party_id = "party-a",
                              .link_id = base::Id128{n},
                              .session_id = base::Id128{n, 1},
                              .journey = {1, 2},
                              .commitment = base::Hash256{n}},
                             keyring));
    head = {chain.back().sequence, chain.back().mac};
  }
  return chain;
}

AuditReport Verify(const std::vector<AuditEntry>& chain, const crypto::Keyring& keyring,
                   std::optional<AuditHead> head = std::nullopt) {
  AuditVerifier verifier(keyring, head);
  for (const AuditEntry& entry : chain) verifier.Feed(entry);
  return verifier.Finish();
}

TEST(AuditChain, HasAFixedEncoding) {
  const auto chain = Chain(1, FixedKeyring());
  EXPECT_EQ(base::HexEncode(chain[0].mac),
            "88968759e794950a4a0004421f86ea0ab97435a7b288af3b615d01a20f5affea");
}

TEST(AuditChain, AnEmptyChainHolds) {
  const AuditReport report = Verify({}, FixedKeyring());
  EXPECT_TRUE(report.ok);
  EXPECT_EQ(report.head, AuditHead{});
  EXPECT_FALSE(AuditReport{}.ok);
}

TEST(AuditChain, NamesTheFirstEntryThatDoesNotHold) {
  const crypto::Keyring keyring = FixedKeyring();
  fakes::FakeRandom random;
  const crypto::Keyring foreign = crypto::Keyring::Generate("a1", random);
  const crypto::Keyring unknown = crypto::Keyring::Generate("zz", random);
  using Chain5 = std::vector<AuditEntry>;
  struct Case {
    std::string name;
    std::function<void(Chain5&)> damage;
    AuditFault want;
    int64_t sequence;
  };
  const std::vector<Case> cases = {
      {"time changed", [](Chain5& c) { c[2].fact.at += absl::Microseconds(1); },
       AuditFault::kMacMismatch, 3},
      {"event changed", [](Chain5& c) { c[2].fact.event = AuditEvent::kUnlinked; },
       AuditFault::kMacMismatch, 3},
      {"relying party changed", [](Chain5& c) { c[2].fact.relying_party_id = "party-b"; },
       AuditFault::kMacMismatch, 3},
      {"link id changed", [](Chain5& c) { (*c[2].fact.link_id)[0] ^= 1; }, AuditFault::kMacMismatch,
       3},
      {"link id removed", [](Chain5& c) { c[2].fact.link_id.reset(); }, AuditFault::kMacMismatch,
       3},
      {"session id changed", [](Chain5& c) { (*c[2].fact.session_id)[0] ^= 1; },
       AuditFault::kMacMismatch, 3},
      {"act changed", [](Chain5& c) { c[2].fact.journey.act = 2; }, AuditFault::kMacMismatch, 3},
      {"flow changed", [](Chain5& c) { c[2].fact.journey.flow = 1; }, AuditFault::kMacMismatch, 3},
      {"commitment changed", [](Chain5& c) { (*c[2].fact.commitment)[0] ^= 1; },
       AuditFault::kMacMismatch, 3},
      {"commitment removed", [](Chain5& c) { c[2].fact.commitment.reset(); },
       AuditFault::kMacMismatch, 3},
      {"mac changed", [](Chain5& c) { c[4].mac[31] ^= 1; }, AuditFault::kMacMismatch, 5},
      {"previous mac changed", [](Chain5& c) { c[2].previous_mac[0] ^= 1; },
       AuditFault::kMacMismatch, 3},
      {"key id changed", [](Chain5& c) { c[2].key_id = "a2"; }, AuditFault::kUnknownKey, 3},
      {"first removed", [](Chain5& c) { c.erase(c.begin()); }, AuditFault::kSequenceBroken, 1},
      {"middle removed", [](Chain5& c) { c.erase(c.begin() + 2); }, AuditFault::kSequenceBroken, 3},
      {"middle removed, rest renumbered",
       [](Chain5& c) {
         c.erase(c.begin() + 2);
         --c[2].sequence;
         --c[3].sequence;
       },
       AuditFault::kMacMismatch, 3},
      {"two swapped", [](Chain5& c) { std::swap(c[1], c[2]); }, AuditFault::kSequenceBroken, 2},
      {"two swapped and renumbered",
       [](Chain5& c) {
         std::swap(c[1], c[2]);
         std::swap(c[1].sequence, c[2].sequence);
       },
       AuditFault::kMacMismatch, 2},
      {"one doubled", [](Chain5& c) { c.insert(c.begin() + 2, c[1]); }, AuditFault::kSequenceBroken,
       3},
      {"one appended with a foreign key of the same id",
       [&](Chain5& c) {
         c.push_back(AppendTo({5, c[4].mac}, c[4].fact, foreign));
       },
       AuditFault::kMacMismatch, 6},
      {"one appended with an unknown key",
       [&](Chain5& c) {
         c.push_back(AppendTo({5, c[4].mac}, c[4].fact, unknown));
       },
       AuditFault::kUnknownKey, 6},
      {"one of another chain with the same key",
       [&](Chain5& c) {
         c[2] = AppendTo({2, base::Hash256{9}}, c[2].fact, FixedKeyring());
       },
       AuditFault::kPreviousMismatch, 3},
  };
  for (const Case& c : cases) {
    Chain5 chain = Chain(5, keyring);
    c.damage(chain);
    const AuditReport report = Verify(chain, keyring);
    EXPECT_FALSE(report.ok) << c.name;
    EXPECT_EQ(Name(report.fault), Name(c.want)) << c.name;
    EXPECT_EQ(report.fault_sequence, c.sequence) << c.name;
    EXPECT_EQ(report.count, c.sequence - 1) << c.name;
    EXPECT_NE(report.what.find("entry " + std::to_string(c.sequence)), std::string::npos) << c.name;
  }
}

TEST(AuditChain, AnExpectedHeadShowsACutTail) {
  const crypto::Keyring keyring = FixedKeyring();
  std::vector<AuditEntry> chain = Chain(5, keyring);
  const AuditHead head{5, chain[4].mac};
  EXPECT_TRUE(Verify(chain, keyring, head).ok);
  EXPECT_TRUE(Verify(chain, keyring, AuditHead{3, chain[2].mac}).ok);
  EXPECT_TRUE(Verify(chain, keyring, AuditHead{}).ok);
  chain.resize(4);
  EXPECT_TRUE(Verify(chain, keyring).ok);  // And says that it cannot know.
  EXPECT_FALSE(Verify(chain, keyring).tail_checked);
  AuditReport report = Verify(chain, keyring, head);
  EXPECT_EQ(report.fault, AuditFault::kHeadMissing);
  EXPECT_EQ(report.fault_sequence, 5);
  // Cut, and then grown again by the real writer.
  AuditFact other = chain[3].fact;
  other.event = AuditEvent::kUnlinked;
  chain.push_back(AppendTo({4, chain[3].mac}, other, keyring));
  report = Verify(chain, keyring, head);
  EXPECT_EQ(report.fault, AuditFault::kHeadMismatch);
  EXPECT_EQ(report.fault_sequence, 5);
}

TEST(AuditChain, AnOldKeyStillChecks) {
  fakes::FakeRandom random;
  const crypto::Keyring newer = crypto::Keyring::Generate("a2", random);
  const crypto::Keyring both =
      *crypto::Keyring::Parse(newer.Serialize().Reveal() + FixedKeyring().Serialize().Reveal());
  std::vector<AuditEntry> chain = Chain(2, FixedKeyring());
  chain.push_back(AppendTo({2, chain[1].mac}, chain[1].fact, both));
  EXPECT_EQ(chain[2].key_id, "a2");
  EXPECT_TRUE(Verify(chain, both).ok);
  EXPECT_EQ(Verify(chain, FixedKeyring()).fault, AuditFault::kUnknownKey);
}

TEST(AuditHead, HexRoundTripsAndRefusesTheRest) {
  AuditHead head{0x0102030405060708, {0xab}};
  const std::string hex = head.ToHex();
  EXPECT_EQ(hex.substr(0, 18), "0102030405060708ab");
  EXPECT_EQ(*AuditHead::Parse(hex), head);
  for (const std::string& bad :
       {std::string(), hex + "00", hex.substr(2), "f" + hex.substr(1), "g" + hex.substr(1)}) {
    EXPECT_EQ(AuditHead::Parse(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace musubi::link
