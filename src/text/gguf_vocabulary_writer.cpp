#include "text/gguf_vocabulary_writer.h"

#include <limits>
#include <unordered_map>
#include <utility>

#include "base/file_map.h"
#include "base/json.h"
#include "heng/error.h"
#include "text/gguf_hf_vocabulary.h"
#include "text/gguf_tokens.h"
#include "text/gpt2_alphabet.h"
#include "text/qwen_tokenizer.h"
#include "text/sentencepiece.h"

namespace heng::text {
namespace {

namespace fs = std::filesystem;
using checkpoint::GgufWriter;

constexpr size_t kMostJsonBytes = 16u << 20;

// Pairs that are looked at to find all merges: Qwen's vocabulary takes 7 million. Absurdly long
// tokens would take for ever.
constexpr uint64_t kMostPairs = 500'000'000;

using Ranks = std::unordered_map<std::string_view, size_t>;

// The two tokens that merge into `token`, whose rank is `rank`: what is left of its bytes when only
// pairs of lower rank have merged, lowest first. An empty first one where that leaves more than
// two.
std::pair<std::string_view, std::string_view> merge_of(std::string_view token, size_t rank,
                                                       const Ranks& ranks, uint64_t& pairs) {
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < token.size(); ++i) parts.push_back(token.substr(i, 1));
  while (parts.size() > 2 && pairs < kMostPairs) {
    pairs += parts.size();
    size_t best = 0, best_rank = rank;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const std::string_view pair(parts[i].data(), parts[i].size() + parts[i + 1].size());
      const auto found = ranks.find(pair);
      if (found == ranks.end() || found->second >= best_rank) continue;
      best = i;
      best_rank = found->second;
    }
    if (best_rank == rank) return {};
    parts[best] = {parts[best].data(), parts[best].size() + parts[best + 1].size()};
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
  if (parts.size() > 2) return {};
  return {parts[0], parts[1]};
}

// tiktoken's ranks as GPT-2's list: one merge for every token of more than one byte.
std::vector<std::string> merges_of_ranks(const std::vector<std::string>& tokens,
                                         const std::string& file) {
  Ranks ranks;
  ranks.reserve(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) ranks.emplace(tokens[i], i);
  uint64_t pairs = 0;
  std::vector<std::string> merges;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].size() < 2) continue;
    const auto [left, right] = merge_of(tokens[i], i, ranks, pairs);
    if (left.empty()) {
      throw Error(ErrorCode::kUnsupported,
                  file + ": line " + std::to_string(i + 1) +
                      ": no two tokens of lower rank merge into this one, or not within any "
                      "sensible time; GGUF's list of merges cannot express it.");
    }
    merges.push_back(spelling_of_bytes(left) + " " + spelling_of_bytes(right));
  }
  return merges;
}

void write_qwen(const fs::path& folder, size_t n_rows, GgufWriter& out) {
  const std::string file = (folder / "qwen.tiktoken").string();
  const std::vector<std::string> ranks = read_qwen_ranks(folder);
  GgufTokens tokens;
  for (const std::string& token : ranks) tokens.add(spelling_of_bytes(token), GgufTokens::kNormal);
  for (std::string& name : qwen_special_names(detect_qwen_release(folder))) {
    tokens.add(std::move(name), GgufTokens::kControl);
  }
  out.set(GgufKeys::kModel, "gpt2");
  out.set(GgufKeys::kPre, "qwen2");  // Qwen2 cuts text as Qwen-1 does
  tokens.write(file, n_rows, out);
  out.set(GgufKeys::kMerges, merges_of_ranks(ranks, file));
  const auto end = static_cast<uint32_t>(ranks.size());  // <|endoftext|>
  out.set(GgufKeys::kBos, end);  // never put in front, but readers want to know one
  out.set(GgufKeys::kEos, end);
  out.set(GgufKeys::kAddBos, false);
}

void write_sentencepiece(const fs::path& folder, size_t n_rows, GgufWriter& out) {
  constexpr float kAddedScore = -1000.0f;  // as llama.cpp's converter gives added tokens
  const SentencePieceParts parts = read_sentencepiece_folder(folder);
  const SentencePieceModel model = parse_sentencepiece_model(parts.model, parts.file);
  if (model.kind != SentencePieceModel::Kind::kBpe) {
    throw Error(ErrorCode::kUnsupported,
                parts.file +
                    ": a unigram model, expected BPE: GGUF's \"llama\" vocabulary merges "
                    "pieces by score.");
  }
  GgufTokens tokens;
  std::vector<float> scores;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const auto& piece = model.pieces[i];
    tokens.add(piece.text, static_cast<int32_t>(piece.type));
    scores.push_back(piece.score);
    if (piece.type != SentencePieceModel::PieceType::kUnknown) continue;
    out.set("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(i));
  }
  for (const std::string& name : parts.added) tokens.add(name, GgufTokens::kControl);
  scores.resize(std::max(n_rows, tokens.texts.size()), kAddedScore);
  out.set(GgufKeys::kModel, "llama");
  // ChatGLM's texts begin with [gMASK] sop, which readers know by this name.
  out.set(GgufKeys::kPre, parts.prefix.size() > 1 ? "chatglm-spm" : "default");
  tokens.write(parts.file, n_rows, out);
  out.set("tokenizer.ggml.scores", scores);
  if (model.bos_id >= 0) out.set(GgufKeys::kBos, static_cast<uint32_t>(model.bos_id));
  if (model.eos_id >= 0) out.set(GgufKeys::kEos, static_cast<uint32_t>(model.eos_id));
  const bool add_bos = model.bos_id >= 0 && parts.prefix == std::vector<TokenId>{model.bos_id};
  out.set(GgufKeys::kAddBos, add_bos);
  out.set("tokenizer.ggml.add_eos_token", false);
  out.set("tokenizer.ggml.add_space_prefix", model.add_dummy_prefix);
  out.set("tokenizer.ggml.remove_extra_whitespaces", model.remove_extra_whitespaces);
}

// tokenizer_config.json has one template, or several with names; newer folders keep it in a file.
void write_chat_template(const fs::path& folder, GgufWriter& out) {
  constexpr const char* kTemplate = "tokenizer.chat_template";
  if (fs::exists(folder / "chat_template.jinja")) {
    out.set(kTemplate, read_text_file(folder / "chat_template.jinja", kMostJsonBytes));
    return;
  }
  const fs::path file = folder / "tokenizer_config.json";
  if (!fs::exists(file)) return;
  const Json config = parse_json(read_text_file(file, kMostJsonBytes), file.string());
  if (!config.is_object() || !config.contains("chat_template")) return;
  const Json& found = config["chat_template"];
  if (found.is_string()) out.set(kTemplate, found.get<std::string>());
  for (const Json& named : found.is_array() ? found : Json::array()) {
    const JsonObject one(named, file.string());
    if (one.string_or("name", "") == "default") out.set(kTemplate, one.string("template"));
  }
}

}  // namespace

void write_gguf_vocabulary(const fs::path& folder, size_t n_rows, GgufWriter& out) {
  if (fs::exists(folder / "qwen.tiktoken")) {
    write_qwen(folder, n_rows, out);
  } else if (fs::exists(folder / "tokenizer.model")) {
    write_sentencepiece(folder, n_rows, out);
  } else if (fs::exists(folder / "tokenizer.json") || fs::exists(folder / "vocab.json")) {
    write_hf_vocabulary(folder, n_rows, out);
  } else {
    throw Error(ErrorCode::kNotFound,
                folder.string() +
                    ": no tokenizer; expected qwen.tiktoken, tokenizer.model, "
                    "tokenizer.json, or vocab.json with merges.txt.");
  }
  write_chat_template(folder, out);
}

void write_no_vocabulary(GgufWriter& out) {
  out.set(GgufKeys::kModel, "no_vocab");
}

}  // namespace heng::text
