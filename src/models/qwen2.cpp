// Qwen1.5, Qwen2 and Qwen2.5, dense ("Qwen2ForCausalLM"): LLaMA's block with biases on q, k and v.
// Source: transformers 4.37.2, modeling_qwen2.py.
#include "models/hf_decoder.h"

namespace heng::models {
namespace {

DecoderSpec read_config(const JsonObject& c) {
  refuse_switch(c, "use_sliding_window", "later layers see the last positions only");
  DecoderSpec s = read_hf_decoder(c);
  s.qkv_bias = true;
  return s;
}

TensorRef tensor(const DecoderSpec&, Part part, size_t layer) {
  return {hf_tensor_name(part, layer)};
}

}  // namespace

extern const Architecture kQwen2;
const Architecture kQwen2{.name = "qwen2",
                          .hf_classes = {"Qwen2ForCausalLM"},
                          .gguf_name = "qwen2",
                          .read_config = read_config,
                          .tensor = tensor};

}  // namespace heng::models
