#include "lib/crypto/signature_verifier.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "lib/base/check.h"
#include "lib/crypto/message_digest.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/rsa_lanes.h"
#include "lib/crypto/rsa_padding.h"
#include "lib/crypto/scalar_verifier.h"

namespace musubi::crypto {

using base::ByteView;
using rsa_lanes::kLanes;
using rsa_lanes::kModulusSize;

struct PreparedKey::Contents {
  base::Bytes spki;
  PublicKey key;  // Views `spki`.
  ScalarConstants scalar;
  std::optional<rsa_lanes::KeyConstants> lanes;  // RSA-2048, on a processor that has lanes.
};

PreparedKey::PreparedKey(std::unique_ptr<Contents> contents) : contents_(std::move(contents)) {}
PreparedKey::~PreparedKey() = default;

absl::StatusOr<std::unique_ptr<PreparedKey>> PreparedKey::Create(ByteView spki_der) {
  auto contents = std::make_unique<Contents>();
  contents->spki = base::ToBytes(spki_der);
  const auto key = ParsePublicKey(contents->spki);
  if (!key.has_value()) {
    return absl::InvalidArgumentError("not a public key of a known type, size and encoding");
  }
  contents->key = *key;
  contents->scalar = MakeScalarConstants(*key);
  if (key->modulus.empty() && contents->scalar.ec_key == nullptr) {
    return absl::InvalidArgumentError("the public key's point is not on its curve");
  }
  if (key->modulus.size() == kModulusSize && rsa_lanes::Supported()) {
    rsa_lanes::PrepareKey(key->modulus.data(), contents->lanes.emplace());
  }
  return std::unique_ptr<PreparedKey>(new PreparedKey(std::move(contents)));
}

KeyType PreparedKey::type() const { return contents_->key.type; }
ByteView PreparedKey::spki_der() const { return contents_->spki; }

namespace {

using Number = std::array<uint8_t, kModulusSize>;

// The wrong answer of lane `lane`: another bit in each.
void FlipBit(Number& number, int lane) { number[static_cast<size_t>(32 * lane + 5)] ^= 0x10; }

// Octets that look random and are always the same.
Number Expand(uint8_t seed, int lane) {
  Number number;
  for (uint8_t i = 0; i < 8; ++i) {
    const uint8_t input[3] = {seed, static_cast<uint8_t>(lane), i};
    const MessageDigest block = DigestOf(SignatureHash::kSha256, {input});
    std::copy_n(block.octets.begin(), 32, number.begin() + 32 * i);
  }
  return number;
}

}  // namespace

// Eight moduli, numbers below them, and what these are to the power of 65537: by OpenSSL.
struct SignatureVerifier::SelfTestVectors {
  struct Lane {
    Number modulus;
    Number base;
    Number good;
    Number bad;
    std::optional<rsa_lanes::KeyConstants> constants;
  };
  std::array<Lane, kLanes> lanes;

  SelfTestVectors() {
    for (int i = 0; i < kLanes; ++i) {
      Lane& lane = lanes[static_cast<size_t>(i)];
      lane.modulus = Expand(1, i);
      lane.modulus.front() |= 0x80;
      lane.modulus.back() |= 1;
      lane.base = Expand(2, i);
      lane.base.front() &= 0x7f;
      OpenRsa(lane.modulus, lane.base, lane.good);
      lane.bad = lane.good;
      FlipBit(lane.bad, i);
      if (rsa_lanes::Supported()) {
        rsa_lanes::PrepareKey(lane.modulus.data(), lane.constants.emplace());
      }
    }
  }

  rsa_lanes::Job JobOf(int lane, bool good, bool prepared) const {
    const Lane& vector = lanes[static_cast<size_t>(lane)];
    return {vector.modulus.data(),
            prepared && vector.constants.has_value() ? &*vector.constants : nullptr,
            vector.base.data(), good ? vector.good.data() : vector.bad.data(), nullptr};
  }

  static const SelfTestVectors& Get() {
    static const SelfTestVectors vectors;
    return vectors;
  }
};

// An RSA-2048 check on its way to a lane.
struct SignatureVerifier::Slot {
  size_t index = 0;
  SignatureAlgorithm algorithm;
  PublicKey key;
  const ScalarConstants* scalar = nullptr;
  const rsa_lanes::KeyConstants* constants = nullptr;
  MessageDigest digest;
  ByteView signature;
  Number expected;
  Number opened;

  bool CheckScalar() const {
    return ScalarVerify(algorithm, key, scalar, digest.view(), signature);
  }
};

SignatureVerifier::SignatureVerifier(const Options& options, LaneFunction lanes)
    : options_(options), lanes_(lanes) {}
SignatureVerifier::~SignatureVerifier() = default;

absl::StatusOr<std::unique_ptr<SignatureVerifier>> SignatureVerifier::Create(
    const Options& options) {
  return CreateForTest(options, rsa_lanes::Supported() ? &rsa_lanes::Run : nullptr);
}

absl::StatusOr<std::unique_ptr<SignatureVerifier>> SignatureVerifier::CreateForTest(
    const Options& options, LaneFunction lanes) {
  if (options.recheck_one_in == 0) {
    return absl::InvalidArgumentError("recheck_one_in is 0: at least 1 (every accepted signature)");
  }
  if (options.dispatch == SignatureDispatch::kScalar) lanes = nullptr;
  std::unique_ptr<SignatureVerifier> verifier(new SignatureVerifier(options, lanes));
  if (lanes != nullptr && rsa_lanes::Enabled() && !verifier->PassesSelfTest()) {
    verifier->DisableLanes("a vector of the start-up test came out wrong");
  }
  if (options.dispatch == SignatureDispatch::kLanes && !verifier->uses_lanes()) {
    return absl::FailedPreconditionError(
        "lanes are demanded, but this processor has no AVX-512 IFMA and VBMI, or they failed: use "
        "automatic dispatch");
  }
  return verifier;
}

bool SignatureVerifier::uses_lanes() const { return lanes_ != nullptr && rsa_lanes::Enabled(); }

bool SignatureVerifier::PassesSelfTest() const {
  const SelfTestVectors& vectors = SelfTestVectors::Get();
  // All good, all bad, each lane alone the good one, and each alone the bad one.
  for (int pattern = 0; pattern < 2 * kLanes + 2; ++pattern) {
    const int alone = 1 << (pattern % kLanes);
    const int want = pattern == 2 * kLanes       ? 0xff
                     : pattern == 2 * kLanes + 1 ? 0
                     : pattern < kLanes          ? alone
                                                 : 0xff ^ alone;
    for (const bool prepared : {false, true}) {
      rsa_lanes::Job jobs[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) {
        jobs[lane] = vectors.JobOf(lane, (want >> lane & 1) != 0, prepared);
      }
      if (lanes_(jobs) != want) return false;
    }
  }
  return true;
}

void SignatureVerifier::DisableLanes(std::string_view why) const {
  rsa_lanes::Disable();
  if (options_.observer != nullptr) options_.observer->OnLanesDisabled(why);
}

bool SignatureVerifier::RunLanes(std::span<Slot* const> slots,
                                 std::span<SignatureOutcome> outcomes) const {
  const SelfTestVectors& vectors = SelfTestVectors::Get();
  rsa_lanes::Job jobs[kLanes];
  for (size_t i = 0; i < kLanes; ++i) {
    if (i >= slots.size()) {
      // Prepared or not as the others are, so that it costs nothing.
      jobs[i] = vectors.JobOf(static_cast<int>(i), false, slots[0]->constants != nullptr);
      continue;
    }
    Slot& slot = *slots[i];
    const bool pss = slot.algorithm.scheme == SignatureScheme::kRsaPss;
    if (!pss) EncodePkcs1(slot.algorithm.hash, slot.digest.view(), slot.expected);
    jobs[i] = {slot.key.modulus.data(), slot.constants, slot.signature.data(),
               pss ? slot.signature.data() : slot.expected.data(),
               pss ? slot.opened.data() : nullptr};
  }
  const uint8_t equal = lanes_(jobs);
  lane_runs_.fetch_add(1, std::memory_order_relaxed);
  lane_checks_.fetch_add(slots.size(), std::memory_order_relaxed);
  MUSUBI_CHECK((equal >> slots.size()) == 0, "a lane accepted what is known to be bad");
  for (size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = *slots[i];
    const bool good = slot.algorithm.scheme == SignatureScheme::kRsaPss
                          ? IsPss(slot.algorithm, slot.digest.view(), slot.opened)
                          : (equal >> i & 1) != 0;
    outcomes[slot.index] = good ? SignatureOutcome::kGood : SignatureOutcome::kBad;
    if (!good) continue;
    const uint32_t count = accepted_.fetch_add(1, std::memory_order_relaxed);
    if (count % options_.recheck_one_in == 0 && !slot.CheckScalar()) return false;
  }
  return true;
}

absl::Status SignatureVerifier::Verify(std::span<const SignatureCheck> checks,
                                       std::span<SignatureOutcome> outcomes) const {
  MUSUBI_CHECK(checks.size() == outcomes.size(), "an outcome for each check");
  std::fill(outcomes.begin(), outcomes.end(), SignatureOutcome::kNotChecked);
  const bool lanes = uses_lanes();
  if (!lanes && options_.dispatch == SignatureDispatch::kLanes) {
    return absl::FailedPreconditionError("lanes are demanded, and have been disabled");
  }
  // Two kinds wait apart, so that fewer runs have to make constants.
  struct Waiting {
    Slot slots[kLanes];
    size_t count = 0;
  };
  Waiting fresh;
  Waiting prepared;
  auto contradicted = [&] {
    DisableLanes("OpenSSL refuses a signature that a lane accepted");
    std::fill(outcomes.begin(), outcomes.end(), SignatureOutcome::kNotChecked);
    return absl::InternalError("a signature check in lanes went wrong: nothing is answered");
  };
  for (size_t i = 0; i < checks.size(); ++i) {
    const SignatureCheck& check = checks[i];
    outcomes[i] = SignatureOutcome::kBad;
    const auto* contents = check.key != nullptr ? check.key->contents_.get() : nullptr;
    const auto key = contents != nullptr ? contents->key : ParsePublicKey(check.spki_der);
    if (!key.has_value() || !FitsKey(check.algorithm, *key)) continue;
    const size_t digest_size = DigestSize(check.algorithm.hash);
    MUSUBI_CHECK(check.digest.empty() || check.digest.size() == digest_size,
                 "a digest of another hash");
    MessageDigest digest;
    if (check.digest.empty()) {
      digest = DigestOf(check.algorithm.hash, {check.message});
    } else {
      digest.size = digest_size;
      std::copy(check.digest.begin(), check.digest.end(), digest.octets.begin());
    }
    const ScalarConstants* scalar = contents != nullptr ? &contents->scalar : nullptr;
    if (!lanes || key->modulus.size() != kModulusSize) {
      if (ScalarVerify(check.algorithm, *key, scalar, digest.view(), check.signature)) {
        outcomes[i] = SignatureOutcome::kGood;
      }
      continue;
    }
    // Only signatures below the modulus; ParsePublicKey saw to modulus and exponent.
    if (check.signature.size() != kModulusSize ||
        !std::lexicographical_compare(check.signature.begin(), check.signature.end(),
                                      key->modulus.begin(), key->modulus.end())) {
      continue;
    }
    const bool has_constants = contents != nullptr && contents->lanes.has_value();
    Waiting& waiting = has_constants ? prepared : fresh;
    Slot& slot = waiting.slots[waiting.count++];
    slot.index = i;
    slot.algorithm = check.algorithm;
    slot.key = *key;
    slot.scalar = scalar;
    slot.constants = has_constants ? &*contents->lanes : nullptr;
    slot.digest = digest;
    slot.signature = check.signature;
    if (waiting.count < kLanes) continue;
    std::array<Slot*, kLanes> full;
    for (size_t lane = 0; lane < kLanes; ++lane) full[lane] = &waiting.slots[lane];
    waiting.count = 0;
    if (!RunLanes(full, outcomes)) return contradicted();
  }
  std::array<Slot*, size_t{2} * kLanes> rest;
  size_t count = 0;
  for (Waiting* waiting : {&fresh, &prepared}) {
    for (size_t i = 0; i < waiting->count; ++i) rest[count++] = &waiting->slots[i];
  }
  const size_t least = options_.dispatch == SignatureDispatch::kLanes ? 1 : kMinLaneChecks;
  for (size_t done = 0; done < count;) {
    const size_t now = std::min(count - done, size_t{kLanes});
    if (now < least) {
      for (; done < count; ++done) {
        outcomes[rest[done]->index] =
            rest[done]->CheckScalar() ? SignatureOutcome::kGood : SignatureOutcome::kBad;
      }
      break;
    }
    if (!RunLanes(std::span(rest).subspan(done, now), outcomes)) return contradicted();
    done += now;
  }
  return absl::OkStatus();
}

}  // namespace musubi::crypto
