// Qwen-1 ("QWenLMHeadModel": Qwen-1.8B, -7B, -14B, -72B and their chat models). Source: the
// checkpoints' own modeling_qwen.py and configuration_qwen.py, August 2023 (the article's) and
// December 2023. The two differ in configuration names; the numbers are the same. GGUF: llama.cpp's
// llm_arch "qwen".
#include <algorithm>

#include "heng/error.h"
#include "models/architecture.h"
#include "models/gguf_names.h"

namespace heng::models {
namespace {

constexpr int64_t kMostSize = 1 << 24;

// A field by its December name, else by its August name.
size_t size_of(const JsonObject& c, std::string_view december, std::string_view august) {
  const std::string_view key = c.has(december) || !c.has(august) ? december : august;
  return static_cast<size_t>(c.integer(key, 1, kMostSize));
}

void refuse(const JsonObject& c, std::string_view key, bool expected) {
  if (c.boolean_or(key, expected) != expected) {
    throw Error(ErrorCode::kUnsupported, "config.json: " + std::string(key) + " is " +
                                             (expected ? "false" : "true") + ", expected " +
                                             (expected ? "true" : "false") +
                                             " as in every published Qwen model.");
  }
}

DecoderSpec read_config(const JsonObject& c) {
  refuse(c, "no_bias", true);
  refuse(c, "apply_residual_connection_post_layernorm", false);
  refuse(c, "scale_attn_weights", true);
  DecoderSpec s;
  s.hidden = size_of(c, "hidden_size", "n_embd");
  s.n_layers = size_of(c, "num_hidden_layers", "n_layer");
  s.n_heads = s.n_kv_heads = size_of(c, "num_attention_heads", "n_head");
  s.head_dim = static_cast<size_t>(c.integer("kv_channels", 1, kMostSize));
  // Both w1 and w2 have half of the configured width.
  s.ffn = size_of(c, "intermediate_size", "ffn_hidden_size") / 2;
  s.vocabulary = size_of(c, "vocab_size", "padded_vocab_size");
  s.norm_eps = static_cast<float>(c.number_or("layer_norm_epsilon", 1e-6));
  s.qkv_bias = true;
  s.tied_head = c.boolean_or("tie_word_embeddings", false);
  s.trained_context = static_cast<size_t>(c.integer_or("seq_length", 1, kMostSize, 2048));
  s.rope.base = static_cast<float>(c.number_or("rotary_emb_base", 10000));
  s.rope.dims = static_cast<size_t>(static_cast<double>(s.head_dim) * c.number_or("rotary_pct", 1));
  const bool dynamic_ntk = c.boolean_or("use_dynamic_ntk", false);
  if (dynamic_ntk) s.rope.scaling = RopeScaling::kQwenDynamic;
  s.rope.log_n = c.boolean_or("use_logn_attn", false);
  // Dynamic NTK and LogN carry a model past its trained length, up to this.
  s.max_context = size_of(c, "max_position_embeddings", "n_positions");
  if (!dynamic_ntk) s.max_context = std::min(s.max_context, s.trained_context);
  return s;
}

TensorRef tensor(const DecoderSpec& s, Part part, size_t layer) {
  const std::string h = "transformer.h." + std::to_string(layer) + ".";
  switch (part) {
    case Part::kEmbedding:
      return {"transformer.wte.weight"};
    case Part::kFinalNorm:
      return {"transformer.ln_f.weight"};
    case Part::kHead:
      return {"lm_head.weight"};
    case Part::kAttentionNorm:
      return {h + "ln_1.weight"};
    case Part::kQ:
    case Part::kK:
    case Part::kV:
      return in_fused_qkv(s, part, h + "attn.c_attn.weight");
    case Part::kQBias:
    case Part::kKBias:
    case Part::kVBias:
      return in_fused_qkv(s, part, h + "attn.c_attn.bias");
    case Part::kQNorm:
    case Part::kKNorm:
      break;
    case Part::kO:
      return {h + "attn.c_proj.weight"};
    case Part::kFfnNorm:
      return {h + "ln_2.weight"};
    case Part::kGate:
      return {h + "mlp.w2.weight"};  // a1 = w1(x), a2 = w2(x): a1 * silu(a2)
    case Part::kUp:
      return {h + "mlp.w1.weight"};
    case Part::kDown:
      return {h + "mlp.c_proj.weight"};
  }
  throw Error(ErrorCode::kInternal, "qwen: has no such part.");
}

// GGUF has no keys for dynamic NTK and LogN: without those of gguf_stretch.h files run as in
// llama.cpp.
DecoderSpec read_gguf(const checkpoint::Checkpoint& checkpoint) {
  DecoderSpec s = read_gguf_spec("qwen", checkpoint);
  if (s.ffn % 2 != 0) {
    JsonObject(checkpoint.config(), checkpoint.config_file())
        .fail("qwen.feed_forward_length", "expected an even number: gate and up together");
  }
  s.ffn /= 2;
  s.qkv_bias = true;
  return s;
}

}  // namespace

extern const Architecture kQwen;
const Architecture kQwen{.name = "qwen",
                         .hf_classes = {"QWenLMHeadModel"},
                         .gguf_name = "qwen",
                         .read_config = read_config,
                         .tensor = tensor,
                         .gguf_ffn_parts = 2,
                         .read_gguf = read_gguf,
                         .gguf_tensor = gguf_fused_qkv};

}  // namespace heng::models
