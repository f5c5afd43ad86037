#include "lib/revocation/crl_manifest.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/json_object.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/signature.h"
#include "lib/http/http_client.h"
#include "lib/pki/name.h"

namespace musubi::revocation {
namespace {

// "distribution_point" of a list without one.
constexpr std::string_view kFull = "full";

bool IsPlainFileName(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name != "." && name != "..";
}

bool Has(const base::JsonObject& object, std::string_view key) {
  const std::vector<std::string> keys = object.Keys();
  return std::ranges::find(keys, key) != keys.end();
}

absl::StatusOr<pki::Certificate> FindIssuer(base::JsonObject& entry, std::string_view key,
                                            const std::string& id, const Issuers& issuers) {
  const auto issuer = issuers.find(id);
  if (issuer != issuers.end()) return issuer->second;
  return entry.Invalid("\"" + std::string(key) +
                       "\" names no configured anchor; use an id of the anchors file");
}

// A certificate for signing CRLs that chains to the anchor: RFC 5280 section 6.3.3 (f).
absl::StatusOr<pki::Certificate> ReadSignerCertificate(const base::JsonObject& entry,
                                                       const std::string& path,
                                                       const pki::Certificate& anchor) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string der, base::ReadFile(path));
  auto signer = pki::Certificate::Parse(base::AsBytes(der));
  if (!signer.ok()) return base::Annotate(signer.status(), path);
  std::optional<crypto::SignatureAlgorithm> algorithm = signer->signature_algorithm();
  if (algorithm && anchor.key_type()) algorithm = crypto::ForKey(*algorithm, *anchor.key_type());
  if (!signer->HasKeyUsage(pki::KeyUsage::kCrlSign) || !algorithm ||
      !pki::SameName(signer->issuer_der(), anchor.subject_der()) ||
      !crypto::VerifySignature(*algorithm, anchor.spki_der(), signer->tbs_der(),
                               signer->signature())) {
    return entry.Invalid(
        "\"signer_certificate\" must be a certificate with the key usage cRLSign that the anchor's "
        "key has signed");
  }
  return signer;
}

absl::StatusOr<CrlSource> ReadSource(base::JsonObject& entry, const std::string& directory,
                                     const Issuers& issuers) {
  MUSUBI_ASSIGN_OR_RETURN(std::string id, entry.String("anchor"));
  MUSUBI_ASSIGN_OR_RETURN(std::string file, entry.String("file"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string point, entry.String("distribution_point"));
  MUSUBI_ASSIGN_OR_RETURN(const pki::Certificate anchor, FindIssuer(entry, "anchor", id, issuers));
  pki::Certificate signer = anchor;
  std::optional<std::string> signer_file;
  if (Has(entry, "signer")) {
    MUSUBI_ASSIGN_OR_RETURN(const std::string signer_id, entry.String("signer"));
    MUSUBI_ASSIGN_OR_RETURN(signer, FindIssuer(entry, "signer", signer_id, issuers));
  }
  if (Has(entry, "signer_certificate")) {
    MUSUBI_ASSIGN_OR_RETURN(signer_file, entry.String("signer_certificate"));
  }
  std::string url;
  if (Has(entry, "url")) {
    MUSUBI_ASSIGN_OR_RETURN(url, entry.String("url"));
    const absl::Status usable = http::CheckRequest({.url = url});
    if (!usable.ok())
      return entry.Invalid("\"url\": " + std::string(base::ToStd(usable.message())));
  }
  MUSUBI_RETURN_IF_ERROR(entry.RefuseOthers());
  if (!IsPlainFileName(file) || (signer_file && !IsPlainFileName(*signer_file))) {
    return entry.Invalid(
        "\"file\" and \"signer_certificate\" must be the name of a file beside the manifest, not a "
        "path");
  }
  if (signer_file) {
    MUSUBI_ASSIGN_OR_RETURN(signer,
                            ReadSignerCertificate(entry, directory + "/" + *signer_file, anchor));
  }
  if (!pki::SameName(signer.subject_der(), anchor.subject_der())) {
    return entry.Invalid("the signer must have the anchor's name; an indirect CRL is not taken");
  }
  CrlSource source{std::move(id), std::move(file), {}, std::move(signer), signer_file.has_value()};
  source.url = std::move(url);
  source.key.issuer_key = crypto::Sha256(anchor.spki_der());
  if (point != kFull) {
    auto name = base::Base64Decode(point);
    if (!name.ok() || !pki::SameName(*name, *name)) {
      return entry.Invalid(
          "\"distribution_point\" must be \"full\" or the base64 of one DER Name (the "
          "directoryName of the issuing distribution point)");
    }
    source.key.point = *std::move(name);
  }
  return source;
}

}  // namespace

absl::StatusOr<std::vector<CrlSource>> ReadCrlManifest(const std::string& directory,
                                                       const Issuers& issuers) {
  const std::string path = directory + "/" + kScopesFile;
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  MUSUBI_ASSIGN_OR_RETURN(base::JsonObject manifest, base::JsonObject::Parse(text, path));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t version, manifest.Integer("version"));
  if (version != 1) return manifest.Invalid("\"version\" must be 1");
  MUSUBI_ASSIGN_OR_RETURN(std::vector<base::JsonObject> scopes, manifest.Objects("scopes"));
  MUSUBI_RETURN_IF_ERROR(manifest.RefuseOthers());
  std::vector<CrlSource> sources;
  std::set<CrlScopeKey> seen;
  for (base::JsonObject& entry : scopes) {
    MUSUBI_ASSIGN_OR_RETURN(CrlSource source, ReadSource(entry, directory, issuers));
    if (!seen.insert(source.key).second) {
      return entry.Invalid("\"distribution_point\" is there twice for this anchor; remove one");
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace musubi::revocation
