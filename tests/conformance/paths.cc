#include "tests/conformance/paths.h"

#include "absl/strings/str_cat.h"
#include "tests/conformance/vectors.h"
#include "tests/fakes/test_ca.h"

namespace musubi::conformance {
namespace {

pki::TrustAnchor Anchor(const pki::Certificate& certificate, const pki::ValidationProfile& profile,
                        size_t number) {
  pki::TrustAnchor anchor = fakes::AnchorOf(certificate, absl::StrCat("anchor-", number));
  anchor.not_before_use = absl::InfinitePast();
  anchor.allowed_algorithms.clear();
  for (const auto algorithm : profile.allowed_algorithms) {
    for (const auto key : profile.allowed_keys) {
      if (crypto::Fits(algorithm, key)) anchor.allowed_algorithms.push_back({key, algorithm});
    }
  }
  return anchor;
}

}  // namespace

PathAnswer Validate(const PathCase& path, const pki::ValidationProfile& profile) {
  std::vector<pki::TrustAnchor> anchors;
  for (const base::Bytes& der : path.anchors) {
    if (const auto parsed = pki::Certificate::Parse(der); parsed.ok()) {
      anchors.push_back(Anchor(*parsed, profile, anchors.size()));
      anchors.back().rule = path.anchor_rule;
    }
  }
  const pki::ValidationResult result =
      pki::Validator(std::move(anchors), profile)
          .Validate({.target = path.target,
                     .intermediates = path.intermediates,
                     .crls = path.crls,
                     .revocation = path.revocation ? pki::RevocationScope::kWholePath
                                                   : pki::RevocationScope::kNone,
                     .validation_time = path.time,
                     .inputs = path.inputs});
  const pki::Verdict& verdict = result.verdict;
  PathAnswer answer{verdict.valid() ? "valid" : "invalid", {}, result.user_constrained_policies};
  answer.diagnostic = absl::StrCat(std::string(Name(verdict.reason)), " at ",
                                   verdict.cert_index.value_or(-1), ": ", verdict.diagnostic);
  return answer;
}

std::vector<base::Bytes> PemContents(const std::vector<std::string>& pem_texts) {
  std::vector<base::Bytes> contents;
  for (const std::string& text : pem_texts) {
    for (PemBlock& block : ParsePem(text)) contents.push_back(std::move(block.der));
  }
  return contents;
}

}  // namespace musubi::conformance
