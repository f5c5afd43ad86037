// scopes.json: which CRLs are expected, from whom. Reads files; loads no CRL.
#ifndef MUSUBI_LIB_REVOCATION_CRL_MANIFEST_H_
#define MUSUBI_LIB_REVOCATION_CRL_MANIFEST_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/pki/certificate.h"
#include "lib/revocation/crl_snapshot.h"

namespace musubi::revocation {

// Issuers by the id that configuration gives them, as in {"auth-03", certificate}.
using Issuers = std::map<std::string, pki::Certificate, std::less<>>;

// The list of expected scopes, in the directory of the CRLs.
inline constexpr char kScopesFile[] = "scopes.json";

// One expected scope.
struct CrlSource {
  std::string anchor;  // Whose certificates it speaks of.
  std::string file;    // Beside the manifest.
  CrlScopeKey key;
  pki::Certificate signer;  // Whose key has to sign the list.
  // The signer is no anchor, whose time is a matter of the anchors file, but has to be valid.
  bool signer_is_certificate = false;
  std::string url = {};  // Where CrlFetcher gets the file; empty: somebody else puts it there.
};

// ReadCrlManifest reads `directory`/scopes.json; an error names the rule and the fix.
//
// {"version":1,"scopes":[{"anchor":ID, "distribution_point": standard base64 of the DER of the
// directoryName's Name | "full", "file": NAME}]}
//
// The list is signed by the key of `anchor`, unless the scope names another one, of the same CA:
// "signer":ID is another generation among `issuers`; "signer_certificate":NAME is the file of a DER
// certificate for signing CRLs, which the key of `anchor` has signed. "url":URL is where the file
// comes from.
absl::StatusOr<std::vector<CrlSource>> ReadCrlManifest(const std::string& directory,
                                                       const Issuers& issuers);

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CRL_MANIFEST_H_
