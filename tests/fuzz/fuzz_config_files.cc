// The JSON files of configuration on any text, each reader on each text: no crash, and what is
// accepted keeps the rules that the rest of the program relies on.
#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/base/check.h"
#include "lib/jpki/hierarchy.h"
#include "lib/jpki/name_statement.h"
#include "lib/pki/trust_store.h"
#include "lib/prelink/relying_party.h"
#include "lib/revocation/ocsp_client.h"
#include "tests/fakes/fake_random.h"

namespace {

using namespace musubi;

void RelyingParties(std::string_view text) {
  fakes::FakeRandom random;
  const auto registry = prelink::RelyingPartyRegistry::Parse(
      text, "folder/relying-parties.json",
      [&](const std::string& path) -> absl::StatusOr<crypto::Keyring> {
        MUSUBI_CHECK(path.front() == '/' || path.starts_with("folder/"), "beside the file");
        return crypto::Keyring::Generate("k1", random);
      });
  if (!registry.ok()) return;
  MUSUBI_CHECK(!registry->all().empty(), "a file has an entry");
  for (const auto& [id, party] : registry->all()) {
    MUSUBI_CHECK(registry->Find(id) == &party && party.id == id, "an entry is found by its id");
    MUSUBI_CHECK(!party.origins.empty() && !party.allowed_acts.empty(),
                 "an entry allows something");
    for (const std::string& uri : party.return_uris) {
      MUSUBI_CHECK(uri.find_first_of("?# \r\n") == std::string::npos,
                   "a return URI can be added to");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = base::AsText({data, size});
  RelyingParties(text);
  if (const auto store = pki::TrustStore::Parse(text, "anchors.json"); store.ok()) {
    for (const pki::TrustAnchor& anchor : store->anchors()) {
      MUSUBI_CHECK(store->Find(anchor.id) == &anchor, "an anchor is found by its id");
      MUSUBI_CHECK(!anchor.allowed_algorithms.empty(), "an anchor may sign");
    }
  }
  if (const auto hierarchy = jpki::Hierarchy::Parse(text, "hierarchy.json"); hierarchy.ok()) {
    const auto& policies = hierarchy->PoliciesOf(jpki::CertificateKind::kUserAuthentication);
    MUSUBI_CHECK(!policies.empty(), "there is a policy for user authentication");
    for (const std::string& oid : policies) {
      MUSUBI_CHECK(hierarchy->KindOf(oid) == jpki::CertificateKind::kUserAuthentication,
                   "a policy means one kind");
    }
  }
  (void)jpki::NameIssuers::Parse(text, "name-issuers.json");
  if (const auto responders = revocation::ParseResponders(text); responders.ok()) {
    for (const revocation::Responder& responder : *responders) {
      MUSUBI_CHECK(!responder.urls.empty() && responder.timeout > absl::ZeroDuration(),
                   "a responder can be asked");
    }
  }
  return 0;
}
