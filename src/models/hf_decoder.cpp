#include "models/hf_decoder.h"

#include "base/message.h"
#include "heng/error.h"
#include "models/rope_scaling.h"

namespace heng::models {
namespace {

constexpr int64_t kMostSize = 1 << 24;

// Newer files keep the rotation's settings together.
double rope_theta(const JsonObject& c) {
  const auto parameters = c.object("rope_parameters");
  const double otherwise = parameters ? parameters->number_or("rope_theta", 10000) : 10000;
  return c.number_or("rope_theta", otherwise);
}

}  // namespace

DecoderSpec read_hf_decoder(const JsonObject& c) {
  const auto size = [&](std::string_view key) {
    return static_cast<size_t>(c.integer(key, 1, kMostSize));
  };
  const auto size_or = [&](std::string_view key, size_t otherwise) {
    return static_cast<size_t>(c.integer_or(key, 1, kMostSize, static_cast<int64_t>(otherwise)));
  };
  const std::string activation = c.string_or("hidden_act", "silu");
  if (activation != "silu") {
    throw Error(ErrorCode::kUnsupported, c.where("hidden_act") + " is \"" + printable(activation) +
                                             "\", expected \"silu\".");
  }
  DecoderSpec s;
  s.hidden = size("hidden_size");
  s.n_layers = size("num_hidden_layers");
  s.n_heads = size("num_attention_heads");
  s.n_kv_heads = size_or("num_key_value_heads", s.n_heads);
  s.head_dim = size_or("head_dim", s.hidden / s.n_heads);
  s.ffn = size("intermediate_size");
  s.vocabulary = size("vocab_size");
  s.norm_eps = static_cast<float>(c.number_or("rms_norm_eps", 1e-6));
  s.tied_head = c.boolean_or("tie_word_embeddings", false);
  s.trained_context = s.max_context = size_or("max_position_embeddings", 2048);
  s.rope.base = static_cast<float>(rope_theta(c));
  s.rope.dims = s.head_dim;
  read_rope_scaling(c, s);
  return s;
}

void refuse_switch(const JsonObject& c, std::string_view key, std::string_view meaning) {
  if (!c.boolean_or(key, false)) return;
  throw Error(ErrorCode::kUnsupported,
              c.where(key) + " is true (" + std::string(meaning) + "), expected false.");
}

std::string hf_tensor_name(Part part, size_t layer) {
  const std::string block = "model.layers." + std::to_string(layer) + ".";
  switch (part) {
    case Part::kEmbedding:
      return "model.embed_tokens.weight";
    case Part::kFinalNorm:
      return "model.norm.weight";
    case Part::kHead:
      return "lm_head.weight";
    case Part::kAttentionNorm:
      return block + "input_layernorm.weight";
    case Part::kQ:
      return block + "self_attn.q_proj.weight";
    case Part::kK:
      return block + "self_attn.k_proj.weight";
    case Part::kV:
      return block + "self_attn.v_proj.weight";
    case Part::kQBias:
      return block + "self_attn.q_proj.bias";
    case Part::kKBias:
      return block + "self_attn.k_proj.bias";
    case Part::kVBias:
      return block + "self_attn.v_proj.bias";
    case Part::kQNorm:
      return block + "self_attn.q_norm.weight";
    case Part::kKNorm:
      return block + "self_attn.k_norm.weight";
    case Part::kO:
      return block + "self_attn.o_proj.weight";
    case Part::kFfnNorm:
      return block + "post_attention_layernorm.weight";
    case Part::kGate:
      return block + "mlp.gate_proj.weight";
    case Part::kUp:
      return block + "mlp.up_proj.weight";
    case Part::kDown:
      return block + "mlp.down_proj.weight";
  }
  throw Error(ErrorCode::kInternal, "hf_tensor_name: unknown part.");
}

}  // namespace heng::models
