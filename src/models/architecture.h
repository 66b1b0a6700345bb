// One row per model architecture: its names, how its configuration is read, and where its tensors
// lie. A new architecture is one file and one line in list.inc (docs/adding.md).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "models/decoder.h"

namespace heng::models {

// The tensors of the shared block.
enum class Part {
  kEmbedding,
  kFinalNorm,
  kHead,
  kAttentionNorm,
  kQ,
  kK,
  kV,
  kQBias,
  kKBias,
  kVBias,
  kQNorm,
  kKNorm,
  kO,
  kFfnNorm,
  kGate,
  kUp,
  kDown,
};

// Where a part lies: rows [first_row, first_row + rows) of tensor `name`.
struct TensorRef {
  std::string name;
  uint64_t first_row = 0;
  uint64_t total_rows = 0;  // of a fused tensor that holds several parts; 0: just this part's
};

struct Architecture {
  std::string_view name;                     // "qwen"
  std::vector<std::string_view> hf_classes;  // of config.json's "architectures"
  std::string_view gguf_name;                // general.architecture; empty: GGUF files are not read
  // config.json or params.json; a vocabulary of 0 means as many as the embedding table has rows.
  // nullptr: folders are not read. Throws Error kCorrupt or kUnsupported naming file and field.
  DecoderSpec (*read_config)(const JsonObject& config);
  TensorRef (*tensor)(const DecoderSpec& spec, Part part, size_t layer);
  // What read_config reads. Meta's params.json names no architecture: one row stands for it.
  checkpoint::Kind folders = checkpoint::Kind::kHuggingFace;
  // What feed_forward_length of a GGUF file counts: 2 where it is gate and up together.
  uint32_t gguf_ffn_parts = 1;
  // GGUF files whose keys or tensors are not those of gguf_names.h; nullptr: they are. Throws as
  // read_config.
  DecoderSpec (*read_gguf)(const checkpoint::Checkpoint& checkpoint) = nullptr;
  TensorRef (*gguf_tensor)(const DecoderSpec& spec, Part part, size_t layer) = nullptr;
};

// All architectures, in the order of list.inc.
std::span<const Architecture* const> all_architectures();

// The architecture of a checkpoint. Throws Error kUnsupported naming what was found and what is
// supported.
const Architecture& find_architecture(const checkpoint::Checkpoint& checkpoint);

// Reads the spec from config.json or GGUF metadata and checks it: sizes positive and consistent.
DecoderSpec read_spec(const Architecture& architecture, const checkpoint::Checkpoint& checkpoint);

// Where q, k, v or a bias of theirs lies in a tensor that holds all three, in this order.
TensorRef in_fused_qkv(const DecoderSpec& spec, Part part, std::string name);

// Where a part lies in GGUF files of this architecture.
TensorRef gguf_tensor(const Architecture& architecture, const DecoderSpec& spec, Part part,
                      size_t layer);

// Where a part lies in this checkpoint.
TensorRef find_tensor(const Architecture& architecture, const DecoderSpec& spec,
                      const checkpoint::Checkpoint& checkpoint, Part part, size_t layer);

}  // namespace heng::models
