#include "lib/session/failover.h"

namespace musubi::session {

void VoidOneTimeValues(SessionRecord& record) {
  if (IsTerminal(record.state)) return;
  record.start_code.reset();
  record.handoff.reset();
  record.pairing_code.reset();
  record.challenge.reset();
  record.proof_attempt.reset();
  record.kept_proof.reset();
  record.return_code.reset();
  record.result_code.reset();
  if (record.state != State::kReady) return;
  record.state = State::kProven;
  record.ready_expires_at.reset();
  record.granted_attributes.clear();
  record.consent_text_version.clear();
  record.consented_at.reset();
}

}  // namespace musubi::session
