#include "services/musubictl/commands.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <istream>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <thread>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/crypto/ed25519.h"
#include "lib/crypto/keyring.h"
#include "lib/link/postgres_link_schema.h"
#include "lib/person/postgres_person_schema.h"
#include "lib/postgres/migration.h"
#include "lib/postgres/pool.h"
#include "lib/prelink/evidence.h"
#include "services/musubictl/audit.h"
#include "services/musubictl/checks.h"
#include "services/musubictl/keys.h"
#include "services/musubictl/roles.h"

namespace musubi::services::musubictl {

absl::Status Require(const std::string& value, std::string_view flag, std::string_view what) {
  if (!value.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("--" + std::string(flag) + " is missing: give " +
                                    std::string(what));
}

namespace {

// Longest record that is read from standard input, in octets: far above every one of ours.
constexpr size_t kMaxRecord = size_t{64} << 10;

absl::StatusOr<int> MigratePostgres(const Flags& flags, const Context& context) {
  MUSUBI_RETURN_IF_ERROR(Require(flags.postgres, "postgres", "the database's conninfo"));
  MUSUBI_RETURN_IF_ERROR(postgres::CheckConninfo(flags.postgres));
  // As whoever logs in, who owns the tables. No deadline: the wait for another migration, and a
  // step over a large table, take what they take.
  MUSUBI_ASSIGN_OR_RETURN(const auto connection, postgres::Connection::Open(flags.postgres, {}));
  MUSUBI_RETURN_IF_ERROR(connection->SetDeadline(postgres::Deadline::max()));
  for (const postgres::Schema& schema :
       {link::kPostgresLinkSchema, person::kPostgresPersonSchema}) {
    MUSUBI_ASSIGN_OR_RETURN(const int64_t found, postgres::Migrate(*connection, schema));
    context.out << schema.name << ": version " << found << " -> " << schema.steps.size() << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> NewKeyring(const Flags& flags, const Context& context) {
  MUSUBI_RETURN_IF_ERROR(Require(flags.id, "id", "the key's id, as in k1"));
  MUSUBI_RETURN_IF_ERROR(Require(flags.out, "out", "the file to make"));
  const auto text = crypto::Keyring::Generate(flags.id, context.random).Serialize();
  // What is written must be readable again: this is where a bad id comes out.
  MUSUBI_RETURN_IF_ERROR(crypto::Keyring::Parse(text.Reveal()).status());
  // O_EXCL takes the name, so that no key of somebody else can be overwritten.
  const int fd = open(flags.out.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) {
    return absl::AlreadyExistsError(flags.out +
                                    " exists: a keyring is never overwritten; choose another name");
  }
  if (fd < 0) return absl::ErrnoToStatus(errno, base::ToAbsl("cannot make " + flags.out));
  close(fd);
  MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(flags.out, text.Reveal(), 0600));
  context.out << "made " << flags.out << " with key " << flags.id << "\n";
  return kExitOk;
}

absl::StatusOr<int> PrintPublicKey(const Flags& flags, const Context& context) {
  MUSUBI_RETURN_IF_ERROR(Require(flags.key, "key", "the file of the private key"));
  MUSUBI_ASSIGN_OR_RETURN(const auto key, crypto::Ed25519PrivateKey::Load(flags.key));
  context.out << key.id() << " " << base::Base64UrlEncode(key.public_key()) << "\n";
  return kExitOk;
}

// "-" is standard input.
absl::StatusOr<std::string> ReadRecord(const std::string& file, const Context& context) {
  if (file != "-") return base::ReadFile(file);
  std::string text(kMaxRecord + 1, '\0');
  context.in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(context.in.gcount()));
  if (text.size() <= kMaxRecord) return text;
  return absl::InvalidArgumentError("-: a record must not be longer than " +
                                    std::to_string(kMaxRecord) + " octets");
}

absl::StatusOr<int> VerifyEvidence(const Flags& flags, const Context& context) {
  MUSUBI_RETURN_IF_ERROR(
      Require(flags.key, "key", "the file of the public key, as `evidence public-key` printed it"));
  MUSUBI_RETURN_IF_ERROR(Require(flags.record, "record", "the file of the record, or -"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string key_text, base::ReadFile(flags.key));
  const auto key = prelink::EvidencePublicKey::Parse(key_text);
  // What the file holds is not repeated: it may be a private key, given by mistake.
  if (!key.ok()) {
    return absl::InvalidArgumentError(flags.key + ": " + std::string(key.status().message()));
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string record_text, ReadRecord(flags.record, context));
  const auto record = prelink::EvidenceRecord::Parse(record_text);
  if (!record.ok()) {
    return absl::InvalidArgumentError(flags.record + ": " + std::string(record.status().message()));
  }
  const prelink::EvidenceFault fault = prelink::CheckEvidence(*record, *key);
  if (fault != prelink::EvidenceFault::kNone) {
    context.out << "evidence: BROKEN (" << prelink::Name(fault) << ")\n";
    return kExitBroken;
  }
  context.out << "evidence: OK\n" << nlohmann::json::parse(record->statement).dump(2) << "\n";
  return kExitOk;
}

absl::StatusOr<int> PrintRoles(const Flags&, const Context& context) {
  context.out << RolesAsText(rpc::MethodTable());
  return kExitOk;
}

absl::StatusOr<int> RunValidate(const Flags& flags, const Context& context) {
  const std::string& key_file = flags.validate.evidence_key;
  const std::string& out_file = flags.validate.evidence_out;
  if (key_file.empty() != out_file.empty()) {
    return absl::InvalidArgumentError(
        "--evidence_key, the key's file, and --evidence_out, the record's, are given together or "
        "not at all");
  }
  if (flags.validate.batch && !key_file.empty()) {
    return absl::InvalidArgumentError(
        "--evidence_key: a record is about one verdict; ask without --batch");
  }
  std::optional<crypto::Ed25519PrivateKey> key;
  if (!key_file.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(key, crypto::Ed25519PrivateKey::Load(key_file));
  }
  const ValidateArgs args{.defaults = AsQuestion(flags.validate),
                          .now = context.clock.Now(),
                          .threads = static_cast<int>(std::thread::hardware_concurrency()),
                          .evidence_key = key ? &*key : nullptr,
                          .evidence_out = out_file};
  return flags.validate.batch ? ValidateLines(args, context.in, context.out, context.err)
                              : Validate(args, context.out, context.err);
}

struct Command {
  std::string_view words;
  std::string_view flags;
  std::string_view what;
  absl::StatusOr<int> (*run)(const Flags&, const Context&);
};

constexpr Command kCommands[] = {
    {"audit verify",
     "--link_db=FILE|--postgres=CONNINFO --audit_keyring=FILE [--expected_head=HEX]\n"
     "      [--checkpoints=FILE --checkpoint_key=FILE]",
     "checks every entry of the audit chain. Exit code 0: it holds; 1: it does not, and the first\n"
     "      bad entry is named; 2: it could not be checked. Only with an expected head, which\n"
     "      `audit head` printed earlier and which was kept elsewhere, or with checkpoints, which\n"
     "      musubid wrote, a tail that was cut off shows. Checkpoints are compared without\n"
     "      --audit_keyring too; every kind of difference is named. See docs/audit.md",
     &VerifyAudit},
    {"audit export",
     "--link_db=FILE|--postgres=CONNINFO --audit_keyring=FILE [--expected_head=HEX]\n"
     "      [--signing_key=FILE]",
     "prints the entries as JSON Lines, up to the first one that does not hold, and, with the key\n"
     "      that signs checkpoints, one of each whole chain behind them; exit codes as above",
     &ExportAudit},
    {"audit head", "--link_db=FILE|--postgres=CONNINFO",
     "prints the head of the audit chain, to be kept outside the database", &PrintAuditHead},
    {"audit public-key", "--key=FILE",
     "prints id and public key (32 octets in base64url) of the key that signs checkpoints, for\n"
     "      those who verify them; --checkpoint_key takes several such lines",
     &PrintPublicKey},
    {"checks verify",
     "--check_log=DIR --audit_keyring=FILE [--expected_head=HEAD] [--first_segment=N]",
     "checks every row of the log of certificate checks. Exit code 0: it holds; 1: it does not, "
     "and\n"
     "      the first bad segment is named; 2: it could not be checked. Only with an expected "
     "head, "
     "which\n"
     "      was printed earlier and kept elsewhere, a tail that was cut off shows",
     &VerifyChecks},
    {"checks export",
     "--check_log=DIR --audit_keyring=FILE [--expected_head=HEAD] [--first_segment=N]",
     "prints its rows as JSON Lines, up to the first one that does not hold; exit codes as above",
     &ExportChecks},
    {"migrate", "--postgres=CONNINFO",
     "makes the tables and roles of links and persons in a PostgreSQL database, or brings them up "
     "to\n"
     "      this version's. Of several at once one does it, and the others wait. Run it before "
     "the\n"
     "      musubid of this version starts",
     &MigratePostgres},
    {"keyring new", "--id=ID --out=FILE",
     "makes a keyring with one fresh key, for its owner's eyes only (mode 0600). Never overwrites",
     &NewKeyring},
    {"keys add", "--file=FILE --id=ID",
     "puts a fresh key behind the others of a keyring, where it opens and checks but makes nothing",
     &AddKey},
    {"keys activate", "--file=FILE --id=ID",
     "puts a key in front, where it makes new values. First give it to every musubid behind the\n"
     "      others. See docs/keys.md",
     &ActivateKey},
    {"keys status",
     "--keyring=account|person_index|person_data|audit|service|card|subject --file=FILE\n"
     "      [--link_db=FILE|--person_db=FILE|--postgres=CONNINFO] [--data_keyring=FILE]\n"
     "      [--check_log=DIR|none]",
     "counts the values that need each key: of accounts in the link database, of cards in the\n"
     "      person database (the index with --data_keyring), of audit entries and segments of the\n"
     "      check log",
     &KeyStatus},
    {"keys rotate", "as keys status",
     "moves the values to the key in front, in batches, while servers run. Cut off at any moment, "
     "it\n"
     "      goes on when it is called again. Exit code 0: none is left under another key; 1: some "
     "are.\n"
     "      Where nothing is moved it says why, and when the old key may go",
     &RotateKeys},
    {"keys retire", "as keys status, with --id=ID [--active_since=TIME]",
     "takes a key that nothing needs out of database and file. Exit code 1: something needs it, "
     "and "
     "how\n"
     "      much. Sessions are not counted: --active_since says when the last musubid was started "
     "with\n"
     "      the new key in front",
     &RetireKey},
    {"evidence public-key", "--key=FILE",
     "prints id and public key (32 octets in base64url) of the key that signs evidence, for those\n"
     "      who verify it",
     &PrintPublicKey},
    {"evidence verify", "--key=FILE --record=FILE",
     "checks a record against a public key that `evidence public-key` printed, and prints its\n"
     "      statement; the record - is standard input. Exit code 0: it holds; 1: it does not, and "
     "why; 2: it could not be checked",
     &VerifyEvidence},
    {"validate", "--anchors=FILE,... --certificate=FILE [--crls=FILE,...] [...] | --batch",
     "says whether a certificate is valid by the files that are given, as JSON. Exit code 0: "
     "VALID;\n"
     "      1: INVALID; 2: it could not be checked. With --batch: a question in JSON on each line "
     "of\n"
     "      standard input, an answer on each of standard output. With --evidence_key=FILE\n"
     "      --evidence_out=FILE the verdict is stored too, as a signed record. See "
     "docs/validate.md",
     &RunValidate},
    {"roles", "",
     "prints which role may call which method of musubid, with or without a credential, and the\n"
     "      largest request in octets",
     &PrintRoles},
};

}  // namespace

std::string Usage() {
  std::string usage = "the operator's tool of Musubi. Commands:\n";
  for (const Command& command : kCommands) {
    usage += "\n  musubictl " + std::string(command.words) + (command.flags.empty() ? "" : " ") +
             std::string(command.flags) + "\n      " + std::string(command.what) + ".\n";
  }
  return usage;
}

int Run(const std::vector<std::string>& words, const Flags& flags, const Context& context) {
  std::string wanted;
  for (const std::string& word : words) wanted += (wanted.empty() ? "" : " ") + word;
  for (const Command& command : kCommands) {
    if (wanted != command.words) continue;
    const absl::StatusOr<int> code = command.run(flags, context);
    if (code.ok()) return *code;
    context.err << "musubictl " << wanted << ": " << code.status().message() << "\n";
    return kExitError;
  }
  context.err << (wanted.empty() ? "musubictl: no command given"
                                 : "musubictl: no command \"" + wanted + "\"")
              << "\nmusubictl: " << Usage();
  return kExitError;
}

}  // namespace musubi::services::musubictl
