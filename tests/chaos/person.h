// One person with a card, a browser and a phone who makes a journey to its end over servers that
// fail: does a step again when it is told to, asks for a new code when the old one is void, and
// begins anew when the session is lost. Notes in the ledger what was accepted.
#ifndef MUSUBI_TESTS_CHAOS_PERSON_H_
#define MUSUBI_TESTS_CHAOS_PERSON_H_

#include <functional>
#include <optional>
#include <string>

#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "sandbox/journey/connection.h"
#include "sandbox/journey/parties.h"
#include "sandbox/virtual_card.h"
#include "tests/chaos/ledger.h"

namespace musubi::chaos {

// Step is what the person does next. Not every journey has every one.
enum class Step {
  kOpen,
  kStart,    // VERIFY: the browser enters with the start code.
  kShow,     // A QR frame, or a hand-off.
  kClaim,    // The phone takes it.
  kConfirm,  // Across devices: the code is typed.
  kAsk,      // The challenge; the card signs.
  kProve,
  kConsent,
  kReturn,
  kUse,
  kDone,
};

// Plan is what the journey is for.
struct Plan {
  v1::Act act = v1::ACT_LINK;  // LINK, UNLINK or VERIFY.
  v1::Flow flow = v1::FLOW_CROSS_DEVICE;
  std::string account;
  // UNLINK, VERIFY: the link that the card has.
  std::string link_id;
  // LINK: somebody else may hold a link of this account for a while.
  bool has_rival = false;
};

// Person is for one thread.
class Person {
 public:
  // All outlive it.
  struct Dependencies {
    const base::Clock& clock;
    base::SecureRandom& random;
    const Caller& caller;
    sandbox::VirtualCard& card;
    Ledger& ledger;
  };
  Person(const Dependencies& dependencies, Plan plan);

  Step next() const { return next_; }
  // Try does the next step. On a refusal it finds out where the session stands, and what is next
  // may be an earlier step, of another session even.
  absl::Status Try();
  bool was_refused() const { return was_refused_; }
  // LINK: the link made.
  const std::string& link_id() const { return link_id_; }
  std::string Describe() const;

 private:
  absl::Status Do();
  absl::Status Open();
  absl::Status Show();
  absl::Status Claim();
  absl::Status Prove();
  absl::Status Return();
  absl::Status Use();
  absl::Status Resolve();
  // Sets what is next after a refusal.
  void Recover(const absl::Status& refusal);
  Step After(v1::SessionState state);
  void BeginAnew();
  void Spend(const std::string& kind, const std::string& value,
             std::function<absl::Status(const Caller&)> again);
  bool one_device() const { return plan_.flow == v1::FLOW_ONE_DEVICE; }
  v1::SignIn SignedIn() const;

  const Dependencies dependencies_;
  const Plan plan_;
  Step next_ = Step::kOpen;
  bool was_refused_ = false;
  int recoveries_ = 0;        // Of this session.
  bool use_unknown_ = false;  // A use was sent, and nobody knows what became of it.
  std::string last_refusal_;
  std::string link_id_;
  // Of the session.
  std::optional<sandbox::Browser> browser_;
  std::optional<sandbox::Phone> phone_;
  std::optional<sandbox::RelyingParty> relying_party_;
  v1::CreateSessionResponse opened_;
  std::string frame_;
  std::string handoff_;
  std::string code_;
  v1::SubmitProofRequest proof_;
  std::optional<v1::ConsentRequest> consent_;
  std::string return_code_;
  v1::VerifyReturn verify_return_;
  bool returned_ = false;
};

}  // namespace musubi::chaos

#endif  // MUSUBI_TESTS_CHAOS_PERSON_H_
