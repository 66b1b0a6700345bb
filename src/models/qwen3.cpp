// Qwen3, dense ("Qwen3ForCausalLM"): LLaMA's block with a norm over each head of q and k; heads are
// wider than hidden / heads. Source: transformers 4.51, modeling_qwen3.py.
#include "models/hf_decoder.h"

namespace heng::models {
namespace {

DecoderSpec read_config(const JsonObject& c) {
  refuse_switch(c, "use_sliding_window", "later layers see the last positions only");
  refuse_switch(c, "attention_bias", "biases on q, k, v and o");
  DecoderSpec s = read_hf_decoder(c);
  s.qk_norm = true;
  return s;
}

TensorRef tensor(const DecoderSpec&, Part part, size_t layer) {
  return {hf_tensor_name(part, layer)};
}

}  // namespace

extern const Architecture kQwen3;
const Architecture kQwen3{.name = "qwen3",
                          .hf_classes = {"Qwen3ForCausalLM"},
                          .gguf_name = "qwen3",
                          .read_config = read_config,
                          .tensor = tensor};

}  // namespace heng::models
