#include "kernels/select.h"

#include <cstdlib>
#include <string>

#include "base/cpu_info.h"
#include "heng/error.h"

namespace heng {

#define HENG_LEVEL(name)                    \
  namespace name {                          \
  extern const kernels::KernelTable kTable; \
  }
HENG_LEVEL(scalar)
HENG_LEVEL(avx2)
HENG_LEVEL(avx512)
HENG_LEVEL(avx512_vnni)
HENG_LEVEL(avx512_bf16)
#undef HENG_LEVEL

namespace kernels {
namespace {

struct Level {
  const KernelTable* table;
  bool supported;
};

std::vector<Level> all_levels() {
  const CpuFeatures cpu = cpu_features();
  return {{&avx512_bf16::kTable, cpu.avx512_bf16},
          {&avx512_vnni::kTable, cpu.avx512_vnni},
          {&avx512::kTable, cpu.avx512},
          {&avx2::kTable, cpu.avx2},
          {&scalar::kTable, true}};
}

}  // namespace

std::vector<const KernelTable*> supported_levels() {
  std::vector<const KernelTable*> tables;
  for (const Level& level : all_levels()) {
    if (level.supported) tables.push_back(level.table);
  }
  return tables;
}

const KernelTable& level_by_name(std::string_view name) {
  std::string known;
  for (const Level& level : all_levels()) {
    if (name == level.table->level && level.supported) return *level.table;
    known += (known.empty() ? "" : ", ") + std::string(level.table->level) +
             (level.supported ? "" : " (not on this machine)");
  }
  throw Error(ErrorCode::kInvalidArgument,
              "HENG_FORCE_ISA=" + std::string(name) + " cannot be used. Levels: " + known + ".");
}

const KernelTable& selected_level() {
  const char* forced = std::getenv("HENG_FORCE_ISA");
  if (forced && *forced) return level_by_name(forced);
  static const KernelTable& best = *supported_levels().front();
  return best;
}

}  // namespace kernels
}  // namespace heng
