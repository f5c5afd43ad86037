#include "sandbox/ocsp_responder.h"

#include <gtest/gtest.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "lib/base/file.h"
#include "tests/fakes/sandbox_world.h"

namespace musubi::sandbox {
namespace {

template <typename T, void (*Free)(T*)>
struct Freer {
  void operator()(T* object) const { Free(object); }
};
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;
using Request = std::unique_ptr<OCSP_REQUEST, Freer<OCSP_REQUEST, OCSP_REQUEST_free>>;
using Response = std::unique_ptr<OCSP_RESPONSE, Freer<OCSP_RESPONSE, OCSP_RESPONSE_free>>;
using Basic = std::unique_ptr<OCSP_BASICRESP, Freer<OCSP_BASICRESP, OCSP_BASICRESP_free>>;

Certificate Parse(base::ByteView der) {
  const unsigned char* at = der.data();
  return Certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));  // NOLINT(runtime/int)
}

Certificate CaOf(const fakes::SandboxWorld& shared, const std::string& anchor) {
  return Parse(base::AsBytes(*base::ReadFile(World::CaCertificatePath(shared.directory, anchor))));
}

class OcspResponderTest : public testing::Test {
 protected:
  std::unique_ptr<OcspResponder> Make(
      OcspResponder::NoncePolicy nonce = OcspResponder::NoncePolicy::kEcho) {
    auto responder =
        OcspResponder::Create(shared_.clock, {.directory = shared_.directory, .nonce = nonce});
    EXPECT_TRUE(responder.ok()) << responder.status();
    return *std::move(responder);
  }

  // A request about `certificate`, as issued by `ca`.
  Request Ask(const base::Bytes& certificate, X509* ca, const EVP_MD* digest = EVP_sha1()) {
    Request request(OCSP_REQUEST_new());
    OCSP_request_add0_id(request.get(), OCSP_cert_to_id(digest, Parse(certificate).get(), ca));
    return request;
  }

  Response Send(OcspResponder& responder, const std::string& anchor, OCSP_REQUEST* request,
                OcspMisbehaviour misbehaviour = OcspMisbehaviour::kNone) {
    unsigned char* buffer = nullptr;
    const int size = i2d_OCSP_REQUEST(request, &buffer);
    const auto answer = responder.Answer(anchor, {buffer, static_cast<size_t>(size)}, misbehaviour);
    OPENSSL_free(buffer);
    EXPECT_TRUE(answer.ok()) << answer.status();
    const unsigned char* at = answer->data();
    return Response(d2i_OCSP_RESPONSE(nullptr, &at,
                                      static_cast<long>(answer->size())));  // NOLINT(runtime/int)
  }

  // The status of the only certificate asked about, V_OCSP_CERTSTATUS_*.
  int StatusIn(const Response& response, int* reason = nullptr) {
    const Basic basic(OCSP_response_get1_basic(response.get()));
    EXPECT_NE(basic, nullptr);
    return OCSP_single_get0_status(OCSP_resp_get0(basic.get(), 0), reason, nullptr, nullptr,
                                   nullptr);
  }

  fakes::SandboxWorld& shared_ = fakes::SandboxWorld::Get();
};

TEST_F(OcspResponderTest, SaysGoodThenRevokedWithItsReason) {
  const std::string path = shared_.NewCard({.generation = "04"});
  const auto card = shared_.Load(path);
  const Certificate ca = CaOf(shared_, "auth-04");
  const auto responder = Make();
  for (const EVP_MD* digest : {EVP_sha1(), EVP_sha256()}) {
    const Request request = Ask(card->ReadCertificate(), ca.get(), digest);
    EXPECT_EQ(StatusIn(Send(*responder, "auth-04", request.get())), V_OCSP_CERTSTATUS_GOOD);
  }
  ASSERT_TRUE(shared_.world->RevokeCard(path, RevocationReason::kKeyCompromise).ok());
  const Request request = Ask(card->ReadCertificate(), ca.get());
  int reason = -1;
  EXPECT_EQ(StatusIn(Send(*responder, "auth-04", request.get()), &reason),
            V_OCSP_CERTSTATUS_REVOKED);
  EXPECT_EQ(reason, OCSP_REVOKED_STATUS_KEYCOMPROMISE);
}

TEST_F(OcspResponderTest, SignsWithADelegateOfTheSameCaKey) {
  const auto card = shared_.Load(shared_.NewCard());
  const Certificate ca = CaOf(shared_, "auth-03");
  const auto responder = Make();
  const Request request = Ask(card->ReadCertificate(), ca.get());
  const Basic basic(OCSP_response_get1_basic(Send(*responder, "auth-03", request.get()).get()));
  ASSERT_NE(basic, nullptr);
  X509* signer = nullptr;
  ASSERT_EQ(OCSP_resp_get0_signer(basic.get(), &signer, nullptr), 1);
  EXPECT_EQ(X509_verify(signer, X509_get0_pubkey(ca.get())), 1);
  EXPECT_GE(X509_get_ext_by_NID(signer, NID_id_pkix_OCSP_noCheck, -1), 0);
  EXPECT_EQ(X509_get_extended_key_usage(signer), static_cast<uint32_t>(XKU_OCSP_SIGN));
}

TEST_F(OcspResponderTest, DoesNotKnowTheNumberOfAnotherGeneration) {
  const auto card = shared_.Load(shared_.NewCard({.generation = "04"}));
  const Certificate ca = CaOf(shared_, "auth-03");
  const auto responder = Make();
  const Request request = Ask(card->ReadCertificate(), ca.get());
  EXPECT_EQ(StatusIn(Send(*responder, "auth-03", request.get())), V_OCSP_CERTSTATUS_UNKNOWN);
}

TEST_F(OcspResponderTest, IsUnauthorizedForAnotherCaKey) {
  const auto card = shared_.Load(shared_.NewCard({.generation = "04"}));
  const Certificate ca = CaOf(shared_, "auth-04");
  const auto responder = Make();
  const Request request = Ask(card->ReadCertificate(), ca.get());
  EXPECT_EQ(OCSP_response_status(Send(*responder, "auth-03", request.get()).get()),
            OCSP_RESPONSE_STATUS_UNAUTHORIZED);
  EXPECT_EQ(responder->Answer("auth-09", {}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(OcspResponderTest, EchoesANonceOnlyIfItsPolicySaysSo) {
  const auto card = shared_.Load(shared_.NewCard({.generation = "04"}));
  const Certificate ca = CaOf(shared_, "auth-04");
  const Request request = Ask(card->ReadCertificate(), ca.get());
  OCSP_request_add1_nonce(request.get(), nullptr, kMaxOcspNonce);
  auto check = [&](OcspResponder::NoncePolicy policy) {
    const Basic basic(
        OCSP_response_get1_basic(Send(*Make(policy), "auth-04", request.get()).get()));
    return OCSP_check_nonce(request.get(), basic.get());
  };
  EXPECT_EQ(check(OcspResponder::NoncePolicy::kEcho), 1);     // Equal.
  EXPECT_EQ(check(OcspResponder::NoncePolicy::kIgnore), -1);  // In the request only.
}

TEST_F(OcspResponderTest, RefusesANonceAbove32Octets) {
  const auto card = shared_.Load(shared_.NewCard({.generation = "04"}));
  const Certificate ca = CaOf(shared_, "auth-04");
  const Request request = Ask(card->ReadCertificate(), ca.get());
  OCSP_request_add1_nonce(request.get(), nullptr, kMaxOcspNonce + 1);
  EXPECT_EQ(OCSP_response_status(Send(*Make(), "auth-04", request.get()).get()),
            OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
}

TEST_F(OcspResponderTest, RefusesMoreCertificatesThanItsLimit) {
  const auto card = shared_.Load(shared_.NewCard({.generation = "04"}));
  const Certificate ca = CaOf(shared_, "auth-04");
  const Certificate certificate = Parse(card->ReadCertificate());
  const auto responder = Make();
  Request request(OCSP_REQUEST_new());
  for (int i = 0; i < kMaxOcspCertificates; ++i) {
    OCSP_request_add0_id(request.get(), OCSP_cert_to_id(nullptr, certificate.get(), ca.get()));
  }
  EXPECT_EQ(OCSP_response_status(Send(*responder, "auth-04", request.get()).get()),
            OCSP_RESPONSE_STATUS_SUCCESSFUL);
  OCSP_request_add0_id(request.get(), OCSP_cert_to_id(nullptr, certificate.get(), ca.get()));
  EXPECT_EQ(OCSP_response_status(Send(*responder, "auth-04", request.get()).get()),
            OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
}

TEST_F(OcspResponderTest, RefusesWhatIsNoRequest) {
  const auto responder = Make();
  for (const base::Bytes& octets :
       {base::Bytes{}, base::Bytes{0x30, 0x00}, base::Bytes(40, 0xff)}) {
    EXPECT_EQ(*responder->Answer("auth-03", octets), (base::Bytes{0x30, 0x03, 0x0a, 0x01, 0x01}));
  }
}

// What is wrong is checked from Musubi's side in tests/integration; here, that the answer is to be
// had and right in all else.
TEST_F(OcspResponderTest, MisbehavesInOneThing) {
  const auto card = shared_.Load(shared_.NewCard({.generation = "04"}));
  const Certificate ca = CaOf(shared_, "auth-04");
  const Request request = Ask(card->ReadCertificate(), ca.get());
  OCSP_request_add1_nonce(request.get(), nullptr, kMaxOcspNonce);
  const auto responder = Make();
  for (const OcspMisbehaviour misbehaviour : kOcspMisbehaviours) {
    const Response response = Send(*responder, "auth-04", request.get(), misbehaviour);
    if (misbehaviour == OcspMisbehaviour::kGarbage) {
      EXPECT_EQ(response, nullptr);
      continue;
    }
    const Basic basic(OCSP_response_get1_basic(response.get()));
    ASSERT_NE(basic, nullptr) << Name(misbehaviour);
    const bool two = misbehaviour == OcspMisbehaviour::kTwoAnswers;
    EXPECT_EQ(OCSP_resp_count(basic.get()), two ? 2 : 1) << Name(misbehaviour);
    const bool unknown = misbehaviour == OcspMisbehaviour::kUnknown;
    EXPECT_EQ(StatusIn(response), unknown ? V_OCSP_CERTSTATUS_UNKNOWN : V_OCSP_CERTSTATUS_GOOD)
        << Name(misbehaviour);
    const int nonce = misbehaviour == OcspMisbehaviour::kMissingNonce ? -1
                      : misbehaviour == OcspMisbehaviour::kWrongNonce ? 0
                                                                      : 1;
    EXPECT_EQ(OCSP_check_nonce(request.get(), basic.get()), nonce) << Name(misbehaviour);
    X509* signer = nullptr;
    ASSERT_EQ(OCSP_resp_get0_signer(basic.get(), &signer, nullptr), 1) << Name(misbehaviour);
    EXPECT_EQ(X509_verify(signer, X509_get0_pubkey(ca.get())), 1) << Name(misbehaviour);
    const bool card_signed = misbehaviour == OcspMisbehaviour::kUnauthorisedDelegate;
    EXPECT_EQ(X509_get_extended_key_usage(signer),
              static_cast<uint32_t>(card_signed ? XKU_SSL_CLIENT : XKU_OCSP_SIGN))
        << Name(misbehaviour);
  }
}

TEST_F(OcspResponderTest, AnswersWithACardForEveryGeneration) {
  const auto responder = Make();
  for (const std::string& anchor : responder->anchors()) {
    const Certificate ca = CaOf(shared_, anchor);
    // The CA's own number, which no register has.
    Request request(OCSP_REQUEST_new());
    OCSP_request_add0_id(request.get(), OCSP_cert_to_id(EVP_sha1(), ca.get(), ca.get()));
    const Basic basic(OCSP_response_get1_basic(
        Send(*responder, anchor, request.get(), OcspMisbehaviour::kUnauthorisedDelegate).get()));
    EXPECT_NE(basic, nullptr) << anchor;
  }
}

TEST(OcspMisbehaviour, IsReadBackByItsName) {
  for (const OcspMisbehaviour misbehaviour : kOcspMisbehaviours) {
    EXPECT_EQ(*ParseOcspMisbehaviour(Name(misbehaviour)), misbehaviour);
  }
  EXPECT_EQ(ParseOcspMisbehaviour("cut").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace musubi::sandbox
