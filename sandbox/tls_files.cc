#include "sandbox/tls_files.h"

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "sandbox/certificate_profile.h"
#include "sandbox/der_writer.h"
#include "sandbox/private_key.h"

namespace musubi::sandbox {
namespace {

constexpr std::string_view kServerAuth = "1.3.6.1.5.5.7.3.1";
constexpr std::string_view kClientAuth = "1.3.6.1.5.5.7.3.2";

base::Bytes CommonNameOnly(std::string_view common_name) {
  return DerSequence({DerSet({DerSequence({DerOid("2.5.4.3"), DerUtf8String(common_name)})})});
}

std::string CertificatePem(base::ByteView der) {
  const std::string text = base::Base64Encode(der);
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (size_t at = 0; at < text.size(); at += 64) pem += text.substr(at, 64) + "\n";
  return pem + "-----END CERTIFICATE-----\n";
}

absl::Status WritePair(const std::string& base_path, base::ByteView certificate,
                       const PrivateKey& key) {
  MUSUBI_RETURN_IF_ERROR(
      base::WriteFileAtomically(base_path + ".crt", CertificatePem(certificate), 0644));
  return base::WriteFileAtomically(base_path + ".key", key.Pem().Reveal(), 0600);
}

struct Leaf {
  std::string name;
  std::string_view usage;
  base::Bytes alternative_names;  // The GeneralNames' members.
};

std::vector<Leaf> Leaves(const std::vector<std::string>& relying_parties) {
  auto client = [](std::string name, std::string_view uri) {
    return Leaf{std::move(name), kClientAuth, DerImplicit(6, base::AsBytes(uri))};
  };
  base::Bytes server_names = DerImplicit(2, base::AsBytes("localhost"));
  base::Append(server_names, DerImplicit(7, base::Bytes{127, 0, 0, 1}));
  // The hosts of the web tier and of what stands beside it (web/stage). Browsers take every
  // *.localhost for this machine.
  base::Bytes web_names;
  for (const std::string_view host : {"link.localhost", "app.localhost", "account.localhost"}) {
    base::Append(web_names, DerImplicit(2, base::AsBytes(host)));
  }
  base::Append(web_names, server_names);
  std::vector<Leaf> leaves = {{"server", kServerAuth, server_names},
                              {"web", kServerAuth, web_names},
                              client("front", "musubi://role/front"),
                              client("platform", "musubi://role/platform"),
                              client("operator", "musubi://role/operator")};
  for (const std::string& id : relying_parties) {
    leaves.push_back(client("rp-" + id, "musubi://role/relying-party/" + id));
  }
  return leaves;
}

}  // namespace

absl::Status WriteTlsFiles(const std::string& directory, absl::Time now,
                           const std::vector<std::string>& relying_parties) {
  const std::string folder = directory + "/tls";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot make " + folder);

  // Peers' clocks on one machine agree; the margin is for containers beside it.
  const absl::Time not_before = now - absl::Minutes(5);
  const base::Bytes ca_name = CommonNameOnly("Musubi sandbox TLS CA");
  const PrivateKey ca_key = PrivateKey::Generate(KeyType::kEcP256);
  const PublicKey ca_public = ca_key.Public();
  const base::Bytes authority_key =
      DerExtension("2.5.29.35", false, DerSequence({DerImplicit(0, ca_public.identifier)}));
  auto subject_key = [](const PublicKey& key) {
    return DerExtension("2.5.29.14", false, DerOctetString(key.identifier));
  };

  base::Bytes ca_extensions = DerExtension("2.5.29.15", true, DerBitString(base::Bytes{0x06}, 1));
  base::Append(ca_extensions, DerExtension("2.5.29.19", true, DerSequence({DerTrue()})));
  base::Append(ca_extensions, subject_key(ca_public));
  MUSUBI_RETURN_IF_ERROR(WritePair(folder + "/ca",
                                   SignCertificate({.serial = 1,
                                                    .issuer_name = ca_name,
                                                    .not_before = not_before,
                                                    .not_after = now + kTlsLifetime,
                                                    .subject_name = ca_name,
                                                    .public_key_info = ca_public.info,
                                                    .extensions = ca_extensions},
                                                   ca_key),
                                   ca_key));
  uint64_t serial = 2;
  for (const Leaf& leaf : Leaves(relying_parties)) {
    const PrivateKey key = PrivateKey::Generate(KeyType::kEcP256);
    base::Bytes extensions = DerExtension("2.5.29.15", true, DerBitString(base::Bytes{0x80}, 7));
    base::Append(extensions, DerExtension("2.5.29.37", false, DerSequence({DerOid(leaf.usage)})));
    base::Append(extensions,
                 DerExtension("2.5.29.17", false, DerSequence({leaf.alternative_names})));
    base::Append(extensions, authority_key);
    base::Append(extensions, subject_key(key.Public()));
    const base::Bytes certificate =
        SignCertificate({.serial = serial++,
                         .issuer_name = ca_name,
                         .not_before = not_before,
                         .not_after = now + kTlsLifetime,
                         .subject_name = CommonNameOnly("Musubi sandbox " + leaf.name),
                         .public_key_info = key.Public().info,
                         .extensions = std::move(extensions)},
                        ca_key);
    MUSUBI_RETURN_IF_ERROR(WritePair(folder + "/" + leaf.name, certificate, key));
  }
  return absl::OkStatus();
}

}  // namespace musubi::sandbox
