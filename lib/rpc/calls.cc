#include "lib/rpc/calls.h"

#include <google/protobuf/descriptor.h>
#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/rpc/error_mapping.h"

namespace musubi::rpc {
namespace {

using base::ErrorReason;

constexpr char kRequestIdKey[] = "x-request-id";
constexpr char kTraceparentKey[] = "traceparent";
constexpr char kRoleKey[] = "musubi-role";
constexpr char kAuthorizationKey[] = "authorization";
constexpr std::string_view kBearer = "Bearer ";
constexpr size_t kMaxRequestIdLength = 64;

// What a client's deadline may be longer by: gRPC writes grpc-timeout with three digits, rounded
// up, so that 30 minutes may arrive as 1810 s; and clocks are not read at one instant.
absl::Duration Slack(absl::Duration longest) { return absl::Seconds(1) + longest / 100; }

std::vector<std::string> Metadata(const grpc::CallbackServerContext& context, const char* key) {
  std::vector<std::string> values;
  const auto [first, last] = context.client_metadata().equal_range(key);
  for (auto entry = first; entry != last; ++entry) {
    values.emplace_back(entry->second.data(), entry->second.size());
  }
  return values;
}

// The caller's span, if it names one, once and well.
std::optional<telemetry::TraceContext> ParentOf(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto [first, last] = metadata.equal_range(kTraceparentKey);
  if (first == last || std::next(first) != last) return std::nullopt;
  return telemetry::ParseTraceparent({first->second.data(), first->second.size()});
}

// In plaintext: empty.
std::string ClientNameOf(const grpc::CallbackServerContext& context) {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) return {};
  const std::vector<grpc::string_ref> names = peer->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
  return names.empty() ? std::string() : std::string(names.front().data(), names.front().size());
}

bool IsRequestId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxRequestIdLength &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

absl::StatusOr<base::Secret256> ParseBearer(std::span<const std::string> values) {
  if (values.empty()) {
    return base::Error(ErrorReason::kCredentialMissing,
                       "set the call metadata authorization: Bearer CREDENTIAL");
  }
  const absl::Status invalid =
      base::Error(ErrorReason::kCredentialInvalid,
                  "authorization must be once: Bearer and base64url of 32 octets, no padding");
  std::string_view value = values.front();
  if (values.size() != 1 || !value.starts_with(kBearer)) return invalid;
  value.remove_prefix(kBearer.size());
  const absl::StatusOr<base::Bytes> octets = base::Base64UrlDecode(value);
  std::array<uint8_t, 32> credential;
  if (!octets.ok() || octets->size() != credential.size()) return invalid;
  std::copy(octets->begin(), octets->end(), credential.begin());
  return base::Secret256(credential);
}

absl::Duration MaxDeadline(MethodKind kind, absl::Duration session_ttl) {
  switch (kind) {
    case MethodKind::kUnary:
      return kMaxUnaryDeadline;
    case MethodKind::kWatch:
      return session_ttl + kWatchDeadlineMargin;
    case MethodKind::kBulk:
      return kMaxBulkDeadline;
  }
  return absl::ZeroDuration();
}

absl::Status Overloaded() {
  return base::Error(ErrorReason::kOverloaded, "all workers are busy and the queue is full");
}

absl::Status ShuttingDown() {
  return base::Error(ErrorReason::kUnavailable, "the server is shutting down");
}

}  // namespace

std::string MethodOf(const google::protobuf::Descriptor& request) {
  const google::protobuf::FileDescriptor& file = *request.file();
  for (int s = 0; s < file.service_count(); ++s) {
    const google::protobuf::ServiceDescriptor& service = *file.service(s);
    for (int m = 0; m < service.method_count(); ++m) {
      if (service.method(m)->input_type() == &request) {
        return "/" + service.full_name() + "/" + service.method(m)->name();
      }
    }
  }
  return {};
}

grpc::Status Call::End(const absl::Status& outcome) {
  Observe(outcome);
  return ToGrpc(outcome, beginning_.info.request_id);
}

grpc::Status Call::Cancelled() {
  Observe(absl::CancelledError("the client gave up, or its deadline passed"));
  return grpc::Status::CANCELLED;
}

void Call::Observe(const absl::Status& outcome) {
  if (ended_.exchange(true)) return;
  const CallInfo& info = beginning_.info;
  telemetry::StageTimes stages;
  {
    base::MutexLock lock(mutex_);
    stages = stages_;
  }
  observer_.OnRequest(
      {.method = info.method,
       .rule = beginning_.rule,
       .caller_role = beginning_.authenticated ? std::optional(info.caller.role) : std::nullopt,
       .role = beginning_.authenticated ? Name(info.caller.role) : std::string_view(),
       .relying_party_id = info.caller.relying_party_id,
       .request_id = info.request_id,
       .status = outcome,
       .duration = std::max(absl::ZeroDuration(), clock_.Now() - beginning_.started_at),
       .stages = stages,
       .trace = beginning_.trace,
       .parent = beginning_.parent,
       .request = beginning_.request.get()});
}

absl::StatusOr<std::unique_ptr<Calls>> Calls::Create(Dependencies dependencies, Options options) {
  const bool plaintext = !options.security.insecure_loopback_roles.empty();
  if (plaintext == options.security.tls.has_value()) {
    return absl::InvalidArgumentError(
        "give either TLS certificate, key and client CA, or insecure_loopback_roles, and not both");
  }
  return std::unique_ptr<Calls>(new Calls(dependencies, std::move(options)));
}

std::shared_ptr<Call> Calls::Begin(grpc::CallbackServerContext* context, std::string_view method,
                                   size_t request_size,
                                   std::shared_ptr<const google::protobuf::Message> request) {
  const auto rule = rules_.find(method);
  Call::Beginning beginning{.rule = rule == rules_.end() ? nullptr : rule->second,
                            .started_at = dependencies_.clock.Now(),
                            .parent = ParentOf(*context)};
  beginning.trace = telemetry::NextSpan(beginning.parent, dependencies_.random);
  if (request_size <= kMaxObservedRequest) beginning.request = std::move(request);
  CallInfo& info = beginning.info;
  info.method = method;
  info.deadline = absl::FromChrono(context->deadline());
  const std::vector<std::string> given = Metadata(*context, kRequestIdKey);
  if (given.size() == 1 && IsRequestId(given.front())) {
    info.request_id = given.front();
  } else if (beginning.parent.has_value()) {
    info.request_id = base::HexEncode(dependencies_.random.Bytes<16>());
  } else {
    // As random, and whoever has one finds the other.
    info.request_id = base::HexEncode(beginning.trace.trace_id);
  }
  context->AddInitialMetadata(kRequestIdKey, info.request_id);

  const absl::StatusOr<Caller> caller = IdentifyCaller(*context);
  beginning.authenticated = caller.ok();
  if (caller.ok()) {
    info.caller = *caller;
    info.client_name = ClientNameOf(*context);
    beginning.admitted = CheckRule(*context, beginning.rule, request_size, info);
  } else {
    beginning.admitted = caller.status();
  }
  return std::make_shared<Call>(std::move(beginning), dependencies_.clock, dependencies_.observer);
}

absl::StatusOr<Caller> Calls::IdentifyCaller(const grpc::CallbackServerContext& context) const {
  if (!options_.security.tls.has_value()) {
    return CallerFromMetadata(Metadata(context, kRoleKey),
                              options_.security.insecure_loopback_roles);
  }
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  std::vector<std::string> uris;
  if (peer != nullptr && peer->IsPeerAuthenticated()) {
    for (const grpc::string_ref& uri : peer->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
      uris.emplace_back(uri.data(), uri.size());
    }
  }
  return CallerFromUris(uris);
}

absl::Status Calls::CheckRule(const grpc::CallbackServerContext& context, const MethodRule* rule,
                              size_t request_size, CallInfo& info) const {
  if (rule == nullptr) {
    return base::Error(ErrorReason::kRoleNotAllowed, "no rule allows this method to anybody");
  }
  if ((rule->roles & static_cast<unsigned>(info.caller.role)) == 0) {
    return base::Error(ErrorReason::kRoleNotAllowed,
                       "the role " + std::string(Name(info.caller.role)) + " may not call this");
  }
  const absl::Duration longest = MaxDeadline(rule->kind, options_.session_ttl);
  if (info.deadline - dependencies_.clock.Now() > longest + Slack(longest)) {
    return base::Error(ErrorReason::kDeadlineMissing, "set a deadline within the method's maximum",
                       {{"max_deadline_seconds", std::to_string(absl::ToInt64Seconds(longest))}});
  }
  if (request_size > rule->max_request) {
    return base::Error(ErrorReason::kRequestTooLarge, "the request is larger than the method takes",
                       {{"max_octets", std::to_string(rule->max_request)}});
  }
  if (rule->credential == Credential::kRequired) {
    MUSUBI_ASSIGN_OR_RETURN(info.credential, ParseBearer(Metadata(context, kAuthorizationKey)));
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* Calls::RunUnary(grpc::CallbackServerContext* context,
                                          std::string_view method, size_t request_size,
                                          std::shared_ptr<const google::protobuf::Message> request,
                                          std::function<absl::Status(const CallInfo&)> work) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::shared_ptr<Call> call = Begin(context, method, request_size, std::move(request));
  if (!call->admitted().ok()) {
    reactor->Finish(call->End(call->admitted()));
    return reactor;
  }
  // Context, request and response live until Finish, which this task alone calls.
  const bool queued =
      dependencies_.workers.Submit([context, reactor, call, work = std::move(work)] {
        if (context->IsCancelled()) {
          reactor->Finish(call->Cancelled());
          return;
        }
        absl::Status outcome;
        {
          CallWork call_work(*call);
          call_work.WasQueued();
          outcome = work(call->info());
        }
        reactor->Finish(call->End(outcome));
      });
  if (!queued) reactor->Finish(call->End(Overloaded()));
  return reactor;
}

void Calls::RunWatch(const std::shared_ptr<Call>& call, const std::shared_ptr<rpc::Watch>& watch,
                     std::function<absl::Status()> start) {
  if (!call->admitted().ok()) {
    watch->Close(call->admitted());
    return;
  }
  if (!CloseOnDrain(watch)) return;
  const bool queued = dependencies_.workers.Submit([call, watch, start = std::move(start)] {
    absl::Status started;
    {
      CallWork call_work(*call);
      call_work.WasQueued();
      started = start();
    }
    if (!started.ok()) watch->Close(started);
  });
  if (!queued) watch->Close(Overloaded());
}

bool Calls::CloseOnDrain(const std::shared_ptr<rpc::Watch>& stream) {
  {
    base::MutexLock lock(mutex_);
    if (!draining_) {
      // Ended ones are swept when the map has doubled: constant work a stream.
      if (watches_.size() >= sweep_at_) {
        std::erase_if(watches_, [](const auto& entry) { return entry.second.expired(); });
        sweep_at_ = std::max<size_t>(64, 2 * watches_.size());
      }
      watches_.emplace(next_watch_++, stream);
      return true;
    }
  }
  stream->Close(ShuttingDown());
  return false;
}

void Calls::Drain() {
  std::map<uint64_t, std::weak_ptr<rpc::Watch>> watches;
  {
    base::MutexLock lock(mutex_);
    draining_ = true;
    watches.swap(watches_);
  }
  for (const auto& [id, weak] : watches) {
    if (const std::shared_ptr<rpc::Watch> watch = weak.lock()) {
      watch->Close(ShuttingDown());
    }
  }
}

}  // namespace musubi::rpc
