// The tokenizer inside a GGUF file: byte-level BPE with a merges list ("gpt2"), tokens spelled in
// GPT-2's byte-to-unicode alphabet, and a pre-tokenizer by name; or a SentencePiece vocabulary
// ("llama"). Source: ggml's docs/gguf.md.
#pragma once

#include <memory>
#include <string_view>

#include "base/json.h"
#include "heng/tokenizer.h"

namespace heng::text {

// `metadata`: the file's keys as one object, as Checkpoint::config() has them. `file` is for
// errors. Throws Error kCorrupt naming the key; kUnsupported for a tokenizer or pre-tokenizer this
// build does not know, with the list of those it does.
std::shared_ptr<const Tokenizer> make_gguf_tokenizer(const Json& metadata, std::string_view file);

}  // namespace heng::text
