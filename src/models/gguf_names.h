// What GGUF files of every architecture have in common: tensor names ("blk.0.attn_q.weight") and
// metadata keys ("llama.block_count"). Source: the GGUF specification in ggml's docs/gguf.md.
#pragma once

#include <string_view>

#include "base/json.h"
#include "models/architecture.h"

namespace heng::models {

// How the rows of q and k lie in GGUF files of this architecture.
ops::RopeStyle gguf_rope_style(std::string_view name);

std::string gguf_tensor_name(Part part, size_t layer);

// The same, for architectures that keep q, k and v in one tensor ("blk.0.attn_qkv.weight").
TensorRef gguf_fused_qkv(const DecoderSpec& spec, Part part, size_t layer);

// Sizes, norm and rope from the metadata with the prefix `name` ("llama"). Throws Error kCorrupt,
// kUnsupported.
DecoderSpec read_gguf_spec(std::string_view name, const checkpoint::Checkpoint& checkpoint);

}  // namespace heng::models
