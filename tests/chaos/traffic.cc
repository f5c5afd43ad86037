#include "tests/chaos/traffic.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/mutex.h"
#include "sandbox/stage/stage.h"

namespace musubi::chaos {
namespace {

// A try that has no answer by then goes to another replica: longer than musubid waits for its
// stores (2 s), so that what it says of them arrives.
constexpr absl::Duration kTry = absl::Seconds(3);
// How long a front hides from the person that nobody answers.
constexpr absl::Duration kRepeats = absl::Seconds(6);
// A card that is linked is shown or unlinked next, one in three times unlinked.
constexpr uint32_t kUnlinkOneIn = 3;
// One journey in so many is for an account that two threads want.
constexpr int kRivalOneIn = 6;

std::shared_ptr<grpc::Channel> NewChannel(const std::vector<int>& ports) {
  std::string target = "ipv4:";
  for (const int port : ports) {
    absl::StrAppend(&target, target.back() == ':' ? "" : ",", "127.0.0.1:", port);
  }
  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName("round_robin");
  // Each caller is a front of its own, with connections of its own.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // A replica that is back is found soon.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 500);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

void Rest(absl::Duration duration) {
  base::Mutex mutex;
  base::CondVar never;
  base::MutexLock lock(mutex);
  never.WaitFor(mutex, absl::ToChronoMilliseconds(duration));
}

Caller NewCaller(const base::Clock& clock, Ledger& ledger, const std::vector<int>& ports) {
  Caller caller = {
      .front = sandbox::Connection::Over(clock, NewChannel(ports), "front"),
      .relying_party = sandbox::Connection::Over(
          clock, NewChannel(ports), absl::StrCat("relying-party/", sandbox::Stage::kRelyingParty))};
  const auto again = [&ledger](const absl::Status& status, absl::Duration so_far) {
    if (!IsTransient(status) || so_far > kRepeats) return false;
    ledger.Refused(status);
    Rest(absl::Milliseconds(100));
    return true;
  };
  for (sandbox::Connection* one : {caller.front.get(), caller.relying_party.get()}) {
    one->BePatient({.deadline = kTry, .again = again});
  }
  return caller;
}

Traffic::Traffic(const base::Clock& clock, base::SecureRandom& random, Ledger& ledger,
                 const std::vector<std::unique_ptr<sandbox::VirtualCard>>& cards, Options options)
    : clock_(clock), random_(random), ledger_(ledger), cards_(cards), options_(std::move(options)) {
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this, i] { Run(i); });
}

void Traffic::Stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool Traffic::Finish(Person& person, std::mt19937& chance) {
  const absl::Time began = clock_.Now();
  while (person.next() != Step::kDone) {
    if (clock_.Now() - began > options_.patience) {
      ledger_.Stuck(person.Describe());
      return false;
    }
    // People take their time, so that every fault finds journeys at every step.
    Rest(absl::Milliseconds(person.Try().ok() ? chance() % 40 : 200));
  }
  return true;
}

void Traffic::Run(int thread) {
  struct Held {
    sandbox::VirtualCard* card;
    std::string account = {};
    std::string link_id = {};  // Empty: the card has no link.
  };
  std::mt19937 chance(options_.seed * 1000 + static_cast<uint32_t>(thread));
  std::vector<Held> cards;
  for (size_t i = static_cast<size_t>(thread); i < cards_.size() - options_.reserved_cards;
       i += static_cast<size_t>(options_.threads)) {
    cards.push_back({.card = cards_[i].get()});
  }
  const Caller caller = NewCaller(clock_, ledger_, options_.ports);
  int rounds = 0;
  // Unlinks before it ends what another thread waits for.
  bool owes_unlink = false;
  Held* held = nullptr;
  while (!stopping_ || owes_unlink) {
    ++rounds;
    if (!owes_unlink) held = &cards[chance() % cards.size()];
    Plan plan = {.flow = chance() % 2 == 0 ? v1::FLOW_ONE_DEVICE : v1::FLOW_CROSS_DEVICE,
                 .account = held->account,
                 .link_id = held->link_id};
    if (held->link_id.empty()) {
      plan.act = v1::ACT_LINK;
      plan.has_rival = rounds % kRivalOneIn == 0;
      held->account = plan.account =
          plan.has_rival
              ? absl::StrCat(options_.name, "-pair-", thread / 2, "-", rounds / (4 * kRivalOneIn))
              : absl::StrCat(options_.name, "-", thread, "-", rounds);
    } else if (owes_unlink || chance() % kUnlinkOneIn == 0) {
      plan.act = v1::ACT_UNLINK;
    } else {
      plan.act = v1::ACT_VERIFY;
      plan.flow = v1::FLOW_ONE_DEVICE;
    }
    const absl::Time began = clock_.Now();
    Person person({.clock = clock_,
                   .random = random_,
                   .caller = caller,
                   .card = *held->card,
                   .ledger = ledger_},
                  plan);
    if (!Finish(person, chance)) {
      // What became of this card is not known: it is laid aside.
      cards.erase(std::find_if(cards.begin(), cards.end(),
                               [held](const Held& one) { return &one == held; }));
      owes_unlink = false;
      if (cards.empty()) return;
      continue;
    }
    ledger_.Ended(thread, began, person.was_refused());
    if (plan.act == v1::ACT_LINK) held->link_id = person.link_id();
    if (plan.act == v1::ACT_UNLINK) held->link_id.clear();
    owes_unlink = plan.has_rival;
  }
}

void PresentAgain(const base::Clock& clock, Ledger& ledger, const std::vector<int>& ports,
                  const std::vector<Spent>& spent) {
  const Caller caller = NewCaller(clock, ledger, ports);
  for (const Spent& one : spent) {
    for (int i = 0; i < 2; ++i) {
      const absl::Status again = one.again(caller);
      if (again.ok()) {
        ledger.Violation("a " + one.kind + " was accepted when it was presented again");
      } else {
        ledger.Replayed(again);
      }
    }
  }
}

}  // namespace musubi::chaos
