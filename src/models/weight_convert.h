// Rows of a weight in another type: what loading with --dtype and writing GGUF files share. Pure
// functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "models/weight_source.h"

namespace heng::models {

// The type that a matrix of `cols` columns gets where weights are to become `wanted`. Embeddings
// and head of a 4-bit model are q8_0: they are the smaller part of a model and touch every token.
// Rows that do not divide into blocks are q8_0 where they divide into 32, else f16, as llama.cpp
// does it.
DType type_for(DType wanted, Part part, uint64_t cols);

// Writes rows [first, first + n) of `source` in the blocks of `to`, without padding. Throws Error
// kCorrupt: a damaged packed tensor, or, where `to` is quantised, a value that is not finite;
// kUnsupported: a value that fp16 has no room for.
void convert_rows(const WeightSource& source, uint64_t first, uint64_t n,
                  const formats::WeightFormat& to, std::byte* out, ThreadPool& pool);

}  // namespace heng::models
