#include "services/musubictl/keys.h"

#include <algorithm>
#include <future>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/base/timer.h"
#include "lib/checklog/segment.h"
#include "lib/checklog/segment_storage.h"
#include "lib/crypto/key_rotation.h"
#include "lib/crypto/keyring.h"
#include "lib/link/link_rotation.h"
#include "lib/link/link_store.h"
#include "lib/person/person_rotation.h"

namespace musubi::services::musubictl {
namespace {

using crypto::KeyCounts;
using crypto::KeyedRows;
using crypto::Keyring;

// Sessions live for half an hour by default and longer if configured; a day has room for that, and
// for a session store that was put back from a backup. The link store keeps answers as long.
constexpr absl::Duration kSessionKeyKept = link::kMinAnswerAge;

// A clock that is set meanwhile is no reason to rest for longer.
constexpr absl::Duration kLongestRest = absl::Seconds(1);

// How often progress is printed.
constexpr int64_t kValuesPerLine = 20 * crypto::kRotationBatch;

// What the keys of one keyring are needed by.
enum class Need { kRows, kAuditEntries, kSessions, kNothing };

struct Kind {
  std::string_view name;
  Need need;
  std::string_view why;  // Why nothing is moved; empty where it is.
};

constexpr Kind kKinds[] = {
    {"account", Need::kRows, ""},
    {"person_index", Need::kRows, ""},
    {"person_data", Need::kRows, ""},
    {"audit", Need::kAuditEntries,
     "entries of the audit chain and segments of the check log are never made anew, and the old "
     "key "
     "verifies them: it may go when `keys status` counts none of it"},
    {"service", Need::kSessions,
     "session ids, QR frames and codes go with their session: the old key may go a day after the "
     "last musubid was started with the new one in front"},
    {"card", Need::kSessions,
     "what a session holds of a card goes with the session: the old key may go a day after the "
     "last "
     "musubid was started with the new one in front"},
    {"subject", Need::kNothing,
     "links keep the pseudonym that they were made with, and new ones are made with the new key: "
     "the old key may go when the last musubid was started with the new one in front"},
};

absl::StatusOr<const Kind*> KindOf(const Flags& flags) {
  std::string names;
  for (const Kind& kind : kKinds) {
    if (flags.keyring == kind.name) return &kind;
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  return absl::InvalidArgumentError("--keyring must be one of " + names);
}

absl::StatusOr<Keyring> LoadFile(const Flags& flags) {
  MUSUBI_RETURN_IF_ERROR(Require(flags.file, "file", "the keyring's file"));
  return Keyring::Load(flags.file);
}

// A file of keys, line by line, so that comments stay. The first key is the active one.
struct KeyLines {
  std::vector<std::string> lines;

  // Where the line of the key is; lines.size() if there is none. Empty: of the first key.
  size_t Find(std::string_view id) const {
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].empty() || lines[i].front() == '#') continue;
      if (id.empty() || lines[i].starts_with(std::string(id) + " ")) return i;
    }
    return lines.size();
  }
};

// Edit reads the file, lets `change` at its lines, and replaces it if it is a keyring still.
template <typename Change>
absl::Status Edit(const std::string& path, Change change) {
  MUSUBI_RETURN_IF_ERROR(Keyring::Load(path).status());
  MUSUBI_ASSIGN_OR_RETURN(std::string text, base::ReadSecretFile(path));
  KeyLines keys;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    keys.lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  MUSUBI_RETURN_IF_ERROR(change(keys));
  base::Secret<std::string> changed([&] {
    std::string all;
    for (const std::string& line : keys.lines) all += line + "\n";
    return all;
  }());
  for (std::string& line : keys.lines) base::Wipe(line.data(), line.size());
  base::Wipe(text.data(), text.size());
  MUSUBI_RETURN_IF_ERROR(Keyring::Parse(changed.Reveal()).status());
  return base::WriteFileAtomically(path, changed.Reveal(), 0600);
}

// One of two databases.
absl::Status RequireDatabase(const Flags& flags, const std::string& file, std::string_view flag) {
  if (flags.postgres.empty()) {
    return Require(file, flag, "the database's file, or --postgres its conninfo");
  }
  if (file.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("--" + std::string(flag) +
                                    " and --postgres exclude each other: choose one database");
}

absl::StatusOr<std::unique_ptr<KeyedRows>> OpenRows(const Kind& kind, const Flags& flags,
                                                    Keyring keyring, const Context& context) {
  const bool postgres = !flags.postgres.empty();
  if (kind.name == "account") {
    MUSUBI_RETURN_IF_ERROR(RequireDatabase(flags, flags.link_db, "link_db"));
    return postgres ? link::OpenPostgresAccountRows(flags.postgres, keyring, context.random)
                    : link::OpenSqliteAccountRows(flags.link_db, keyring, context.random);
  }
  MUSUBI_RETURN_IF_ERROR(RequireDatabase(flags, flags.person_db, "person_db"));
  if (kind.name == "person_data") {
    return postgres
               ? person::OpenPostgresDataRows(flags.postgres, std::move(keyring), context.random)
               : person::OpenSqliteDataRows(flags.person_db, std::move(keyring), context.random);
  }
  MUSUBI_RETURN_IF_ERROR(Require(flags.data_keyring, "data_keyring",
                                 "the file of the person-data keyring, which opens the cards"));
  MUSUBI_ASSIGN_OR_RETURN(Keyring data, Keyring::Load(flags.data_keyring));
  return postgres
             ? person::OpenPostgresIndexRows(flags.postgres, std::move(keyring), std::move(data))
             : person::OpenSqliteIndexRows(flags.person_db, std::move(keyring), std::move(data));
}

// Entries of the chain, and segments of the check log if there is one.
absl::StatusOr<KeyCounts> CountAudit(const Flags& flags, const Keyring& keyring) {
  MUSUBI_RETURN_IF_ERROR(RequireDatabase(flags, flags.link_db, "link_db"));
  MUSUBI_RETURN_IF_ERROR(
      Require(flags.check_log, "check_log", "the folder of the check log, or none"));
  MUSUBI_ASSIGN_OR_RETURN(KeyCounts counts, flags.postgres.empty()
                                                ? link::CountSqliteAuditKeys(flags.link_db)
                                                : link::CountPostgresAuditKeys(flags.postgres));
  if (flags.check_log == "none") return counts;
  MUSUBI_ASSIGN_OR_RETURN(const auto segments, checklog::OpenSegmentsToRead(flags.check_log));
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<std::string> names, segments->List());
  for (const std::string& name : names) {
    MUSUBI_ASSIGN_OR_RETURN(const std::string text, segments->Read(name));
    const checklog::SegmentFinding finding =
        checklog::CheckSegment(text, checklog::SegmentNumber(name), nullptr, keyring,
                               [](std::string_view, const checklog::ChainPoint&) {});
    if (finding.key_id.empty()) {
      return absl::FailedPreconditionError(segments->PathOf(name) +
                                           ": no key of the keyring made it: put the key back");
    }
    ++counts[finding.key_id];
  }
  return counts;
}

void PrintCounts(const KeyCounts& counts, const Keyring& keyring, std::ostream& out) {
  KeyCounts all = counts;
  for (const auto& [id, key] : keyring.all()) all.try_emplace(id, 0);
  for (const auto& [id, count] : all) {
    out << "key " << id << ": " << count << " values"
        << (id == keyring.active().id     ? ", active"
            : keyring.Find(id) == nullptr ? ", LACKING in the file"
                                          : "")
        << "\n";
  }
}

// After each batch: says how far it is, and leaves the database to others for as long as the batch
// took.
class Pacer {
 public:
  explicit Pacer(const Context& context) : clock_(context.clock), out_(context.out) {}

  absl::Status AfterBatch(int64_t moved) {
    if (moved / kValuesPerLine > printed_ / kValuesPerLine) {
      out_ << "moved " << moved << " values" << std::endl;
      printed_ = moved;
    }
    const absl::Duration took = clock_.Now() - begun_;
    if (took > absl::ZeroDuration()) {
      // Shared: the callback may still be returning when this has gone on.
      const auto over = std::make_shared<std::promise<void>>();
      timer_.Schedule(std::min(took, kLongestRest), [over] { over->set_value(); });
      over->get_future().wait();
    }
    begun_ = clock_.Now();
    return absl::OkStatus();
  }

 private:
  const base::Clock& clock_;
  base::ThreadTimer timer_;
  std::ostream& out_;
  int64_t printed_ = 0;
  absl::Time begun_ = clock_.Now();
};

// FAILED_PRECONDITION if sessions may still need the key.
absl::Status CheckActiveSince(const Flags& flags, absl::Duration kept, absl::Time now) {
  MUSUBI_RETURN_IF_ERROR(Require(
      flags.active_since, "active_since",
      "when the last musubid was started with another key in front, as in 2026-04-01T00:00:00Z"));
  absl::Time since;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, flags.active_since, &since, &error)) {
    return absl::InvalidArgumentError("--active_since must be as in 2026-04-01T00:00:00Z");
  }
  if (now - since >= kept) return absl::OkStatus();
  return absl::FailedPreconditionError("key " + flags.id + " is needed until " +
                                       absl::FormatTime(since + kept, absl::UTCTimeZone()) +
                                       ": live sessions may have values of it");
}

// FAILED_PRECONDITION if the key is needed. Keeps servers from writing with it any more.
absl::Status RetireFromStore(const Kind& kind, const Flags& flags, const Keyring& keyring,
                             const Context& context) {
  switch (kind.need) {
    case Need::kRows: {
      MUSUBI_ASSIGN_OR_RETURN(const auto rows, OpenRows(kind, flags, keyring, context));
      return rows->Retire(flags.id);
    }
    case Need::kAuditEntries: {
      MUSUBI_ASSIGN_OR_RETURN(KeyCounts counts, CountAudit(flags, keyring));
      const int64_t needed = counts[flags.id];
      return needed == 0 ? absl::OkStatus() : crypto::StillNeeded(flags.id, needed);
    }
    case Need::kSessions:
      return CheckActiveSince(flags, kSessionKeyKept, context.clock.Now());
    case Need::kNothing:
      return CheckActiveSince(flags, absl::ZeroDuration(), context.clock.Now());
  }
  return absl::InternalError("not a Need");
}

}  // namespace

absl::StatusOr<int> AddKey(const Flags& flags, const Context& context) {
  MUSUBI_RETURN_IF_ERROR(Require(flags.id, "id", "the new key's id, as in k2"));
  MUSUBI_RETURN_IF_ERROR(LoadFile(flags).status());
  const auto line = Keyring::Generate(flags.id, context.random).Serialize();
  MUSUBI_RETURN_IF_ERROR(Edit(flags.file, [&](KeyLines& keys) {
    keys.lines.push_back(line.Reveal().substr(0, line.Reveal().size() - 1));
    return absl::OkStatus();
  }));
  context.out << "added key " << flags.id << " to " << flags.file
              << ". Start every musubid again with it, then: musubictl keys activate\n";
  return kExitOk;
}

absl::StatusOr<int> ActivateKey(const Flags& flags, const Context& context) {
  MUSUBI_RETURN_IF_ERROR(Require(flags.id, "id", "the key's id"));
  MUSUBI_RETURN_IF_ERROR(LoadFile(flags).status());
  MUSUBI_RETURN_IF_ERROR(Edit(flags.file, [&](KeyLines& keys) -> absl::Status {
    const size_t from = keys.Find(flags.id);
    if (from == keys.lines.size()) {
      return absl::NotFoundError(flags.file + " has no key " + flags.id +
                                 ": add it, and give it to every musubid, first");
    }
    std::string line = std::move(keys.lines[from]);
    keys.lines.erase(keys.lines.begin() + static_cast<ptrdiff_t>(from));
    keys.lines.insert(keys.lines.begin() + static_cast<ptrdiff_t>(std::min(from, keys.Find(""))),
                      std::move(line));
    return absl::OkStatus();
  }));
  context.out << "key " << flags.id << " is the active one of " << flags.file
              << ". Start every musubid again with it, then: musubictl keys rotate\n";
  return kExitOk;
}

absl::StatusOr<int> KeyStatus(const Flags& flags, const Context& context) {
  MUSUBI_ASSIGN_OR_RETURN(const Kind* kind, KindOf(flags));
  MUSUBI_ASSIGN_OR_RETURN(const Keyring keyring, LoadFile(flags));
  KeyCounts counts;
  if (kind->need == Need::kRows) {
    MUSUBI_ASSIGN_OR_RETURN(const auto rows, OpenRows(*kind, flags, keyring, context));
    MUSUBI_ASSIGN_OR_RETURN(counts, rows->Count());
  } else if (kind->need == Need::kAuditEntries) {
    MUSUBI_ASSIGN_OR_RETURN(counts, CountAudit(flags, keyring));
  } else {
    context.out << "active: " << keyring.active().id << "\n" << kind->why << "\n";
    return kExitOk;
  }
  PrintCounts(counts, keyring, context.out);
  return kExitOk;
}

absl::StatusOr<int> RotateKeys(const Flags& flags, const Context& context) {
  MUSUBI_ASSIGN_OR_RETURN(const Kind* kind, KindOf(flags));
  MUSUBI_ASSIGN_OR_RETURN(const Keyring keyring, LoadFile(flags));
  if (kind->need != Need::kRows) {
    context.out << "nothing to move: " << kind->why << "\n";
    return kExitOk;
  }
  MUSUBI_ASSIGN_OR_RETURN(const auto rows, OpenRows(*kind, flags, keyring, context));
  Pacer pacer(context);
  MUSUBI_ASSIGN_OR_RETURN(const int64_t moved, crypto::MoveAll(*rows, [&](int64_t so_far) {
                            return pacer.AfterBatch(so_far);
                          }));
  MUSUBI_ASSIGN_OR_RETURN(const KeyCounts counts, rows->Count());
  context.out << "moved " << moved << " values to key " << keyring.active().id << "\n";
  PrintCounts(counts, keyring, context.out);
  int64_t left = 0;
  for (const auto& [id, count] : counts) {
    if (id != keyring.active().id) left += count;
  }
  if (left == 0) return kExitOk;
  context.out
      << left
      << " values stay under other keys: a musubid still has another key in front, or wrote "
         "one at this moment, or cards were recorded before they could be moved. Run it "
         "again later\n";
  return kExitBroken;
}

absl::StatusOr<int> RetireKey(const Flags& flags, const Context& context) {
  MUSUBI_ASSIGN_OR_RETURN(const Kind* kind, KindOf(flags));
  MUSUBI_RETURN_IF_ERROR(Require(flags.id, "id", "the key's id"));
  MUSUBI_ASSIGN_OR_RETURN(const Keyring keyring, LoadFile(flags));
  if (keyring.active().id == flags.id) {
    return absl::InvalidArgumentError("key " + flags.id + " is the active one of " + flags.file +
                                      ": activate another one first");
  }
  const absl::Status retired = RetireFromStore(*kind, flags, keyring, context);
  if (absl::IsFailedPrecondition(retired)) {
    context.out << "refused: " << retired.message() << "\n";
    return kExitBroken;
  }
  MUSUBI_RETURN_IF_ERROR(retired);
  // The store first: if this is cut off between the two, it is done again.
  if (keyring.Find(flags.id) != nullptr) {
    MUSUBI_RETURN_IF_ERROR(Edit(flags.file, [&](KeyLines& keys) {
      const size_t at = keys.Find(flags.id);
      base::Wipe(keys.lines[at].data(), keys.lines[at].size());
      keys.lines.erase(keys.lines.begin() + static_cast<ptrdiff_t>(at));
      return absl::OkStatus();
    }));
  }
  context.out << "key " << flags.id << " is out of " << flags.file
              << ". Start every musubid again with it, and destroy the old file's copies\n";
  return kExitOk;
}

}  // namespace musubi::services::musubictl
