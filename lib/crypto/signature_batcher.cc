#include "lib/crypto/signature_batcher.h"

#include <algorithm>
#include <optional>

#include "lib/base/check.h"
#include "lib/base/error.h"

namespace musubi::crypto {
namespace {

// What a check would cost if it is one. Nothing for an RSA signature as long as no modulus of ours:
// it is bad, and needs no turn. Whether key and signature fit is for the verifier, which refuses at
// no cost where they do not.
std::optional<SignatureClass> ClassOf(const SignatureCheck& check) {
  if (check.algorithm.scheme == SignatureScheme::kEcdsaP256) return SignatureClass::kEcP256;
  if (check.algorithm.scheme == SignatureScheme::kEcdsaP384) return SignatureClass::kEcP384;
  switch (check.signature.size()) {
    case 256:
      return SignatureClass::kRsa2048;
    case 384:
      return SignatureClass::kRsa3072;
    case 512:
      return SignatureClass::kRsa4096;
    default:
      return std::nullopt;
  }
}

bool IsEc(SignatureClass signature_class) {
  return signature_class == SignatureClass::kEcP256 || signature_class == SignatureClass::kEcP384;
}

absl::Status TooLate() {
  return absl::DeadlineExceededError("the deadline passed before the signatures were checked");
}

}  // namespace

// The checks of one class that one caller waits for. Guarded by the batcher's mutex but for the
// spans' contents, which belong to whoever took them into a batch.
struct SignatureBatcher::Request {
  std::span<const SignatureCheck> checks;
  std::span<SignatureOutcome> outcomes;
  absl::Time deadline;

  size_t next = 0;       // The first check that is in no batch yet.
  size_t remaining = 0;  // Checks of the class from `next` on.
  size_t under_way = 0;  // Checks in batches that run.
  absl::Status status;
  bool leads = false;
  Request* behind = nullptr;
  base::CondVar changed;

  bool done() const { return remaining == 0 && under_way == 0; }
};

// What a leader runs, gathered from several requests.
struct SignatureBatcher::Batch {
  std::array<SignatureCheck, kMaxBatchChecks> checks;
  std::array<SignatureOutcome, kMaxBatchChecks> outcomes;
  std::array<Request*, kMaxBatchChecks> requests;
  std::array<size_t, kMaxBatchChecks> places;  // In the request.
  size_t size = 0;
};

absl::StatusOr<std::unique_ptr<SignatureBatcher>> SignatureBatcher::Create(
    const BatchVerifier& verifier, const base::Clock& clock, const Options& options) {
  if (options.rsa_leaders < 1 || options.ec_leaders < 1 || options.max_waiting_cost < 1) {
    return absl::InvalidArgumentError(
        "rsa_leaders, ec_leaders and max_waiting_cost must be at least 1");
  }
  return std::unique_ptr<SignatureBatcher>(new SignatureBatcher(verifier, clock, options));
}

absl::Status SignatureBatcher::Verify(std::span<const SignatureCheck> checks,
                                      std::span<SignatureOutcome> outcomes, absl::Time deadline) {
  MUSUBI_CHECK(checks.size() == outcomes.size(), "an outcome for each check");
  std::array<size_t, kSignatureClasses> counts{};
  for (size_t i = 0; i < checks.size(); ++i) {
    const auto signature_class = ClassOf(checks[i]);
    outcomes[i] =
        signature_class.has_value() ? SignatureOutcome::kNotChecked : SignatureOutcome::kBad;
    if (signature_class.has_value()) ++counts[static_cast<size_t>(*signature_class)];
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    Request request;
    request.checks = checks;
    request.outcomes = outcomes;
    request.deadline = deadline;
    request.remaining = counts[i];
    absl::Status status = VerifyClass(static_cast<SignatureClass>(i), request);
    if (!status.ok()) {
      std::fill(outcomes.begin(), outcomes.end(), SignatureOutcome::kNotChecked);
      return status;
    }
  }
  return absl::OkStatus();
}

int64_t SignatureBatcher::WaitingCost(SignatureClass signature_class) const {
  base::MutexLock lock(mutex_);
  return queues_[static_cast<size_t>(signature_class)].waiting_cost;
}

absl::Status SignatureBatcher::VerifyClass(SignatureClass signature_class, Request& request) {
  if (clock_.Now() >= request.deadline) return TooLate();
  const int leaders = IsEc(signature_class) ? options_.ec_leaders : options_.rsa_leaders;
  const int64_t cost = CostOf(signature_class) * static_cast<int64_t>(request.remaining);
  base::MutexLock lock(mutex_);
  Queue& queue = queues_[static_cast<size_t>(signature_class)];
  request.leads = queue.leaders < leaders;
  if (!request.leads && queue.waiting_cost + cost > options_.max_waiting_cost) {
    return base::Error(base::ErrorReason::kOverloaded,
                       "more signature checks wait than can be made in time: try again later");
  }
  queue.waiting_cost += cost;
  Append(queue, request);
  if (request.leads) ++queue.leaders;
  while (!request.done()) {
    if (request.leads) {
      Lead(signature_class, queue, request);
    } else {
      request.changed.Wait(mutex_);
    }
  }
  // Made leader while another finished its checks.
  if (request.leads) PassLeadership(queue);
  return request.status;
}

// Runs batches until the leader's own checks are done, or others have them all in hand.
void SignatureBatcher::Lead(SignatureClass signature_class, Queue& queue, Request& own) {
  Batch batch;
  do {
    Fill(signature_class, queue, batch);
    if (batch.size == 0) break;
    mutex_.Unlock();
    const absl::Status status =
        verifier_.VerifyBatch(signature_class, std::span(batch.checks).first(batch.size),
                              std::span(batch.outcomes).first(batch.size));
    mutex_.Lock();
    for (size_t i = 0; i < batch.size; ++i) {
      Request& request = *batch.requests[i];
      request.outcomes[batch.places[i]] = batch.outcomes[i];
      request.status.Update(status);
      --request.under_way;
      if (request.done() && &request != &own) request.changed.NotifyOne();
    }
  } while (!own.done());
  own.leads = false;
  PassLeadership(queue);
}

void SignatureBatcher::Fill(SignatureClass signature_class, Queue& queue, Batch& batch) {
  batch.size = 0;
  const int64_t cost = CostOf(signature_class);
  const size_t most =
      std::min(kMaxBatchChecks, std::max(size_t{1}, static_cast<size_t>(kMaxBatchCost / cost)));
  const absl::Time now = clock_.Now();
  while (queue.first != nullptr && batch.size < most) {
    Request& request = Remove(queue);
    if (now >= request.deadline) {
      queue.waiting_cost -= cost * static_cast<int64_t>(request.remaining);
      request.remaining = 0;
      request.status.Update(TooLate());
      if (request.done()) request.changed.NotifyOne();
      continue;
    }
    const size_t turn = std::min({kMaxTurnChecks, most - batch.size, request.remaining});
    for (size_t taken = 0; taken < turn; ++request.next) {
      const SignatureCheck& check = request.checks[request.next];
      if (ClassOf(check) != signature_class) continue;
      batch.checks[batch.size] = check;
      batch.requests[batch.size] = &request;
      batch.places[batch.size] = request.next;
      ++batch.size;
      ++taken;
    }
    request.remaining -= turn;
    request.under_way += turn;
    queue.waiting_cost -= cost * static_cast<int64_t>(turn);
    if (request.remaining > 0) Append(queue, request);
  }
}

// The first that waits leads next, or nobody.
void SignatureBatcher::PassLeadership(Queue& queue) {
  for (Request* request = queue.first; request != nullptr; request = request->behind) {
    if (request->leads) continue;
    request->leads = true;
    request->changed.NotifyOne();
    return;
  }
  --queue.leaders;
}

void SignatureBatcher::Append(Queue& queue, Request& request) {
  request.behind = nullptr;
  (queue.last == nullptr ? queue.first : queue.last->behind) = &request;
  queue.last = &request;
}

SignatureBatcher::Request& SignatureBatcher::Remove(Queue& queue) {
  Request& request = *queue.first;
  queue.first = request.behind;
  if (queue.first == nullptr) queue.last = nullptr;
  return request;
}

}  // namespace musubi::crypto
