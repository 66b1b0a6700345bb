#include "kernels/select.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/cpu_info.h"
#include "heng/error.h"

namespace heng::kernels {
namespace {

TEST(Select, DefaultIsTheBestLevelOfThisMachine) {
  unsetenv("HENG_FORCE_ISA");
  const CpuFeatures cpu = cpu_features();
  const char* best = cpu.avx512_bf16   ? "avx512_bf16"
                     : cpu.avx512_vnni ? "avx512_vnni"
                     : cpu.avx512      ? "avx512"
                     : cpu.avx2        ? "avx2"
                                       : "scalar";
  EXPECT_STREQ(selected_level().level, best);
}

TEST(Select, AForcedLevelIsTheOneThatRuns) {
  for (const KernelTable* table : supported_levels()) {
    setenv("HENG_FORCE_ISA", table->level, 1);
    EXPECT_STREQ(selected_level().level, table->level);
  }
  unsetenv("HENG_FORCE_ISA");
}

TEST(Select, AnUnknownForcedLevelIsAnErrorThatListsTheLevels) {
  setenv("HENG_FORCE_ISA", "avx1024", 1);
  try {
    selected_level();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(e.what()).find("avx1024"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("scalar"), std::string::npos);
  }
  unsetenv("HENG_FORCE_ISA");
}

}  // namespace
}  // namespace heng::kernels
