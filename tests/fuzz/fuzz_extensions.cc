// The Extensions of a certificate, of any octets, in a certificate that is otherwise right, so that
// mutations reach what lengths around them would spoil: no crash, no read beyond the end, and what
// we take OpenSSL takes, and reads the same.
#include <cstddef>
#include <cstdint>

#include "lib/base/check.h"
#include "lib/pki/certificate_view.h"
#include "tests/fakes/der_writer.h"
#include "tests/fuzz/openssl_agreement.h"

namespace {

using namespace musubi;
namespace der = fakes::der;

// The TBSCertificate's fields before [3]. Its key is no point of its curve: nobody looks.
base::Bytes Head(const base::Bytes& algorithm) {
  const base::Bytes name = der::Name({{"C", "JP"}, {"CN", "Mihon"}});
  const base::Bytes time = der::UtcTime(absl::UnixEpoch());
  const base::Bytes key =
      der::Sequence({der::Sequence({der::Oid("1.3.101.112")}), der::BitString(base::Bytes(32, 7))});
  base::Bytes head;
  for (const base::Bytes& part : {der::Context(0, {der::Integer(2)}), der::Integer(1), algorithm,
                                  name, der::Sequence({time, time}), name, key}) {
    base::Append(head, part);
  }
  return head;
}

}  // namespace

// The input is the content of the SEQUENCE OF Extension.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const base::Bytes algorithm = der::Sequence({der::Oid("1.2.840.10045.4.3.3")});
  static const base::Bytes head = Head(algorithm);
  const base::Bytes certificate = der::Sequence(
      {der::Sequence({head, der::Context(3, {der::Sequence({base::ByteView(data, size)})})}),
       algorithm, der::BitString({})});
  pki::CertificateView view;
  if (!pki::ParseCertificateView(certificate, view).ok()) return 0;
  MUSUBI_CHECK(view.extensions.size() == size, "the extensions are the whole input");
  fuzz::CheckCertificateAgainstOpenSsl(view);
  return 0;
}
