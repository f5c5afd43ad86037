// The role table of the server, as people read it. Reads no file: it is what this version was built
// with.
#ifndef MUSUBI_SERVICES_MUSUBICTL_ROLES_H_
#define MUSUBI_SERVICES_MUSUBICTL_ROLES_H_

#include <span>
#include <string>

#include "lib/rpc/method_table.h"

namespace musubi::services::musubictl {

// RolesAsText is a heading and one line a method, in columns: method, kind (unary, watch, bulk),
// roles, whether a credential is required, largest request in octets.
std::string RolesAsText(std::span<const rpc::MethodRule> table);

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_ROLES_H_
