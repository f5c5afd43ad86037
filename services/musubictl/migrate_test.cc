// `musubictl migrate` on a real PostgreSQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/postgres/connection.h"
#include "services/musubictl/commands_fixture.h"
#include "tests/fakes/postgres_server.h"

namespace musubi::services::musubictl {
namespace {

using testing::HasSubstr;

class MigrateCommand : public CommandsFixture {
 protected:
  fakes::PostgresServer& server_ = fakes::PostgresServer::Shared();
  const std::string database_ = server_.NewDatabase();
};

TEST_F(MigrateCommand, MakesTheTablesOnceAndRolesThatDoNotSeeEachOther) {
  const Flags flags{.postgres = server_.Conninfo(database_)};
  ASSERT_EQ(Run({"migrate"}, flags), kExitOk) << err_;
  EXPECT_EQ(out_, "musubi_link: version 0 -> 2\nmusubi_person: version 0 -> 2\n");
  ASSERT_EQ(Run({"migrate"}, flags), kExitOk) << err_;
  EXPECT_EQ(out_, "musubi_link: version 2 -> 2\nmusubi_person: version 2 -> 2\n");
  struct Case {
    std::string role;
    std::string table;
    bool may_read;
  };
  for (const Case& c : std::vector<Case>{{"musubi_link", "musubi_link.links", true},
                                         {"musubi_link", "musubi_person.persons", false},
                                         {"musubi_link", "musubi_person.certificates", false},
                                         {"musubi_audit", "musubi_link.audit", true},
                                         {"musubi_audit", "musubi_link.links", false},
                                         {"musubi_audit", "musubi_person.persons", false},
                                         {"musubi_person", "musubi_person.persons", true},
                                         {"musubi_person", "musubi_link.links", false},
                                         {"musubi_person", "musubi_link.audit", false}}) {
    const auto connection =
        postgres::Connection::Open(server_.Conninfo(database_), {.role = c.role});
    ASSERT_TRUE(connection.ok()) << connection.status();
    EXPECT_EQ((*connection)->Run("SELECT 1 FROM " + c.table).ok(), c.may_read)
        << c.role << " " << c.table;
  }
}

TEST_F(MigrateCommand, SaysWhatIsMissingAndRepeatsNoPassword) {
  EXPECT_EQ(Run({"migrate"}, {}), kExitError);
  EXPECT_THAT(err_, HasSubstr("--postgres is missing"));
  EXPECT_EQ(Run({"migrate"}, {.postgres = "host=127.0.0.1 password=himitsu"}), kExitError);
  EXPECT_THAT(err_, HasSubstr("passfile=FILE"));
  EXPECT_THAT(err_, Not(HasSubstr("himitsu")));
}

}  // namespace
}  // namespace musubi::services::musubictl
