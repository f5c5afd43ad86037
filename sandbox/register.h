// The register of JPKI-SIM: every number that was given out, and what became of it. CRLs and OCSP
// answers are made from it. One line of JSON a certificate, in D/register.jsonl.
#ifndef MUSUBI_SANDBOX_REGISTER_H_
#define MUSUBI_SANDBOX_REGISTER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/mutex.h"
#include "sandbox/certificate_profile.h"
#include "sandbox/crl_publisher.h"

namespace musubi::sandbox {

struct Revocation {
  absl::Time at;
  RevocationReason reason = RevocationReason::kUnspecified;
};

struct IssuedCertificate {
  Role role = Role::kUserAuthentication;
  uint64_t serial = 0;
  std::string generation;
  std::string municipality;  // Its code.
  std::optional<Revocation> revocation;
};

// Register is a value: load, change, save. Not thread-safe.
class Register {
 public:
  // Load reads `path`; INVALID_ARGUMENT names the line and the member that is wrong.
  static absl::StatusOr<Register> Load(const std::string& path);
  absl::Status Save(const std::string& path) const;

  // Dies on a number given out twice: the counters are ours.
  void Add(IssuedCertificate certificate);

  // Find returns nullptr if no such number was given out.
  const IssuedCertificate* Find(Role role, uint64_t serial) const;

  // Revoke is for good: FAILED_PRECONDITION the second time, NOT_FOUND for a number that was never
  // given out.
  absl::Status Revoke(Role role, uint64_t serial, Revocation revocation);

  // Revoked lists what a CRL of this key holds, by serial; all municipalities if the code is empty.
  std::vector<RevokedCertificate> Revoked(Role role, std::string_view generation,
                                          std::string_view municipality) const;

  size_t size() const { return certificates_.size(); }

 private:
  std::map<std::pair<Role, uint64_t>, IssuedCertificate> certificates_;
};

// RegisterReader follows the file for a server: it loads again whenever the file was replaced.
// Thread-safe.
class RegisterReader {
 public:
  explicit RegisterReader(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<std::shared_ptr<const Register>> Current();

 private:
  // What tells one replacement of the file from the next.
  struct Version {
    uint64_t inode = 0;
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    bool operator==(const Version&) const = default;
  };

  const std::string path_;
  base::Mutex mutex_;
  Version version_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Register> loaded_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_REGISTER_H_
