// PEM (RFC 7468) or DER, as files of certificates and CRLs come. Parses none of what is inside.
#ifndef MUSUBI_SERVICES_MUSUBICTL_PEM_H_
#define MUSUBI_SERVICES_MUSUBICTL_PEM_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"

namespace musubi::services::musubictl {

// ReadPemOrDer returns the blocks of this label, in order, or, of a text without any PEM block, the
// whole content. INVALID_ARGUMENT if a block is broken, or if there are blocks and none of this
// label.
absl::StatusOr<std::vector<base::Bytes>> ReadPemOrDer(base::Bytes content, std::string_view label);

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_PEM_H_
