#include "lib/revocation/crl_loader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::revocation {
namespace {

using base::Bytes;
using base::ByteView;
using pki::CrlOutcome;

class CrlLoaderTest : public testing::Test {
 protected:
  Bytes List(uint8_t serial) const {
    const absl::Time at = fakes::SimulatedClock().Now();
    fakes::CrlSpec spec = fakes::MakeCrlSpec(ca_, {}, 7, at);
    return fakes::IssueCrl(spec.Revoke(Bytes{serial}, at), ca_.key());
  }
  void Write(ByteView content) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << base::AsText(content);
  }
  LoadedCrl Load() const { return LoadCrl(path_, ca_.certificate()); }

  fakes::TestCa ca_{{.key_kind = fakes::KeyKind::kEcP256}};
  fakes::TempDir directory_;
  const std::string path_ = directory_.File("a.crl");
};

// A pipe's octets are read once and cannot be mapped: a second pass would have the new file only.
TEST_F(CrlLoaderTest, AFileThatIsReplacedWhileItIsReadIsTakenAsItWas) {
  const Bytes before = List(0x50), after = List(0x51);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream pipe(path_, std::ios::binary);  // Waits until the loader has opened it.
    const ByteView octets = before;
    pipe << base::AsText(octets.first(octets.size() / 2)) << std::flush;
    std::remove(path_.c_str());
    Write(after);
    pipe << base::AsText(octets.subspan(octets.size() / 2));
  });
  const LoadedCrl loaded = Load();
  writer.join();
  ASSERT_EQ(loaded.outcome, CrlOutcome::kUsable);
  EXPECT_TRUE(loaded.table->Find(Bytes{0x50}));
  EXPECT_FALSE(loaded.table->Find(Bytes{0x51}));
  EXPECT_NE(loaded.identity, Load().identity);
  Write(before);
  EXPECT_EQ(loaded.identity, Load().identity);
}

TEST_F(CrlLoaderTest, AFileThatIsOverwrittenWhileItIsReadIsNotTaken) {
  const Bytes before = List(0x50), after = List(0x51);
  for (const Bytes& list : {before, after}) {
    Write(list);
    EXPECT_EQ(Load().outcome, CrlOutcome::kUsable);
  }
  int refused = 0;
  for (size_t cut = 0; cut <= std::min(before.size(), after.size()); ++cut) {
    Bytes read = base::ToBytes(ByteView(before).first(cut));
    base::Append(read, ByteView(after).subspan(cut));
    if (read == before || read == after) continue;
    ++refused;
    Write(read);
    const LoadedCrl loaded = Load();
    EXPECT_TRUE(loaded.readable) << cut;
    EXPECT_NE(loaded.outcome, CrlOutcome::kUsable) << cut;
    EXPECT_FALSE(loaded.list) << cut;
    EXPECT_EQ(loaded.table, nullptr) << cut;
  }
  EXPECT_GT(refused, 64) << "all cuts from the serial to the end of the signature";
}

}  // namespace
}  // namespace musubi::revocation
