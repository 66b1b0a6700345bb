// Which level's kernels run: the best one that processor and system support, or the one named by
// HENG_FORCE_ISA. Decided once; safe from any thread.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernels/kernel_table.h"

namespace heng::kernels {

// Levels this machine can run, best first.
std::vector<const KernelTable*> supported_levels();

// Throws Error kInvalidArgument where HENG_FORCE_ISA names a level that does not exist or cannot
// run here.
const KernelTable& selected_level();

// The named level; throws as selected_level().
const KernelTable& level_by_name(std::string_view name);

}  // namespace heng::kernels
