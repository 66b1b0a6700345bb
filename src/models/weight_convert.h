// Rows of a weight in another type: what loading with --dtype and writing GGUF files share. Pure
// functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "models/weight_source.h"

namespace heng::models {

// Writes rows [first, first + n) of `source` in the blocks of `to`, without padding. Throws Error
// kCorrupt: a damaged packed tensor, or, where `to` is quantised, a value that is not finite.
void convert_rows(const WeightSource& source, uint64_t first, uint64_t n,
                  const formats::WeightFormat& to, std::byte* out, ThreadPool& pool);

}  // namespace heng::models
