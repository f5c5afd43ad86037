// musubictl: flags in, exit code out. What it does is in commands.cc.
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "services/musubictl/commands.h"

ABSL_FLAG(std::string, link_db, "", "The SQLite file of the link store (audit ...)");
ABSL_FLAG(
    std::string, postgres, "",
    "libpq's conninfo of the PostgreSQL database, without a password: that is in the file that "
    "its passfile or service names (migrate, audit ...)");
ABSL_FLAG(std::string, audit_keyring, "",
          "The keyring of audit chain and check log (audit verify, audit export, checks verify, "
          "checks export)");
ABSL_FLAG(
    std::string, expected_head, "",
    "What `audit head` printed earlier: 80 hexadecimal digits (audit verify, audit export); or "
    "the head "
    "that `checks verify` printed (checks verify, checks export)");
ABSL_FLAG(std::string, checkpoints, "",
          "The file of checkpoints that musubid wrote, or a copy of it (audit verify)");
ABSL_FLAG(std::string, checkpoint_key, "",
          "The file of what `audit public-key` printed (audit verify)");
ABSL_FLAG(std::string, signing_key, "", "The key that signs checkpoints (audit export)");
ABSL_FLAG(std::string, check_log, "", "The folder of the check log (checks verify, checks export)");
ABSL_FLAG(int64_t, first_segment, 1,
          "The oldest segment that is due; above 1 if older ones were put away (checks verify, "
          "checks export)");
ABSL_FLAG(std::string, person_db, "", "The SQLite file of the person store (keys)");
ABSL_FLAG(std::string, keyring, "",
          "Which keyring: account, person_index, person_data, audit, service, card or subject "
          "(keys status, keys rotate, keys retire)");
ABSL_FLAG(std::string, file, "", "The keyring's file (keys)");
ABSL_FLAG(std::string, data_keyring, "",
          "The file of the person-data keyring (keys, for person_index)");
ABSL_FLAG(std::string, active_since, "",
          "When the last musubid was started with another key in front, as in "
          "2026-04-01T00:00:00Z (keys retire, for service, card and subject)");
ABSL_FLAG(std::string, id, "", "A key's id: 1 to 16 of a-z, 0-9 and - (keyring new, keys)");
ABSL_FLAG(std::string, out, "", "The file to make (keyring new)");
ABSL_FLAG(
    std::string, key, "",
    "The file of a private key (evidence public-key, audit public-key), or of the public part "
    "(evidence verify)");
ABSL_FLAG(std::string, record, "",
          "The file of an evidence record; -: standard input (evidence verify)");

// musubictl validate; the words are those of docs/validate.md.
ABSL_FLAG(std::vector<std::string>, anchors, {}, "Files of trusted certificates (validate)");
ABSL_FLAG(std::vector<std::string>, intermediates, {}, "Files of other certificates (validate)");
ABSL_FLAG(std::string, certificate, "", "The file of what is to be validated (validate)");
ABSL_FLAG(std::vector<std::string>, crls, {}, "Files of CRLs (validate)");
ABSL_FLAG(std::string, ocsp_response, "", "The file of an OCSP response (validate)");
ABSL_FLAG(std::string, time, "", "The validation time, as in 2026-04-01T00:00:00Z (validate)");
ABSL_FLAG(std::vector<std::string>, initial_policies, {}, "OIDs of initial policies (validate)");
ABSL_FLAG(bool, explicit_policy, false, "initial-explicit-policy (validate)");
ABSL_FLAG(bool, inhibit_mapping, false, "initial-policy-mapping-inhibit (validate)");
ABSL_FLAG(bool, inhibit_any_policy, false, "initial-any-policy-inhibit (validate)");
ABSL_FLAG(std::string, purpose, "", "OID that an extendedKeyUsage must allow (validate)");
ABSL_FLAG(std::string, profile, "", "rfc5280 or jpki-card (validate)");
ABSL_FLAG(std::string, hierarchy, "", "The hierarchy file of jpki-card (validate)");
ABSL_FLAG(std::string, revocation, "", "whole-path, target or none (validate)");
ABSL_FLAG(std::string, max_crl_age, "", "Oldest CRL that counts, as in 168h (validate)");
ABSL_FLAG(std::string, proof_message, "", "The file of what the key signed (validate)");
ABSL_FLAG(std::string, proof_signature, "", "The file of its signature (validate)");
ABSL_FLAG(std::string, proof_algorithm, "", "As in RSA_PKCS1_SHA256 (validate)");
ABSL_FLAG(std::string, evidence_key, "",
          "The file of the evidence key, to sign a record of the verdict (validate)");
ABSL_FLAG(std::string, evidence_out, "", "The file to write the record to (validate)");
ABSL_FLAG(bool, batch, false, "Questions and answers as JSON Lines (validate)");

namespace {

musubi::services::musubictl::ValidateFlags ValidateFlagsGiven() {
  return {.anchors = absl::GetFlag(FLAGS_anchors),
          .intermediates = absl::GetFlag(FLAGS_intermediates),
          .certificate = absl::GetFlag(FLAGS_certificate),
          .crls = absl::GetFlag(FLAGS_crls),
          .ocsp_response = absl::GetFlag(FLAGS_ocsp_response),
          .time = absl::GetFlag(FLAGS_time),
          .initial_policies = absl::GetFlag(FLAGS_initial_policies),
          .explicit_policy = absl::GetFlag(FLAGS_explicit_policy),
          .inhibit_mapping = absl::GetFlag(FLAGS_inhibit_mapping),
          .inhibit_any_policy = absl::GetFlag(FLAGS_inhibit_any_policy),
          .purpose = absl::GetFlag(FLAGS_purpose),
          .profile = absl::GetFlag(FLAGS_profile),
          .hierarchy = absl::GetFlag(FLAGS_hierarchy),
          .revocation = absl::GetFlag(FLAGS_revocation),
          .max_crl_age = absl::GetFlag(FLAGS_max_crl_age),
          .proof_message = absl::GetFlag(FLAGS_proof_message),
          .proof_signature = absl::GetFlag(FLAGS_proof_signature),
          .proof_algorithm = absl::GetFlag(FLAGS_proof_algorithm),
          .batch = absl::GetFlag(FLAGS_batch),
          .evidence_key = absl::GetFlag(FLAGS_evidence_key),
          .evidence_out = absl::GetFlag(FLAGS_evidence_out)};
}

}  // namespace

int main(int argc, char** argv) {
  namespace ctl = musubi::services::musubictl;
  absl::SetProgramUsageMessage(ctl::Usage());
  const std::vector<char*> positional = absl::ParseCommandLine(argc, argv);
  // Nothing here reads or writes by stdio, which would cost a call for each octet.
  std::ios::sync_with_stdio(false);
  musubi::base::SystemRandom random;
  const musubi::base::RealClock clock;
  return ctl::Run(
      {positional.begin() + 1, positional.end()},
      {.link_db = absl::GetFlag(FLAGS_link_db),
       .person_db = absl::GetFlag(FLAGS_person_db),
       .postgres = absl::GetFlag(FLAGS_postgres),
       .audit_keyring = absl::GetFlag(FLAGS_audit_keyring),
       .expected_head = absl::GetFlag(FLAGS_expected_head),
       .checkpoints = absl::GetFlag(FLAGS_checkpoints),
       .checkpoint_key = absl::GetFlag(FLAGS_checkpoint_key),
       .signing_key = absl::GetFlag(FLAGS_signing_key),
       .check_log = absl::GetFlag(FLAGS_check_log),
       .first_segment = absl::GetFlag(FLAGS_first_segment),
       .keyring = absl::GetFlag(FLAGS_keyring),
       .file = absl::GetFlag(FLAGS_file),
       .data_keyring = absl::GetFlag(FLAGS_data_keyring),
       .active_since = absl::GetFlag(FLAGS_active_since),
       .id = absl::GetFlag(FLAGS_id),
       .out = absl::GetFlag(FLAGS_out),
       .key = absl::GetFlag(FLAGS_key),
       .record = absl::GetFlag(FLAGS_record),
       .validate = ValidateFlagsGiven()},
      {.random = random, .clock = clock, .in = std::cin, .out = std::cout, .err = std::cerr});
}
