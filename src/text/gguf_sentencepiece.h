// The SentencePiece vocabulary inside a GGUF file ("llama"): pieces with scores and types, turned
// back into a model for SentencePiece's own library. Source: llama.cpp's convert_hf_to_gguf.py.
#pragma once

#include <memory>
#include <string_view>

#include "base/json.h"
#include "heng/tokenizer.h"

namespace heng::text {

// `metadata`: the file's keys as one object; `file` is for errors. Throws Error kCorrupt naming the
// key, kUnsupported.
std::shared_ptr<const Tokenizer> make_gguf_sentencepiece_tokenizer(const JsonObject& metadata,
                                                                   std::string_view file);

}  // namespace heng::text
