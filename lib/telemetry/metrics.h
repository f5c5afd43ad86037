// Counters, gauges and histograms whose labels are enums: what can be a label value is closed when
// the program is built, so that no serial, name or account can ever become one, and the number of
// series has a bound. The only user of prometheus-cpp. Knows no metric: whoever has some keeps them
// in one table (services/musubid/metrics.inc).
#ifndef MUSUBI_LIB_TELEMETRY_METRICS_H_
#define MUSUBI_LIB_TELEMETRY_METRICS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "lib/base/mutex.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
template <typename T>
class Family;
class Registry;
}  // namespace prometheus

namespace musubi::telemetry {

// Label makes an enum a label. Whoever labels with E specialises it:
//   static constexpr std::string_view kName;  // As in {reason="..."}.
//   static constexpr size_t kSize;            // One above the largest number of E.
//   static std::string_view Value(E value);   // Empty if E has no value of that number.
template <typename E>
struct Label;

// A family of at most so many series shows all of them from the start, so that the first event is
// a step from 0 to 1 that an alert can see. A larger one shows those that have happened.
inline constexpr size_t kMaxSeriesFromStart = 64;

// MetricRegistry holds families and writes them. Thread-safe; outlives its families.
class MetricRegistry {
 public:
  MetricRegistry();
  ~MetricRegistry();

  // OnScrape adds what is run before each Scrape, to set gauges that nobody sets otherwise. Not one
  // at a time with another scrape; must not block for long.
  void OnScrape(std::function<void()> update);

  // Scrape returns all families in the text format of Prometheus, version 0.0.4.
  std::string Scrape();

  // For the families below.
  prometheus::Registry& families() { return *families_; }

 private:
  const std::unique_ptr<prometheus::Registry> families_;
  base::Mutex mutex_;
  std::vector<std::function<void()>> updates_ ABSL_GUARDED_BY(mutex_);
};

namespace internal {

struct Dimension {
  std::string_view name;
  size_t size;
  std::string_view (*value)(size_t number);
};

// Series finds the series of a family by number: one load once it was made.
template <typename T>
class Series {
 public:
  Series(MetricRegistry& registry, std::string_view name, std::string_view help,
         std::vector<Dimension> dimensions, std::vector<double> buckets);
  // Dies if one of the numbers is no value of its label.
  T& At(size_t index);

 private:
  T* Make(size_t index);

  const std::vector<Dimension> dimensions_;
  const std::vector<double> buckets_;  // Of histograms.
  prometheus::Family<T>& family_;
  std::vector<std::atomic<T*>> made_;
};

// Histograms counts without a lock, which prometheus-cpp's own take for each observation, and hands
// over what it has counted before each scrape.
class Histograms {
 public:
  Histograms(MetricRegistry& registry, std::string_view name, std::string_view help,
             std::vector<Dimension> dimensions, std::vector<double> buckets);
  // Dies if one of the numbers is no value of its label.
  void Observe(size_t index, absl::Duration duration);

 private:
  struct Tally {
    explicit Tally(size_t buckets) : counts(buckets) {}
    std::vector<std::atomic<uint64_t>> counts;
    std::atomic<int64_t> nanoseconds = 0;
  };
  void HandOver();

  const std::vector<double> buckets_;  // Upper bounds, in seconds; above the last is one more.
  Series<prometheus::Histogram> series_;
  std::vector<std::unique_ptr<Tally>> tallies_;  // By index.
};

void Add(prometheus::Counter& counter, double by);
double Get(const prometheus::Counter& counter);
void Add(prometheus::Gauge& gauge, double by);
void Set(prometheus::Gauge& gauge, double value);

template <typename... Labels>
std::vector<Dimension> DimensionsOf() {
  return {Dimension{Label<Labels>::kName, Label<Labels>::kSize, [](size_t number) {
                      return Label<Labels>::Value(static_cast<Labels>(number));
                    }}...};
}

template <typename... Labels>
size_t IndexOf(Labels... labels) {
  size_t index = 0;
  ((index = index * Label<Labels>::kSize + static_cast<size_t>(labels)), ...);
  return index;
}

template <typename T, typename... Labels>
class Family {
  static_assert((std::is_enum_v<Labels> && ...), "a label is an enum, never free text");

 public:
  Family(MetricRegistry& registry, std::string_view name, std::string_view help)
      : series_(registry, name, help, DimensionsOf<Labels...>(), {}) {}

 protected:
  T& At(Labels... labels) { return series_.At(IndexOf(labels...)); }

 private:
  Series<T> series_;
};

template <typename... Labels>
class HistogramFamily {
  static_assert((std::is_enum_v<Labels> && ...), "a label is an enum, never free text");

 public:
  HistogramFamily(MetricRegistry& registry, std::string_view name, std::string_view help,
                  std::vector<double> buckets)
      : histograms_(registry, name, help, DimensionsOf<Labels...>(), std::move(buckets)) {}
  void Observe(absl::Duration duration, Labels... labels) {
    histograms_.Observe(IndexOf(labels...), duration);
  }

 private:
  Histograms histograms_;
};

}  // namespace internal

// Families are thread-safe. An enum value that is none of its enum dies.

template <typename... Labels>
class Counter : public internal::Family<prometheus::Counter, Labels...> {
 public:
  using internal::Family<prometheus::Counter, Labels...>::Family;
  void Increment(Labels... labels) { internal::Add(this->At(labels...), 1); }
  void Add(double by, Labels... labels) { internal::Add(this->At(labels...), by); }
  // For a total that is counted elsewhere: raises the counter to it.
  void RaiseTo(double total, Labels... labels) {
    prometheus::Counter& counter = this->At(labels...);
    internal::Add(counter, total - internal::Get(counter));
  }
};

template <typename... Labels>
class Gauge : public internal::Family<prometheus::Gauge, Labels...> {
 public:
  using internal::Family<prometheus::Gauge, Labels...>::Family;
  void Set(double value, Labels... labels) { internal::Set(this->At(labels...), value); }
  void Add(double by, Labels... labels) { internal::Add(this->At(labels...), by); }
};

// Of seconds, from 0.5 ms (a store's read) to 10 s (the longest deadline of a unary call).
template <typename... Labels>
class LatencyHistogram : public internal::HistogramFamily<Labels...> {
 public:
  LatencyHistogram(MetricRegistry& registry, std::string_view name, std::string_view help)
      : internal::HistogramFamily<Labels...>(
            registry, name, help,
            {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}) {}
};

// Of seconds, from a minute (an OCSP answer) to a week (a CRL that nobody renews).
template <typename... Labels>
class AgeHistogram : public internal::HistogramFamily<Labels...> {
 public:
  AgeHistogram(MetricRegistry& registry, std::string_view name, std::string_view help)
      : internal::HistogramFamily<Labels...>(
            registry, name, help,
            {60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400, 7 * 86400}) {}
};

}  // namespace musubi::telemetry

#endif  // MUSUBI_LIB_TELEMETRY_METRICS_H_
