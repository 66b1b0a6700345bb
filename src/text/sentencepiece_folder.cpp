// Which SentencePiece tokenizer a folder means: LLaMA's, or ChatGLM's with its special tokens.
#include <map>

#include "base/file_map.h"
#include "base/json.h"
#include "base/message.h"
#include "heng/error.h"
#include "text/sentencepiece.h"

namespace heng::text {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostModelBytes = 256u << 20;
constexpr size_t kMostJsonBytes = 16u << 20;

Json read_json(const fs::path& file) {
  if (!fs::exists(file)) return Json::object();
  Json json = parse_json(read_text_file(file, kMostJsonBytes), file.filename().string());
  JsonObject(json, file.filename().string());  // throws where it is no object
  return json;
}

// Special tokens that tokenization_chatglm.py puts behind the pieces. ChatGLM3's has four more.
std::vector<std::string> chatglm_names(const fs::path& folder) {
  std::vector<std::string> names = {"[MASK]", "[gMASK]", "[sMASK]", "sop", "eop"};
  if (is_chatglm3_tokenizer(folder)) {
    names.insert(names.end(), {"<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"});
  }
  return names;
}

// Tokens of added_tokens.json and of tokenizer_config.json behind the `n_pieces` of the model, by
// id without a gap.
std::vector<std::string> added_tokens(const fs::path& folder, const Json& config, size_t n_pieces) {
  std::map<int64_t, std::string> by_id;
  constexpr int64_t kMostId = 1 << 24;
  const Json added = read_json(folder / "added_tokens.json");
  const JsonObject names(added, "added_tokens.json");
  for (const auto& [name, id] : added.items()) by_id[names.integer(name, 0, kMostId)] = name;
  const JsonObject settings(config, "tokenizer_config.json");
  if (const auto decoder = settings.object("added_tokens_decoder")) {
    for (const auto& [id, token] : decoder->raw().items()) {
      if (id.empty() || id.size() > 8 || id.find_first_not_of("0123456789") != std::string::npos) {
        decoder->fail(printable(id), "expected a token id");
      }
      by_id[std::stoll(id)] = JsonObject(token, "tokenizer_config.json").string("content");
    }
  }
  std::vector<std::string> out;
  for (const auto& [id, name] : by_id) {
    if (static_cast<size_t>(id) < n_pieces) continue;
    if (static_cast<size_t>(id) != n_pieces + out.size()) {
      throw Error(ErrorCode::kCorrupt, (folder / "added_tokens.json").string() + ": token \"" +
                                           printable(name) + "\" has id " + std::to_string(id) +
                                           ", expected " + std::to_string(n_pieces + out.size()) +
                                           ", the next free one.");
    }
    out.push_back(name);
  }
  return out;
}

}  // namespace

bool is_chatglm3_tokenizer(const fs::path& folder) {
  const fs::path source = folder / "tokenization_chatglm.py";
  return fs::exists(source) &&
         read_text_file(source, kMostJsonBytes).find("<|observation|>") != std::string::npos;
}

SentencePieceParts read_sentencepiece_folder(const fs::path& folder) {
  const fs::path file = folder / "tokenizer.model";
  SentencePieceParts parts{.model = read_text_file(file, kMostModelBytes), .file = file.string()};
  const SentencePieceModel model = parse_sentencepiece_model(parts.model, parts.file);
  const Json config = read_json(folder / "tokenizer_config.json");
  const JsonObject settings(config, "tokenizer_config.json");
  const auto id = [&](size_t added) { return static_cast<TokenId>(model.pieces.size() + added); };
  if (settings.string_or("tokenizer_class", "") == "ChatGLMTokenizer") {
    parts.added = chatglm_names(folder);
    parts.prefix = {id(1), id(3)};  // [gMASK] sop
    parts.aliases = {{"<bos>", model.bos_id}, {"<eos>", model.eos_id}, {"<pad>", 0}};
    parts.clean_up_spaces = settings.boolean_or("clean_up_tokenization_spaces", true);
  } else {
    parts.added = added_tokens(folder, config, model.pieces.size());
    // Meta's own folders have no such file; its Tokenizer begins a prompt with bos too.
    if (settings.boolean_or("add_bos_token", true) && model.bos_id >= 0) {
      parts.prefix = {model.bos_id};
    }
  }
  return parts;
}

std::shared_ptr<const Tokenizer> load_sentencepiece_tokenizer(const fs::path& folder) {
  return make_sentencepiece_tokenizer(read_sentencepiece_folder(folder));
}

}  // namespace heng::text
