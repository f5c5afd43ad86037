// OpenQrFrame and the base64url beneath it on any text: no crash, no read beyond the end, nobody
// forges a frame, and what is decoded is encoded back to the very input.
#include <cstddef>
#include <cstdint>

#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/pairing/qr_frame.h"
#include "tests/fakes/fake_random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace musubi;
  static fakes::FakeRandom random;
  static const crypto::Keyring keyring = crypto::Keyring::Generate("k1", random);
  const std::string_view text = base::AsText({data, size});
  MUSUBI_CHECK(!pairing::OpenQrFrame(keyring, text).ok(), "a frame was forged");
  const auto octets = base::Base64UrlDecode(text);
  if (octets.ok()) {
    MUSUBI_CHECK(base::Base64UrlEncode(*octets) == text, "base64url is not strict");
  }
  return 0;
}
