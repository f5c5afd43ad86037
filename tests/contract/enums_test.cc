// The enums of the wire contract and those of the libraries are one: same numbers, same names. The
// adapters convert by number.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <string>

#include "lib/checklog/check_row.h"
#include "lib/pki/verdict.h"
#include "lib/revocation/revocation_checker.h"
#include "lib/session/types.h"
#include "musubi/v1/common.pb.h"
#include "musubi/v1/validation.pb.h"

namespace musubi {
namespace {

// Every value of `wire` but 0 has the number and the name of a value of Enum.
template <typename Enum>
void ExpectMirror(const google::protobuf::EnumDescriptor& wire, const std::string& prefix) {
  for (int i = 0; i < wire.value_count(); ++i) {
    const auto& value = *wire.value(i);
    if (value.number() == 0) continue;
    EXPECT_EQ(value.name(), prefix + std::string(Name(static_cast<Enum>(value.number()))));
  }
}

TEST(ContractEnums, VerdictsAreThoseOfLibPki) {
  ExpectMirror<pki::VerdictStatus>(*v1::VerdictStatus_descriptor(), "VERDICT_STATUS_");
  ExpectMirror<pki::VerdictReason>(*v1::VerdictReason_descriptor(), "VERDICT_REASON_");
  ExpectMirror<pki::RevocationOutcome>(*v1::RevocationOutcome_descriptor(), "REVOCATION_OUTCOME_");
  ExpectMirror<pki::RevocationMethod>(*v1::RevocationMethod_descriptor(), "REVOCATION_METHOD_");
  ExpectMirror<revocation::RevocationMode>(*v1::RevocationMode_descriptor(), "REVOCATION_MODE_");
}

TEST(ContractEnums, PurposesAreThoseOfTheCheckLog) {
  ExpectMirror<checklog::CheckPurpose>(*v1::CheckPurpose_descriptor(), "CHECK_PURPOSE_");
}
static_assert(static_cast<int>(checklog::CheckPurpose::kServiceTest) == v1::CheckPurpose_MAX);

// The last values: a new one in a library fails here until the contract has it.
static_assert(static_cast<int>(pki::VerdictStatus::kIndeterminate) == v1::VerdictStatus_MAX);
static_assert(static_cast<int>(pki::VerdictReason::kRevocationUnavailable) ==
              v1::VerdictReason_MAX);
static_assert(static_cast<int>(pki::RevocationOutcome::kNoUsableAnswer) ==
              v1::RevocationOutcome_MAX);
static_assert(static_cast<int>(pki::RevocationMethod::kOcsp) == v1::RevocationMethod_MAX);
static_assert(static_cast<int>(revocation::RevocationMode::kNone) == v1::RevocationMode_MAX);

// These have no names in lib/pki, or other ones.
static_assert(static_cast<int>(pki::PossessionOutcome::kNotAsked) ==
              v1::POSSESSION_OUTCOME_NOT_ASKED);
static_assert(static_cast<int>(pki::PossessionOutcome::kProven) == v1::POSSESSION_OUTCOME_PROVEN);
static_assert(static_cast<int>(pki::PossessionOutcome::kFailed) == v1::POSSESSION_OUTCOME_FAILED);
static_assert(static_cast<int>(pki::CrlReason::kNotGiven) == v1::CRL_REASON_UNSPECIFIED);
static_assert(static_cast<int>(pki::CrlReason::kUnspecified) == v1::CRL_REASON_NO_PARTICULAR);
static_assert(static_cast<int>(pki::CrlReason::kKeyCompromise) == v1::CRL_REASON_KEY_COMPROMISE);
static_assert(static_cast<int>(pki::CrlReason::kCaCompromise) == v1::CRL_REASON_CA_COMPROMISE);
static_assert(static_cast<int>(pki::CrlReason::kAffiliationChanged) ==
              v1::CRL_REASON_AFFILIATION_CHANGED);
static_assert(static_cast<int>(pki::CrlReason::kSuperseded) == v1::CRL_REASON_SUPERSEDED);
static_assert(static_cast<int>(pki::CrlReason::kCessationOfOperation) ==
              v1::CRL_REASON_CESSATION_OF_OPERATION);
static_assert(static_cast<int>(pki::CrlReason::kCertificateHold) ==
              v1::CRL_REASON_CERTIFICATE_HOLD);
static_assert(static_cast<int>(pki::CrlReason::kRemoveFromCrl) == v1::CRL_REASON_REMOVE_FROM_CRL);
static_assert(static_cast<int>(pki::CrlReason::kPrivilegeWithdrawn) ==
              v1::CRL_REASON_PRIVILEGE_WITHDRAWN);
static_assert(static_cast<int>(pki::CrlReason::kAaCompromise) == v1::CRL_REASON_AA_COMPROMISE);

TEST(ContractEnums, SessionsAreThoseOfLibSession) {
  ExpectMirror<session::Act>(*v1::Act_descriptor(), "ACT_");
  ExpectMirror<session::Flow>(*v1::Flow_descriptor(), "FLOW_");
  ExpectMirror<session::State>(*v1::SessionState_descriptor(), "SESSION_STATE_");
}

static_assert(static_cast<int>(session::Act::kReplace) == v1::Act_MAX);
static_assert(static_cast<int>(session::Flow::kOneDevice) == v1::Flow_MAX);
static_assert(session::kNumStates == v1::SessionState_MAX + 1);
static_assert(static_cast<int>(session::FlowPolicy::kAny) == v1::FLOW_POLICY_ANY);
static_assert(static_cast<int>(session::FlowPolicy::kCrossDeviceOnly) ==
              v1::FLOW_POLICY_CROSS_DEVICE_ONLY);
static_assert(static_cast<int>(session::FlowPolicy::kOneDeviceOnly) ==
              v1::FLOW_POLICY_ONE_DEVICE_ONLY);
static_assert(static_cast<int>(session::Party::kBrowser) == v1::PARTY_BROWSER);
static_assert(static_cast<int>(session::Party::kDevice) == v1::PARTY_DEVICE);
static_assert(static_cast<int>(session::Party::kServer) == v1::PARTY_SERVER);
static_assert(static_cast<int>(session::CancelReason::kUserCancelled) ==
              v1::CANCEL_REASON_USER_CANCELLED);
static_assert(static_cast<int>(session::CancelReason::kNotMe) == v1::CANCEL_REASON_NOT_ME);
static_assert(static_cast<int>(session::CancelReason::kConsentWithheld) ==
              v1::CANCEL_REASON_CONSENT_WITHHELD);

}  // namespace
}  // namespace musubi
