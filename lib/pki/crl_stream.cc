#include "lib/pki/crl_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/crypto/signature.h"
#include "lib/pki/der.h"
#include "lib/pki/name.h"

namespace musubi::pki {
namespace {

using base::ByteView;

// Serials of RFC 5280 section 4.1.2.2. Longer ones go the odd way.
constexpr size_t kMaxPlainSerial = 20;

// The extensions of an entry that has a reason and nothing else, to before the reason itself.
constexpr std::array<uint8_t, 13> kReasonExtensions = {0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55,
                                                       0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01};

// An element's identifier and length octets, under the rules of DerReader.
struct Header {
  enum class State { kWhole, kCut, kMalformed };

  State state = State::kMalformed;
  size_t size = 0;
  size_t length = 0;

  size_t whole() const { return size + length; }
};

Header ReadHeader(ByteView input) {
  using State = Header::State;
  if (input.empty()) return {State::kCut};
  if ((input[0] & 0x1f) == 0x1f) return {State::kMalformed};
  if (input.size() < 2) return {State::kCut};
  if (input[1] < 0x80) return {State::kWhole, 2, input[1]};
  const size_t octets = input[1] & 0x7f;
  if (octets == 0 || octets > 4) return {State::kMalformed};
  if (input.size() < 2 + octets) return {State::kCut};
  size_t length = 0;
  for (size_t i = 0; i < octets; ++i) length = (length << 8) | input[2 + i];
  if (length < 0x80 || (length >> (8 * (octets - 1))) == 0) return {State::kMalformed};
  return {State::kWhole, 2 + octets, length};
}

// kUsable unless an entry with this header is refused, whatever follows.
CrlOutcome CheckEntryHeader(const Header& header) {
  if (header.state == Header::State::kMalformed) return CrlOutcome::kMalformed;
  const bool too_large = header.state == Header::State::kWhole && header.whole() > kMaxCrlEntrySize;
  return too_large ? CrlOutcome::kTooLarge : CrlOutcome::kUsable;
}

void AppendHeader(base::Bytes& out, uint8_t tag, size_t length) {
  out.push_back(tag);
  if (length < 0x80) {
    out.push_back(static_cast<uint8_t>(length));
    return;
  }
  int octets = 1;
  while (length >> (8 * octets) != 0) ++octets;
  out.push_back(static_cast<uint8_t>(0x80 | octets));
  for (int i = octets - 1; i >= 0; --i) out.push_back(static_cast<uint8_t>(length >> (8 * i)));
}

base::Bytes Sequence(std::initializer_list<ByteView> parts) {
  size_t length = 0;
  for (const ByteView part : parts) length += part.size();
  base::Bytes out;
  out.reserve(length + 6);
  AppendHeader(out, der_tag::kSequence, length);
  for (const ByteView part : parts) base::Append(out, part);
  return out;
}

// RFC 5280 section 5.3.1, as ParseCrl takes it. The odd way refuses the others.
std::optional<CrlReason> PlainReason(uint8_t number) {
  if (number > 10 || number == 7 || number == 8) return std::nullopt;
  return static_cast<CrlReason>(number + 1);
}

// An entry with a serial, a time, and a reason or nothing: nearly all are.
std::optional<CrlEntry> ReadPlainEntry(ByteView content) {
  DerReader parts(content);
  const auto serial = parts.Read(der_tag::kInteger);
  const auto date = parts.Read();
  if (!serial || !date || !IsMinimalInteger(serial->content) ||
      serial->content.size() > kMaxPlainSerial) {
    return std::nullopt;
  }
  const auto time = ParseTime(*date);
  if (!time) return std::nullopt;
  CrlEntry entry;
  entry.serial = serial->content;
  entry.revoked_at = *time;
  if (parts.done()) return entry;
  const size_t rest = content.size() -
                      static_cast<size_t>(date->whole.data() + date->whole.size() - content.data());
  if (rest != kReasonExtensions.size() + 1) return std::nullopt;
  const ByteView extensions = content.last(rest);
  const auto reason = PlainReason(extensions.back());
  if (!reason ||
      !std::equal(kReasonExtensions.begin(), kReasonExtensions.end(), extensions.begin())) {
    return std::nullopt;
  }
  entry.reason = *reason;
  return entry;
}

}  // namespace

void CrlStream::Hash(ByteView piece) {
  if (hash_) hash_->Update(piece);
}

CrlOutcome CrlStream::Feed(ByteView piece) {
  if (outcome_ != CrlOutcome::kUsable) return outcome_;
  if (piece.size() > kMaxStreamedCrlSize - taken_) return outcome_ = CrlOutcome::kTooLarge;
  for (ByteView rest = piece; !rest.empty() && outcome_ == CrlOutcome::kUsable;) {
    const size_t before = rest.size();
    switch (phase_) {
      case Phase::kHead:
        outcome_ = TakeHead(rest);
        break;
      case Phase::kEntries:
        outcome_ = TakeEntries(rest);
        break;
      case Phase::kTail:
        outcome_ = TakeTail(rest);
        break;
    }
    taken_ += before - rest.size();
  }
  return outcome_;
}

CrlOutcome CrlStream::TakeHead(ByteView& rest) {
  const size_t held = held_.size();
  const ByteView more = rest.first(std::min(rest.size(), kMaxCrlHeadSize - held));
  base::Append(held_, more);
  size_t size = 0;
  const CrlOutcome outcome = ParseHead(size);
  if (outcome != CrlOutcome::kUsable) return outcome;
  if (size == 0) {
    rest = rest.subspan(more.size());
    return held_.size() < kMaxCrlHeadSize ? CrlOutcome::kUsable : CrlOutcome::kTooLarge;
  }
  // What was held before was not enough: the head ends in `more`, or right before it.
  rest = rest.subspan(size - held);
  if (const auto algorithm = crypto::SignatureAlgorithmOf(algorithm_)) {
    hash_.emplace(algorithm->hash);
    Hash(ByteView(held_).first(size).subspan(tbs_begin_));
  }
  held_.clear();
  phase_ = entries_left_ > 0 ? Phase::kEntries : Phase::kTail;
  return CrlOutcome::kUsable;
}

// Reads what is held; `size` becomes that of the head, or stays 0 if more must be held.
CrlOutcome CrlStream::ParseHead(size_t& size) {
  const Header list = ReadHeader(held_);
  if (list.state == Header::State::kCut) return CrlOutcome::kUsable;
  if (list.state == Header::State::kMalformed || held_[0] != der_tag::kSequence) {
    return CrlOutcome::kMalformed;
  }
  if (list.whole() > kMaxStreamedCrlSize) return CrlOutcome::kTooLarge;
  end_ = list.whole();
  tbs_begin_ = list.size;
  const ByteView from_tbs = ByteView(held_).subspan(tbs_begin_);
  const Header tbs = ReadHeader(from_tbs);
  if (tbs.state == Header::State::kCut) return CrlOutcome::kUsable;
  tbs_end_ = tbs_begin_ + tbs.whole();
  if (tbs.state == Header::State::kMalformed || from_tbs[0] != der_tag::kSequence ||
      tbs_end_ > end_) {
    return CrlOutcome::kMalformed;
  }
  // Version, algorithm, issuer, thisUpdate, nextUpdate. ParseCrl judges them at the end; here they
  // are only told apart, and the last may be absent.
  const size_t begin = tbs_begin_ + tbs.size;
  size_t at = begin;
  for (int part = 0;; ++part) {
    if (at == tbs_end_) break;
    if (at == held_.size()) return CrlOutcome::kUsable;
    const uint8_t tag = held_[at];
    const bool is_time = tag == der_tag::kUtcTime || tag == der_tag::kGeneralizedTime;
    if (part == 0 && tag != der_tag::kInteger) return CrlOutcome::kVersionNotSupported;
    if (((part == 1 || part == 2) && tag != der_tag::kSequence) || (part == 3 && !is_time)) {
      return CrlOutcome::kMalformed;
    }
    if (part == 5 || (part == 4 && !is_time)) break;
    const Header header = ReadHeader(ByteView(held_).subspan(at));
    if (header.state == Header::State::kCut) return CrlOutcome::kUsable;
    if (header.state == Header::State::kMalformed || header.whole() > tbs_end_ - at) {
      return CrlOutcome::kMalformed;
    }
    if (header.whole() > held_.size() - at) {
      return header.whole() > kMaxCrlHeadSize ? CrlOutcome::kTooLarge : CrlOutcome::kUsable;
    }
    const ByteView whole = ByteView(held_).subspan(at, header.whole());
    if (part == 1) algorithm_ = base::ToBytes(whole);
    if (part == 3) {
      const auto time = ParseTime({tag, whole.subspan(header.size), whole});
      if (!time) return CrlOutcome::kMalformed;
      this_update_ = *time;
    }
    at += header.whole();
  }
  const ByteView head = ByteView(held_).subspan(begin, at - begin);
  size_t entries_size = 0;
  if (at < tbs_end_ && held_[at] == der_tag::kSequence) {
    const Header entries = ReadHeader(ByteView(held_).subspan(at));
    if (entries.state == Header::State::kCut) return CrlOutcome::kUsable;
    // RFC 5280 section 5.1.2.6: without entries the list must be absent.
    if (entries.state == Header::State::kMalformed || entries.length == 0 ||
        entries.whole() > tbs_end_ - at) {
      return CrlOutcome::kMalformed;
    }
    entries_size = entries.length;
    at += entries.size;
  }
  if (end_ - (at + entries_size) > kMaxCrlTailSize) return CrlOutcome::kTooLarge;
  head_ = base::ToBytes(head);
  has_entries_ = entries_size > 0;
  entries_left_ = entries_size;
  size = at;
  sink_.OnHead(this_update_, entries_size);
  return CrlOutcome::kUsable;
}

CrlOutcome CrlStream::TakeEntries(ByteView& rest) {
  ByteView piece = rest.first(std::min(rest.size(), entries_left_));
  rest = rest.subspan(piece.size());
  entries_left_ -= piece.size();
  Hash(piece);
  while (!piece.empty()) {
    const bool holds = !held_.empty();
    const Header header = ReadHeader(holds ? ByteView(held_) : piece);
    if (const CrlOutcome outcome = CheckEntryHeader(header); outcome != CrlOutcome::kUsable) {
      return outcome;
    }
    if (!holds && header.state == Header::State::kWhole && header.whole() <= piece.size()) {
      const CrlOutcome outcome = TakeEntry(piece.first(header.whole()), header.size);
      if (outcome != CrlOutcome::kUsable) return outcome;
      piece = piece.subspan(header.whole());
      continue;
    }
    // Cut by the end of a piece. One octet at a time until the length is known.
    const size_t wanted = header.state == Header::State::kCut ? 1 : header.whole() - held_.size();
    const ByteView more = piece.first(std::min(wanted, piece.size()));
    base::Append(held_, more);
    piece = piece.subspan(more.size());
    // Again, since no piece may follow.
    const Header grown = ReadHeader(held_);
    if (const CrlOutcome outcome = CheckEntryHeader(grown); outcome != CrlOutcome::kUsable) {
      return outcome;
    }
    if (grown.state == Header::State::kWhole && held_.size() == grown.whole()) {
      const CrlOutcome outcome = TakeEntry(held_, grown.size);
      if (outcome != CrlOutcome::kUsable) return outcome;
      held_.clear();
    }
  }
  if (entries_left_ > 0) return CrlOutcome::kUsable;
  phase_ = Phase::kTail;
  return held_.empty() ? CrlOutcome::kUsable : CrlOutcome::kMalformed;
}

CrlOutcome CrlStream::TakeEntry(ByteView whole, size_t header_size) {
  ++entries_;
  if (whole[0] == der_tag::kSequence) {
    if (const auto entry = ReadPlainEntry(whole.subspan(header_size))) {
      sink_.OnEntry(*entry);
      return CrlOutcome::kUsable;
    }
  }
  // As the only one of a list of the same head, so that one parser judges it.
  constexpr std::array<uint8_t, 4> kNoSignature = {der_tag::kBitString, 2, 0, 0};
  const CrlParseResult parsed =
      ParseCrl(Sequence({Sequence({head_, Sequence({whole})}), algorithm_, kNoSignature}));
  if (!parsed.crl) return parsed.outcome;
  sink_.OnEntry(parsed.crl->entries().at(0));
  return CrlOutcome::kUsable;
}

CrlOutcome CrlStream::TakeTail(ByteView& rest) {
  if (rest.size() > end_ - taken_) return CrlOutcome::kMalformed;  // Trailing octets.
  if (taken_ < tbs_end_) Hash(rest.first(std::min(rest.size(), tbs_end_ - taken_)));
  base::Append(held_, rest);
  rest = {};
  return CrlOutcome::kUsable;
}

CrlOutcome CrlStream::Finish() {
  if (outcome_ != CrlOutcome::kUsable) return outcome_;
  if (phase_ != Phase::kTail || taken_ != end_) return outcome_ = CrlOutcome::kMalformed;
  const size_t in_tbs = tbs_end_ - (end_ - held_.size());
  const ByteView extensions = ByteView(held_).first(in_tbs);
  const ByteView after = ByteView(held_).subspan(in_tbs);
  // Not a second list of entries, which the list below would make the only one.
  if (has_entries_ && !extensions.empty() && extensions[0] != der_tag::Constructed(0)) {
    return outcome_ = CrlOutcome::kMalformed;
  }
  CrlParseResult parsed = ParseCrl(Sequence({Sequence({head_, extensions}), after}));
  if (!parsed.crl) return outcome_ = parsed.outcome;
  list_ = std::move(parsed.crl);
  DerReader parts(after);
  parts.Read();
  const auto signature = parts.Read(der_tag::kBitString);
  signature_ = base::ToBytes(signature->content.subspan(1));
  if (hash_) digest_ = hash_->Finish();
  return outcome_;
}

CrlOutcome CrlStream::CheckSignature(const Certificate& signer) const {
  if (!list_) return CrlOutcome::kMalformed;
  if (!SameName(list_->issuer_der(), signer.subject_der())) return CrlOutcome::kWrongIssuer;
  // RFC 5280 section 6.3.3 (f): only if keyUsage is present.
  if (signer.key_usage().has_value() && !signer.HasKeyUsage(KeyUsage::kCrlSign)) {
    return CrlOutcome::kSignerNotAllowed;
  }
  auto algorithm = crypto::SignatureAlgorithmOf(algorithm_);
  if (!algorithm) return CrlOutcome::kAlgorithmNotAllowed;
  if (const auto key = signer.key_type()) algorithm = crypto::ForKey(*algorithm, *key);
  return crypto::VerifyDigest(*algorithm, signer.spki_der(), digest_, signature_)
             ? CrlOutcome::kUsable
             : CrlOutcome::kBadSignature;
}

}  // namespace musubi::pki
