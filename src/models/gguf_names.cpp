#include "models/gguf_names.h"

#include "heng/error.h"
#include "models/rope_scaling.h"

namespace heng::models {

// llama.cpp permutes q and k of these architectures to neighbouring pairs.
ops::RopeStyle gguf_rope_style(std::string_view name) {
  return name == "llama" ? ops::RopeStyle::kPairs : ops::RopeStyle::kHalves;
}

std::string gguf_tensor_name(Part part, size_t layer) {
  const std::string block = "blk." + std::to_string(layer) + ".";
  switch (part) {
    case Part::kEmbedding:
      return "token_embd.weight";
    case Part::kFinalNorm:
      return "output_norm.weight";
    case Part::kHead:
      return "output.weight";
    case Part::kAttentionNorm:
      return block + "attn_norm.weight";
    case Part::kQ:
      return block + "attn_q.weight";
    case Part::kK:
      return block + "attn_k.weight";
    case Part::kV:
      return block + "attn_v.weight";
    case Part::kQBias:
      return block + "attn_q.bias";
    case Part::kKBias:
      return block + "attn_k.bias";
    case Part::kVBias:
      return block + "attn_v.bias";
    case Part::kQNorm:
      return block + "attn_q_norm.weight";
    case Part::kKNorm:
      return block + "attn_k_norm.weight";
    case Part::kO:
      return block + "attn_output.weight";
    case Part::kFfnNorm:
      return block + "ffn_norm.weight";
    case Part::kGate:
      return block + "ffn_gate.weight";
    case Part::kUp:
      return block + "ffn_up.weight";
    case Part::kDown:
      return block + "ffn_down.weight";
  }
  throw Error(ErrorCode::kInternal, "gguf_tensor_name: unknown part.");
}

TensorRef gguf_fused_qkv(const DecoderSpec& spec, Part part, size_t layer) {
  const std::string fused = "blk." + std::to_string(layer) + ".attn_qkv.";
  switch (part) {
    case Part::kQ:
    case Part::kK:
    case Part::kV:
      return in_fused_qkv(spec, part, fused + "weight");
    case Part::kQBias:
    case Part::kKBias:
    case Part::kVBias:
      return in_fused_qkv(spec, part, fused + "bias");
    default:
      return {gguf_tensor_name(part, layer)};
  }
}

DecoderSpec read_gguf_spec(std::string_view name, const checkpoint::Checkpoint& checkpoint) {
  const JsonObject meta(checkpoint.config(), checkpoint.config_file());
  const std::string prefix = std::string(name) + ".";
  const int64_t most = 1 << 24;
  const auto size = [&](const std::string& key) {
    return static_cast<size_t>(meta.integer(prefix + key, 1, most));
  };
  const auto size_or = [&](const std::string& key, size_t otherwise) {
    return static_cast<size_t>(
        meta.integer_or(prefix + key, 1, most, static_cast<int64_t>(otherwise)));
  };
  DecoderSpec s;
  s.n_layers = size("block_count");
  s.hidden = size("embedding_length");
  s.n_heads = size("attention.head_count");
  s.n_kv_heads = size_or("attention.head_count_kv", s.n_heads);
  s.head_dim = size_or("attention.key_length", s.hidden / s.n_heads);
  s.ffn = size("feed_forward_length");
  s.trained_context = s.max_context = size("context_length");
  s.norm_eps = static_cast<float>(meta.number(prefix + "attention.layer_norm_rms_epsilon"));
  s.rope.base = static_cast<float>(meta.number_or(prefix + "rope.freq_base", 10000));
  s.rope.dims = size_or("rope.dimension_count", s.head_dim);
  s.rope.style = gguf_rope_style(name);
  read_gguf_rope_scaling(name, checkpoint, s);
  s.tied_head = checkpoint.find("output.weight") == nullptr;
  s.qkv_bias = checkpoint.find(gguf_tensor_name(Part::kQBias, 0)) != nullptr;
  s.qk_norm = checkpoint.find(gguf_tensor_name(Part::kQNorm, 0)) != nullptr;
  return s;
}

}  // namespace heng::models
