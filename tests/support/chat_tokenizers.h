// One small tokenizer of each kind that chats are written for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "heng/tokenizer.h"
#include "support/tiny_sentencepiece.h"
#include "support/tiny_tokenizer.h"
#include "text/bpe_tokenizer.h"
#include "text/qwen_tokenizer.h"
#include "text/sentencepiece.h"

namespace heng::test {

// Qwen-1's: 208 special tokens.
inline std::shared_ptr<const Tokenizer> qwen_chat_tokenizer() {
  return text::make_qwen_tokenizer(tiny_ranks(), text::QwenRelease::kDecember2023, "tiny");
}

// Qwen3's kind: the tags of thoughts are tokens, but not special ones.
inline std::shared_ptr<const Tokenizer> qwen3_chat_tokenizer() {
  text::Vocabulary vocabulary{.bytes = tiny_ranks(), .kinds = {}};
  vocabulary.kinds.assign(vocabulary.bytes.size(), text::TokenKind::kPlain);
  for (const char* name : {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"}) {
    const bool thought = std::string_view(name).ends_with("think>");
    vocabulary.bytes.push_back(name);
    vocabulary.kinds.push_back(thought ? text::TokenKind::kAdded : text::TokenKind::kSpecial);
  }
  auto names = text::named_tokens(vocabulary);
  const std::string_view pattern = text::qwen_pattern();
  return text::make_bpe_tokenizer({.bpe = text::ByteBpe(std::move(vocabulary)),
                                   .splitter = text::PieceSplitter(std::span(&pattern, 1)),
                                   .names = std::move(names),
                                   .bos_id = std::nullopt,
                                   .eos_id = std::nullopt,
                                   .prefix = {},
                                   .description = "tiny qwen3"});
}

inline std::shared_ptr<const Tokenizer> llama_chat_tokenizer() {
  return text::make_sentencepiece_tokenizer(
      {.model = text::serialize_sentencepiece_model(tiny_sentencepiece()), .file = "tiny"});
}

// ChatGLM3's, which has ChatGLM2's tokens too.
inline std::shared_ptr<const Tokenizer> chatglm_chat_tokenizer() {
  return text::make_sentencepiece_tokenizer(
      {.model = text::serialize_sentencepiece_model(tiny_sentencepiece()),
       .file = "tiny",
       .added = {"[MASK]", "[gMASK]", "[sMASK]", "sop", "eop", "<|system|>", "<|user|>",
                 "<|assistant|>", "<|observation|>"}});
}

// The one that a chat format of this name is written for.
inline std::shared_ptr<const Tokenizer> chat_tokenizer_for(std::string_view format) {
  if (format.starts_with("chatglm")) return chatglm_chat_tokenizer();
  if (format.starts_with("qwen") || format == "smollm2") return qwen3_chat_tokenizer();
  return llama_chat_tokenizer();
}

}  // namespace heng::test
