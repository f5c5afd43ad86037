// A directory of CRLs with its manifest, as revocation::CrlStore reads it.
#ifndef MUSUBI_TESTS_FAKES_CRL_DIRECTORY_H_
#define MUSUBI_TESTS_FAKES_CRL_DIRECTORY_H_

#include <cstdio>
#include <string>
#include <string_view>

#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::fakes {

// CrlDirectory starts with a manifest of no scopes.
class CrlDirectory {
 public:
  CrlDirectory() { WriteManifest(); }

  const std::string& path() const { return directory_.path(); }

  // Expect adds a scope to the manifest; an empty point is "full".
  void Expect(std::string_view anchor, base::ByteView point, std::string_view file) {
    if (!scopes_.empty()) scopes_ += ",";
    scopes_ += "{\"anchor\":\"" + std::string(anchor) + "\",\"distribution_point\":\"" +
               (point.empty() ? "full" : base::Base64Encode(point)) + "\",\"file\":\"" +
               std::string(file) + "\"}";
    WriteManifest();
  }
  void ExpectNothing() {
    scopes_.clear();
    WriteManifest();
  }
  void Write(const std::string& file, base::ByteView content) {
    const auto status =
        base::WriteFileAtomically(directory_.File(file), base::AsText(content), 0600);
    MUSUBI_CHECK(status.ok(), status.ToString());
  }
  void Remove(const std::string& file) { std::remove(directory_.File(file).c_str()); }

 private:
  void WriteManifest() {
    Write("scopes.json", base::AsBytes("{\"version\":1,\"scopes\":[" + scopes_ + "]}"));
  }

  TempDir directory_;
  std::string scopes_;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_CRL_DIRECTORY_H_
