// Which precision a model runs in, and why: the article's bf16 / fp16 / fp32 / auto, and int8 /
// int4. A pure function.
#pragma once

#include <optional>
#include <string>

#include "base/tensor.h"
#include "heng/model.h"
#include "ops/backend.h"

namespace heng::engine {

// What most of a checkpoint's weights are stored in, and how many there are.
struct StoredWeights {
  DType dtype;
  uint64_t parameters;
};

struct PrecisionChoice {
  std::optional<DType> convert_to;  // nullopt: as stored
  ops::KvType kv;
  ops::ActivationBits activations;  // beside quantised weights
  bool quantised;                   // whether most weights are
  std::string computed_as;          // "bf16"
  std::string why;                  // "as stored: this processor multiplies bf16"
};

// By options.dtype, kv and activations.
PrecisionChoice choose_precision(const LoadOptions& options, const StoredWeights& stored,
                                 const ops::Backend& backend);
std::string_view kv_type_name(ops::KvType type);  // "fp16"

}  // namespace heng::engine
