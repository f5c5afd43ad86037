#include "lib/revocation/crl_fetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/status.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::revocation {
namespace {

using base::Bytes;

class FetchRecorder final : public Observer {
 public:
  void OnFetch(const FetchEvent& event) override { events.push_back(event); }
  std::vector<FetchEvent> events;
};

class CrlFetcherTest : public testing::Test {
 protected:
  CrlFetcherTest() {
    WriteManifest(R"("file":"a.crl","url":"http://crl.example/a.crl")");
    server_ = [this](const http::Request& request) -> absl::StatusOr<http::Response> {
      if (!etag_.empty() && request.if_none_match == etag_) return http::Response{304};
      return http::Response{200, body_, etag_};
    };
    body_ = List(7);
  }

  void WriteManifest(const std::string& scope) {
    std::ofstream(directory_.File(kScopesFile))
        << R"({"version":1,"scopes":[{"anchor":"auth-01","distribution_point":"full",)" << scope
        << "}]}";
  }
  std::string List(uint64_t number, int key = 0) const {
    const auto& signer = fakes::TestKey::Get(fakes::KeyKind::kEcP256, key);
    const fakes::CrlSpec spec = fakes::MakeCrlSpec(ca_, {}, number, fakes::SimulatedClock().Now());
    return base::ToString(fakes::IssueCrl(spec, signer));
  }
  std::string Fetch(size_t max_size = pki::kMaxStreamedCrlSize) {
    if (fetcher_ == nullptr || max_size != pki::kMaxStreamedCrlSize) {
      fetcher_ = std::make_unique<CrlFetcher>(
          CrlFetcher::Dependencies{http_, observer_},
          CrlFetcher::Options{.directory = directory_.path(),
                              .issuers = {{"auth-01", ca_.certificate()}},
                              .max_size = max_size});
    }
    observer_.events.clear();
    const absl::StatusOr<size_t> fetched = fetcher_->Fetch();
    if (!fetched.ok()) return std::string(base::ToStd(fetched.status().message()));
    size_t told = 0;
    for (const FetchEvent& event : observer_.events) {
      if (event.outcome == FetchOutcome::kFetched) ++told;
    }
    EXPECT_EQ(*fetched, told);
    if (observer_.events.empty()) return "nothing";
    const FetchEvent& event = observer_.events.back();
    return std::string(Name(event.outcome)) + " " + std::string(pki::Name(event.crl_outcome));
  }
  std::string File() const {
    const auto content = base::ReadFile(directory_.File("a.crl"));
    return content.ok() ? *content : "";
  }
  // Nothing but the manifest and the list is left behind.
  size_t Files() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& file :
         std::filesystem::directory_iterator(directory_.path())) {
      ++count;
    }
    return count;
  }

  fakes::TestCa ca_{{.key_kind = fakes::KeyKind::kEcP256}};
  fakes::TempDir directory_;
  FetchRecorder observer_;
  std::string body_, etag_;
  fakes::FakeHttpClient::Handler server_;
  fakes::FakeHttpClient http_{[this](const http::Request& request) { return server_(request); }};
  std::unique_ptr<CrlFetcher> fetcher_;
};

TEST_F(CrlFetcherTest, FetchesAListAndAsksForItAgainOnlyIfItChanged) {
  etag_ = "\"one\"";
  EXPECT_EQ(Fetch(), "FETCHED USABLE");
  EXPECT_EQ(File(), body_);
  EXPECT_EQ(Fetch(), "NOT_MODIFIED UNSPECIFIED");
  EXPECT_EQ(http_.requests().back().if_none_match, "\"one\"");
  etag_ = "W/\"two\"";
  body_ = List(8);
  EXPECT_EQ(Fetch(), "FETCHED USABLE");
  EXPECT_EQ(File(), body_);
  std::filesystem::remove(directory_.File("a.crl"));
  EXPECT_EQ(Fetch(), "FETCHED USABLE") << "not asked for what is not there";
  etag_ = "";
  EXPECT_EQ(Fetch(), "FETCHED USABLE");
  EXPECT_EQ(Fetch(), "FETCHED USABLE") << "without an ETag";
  EXPECT_EQ(Files(), 2u);
}

TEST_F(CrlFetcherTest, WhatIsNoListOfTheScopesSignerReplacesNothing) {
  EXPECT_EQ(Fetch(), "FETCHED USABLE");
  const std::string kept = File();
  body_ = "<html>";
  EXPECT_EQ(Fetch(), "REFUSED MALFORMED");
  body_ = List(8, 1);
  EXPECT_EQ(Fetch(), "REFUSED BAD_SIGNATURE");
  body_ = List(8).substr(0, 100);
  EXPECT_EQ(Fetch(), "REFUSED MALFORMED");
  EXPECT_EQ(File(), kept);
  EXPECT_EQ(Files(), 2u);
}

TEST_F(CrlFetcherTest, EveryFailureOfAServerHasItsName) {
  const struct {
    absl::StatusOr<http::Response> answer;
    const char* event;
  } cases[] = {
      {http::Response{404}, "HTTP_STATUS UNSPECIFIED"},
      {http::Response{302}, "HTTP_STATUS UNSPECIFIED"},
      {http::Response{304}, "HTTP_STATUS UNSPECIFIED"},  // Not asked for.
      {absl::DeadlineExceededError(""), "TIMEOUT UNSPECIFIED"},
      {absl::UnavailableError(""), "UNREACHABLE UNSPECIFIED"},
  };
  for (const auto& test_case : cases) {
    server_ = [&](const http::Request&) { return test_case.answer; };
    EXPECT_EQ(Fetch(), test_case.event);
    EXPECT_EQ(Files(), 1u);
  }
  server_ = [this](const http::Request&) { return http::Response{200, body_}; };
  EXPECT_EQ(Fetch(body_.size() - 1), "TOO_LARGE UNSPECIFIED");
  EXPECT_EQ(Files(), 1u);
  std::filesystem::remove_all(directory_.path());
  EXPECT_THAT(Fetch(), testing::HasSubstr("scopes.json"));
}

TEST_F(CrlFetcherTest, TheEndOfTheClientIsTheEndOfAFetchAndNoFailureOfAServer) {
  std::ofstream(directory_.File(kScopesFile)) << R"({"version":1,"scopes":[
      {"anchor":"auth-01","distribution_point":"full","file":"a.crl","url":"http://one.example/"},
      {"anchor":"auth-02","distribution_point":"full","file":"b.crl","url":"http://two.example/"}
    ]})";
  server_ = [](const http::Request&) { return absl::CancelledError("stopped"); };
  const fakes::TestCa other({.key_kind = fakes::KeyKind::kEcP256, .key_number = 1});
  fetcher_ = std::make_unique<CrlFetcher>(
      CrlFetcher::Dependencies{http_, observer_},
      CrlFetcher::Options{
          .directory = directory_.path(),
          .issuers = {{"auth-01", ca_.certificate()}, {"auth-02", other.certificate()}}});
  EXPECT_EQ(Fetch(), "stopped");
  EXPECT_EQ(observer_.events.size(), 0u);
  EXPECT_EQ(http_.requests().size(), 1u);
  EXPECT_EQ(Files(), 1u);
}

TEST_F(CrlFetcherTest, AsksOnlyWhatTheManifestNames) {
  WriteManifest(R"("file":"a.crl")");
  EXPECT_EQ(Fetch(), "nothing");
  EXPECT_TRUE(http_.requests().empty());
  WriteManifest(R"("file":"a.crl","url":"file:///etc/hostname")");
  EXPECT_THAT(Fetch(), testing::HasSubstr("\"url\""));
}

}  // namespace
}  // namespace musubi::revocation
