#include "services/musubid/observed_stores.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"
#include "lib/telemetry/trace.h"

namespace musubi::services::musubid {

bool IsStoreFailure(const absl::Status& status) {
  if (status.ok()) return false;
  if (const auto reason = base::ReasonOf(status)) {
    return *reason == base::ErrorReason::kUnavailable ||
           *reason == base::ErrorReason::kOverloaded || *reason == base::ErrorReason::kInternal;
  }
  return !absl::IsNotFound(status) && !absl::IsInvalidArgument(status);
}

void StoreMeter::Note(StoreOperation operation, absl::Duration duration,
                      const absl::Status& status) {
  metrics_.store_duration.Observe(std::max(absl::ZeroDuration(), duration), operation);
  const bool failed = IsStoreFailure(status);
  if (failed) metrics_.store_failures.Increment(operation);
  // A store that is full still answers.
  const bool away = failed && !absl::IsResourceExhausted(status);
  health_.Report(dependency_, away ? status : absl::OkStatus());
}

absl::StatusOr<absl::Time> ObservedSessionStore::Now() {
  return meter_.Run(StoreOperation::kSessionNow, [&] { return store_.Now(); });
}
absl::StatusOr<bool> ObservedSessionStore::Insert(const musubi::session::SessionRecord& record) {
  return meter_.Run(StoreOperation::kSessionInsert, [&] { return store_.Insert(record); });
}
absl::StatusOr<musubi::session::SessionStore::Stored> ObservedSessionStore::Get(
    const musubi::session::SessionId& id) {
  return meter_.Run(StoreOperation::kSessionGet, [&] { return store_.Get(id); });
}
absl::StatusOr<bool> ObservedSessionStore::CompareAndSet(const musubi::session::SessionRecord& next,
                                                         const std::string& tenure) {
  return meter_.Run(StoreOperation::kSessionCompareAndSet,
                    [&] { return store_.CompareAndSet(next, tenure); });
}
std::unique_ptr<musubi::session::Subscription> ObservedSessionStore::Subscribe(
    const musubi::session::SessionId& id, std::function<void()> changed) {
  return store_.Subscribe(id, std::move(changed));
}

absl::StatusOr<musubi::link::Link> ObservedLinkStore::CreateLink(
    const musubi::link::RequestKey& request, const musubi::link::NewLink& link,
    musubi::link::AccountPolicy policy) {
  return meter_.Run(StoreOperation::kLinkCreateLink,
                    [&] { return store_.CreateLink(request, link, policy); });
}
absl::StatusOr<musubi::link::Link> ObservedLinkStore::ReplaceLink(
    const musubi::link::RequestKey& request, const musubi::link::NewLink& link) {
  return meter_.Run(StoreOperation::kLinkReplaceLink,
                    [&] { return store_.ReplaceLink(request, link); });
}
absl::StatusOr<musubi::link::Link> ObservedLinkStore::EndLink(
    const musubi::link::RequestKey& request, const musubi::link::EndLinkArgs& args) {
  return meter_.Run(StoreOperation::kLinkEndLink, [&] { return store_.EndLink(request, args); });
}
absl::StatusOr<musubi::link::Resolution> ObservedLinkStore::Resolve(
    const musubi::link::ResolveArgs& args) {
  return meter_.Run(StoreOperation::kLinkResolve, [&] { return store_.Resolve(args); });
}
absl::StatusOr<musubi::link::SessionEnd> ObservedLinkStore::EndSession(
    const musubi::link::EndSessionArgs& args) {
  return meter_.Run(StoreOperation::kLinkEndSession, [&] { return store_.EndSession(args); });
}
absl::StatusOr<std::optional<musubi::link::SessionEnd>> ObservedLinkStore::GetSessionEnd(
    const musubi::link::SessionId& session_id) {
  return meter_.Run(StoreOperation::kLinkGetSessionEnd,
                    [&] { return store_.GetSessionEnd(session_id); });
}
absl::Status ObservedLinkStore::NoteNameRead(const musubi::link::LinkId& id) {
  return meter_.Run(StoreOperation::kLinkNoteNameRead, [&] { return store_.NoteNameRead(id); });
}
absl::StatusOr<musubi::link::Link> ObservedLinkStore::GetLink(const musubi::link::LinkId& id) {
  return meter_.Run(StoreOperation::kLinkGetLink, [&] { return store_.GetLink(id); });
}
absl::StatusOr<musubi::link::Page<musubi::link::Link>> ObservedLinkStore::ListLinks(
    const musubi::link::LinkFilter& filter, const musubi::link::PageRequest& page) {
  return meter_.Run(StoreOperation::kLinkListLinks, [&] { return store_.ListLinks(filter, page); });
}
absl::StatusOr<musubi::link::Page<musubi::link::AuditEntry>> ObservedLinkStore::ListEvents(
    const musubi::link::LinkFilter& filter, const musubi::link::PageRequest& page) {
  return meter_.Run(StoreOperation::kLinkListEvents,
                    [&] { return store_.ListEvents(filter, page); });
}
absl::StatusOr<std::vector<musubi::link::PersonId>> ObservedLinkStore::ReferencedPersons(
    std::span<const musubi::link::PersonId> persons, absl::Time ended_since) {
  return meter_.Run(StoreOperation::kLinkReferencedPersons,
                    [&] { return store_.ReferencedPersons(persons, ended_since); });
}
absl::StatusOr<int> ObservedLinkStore::Prune(absl::Time before) {
  return meter_.Run(StoreOperation::kLinkPrune, [&] { return store_.Prune(before); });
}
absl::StatusOr<musubi::link::AuditHead> ObservedLinkStore::ExportHead() {
  return meter_.Run(StoreOperation::kLinkExportHead, [&] { return store_.ExportHead(); });
}
absl::StatusOr<std::vector<musubi::link::ChainHead>> ObservedLinkStore::ListHeads() {
  return meter_.Run(StoreOperation::kLinkListHeads, [&] { return store_.ListHeads(); });
}
absl::StatusOr<musubi::link::AuditReport> ObservedLinkStore::VerifyChain(
    std::optional<musubi::link::AuditHead> expected_head) {
  return meter_.Run(StoreOperation::kLinkVerifyChain,
                    [&] { return store_.VerifyChain(expected_head); });
}

absl::StatusOr<person::PersonId> ObservedPersonStore::Record(const person::CardRecord& record) {
  return meter_.Run(StoreOperation::kPersonRecord, [&] { return store_.Record(record); });
}
absl::StatusOr<std::optional<person::PersonId>> ObservedPersonStore::Find(
    const person::CardIdentity& card) {
  return meter_.Run(StoreOperation::kPersonFind, [&] { return store_.Find(card); });
}
absl::StatusOr<std::optional<base::Secret<std::string>>> ObservedPersonStore::GetName(
    const person::PersonId& person) {
  return meter_.Run(StoreOperation::kPersonGetName, [&] { return store_.GetName(person); });
}
absl::StatusOr<base::Secret<base::Bytes>> ObservedPersonStore::GetCertificate(
    const person::PersonId& person) {
  return meter_.Run(StoreOperation::kPersonGetCertificate,
                    [&] { return store_.GetCertificate(person); });
}
absl::StatusOr<base::Hash256> ObservedPersonStore::Commit(
    const person::PersonId& person, std::initializer_list<base::ByteView> facts) {
  return meter_.Run(StoreOperation::kPersonCommit, [&] { return store_.Commit(person, facts); });
}
absl::Status ObservedPersonStore::Erase(const person::PersonId& person) {
  return meter_.Run(StoreOperation::kPersonErase, [&] { return store_.Erase(person); });
}
absl::StatusOr<int> ObservedPersonStore::SweepUnreferenced(absl::Time before,
                                                           const ReferencedFn& referenced) {
  return meter_.Run(StoreOperation::kPersonSweepUnreferenced,
                    [&] { return store_.SweepUnreferenced(before, referenced); });
}

void ObservedHttpClient::AddTrace(http::Request& request) const {
  if (const telemetry::Work* work = telemetry::Work::Current(); work != nullptr) {
    request.traceparent = telemetry::FormatTraceparent(work->trace());
  }
}

void ObservedHttpClient::SendAsync(http::Request request, Done done) {
  if (request.traceparent.empty()) AddTrace(request);
  client_.SendAsync(
      std::move(request), [&clock = clock_, &metrics = metrics_, begin = clock_.Now(),
                           done = std::move(done)](absl::StatusOr<http::Response> response) {
        metrics.ocsp_duration.Observe(std::max(absl::ZeroDuration(), clock.Now() - begin));
        done(std::move(response));
      });
}

}  // namespace musubi::services::musubid
