#include "lib/revocation/epoch_pointer.h"

#include <gtest/gtest.h>

namespace musubi::revocation {
namespace {

struct Counted {
  explicit Counted(int number) : value(number) { ++alive; }
  ~Counted() {
    --alive;
    value = -1;
  }

  static std::atomic<int> alive;
  int value;
};
std::atomic<int> Counted::alive = 0;

using Pointer = EpochPointer<Counted>;

TEST(EpochPointerTest, WhatIsReadStaysUntilItsReaderHasGone) {
  {
    Pointer pointer(std::make_unique<Counted>(1));
    {
      const Pointer::Reader reader = pointer.Read();
      pointer.Publish(std::make_unique<Counted>(2));
      EXPECT_EQ(pointer.Reclaim(), 1u);
      EXPECT_EQ(reader->value, 1);
      EXPECT_EQ(pointer.Read()->value, 2);
      // A later reader holds up nothing that it cannot see.
      const Pointer::Reader later = pointer.Read();
      pointer.Publish(std::make_unique<Counted>(3));
      EXPECT_EQ(pointer.Reclaim(), 2u);
      EXPECT_EQ(later->value, 2);
    }
    EXPECT_EQ(Counted::alive, 3);
    EXPECT_EQ(pointer.Reclaim(), 0u);
    EXPECT_EQ(Counted::alive, 1);
    EXPECT_EQ(pointer.epoch(), 2u);
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST(EpochPointerTest, ManyReadersNeverSeeWhatWasReclaimed) {
  Pointer pointer(std::make_unique<Counted>(0));
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      int last = 0;
      while (!stop) {
        const Pointer::Reader reader = pointer.Read();
        wrong += reader->value < last;
        last = reader->value;
      }
    });
  }
  for (int number = 1; number <= 2000; ++number) {
    pointer.Publish(std::make_unique<Counted>(number));
    pointer.Reclaim();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(pointer.Reclaim(), 0u);
}

}  // namespace
}  // namespace musubi::revocation
