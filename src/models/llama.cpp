// LLaMA ("LlamaForCausalLM"; GGUF "llama"). Source: transformers 4.37.2 modeling_llama.py.
// Reads GGUF files; folders in Hugging Face's layout are refused by find_architecture until their
// tokenizer (SentencePiece) can be read.
#include "models/architecture.h"
#include "models/gguf_names.h"

namespace heng::models {
namespace {

TensorRef tensor(const DecoderSpec&, Part part, size_t layer) {
  return {gguf_tensor_name(part, layer)};
}

}  // namespace

extern const Architecture kLlama;
const Architecture kLlama{.name = "llama",
                          .hf_classes = {},
                          .gguf_name = "llama",
                          .read_config = nullptr,
                          .tensor = tensor};

}  // namespace heng::models
