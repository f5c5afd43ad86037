// 64 clients at three replicas that share one Redis and one PostgreSQL claim, confirm, prove and
// link the same session, all at the same moment: at each step one of them wins, and the others are
// told why not. MUSUBI_RACE_ROUNDS says how many sessions (kUsualRounds); `scripts/test chaos`
// takes 1,000.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "lib/base/check.h"
#include "lib/base/secure_random.h"
#include "lib/limits/memory_rate_limiter.h"
#include "lib/link/postgres_link_schema.h"
#include "lib/link/postgres_link_store.h"
#include "lib/person/postgres_person_schema.h"
#include "lib/person/postgres_person_store.h"
#include "lib/prelink/card_fixture.h"
#include "lib/session/redis_store_fixture.h"
#include "tests/fakes/postgres_server.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using session::State;

constexpr size_t kClients = 64;
constexpr size_t kReplicas = 3;
constexpr int kUsualRounds = 5;
// A client whose call lost too often to others is told to try again (UNAVAILABLE). It does.
constexpr int kMaxTries = 20;

int Rounds() {
  const char* const text = std::getenv("MUSUBI_RACE_ROUNDS");
  int rounds = kUsualRounds;
  MUSUBI_CHECK(text == nullptr || (absl::SimpleAtoi(text, &rounds) && rounds > 0),
               "MUSUBI_RACE_ROUNDS is a number from 1 on");
  return rounds;
}

std::string NewMigratedDatabase() {
  fakes::PostgresServer& server = fakes::PostgresServer::Shared();
  std::string database = server.NewDatabase();
  const auto connection = postgres::Connection::Open(server.Conninfo(database), {});
  MUSUBI_CHECK(connection.ok(), connection.status().ToString());
  for (const postgres::Schema& schema :
       {link::kPostgresLinkSchema, person::kPostgresPersonSchema}) {
    const auto migrated = Migrate(**connection, schema);
    MUSUBI_CHECK(migrated.ok(), migrated.status().ToString());
  }
  return database;
}

// What all replicas are made with.
struct Shared {
  const base::Clock& clock;
  const std::string conninfo;
  const std::string redis_prefix;
  const JourneyLimits& limits;
  const RelyingPartyRegistry& relying_parties;
  const crypto::Keyring& service_keyring;
  const crypto::Keyring& card_keyring;
  const crypto::Keyring& audit_keyring;
  const crypto::Keyring& account_keyring;
  const crypto::Keyring& index_keyring;
  const crypto::Keyring& data_keyring;
  const crypto::Ed25519PrivateKey& evidence_key;
  const CertificateValidation& validation;
  const jpki::NameIssuers& name_issuers;
};

// The stores and use cases of one musubid.
class Replica {
 public:
  explicit Replica(const Shared& shared)
      : redis_(session::SharedRedis(),
               {.prefix = shared.redis_prefix,
                .timeout = absl::Minutes(1),
                // The sessions' time stands still, however long the race takes.
                .time_offset = [&shared] { return shared.clock.Now() - base::RealClock().Now(); }}),
        links_(OrDie(link::CreatePostgresLinkStore({.clock = &shared.clock,
                                                    .random = &random_,
                                                    .audit_keyring = shared.audit_keyring,
                                                    .account_keyring = shared.account_keyring},
                                                   {.conninfo = shared.conninfo}))),
        persons_(OrDie(person::CreatePostgresPersonStore({.clock = &shared.clock,
                                                          .random = &random_,
                                                          .index_keyring = shared.index_keyring,
                                                          .data_keyring = shared.data_keyring},
                                                         {.conninfo = shared.conninfo}))),
        journey_({.sessions = redis_.store(),
                  .links = *links_,
                  .limits = shared.limits,
                  .relying_parties = shared.relying_parties,
                  .random = random_,
                  .service_keyring = shared.service_keyring,
                  .card_keyring = shared.card_keyring},
                 session::Lifetimes()),
        proofs({.journey = journey_,
                .validation = shared.validation,
                .name_issuers = shared.name_issuers,
                .revocation_mode = revocation::RevocationMode::kOcspOnly}),
        links({.journey = journey_,
               .persons = *persons_,
               .evidence_key = shared.evidence_key,
               .clock = shared.clock}) {}

  session::SessionStore& session_store() { return redis_.store(); }
  link::LinkStore& link_store() { return *links_; }

 private:
  base::SystemRandom random_;
  session::RedisReplica redis_;
  const std::unique_ptr<link::LinkStore> links_;
  const std::unique_ptr<person::PersonStore> persons_;
  const Journey journey_;

 public:
  const SessionUseCases sessions{journey_};
  const PairingUseCases pairings{journey_};
  const ProofUseCases proofs;
  const LinkUseCases links;
};

// kClients threads, each of which talks to the replica of its number.
class Clients {
 public:
  using Call = std::function<absl::Status(Replica&, size_t client)>;
  using Told = std::array<absl::Status, kClients>;

  explicit Clients(std::vector<std::unique_ptr<Replica>>& replicas) : replicas_(replicas) {
    for (size_t i = 0; i < kClients; ++i) threads_.emplace_back([this, i] { Run(i); });
  }
  ~Clients() {
    call_ = nullptr;
    line_.arrive_and_wait();
    for (std::thread& thread : threads_) thread.join();
  }

  // All make the call at the same moment.
  const Told& All(Call call) {
    call_ = std::move(call);
    line_.arrive_and_wait();  // They run...
    line_.arrive_and_wait();  // ...and have come in.
    return told_;
  }

  int tried_again() const { return tried_again_; }

 private:
  void Run(size_t client) {
    while (true) {
      line_.arrive_and_wait();
      if (call_ == nullptr) return;
      for (int tries = 1;; ++tries) {
        told_[client] = call_(*replicas_[client % replicas_.size()], client);
        if (base::ReasonOf(told_[client]) != ErrorReason::kUnavailable || tries == kMaxTries) break;
        ++tried_again_;
      }
      line_.arrive_and_wait();
    }
  }

  std::vector<std::unique_ptr<Replica>>& replicas_;
  std::barrier<> line_{kClients + 1};
  Call call_;
  Told told_;
  std::atomic<int> tried_again_ = 0;
  std::vector<std::thread> threads_;
};

class RaceTest : public CardFixture {
 protected:
  void SetUp() override {
    CardFixture::SetUp();
    shared_ = std::make_unique<Shared>(
        Shared{.clock = clock_,
               .conninfo = fakes::PostgresServer::Shared().Conninfo(database_),
               .redis_prefix = session::FreshPrefix(),
               .limits = wide_limits_,
               .relying_parties = *registry_,
               .service_keyring = service_keyring_,
               .card_keyring = card_keyring_,
               .audit_keyring = audit_keyring_,
               .account_keyring = account_keyring_,
               .index_keyring = index_keyring_,
               .data_keyring = data_keyring_,
               .evidence_key = evidence_key_,
               .validation = validation_,
               .name_issuers = name_issuers_});
    for (size_t i = 0; i < kReplicas; ++i) {
      replicas_.push_back(std::make_unique<Replica>(*shared_));
    }
    clients_ = std::make_unique<Clients>(replicas_);
  }

  // The number of the only client that was told OK. The others are told one of `losers`.
  std::optional<size_t> OnlyWinner(const std::string& step, const std::set<ErrorReason>& losers,
                                   const Clients::Call& call) {
    const Clients::Told& told = clients_->All(call);
    std::vector<size_t> winners;
    for (size_t i = 0; i < kClients; ++i) {
      const auto reason = base::ReasonOf(told[i]);
      if (told[i].ok()) {
        winners.push_back(i);
      } else {
        EXPECT_TRUE(reason.has_value() && losers.contains(*reason)) << step << ": " << told[i];
        ++told_[step + ": " + (reason.has_value() ? std::string(base::Name(*reason)) : "?")];
      }
    }
    EXPECT_EQ(winners.size(), 1u) << step;
    if (winners.size() != 1) return std::nullopt;
    return winners.front();
  }

  // A card of the round's own, of which the responder will say that it is good.
  base::Bytes NewCard(uint64_t round) {
    base::Bytes der = ca_.Issue(ca_.CardSpec(card_key_, 0x10000000 + round));
    responder_.Behave(
        [id = fakes::CertIdDer(ca_.certificate(), fakes::ParseCertificate(der).serial())](
            fakes::OcspSpec& spec) { spec.answers[0].cert_id = id; });
    return der;
  }

  session::SessionRecord Record(const session::SessionId& id) {
    const auto stored = replicas_[0]->session_store().Get(id);
    EXPECT_TRUE(stored.ok()) << stored.status();
    return stored->record;
  }

  // One session from its opening to its link. False: it did not get that far.
  bool Round(uint64_t round);
  std::optional<ClaimedQr> Claim(const SessionCall& browser);
  bool Confirm(const SessionCall& browser, const std::string& code);
  bool ProveBy(const SessionCall& phone, const base::Bytes& card_der);
  bool Link(const session::SessionId& id, const SignIn& sign_in);

  const std::string database_ = NewMigratedDatabase();
  const crypto::Keyring audit_keyring_ = crypto::Keyring::Generate("a1", random_);
  const crypto::Keyring account_keyring_ = crypto::Keyring::Generate("n1", random_);
  const crypto::Keyring index_keyring_ = crypto::Keyring::Generate("i1", random_);
  const crypto::Keyring data_keyring_ = crypto::Keyring::Generate("d1", random_);
  // The clock stands still.
  limits::MemoryRateLimiter wide_limiter_{clock_};
  const JourneyLimits wide_limits_{
      {.limiter = wide_limiter_, .service_keyring = service_keyring_},
      {.account_sessions = {limits::Limit::kMaxCount, absl::Hours(1)}}};
  std::unique_ptr<Shared> shared_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::unique_ptr<Clients> clients_;
  std::map<std::string, int> told_;  // How often who lost was told what.
};

std::optional<ClaimedQr> RaceTest::Claim(const SessionCall& browser) {
  const auto frame = replicas_[0]->pairings.GetQrFrame(browser);
  EXPECT_TRUE(frame.ok()) << frame.status();
  if (!frame.ok()) return std::nullopt;
  std::vector<base::Secret256> claim_keys;
  for (size_t i = 0; i < kClients; ++i) claim_keys.push_back(NewSecret());
  std::vector<std::optional<ClaimedQr>> claims(kClients);
  const auto winner = OnlyWinner(
      "claim", {ErrorReason::kAlreadyClaimed}, [&](Replica& replica, size_t i) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(claims[i],
                                replica.pairings.ClaimQr(frame->payload.Reveal(), claim_keys[i]));
        return absl::OkStatus();
      });
  if (!winner.has_value()) return std::nullopt;
  const session::SessionRecord after = Record(browser.session_id);
  EXPECT_EQ(after.state, State::kClaimed);
  EXPECT_EQ(after.device_credential, HashOf(claims[*winner]->device_credential));
  EXPECT_TRUE(after.second_phone_refused);
  return claims[*winner];
}

bool RaceTest::Confirm(const SessionCall& browser, const std::string& code) {
  std::vector<RequestId> requests;
  for (size_t i = 0; i < kClients; ++i) requests.push_back(NewRequest());
  const auto winner =
      OnlyWinner("confirm", {ErrorReason::kWrongState}, [&](Replica& replica, size_t i) {
        return replica.pairings.ConfirmCode(browser, requests[i], code);
      });
  const session::SessionRecord after = Record(browser.session_id);
  EXPECT_EQ(after.state, State::kPaired);
  EXPECT_EQ(after.wrong_codes, 0);
  return winner.has_value();
}

bool RaceTest::ProveBy(const SessionCall& phone, const base::Bytes& card_der) {
  const auto issued = replicas_[0]->proofs.GetChallenge(phone);
  EXPECT_TRUE(issued.ok()) << issued.status();
  if (!issued.ok()) return false;
  // One proof, by which 64 try to get in.
  const SubmitProofArgs proof = Prove(*issued, card_key_, card_der);
  std::vector<SubmitProofArgs> tries;
  for (size_t i = 0; i < kClients; ++i) {
    tries.push_back(proof);
    tries.back().request_id = NewRequest();
  }
  const absl::Time deadline = clock_.Now() + absl::Seconds(5);
  const auto winner =
      OnlyWinner("prove", {ErrorReason::kChallengeInvalid, ErrorReason::kWrongState},
                 [&](Replica& replica, size_t i) -> absl::Status {
                   MUSUBI_ASSIGN_OR_RETURN(const ProofAnswer answer,
                                           replica.proofs.SubmitProof(phone, tries[i], deadline));
                   EXPECT_TRUE(answer.verdict.valid()) << pki::Name(answer.verdict.reason);
                   EXPECT_EQ(answer.state, State::kProven);
                   return absl::OkStatus();
                 });
  const session::SessionRecord after = Record(phone.session_id);
  EXPECT_EQ(after.state, State::kProven);
  EXPECT_EQ(after.proofs, 1) << "the nonce was used more than once";
  return winner.has_value();
}

bool RaceTest::Link(const session::SessionId& id, const SignIn& sign_in) {
  std::vector<RequestId> requests;
  for (size_t i = 0; i < kClients; ++i) requests.push_back(NewRequest());
  std::vector<std::optional<MadeLink>> made(kClients);
  const auto winner = OnlyWinner(
      "link", {ErrorReason::kSessionAlreadyUsed}, [&](Replica& replica, size_t i) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(made[i], replica.links.CreateLink(id, requests[i], sign_in));
        return absl::OkStatus();
      });
  if (!winner.has_value()) return false;
  EXPECT_EQ(Record(id).state, State::kUsed);
  const auto listed = replicas_[0]->links.ListLinks(
      Front(), {.account = link::Account{sign_in.issuer, sign_in.subject}, .include_ended = true});
  EXPECT_TRUE(listed.ok()) << listed.status();
  if (!listed.ok()) return false;
  EXPECT_EQ(listed->items.size(), 1u);
  EXPECT_EQ(listed->items.at(0).link.id, made[*winner]->link.id);
  return true;
}

bool RaceTest::Round(uint64_t round) {
  const std::string account = "u-" + std::to_string(round);
  const base::Bytes card_der = NewCard(round);
  CreateSessionArgs args = LinkArgs();
  args.account->subject = account;
  const auto created = replicas_[0]->sessions.Create(Front(), args);
  EXPECT_TRUE(created.ok()) << created.status();
  if (!created.ok()) return false;
  const SessionCall browser{created->id, created->browser_credential};
  const std::optional<ClaimedQr> claimed = Claim(browser);
  if (!claimed.has_value()) return false;
  const SessionCall phone{created->id, claimed->device_credential};
  if (!Confirm(browser, claimed->pairing_code.Reveal()) || !ProveBy(phone, card_der)) return false;
  const auto consent = replicas_[0]->proofs.GrantConsent(phone, NewRequest(), "2026-04", {"name"});
  EXPECT_TRUE(consent.ok()) << consent.status();
  if (!consent.ok()) return false;
  SignIn sign_in = FreshSignIn();
  sign_in.subject = account;
  return Link(created->id, sign_in);
}

TEST_F(RaceTest, OneOfSixtyFourClientsWinsEachStepOfASession) {
  const int rounds = Rounds();
  for (int round = 0; round < rounds; ++round) {
    ASSERT_TRUE(Round(static_cast<uint64_t>(round))) << "round " << round;
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
  const auto connection = postgres::Connection::Open(shared_->conninfo, {});
  ASSERT_TRUE(connection.ok()) << connection.status();
  for (const std::string count :
       {"count(*) FROM musubi_link.links", "count(DISTINCT session_id) FROM musubi_link.links",
        "count(*) FROM musubi_link.requests", "count(*) FROM musubi_link.session_end",
        "count(*) FROM musubi_link.audit", "count(*) FROM musubi_person.persons"}) {
    const auto rows = (*connection)->Query("SELECT " + count);
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ(rows->row(0).Int(0), rounds) << count;
  }
  link::LinkStore& links_of_one = replicas_[0]->link_store();
  const auto head = links_of_one.ExportHead();
  ASSERT_TRUE(head.ok()) << head.status();
  const auto report = replicas_[1]->link_store().VerifyChain(*head);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->ok && report->tail_checked) << report->what;
  EXPECT_EQ(report->count, rounds);
  // For who reads the results: whether the clients met at all.
  for (const auto& [what, count] : told_) std::cout << what << " " << count << "\n";
  std::cout << "rounds " << rounds << ", called again because UNAVAILABLE "
            << clients_->tried_again() << "\n";
}

}  // namespace
}  // namespace musubi::prelink
