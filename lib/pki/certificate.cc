#include "lib/pki/certificate.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/pki/der.h"

namespace musubi::pki {

using base::ByteView;

struct Certificate::Parsed {
  base::Bytes der;  // All views point into it.
  CertificateView view;
  std::vector<std::string> extensions;  // In order of appearance.
  std::vector<std::string> critical_extensions;
  std::optional<std::vector<std::string>> extended_key_usage;
  std::vector<std::string> policies;
  std::optional<AuthorityKeyIdentifier> authority_key_identifier;
  std::optional<base::Bytes> subject_key_identifier;
  std::vector<DistributionPoint> crl_distribution_points;
  std::vector<std::string> ocsp_uris;
};

namespace {

std::string Dotted(ByteView oid) {
  auto text = OidText(oid);
  MUSUBI_CHECK(text.has_value(), "the parser let an OID through that is none");
  return *std::move(text);
}

std::vector<std::string> Dotted(OidCursor oids) {
  std::vector<std::string> texts;
  while (const auto oid = oids.Next()) texts.push_back(Dotted(*oid));
  return texts;
}

std::optional<base::Bytes> Copy(const std::optional<ByteView>& bytes) {
  if (!bytes) return std::nullopt;
  return base::ToBytes(*bytes);
}

std::vector<DistributionPoint> Copy(DistributionPointCursor points) {
  std::vector<DistributionPoint> copies;
  while (const auto point = points.Next()) {
    DistributionPoint& copy = copies.emplace_back();
    GeneralNameCursor directory_names(point->full_name);
    while (const auto name = directory_names.Next(general_name::kDirectoryName)) {
      copy.directory_names_der.push_back(base::ToBytes(*name));
    }
    GeneralNameCursor uris(point->full_name);
    while (const auto uri = uris.Next(general_name::kUri)) {
      copy.uris.push_back(base::ToString(*uri));
    }
    copy.only_some_reasons = point->reasons.has_value();
    copy.other_crl_issuer = !point->crl_issuer.empty();
  }
  return copies;
}

}  // namespace

absl::StatusOr<Certificate> Certificate::Parse(ByteView der) {
  if (der.size() > kMaxCertificateSize) {
    return absl::ResourceExhaustedError("certificate: " + std::to_string(der.size()) +
                                        " octets, the limit is " +
                                        std::to_string(kMaxCertificateSize));
  }
  auto parsed = std::make_shared<Parsed>();
  parsed->der = base::ToBytes(der);
  CertificateView& view = parsed->view;
  const CertificateParse result = ParseCertificateView(parsed->der, view);
  if (!result.ok()) return absl::InvalidArgumentError(std::string("certificate: ") + result.what);
  ExtensionCursor extensions = view.Extensions();
  while (const auto extension = extensions.Next()) {
    const std::string& oid = parsed->extensions.emplace_back(Dotted(extension->oid));
    if (extension->critical) parsed->critical_extensions.push_back(oid);
  }
  if (view.extended_key_usage) parsed->extended_key_usage = Dotted(view.ExtendedKeyUsages());
  parsed->policies = Dotted(view.Policies());
  if (const auto& identifier = view.authority_key_identifier) {
    parsed->authority_key_identifier = {Copy(identifier->key_identifier),
                                        Copy(identifier->issuer_name), Copy(identifier->serial)};
  }
  parsed->subject_key_identifier = Copy(view.subject_key_identifier);
  parsed->crl_distribution_points = Copy(view.CrlDistributionPoints());
  OcspUriCursor uris = view.OcspUris();
  while (const auto uri = uris.Next()) parsed->ocsp_uris.push_back(base::ToString(*uri));
  return Certificate(std::move(parsed));
}

const CertificateView& Certificate::view() const { return parsed_->view; }

const std::optional<std::vector<std::string>>& Certificate::extended_key_usage() const {
  return parsed_->extended_key_usage;
}
const std::vector<std::string>& Certificate::policies() const { return parsed_->policies; }
const std::optional<AuthorityKeyIdentifier>& Certificate::authority_key_identifier() const {
  return parsed_->authority_key_identifier;
}
const std::optional<base::Bytes>& Certificate::subject_key_identifier() const {
  return parsed_->subject_key_identifier;
}
const std::vector<DistributionPoint>& Certificate::crl_distribution_points() const {
  return parsed_->crl_distribution_points;
}
const std::vector<std::string>& Certificate::ocsp_uris() const { return parsed_->ocsp_uris; }
bool Certificate::HasExtension(const std::string& oid) const {
  return std::ranges::find(parsed_->extensions, oid) != parsed_->extensions.end();
}
const std::vector<std::string>& Certificate::critical_extensions() const {
  return parsed_->critical_extensions;
}

}  // namespace musubi::pki
