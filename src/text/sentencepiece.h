// SentencePiece vocabularies (LLaMA, ChatGLM2, Chinese-LLaMA-Alpaca, Atom), through SentencePiece's
// own library: ids and decoded text are those of its raw processor, as Meta's Tokenizer gives them.
// Text that looks like a special token stays plain text, whatever SpecialText says: only a template
// places them, by id.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "heng/tokenizer.h"
#include "text/sentencepiece_model.h"

namespace heng::text {

struct SentencePieceParts {
  std::string model;  // the bytes of a .model file
  std::string file;   // for errors
  // Special tokens behind the pieces, in the order of their ids.
  std::vector<std::string> added = {};
  // Further names that special_id knows pieces by.
  std::vector<std::pair<std::string, TokenId>> aliases = {};
  std::vector<TokenId> prefix = {};  // in front of every text
  // Whether decoded text loses the spaces in front of . , ! ? and English contractions, as
  // transformers' clean_up_tokenization_spaces does it.
  bool clean_up_spaces = false;
};

// Throws Error kCorrupt, kUnsupported.
std::shared_ptr<const Tokenizer> make_sentencepiece_tokenizer(SentencePieceParts parts);

// What a folder's files say of its tokenizer.model: for load_sentencepiece_tokenizer, and for
// writing it elsewhere. Throws Error kNotFound, kCorrupt, kUnsupported.
SentencePieceParts read_sentencepiece_folder(const std::filesystem::path& folder);

// A folder's tokenizer.model with what tokenizer_config.json and added_tokens.json add to it.
// Throws Error kNotFound, kCorrupt, kUnsupported.
std::shared_ptr<const Tokenizer> load_sentencepiece_tokenizer(const std::filesystem::path& folder);

// Whether a ChatGLM folder's own tokenizer code is ChatGLM3's, which knows tokens for roles.
bool is_chatglm3_tokenizer(const std::filesystem::path& folder);

}  // namespace heng::text
