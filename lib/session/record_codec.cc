#include "lib/session/record_codec.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/error.h"

namespace musubi::session {
namespace {

// A list of fields a type, read by both directions. The structured bindings name every member, so
// that a member that is added does not compile until it is encoded (and kRecordEncoding counted
// up).

template <typename Archive, typename T>
void VisitOneTime(Archive& archive, T& value) {
  auto& [hash, expires_at] = value;
  archive(hash, expires_at);
}

template <typename Archive, typename T>
void VisitKeptProof(Archive& archive, T& value) {
  auto& [proof_hash, sealed_card, expires_at] = value;
  archive(proof_hash, sealed_card, expires_at);
}

template <typename Archive, typename T>
void VisitStoredAnswer(Archive& archive, T& value) {
  auto& [request_id_hash, body_hash, error, metadata, sealed] = value;
  archive(request_id_hash, body_hash, error, metadata, sealed);
}

template <typename Archive, typename T>
void VisitAccountBinding(Archive& archive, T& value) {
  auto& [issuer, subject, masked_hint] = value;
  archive(issuer, subject, masked_hint);
}

template <typename Archive, typename T>
void VisitClientContext(Archive& archive, T& value) {
  auto& [browser, operating_system, network] = value;
  archive(browser, operating_system, network);
}

template <typename Archive, typename T>
void VisitRecord(Archive& archive, T& record) {
  auto& [id, version, relying_party_id, act, flow_policy, locale, client_context, caller_state,
         return_uri, created_at, expires_at, account, state, flow, browser_credential,
         old_browser_credential, old_browser_request, device_credential, start_code, generation,
         qr_refreshes, qr_page_expires_at, handoff, claimed_by, pairing_code, paired_at,
         wrong_codes, second_phone_refused, challenge, proof_attempt, proofs, kept_proof,
         last_verdict, sealed_card, granted_attributes, consent_text_version, consented_at,
         return_code, result_code, ready_expires_at, ended_at, ended_by, cancel_reason, fail_reason,
         answers] = record;
  archive(id, version, relying_party_id, act, flow_policy, locale, client_context, caller_state,
          return_uri, created_at, expires_at, account, state, flow, browser_credential,
          old_browser_credential, old_browser_request, device_credential, start_code, generation,
          qr_refreshes, qr_page_expires_at, handoff, claimed_by, pairing_code, paired_at,
          wrong_codes, second_phone_refused, challenge, proof_attempt, proofs, kept_proof,
          last_verdict, sealed_card, granted_attributes, consent_text_version, consented_at,
          return_code, result_code, ready_expires_at, ended_at, ended_by, cancel_reason,
          fail_reason, answers);
}

// Which numbers an enum has. Switches without a default: a new enumerator does not compile here.
bool IsKnown(Act act) {
  switch (act) {
    case Act::kUnspecified:
    case Act::kLink:
    case Act::kUnlink:
    case Act::kVerify:
    case Act::kReplace:
      return true;
  }
  return false;
}
bool IsKnown(Flow flow) {
  switch (flow) {
    case Flow::kUnspecified:
    case Flow::kCrossDevice:
    case Flow::kOneDevice:
      return true;
  }
  return false;
}
bool IsKnown(FlowPolicy policy) {
  switch (policy) {
    case FlowPolicy::kUnspecified:
    case FlowPolicy::kAny:
    case FlowPolicy::kCrossDeviceOnly:
    case FlowPolicy::kOneDeviceOnly:
      return true;
  }
  return false;
}
bool IsKnown(State state) {
  switch (state) {
    case State::kUnspecified:
    case State::kCreated:
    case State::kClaimed:
    case State::kPaired:
    case State::kProven:
    case State::kConsented:
    case State::kReady:
    case State::kUsed:
    case State::kCancelled:
    case State::kExpired:
    case State::kFailed:
      return true;
  }
  return false;
}
bool IsKnown(Party party) {
  switch (party) {
    case Party::kUnspecified:
    case Party::kBrowser:
    case Party::kDevice:
    case Party::kServer:
      return true;
  }
  return false;
}
bool IsKnown(CancelReason reason) {
  switch (reason) {
    case CancelReason::kUnspecified:
    case CancelReason::kUserCancelled:
    case CancelReason::kNotMe:
    case CancelReason::kConsentWithheld:
      return true;
  }
  return false;
}
bool IsKnown(FailReason reason) {
  switch (reason) {
    case FailReason::kUnspecified:
    case FailReason::kTooManyCodes:
    case FailReason::kTooManyProofs:
      return true;
  }
  return false;
}
bool IsKnown(base::ErrorReason reason) {
  switch (reason) {
#define MUSUBI_ERROR_REASON(name, number, code, sentence) case base::ErrorReason::k##name:
#include "lib/base/error_reasons.inc"
#undef MUSUBI_ERROR_REASON
    return true;
  }
  return false;
}

// absl::Time counts quarters of a nanosecond.
constexpr uint32_t kTicksPerSecond = 4'000'000'000;
constexpr uint32_t kInfinite = 0xFFFFFFFF;
absl::Duration Tick() { return absl::Nanoseconds(1) / 4; }

class Writer {
 public:
  explicit Writer(base::Bytes& out) : out_(out) {}

  template <typename... T>
  void operator()(const T&... fields) {
    (Put(fields), ...);
  }

 private:
  template <size_t N>
  void Put(const std::array<uint8_t, N>& value) {
    base::Append(out_, value);
  }
  void Put(uint32_t value) { base::AppendUint32(out_, value); }
  void Put(uint64_t value) {
    Put(static_cast<uint32_t>(value >> 32));
    Put(static_cast<uint32_t>(value));
  }
  void Put(int value) { Put(static_cast<uint32_t>(value)); }
  void Put(bool value) { out_.push_back(value ? 1 : 0); }
  template <typename T>
  requires std::is_enum_v<T>
  void Put(T value) {
    out_.push_back(static_cast<uint8_t>(static_cast<int>(value) >> 8));
    out_.push_back(static_cast<uint8_t>(value));
  }
  void Put(const std::string& value) { base::AppendField(out_, base::AsBytes(value)); }
  void Put(const base::Bytes& value) { base::AppendField(out_, value); }
  void Put(absl::Time value) {
    const int64_t seconds = absl::ToUnixSeconds(value);  // Rounds down.
    Put(static_cast<uint64_t>(seconds));
    if (value == absl::InfiniteFuture() || value == absl::InfinitePast()) {
      Put(kInfinite);
    } else {
      Put(static_cast<uint32_t>((value - absl::FromUnixSeconds(seconds)) / Tick()));
    }
  }
  template <typename T>
  void Put(const std::optional<T>& value) {
    Put(value.has_value());
    if (value.has_value()) Put(*value);
  }
  template <typename T>
  void Put(const std::vector<T>& values) {
    Put(static_cast<uint32_t>(values.size()));
    for (const T& value : values) Put(value);
  }
  void Put(const base::ErrorMetadata& values) {
    Put(static_cast<uint32_t>(values.size()));
    for (const auto& [name, value] : values) (*this)(name, value);
  }
  void Put(const OneTime& value) { VisitOneTime(*this, value); }
  void Put(const KeptProof& value) { VisitKeptProof(*this, value); }
  void Put(const StoredAnswer& value) { VisitStoredAnswer(*this, value); }
  void Put(const AccountBinding& value) { VisitAccountBinding(*this, value); }
  void Put(const ClientContext& value) { VisitClientContext(*this, value); }

  base::Bytes& out_;
};

// Reads what Writer wrote. After the first fault everything reads as empty.
class Reader {
 public:
  explicit Reader(base::ByteView octets) : rest_(octets) {}

  bool good() const { return good_; }
  bool done() const { return good_ && rest_.empty(); }

  template <typename... T>
  void operator()(T&... fields) {
    (Take(fields), ...);
  }

 private:
  void Fail() {
    good_ = false;
    rest_ = {};
  }
  base::ByteView Octets(size_t size) {
    if (size > rest_.size()) {
      Fail();
      return {};
    }
    const base::ByteView octets = rest_.first(size);
    rest_ = rest_.subspan(size);
    return octets;
  }
  uint32_t Number(size_t size) {
    uint32_t number = 0;
    for (const uint8_t octet : Octets(size)) number = number << 8 | octet;
    return number;
  }
  // How many elements follow: each takes an octet at least.
  uint32_t Count() {
    const uint32_t count = Number(4);
    if (count > rest_.size()) Fail();
    return good_ ? count : 0;
  }

  template <size_t N>
  void Take(std::array<uint8_t, N>& value) {
    const base::ByteView octets = Octets(N);
    std::copy(octets.begin(), octets.end(), value.begin());
  }
  void Take(uint32_t& value) { value = Number(4); }
  void Take(uint64_t& value) {
    value = uint64_t{Number(4)} << 32;
    value |= Number(4);
  }
  void Take(int& value) {
    const uint32_t number = Number(4);
    if (number > static_cast<uint32_t>(std::numeric_limits<int>::max())) return Fail();
    value = static_cast<int>(number);
  }
  void Take(bool& value) {
    const uint32_t number = Number(1);
    if (number > 1) return Fail();
    value = number == 1;
  }
  template <typename T>
  requires std::is_enum_v<T>
  void Take(T& value) {
    const T read = static_cast<T>(Number(2));
    if (!good_) return;
    if (!IsKnown(read)) return Fail();
    value = read;
  }
  void Take(std::string& value) { value = base::ToString(Octets(Number(4))); }
  void Take(base::Bytes& value) { value = base::ToBytes(Octets(Number(4))); }
  void Take(absl::Time& value) {
    uint64_t seconds = 0;
    uint32_t ticks = 0;
    (*this)(seconds, ticks);
    if (ticks == kInfinite) {
      value = absl::InfiniteFuture();
      if (static_cast<int64_t>(seconds) == absl::ToUnixSeconds(value)) return;
      value = absl::InfinitePast();
      if (static_cast<int64_t>(seconds) != absl::ToUnixSeconds(value)) Fail();
    } else if (ticks >= kTicksPerSecond) {
      Fail();
    } else {
      value = absl::FromUnixSeconds(static_cast<int64_t>(seconds)) + Tick() * ticks;
    }
  }
  template <typename T>
  void Take(std::optional<T>& value) {
    bool present = false;
    Take(present);
    value.reset();
    if (present) Take(value.emplace());
  }
  template <typename T>
  void Take(std::vector<T>& values) {
    const uint32_t count = Count();
    if (std::is_same_v<T, StoredAnswer> && count > kMaxStoredAnswers) return Fail();
    for (uint32_t i = 0; i < count && good_; ++i) Take(values.emplace_back());
  }
  // In the order of their names, each once.
  void Take(base::ErrorMetadata& values) {
    const uint32_t count = Count();
    for (uint32_t i = 0; i < count && good_; ++i) {
      std::string name, value;
      (*this)(name, value);
      if (!values.empty() && name <= values.rbegin()->first) return Fail();
      values.emplace_hint(values.end(), std::move(name), std::move(value));
    }
  }
  void Take(OneTime& value) { VisitOneTime(*this, value); }
  void Take(KeptProof& value) { VisitKeptProof(*this, value); }
  void Take(StoredAnswer& value) { VisitStoredAnswer(*this, value); }
  void Take(AccountBinding& value) { VisitAccountBinding(*this, value); }
  void Take(ClientContext& value) { VisitClientContext(*this, value); }

  base::ByteView rest_;
  bool good_ = true;
};

}  // namespace

absl::StatusOr<base::Bytes> EncodeRecord(const SessionRecord& record) {
  base::Bytes octets = {kRecordEncoding};
  Writer writer(octets);
  VisitRecord(writer, record);
  if (octets.size() > kMaxEncodedRecord) {
    return base::Error(base::ErrorReason::kInternal, "a session record of " +
                                                         std::to_string(octets.size()) +
                                                         " octets: more than a record may take");
  }
  return octets;
}

absl::StatusOr<SessionRecord> DecodeRecord(base::ByteView octets) {
  if (octets.empty() || octets.size() > kMaxEncodedRecord) {
    return absl::DataLossError("session record: empty or too long");
  }
  if (octets.front() != kRecordEncoding) {
    return absl::DataLossError("session record: encoding " + std::to_string(octets.front()) +
                               ", this program reads " + std::to_string(kRecordEncoding));
  }
  SessionRecord record;
  Reader reader(octets.subspan(1));
  VisitRecord(reader, record);
  if (!reader.done()) return absl::DataLossError("session record: cut short, or not canonical");
  return record;
}

}  // namespace musubi::session
