// The parser of certificates and the walks over its views allocate nothing. A binary of its own:
// it replaces operator new, and counts what libc hands out through it.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>
#include <vector>

#include "lib/pki/certificate_view.h"
#include "lib/pki/name.h"
#include "tests/conformance/vectors.h"
#include "tests/fakes/test_ca.h"

namespace {
std::atomic<long> allocations{0};
}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace musubi::pki {
namespace {

// Parses, and walks over everything that was taken.
bool ReadAll(base::ByteView encoded) {
  CertificateView view;
  if (!ParseCertificateView(encoded, view).ok()) return false;
  ExtensionCursor extensions = view.Extensions();
  while (extensions.Next()) {
  }
  OidCursor usages = view.ExtendedKeyUsages();
  while (usages.Next()) {
  }
  OidCursor policies = view.Policies();
  while (policies.Next()) {
  }
  OcspUriCursor uris = view.OcspUris();
  while (uris.Next()) {
  }
  DistributionPointCursor points = view.CrlDistributionPoints();
  while (const auto point = points.Next()) {
    GeneralNameCursor names(point->full_name);
    while (names.Next(general_name::kDirectoryName)) {
    }
  }
  return SameName(view.issuer, view.issuer) &&
         SameName(view.subject, view.issuer) == SameName(view.issuer, view.subject);
}

long AllocationsOf(base::ByteView encoded, bool& taken) {
  const long before = allocations.load();
  taken = ReadAll(encoded);
  return allocations.load() - before;
}

TEST(CertificateAllocation, IsCountedHere) {
  const long before = allocations.load();
  std::vector<int>(100).shrink_to_fit();
  EXPECT_GT(allocations.load(), before);
}

TEST(CertificateAllocation, ACardsCertificateTakesNone) {
  const fakes::TestCa ca;
  const auto& key = fakes::TestKey::Get(fakes::KeyKind::kRsa2048, 10);
  for (const base::Bytes& encoded :
       {ca.Issue(ca.CardSpec(key)), ca.Issue(ca.SignatureCardSpec(key)), ca.certificate_der()}) {
    bool taken = false;
    EXPECT_EQ(AllocationsOf(encoded, taken), 0);
    EXPECT_TRUE(taken);
  }
}

TEST(CertificateAllocation, CertificatesOfOthersTakeNone) {
  const auto corpora = conformance::VectorFile("corpora");
  if (!corpora) GTEST_SKIP() << "the vectors are absent, as was said; our own are tested above";
  int files = 0;
  int certificates = 0;
  for (const char* set : {"bssl-cert", "bssl-parse-certificate", "openssl-x509"}) {
    for (const auto& file : std::filesystem::directory_iterator(*corpora + "/" + set)) {
      const base::Bytes encoded = conformance::ReadVector(file.path().string());
      bool taken = false;
      EXPECT_EQ(AllocationsOf(encoded, taken), 0) << file.path();
      ++files;
      certificates += taken ? 1 : 0;
    }
  }
  EXPECT_GE(files, 700);
  EXPECT_GE(certificates, 20);
}

}  // namespace
}  // namespace musubi::pki
