// A model with LoRA adapters put into its weights, as a folder of its own that needs them no more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "heng/model.h"

namespace heng {

struct MergeOptions {
  // What weights are converted to before anything is added; kAuto: each keeps its type. kFp16 is
  // what Chinese-LLaMA-Alpaca's merge script does.
  Precision dtype = Precision::kAuto;
  uint64_t shard_bytes = 5'000'000'000;  // a weight file ends before it passes this
  int threads = 0;                       // 0: one per processor that this process may use
  // Called with bytes written and in all; false stops. May be empty.
  std::function<bool(uint64_t done, uint64_t total)> on_progress;
};

struct MergeResult {
  uint64_t n_tensors = 0, n_changed = 0;
  uint64_t n_weight_files = 0, weight_bytes = 0;
  int64_t vocabulary = 0;
  std::string tokenizer_from;  // the folder whose tokenizer was copied; empty: none had one
};

// Writes a Hugging Face folder: the weights of `base`, a Hugging Face folder that is not quantised,
// with each adapter added in this order as upstream's merge does it (in fp32, rounded to the
// weight's type, added in that type), its configuration, the tokenizer of the last adapter that has
// one or the base's, and the base's Python files and licence. `out` must not exist or be empty; it
// appears when it is whole. Throws Error as Model::load, kInvalidArgument for `out`, kOutOfMemory
// where the disk has no room, kCancelled.
MergeResult merge_loras(const std::filesystem::path& base,
                        const std::vector<std::filesystem::path>& loras,
                        const std::filesystem::path& out, const MergeOptions& options = {});

}  // namespace heng
