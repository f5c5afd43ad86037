// For tests: records with something in every field.
#ifndef MUSUBI_LIB_SESSION_RANDOM_RECORD_H_
#define MUSUBI_LIB_SESSION_RANDOM_RECORD_H_

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "lib/session/record.h"

namespace musubi::session {

// RandomRecord makes another record at each call. In a full one every optional is set and every
// list has elements; otherwise half of them. Not thread-safe.
class RandomRecord {
 public:
  explicit RandomRecord(unsigned seed) : random_(seed) {}

  SessionRecord Next(bool full) {
    full_ = full;
    SessionRecord record;
    // Names every member, so that one that is added does not compile until it is here.
    auto& [id, version, relying_party_id, act, flow_policy, locale, client_context, caller_state,
           return_uri, created_at, expires_at, account, state, flow, browser_credential,
           old_browser_credential, old_browser_request, device_credential, start_code, generation,
           qr_refreshes, qr_page_expires_at, handoff, claimed_by, pairing_code, paired_at,
           wrong_codes, second_phone_refused, challenge, proof_attempt, proofs, kept_proof,
           last_verdict, sealed_card, granted_attributes, consent_text_version, consented_at,
           return_code, result_code, ready_expires_at, ended_at, ended_by, cancel_reason,
           fail_reason, answers] = record;
    Fill(id, version, relying_party_id, locale, client_context.browser,
         client_context.operating_system, client_context.network, caller_state, return_uri,
         created_at, expires_at, account, browser_credential, old_browser_credential,
         old_browser_request, device_credential, start_code, generation, qr_refreshes,
         qr_page_expires_at, handoff, claimed_by, pairing_code, paired_at, wrong_codes,
         second_phone_refused, challenge, proof_attempt, proofs, kept_proof, last_verdict,
         sealed_card, granted_attributes, consent_text_version, consented_at, return_code,
         result_code, ready_expires_at, ended_at, answers);
    act = static_cast<Act>(1 + Below(4));
    flow_policy = static_cast<FlowPolicy>(1 + Below(3));
    state = static_cast<State>(2 + Below(9));
    flow = static_cast<Flow>(1 + Below(2));
    ended_by = static_cast<Party>(1 + Below(3));
    cancel_reason = static_cast<CancelReason>(1 + Below(3));
    fail_reason = static_cast<FailReason>(1 + Below(2));
    return record;
  }

  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

 private:
  template <typename... T>
  void Fill(T&... fields) {
    (Put(fields), ...);
  }
  template <size_t N>
  void Put(std::array<uint8_t, N>& value) {
    for (uint8_t& octet : value) octet = static_cast<uint8_t>(random_());
  }
  void Put(uint64_t& value) { value = random_() << 32 | random_(); }
  void Put(uint32_t& value) { value = 1 + Below(0xFFFFFFFE); }
  void Put(int& value) { value = static_cast<int>(1 + Below(0x7FFFFFFE)); }
  void Put(bool& value) { value = full_ || Below(2) == 0; }
  void Put(std::string& value) {
    value.resize(1 + Below(40));
    for (char& octet : value) octet = static_cast<char>(random_());
  }
  void Put(base::Bytes& value) {
    value.resize(1 + Below(400));
    for (uint8_t& octet : value) octet = static_cast<uint8_t>(random_());
  }
  // Also before 1970, and in quarters of a nanosecond.
  void Put(absl::Time& value) {
    value = absl::FromUnixSeconds(static_cast<int64_t>(Below(4'000'000'000)) - 1'000'000'000) +
            absl::Nanoseconds(1) / 4 * Below(4'000'000'000);
  }
  void Put(OneTime& value) { Fill(value.hash, value.expires_at); }
  void Put(KeptProof& value) { Fill(value.proof_hash, value.sealed_card, value.expires_at); }
  void Put(AccountBinding& value) { Fill(value.issuer, value.subject, value.masked_hint); }
  void Put(StoredAnswer& value) {
    Fill(value.request_id_hash, value.body_hash, value.sealed, value.metadata["state"],
         value.metadata["tries_left"]);
    if (full_ || Below(2) == 0) value.error = base::ErrorReason::kPairingCodeWrong;
  }
  template <typename T>
  void Put(std::optional<T>& value) {
    if (full_ || Below(2) == 0) Put(value.emplace());
  }
  template <typename T>
  void Put(std::vector<T>& values) {
    values.resize(full_ ? 1 + Below(8) : Below(8));
    for (T& value : values) Put(value);
  }

  std::mt19937_64 random_{0};  // The constructor has the seed.
  bool full_ = true;
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_RANDOM_RECORD_H_
