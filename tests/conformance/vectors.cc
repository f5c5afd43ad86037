#include "tests/conformance/vectors.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "lib/base/check.h"
#include "lib/base/file.h"

namespace musubi::conformance {

std::optional<std::string> VectorFile(const std::string& name) {
  const char* variable = std::getenv("MUSUBI_CONFORMANCE_DIR");
  const std::string folder = variable != nullptr ? variable : "../shared/conformance";
  if (!std::filesystem::is_directory(folder)) {
    std::fprintf(stderr,
                 "\n*** CONFORMANCE VECTORS ABSENT: %s is no folder; %s was NOT run. Set "
                 "MUSUBI_CONFORMANCE_DIR. ***\n\n",
                 folder.c_str(), name.c_str());
    return std::nullopt;
  }
  return folder + "/" + name;
}

base::Bytes ReadVector(const std::string& path) {
  const auto content = base::ReadFile(path);
  MUSUBI_CHECK(content.ok(), "a vector's file is missing: " + path);
  return base::ToBytes(*content);
}

std::vector<PemBlock> ParsePem(std::string_view text) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  std::vector<PemBlock> blocks;
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  while (PEM_read_bio(bio.get(), &label, &header, &data, &size) == 1) {
    blocks.push_back({label, base::Bytes(data, data + size)});
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
  ERR_clear_error();
  return blocks;
}

std::vector<PemBlock> ReadPem(const std::string& path) {
  return ParsePem(base::AsText(ReadVector(path)));
}

base::Bytes ReadOnePem(const std::string& path) {
  std::vector<PemBlock> blocks = ReadPem(path);
  MUSUBI_CHECK(!blocks.empty(), "no PEM in " + path);
  return std::move(blocks.front().der);
}

absl::Time FromRfc3339(const std::string& text) {
  absl::Time time;
  std::string error;
  MUSUBI_CHECK(absl::ParseTime(absl::RFC3339_full, text, &time, &error), error);
  return time;
}

}  // namespace musubi::conformance
