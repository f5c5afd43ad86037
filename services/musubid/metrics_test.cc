#include "services/musubid/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace musubi::services::musubid {
namespace {

using testing::HasSubstr;

// Label values that E has: no two are equal but UNSPECIFIED, which stands for numbers without a
// name, and each is of the alphabet that no person's data would survive in.
template <typename E>
size_t CountValues() {
  std::set<std::string> seen;
  for (size_t number = 0; number < telemetry::Label<E>::kSize; ++number) {
    const std::string value(telemetry::Label<E>::Value(static_cast<E>(number)));
    if (value.empty() || value == "UNSPECIFIED") continue;
    EXPECT_TRUE(seen.insert(value).second) << value << " is there twice";
    EXPECT_EQ(value.find_first_not_of(
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./"),
              std::string::npos)
        << value;
  }
  return seen.size();
}

// The next hundred numbers after the label's size have no name of their own.
template <typename E>
void ExpectNothingBeyond() {
  for (size_t i = 0; i < 100; ++i) {
    const std::string_view value =
        telemetry::Label<E>::Value(static_cast<E>(telemetry::Label<E>::kSize + i));
    EXPECT_TRUE(value.empty() || value == "UNSPECIFIED") << value << " is beyond the label's size";
  }
}

TEST(MetricLabels, AreClosedAndWhole) {
#define MUSUBI_LABEL(type, name, size, values) \
  EXPECT_GT(CountValues<type>(), 0u) << #type; \
  ExpectNothingBeyond<type>();
#include "services/musubid/metrics.inc"
#undef MUSUBI_LABEL
  EXPECT_EQ(CountValues<Method>(), rpc::MethodTable().size());
  EXPECT_EQ(CountValues<SessionEvent>(), std::variant_size_v<musubi::session::Payload>);
  EXPECT_EQ(CountValues<StoreOperation>(), 26u);
  EXPECT_EQ(CountValues<Dependency>(), kNumDependencies);
}

TEST(MetricTable, NamesAreConventional) {
  std::set<std::string> names;
#define MUSUBI_METRIC(member, type, name, help, ...)                                     \
  {                                                                                      \
    const std::string metric = name;                                                     \
    const std::string kind = #type;                                                      \
    EXPECT_TRUE(names.insert(metric).second) << metric;                                  \
    EXPECT_TRUE(metric.starts_with("musubi_") || metric.starts_with("process_"));        \
    EXPECT_EQ(metric.ends_with("_total"), kind == "Counter") << metric;                  \
    EXPECT_TRUE(!kind.ends_with("Histogram") || metric.ends_with("_seconds")) << metric; \
  }
#include "services/musubid/metrics.inc"
#undef MUSUBI_METRIC
}

TEST(Outcomes, AreTheReasonOrACodeOfOurs) {
  EXPECT_EQ(LabelValue(OutcomeOf(absl::OkStatus())), "OK");
  EXPECT_EQ(LabelValue(OutcomeOf(base::Error(base::ErrorReason::kLinkNotFound, ""))),
            "LINK_NOT_FOUND");
  EXPECT_EQ(LabelValue(OutcomeOf(absl::CancelledError())), "CANCELLED");
  EXPECT_EQ(LabelValue(OutcomeOf(absl::DataLossError("text"))), "INTERNAL");
}

TEST(ReportProcess, ShowsTheProcess) {
  telemetry::MetricRegistry registry;
  Metrics metrics(registry);
  ReportProcess(registry, metrics);
  const std::string text = registry.Scrape();
  EXPECT_THAT(text, HasSubstr("\nmusubi_build_info{version=\"0.1.0\"} 1\n"));
  for (const char* zero : {"\nprocess_resident_memory_bytes 0\n", "\nprocess_open_fds 0\n"}) {
    EXPECT_THAT(text, testing::Not(HasSubstr(zero)));
  }
}

}  // namespace
}  // namespace musubi::services::musubid
