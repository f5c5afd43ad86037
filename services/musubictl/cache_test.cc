#include "services/musubictl/cache.h"

#include <gtest/gtest.h>

namespace musubi::services::musubictl {
namespace {

class CacheTest : public testing::Test {
 protected:
  // The entry of `key`; made of `octets` if it is not there.
  std::shared_ptr<int> Get(const std::string& key, size_t octets = 1) {
    return *cache_.Get(key, [&]() -> absl::StatusOr<Made<int>> {
      return Made<int>{std::make_shared<int>(++made_), octets};
    });
  }

  Cache<int> cache_{{.entries = 3, .octets = 10}};
  int made_ = 0;
};

TEST_F(CacheTest, MakesEachOnce) {
  EXPECT_EQ(Get("a"), Get("a"));
  EXPECT_NE(Get("a"), Get("b"));
  EXPECT_EQ(made_, 2);
}

TEST_F(CacheTest, DropsTheLeastRecentlyUsedBeyondItsEntries) {
  const std::weak_ptr<int> b = (Get("a"), Get("b"));
  Get("c");
  Get("a");
  Get("d");
  EXPECT_TRUE(b.expired());
  Get("a");
  EXPECT_EQ(made_, 4);
}

TEST_F(CacheTest, DropsBeyondItsOctetsButKeepsTheNewest) {
  const std::shared_ptr<int> used = Get("a", 6);
  const std::weak_ptr<int> b = Get("b", 4);
  EXPECT_EQ(made_, 2);
  const std::weak_ptr<int> large = Get("large", 11);
  EXPECT_TRUE(b.expired());
  EXPECT_FALSE(large.expired());
  EXPECT_EQ(*used, 1) << "it lives on with those who use it";
  EXPECT_NE(Get("a", 6), used);
  EXPECT_TRUE(large.expired());
}

TEST_F(CacheTest, AnErrorIsNotRemembered) {
  const auto fail = []() -> absl::StatusOr<Made<int>> { return absl::NotFoundError("no"); };
  EXPECT_FALSE(cache_.Get("a", fail).ok());
  EXPECT_EQ(*Get("a"), 1);
}

TEST_F(CacheTest, WhoMakesAtTheSameTimeGetsTheFirst) {
  const auto outer = cache_.Get("a", [&]() -> absl::StatusOr<Made<int>> {
    Get("a");  // Not locked: another thread could.
    return Made<int>{std::make_shared<int>(99), 1};
  });
  EXPECT_EQ(**outer, 1);
}

}  // namespace
}  // namespace musubi::services::musubictl
