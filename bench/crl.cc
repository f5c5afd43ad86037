// musubi-bench-crl: `scripts/bench crl`. CRLs of a country, in one list and in 1,890: loading,
// memory, look-ups, and what a swap does to look-ups under way; beside OpenSSL's X509_CRL.
#include <malloc.h>
#include <openssl/x509.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/allocations.h"
#include "bench/clocks.h"
#include "bench/country.h"
#include "bench/percentile.h"
#include "bench/report.h"
#include "lib/base/c_deleter.h"
#include "lib/base/check.h"
#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/signature_verifier.h"
#include "lib/jpki/card_validator.h"
#include "lib/revocation/crl_store.h"
#include "tests/fakes/test_ca.h"

ABSL_FLAG(bool, openssl_10m, false, "load 10 M entries with OpenSSL too: some 2 GB, half a minute");
ABSL_FLAG(bool, quick, false, "1 M entries only");
ABSL_FLAG(bool, lookups_only, false, "no loading and no swaps, for who works on look-ups");

namespace musubi::bench {
namespace {

using base::Bytes;

constexpr int kParts = 1890;
constexpr int kMillion = 1'000'000;
constexpr int kUsualRepetitions = 3;
constexpr size_t kBatch = jpki::kCardsAtOnce;
constexpr int kLookups = 128'000;
constexpr absl::Duration kSwapTime = absl::Seconds(3);  // More than a load takes.

// Cards to look up, one in eight of them listed. A card's own octets were just parsed when it is
// looked up, so Show puts them where the caches have them.
class Cards {
 public:
  Cards(const World& world, const Country& country)
      : country_(country), key_(crypto::Sha256(world.ca.certificate().spki_der())) {
    uint32_t state = 1;
    const uint32_t entries = static_cast<uint32_t>(country.entries());
    for (int i = 0; i < kLookups; ++i) {
      state = state * 1664525u + 1013904223u;
      numbers_.push_back((state >> 3) % entries + (state % 8 == 0 ? 0 : entries));
      listed_ += numbers_.back() < entries;
    }
  }

  // A batch on a thread.
  struct Shown {
    std::array<std::array<uint8_t, 4>, kBatch> serials;
    std::array<std::array<uint8_t, 256>, kBatch> points;
    std::array<pki::CertificateView, kBatch> views;
  };
  void Show(size_t first, Shown& shown) const {
    for (size_t i = 0; i < kBatch; ++i) {
      const uint32_t n = numbers_[first + i];
      const uint32_t serial = SerialOf(n);
      for (int octet = 0; octet < 4; ++octet) {
        shown.serials[i][static_cast<size_t>(octet)] =
            static_cast<uint8_t>(serial >> (24 - 8 * octet));
      }
      const base::ByteView point = country_.Crldp(n);
      std::memcpy(shown.points[i].data(), point.data(), point.size());
      shown.views[i].serial = shown.serials[i];
      shown.views[i].crl_distribution_points = base::ByteView(shown.points[i]).first(point.size());
      shown.views[i].not_after = absl::InfiniteFuture();
    }
  }
  revocation::CrlQuery Query(const Shown& shown, size_t i, absl::Time now) const {
    return {key_, shown.views[i], now};
  }
  std::array<revocation::CrlQuery, kBatch> Queries(const Shown& shown, absl::Time now) const {
    return [&]<size_t... kI>(std::index_sequence<kI...>) {
      return std::array{Query(shown, kI, now)...};
    }
    (std::make_index_sequence<kBatch>());
  }
  size_t size() const { return numbers_.size(); }
  int listed() const { return listed_; }

 private:
  const Country& country_;
  const base::Hash256 key_;
  std::vector<uint32_t> numbers_;
  int listed_ = 0;
};

// The signatures of a batch, which are checked before its look-ups.
class Signatures {
 public:
  explicit Signatures(const World& world) : world_(world) {
    signature_ = world.ca.key().Sign(kAlgorithm, message_);
    checks_.fill({.algorithm = kAlgorithm,
                  .spki_der = world_.ca.key().spki_der(),
                  .message = message_,
                  .signature = signature_});
  }
  void Check() {
    MUSUBI_CHECK(verifier_->Verify(checks_, outcomes_).ok(), "lanes went wrong");
    MUSUBI_CHECK(outcomes_[0] == crypto::SignatureOutcome::kGood, "a good signature was refused");
  }

 private:
  static constexpr crypto::SignatureAlgorithm kAlgorithm =
      crypto::SignatureAlgorithm::kRsaPkcs1Sha256;
  const World& world_;
  const Bytes message_ = Bytes(32);
  Bytes signature_;
  std::unique_ptr<crypto::SignatureVerifier> verifier_ = *crypto::SignatureVerifier::Create({});
  std::array<crypto::SignatureCheck, 2 * kBatch> checks_;
  std::array<crypto::SignatureOutcome, 2 * kBatch> outcomes_;
};

// Returns how many of a batch were revoked.
int LookUpBatch(const revocation::CrlStore& store, const Cards& cards, const Cards::Shown& shown,
                absl::Time now) {
  std::array<pki::RevocationFinding, kBatch> findings;
  store.Lookup(cards.Queries(shown, now), now, findings);
  return static_cast<int>(std::ranges::count(findings, pki::RevocationOutcome::kRevoked,
                                             &pki::RevocationFinding::outcome));
}

// Nanoseconds a look-up, after signatures that have emptied the nearest caches and do not count.
absl::StatusOr<double> BatchNs(const revocation::CrlStore& store, const Cards& cards,
                               Signatures& signatures) {
  const uint64_t allocations = AllocationsOfThread().by_new;
  const absl::Time now = base::RealClock().Now();
  int revoked = 0;
  absl::Duration time;
  Cards::Shown shown;
  for (size_t first = 0; first < cards.size(); first += kBatch) {
    cards.Show(first, shown);
    signatures.Check();
    const absl::Duration begin = SteadyTime();
    revoked += LookUpBatch(store, cards, shown, now);
    time += SteadyTime() - begin;
  }
  if (revoked != cards.listed()) {
    return absl::InternalError("not the revocations that were listed");
  }
  if (AllocationsOfThread().by_new != allocations) {
    return absl::InternalError("a look-up allocates");
  }
  return absl::ToDoubleNanoseconds(time) / kLookups;
}

// Reads 256 MiB, so that nothing else is left in the caches.
void Evict() {
  static std::vector<uint64_t> ballast(size_t{32} << 20, 1);
  static std::atomic<uint64_t> sink;
  uint64_t sum = 0;
  for (size_t i = 0; i < ballast.size(); i += 8) sum += ballast[i];
  sink = sum;
}

absl::StatusOr<double> LoneColdNs(const revocation::CrlStore& store, const Cards& cards) {
  std::vector<double> figures;
  const absl::Time now = base::RealClock().Now();
  Cards::Shown shown;
  for (size_t i = 0; i < 31; ++i) {
    Evict();
    cards.Show(i * 997 * kBatch % cards.size(), shown);
    const absl::Duration begin = SteadyTime();
    const revocation::CrlQuery query = cards.Query(shown, 0, now);
    pki::RevocationFinding finding;
    store.Lookup({&query, 1}, now, {&finding, 1});
    figures.push_back(absl::ToDoubleNanoseconds(SteadyTime() - begin));
  }
  std::ranges::nth_element(figures, figures.begin() + 15);
  return figures[15];
}

// The time of a load that the one before decides, over 256 MiB.
absl::StatusOr<double> MemoryLatencyNs() {
  constexpr size_t kLines = size_t{4} << 20;
  struct alignas(64) Line {
    uint32_t next;
  };
  static std::vector<Line> lines;
  if (lines.empty()) {
    std::vector<uint32_t> order(kLines);
    std::iota(order.begin(), order.end(), 0u);
    uint32_t state = 1;
    for (size_t i = kLines - 1; i > 0; --i) {
      state = state * 1664525u + 1013904223u;
      std::swap(order[i], order[state % i]);
    }
    lines.resize(kLines);
    for (size_t i = 0; i < kLines; ++i) lines[order[i]].next = order[(i + 1) % kLines];
  }
  constexpr int kSteps = 1'000'000;
  static uint32_t at = 0;
  const absl::Duration begin = ThreadCpuTime();
  for (int i = 0; i < kSteps; ++i) at = lines[at].next;
  const volatile uint32_t used = at;
  (void)used;
  return absl::ToDoubleNanoseconds(ThreadCpuTime() - begin) / kSteps;
}

// "VmRSS", "VmHWM" of this process, in MiB.
double Memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == field + ":" && status >> kib) return kib / 1024;
  }
  return 0;
}

struct Rows {
  Rows(const World& world, int entries, int parts)
      : suffix(absl::StrCat(entries / kMillion, "m_", parts == 1 ? "full" : "parts")),
        country(world, entries, parts),
        cards(world, country) {}

  const std::string suffix;  // As in "10m_parts".
  const Country country;
  const Cards cards;
  std::unique_ptr<revocation::CrlStore> store;
};

absl::StatusOr<std::unique_ptr<Rows>> MakeRows(const World& world, int entries, int parts,
                                               Report& report) {
  std::cout << "making " << entries / kMillion << " M entries in " << parts << std::endl;
  auto rows = std::make_unique<Rows>(world, entries, parts);
  const std::string& suffix = rows->suffix;
  // First, while the heap is as it was.
  malloc_trim(0);
  const double before = Memory("VmRSS");
  MUSUBI_ASSIGN_OR_RETURN(rows->store, rows->country.Open());
  malloc_trim(0);
  report.Add(absl::StrCat("memory_", suffix), "MiB", Memory("VmRSS") - before);
  rows->country.WriteLists(2);
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
  const double base = Memory("VmHWM");
  MUSUBI_RETURN_IF_ERROR(rows->store->Reload());
  report.Add(absl::StrCat("memory_swap_peak_", suffix), "MiB",
             Memory("VmHWM") - base + (base - before));
  const double bound = 64 + 8.0 * entries / (1 << 20);
  report.AddTarget({.row = absl::StrCat("memory_", suffix), .factor = 0, .plus = bound});
  report.AddTarget(
      {.row = absl::StrCat("memory_swap_peak_", suffix), .factor = 0, .plus = 2 * bound + 64});
  report.AddTarget({.row = absl::StrCat("lookup_batch_", suffix), .factor = 0, .plus = 100});
  return rows;
}

double MsOf(absl::Duration time) { return absl::ToDoubleMilliseconds(time); }

absl::StatusOr<double> LoadMs(const Country& country) {
  const absl::Duration begin = ProcessCpuTime();
  MUSUBI_ASSIGN_OR_RETURN(const auto store, country.Open());
  return MsOf(ProcessCpuTime() - begin);
}

absl::StatusOr<double> OpensslMs(const Country& country) {
  std::ifstream file(country.File(0), std::ios::binary);
  const std::string der{std::istreambuf_iterator<char>(file), {}};
  const absl::Duration begin = ThreadCpuTime();
  const auto* at = reinterpret_cast<const uint8_t*>(der.data());
  const std::unique_ptr<X509_CRL, base::CDeleter<X509_CRL_free>> crl(
      d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
  const std::unique_ptr<ASN1_INTEGER, base::CDeleter<ASN1_INTEGER_free>> serial(ASN1_INTEGER_new());
  ASN1_INTEGER_set_int64(serial.get(), SerialOf(5));
  X509_REVOKED* found = nullptr;
  if (crl == nullptr || X509_CRL_get0_by_serial(crl.get(), &found, serial.get()) != 1) {
    return absl::InternalError("OpenSSL does not find what is listed");
  }
  return MsOf(ThreadCpuTime() - begin);
}

// What one thread saw of its batches, signatures included, in its own CPU time: what the loader or
// anybody else takes of a processor is not a delay by the swap.
struct Seen {
  std::vector<int64_t> batches;  // Nanoseconds.
  long blocked = 0;              // How often it waited for something.
};

void LookUpUntil(const std::atomic<bool>& stop, const World& world, const Rows& rows, Seen& seen) {
  Signatures signatures(world);
  const absl::Time now = base::RealClock().Now();
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_THREAD, &before);
  Cards::Shown shown;
  for (size_t first = 0; !stop; first = (first + kBatch) % rows.cards.size()) {
    rows.cards.Show(first, shown);
    const absl::Duration begin = ThreadCpuTime();
    signatures.Check();
    LookUpBatch(*rows.store, rows.cards, shown, now);
    seen.batches.push_back(absl::ToInt64Nanoseconds(ThreadCpuTime() - begin));
  }
  getrusage(RUSAGE_THREAD, &after);
  seen.blocked = after.ru_nvcsw - before.ru_nvcsw;
}

// Two threads look up in batches while lists are replaced, and while none is.
absl::Status MeasureSwap(const World& world, Rows& rows, Report& report) {
  uint64_t number = 3;
  double usual = 0;
  for (int repetition = 0; repetition < Repetitions(kUsualRepetitions); ++repetition) {
    for (const bool swapping : {false, true}) {
      if (swapping) rows.country.WriteLists(number++);
      std::atomic<bool> stop = false;
      std::array<Seen, 2> seen;
      std::vector<std::thread> threads;
      for (Seen& thread : seen) {
        threads.emplace_back([&] { LookUpUntil(stop, world, rows, thread); });
      }
      const absl::Duration begin = SteadyTime();
      const absl::Status status = swapping ? rows.store->Reload() : absl::OkStatus();
      Rest(kSwapTime - (SteadyTime() - begin));
      stop = true;
      for (std::thread& thread : threads) thread.join();
      MUSUBI_RETURN_IF_ERROR(status);
      std::vector<int64_t> all;
      for (const Seen& thread : seen)
        all.insert(all.end(), thread.batches.begin(), thread.batches.end());
      std::ranges::sort(all);
      const std::string when = swapping ? "while_swapping" : "without_swap";
      const auto us = [&](double ns) { return ns / 1e3; };
      report.Add("batch_" + when, "us", us(static_cast<double>(Percentile(all, 50))));
      report.Add("longest_batch_" + when, "us", us(static_cast<double>(all.back())));
      if (swapping) {
        report.Add("waits_while_swapping", "",
                   static_cast<double>(seen[0].blocked + seen[1].blocked));
      } else {
        usual = std::max(usual, us(static_cast<double>(Percentile(all, 50))));
      }
    }
  }
  report.AddTarget({.row = "longest_batch_while_swapping",
                    .factor = 1,
                    .of = "longest_batch_without_swap",
                    .plus = usual});
  return absl::OkStatus();
}

absl::Status Measure(Report& report) {
  const World world;
  Signatures signatures(world);
  const bool lookups_only = absl::GetFlag(FLAGS_lookups_only);
  std::vector<std::unique_ptr<Rows>> all;
  std::vector<Task> tasks;
  for (const int millions : {1, 10}) {
    if (millions > 1 && absl::GetFlag(FLAGS_quick)) continue;
    for (const int parts : {1, kParts}) {
      MUSUBI_ASSIGN_OR_RETURN(all.emplace_back(),
                              MakeRows(world, millions * kMillion, parts, report));
      Rows* rows = all.back().get();
      if (!lookups_only)
        tasks.push_back(
            {absl::StrCat("load_", rows->suffix), "ms", [rows] { return LoadMs(rows->country); }});
      tasks.push_back({absl::StrCat("lookup_batch_", rows->suffix), "ns", [rows, &signatures] {
                         return BatchNs(*rows->store, rows->cards, signatures);
                       }});
      tasks.push_back({absl::StrCat("lookup_lone_cold_", rows->suffix), "ns",
                       [rows] { return LoneColdNs(*rows->store, rows->cards); }});
      const std::string openssl = absl::StrCat("openssl_parse_and_first_lookup_", millions, "m");
      if (lookups_only) continue;
      if (parts == 1 && (millions == 1 || absl::GetFlag(FLAGS_openssl_10m))) {
        tasks.push_back({openssl, "ms", [rows] { return OpensslMs(rows->country); }});
        report.AddTarget(
            {.row = absl::StrCat("load_", rows->suffix), .factor = 0.1, .of = openssl});
      } else if (parts == 1) {
        report.Absent(openssl, "only with --openssl_10m");
      }
    }
  }
  tasks.push_back({"memory_latency", "ns", MemoryLatencyNs});
  MUSUBI_RETURN_IF_ERROR(RunInterleaved(tasks, Repetitions(kUsualRepetitions), report));
  if (!lookups_only) MUSUBI_RETURN_IF_ERROR(MeasureSwap(world, *all.front(), report));
  report.Note(
      "Entries of 37 octets in no order; load_ is CPU time from the file to answers, signature "
      "included; OpenSSL's row has no signature check. lookup_ is one card: in batches as large as "
      "CardValidator's, both of its signatures checked before and not counted; or alone after 256 "
      "MiB of other memory. batch_ is CPU time of one with its signatures, on "
      "two "
      "threads while a load runs or none; waits_ is how often these threads gave up the "
      "processor.");
  return absl::OkStatus();
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("measures CRLs of a country: loading, memory, look-ups, swaps");
  absl::ParseCommandLine(argc, argv);
  musubi::bench::Report report("crl");
  const absl::Status status = musubi::bench::Measure(report);
  if (status.ok()) return report.Finish();
  std::cerr << "musubi-bench-crl: " << status.ToString() << "\n";
  return 1;
}
