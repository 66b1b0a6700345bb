#include "text/gguf_sentencepiece.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/message.h"
#include "text/gguf_vocabulary.h"
#include "text/sentencepiece.h"
#include "text/token_spelling.h"

namespace heng::text {
namespace {

using PieceType = SentencePieceModel::PieceType;

constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";

std::vector<float> read_scores(const JsonObject& metadata, size_t n_tokens) {
  const auto& keys = metadata.raw();
  const auto found = keys.find(kScoresKey);
  if (found == keys.end()) metadata.fail(kScoresKey, "is missing, expected a score per token");
  if (!found->is_array() || found->size() != n_tokens) {
    metadata.fail(kScoresKey, "expected " + std::to_string(n_tokens) + " numbers, one per token");
  }
  std::vector<float> scores;
  scores.reserve(n_tokens);
  for (const Json& score : *found) {
    const bool good = score.is_number() && std::isfinite(score.get<float>());
    if (!good) {
      metadata.fail(kScoresKey, "entry " + std::to_string(scores.size()) + " is no finite number");
    }
    scores.push_back(score.get<float>());
  }
  return scores;
}

// What the library would refuse is refused here, where the key can be named.
void check_pieces(const JsonObject& metadata, const SentencePieceModel& model) {
  size_t n_unknown = 0, n_bytes = 0;
  std::unordered_set<std::string_view> seen;
  seen.reserve(model.pieces.size());
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const auto& piece = model.pieces[id];
    const std::string entry = "entry " + std::to_string(id) + " ";
    n_unknown += piece.type == PieceType::kUnknown;
    n_bytes += piece.type == PieceType::kByte;
    if (!seen.insert(piece.text).second) {
      metadata.fail(kGgufTokensKey, entry + "\"" + printable(piece.text) + "\" stands there twice");
    }
    if (piece.type == PieceType::kByte && byte_named(piece.text) < 0) {
      metadata.fail(kGgufTokensKey, entry + "\"" + printable(piece.text) +
                                        "\" has the type of a byte, expected one like <0xE5>");
    }
  }
  if (n_unknown != 1) {
    metadata.fail(kGgufTypesKey,
                  "has " + std::to_string(n_unknown) + " unknown tokens (type 2), expected one");
  }
  if (n_bytes != 0 && n_bytes != 256) {
    metadata.fail(kGgufTypesKey,
                  "has " + std::to_string(n_bytes) + " bytes (type 6), expected all 256 or none");
  }
}

SentencePieceModel read_model(const JsonObject& metadata) {
  GgufVocabulary vocabulary = read_gguf_vocabulary(metadata);
  const size_t n = vocabulary.tokens.size();
  const std::vector<float> scores = read_scores(metadata, n);
  SentencePieceModel model;
  model.kind = SentencePieceModel::Kind::kBpe;
  for (size_t id = 0; id < n; ++id) {
    auto type = static_cast<PieceType>(vocabulary.types[id]);
    std::string text = std::move(vocabulary.tokens[id]);
    if (text.empty()) {  // an id that stands for nothing
      text = "[EMPTY_" + std::to_string(id) + "]";
      type = PieceType::kUnused;
    }
    model.pieces.push_back({.text = std::move(text), .score = scores[id], .type = type});
    model.byte_fallback |= type == PieceType::kByte;
  }
  model.add_dummy_prefix = metadata.boolean_or("tokenizer.ggml.add_space_prefix", true);
  model.remove_extra_whitespaces =
      metadata.boolean_or("tokenizer.ggml.remove_extra_whitespaces", false);
  model.bos_id = read_gguf_id(metadata, "tokenizer.ggml.bos_token_id", n).value_or(-1);
  model.eos_id = read_gguf_id(metadata, "tokenizer.ggml.eos_token_id", n).value_or(-1);
  check_pieces(metadata, model);
  return model;
}

// ChatGLM's: [gMASK] and sop begin every text, as its own code has it.
std::vector<TokenId> chatglm_prefix(const JsonObject& metadata, const SentencePieceModel& model) {
  std::vector<TokenId> prefix;
  for (const std::string_view name : {"[gMASK]", "sop"}) {
    const auto piece = std::find_if(model.pieces.begin(), model.pieces.end(),
                                    [&](const auto& each) { return each.text == name; });
    if (piece == model.pieces.end()) {
      metadata.fail(kGgufTokensKey, "has no \"" + std::string(name) + "\", expected in ChatGLM's");
    }
    prefix.push_back(static_cast<TokenId>(piece - model.pieces.begin()));
  }
  return prefix;
}

}  // namespace

std::shared_ptr<const Tokenizer> make_gguf_sentencepiece_tokenizer(const JsonObject& metadata,
                                                                   std::string_view file) {
  constexpr std::string_view kCharsMap = "tokenizer.ggml.precompiled_charsmap";
  if (metadata.has(kCharsMap)) {
    throw Error(ErrorCode::kUnsupported,
                metadata.where(kCharsMap) + ": supported: vocabularies that normalise nothing");
  }
  const SentencePieceModel model = read_model(metadata);
  const bool chatglm = metadata.string_or("tokenizer.ggml.pre", "") == "chatglm-spm";
  const auto bos_id = model.bos_id < 0 ? std::nullopt : std::optional<TokenId>(model.bos_id);
  return make_sentencepiece_tokenizer({
      .model = serialize_sentencepiece_model(model),
      .file = std::string(file),
      .prefix =
          chatglm ? chatglm_prefix(metadata, model) : read_gguf_prefix(metadata, true, bos_id),
      .clean_up_spaces = chatglm,
  });
}

}  // namespace heng::text
