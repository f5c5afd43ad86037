#include "lib/telemetry/http_endpoint.h"

#include <gtest/gtest.h>
#include <httplib.h>

namespace musubi::telemetry {
namespace {

HttpEndpoint::Routes Routes() {
  return {{"/metrics",
           [] {
             return HttpEndpoint::Answer{200, "text/plain", "up 1\n"};
           }},
          {"/readyz", [] {
             return HttpEndpoint::Answer{503, "application/json", "{}"};
           }}};
}

TEST(HttpEndpoint, AnswersItsPathsAndNothingElse) {
  const auto endpoint = HttpEndpoint::Create("127.0.0.1:0", Routes());
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  httplib::Client client("127.0.0.1", (*endpoint)->port());
  const auto metrics = client.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->status, 200);
  EXPECT_EQ(metrics->body, "up 1\n");
  EXPECT_EQ(metrics->get_header_value("Content-Type"), "text/plain");
  EXPECT_EQ(client.Head("/metrics")->body, "");
  EXPECT_EQ(client.Get("/readyz")->status, 503);
  EXPECT_EQ(client.Get("/readyz?x=1")->status, 503);
  for (const char* path : {"/", "/metrics/", "/metrics/x", "/../etc/passwd", "/x"}) {
    EXPECT_EQ(client.Get(path)->status, 404) << path;
  }
  EXPECT_EQ(client.Post("/metrics", "x", "text/plain")->status, 405);
}

TEST(HttpEndpoint, SaysWhichAddressIsTaken) {
  const auto endpoint = HttpEndpoint::Create("127.0.0.1:0", Routes());
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const std::string taken = "127.0.0.1:" + std::to_string((*endpoint)->port());
  const auto second = HttpEndpoint::Create(taken, Routes());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(second.status().message().find(taken), std::string::npos);
}

}  // namespace
}  // namespace musubi::telemetry
