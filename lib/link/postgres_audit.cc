#include "lib/link/postgres_audit.h"

#include <map>
#include <string>
#include <utility>

#include "lib/base/call_deadline.h"
#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/link/link_rows.h"

namespace musubi::link {
namespace {

using postgres::Connection;
using postgres::Result;

// Relying party -> head of its chain.
using Heads = std::map<std::string, AuditHead>;

// Entries that are read at once: about 400 octets each.
constexpr int kBatch = 1000;
// For reading and checking one batch, unless the call's deadline is earlier.
constexpr absl::Duration kBatchTime = absl::Seconds(30);

base::Bytes Encode(const Heads& heads) {
  base::Bytes octets = base::ToBytes("musubi audit heads v1");
  for (const auto& [relying_party_id, head] : heads) {
    base::AppendField(octets, base::AsBytes(relying_party_id));
    for (int shift = 56; shift >= 0; shift -= 8) {
      octets.push_back(static_cast<uint8_t>(static_cast<uint64_t>(head.sequence) >> shift));
    }
    base::Append(octets, head.mac);
  }
  return octets;
}

AuditHead HeadOf(const Heads& heads) {
  AuditHead all;
  for (const auto& [relying_party_id, head] : heads) all.sequence += head.sequence;
  if (all.sequence > 0) all.mac = crypto::Sha256(Encode(heads));
  return all;
}

absl::StatusOr<Heads> ReadHeads(Connection& db) {
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query("SELECT relying_party_id, sequence, mac FROM audit_heads WHERE sequence > 0"));
  Heads heads;
  for (int i = 0; i < rows.rows(); ++i) {
    const Result::Row row = rows.row(i);
    heads[row.Text(0)] = {row.Int(1), row.Array<32>(2)};
  }
  return heads;
}

// The heads that an expected head stands for: nothing if no checkpoint has it, or one that was
// changed.
absl::StatusOr<std::optional<Heads>> ExpectedHeads(Connection& db, const AuditHead& expected) {
  if (expected == AuditHead()) return Heads();
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query("SELECT c.sequence, c.heads FROM audit_checkpoints c WHERE c.mac = $1",
               {expected.mac}));
  if (rows.empty()) return std::nullopt;
  const base::Bytes octets = rows.row(0).Blob(1);
  if (rows.row(0).Int(0) != expected.sequence || crypto::Sha256(octets) != expected.mac) {
    return std::nullopt;
  }
  // The hash says that Encode made it: no length in it is wrong.
  Heads heads;
  size_t at = std::string_view("musubi audit heads v1").size();
  const auto number = [&](size_t size) {
    uint64_t value = 0;
    for (const size_t end = at + size; at < end; ++at) value = value << 8 | octets[at];
    return value;
  };
  while (at < octets.size()) {
    const size_t length = number(4);
    std::string relying_party_id(octets.begin() + static_cast<ptrdiff_t>(at),
                                 octets.begin() + static_cast<ptrdiff_t>(at + length));
    at += length;
    AuditHead head{.sequence = static_cast<int64_t>(number(8))};
    std::copy_n(octets.begin() + static_cast<ptrdiff_t>(at), head.mac.size(), head.mac.begin());
    at += head.mac.size();
    heads[std::move(relying_party_id)] = head;
  }
  return heads;
}

absl::StatusOr<AuditReport> VerifyOne(Connection& db, const std::string& relying_party_id,
                                      AuditVerifier verifier, OnAuditEntry on_entry) {
  int64_t last = 0;
  while (true) {
    MUSUBI_RETURN_IF_ERROR(db.SetDeadline(base::CallDeadline::AtMost(kBatchTime)));
    MUSUBI_ASSIGN_OR_RETURN(const Result rows,
                            db.Query("SELECT " + std::string(kAuditColumns) +
                                         " FROM audit WHERE relying_party_id = $1 AND sequence > $2"
                                         " ORDER BY sequence LIMIT $3",
                                     {relying_party_id, last, kBatch}));
    for (int i = 0; i < rows.rows(); ++i) {
      const AuditEntry entry = ReadEntry(rows.row(i));
      last = entry.sequence;
      if (!verifier.Feed(entry)) return verifier.Finish();
      on_entry(entry);
    }
    if (rows.rows() < kBatch) return verifier.Finish();
  }
}

void Fault(AuditReport& report, AuditFault fault, int64_t sequence, std::string what) {
  report.ok = false;
  report.fault = fault;
  report.fault_sequence = sequence;
  report.what = std::move(what);
}

}  // namespace

absl::Status AppendFacts(Connection& db, std::span<const AuditFact> facts,
                         const crypto::Keyring& keyring) {
  const std::string& relying_party_id = facts.front().relying_party_id;
  constexpr std::string_view kLock =
      "SELECT sequence, mac FROM audit_heads WHERE relying_party_id = $1 FOR UPDATE";
  MUSUBI_ASSIGN_OR_RETURN(Result locked, db.Query(kLock, {relying_party_id}));
  if (locked.empty()) {
    // The relying party's first entry ever; of several at once the others wait here.
    db.Enqueue(
        "INSERT INTO audit_heads (relying_party_id, sequence, mac)"
        " VALUES ($1, 0, $2) ON CONFLICT DO NOTHING",
        {relying_party_id, base::Hash256{}});
    MUSUBI_ASSIGN_OR_RETURN(locked, db.Query(kLock, {relying_party_id}));
  }
  AuditHead head{locked.row(0).Int(0), locked.row(0).Array<32>(1)};
  for (const AuditFact& fact : facts) {
    MUSUBI_CHECK(fact.relying_party_id == relying_party_id, "entries of one chain");
    const AuditEntry entry = AppendTo(head, fact, keyring);
    // Sent with COMMIT: the head's lock is held for one round trip.
    db.Enqueue(
        "WITH entry AS (INSERT INTO audit (relying_party_id, sequence, at, event,"
        " link_id, session_id, act, flow, commitment, key_id, previous_mac, mac)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12))"
        " UPDATE audit_heads SET sequence = $2, mac = $12 WHERE relying_party_id = $1",
        {relying_party_id, entry.sequence, absl::ToUnixMicros(fact.at),
         static_cast<int>(fact.event), fact.link_id, fact.session_id, fact.journey.act,
         fact.journey.flow, fact.commitment, entry.key_id, entry.previous_mac, entry.mac});
    head = {entry.sequence, entry.mac};
  }
  return absl::OkStatus();
}

absl::StatusOr<AuditHead> Checkpoint(Connection& db, absl::Time now) {
  MUSUBI_ASSIGN_OR_RETURN(const Heads heads, ReadHeads(db));
  const AuditHead head = HeadOf(heads);
  if (head == AuditHead()) return head;
  MUSUBI_RETURN_IF_ERROR(
      db.Execute("INSERT INTO audit_checkpoints (mac, sequence, heads, at) VALUES ($1, $2, $3, $4)"
                 " ON CONFLICT DO NOTHING",
                 {head.mac, head.sequence, Encode(heads), absl::ToUnixMicros(now)})
          .status());
  return head;
}

absl::StatusOr<std::vector<ChainHead>> ListStoredHeads(Connection& db) {
  MUSUBI_ASSIGN_OR_RETURN(const Heads heads, ReadHeads(db));
  std::vector<ChainHead> list;
  for (const auto& [relying_party_id, head] : heads) list.push_back({relying_party_id, head});
  return list;
}

absl::StatusOr<AuditReport> VerifyChains(Connection& db, const crypto::Keyring& keyring,
                                         const std::optional<AuditHead>& expected_head,
                                         OnAuditEntry on_entry) {
  const auto moment = postgres::Transaction::Begin(db, postgres::Isolation::kSnapshot);
  std::optional<Heads> expected;
  if (expected_head.has_value()) {
    MUSUBI_ASSIGN_OR_RETURN(expected, ExpectedHeads(db, *expected_head));
  }
  MUSUBI_ASSIGN_OR_RETURN(const Heads stored, ReadHeads(db));
  Heads chains = stored;
  if (expected.has_value()) chains.insert(expected->begin(), expected->end());
  MUSUBI_ASSIGN_OR_RETURN(const Result parties,
                          db.Query("SELECT DISTINCT relying_party_id FROM audit"));
  for (int i = 0; i < parties.rows(); ++i) chains.try_emplace(parties.row(i).Text(0));

  AuditReport all;
  Heads verified;
  for (const auto& [relying_party_id, ignored] : chains) {
    std::optional<AuditHead> wanted;
    if (expected.has_value()) {
      const auto known = expected->find(relying_party_id);
      if (known != expected->end()) wanted = known->second;
    }
    MUSUBI_ASSIGN_OR_RETURN(
        AuditReport one, VerifyOne(db, relying_party_id, AuditVerifier(keyring, wanted), on_entry));
    all.count += one.count;
    verified[relying_party_id] = one.head;
    const auto head = stored.find(relying_party_id);
    if (one.ok && (head == stored.end() || head->second != one.head)) {
      Fault(one, AuditFault::kHeadMismatch, one.head.sequence + 1,
            "the stored head of the chain is not its last entry: its tail was cut off or changed");
    }
    if (!one.ok) {
      Fault(all, one.fault, one.fault_sequence,
            "relying party " + relying_party_id + ": " + one.what);
      break;
    }
  }
  all.head = HeadOf(verified);
  if (all.fault != AuditFault::kNone) return all;
  if (expected_head.has_value() && !expected.has_value()) {
    const bool ahead = expected_head->sequence > all.count;
    Fault(all, ahead ? AuditFault::kHeadMissing : AuditFault::kHeadMismatch, all.count + 1,
          "no checkpoint has the expected head: it was taken away, or the head is another "
          "database's");
    return all;
  }
  all.ok = true;
  for (const auto& [relying_party_id, head] : verified) {
    if (head.sequence > 0) all.chains.push_back({relying_party_id, head});
  }
  all.tail_checked = expected_head.has_value();
  all.what = all.tail_checked
                 ? "every entry holds, and the expected head is among them"
                 : "every entry holds; without an expected head, a tail that was cut off cannot be "
                   "seen";
  return all;
}

}  // namespace musubi::link
