// `musubictl validate`: is this certificate valid, by the files that are given? For people, one
// certificate at a time, and for other people's vectors, many at a time as JSON Lines. Asks nobody
// over the network, and writes nothing but the record that it is told to write. The formats:
// docs/validate.md.
#ifndef MUSUBI_SERVICES_MUSUBICTL_VALIDATE_H_
#define MUSUBI_SERVICES_MUSUBICTL_VALIDATE_H_

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/crypto/ed25519.h"

namespace musubi::services::musubictl {

// The command's flags, in the words of docs/validate.md; empty: not given.
struct ValidateFlags {
  std::vector<std::string> anchors;
  std::vector<std::string> intermediates;
  std::string certificate;
  std::vector<std::string> crls;
  std::string ocsp_response;
  std::string time;
  std::vector<std::string> initial_policies;
  bool explicit_policy = false;
  bool inhibit_mapping = false;
  bool inhibit_any_policy = false;
  std::string purpose;
  std::string profile;
  std::string hierarchy;
  std::string revocation;
  std::string max_crl_age;
  std::string proof_message;
  std::string proof_signature;
  std::string proof_algorithm;
  bool batch = false;
  // No members of a question: see ValidateArgs.
  std::string evidence_key;
  std::string evidence_out;
};

// AsQuestion is the JSON object of these flags but batch and evidence.
std::string AsQuestion(const ValidateFlags& flags);

// Longest line of a batch, in octets: far above one with the CRL of the largest municipality in
// base64.
inline constexpr size_t kMaxQuestion = size_t{64} << 20;

// What is asked, as one JSON object: the members of docs/validate.md. An empty text is {}.
struct ValidateArgs {
  std::string defaults;  // What a question leaves out; in single use this is the question.
  absl::Time now;        // The validation time of a question that names none.
  int threads = 1;       // Of batch use.
  // Set: the verdict of a single use is written to evidence_out, signed with this key
  // (docs/evidence.md), before it is printed. Outlives the call.
  const crypto::Ed25519PrivateKey* evidence_key = nullptr;
  std::string evidence_out;
  size_t max_question = kMaxQuestion;  // Longest line of a batch, in octets.
};

// Validate answers the question `args.defaults`, and returns the exit code: kExitOk for VALID,
// kExitBroken for INVALID, kExitError for INDETERMINATE or if it could not be checked.
int Validate(const ValidateArgs& args, std::ostream& out, std::ostream& err);

// ValidateLines reads a question from each line and writes an answer line for each, in order. A
// line that cannot be understood, or is too long, gets an error for an answer, and the next is
// read. The exit code is the worst of all answers. Memory is bounded: args.threads lots of
// questions, and kMaxJudges and kMaxCrls of validate_question.h.
int ValidateLines(const ValidateArgs& args, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_VALIDATE_H_
