#include "lib/rpc/error_mapping.h"

#include <optional>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::rpc {
namespace {

// The reason of this wire name, or nothing.
std::optional<base::ErrorReason> ParseReason(std::string_view name) {
#define MUSUBI_ERROR_REASON(camel, number, code, sentence) \
  if (base::Name(base::ErrorReason::k##camel) == name) return base::ErrorReason::k##camel;
#include "lib/base/error_reasons.inc"
#undef MUSUBI_ERROR_REASON
  return std::nullopt;
}

// `text` cut to kMaxErrorMessage, not within a UTF-8 sequence.
std::string Shorten(std::string text) {
  if (text.size() <= kMaxErrorMessage) return text;
  size_t end = kMaxErrorMessage;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status, std::string_view request_id) {
  if (status.ok()) return grpc::Status::OK;
  const std::optional<base::ErrorReason> known = base::ReasonOf(status);
  const base::ErrorReason reason = known.value_or(base::ErrorReason::kInternal);
  // What has no reason, INTERNAL itself and what a store says when it is away (its file's path)
  // were written for our log, not for a caller.
  std::string message;
  if (reason == base::ErrorReason::kInternal) {
    message = "internal error; report the request id " + std::string(request_id);
  } else if (reason == base::ErrorReason::kUnavailable) {
    message = base::Sentence(reason);
  } else {
    message = Shorten(std::string(status.message()));
  }

  google::rpc::ErrorInfo info;
  info.set_reason(std::string(base::Name(reason)));
  info.set_domain(std::string(kErrorDomain));
  if (reason != base::ErrorReason::kInternal) {
    for (const auto& [key, value] : base::MetadataOf(status))
      (*info.mutable_metadata())[key] = value;
  }
  (*info.mutable_metadata())["request_id"] = std::string(request_id);

  const int code = static_cast<int>(base::CodeOf(reason));
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  std::optional<absl::Duration> delay = base::RetryDelayOf(status);
  if (reason == base::ErrorReason::kOverloaded) delay = delay.value_or(kRetryDelay);
  if (delay.has_value()) {
    google::rpc::RetryInfo retry;
    absl::Duration rest;
    retry.mutable_retry_delay()->set_seconds(absl::IDivDuration(*delay, absl::Seconds(1), &rest));
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
    details.add_details()->PackFrom(retry);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(code), message, details.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : details.details()) {
      google::rpc::ErrorInfo info;
      if (!any.UnpackTo(&info) || info.domain() != kErrorDomain) continue;
      if (const auto reason = ParseReason(info.reason()); reason.has_value()) {
        return base::Error(*reason, status.error_message(),
                           {info.metadata().begin(), info.metadata().end()});
      }
    }
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace musubi::rpc
