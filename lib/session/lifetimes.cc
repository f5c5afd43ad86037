#include "lib/session/lifetimes.h"

#include <string>

namespace musubi::session {
namespace {

absl::Status AtLeast(const char* flag, absl::Duration value, absl::Duration bound) {
  if (value >= bound) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string("--") + flag + "=" + absl::FormatDuration(value) +
                                    " is below its lower bound " + absl::FormatDuration(bound));
}

absl::Status AtLeast(const char* flag, int value, int bound) {
  if (value >= bound) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string("--") + flag + "=" + std::to_string(value) +
                                    " is below its lower bound " + std::to_string(bound));
}

}  // namespace

absl::Status Lifetimes::Validate() const {
  absl::Status status;
  status.Update(AtLeast("session_lifetime", session, absl::Minutes(1)));
  status.Update(AtLeast("start_code_lifetime", start_code, absl::Seconds(5)));
  status.Update(AtLeast("qr_page_lifetime", qr_page, absl::Seconds(10)));
  status.Update(AtLeast("qr_frame_max_age", qr_frame_max_age, absl::Seconds(3)));
  status.Update(AtLeast("qr_frame_max_ahead", qr_frame_max_ahead, absl::ZeroDuration()));
  status.Update(AtLeast("handoff_lifetime", handoff, absl::Seconds(5)));
  status.Update(AtLeast("pairing_code_lifetime", pairing_code, absl::Seconds(10)));
  status.Update(AtLeast("challenge_lifetime", challenge, absl::Seconds(10)));
  status.Update(AtLeast("kept_proof_lifetime", kept_proof, absl::Seconds(1)));
  status.Update(AtLeast("ready_lifetime", ready, absl::Seconds(10)));
  status.Update(AtLeast("return_code_lifetime", return_code, absl::Seconds(5)));
  status.Update(AtLeast("result_code_lifetime", result_code, absl::Seconds(5)));
  status.Update(AtLeast("pairing_code_tries", pairing_code_tries, 1));
  status.Update(AtLeast("proof_tries", proofs, 1));
  status.Update(AtLeast("qr_refreshes", qr_refreshes, 0));
  return status;
}

}  // namespace musubi::session
