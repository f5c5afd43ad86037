#include "bench/load/inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bench/load/engine.h"
#include "bench/load/question_file.h"
#include "lib/base/file.h"
#include "sandbox/certificate_profile.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::bench {
namespace {

namespace fs = std::filesystem;
using crypto::SignatureDispatch;
using testing::HasSubstr;

constexpr size_t kCards = 200;

// Moves on by a second whenever it is asked.
class TickingClock final : public base::Clock {
 public:
  explicit TickingClock(fakes::SimulatedClock& clock) : clock_(clock) {}
  absl::Time Now() const override {
    clock_.Advance(absl::Seconds(1));
    return clock_.Now();
  }

 private:
  fakes::SimulatedClock& clock_;
};

// One directory for all, since making keys takes seconds.
class LoadInputsTest : public testing::Test {
 protected:
  static InputsOptions Options() {
    static const fakes::TempDir directory;
    return {.directory = directory.File("inputs"),
            .cards = kCards,
            .keys = 3,
            .revoked = 0.1,
            .expired = 0.05,
            .forged = 0.2,
            .crl_entries = 30,
            .swap_crl_entries = 500,
            .ocsp_port = 7999};
  }
  static std::string File(const std::string& name) { return Options().directory + "/" + name; }

  absl::Status Make(const InputsOptions& options) {
    said_.clear();
    return MakeInputs(TickingClock(clock_), options,
                      [this](std::string_view said) { said_ += said; });
  }
  static std::vector<v1::LoadQuestion> Questions(const std::string& name = "questions.bin") {
    return ReadQuestions(File(name)).value();
  }
  void SetUp() override { ASSERT_EQ(Make(Options()), absl::OkStatus()); }

  // Of all tests too: what was made in the future is made anew.
  static inline fakes::SimulatedClock clock_;
  std::string said_;
};

TEST_F(LoadInputsTest, HoldsTheSharesThatWereAskedFor) {
  std::map<std::pair<int, int>, int> count;
  std::set<uint64_t> serials;
  std::set<std::string> subjects;
  for (const v1::LoadQuestion& question : Questions()) {
    ++count[{question.status(), question.reason()}];
    serials.insert(sandbox::SerialOf(base::AsBytes(question.query().certificate())).value());
    subjects.insert(question.query().proof().message());
  }
  using namespace musubi::v1;  // NOLINT(google-build-using-namespace)
  const std::map<std::pair<int, int>, int> wanted = {
      {{VERDICT_STATUS_VALID, VERDICT_REASON_UNSPECIFIED}, 130},
      {{VERDICT_STATUS_INVALID, VERDICT_REASON_REVOKED}, 20},
      {{VERDICT_STATUS_INVALID, VERDICT_REASON_EXPIRED}, 10},
      {{VERDICT_STATUS_INVALID, VERDICT_REASON_BAD_ISSUER_SIGNATURE}, 20},
      {{VERDICT_STATUS_INVALID, VERDICT_REASON_POSSESSION_FAILED}, 20}};
  EXPECT_EQ(count, wanted);
  EXPECT_EQ(serials.size(), kCards);
  EXPECT_EQ(subjects.size(), kCards);
}

TEST_F(LoadInputsTest, TheEngineFindsEveryVerdictThatIsDueBeforeAndAfterTheSwap) {
  const auto questions = Questions();
  for (const auto dispatch : {SignatureDispatch::kAuto, SignatureDispatch::kScalar}) {
    const auto engine = LoadEngine::Create(clock_, Options().directory, dispatch);
    ASSERT_TRUE(engine.ok()) << engine.status();
    EXPECT_EQ((*engine)->Judge(questions), absl::OkStatus());
    const std::string list = File("world/crl/auth-03-full.crl");
    const std::string before = base::ReadFile(list).value();
    fs::copy_file(SwapPath(Options().directory), list, fs::copy_options::overwrite_existing);
    EXPECT_EQ((*engine)->ReloadCrls(), absl::OkStatus());
    EXPECT_EQ((*engine)->crl_epoch(), 2);
    EXPECT_EQ((*engine)->Judge(questions), absl::OkStatus());
    ASSERT_EQ(base::WriteFileAtomically(list, before, 0644), absl::OkStatus());
  }
}

TEST_F(LoadInputsTest, TheEngineNoticesAWrongVerdict) {
  auto questions = Questions();
  questions[kCards - 1].set_status(musubi::v1::VERDICT_STATUS_INDETERMINATE);
  const auto engine = LoadEngine::Create(clock_, Options().directory, SignatureDispatch::kAuto);
  ASSERT_TRUE(engine.ok()) << engine.status();
  const absl::Status status = (*engine)->Judge(questions);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("question 199 got"));
}

TEST_F(LoadInputsTest, AsksAboutTheSameCardsByOcsp) {
  auto questions = Questions("questions-ocsp.bin");
  const auto by_crl = Questions();
  ASSERT_EQ(questions.size(), by_crl.size());
  for (size_t i = 0; i < kCards; ++i) {
    EXPECT_EQ(questions[i].query().revocation_mode(), musubi::v1::REVOCATION_MODE_OCSP_THEN_CRL);
    questions[i].mutable_query()->set_revocation_mode(by_crl[i].query().revocation_mode());
    EXPECT_EQ(questions[i].SerializeAsString(), by_crl[i].SerializeAsString());
  }
}

TEST_F(LoadInputsTest, ACompleteDirectoryIsUsedAgainUntilItIsStale) {
  const std::string made = base::ReadFile(File("questions.bin")).value();
  const std::string key = base::ReadFile(File("keys/2.pem")).value();
  clock_.Advance(kMaxInputsAge - absl::Minutes(1));
  ASSERT_EQ(Make(Options()), absl::OkStatus());
  EXPECT_THAT(said_, HasSubstr("is complete"));
  EXPECT_EQ(base::ReadFile(File("questions.bin")).value(), made);
  clock_.Advance(absl::Minutes(1));
  ASSERT_EQ(Make(Options()), absl::OkStatus());
  EXPECT_THAT(said_, HasSubstr("it is stale"));
  EXPECT_NE(base::ReadFile(File("questions.bin")).value(), made);
  EXPECT_EQ(base::ReadFile(File("keys/2.pem")).value(), key);
  const auto engine = LoadEngine::Create(clock_, Options().directory, SignatureDispatch::kAuto);
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ((*engine)->Judge(Questions()), absl::OkStatus());
}

TEST_F(LoadInputsTest, TouchesNoDirectoryOfSomebodyElse) {
  const fakes::TempDir directory;
  ASSERT_EQ(base::WriteFileAtomically(directory.File("questions.bin"), "theirs", 0644),
            absl::OkStatus());
  InputsOptions options = Options();
  options.directory = directory.path();
  EXPECT_EQ(Make(options).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::ReadFile(directory.File("questions.bin")).value(), "theirs");
}

TEST_F(LoadInputsTest, RefusesOptionsThatContradictEachOther) {
  const auto with = [](auto change) {
    InputsOptions options = Options();
    change(options);
    return options;
  };
  for (const InputsOptions& options : {
           with([](InputsOptions& o) { o.directory = ""; }),
           with([](InputsOptions& o) { o.cards = 0; }),
           with([](InputsOptions& o) { o.cards = kMaxLoadCards + 1; }),
           with([](InputsOptions& o) { o.keys = 1; }),
           with([](InputsOptions& o) { o.threads = 0; }),
           with([](InputsOptions& o) { o.revoked = -0.1; }),
           with([](InputsOptions& o) { o.expired = 0.8; }),
           with([](InputsOptions& o) { o.crl_entries = 19; }),
           with([](InputsOptions& o) { o.swap_crl_entries = 29; }),
           with([](InputsOptions& o) { o.swap_crl_entries = kLoadSerials; }),
           with([](InputsOptions& o) { o.ocsp_port = 65536; }),
       }) {
    EXPECT_EQ(Make(options).code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(LoadInputsTest, AFileOfQuestionsThatIsCutIsRefused) {
  const fakes::TempDir directory;
  const std::string whole = base::ReadFile(File("questions.bin")).value();
  ASSERT_EQ(
      base::WriteFileAtomically(directory.File("cut"), whole.substr(0, whole.size() - 1), 0644),
      absl::OkStatus());
  EXPECT_EQ(ReadQuestions(directory.File("cut")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace musubi::bench
