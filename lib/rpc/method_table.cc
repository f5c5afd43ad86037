#include "lib/rpc/method_table.h"

#include <algorithm>

namespace musubi::rpc {
namespace {

constexpr MethodKind kUnary = MethodKind::kUnary;
constexpr MethodKind kWatch = MethodKind::kWatch;
constexpr Credential kNone = Credential::kNone;
constexpr Credential kRequired = Credential::kRequired;
constexpr unsigned kFront = static_cast<unsigned>(Role::kFront);
constexpr unsigned kPlatform = static_cast<unsigned>(Role::kPlatform);
constexpr unsigned kRelyingParty = static_cast<unsigned>(Role::kRelyingParty);

// No row names the operator: musubictl works on the stores, not through these services.
constexpr MethodRule kTable[] = {
    {"/musubi.v1.SessionService/CreateSession", kUnary, kFront | kRelyingParty, kNone},
    {"/musubi.v1.SessionService/ClaimStart", kUnary, kFront, kNone},
    {"/musubi.v1.SessionService/GetSession", kUnary, kFront, kRequired},
    {"/musubi.v1.SessionService/WatchSession", kWatch, kFront, kRequired},
    {"/musubi.v1.SessionService/BindAccount", kUnary, kFront, kRequired},
    {"/musubi.v1.SessionService/CancelSession", kUnary, kFront, kRequired},

    {"/musubi.v1.PairingService/GetQrFrame", kUnary, kFront, kRequired},
    {"/musubi.v1.PairingService/WatchQrFrames", kWatch, kFront, kRequired},
    {"/musubi.v1.PairingService/ClaimQr", kUnary, kFront, kNone},
    {"/musubi.v1.PairingService/RefreshQr", kUnary, kFront, kRequired},
    {"/musubi.v1.PairingService/RefreshCode", kUnary, kFront, kRequired},
    {"/musubi.v1.PairingService/ConfirmCode", kUnary, kFront, kRequired},
    {"/musubi.v1.PairingService/CreateHandoff", kUnary, kFront, kRequired},
    {"/musubi.v1.PairingService/ClaimHandoff", kUnary, kFront, kNone},
    {"/musubi.v1.PairingService/RefreshReturnCode", kUnary, kFront, kRequired},
    {"/musubi.v1.PairingService/CompleteReturn", kUnary, kFront, kRequired},

    {"/musubi.v1.ValidationService/GetChallenge", kUnary, kFront, kRequired},
    {"/musubi.v1.ValidationService/SubmitProof", kUnary, kFront, kRequired},
    {"/musubi.v1.ValidationService/GrantConsent", kUnary, kFront, kRequired},
    {"/musubi.v1.ValidationService/ValidateCertificate", kUnary, kPlatform, kNone,
     kMaxValidateRequest, /*recorded_elsewhere=*/true},
    {"/musubi.v1.ValidationService/ValidateCertificates", MethodKind::kBulk, kPlatform, kNone,
     kMaxBulkRequest},

    {"/musubi.v1.LinkService/CreateLink", kUnary, kFront, kNone},
    {"/musubi.v1.LinkService/GetLink", kUnary, kFront | kRelyingParty, kNone},
    {"/musubi.v1.LinkService/ListLinks", kUnary, kFront | kRelyingParty, kNone},
    {"/musubi.v1.LinkService/DeleteLink", kUnary, kFront, kNone},
    {"/musubi.v1.LinkService/ResolveLink", kUnary, kRelyingParty, kNone},
    {"/musubi.v1.LinkService/ListLinkEvents", kUnary, kFront | kRelyingParty, kNone},
};

}  // namespace

std::span<const MethodRule> MethodTable() { return kTable; }

const MethodRule* FindRule(std::span<const MethodRule> table, std::string_view method) {
  const auto row = std::find_if(table.begin(), table.end(),
                                [&](const MethodRule& rule) { return rule.method == method; });
  return row == table.end() ? nullptr : &*row;
}

}  // namespace musubi::rpc
