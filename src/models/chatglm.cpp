// ChatGLM2-6B and ChatGLM3-6B ("ChatGLMModel"): LLaMA's block with q, k and v in one tensor, gate
// and up in another, biases on q, k and v, and a rotation of neighbouring pairs in the first half
// of each head. Source: the checkpoints' own modeling_chatglm.py; GGUF: llama.cpp's llm_arch
// "chatglm". The scaling of scores by layer cancels out; original_rope has no effect upstream
// either.
#include <algorithm>
#include <array>
#include <cmath>

#include "heng/error.h"
#include "models/architecture.h"
#include "models/gguf_names.h"

namespace heng::models {
namespace {

constexpr int64_t kMostSize = 1 << 24;

struct Switch {
  std::string_view key;
  bool otherwise;  // upstream's default
  bool expected;
};

// multi_query_attention: without it the rows of q, k and v take turns head by head.
constexpr std::array<Switch, 5> kSwitches{{
    {"rmsnorm", true, true},
    {"post_layer_norm", true, true},
    {"add_bias_linear", false, false},
    {"apply_residual_connection_post_layernorm", false, false},
    {"multi_query_attention", false, true},
}};

void check_switches(const JsonObject& c) {
  if (c.boolean_or("position_encoding_2d", false) || c.has("inner_hidden_size")) {
    throw Error(ErrorCode::kUnsupported,
                c.where("architectures") +
                    ": this is the first ChatGLM-6B, another architecture. ChatGLM2-6B and "
                    "ChatGLM3-6B are supported.");
  }
  for (const Switch& s : kSwitches) {
    if (c.boolean_or(s.key, s.otherwise) == s.expected) continue;
    throw Error(ErrorCode::kUnsupported, c.where(s.key) + " is " + (s.expected ? "false" : "true") +
                                             ", expected " + (s.expected ? "true" : "false") +
                                             " as in every published ChatGLM2 and ChatGLM3 model.");
  }
  if (c.has("pre_seq_len")) {
    throw Error(ErrorCode::kUnsupported, c.where("pre_seq_len") +
                                             " asks for a trained prefix (P-Tuning), which is not "
                                             "supported. Use the model without it.");
  }
}

// The longer contexts. Two rules share the key, and only the Python files beside the weights tell
// them apart: ChatGLM2-6B-32K divides positions by it, ChatGLM3-6B-32K and -128K multiply the base.
void read_rope_ratio(const JsonObject& c, RopeSpec& rope) {
  const double ratio = c.number_or("rope_ratio", 1);
  if (!(ratio >= 1 && ratio <= 1 << 20)) {
    c.fail("rope_ratio", "expected a number from 1 to 1048576");
  }
  if (ratio == 1) return;
  std::string name = c.string_or("_name_or_path", "");
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char x) { return static_cast<char>(x | 0x20); });
  const bool is_2 = name.find("chatglm2") != std::string::npos;
  if (is_2 == (name.find("chatglm3") != std::string::npos)) {
    throw Error(ErrorCode::kUnsupported,
                c.where("rope_ratio") +
                    " means one thing in ChatGLM2 and another in ChatGLM3, and _name_or_path does "
                    "not say which this is. Set \"_name_or_path\" to the model it was made from, "
                    "for instance \"THUDM/chatglm3-6b-32k\".");
  }
  if (is_2) {
    rope.scaling = RopeScaling::kLinear;
    rope.factor = static_cast<float>(ratio);
  } else {
    rope.base *= static_cast<float>(ratio);
  }
}

DecoderSpec read_config(const JsonObject& c) {
  check_switches(c);
  const auto size = [&](std::string_view key) {
    return static_cast<size_t>(c.integer(key, 1, kMostSize));
  };
  DecoderSpec s;
  s.n_layers = size("num_layers");
  s.n_heads = size("num_attention_heads");
  s.n_kv_heads = size("multi_query_group_num");
  s.head_dim = size("kv_channels");
  s.hidden = size("hidden_size");
  s.ffn = size("ffn_hidden_size");
  s.vocabulary = size("padded_vocab_size");
  s.norm_eps = static_cast<float>(c.number_or("layernorm_epsilon", 1e-5));
  s.qkv_bias = c.boolean_or("add_qkv_bias", false);
  // Upstream's table of angles ends there.
  s.trained_context = s.max_context = size("seq_length");
  s.rope.style = ops::RopeStyle::kPairs;
  s.rope.dims = s.head_dim / 2;
  read_rope_ratio(c, s.rope);
  return s;
}

TensorRef in_fused_gate_up(const DecoderSpec& s, Part part, std::string name) {
  return {std::move(name), part == Part::kGate ? 0 : s.ffn, 2 * s.ffn};
}

TensorRef tensor(const DecoderSpec& s, Part part, size_t layer) {
  const std::string block = "transformer.encoder.layers." + std::to_string(layer) + ".";
  switch (part) {
    case Part::kEmbedding:
      return {"transformer.embedding.word_embeddings.weight"};
    case Part::kFinalNorm:
      return {"transformer.encoder.final_layernorm.weight"};
    case Part::kHead:
      return {"transformer.output_layer.weight"};
    case Part::kAttentionNorm:
      return {block + "input_layernorm.weight"};
    case Part::kQ:
    case Part::kK:
    case Part::kV:
      return in_fused_qkv(s, part, block + "self_attention.query_key_value.weight");
    case Part::kQBias:
    case Part::kKBias:
    case Part::kVBias:
      return in_fused_qkv(s, part, block + "self_attention.query_key_value.bias");
    case Part::kQNorm:
    case Part::kKNorm:
      break;
    case Part::kO:
      return {block + "self_attention.dense.weight"};
    case Part::kFfnNorm:
      return {block + "post_attention_layernorm.weight"};
    case Part::kGate:
    case Part::kUp:
      return in_fused_gate_up(s, part, block + "mlp.dense_h_to_4h.weight");
    case Part::kDown:
      return {block + "mlp.dense_4h_to_h.weight"};
  }
  throw Error(ErrorCode::kInternal, "chatglm: has no such part.");
}

DecoderSpec read_gguf(const checkpoint::Checkpoint& checkpoint) {
  DecoderSpec s = read_gguf_spec("chatglm", checkpoint);
  s.rope.style = ops::RopeStyle::kPairs;
  s.qkv_bias = checkpoint.find("blk.0.attn_qkv.bias") != nullptr;
  return s;
}

TensorRef gguf_tensor(const DecoderSpec& s, Part part, size_t layer) {
  if (part == Part::kGate || part == Part::kUp) {
    return in_fused_gate_up(s, part, gguf_tensor_name(Part::kUp, layer));
  }
  return gguf_fused_qkv(s, part, layer);
}

}  // namespace

extern const Architecture kChatGlm;
const Architecture kChatGlm{.name = "chatglm",
                            .hf_classes = {"ChatGLMModel", "ChatGLMForConditionalGeneration"},
                            .gguf_name = "chatglm",
                            .read_config = read_config,
                            .tensor = tensor,
                            .read_gguf = read_gguf,
                            .gguf_tensor = gguf_tensor};

}  // namespace heng::models
