// LoRA adapters on a base: the weights that a merge would write, made row by row. Each adapter of
// the stack adds scale * B A to matrices or replaces whole tensors, one after the other. As in
// Chinese-LLaMA-Alpaca's merge, a delta is computed in fp32, rounded to the type of the sum, and
// added in that type. Owns the adapters. Immutable; safe to use from many threads.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "checkpoint/lora_adapter.h"
#include "models/weight_source.h"

namespace heng::models {

struct LoraStack {
  std::vector<std::shared_ptr<const checkpoint::LoraAdapter>> adapters;  // in the order of use
  // What sums are stored in: F32, F16 or BF16. nullopt: each tensor's type in the base; F16 where
  // that is quantised.
  std::optional<DType> sum_type = std::nullopt;

  // Whether any adapter changes the tensor of that name.
  bool touches(std::string_view tensor) const;
  // The whole tensor that the base's is replaced by, the last one of several; nullptr: none.
  const checkpoint::TensorEntry* replacement(std::string_view tensor) const;
};

// Where a part lies in the Hugging Face layout of an architecture: what adapters are made for,
// whatever the layout of the base's own files is.
TensorRef in_hf_layout(const Architecture& architecture, const DecoderSpec& spec, Part part,
                       size_t layer);

// Sets the vocabulary to the rows of the embedding table that the stack ends up with. Throws Error
// kUnsupported, saying which base an adapter seems made for, where table and head would not have
// the same rows.
void fit_vocabulary(const LoraStack& loras, const Architecture& architecture, DecoderSpec& spec);

// The type in which adapters are added to a tensor of the base, where the stack does not say: its
// own; F16 where that is quantised.
DType sum_type_for(const checkpoint::TensorEntry& entry);

// Rows of the base that lie in another order than in its Hugging Face layout, which adapters are
// made for: heads of `head_dim` rows whose halves alternate, as in Meta's and LLaMA's GGUF files.
// 0: the same order.
struct RowOrder {
  uint64_t head_dim = 0;
};

// `source`, which is the base's or the replacement's, as the stack leaves it: in the type of the
// sum, with all deltas that come after the last replacement. `ref` is where its rows lie in the
// Hugging Face layout. Throws Error kUnsupported for shapes that do not fit.
WeightSource add_deltas(WeightSource source, const TensorRef& ref, const LoraStack& loras,
                        DType sum_type, RowOrder order = {});

// A whole tensor of a Hugging Face folder as the stack leaves it: a matrix by its rows, anything
// else as one row. REQUIRES: `entry` has a weight type. Throws as add_deltas.
WeightSource merged_tensor(const checkpoint::TensorEntry& entry, const LoraStack& loras);

// Throws Error kUnsupported naming a tensor of an adapter that is not among `used`: all entries
// that the model's matrices and vectors are made of.
void check_loras_used(const LoraStack& loras, const std::set<const checkpoint::TensorEntry*>& used);

}  // namespace heng::models
