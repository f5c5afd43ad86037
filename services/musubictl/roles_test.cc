#include "services/musubictl/roles.h"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace musubi::services::musubictl {
namespace {

using rpc::Credential;
using rpc::MethodKind;
using rpc::Role;

TEST(Roles, PrintsEachMethodInColumns) {
  constexpr rpc::MethodRule kTable[] = {
      {"/demo.v1.A/Do", MethodKind::kUnary,
       static_cast<unsigned>(Role::kFront) | static_cast<unsigned>(Role::kRelyingParty),
       Credential::kNone, 64},
      {"/demo.v1.Longer/Watch", MethodKind::kWatch, static_cast<unsigned>(Role::kOperator),
       Credential::kRequired, 4096},
      {"/demo.v1.A/Many", MethodKind::kBulk, static_cast<unsigned>(Role::kPlatform),
       Credential::kNone, 1},
  };
  EXPECT_EQ(RolesAsText(kTable),
            "METHOD                 KIND   ROLES                CREDENTIAL  LARGEST_REQUEST\n"
            "/demo.v1.A/Do          unary  front,relying-party  none        64\n"
            "/demo.v1.Longer/Watch  watch  operator             required    4096\n"
            "/demo.v1.A/Many        bulk   platform             none        1\n");
}

// What is printed, read again, is the table that the server goes by.
TEST(Roles, SaysOfTheServersTableAllOfIt) {
  std::istringstream lines(RolesAsText(rpc::MethodTable()));
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  for (const rpc::MethodRule& rule : rpc::MethodTable()) {
    ASSERT_TRUE(std::getline(lines, line)) << rule.method;
    std::istringstream words(line);
    std::string method, kind, roles, credential;
    size_t max_request = 0;
    words >> method >> kind >> roles >> credential >> max_request;
    EXPECT_EQ(method, rule.method);
    EXPECT_EQ(kind == "unary", rule.kind == MethodKind::kUnary) << line;
    EXPECT_EQ(kind == "watch", rule.kind == MethodKind::kWatch) << line;
    EXPECT_EQ(credential == "required", rule.credential == Credential::kRequired) << line;
    EXPECT_EQ(max_request, rule.max_request) << line;
    unsigned named = 0;
    std::istringstream names(roles);
    for (std::string name; std::getline(names, name, ',');) {
      // ParseCaller reads a relying party with its id.
      const auto caller = rpc::ParseCaller(name == "relying-party" ? name + "/any" : name);
      ASSERT_TRUE(caller.has_value()) << line;
      named |= static_cast<unsigned>(caller->role);
    }
    EXPECT_EQ(named, rule.roles) << line;
  }
  EXPECT_FALSE(std::getline(lines, line)) << line;
}

}  // namespace
}  // namespace musubi::services::musubictl
