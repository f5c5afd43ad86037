// `scripts/bench signatures`: what a call of SignatureVerifier costs in lanes and on OpenSSL, for 1
// to 8 RSA-2048 signatures; where the two meet is kMinLaneChecks (lib/crypto/signature_verifier.h).
// And one signature of each other kind, for the cost units of lib/crypto/signature_batcher.h; and
// what calls allocate.
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "bench/allocations.h"
#include "bench/clocks.h"
#include "bench/raw_signature.h"
#include "bench/report.h"
#include "lib/base/check.h"
#include "lib/crypto/signature_verifier.h"
#include "tests/fakes/test_key.h"

namespace musubi::bench {
namespace {

using crypto::SignatureAlgorithm;
using crypto::SignatureCheck;
using crypto::SignatureDispatch;
using crypto::SignatureOutcome;
using crypto::SignatureVerifier;
using fakes::KeyKind;
using fakes::TestKey;

constexpr int kSignatures = 8;
constexpr std::string_view kMicroseconds = "us";

std::unique_ptr<SignatureVerifier> MakeVerifier(SignatureDispatch dispatch) {
  auto verifier = SignatureVerifier::Create({.dispatch = dispatch});
  MUSUBI_CHECK(verifier.ok(), verifier.status().ToString());
  return *std::move(verifier);
}

// CPU microseconds of one call; dies unless every signature is good.
double MeasureCall(const SignatureVerifier& verifier, std::span<const SignatureCheck> checks,
                   int calls) {
  std::vector<SignatureOutcome> outcomes(checks.size());
  const absl::Duration start = ThreadCpuTime();
  for (int i = 0; i < calls; ++i) {
    MUSUBI_CHECK(verifier.Verify(checks, outcomes).ok(), "lanes went wrong");
  }
  const absl::Duration spent = ThreadCpuTime() - start;
  for (const SignatureOutcome outcome : outcomes) {
    MUSUBI_CHECK(outcome == SignatureOutcome::kGood, "a good signature was refused");
  }
  return absl::ToDoubleMicroseconds(spent) / calls;
}

// Heap allocations of one call, by operator new and by OpenSSL, once the thread is warm.
double CountAllocations(const SignatureVerifier& verifier, std::span<const SignatureCheck> checks) {
  std::vector<SignatureOutcome> outcomes(checks.size());
  constexpr int kCalls = 20;
  Allocations before;
  for (int i = 0; i <= kCalls; ++i) {
    if (i == 1) before = AllocationsOfThread();
    MUSUBI_CHECK(verifier.Verify(checks, outcomes).ok(), "lanes went wrong");
  }
  const Allocations after = AllocationsOfThread();
  return static_cast<double>(after.by_new - before.by_new + after.by_openssl - before.by_openssl) /
         kCalls;
}

// A signature with everything that a check views.
struct Signed {
  const TestKey& key;
  SignatureAlgorithm algorithm;
  base::Bytes message = base::ToBytes(std::string_view("a message"));
  base::Bytes signature = key.Sign(algorithm, message);
  std::unique_ptr<crypto::PreparedKey> prepared = *crypto::PreparedKey::Create(key.spki_der());

  SignatureCheck Check(bool with_prepared) const {
    return {.algorithm = algorithm,
            .key = with_prepared ? prepared.get() : nullptr,
            .spki_der = key.spki_der(),
            .message = message,
            .signature = signature};
  }
};

int Main(int argc, char** argv) {
  CountOpensslAllocations();
  absl::ParseCommandLine(argc, argv);
  std::vector<std::unique_ptr<Signed>> rsa;
  for (int i = 0; i < kSignatures; ++i) {
    rsa.push_back(std::make_unique<Signed>(
        Signed{TestKey::Get(KeyKind::kRsa2048, i), SignatureAlgorithm::kRsaPkcs1Sha256}));
  }
  const Signed rsa4096{TestKey::Get(KeyKind::kRsa4096), SignatureAlgorithm::kRsaPkcs1Sha256};
  const Signed rsa3072{TestKey::Get(KeyKind::kRsa3072), SignatureAlgorithm::kRsaPkcs1Sha256};
  const Signed p256{TestKey::Get(KeyKind::kEcP256), SignatureAlgorithm::kEcdsaP256Sha256};
  const Signed p384{TestKey::Get(KeyKind::kEcP384), SignatureAlgorithm::kEcdsaP384Sha384};

  Report report("signatures");
  const auto scalar = MakeVerifier(SignatureDispatch::kScalar);
  const auto lanes = HasRawLanes() ? MakeVerifier(SignatureDispatch::kLanes) : nullptr;
  std::vector<Task> tasks;
  auto add = [&](std::string name, std::function<double()> measure) {
    tasks.push_back(
        {std::move(name), std::string(kMicroseconds),
         [measure = std::move(measure)]() -> absl::StatusOr<double> { return measure(); }});
  };
  for (const bool prepared : {true, false}) {
    for (int count = 1; count <= kSignatures; ++count) {
      std::vector<SignatureCheck> checks;
      for (int i = 0; i < count; ++i) {
        checks.push_back(rsa[static_cast<size_t>(i)]->Check(prepared));
      }
      const std::string suffix = absl::StrCat(prepared ? "prepared_" : "fresh_", count);
      if (lanes != nullptr) {
        add("lanes_" + suffix, [&lanes, checks] { return MeasureCall(*lanes, checks, 500); });
      }
      add("scalar_" + suffix, [&scalar, checks] { return MeasureCall(*scalar, checks, 200); });
    }
  }
  for (const auto& [name, one] :
       {std::pair("rsa3072", &rsa3072), {"rsa4096", &rsa4096}, {"p256", &p256}, {"p384", &p384}}) {
    add(absl::StrCat("scalar_", name), [&scalar, one = one] {
      const SignatureCheck check = one->Check(false);
      return MeasureCall(*scalar, std::span(&check, 1), 50);
    });
  }
  std::vector<SignatureCheck> mixed;
  for (int i = 0; i < kSignatures; ++i) {
    mixed.push_back(rsa[static_cast<size_t>(i)]->Check(i % 2 == 0));
  }
  mixed.push_back(rsa3072.Check(false));
  mixed.push_back(rsa4096.Check(true));
  for (const auto& [name, verifier] : {std::pair("lanes", lanes.get()), {"scalar", scalar.get()}}) {
    if (verifier == nullptr) continue;
    const std::string row = absl::StrCat(name, "_allocations");
    tasks.push_back({row, "allocations", [verifier = verifier, mixed]() -> absl::StatusOr<double> {
                       return CountAllocations(*verifier, mixed);
                     }});
    report.AddTarget({.row = row, .plus = 0});
  }
  if (HasRawLanes()) add("raw_lanes", [] { return RawLanesMicroseconds(); });
  add("raw_scalar", [] { return RawScalarMicroseconds(); });
  if (!HasRawLanes()) report.Absent("lanes", "no AVX-512 IFMA and VBMI");
  const absl::Status run = RunInterleaved(tasks, Repetitions(9), report);
  MUSUBI_CHECK(run.ok(), run.ToString());
  report.Note("A call of so many RSA-2048 signatures; the raw rows are two signatures each.");
  return report.Finish();
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) { return musubi::bench::Main(argc, argv); }
