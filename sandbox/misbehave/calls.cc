// Plays that call every method in a way in which none may be called.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/rpc/method_table.h"
#include "musubi/v1/link.pb.h"
#include "musubi/v1/pairing.pb.h"
#include "musubi/v1/session.pb.h"
#include "musubi/v1/validation.pb.h"
#include "sandbox/misbehave/plays.h"

namespace musubi::sandbox {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

enum class Side { kBrowser, kDevice, kBoth };

Side SideOf(std::string_view method) {
  constexpr std::array<std::string_view, 5> kDevice = {
      "/RefreshCode", "/GetChallenge", "/SubmitProof", "/GrantConsent", "/RefreshReturnCode"};
  constexpr std::array<std::string_view, 3> kBoth = {"/GetSession", "/WatchSession",
                                                     "/CancelSession"};
  const auto ends = [method](std::string_view end) { return method.ends_with(end); };
  if (std::ranges::any_of(kDevice, ends)) return Side::kDevice;
  return std::ranges::any_of(kBoth, ends) ? Side::kBoth : Side::kBrowser;
}

// A request for `method` that is right in form: sent by the right party, it would not be refused
// for what it holds. Fields are found by name, since a name means the same in every message.
std::unique_ptr<Message> RequestFor(std::string_view method, Scene& scene) {
  const std::string name = absl::StrReplaceAll(base::ToAbsl(method.substr(1)), {{"/", "."}});
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name)->input_type();
  std::unique_ptr<Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  const auto set = [&](const char* field_name, const std::string& value) {
    const FieldDescriptor* field = descriptor->FindFieldByName(field_name);
    if (field != nullptr) reflection.SetString(message.get(), field, value);
  };
  const auto set_enum = [&](const char* field_name, int value) {
    const FieldDescriptor* field = descriptor->FindFieldByName(field_name);
    if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      reflection.SetEnumValue(message.get(), field, value);
    }
  };
  set("session_id", scene.browser().session_id());
  set("request_id", scene.NewRequestId());
  set("pairing_code", "000000");
  set("certificate", "one certificate");
  set("signature", "one signature");
  set("consent_text_version", "2026-04-01");
  set_enum("reason", v1::CANCEL_REASON_USER_CANCELLED);
  set_enum("algorithm", v1::SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256);
  if (auto* bind = dynamic_cast<v1::BindAccountRequest*>(message.get())) {
    *bind->mutable_account() = scene.journey().Account();
  }
  return message;
}

std::string BearerOf(const std::string& octets) {
  return absl::StrCat("Bearer ", base::Base64UrlEncode(base::AsBytes(octets)));
}

std::string RoleName(unsigned role) {
  const std::string_view name = rpc::Name(static_cast<rpc::Role>(role));
  return name == "relying-party" ? absl::StrCat("relying-party/", Stage::kRelyingParty)
                                 : std::string(name);
}

// One role that may call the method.
std::string RoleFor(const rpc::MethodRule& rule) {
  for (unsigned role = 1; role <= static_cast<unsigned>(rpc::Role::kRelyingParty); role <<= 1) {
    if ((rule.roles & role) != 0) return RoleName(role);
  }
  return "operator";
}

// Collects what every call came to: they must all be alike.
class Alike {
 public:
  void Add(std::string_view method, const absl::Status& status) {
    const auto reason = base::ReasonOf(status);
    if (!first_) {
      first_ = status;
    } else if (reason != base::ReasonOf(*first_) && difference_.ok()) {
      difference_ = absl::InternalError(absl::StrCat(base::ToAbsl(method), ": ", status.ToString(),
                                                     "; the methods before: ", first_->ToString()));
    }
  }
  absl::StatusOr<Observed> End(Scene& scene) const {
    MUSUBI_RETURN_IF_ERROR(difference_);
    if (!first_) return absl::InternalError("no method was called");
    return scene.End(*first_);
  }

 private:
  std::optional<absl::Status> first_;
  absl::Status difference_;
};

// The deadline of a call that is in order: within every method's longest.
constexpr absl::Duration kSoon = absl::Seconds(8);

}  // namespace

Play EveryMethodWithCredential(Cast& cast, WrongCredential credential) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, v1::SESSION_STATE_PAIRED));
  MUSUBI_ASSIGN_OR_RETURN(const auto other, Scene::At(cast, v1::SESSION_STATE_PAIRED));
  Alike alike;
  for (const rpc::MethodRule& rule : rpc::MethodTable()) {
    if (rule.credential != rpc::Credential::kRequired) continue;
    const Side side = SideOf(rule.method);
    if (credential == WrongCredential::kOfOtherSide && side == Side::kBoth) continue;
    grpc::ClientContext context;
    cast.front().Prepare(context, "", kSoon);
    switch (credential) {
      case WrongCredential::kNone:
        break;
      case WrongCredential::kMalformed:
        context.AddMetadata("authorization", "Bearer of bad news");
        break;
      case WrongCredential::kUnknown:
        context.AddMetadata("authorization", BearerOf(std::string(32, 'x')));
        break;
      case WrongCredential::kOfOtherSession:
        context.AddMetadata("authorization",
                            BearerOf(side == Side::kDevice ? other->phone().credential()
                                                           : other->browser().credential()));
        break;
      case WrongCredential::kOfOtherSide:
        context.AddMetadata("authorization",
                            BearerOf(side == Side::kDevice ? scene->browser().credential()
                                                           : scene->phone().credential()));
        break;
    }
    alike.Add(rule.method,
              cast.front().CallRaw(std::string(rule.method),
                                   RequestFor(rule.method, *scene)->SerializeAsString(), context));
  }
  return alike.End(*scene);
}

Play EveryMethodWithDeadline(Cast& cast, absl::Duration deadline) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, v1::SESSION_STATE_CREATED));
  Alike alike;
  for (const rpc::MethodRule& rule : rpc::MethodTable()) {
    Connection& connection = cast.As(RoleFor(rule));
    grpc::ClientContext context;
    if (deadline == absl::InfiniteDuration()) {
      context.AddMetadata("authorization", BearerOf(scene->browser().credential()));
    } else {
      connection.Prepare(context, scene->browser().credential(), deadline);
    }
    alike.Add(rule.method,
              connection.CallRaw(std::string(rule.method),
                                 RequestFor(rule.method, *scene)->SerializeAsString(), context));
  }
  return alike.End(*scene);
}

Play EveryMethodInWrongRole(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, v1::SESSION_STATE_CREATED));
  Alike alike;
  for (const rpc::MethodRule& rule : rpc::MethodTable()) {
    for (unsigned role = 1; role <= static_cast<unsigned>(rpc::Role::kRelyingParty); role <<= 1) {
      if ((rule.roles & role) != 0) continue;
      Connection& connection = cast.As(RoleName(role));
      grpc::ClientContext context;
      connection.Prepare(context, scene->browser().credential(), kSoon);
      alike.Add(absl::StrCat(base::ToAbsl(rule.method), " as ", RoleName(role)),
                connection.CallRaw(std::string(rule.method),
                                   RequestFor(rule.method, *scene)->SerializeAsString(), context));
    }
  }
  return alike.End(*scene);
}

Play EveryMethodTooLarge(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, v1::SESSION_STATE_CREATED));
  Alike alike;
  for (const rpc::MethodRule& rule : rpc::MethodTable()) {
    Connection& connection = cast.As(RoleFor(rule));
    grpc::ClientContext context;
    connection.Prepare(context, scene->browser().credential(), kSoon);
    // A field that no message has: unknown fields count, too. Tag 1,000, length-delimited.
    std::string request = "\xc2\x3e";
    for (size_t left = rule.max_request; left > 0; left >>= 7) {
      request.push_back(static_cast<char>((left & 0x7f) | (left > 0x7f ? 0x80 : 0)));
    }
    request.append(rule.max_request, 'x');
    alike.Add(rule.method, connection.CallRaw(std::string(rule.method), request, context));
  }
  return alike.End(*scene);
}

Play EveryMethodWithShortSessionId(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, v1::SESSION_STATE_CREATED));
  Alike alike;
  for (const rpc::MethodRule& rule : rpc::MethodTable()) {
    const std::unique_ptr<Message> request = RequestFor(rule.method, *scene);
    const FieldDescriptor* field = request->GetDescriptor()->FindFieldByName("session_id");
    if (field == nullptr) continue;
    request->GetReflection()->SetString(request.get(), field, "too short");
    Connection& connection = cast.As(RoleFor(rule));
    grpc::ClientContext context;
    connection.Prepare(context, scene->browser().credential(), kSoon);
    alike.Add(rule.method,
              connection.CallRaw(std::string(rule.method), request->SerializeAsString(), context));
  }
  return alike.End(*scene);
}

}  // namespace musubi::sandbox
