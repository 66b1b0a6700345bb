// Checkpoint -> weights: finds each part's tensor, checks its shape and type, converts it where
// another precision was asked for, and lets the backend prepare it. What can be used as it lies is
// used in place.
#pragma once

#include <cstdint>
#include <functional>

#include "base/thread_pool.h"
#include "models/decoder.h"
#include "models/weight_source.h"
#include "ops/backend.h"

namespace heng::models {

struct WeightSizes {
  uint64_t memory_bytes = 0;     // matrices as they will lie in memory
  uint64_t made_bytes = 0;       // of these, what loading makes: packed or converted
  uint64_t parameters = 0;       // numbers in the model, each tensor counted once
  DType stored = DType::kF32;    // what most of the matrices' numbers are stored in
  bool reorders_inputs = false;  // some matrices read their inputs in an order of their own
};

// Checks names, shapes and types of all tensors; reads none. Throws Error kCorrupt, kUnsupported
// naming file and tensor.
WeightSizes measure_weights(const WeightRequest& request, const ops::Backend& backend);

// `memory` takes what loading makes, or, where it is made already by the same request, gives it:
// then no matrix is read or checked again. `on_progress` gets bytes of tensors done. Conversions
// run on `pool`. Throws as measure_weights, and kCorrupt for a value that is not finite.
DecoderWeights load_weights(const WeightRequest& request, ops::Backend& backend, ThreadPool& pool,
                            Arena memory, const std::function<void(uint64_t)>& on_progress);

}  // namespace heng::models
