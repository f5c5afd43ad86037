#include "lib/rpc/method_table.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "lib/rpc/calls.h"
#include "musubi/v1/link.pb.h"
#include "musubi/v1/pairing.pb.h"
#include "musubi/v1/session.pb.h"
#include "musubi/v1/validation.pb.h"

namespace musubi::rpc {
namespace {

using google::protobuf::FileDescriptor;

std::vector<const FileDescriptor*> ServiceFiles() {
  return {v1::GetSessionRequest::descriptor()->file(), v1::GetQrFrameRequest::descriptor()->file(),
          v1::GetChallengeRequest::descriptor()->file(), v1::GetLinkRequest::descriptor()->file()};
}

TEST(MethodTable, HasOneRowForEachMethodOfTheContractAndNoOther) {
  std::set<std::string> served;
  for (const FileDescriptor* file : ServiceFiles()) {
    ASSERT_EQ(file->service_count(), 1);
    for (int i = 0; i < file->service(0)->method_count(); ++i) {
      const auto& method = *file->service(0)->method(i);
      const std::string name = "/" + file->service(0)->full_name() + "/" + method.name();
      served.insert(name);
      EXPECT_EQ(MethodOf(*method.input_type()), name);
      const MethodRule* rule = FindRule(MethodTable(), name);
      ASSERT_NE(rule, nullptr) << name << " has no row";
      EXPECT_EQ(rule->kind == MethodKind::kUnary,
                !method.client_streaming() && !method.server_streaming())
          << name;
      EXPECT_EQ(rule->kind == MethodKind::kBulk, method.client_streaming()) << name;
      EXPECT_NE(rule->roles, 0u) << name;
    }
  }
  std::set<std::string> rows;
  for (const MethodRule& rule : MethodTable()) {
    EXPECT_TRUE(rows.insert(std::string(rule.method)).second) << rule.method << " twice";
  }
  EXPECT_EQ(rows, served);
}

TEST(MethodTable, WhatActsForABrowserOrAPhoneNeedsACredentialAndFront) {
  for (const MethodRule& rule : MethodTable()) {
    if (rule.credential != Credential::kRequired) continue;
    EXPECT_EQ(rule.roles, static_cast<unsigned>(Role::kFront)) << rule.method;
  }
}

TEST(MethodTable, WithoutACredentialAreOnlyTheMethodsThatTheDesignNames) {
  const std::set<std::string> expected = {
      "/musubi.v1.SessionService/CreateSession",
      "/musubi.v1.SessionService/ClaimStart",
      "/musubi.v1.PairingService/ClaimQr",
      "/musubi.v1.PairingService/ClaimHandoff",
      "/musubi.v1.ValidationService/ValidateCertificate",
      "/musubi.v1.ValidationService/ValidateCertificates",
      "/musubi.v1.LinkService/CreateLink",
      "/musubi.v1.LinkService/GetLink",
      "/musubi.v1.LinkService/ListLinks",
      "/musubi.v1.LinkService/DeleteLink",
      "/musubi.v1.LinkService/ResolveLink",
      "/musubi.v1.LinkService/ListLinkEvents",
  };
  std::set<std::string> actual;
  for (const MethodRule& rule : MethodTable()) {
    if (rule.credential == Credential::kNone) actual.insert(std::string(rule.method));
  }
  EXPECT_EQ(actual, expected);
}

TEST(MethodTable, KnowsNothingElse) {
  EXPECT_EQ(FindRule(MethodTable(), ""), nullptr);
  EXPECT_EQ(FindRule(MethodTable(), "/musubi.v1.SessionService/"), nullptr);
  EXPECT_EQ(MethodOf(*v1::SessionView::descriptor()), "");
}

}  // namespace
}  // namespace musubi::rpc
