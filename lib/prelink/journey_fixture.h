// What the tests of the use cases stand on: real stores in memory, one relying party, a clock that
// the test moves. For tests only.
#ifndef MUSUBI_LIB_PRELINK_JOURNEY_FIXTURE_H_
#define MUSUBI_LIB_PRELINK_JOURNEY_FIXTURE_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/crypto/ed25519.h"
#include "lib/link/sqlite_link_store.h"
#include "lib/person/sqlite_person_store.h"
#include "lib/prelink/journey.h"
#include "lib/prelink/links.h"
#include "lib/prelink/pairings.h"
#include "lib/prelink/relying_party.h"
#include "lib/prelink/sessions.h"
#include "lib/session/memory_session_store.h"
#include "tests/fakes/failing_rate_limiter.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::prelink {

template <typename T>
std::unique_ptr<T> OrDie(absl::StatusOr<std::unique_ptr<T>> made) {
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

// Remembers what it is told, by any thread; for who reads it when all are done.
class RecordingLimitObserver final : public LimitObserver {
 public:
  void OnLimited(JourneyLimit limit) override {
    base::MutexLock lock(mutex_);
    ++limited[limit];
  }
  void OnUncounted(JourneyLimit limit, const absl::Status&) override {
    base::MutexLock lock(mutex_);
    ++uncounted[limit];
  }
  void OnWrongCodeAlert(bool raised) override {
    base::MutexLock lock(mutex_);
    alert = raised;
  }

  std::map<JourneyLimit, int> limited;
  std::map<JourneyLimit, int> uncounted;
  std::optional<bool> alert;

 private:
  base::Mutex mutex_;
};

class JourneyFixture : public ::testing::Test {
 protected:
  // `changes` are members of the entry that differ from the default one, as JSON text.
  void LoadRelyingParty(const std::string& allowed_acts = R"(["LINK","UNLINK","VERIFY","REPLACE"])",
                        const std::string& allowed_flows = R"(["CROSS_DEVICE","ONE_DEVICE"])",
                        const std::string& first_step = "ACCOUNT",
                        bool allow_cross_device_verify = false) {
    const std::string keyring = crypto::Keyring::Generate("k1", random_).Serialize().Reveal();
    ASSERT_TRUE(base::WriteFileAtomically(dir_.File("subject.keyring"), keyring, 0600).ok());
    const std::string entry = R"({"relying_parties":[{"id":"demo-university",
      "name":{"ja":"見本大学","en":"Mihon University"},
      "origins":["https://prelink.example"],
      "policy_url":"https://mihon.example/policy","terms_url":"https://mihon.example/terms",
      "purpose":{"ja":"試験","en":"Test"},"consent_text_version":"2026-04",
      "requested_attributes":["NAME"],"subject_keyring_file":"subject.keyring",
      "return_uris":["https://mihon.example/back"],
      "allowed_acts":)" + allowed_acts +
                              R"(,"allowed_flows":)" + allowed_flows +
                              R"(,"allow_cross_device_verify":)" +
                              (allow_cross_device_verify ? "true" : "false") +
                              R"(,"accepted_acr":["mfa"],"account_policy":"ONE_LINK_PER_ACCOUNT",
      "first_step":")" + first_step +
                              R"(","default_locale":"ja"}]})";
    ASSERT_TRUE(base::WriteFileAtomically(dir_.File("rp.json"), entry, 0600).ok());
    auto registry = RelyingPartyRegistry::Load(dir_.File("rp.json"));
    ASSERT_TRUE(registry.ok()) << registry.status();
    registry_ = std::make_unique<RelyingPartyRegistry>(*std::move(registry));
    limits_ = std::make_unique<JourneyLimits>(
        JourneyLimits::Dependencies{
            .limiter = limiter_, .service_keyring = service_keyring_, .observer = &limit_observer_},
        LimitRates());
    journey_ = std::make_unique<Journey>(Journey::Dependencies{.sessions = sessions_,
                                                               .links = *links_store_,
                                                               .limits = *limits_,
                                                               .relying_parties = *registry_,
                                                               .random = random_,
                                                               .service_keyring = service_keyring_,
                                                               .card_keyring = card_keyring_},
                                         session::Lifetimes());
    sessions = std::make_unique<SessionUseCases>(*journey_);
    pairings = std::make_unique<PairingUseCases>(*journey_);
    links = std::make_unique<LinkUseCases>(LinkUseCases::Dependencies{.journey = *journey_,
                                                                      .persons = *persons_,
                                                                      .evidence_key = evidence_key_,
                                                                      .clock = clock_});
  }

  void SetUp() override { LoadRelyingParty(); }

  RequestId NewRequest() { return RequestId(random_.Bytes<16>()); }
  base::Secret256 NewSecret() { return base::Secret256(random_.Bytes<32>()); }

  static const Caller& Front() {
    static const Caller caller{.role = CallerRole::kFront};
    return caller;
  }
  static const Caller& University() {
    static const Caller caller{.role = CallerRole::kRelyingParty,
                               .relying_party_id = "demo-university"};
    return caller;
  }
  static session::AccountBinding Account() {
    return {"https://id.example", "u-0001", "sh***@mihon.example"};
  }
  SignIn FreshSignIn() { return {"https://id.example", "u-0001", clock_.Now(), "mfa"}; }

  CreateSessionArgs LinkArgs(session::Act act = session::Act::kLink) {
    CreateSessionArgs args{.request_id = NewRequest(),
                           .relying_party_id = "demo-university",
                           .act = act,
                           .flow_policy = session::FlowPolicy::kAny,
                           .locale = "ja",
                           .client_context = {"Firefox", "Debian 12", "Mihon-machi"}};
    if (act == session::Act::kVerify) {
      args.caller_state = "caller-state";
      args.return_uri = "https://mihon.example/back";
    } else {
      args.account = Account();
    }
    return args;
  }

  // Opens a LINK session and returns the browser's call.
  SessionCall Open(session::Act act = session::Act::kLink) {
    const auto created = sessions->Create(Front(), LinkArgs(act));
    EXPECT_TRUE(created.ok()) << created.status();
    return {created->id, created->browser_credential};
  }

  // Opens a VERIFY session as the relying party does, and returns the browser's call.
  SessionCall OpenVerify() {
    const auto created = sessions->Create(University(), LinkArgs(session::Act::kVerify));
    EXPECT_TRUE(created.ok()) << created.status();
    const auto start = sessions->ClaimStart(created->id, NewRequest(), created->start->code);
    EXPECT_TRUE(start.ok()) << start.status();
    return {created->id, start->browser_credential};
  }

  // Brings a session to PAIRED on one device and returns the app's call.
  SessionCall PairOnOneDevice(const SessionCall& browser) {
    const auto handoff = pairings->CreateHandoff(browser, NewRequest());
    EXPECT_TRUE(handoff.ok()) << handoff.status();
    const auto claimed = pairings->ClaimHandoff(browser.session_id, handoff->token, NewSecret());
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    return {browser.session_id, claimed->device_credential};
  }

  // Brings a session to PAIRED across two devices and returns the phone's call.
  SessionCall PairAcrossDevices(const SessionCall& browser) {
    const auto frame = pairings->GetQrFrame(browser);
    EXPECT_TRUE(frame.ok()) << frame.status();
    const auto claimed = pairings->ClaimQr(frame->payload.Reveal(), NewSecret());
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    EXPECT_TRUE(pairings->ConfirmCode(browser, NewRequest(), claimed->pairing_code.Reveal()).ok());
    return {claimed->session_id, claimed->device_credential};
  }

  session::SessionRecord RecordOf(const session::SessionId& id) {
    return sessions_.Get(id)->record;
  }
  session::State StateOf(const session::SessionId& id) { return journey_->Read(id)->record.state; }

  fakes::TempDir dir_;
  fakes::SimulatedClock clock_;
  fakes::FakeRandom random_;
  const crypto::Keyring service_keyring_ = crypto::Keyring::Generate("s1", random_);
  const crypto::Keyring card_keyring_ = crypto::Keyring::Generate("c1", random_);
  const crypto::Ed25519PrivateKey evidence_key_ =
      crypto::Ed25519PrivateKey::Generate("e1", random_);
  session::MemorySessionStore sessions_{clock_};
  fakes::FailingRateLimiter limiter_{clock_};
  RecordingLimitObserver limit_observer_;
  const std::unique_ptr<link::LinkStore> links_store_ = OrDie(
      link::CreateSqliteLinkStore({.clock = &clock_,
                                   .random = &random_,
                                   .audit_keyring = crypto::Keyring::Generate("a1", random_),
                                   .account_keyring = crypto::Keyring::Generate("n1", random_)},
                                  {.path = ":memory:"}));
  const std::unique_ptr<person::PersonStore> persons_ = OrDie(
      person::CreateSqlitePersonStore({.clock = &clock_,
                                       .random = &random_,
                                       .index_keyring = crypto::Keyring::Generate("i1", random_),
                                       .data_keyring = crypto::Keyring::Generate("d1", random_)},
                                      {.path = ":memory:"}));
  std::unique_ptr<RelyingPartyRegistry> registry_;
  std::unique_ptr<JourneyLimits> limits_;
  std::unique_ptr<Journey> journey_;
  std::unique_ptr<SessionUseCases> sessions;
  std::unique_ptr<PairingUseCases> pairings;
  std::unique_ptr<LinkUseCases> links;
};

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_JOURNEY_FIXTURE_H_
