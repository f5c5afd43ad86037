// A revocation Observer that remembers.
#ifndef MUSUBI_TESTS_FAKES_RECORDING_OBSERVER_H_
#define MUSUBI_TESTS_FAKES_RECORDING_OBSERVER_H_

#include <vector>

#include "lib/base/mutex.h"
#include "lib/revocation/observer.h"

namespace musubi::fakes {

// RecordingObserver is thread-safe; the accessors copy.
class RecordingObserver final : public revocation::Observer {
 public:
  void OnScope(const revocation::ScopeEvent& event) override { Push(scopes_, event); }
  void OnOcsp(const revocation::OcspEvent& event) override { Push(ocsp_, event); }
  void OnFinding(const pki::RevocationFinding& finding) override { Push(findings_, finding); }
  void OnOcspCacheHit() override { Count(cache_hits_); }
  void OnOcspBreaker(const revocation::OcspBreakerEvent& event) override {
    Push(ocsp_breakers_, event);
  }
  void OnOcspShared() override {
    base::MutexLock lock(mutex_);
    ++ocsp_shared_;
    shared_.NotifyAll();
  }
  void OnScopeMissing() override { Count(scopes_missing_); }
  void OnVanishedRevocation() override { Count(vanished_); }
  void OnOverlayFull() override { Count(overlay_full_); }

  std::vector<revocation::ScopeEvent> scopes() const { return Get(scopes_); }
  std::vector<revocation::OcspEvent> ocsp() const { return Get(ocsp_); }
  std::vector<pki::RevocationFinding> findings() const { return Get(findings_); }
  std::vector<revocation::OcspBreakerEvent> ocsp_breakers() const { return Get(ocsp_breakers_); }
  int cache_hits() const { return Get(cache_hits_); }
  int scopes_missing() const { return Get(scopes_missing_); }
  int vanished() const { return Get(vanished_); }
  int overlay_full() const { return Get(overlay_full_); }

  // Blocks until so many callers wait, or have waited, for what another asked.
  void WaitForOcspShared(int callers) {
    base::MutexLock lock(mutex_);
    while (ocsp_shared_ < callers) shared_.Wait(mutex_);
  }

 private:
  template <typename T>
  void Push(std::vector<T>& list, const T& item) {
    base::MutexLock lock(mutex_);
    list.push_back(item);
  }
  void Count(int& counter) {
    base::MutexLock lock(mutex_);
    ++counter;
  }
  template <typename T>
  T Get(const T& value) const {
    base::MutexLock lock(mutex_);
    return value;
  }

  // Guards all below.
  mutable base::Mutex mutex_;
  std::vector<revocation::ScopeEvent> scopes_;
  std::vector<revocation::OcspEvent> ocsp_;
  std::vector<pki::RevocationFinding> findings_;
  std::vector<revocation::OcspBreakerEvent> ocsp_breakers_;
  base::CondVar shared_;
  int ocsp_shared_ = 0;
  int cache_hits_ = 0;
  int scopes_missing_ = 0;
  int vanished_ = 0;
  int overlay_full_ = 0;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_RECORDING_OBSERVER_H_
