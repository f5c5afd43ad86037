#include "bench/peers/servers/load.h"

#include <unistd.h>

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace musubi::bench {
namespace {

std::vector<PeerCard> Cards() {
  const auto key = sandbox::PrivateKey::Generate(sandbox::KeyType::kEcP256);
  std::vector<PeerCard> cards;
  for (const Finding finding : kFindings) {
    cards.push_back({.signed_card = {}, .key = key, .finding = finding});
  }
  return cards;
}

Finding AsItIs(const PeerCard& card) { return card.finding; }

// A server that is wrong about one Finding, which it does not see.
class FakeAsker final : public Asker {
 public:
  FakeAsker(const std::vector<PeerCard>& cards, Finding unseen) : cards_(cards), unseen_(unseen) {}
  absl::StatusOr<Finding> Ask(size_t card) override {
    const Finding finding = cards_[card].finding;
    return finding == unseen_ ? Finding::kNothing : finding;
  }

 private:
  const std::vector<PeerCard>& cards_;
  const Finding unseen_;
};

TEST(LoadTest, AServerThatIsRightAboutAllCardsIsMeasured) {
  const std::vector<PeerCard> cards = Cards();
  FakeAsker asker(cards, Finding::kNothing);
  EXPECT_TRUE(CheckServer(asker, cards, AsItIs).ok());
}

TEST(LoadTest, AServerThatDoesNotSeeWhatItMustIsNotMeasured) {
  const std::vector<PeerCard> cards = Cards();
  for (const Finding unseen :
       {Finding::kRevocation, Finding::kExpiry, Finding::kForgedProof, Finding::kPhone}) {
    FakeAsker asker(cards, unseen);
    const absl::Status status = CheckServer(asker, cards, AsItIs);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("the answer is valid"));
  }
}

TEST(LoadTest, WithoutACardOfEachFindingNothingIsShown) {
  std::vector<PeerCard> cards = Cards();
  cards.pop_back();
  FakeAsker asker(cards, Finding::kNothing);
  EXPECT_TRUE(absl::IsInternal(CheckServer(asker, cards, AsItIs)));
}

TEST(LoadTest, OneWrongAnswerEndsALoadWithoutFigures) {
  // Each caller asks at least once, however short the load is: no card of another kind.
  std::vector<PeerCard> cards = Cards();
  std::erase_if(cards, [](const PeerCard& card) { return card.finding != Finding::kExpiry; });
  const auto figures =
      RunLoad([&] { return std::make_unique<FakeAsker>(cards, Finding::kExpiry); }, cards, AsItIs,
              {.callers = 2, .duration = absl::Milliseconds(1), .server = getpid()});
  EXPECT_TRUE(absl::IsDataLoss(figures.status())) << figures.status();
}

TEST(LoadTest, AServerThatIsGoneHasNoFigures) {
  const std::vector<PeerCard> cards = Cards();
  constexpr pid_t kNobody = -1;
  const auto figures =
      RunLoad([&] { return std::make_unique<FakeAsker>(cards, Finding::kNothing); }, cards, AsItIs,
              {.callers = 1, .duration = absl::Milliseconds(1), .server = kNobody});
  EXPECT_TRUE(absl::IsUnavailable(figures.status())) << figures.status();
}

}  // namespace
}  // namespace musubi::bench
