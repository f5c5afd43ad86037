#include "lib/pki/openssl_path.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>

#include "lib/base/check.h"

namespace musubi::pki {
namespace {

using OidPtr = std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)>;
// Not owning.
using StackPtr = std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)>;

OidPtr ParseOid(const std::string& text) {
  OidPtr oid(OBJ_txt2obj(text.c_str(), /*no_name=*/1), ASN1_OBJECT_free);
  if (oid == nullptr) ERR_clear_error();
  return oid;
}

VerdictReason ReasonOf(int error) {
  switch (error) {
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
      return VerdictReason::kNameConstraintsViolated;
    case X509_V_ERR_NO_EXPLICIT_POLICY:
    case X509_V_ERR_INVALID_POLICY_EXTENSION:
      return VerdictReason::kPolicyConstraintsViolated;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_NON_CA:
      return VerdictReason::kBasicConstraintsViolated;
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
      return VerdictReason::kIssuerKeyUsage;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return VerdictReason::kPathTooLong;
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
      return VerdictReason::kUnknownCriticalExtension;
    // What it answers when its own bounds on policy nodes or name comparisons are exceeded.
    case X509_V_ERR_OUT_OF_MEM:
    case X509_V_ERR_UNSPECIFIED:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return VerdictReason::kTooComplex;
    default:
      return VerdictReason::kProfileMismatch;
  }
}

// Null if OpenSSL refuses it.
X509Ptr Read(base::ByteView der) {
  const uint8_t* at = der.data();
  X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  const bool whole = x509 != nullptr && at == der.data() + der.size() &&
                     (X509_get_extension_flags(x509.get()) & EXFLAG_INVALID) == 0;
  if (!whole) x509.reset();
  ERR_clear_error();
  return x509;
}

bool HasAnyPolicyExtension(X509* certificate) {
  return X509_get_ext_by_NID(certificate, NID_certificate_policies, -1) >= 0 ||
         X509_get_ext_by_NID(certificate, NID_policy_mappings, -1) >= 0 ||
         X509_get_ext_by_NID(certificate, NID_policy_constraints, -1) >= 0 ||
         X509_get_ext_by_NID(certificate, NID_inhibit_any_policy, -1) >= 0;
}

void AddExtension(X509* certificate, int nid, base::ByteView value) {
  const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)> octets(
      ASN1_OCTET_STRING_new(), ASN1_OCTET_STRING_free);
  MUSUBI_CHECK(octets && ASN1_OCTET_STRING_set(octets.get(), value.data(),
                                               static_cast<int>(value.size())) == 1,
               "out of memory");
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509_EXTENSION_create_by_NID(nullptr, nid, /*crit=*/1, octets.get()), X509_EXTENSION_free);
  MUSUBI_CHECK(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "out of memory");
}

// A CA certificate of this name that says nothing else. A changed copy of another one, so that
// OpenSSL can encode it.
X509Ptr PlainCa(X509* copied, const X509_NAME* name) {
  static constexpr uint8_t kCa[] = {0x30, 0x03, 0x01, 0x01, 0xff};
  X509Ptr ca(X509_dup(copied));
  MUSUBI_CHECK(
      ca && X509_set_subject_name(ca.get(), name) == 1 && X509_set_issuer_name(ca.get(), name) == 1,
      "cannot change a certificate");
  while (X509_get_ext_count(ca.get()) > 0) X509_EXTENSION_free(X509_delete_ext(ca.get(), 0));
  AddExtension(ca.get(), NID_basic_constraints, kCa);
  return ca;
}

// What OpenSSL ends at if the anchor's own policies are to be processed, since it looks at those of
// no anchor.
X509Ptr PlainTop(X509* anchor) {
  static constexpr unsigned char kName[] = "above the anchor";
  const std::unique_ptr<X509_NAME, decltype(&X509_NAME_free)> name(X509_NAME_new(), X509_NAME_free);
  MUSUBI_CHECK(name && X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_ASC, kName,
                                                  -1, -1, 0) == 1,
               "out of memory");
  return PlainCa(anchor, name.get());
}

// The anchor as a CA certificate below `top`, with certificatePolicies of any-policy if it has
// none.
X509Ptr Below(X509* top, X509* anchor) {
  static constexpr uint8_t kAnyPolicy[] = {0x30, 0x08, 0x30, 0x06, 0x06,
                                           0x04, 0x55, 0x1d, 0x20, 0x00};
  X509Ptr copy(X509_dup(anchor));
  MUSUBI_CHECK(copy && X509_set_issuer_name(copy.get(), X509_get_subject_name(top)) == 1,
               "cannot copy a certificate");
  if (X509_get_ext_by_NID(anchor, NID_certificate_policies, -1) < 0) {
    AddExtension(copy.get(), NID_certificate_policies, kAnyPolicy);
  }
  return copy;
}

// A changed certificate as if it had been read, with all that OpenSSL otherwise writes into it when
// it is first looked at: threads are going to share it.
X509Ptr Settle(const X509Ptr& changed) {
  // A copy is made of the encoding, which is still that of the unchanged one.
  MUSUBI_CHECK(i2d_re_X509_tbs(changed.get(), nullptr) > 0, "cannot encode a certificate");
  X509Ptr settled(X509_dup(changed.get()));
  MUSUBI_CHECK(settled != nullptr, "cannot copy a certificate");
  X509_check_purpose(settled.get(), -1, 0);
  ERR_clear_error();
  return settled;
}

class Validation {
 public:
  // `chain` from the target to the anchor, and what stands above that.
  explicit Validation(std::vector<X509Ptr> chain)
      : chain_(std::move(chain)),
        store_(X509_STORE_new(), X509_STORE_free),
        context_(X509_STORE_CTX_new(), X509_STORE_CTX_free),
        untrusted_(sk_X509_new_null(), FreeStack),
        trusted_(sk_X509_new_null(), FreeStack) {
    MUSUBI_CHECK(store_ && context_ && untrusted_ && trusted_, "out of memory");
    for (size_t i = 1; i + 1 < chain_.size(); ++i) {
      sk_X509_push(untrusted_.get(), chain_[i].get());
    }
    sk_X509_push(trusted_.get(), chain_.back().get());
    X509_STORE_set_check_issued(store_.get(), IsNextInChain);
    MUSUBI_CHECK(X509_STORE_CTX_init(context_.get(), store_.get(), chain_.front().get(),
                                     untrusted_.get()) == 1,
                 "cannot start a validation");
    X509_STORE_CTX_set0_trusted_stack(context_.get(), trusted_.get());
    X509_STORE_CTX_set_app_data(context_.get(), this);
    // Signatures are checked already, and the plain top has made none.
    X509_STORE_CTX_set_verify(context_.get(), [](X509_STORE_CTX*) { return 1; });
  }

  OpenSslResult Run(const PathInputs& inputs) {
    SetParameters(inputs);
    const bool ok = X509_verify_cert(context_.get()) == 1;
    const int error = X509_STORE_CTX_get_error(context_.get());
    const int depth = X509_STORE_CTX_get_error_depth(context_.get());
    ERR_clear_error();
    if (ok && error == X509_V_OK) return {std::nullopt, UserConstrainedPolicies()};
    const VerdictReason reason = ReasonOf(error);
    // It tells no certificate for policies, nor for their bound: they are the path's.
    const bool policies =
        reason == VerdictReason::kPolicyConstraintsViolated || error == X509_V_ERR_OUT_OF_MEM;
    const int index = policies ? 0 : depth;
    return {OpenSslFailure{reason, index, X509_verify_cert_error_string(error)}, {}};
  }

 private:
  static void FreeStack(STACK_OF(X509) * stack) { sk_X509_free(stack); }

  void SetParameters(const PathInputs& inputs) {
    X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context_.get());
    unsigned long flags =
        X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_POLICY_CHECK;
    if (inputs.initial_explicit_policy) flags |= X509_V_FLAG_EXPLICIT_POLICY;
    if (inputs.initial_policy_mapping_inhibit) flags |= X509_V_FLAG_INHIBIT_MAP;
    if (inputs.initial_any_policy_inhibit) flags |= X509_V_FLAG_INHIBIT_ANY;
    // Without any initial policy OpenSSL refuses every path that requires an explicit one.
    static const std::vector<std::string> kAnyPolicy = {"2.5.29.32.0"};
    const bool any = inputs.initial_policies.empty();
    for (const std::string& policy : any ? kAnyPolicy : inputs.initial_policies) {
      OidPtr oid = ParseOid(policy);
      MUSUBI_CHECK(oid != nullptr && X509_VERIFY_PARAM_add0_policy(param, oid.release()) == 1,
                   "an initial policy is no OID");
    }
    X509_VERIFY_PARAM_set_flags(param, flags);
    X509_VERIFY_PARAM_set_depth(param, static_cast<int>(kMaxPathLength) + 1);
  }

  std::vector<std::string> UserConstrainedPolicies() const {
    const X509_POLICY_TREE* tree = X509_STORE_CTX_get0_policy_tree(context_.get());
    std::vector<std::string> policies;
    if (tree == nullptr) return policies;
    const STACK_OF(X509_POLICY_NODE)* nodes = X509_policy_tree_get0_user_policies(tree);
    for (int i = 0; i < sk_X509_POLICY_NODE_num(nodes); ++i) {
      std::array<char, 128> text;  // Longer OIDs are cut off: no policy has one.
      OBJ_obj2txt(text.data(), static_cast<int>(text.size()),
                  X509_policy_node_get0_policy(sk_X509_POLICY_NODE_value(nodes, i)),
                  /*no_name=*/1);
      policies.emplace_back(text.data());
    }
    std::sort(policies.begin(), policies.end());
    return policies;
  }

  // Replaces OpenSSL's search for issuers by the path that was found: it compares key identifiers
  // as if they decided, and never tries a second candidate.
  static int IsNextInChain(X509_STORE_CTX* context, X509* subject, X509* issuer) {
    const auto* self = static_cast<const Validation*>(X509_STORE_CTX_get_app_data(context));
    const std::vector<X509Ptr>& chain = self->chain_;
    for (size_t i = 0; i + 1 < chain.size(); ++i) {
      if (chain[i].get() == subject && chain[i + 1].get() == issuer) return 1;
    }
    const bool asks_top_itself = subject == issuer && subject == chain.back().get();
    return asks_top_itself &&
                   X509_NAME_cmp(X509_get_subject_name(subject), X509_get_issuer_name(subject)) == 0
               ? 1
               : 0;
  }

  std::vector<X509Ptr> chain_;  // The path, and perhaps a plain top above it.
  std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store_;
  std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context_;
  StackPtr untrusted_;
  StackPtr trusted_;
};

}  // namespace

void X509Deleter::operator()(x509_st* certificate) const { X509_free(certificate); }

OpenSslAnchor::OpenSslAnchor(const TrustAnchor& anchor) {
  X509Ptr read = Read(anchor.certificate.der());
  if (read == nullptr) return;
  if (!anchor.HeldToConstraints()) {
    top_.push_back(Settle(PlainCa(read.get(), X509_get_subject_name(read.get()))));
  } else if (HasAnyPolicyExtension(read.get())) {
    const X509Ptr above = PlainTop(read.get());
    top_.push_back(Settle(Below(above.get(), read.get())));
    top_.push_back(Settle(above));
  } else {
    top_.push_back(std::move(read));
  }
}

OpenSslResult OpenSslAnchor::Validate(const std::vector<Certificate>& path,
                                      const PathInputs& inputs) const {
  std::vector<X509Ptr> chain;
  const auto malformed = [&chain] {
    return OpenSslResult{OpenSslFailure{VerdictReason::kMalformed, static_cast<int>(chain.size()),
                                        "OpenSSL takes it for malformed"},
                         {}};
  };
  while (chain.size() + 1 < path.size()) {
    X509Ptr read = Read(path[chain.size()].der());
    if (read == nullptr) return malformed();
    chain.push_back(std::move(read));
  }
  if (top_.empty()) return malformed();
  for (const X509Ptr& shared : top_) {
    X509_up_ref(shared.get());
    chain.emplace_back(shared.get());
  }
  return Validation(std::move(chain)).Run(inputs);
}

bool IsDottedOid(const std::string& text) {
  return !text.empty() && text.back() != '.' && ParseOid(text) != nullptr;
}

}  // namespace musubi::pki
