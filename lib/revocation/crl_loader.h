// One CRL file, read into a table: parsed, hashed and verified over the same octets, in bounded
// chunks. Puts nothing in force and knows no scope.
#ifndef MUSUBI_LIB_REVOCATION_CRL_LOADER_H_
#define MUSUBI_LIB_REVOCATION_CRL_LOADER_H_

#include <memory>
#include <optional>
#include <string>

#include "lib/base/bytes.h"
#include "lib/pki/certificate.h"
#include "lib/pki/crl.h"
#include "lib/revocation/crl_table.h"

namespace musubi::revocation {

struct LoadedCrl {
  bool readable = false;  // If not, nothing else is said.
  pki::CrlOutcome outcome = pki::CrlOutcome::kUnspecified;
  // Of a list that `signer` signed; otherwise nothing.
  std::optional<pki::Crl> list;  // Without its entries.
  base::Hash256 identity{};      // The same for the same octets only.
  std::shared_ptr<const CrlTable> table;
};

// LoadCrl reads the CRL in `path`. What it holds of it at a time, beside the table, is a chunk.
LoadedCrl LoadCrl(const std::string& path, const pki::Certificate& signer);

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CRL_LOADER_H_
