// Picks the tokenizer from the files of a checkpoint: a .gguf file's own; of a folder's the first
// that is there, in the order in which the families' own code would look for it. qwen.tiktoken is
// what Qwen-1's class reads. tokenizer.model is what Meta's and ChatGLM's code read, and stands for
// the same vocabulary as a tokenizer.json beside it, which transformers prefers. tokenizer.json is
// what transformers reads for Qwen2 and later, Llama 3 and SmolLM2; vocab.json with merges.txt what
// it falls back to.
#pragma once

#include <filesystem>
#include <memory>

#include "checkpoint/checkpoint.h"
#include "heng/tokenizer.h"

namespace heng::text {

// As Tokenizer::load, for a checkpoint that is already open.
std::shared_ptr<const Tokenizer> load_tokenizer(const checkpoint::Checkpoint& checkpoint);

// Whether a folder holds the files of a tokenizer, of any kind.
bool has_tokenizer(const std::filesystem::path& folder);

}  // namespace heng::text
