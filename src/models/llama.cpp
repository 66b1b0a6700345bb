// LLaMA and LLaMA-2 in Hugging Face's layout and in GGUF ("LlamaForCausalLM"), and what is
// published under that class: Llama2-Chinese, Atom, Chinese-LLaMA-Alpaca. Source:
// transformers 4.37.2, modeling_llama.py. pretraining_tp only says how upstream cuts its products.
#include "models/hf_decoder.h"

namespace heng::models {
namespace {

DecoderSpec read_config(const JsonObject& c) {
  refuse_switch(c, "attention_bias", "biases on q, k, v and o");
  refuse_switch(c, "mlp_bias", "biases in the feed-forward half");
  if (c.number_or("partial_rotary_factor", 1) != 1) {
    c.fail("partial_rotary_factor", "expected 1: LLaMA rotates whole heads");
  }
  return read_hf_decoder(c);
}

TensorRef tensor(const DecoderSpec&, Part part, size_t layer) {
  return {hf_tensor_name(part, layer)};
}

}  // namespace

extern const Architecture kLlama;
const Architecture kLlama{.name = "llama",
                          .hf_classes = {"LlamaForCausalLM", "LLaMAForCausalLM"},
                          .gguf_name = "llama",
                          .read_config = read_config,
                          .tensor = tensor};

}  // namespace heng::models
