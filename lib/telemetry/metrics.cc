#include "lib/telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

#include "lib/base/check.h"

namespace musubi::telemetry {

MetricRegistry::MetricRegistry()
    : families_(
          std::make_unique<prometheus::Registry>(prometheus::Registry::InsertBehavior::Throw)) {}
MetricRegistry::~MetricRegistry() = default;

void MetricRegistry::OnScrape(std::function<void()> update) {
  base::MutexLock lock(mutex_);
  updates_.push_back(std::move(update));
}

std::string MetricRegistry::Scrape() {
  base::MutexLock lock(mutex_);
  for (const auto& update : updates_) update();
  return prometheus::TextSerializer().Serialize(families_->Collect());
}

namespace internal {
namespace {

template <typename T>
prometheus::Family<T>& Register(MetricRegistry& registry, std::string_view name,
                                std::string_view help) {
  return prometheus::detail::Builder<T>()
      .Name(std::string(name))
      .Help(std::string(help))
      .Register(registry.families());
}

size_t Product(const std::vector<Dimension>& dimensions) {
  size_t product = 1;
  for (const Dimension& dimension : dimensions) product *= dimension.size;
  return product;
}

// The labels of the series `index`; fewer than dimensions if one of its numbers is no value.
prometheus::Labels LabelsOf(const std::vector<Dimension>& dimensions, size_t index) {
  prometheus::Labels labels;
  for (auto dimension = dimensions.rbegin(); dimension != dimensions.rend(); ++dimension) {
    const std::string_view value = dimension->value(index % dimension->size);
    if (!value.empty()) labels.emplace(dimension->name, value);
    index /= dimension->size;
  }
  return labels;
}

}  // namespace

template <typename T>
Series<T>::Series(MetricRegistry& registry, std::string_view name, std::string_view help,
                  std::vector<Dimension> dimensions, std::vector<double> buckets)
    : dimensions_(std::move(dimensions)),
      buckets_(std::move(buckets)),
      family_(Register<T>(registry, name, help)),
      made_(Product(dimensions_)) {
  if (made_.size() > kMaxSeriesFromStart) return;
  for (size_t index = 0; index < made_.size(); ++index) {
    if (LabelsOf(dimensions_, index).size() == dimensions_.size()) Make(index);
  }
}

template <typename T>
T& Series<T>::At(size_t index) {
  MUSUBI_CHECK(index < made_.size(), "a number outside its label");
  T* series = made_[index].load(std::memory_order_acquire);
  return series != nullptr ? *series : *Make(index);
}

template <typename T>
T* Series<T>::Make(size_t index) {
  const prometheus::Labels labels = LabelsOf(dimensions_, index);
  MUSUBI_CHECK(labels.size() == dimensions_.size(), "a number that is no value of its label");
  T* series;
  // Two threads that make the same series get the same one.
  if constexpr (std::is_same_v<T, prometheus::Histogram>) {
    series = &family_.Add(labels, buckets_);
  } else {
    series = &family_.Add(labels);
  }
  made_[index].store(series, std::memory_order_release);
  return series;
}

template class Series<prometheus::Counter>;
template class Series<prometheus::Gauge>;
template class Series<prometheus::Histogram>;

Histograms::Histograms(MetricRegistry& registry, std::string_view name, std::string_view help,
                       std::vector<Dimension> dimensions, std::vector<double> buckets)
    : buckets_(std::move(buckets)), series_(registry, name, help, dimensions, buckets_) {
  for (size_t i = 0; i < Product(dimensions); ++i) {
    tallies_.push_back(std::make_unique<Tally>(buckets_.size() + 1));
  }
  registry.OnScrape([this] { HandOver(); });
}

void Histograms::Observe(size_t index, absl::Duration duration) {
  MUSUBI_CHECK(index < tallies_.size(), "a number outside its label");
  Tally& tally = *tallies_[index];
  // A value counts in the first bucket whose bound it does not exceed.
  const auto bucket = std::ranges::lower_bound(buckets_, absl::ToDoubleSeconds(duration));
  tally.counts[static_cast<size_t>(bucket - buckets_.begin())].fetch_add(1,
                                                                         std::memory_order_relaxed);
  tally.nanoseconds.fetch_add(absl::ToInt64Nanoseconds(duration), std::memory_order_relaxed);
}

void Histograms::HandOver() {
  for (size_t index = 0; index < tallies_.size(); ++index) {
    Tally& tally = *tallies_[index];
    std::vector<double> counts;
    bool any = false;
    for (std::atomic<uint64_t>& count : tally.counts) {
      counts.push_back(static_cast<double>(count.exchange(0, std::memory_order_relaxed)));
      any = any || counts.back() > 0;
    }
    if (!any) continue;
    const int64_t nanoseconds = tally.nanoseconds.exchange(0, std::memory_order_relaxed);
    series_.At(index).ObserveMultiple(counts, static_cast<double>(nanoseconds) / 1e9);
  }
}

void Add(prometheus::Counter& counter, double by) { counter.Increment(by); }
double Get(const prometheus::Counter& counter) { return counter.Value(); }
void Add(prometheus::Gauge& gauge, double by) { gauge.Increment(by); }
void Set(prometheus::Gauge& gauge, double value) { gauge.Set(value); }

}  // namespace internal
}  // namespace musubi::telemetry
