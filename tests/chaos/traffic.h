// Steady journeys: several people at once, each on a thread of their own with connections of their
// own, who link, verify and unlink their cards over and over.
#ifndef MUSUBI_TESTS_CHAOS_TRAFFIC_H_
#define MUSUBI_TESTS_CHAOS_TRAFFIC_H_

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "sandbox/virtual_card.h"
#include "tests/chaos/ledger.h"
#include "tests/chaos/person.h"

namespace musubi::chaos {

// Rest lets the thread wait: between the steps of a person, and while a fault lasts.
void Rest(absl::Duration duration);

// NewCaller calls the ports of 127.0.0.1 in turn (gRPC's round robin), and repeats each request
// with the same id while nobody answers, for some seconds. The clock and the ledger outlive it.
Caller NewCaller(const base::Clock& clock, Ledger& ledger, const std::vector<int>& ports);

// Traffic runs from its construction on.
class Traffic {
 public:
  struct Options {
    uint32_t seed = 1;
    int threads = 8;
    size_t reserved_cards = 0;  // At the end: not for these people.
    std::vector<int> ports;
    // Of the names of accounts, so that no two runs over one store share one.
    std::string name;
    // Who is stuck for so long will not come through.
    absl::Duration patience = absl::Seconds(60);
  };
  // All outlive it. Each thread takes its share of the cards.
  Traffic(const base::Clock& clock, base::SecureRandom& random, Ledger& ledger,
          const std::vector<std::unique_ptr<sandbox::VirtualCard>>& cards, Options options);
  ~Traffic() { Stop(); }
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  // Each ends the journey that it is in.
  void Stop();

 private:
  void Run(int thread);
  // Whether it came through.
  bool Finish(Person& person, std::mt19937& chance);

  const base::Clock& clock_;
  base::SecureRandom& random_;
  Ledger& ledger_;
  const std::vector<std::unique_ptr<sandbox::VirtualCard>>& cards_;
  const Options options_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
};

// PresentAgain shows every value of `spent` twice more to each of the ports in turn: what came back
// from the past refuses the first time for the store's failover, and may not accept the second
// time.
void PresentAgain(const base::Clock& clock, Ledger& ledger, const std::vector<int>& ports,
                  const std::vector<Spent>& spent);

}  // namespace musubi::chaos

#endif  // MUSUBI_TESTS_CHAOS_TRAFFIC_H_
