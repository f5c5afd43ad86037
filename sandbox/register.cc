#include "sandbox/register.h"

#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "sandbox/json.h"

namespace musubi::sandbox {
namespace {

std::string FormatLine(const IssuedCertificate& certificate) {
  Json line = {{"role", std::string(Name(certificate.role))},
               {"serial", certificate.serial},
               {"generation", certificate.generation},
               {"municipality", certificate.municipality}};
  if (certificate.revocation) {
    line["revoked_at"] = FormatRfc3339(certificate.revocation->at);
    line["reason"] = std::string(Name(certificate.revocation->reason));
  }
  return line.dump() + "\n";
}

absl::StatusOr<IssuedCertificate> ParseLine(std::string_view text) {
  IssuedCertificate certificate;
  MUSUBI_ASSIGN_OR_RETURN(const Json line, ParseJson(text));
  MUSUBI_ASSIGN_OR_RETURN(const std::string role, Field<std::string>(line, "role"));
  MUSUBI_ASSIGN_OR_RETURN(certificate.role, ParseRole(role));
  MUSUBI_ASSIGN_OR_RETURN(certificate.serial, Field<uint64_t>(line, "serial"));
  MUSUBI_ASSIGN_OR_RETURN(certificate.generation, Field<std::string>(line, "generation"));
  MUSUBI_ASSIGN_OR_RETURN(certificate.municipality, Field<std::string>(line, "municipality"));
  if (line.contains("revoked_at")) {
    MUSUBI_ASSIGN_OR_RETURN(const std::string at, Field<std::string>(line, "revoked_at"));
    MUSUBI_ASSIGN_OR_RETURN(const std::string reason, Field<std::string>(line, "reason"));
    Revocation revocation;
    MUSUBI_ASSIGN_OR_RETURN(revocation.at, ParseRfc3339(at));
    MUSUBI_ASSIGN_OR_RETURN(revocation.reason, ParseRevocationReason(reason));
    certificate.revocation = revocation;
  }
  return certificate;
}

}  // namespace

absl::StatusOr<Register> Register::Load(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadSecretFile(path));
  Register loaded;
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    absl::StatusOr<IssuedCertificate> certificate = ParseLine(line);
    if (!certificate.ok()) {
      return base::Annotate(certificate.status(), absl::StrCat(path, " line ", number));
    }
    if (loaded.Find(certificate->role, certificate->serial) != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " line ", number, ": a number that was given out before"));
    }
    loaded.Add(*std::move(certificate));
  }
  return loaded;
}

absl::Status Register::Save(const std::string& path) const {
  std::string text;
  for (const auto& [key, certificate] : certificates_) text += FormatLine(certificate);
  return base::WriteFileAtomically(path, text, 0600);
}

void Register::Add(IssuedCertificate certificate) {
  const std::pair key(certificate.role, certificate.serial);
  const bool added = certificates_.emplace(key, std::move(certificate)).second;
  MUSUBI_CHECK(added, "a serial number was given out twice");
}

const IssuedCertificate* Register::Find(Role role, uint64_t serial) const {
  const auto it = certificates_.find({role, serial});
  return it == certificates_.end() ? nullptr : &it->second;
}

absl::Status Register::Revoke(Role role, uint64_t serial, Revocation revocation) {
  const auto it = certificates_.find({role, serial});
  if (it == certificates_.end()) {
    return absl::NotFoundError(
        absl::StrCat("the ", base::ToAbsl(Name(role)), " CA issued no certificate ", serial));
  }
  if (it->second.revocation) {
    return absl::FailedPreconditionError(
        absl::StrCat("certificate ", serial, " is revoked already, and that is final"));
  }
  it->second.revocation = revocation;
  return absl::OkStatus();
}

std::vector<RevokedCertificate> Register::Revoked(Role role, std::string_view generation,
                                                  std::string_view municipality) const {
  std::vector<RevokedCertificate> revoked;
  for (const auto& [key, certificate] : certificates_) {
    if (certificate.role != role || certificate.generation != generation) continue;
    if (!municipality.empty() && certificate.municipality != municipality) continue;
    if (!certificate.revocation) continue;
    revoked.push_back({.serial = certificate.serial,
                       .revoked_at = certificate.revocation->at,
                       .reason = certificate.revocation->reason});
  }
  return revoked;
}

absl::StatusOr<std::shared_ptr<const Register>> RegisterReader::Current() {
  struct stat info;
  if (stat(path_.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(errno, "cannot stat " + path_);
  }
  const Version version = {
      .inode = info.st_ino, .seconds = info.st_mtim.tv_sec, .nanoseconds = info.st_mtim.tv_nsec};
  base::MutexLock lock(mutex_);
  if (loaded_ == nullptr || version != version_) {
    MUSUBI_ASSIGN_OR_RETURN(Register loaded, Register::Load(path_));
    loaded_ = std::make_shared<const Register>(std::move(loaded));
    version_ = version;
  }
  return loaded_;
}

}  // namespace musubi::sandbox
