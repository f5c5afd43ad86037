// An OCSP responder for tests: the handler of a FakeHttpClient, told what to say and how to err.
#ifndef MUSUBI_TESTS_FAKES_FAKE_RESPONDER_H_
#define MUSUBI_TESTS_FAKES_FAKE_RESPONDER_H_

#include <functional>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/http/http_client.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::fakes {

// FakeResponder answers about one certificate, with a delegate of its CA: thisUpdate now, usable
// for an hour, the nonce echoed. Thread-safe.
class FakeResponder {
 public:
  using Change = std::function<void(OcspSpec&)>;

  FakeResponder(const TestCa& ca, const pki::Certificate& target, const base::Clock& clock)
      : issuer_(ca.certificate()),
        target_(target),
        clock_(clock),
        delegate_(ParseCertificate(ca.Issue(OcspDelegateSpec(ca, key_)))) {}

  // What to change of each answer from now on.
  void Behave(Change change) {
    base::MutexLock lock(mutex_);
    change_ = std::move(change);
  }
  void Say(base::Bytes status) {
    Behave([status = std::move(status)](OcspSpec& spec) { spec.answers[0].status = status; });
  }

  absl::StatusOr<http::Response> Answer(const http::Request& request) {
    const absl::Time now = clock_.Now();
    OcspSpec spec;
    spec.responder = ResponderByName(delegate_);
    spec.produced_at = now;
    spec.answers = {{CertIdDer(issuer_, target_.serial()), OcspGood(), now, now + absl::Hours(1)}};
    spec.certificates = {base::ToBytes(delegate_.der())};
    const base::Bytes nonce = NonceOfRequest(base::AsBytes(request.body));
    if (!nonce.empty()) spec.Nonce(nonce);
    base::MutexLock lock(mutex_);
    if (change_) change_(spec);
    return http::Response{200, base::ToString(IssueOcsp(spec, key_))};
  }

 private:
  const TestKey& key_ = TestKey::Get(KeyKind::kRsa2048, 8);
  const pki::Certificate issuer_;
  const pki::Certificate target_;
  const base::Clock& clock_;
  const pki::Certificate delegate_;
  base::Mutex mutex_;
  Change change_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_FAKE_RESPONDER_H_
