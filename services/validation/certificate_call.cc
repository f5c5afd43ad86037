#include "services/validation/certificate_call.h"

#include "lib/base/status.h"
#include "services/wire/wire.h"

namespace musubi::services::validation {

CertificateCall* CertificateCall::Start(std::shared_ptr<rpc::Call> call, CertificateChecks& checks,
                                        const v1::ValidateCertificateRequest& request,
                                        v1::ValidateCertificateResponse& response) {
  auto* const reactor = new CertificateCall(std::move(call), checks, request, response);
  if (const absl::Status asked = reactor->Ask(); !asked.ok()) {
    reactor->Finish(reactor->call_->End(asked));
  }
  return reactor;
}

absl::Status CertificateCall::Ask() {
  MUSUBI_RETURN_IF_ERROR(call_->admitted());
  const rpc::CallInfo& info = call_->info();
  MUSUBI_ASSIGN_OR_RETURN(query_, checks_.Parse(request_.query(), checks_.NetworkDeadline(info)));
  queries_ = {&query_, 1};
  urgency_ = prelink::Urgency::kCall;
  deadline_ = checks_.CallDeadline(info);
  client_ = &checks_.LoadOf(info);
  return checks_.Ask(*this);
}

void CertificateCall::OnAnswers(std::span<prelink::ValidationAnswer> answers) {
  const absl::StatusOr<prelink::CardDecision>& decision = answers.front().decision;
  if (Abandoned() || absl::IsDeadlineExceeded(decision.status())) {
    Finish(call_->Cancelled());
    return;
  }
  const absl::Status closed =
      checks_.Close(decision, call_->info().caller.role, request_.query().purpose());
  if (closed.ok()) wire::SetVerdict(decision->verdict, *response_.mutable_verdict());
  Finish(call_->End(closed));
}

}  // namespace musubi::services::validation
