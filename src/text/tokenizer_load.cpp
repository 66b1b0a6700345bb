#include "text/tokenizer_load.h"

#include "heng/error.h"
#include "text/gguf_tokenizer.h"
#include "text/qwen_tokenizer.h"
#include "text/sentencepiece.h"
#include "text/tokenizer_json.h"

namespace heng {
namespace text {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Tokenizer> load_from_folder(const fs::path& folder) {
  if (fs::exists(folder / "qwen.tiktoken")) return load_qwen_tokenizer(folder);
  if (fs::exists(folder / "tokenizer.model")) return load_sentencepiece_tokenizer(folder);
  if (fs::exists(folder / "tokenizer.json")) return load_json_tokenizer(folder);
  if (fs::exists(folder / "vocab.json")) return load_qwen2_tokenizer(folder);
  throw Error(ErrorCode::kNotFound,
              folder.string() +
                  ": no tokenizer; supported: qwen.tiktoken, tokenizer.model, "
                  "tokenizer.json, vocab.json with merges.txt, or a .gguf file with "
                  "its own");
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const checkpoint::Checkpoint& checkpoint) {
  if (checkpoint.kind() == checkpoint::Kind::kGguf) {
    return make_gguf_tokenizer(checkpoint.config(), checkpoint.config_file());
  }
  return load_from_folder(checkpoint.path());
}

bool has_tokenizer(const std::filesystem::path& folder) {
  for (const char* file : {"qwen.tiktoken", "tokenizer.model", "tokenizer.json", "vocab.json"}) {
    if (fs::exists(folder / file)) return true;
  }
  return false;
}

}  // namespace text

std::shared_ptr<const Tokenizer> Tokenizer::load(const std::filesystem::path& path) {
  // A folder's tokenizer needs no weights beside it.
  if (std::filesystem::is_directory(path)) return text::load_from_folder(path);
  return text::load_tokenizer(*checkpoint::Checkpoint::open(path));
}

}  // namespace heng
