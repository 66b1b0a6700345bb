// Loading weights with the repack cache: what was packed before is mapped, what is packed now is
// kept for next time.
#pragma once

#include <functional>
#include <string>

#include "base/thread_pool.h"
#include "heng/model.h"
#include "models/load_weights.h"

namespace heng::engine {

struct KeptWeights {
  models::DecoderWeights weights;
  std::string repacked;  // as ModelInfo has it
};

// models::load_weights, through options.repack_cache where packing takes seconds. `loras` belong to
// the request. Throws as models::load_weights.
KeptWeights load_kept_weights(const models::WeightRequest& request, ops::Backend& backend,
                              ThreadPool& pool, const LoadOptions& options,
                              const std::function<void(uint64_t)>& on_progress);

}  // namespace heng::engine
