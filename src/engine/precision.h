// Which precision a model runs in, and why: the article's bf16 / fp16 / fp32 / auto. A pure
// function.
#pragma once

#include <optional>
#include <string>

#include "base/tensor.h"
#include "heng/model.h"
#include "ops/backend.h"

namespace heng::engine {

struct PrecisionChoice {
  std::optional<DType> convert_to;  // nullopt: as stored
  ops::KvType kv;
  std::string computed_as;  // "bf16"
  std::string why;          // "as stored: this processor multiplies bf16"
};

// `stored`: what most of the weights are.
PrecisionChoice choose_precision(Precision wanted, DType stored, const ops::Backend& backend);

}  // namespace heng::engine
