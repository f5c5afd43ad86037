// A CRL that is too long to be held, parsed piece by piece: head, entries one by one, extensions,
// signature. Takes and refuses what ParseCrl (crl.h) does, which judges all but the plain entries
// here too. No I/O, no clock; keeps no entry.
#ifndef MUSUBI_LIB_PKI_CRL_STREAM_H_
#define MUSUBI_LIB_PKI_CRL_STREAM_H_

#include <cstddef>
#include <optional>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/crypto/streamed_signature.h"
#include "lib/pki/certificate.h"
#include "lib/pki/crl.h"

namespace musubi::pki {

// Largest CRL that is taken: 10 M entries of 37 octets are 370 MB, of the longest plain ones 560
// MB; twice that leaves room for extensions.
inline constexpr size_t kMaxStreamedCrlSize = size_t{1280} << 20;
// What is held while it is judged: everything before the entries (a Name and an algorithm), one
// entry, and everything after them. Real ones are below 500, 60 and 1,000 octets.
inline constexpr size_t kMaxCrlHeadSize = size_t{16} << 10;
inline constexpr size_t kMaxCrlEntrySize = size_t{4} << 10;
inline constexpr size_t kMaxCrlTailSize = size_t{64} << 10;

// Hears of entries before anything is known about the signature: nothing of it may become visible
// until CrlStream::Finish and CheckSignature return kUsable.
class CrlEntrySink {
 public:
  virtual ~CrlEntrySink() = default;

  // Before the first entry. `entries_size` is the octets of all entries; 0: there are none.
  virtual void OnHead(absl::Time this_update, size_t entries_size) = 0;
  // In the order of the list; the entry's views live as long as the call.
  virtual void OnEntry(const CrlEntry& entry) = 0;
};

// CrlStream takes one CRL. The hash that the signature is checked with and the entries come from
// the same reading of the caller's octets, which must not change during a call: read a file into
// memory of your own, do not map it. Not thread-safe.
class CrlStream {
 public:
  // `sink` outlives the stream.
  explicit CrlStream(CrlEntrySink& sink) : sink_(sink) {}

  // Feed takes the next octets, in pieces of any size. kUsable: go on; otherwise the list is
  // refused for this reason, which all later calls repeat. Of a list with several faults the first
  // in the order of its octets is told, which may be another one than ParseCrl tells. kTooLarge
  // also if a part is larger than its limit above.
  CrlOutcome Feed(base::ByteView piece);
  // Finish is called after the last octet: kMalformed if there should be more.
  CrlOutcome Finish();

  // What follows is for a list that Finish has taken.

  // The list without its entries, whose der() is not that of the whole list.
  const Crl& list() const { return *list_; }
  size_t entries() const { return entries_; }
  // Same as CheckCrlSignature of crl.h.
  CrlOutcome CheckSignature(const Certificate& signer) const;
  // SHA-256, or the algorithm's own hash, of the signed part; empty if the algorithm is none of
  // ours. Together with list().der() it identifies the octets of the list.
  base::ByteView digest() const { return digest_; }

 private:
  enum class Phase { kHead, kEntries, kTail };

  void Hash(base::ByteView piece);
  CrlOutcome TakeHead(base::ByteView& rest);
  CrlOutcome ParseHead(size_t& size);
  CrlOutcome TakeEntries(base::ByteView& rest);
  CrlOutcome TakeEntry(base::ByteView whole, size_t header_size);
  CrlOutcome TakeTail(base::ByteView& rest);

  CrlEntrySink& sink_;
  CrlOutcome outcome_ = CrlOutcome::kUsable;
  Phase phase_ = Phase::kHead;
  base::Bytes held_;  // The head so far; the beginning of an entry; the tail so far.

  // Offsets into the list, once they are known.
  size_t taken_ = 0;
  size_t tbs_begin_ = 0;
  size_t tbs_end_ = 0;
  size_t end_ = 0;
  size_t entries_left_ = 0;  // Octets of entries that were not taken yet.
  bool has_entries_ = false;
  absl::Time this_update_;

  base::Bytes head_;       // tbsCertList from its version to before its entries.
  base::Bytes algorithm_;  // The AlgorithmIdentifier in it.
  base::Bytes signature_;
  std::optional<crypto::StreamedHash> hash_;
  base::Bytes digest_;
  std::optional<Crl> list_;
  size_t entries_ = 0;
};

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_CRL_STREAM_H_
