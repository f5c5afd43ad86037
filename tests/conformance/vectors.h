// Where the vectors lie that others wrote: MUSUBI_CONFORMANCE_DIR, by default
// ../shared/conformance; and how their files are read. For tests: a file that is missing from a
// folder that is there dies.
#ifndef MUSUBI_TESTS_CONFORMANCE_VECTORS_H_
#define MUSUBI_TESTS_CONFORMANCE_VECTORS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"

namespace musubi::conformance {

// VectorFile returns the path of `name` below the folder. Nothing, and a loud line, if the folder
// is absent: the test then has nothing to hold against, and our own vectors still run.
std::optional<std::string> VectorFile(const std::string& name);

// ReadVector returns all octets of a file.
base::Bytes ReadVector(const std::string& path);

struct PemBlock {
  std::string label;  // "CERTIFICATE", "X509 CRL", "OCSP RESPONSE"...
  base::Bytes der;
};
// The blocks of a PEM text, in order; whatever stands between them is skipped.
std::vector<PemBlock> ParsePem(std::string_view text);
std::vector<PemBlock> ReadPem(const std::string& path);
// The first block of any label; dies if there is none.
base::Bytes ReadOnePem(const std::string& path);

// FromRfc3339 dies on another form.
absl::Time FromRfc3339(const std::string& text);

}  // namespace musubi::conformance

#endif  // MUSUBI_TESTS_CONFORMANCE_VECTORS_H_
