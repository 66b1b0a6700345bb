#include "text/gguf_hf_vocabulary.h"

#include <algorithm>

#include "base/file_map.h"
#include "heng/error.h"
#include "text/gguf_tokens.h"
#include "text/pretokenize.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_steps.h"

namespace heng::text {
namespace {

namespace fs = std::filesystem;
using checkpoint::GgufWriter;

constexpr size_t kMostFileBytes = 64u << 20;

// The name that stands for these steps in tokenizer.ggml.pre.
std::string_view pre_name(const TokenizerSteps& steps, bool take_whole, const std::string& file) {
  for (const std::string_view name : {"qwen2", "llama-bpe", "smollm", "gpt-2"}) {
    const PreTokenizer& pre = *find_pre_tokenizer(name);
    const bool same = std::equal(
        pre.patterns.begin(), pre.patterns.end(), steps.patterns.begin(), steps.patterns.end(),
        [](std::string_view a, const FilePattern& b) { return a == b.regex; });
    const bool plain = steps.space_prefix == SpacePrefix::kNone;
    if (same && plain && pre.nfc == steps.nfc && pre.take_whole == take_whole) return name;
  }
  throw Error(ErrorCode::kUnsupported,
              file + ": cuts text in a way that GGUF has no name for that is known here.");
}

// `vocab` maps spellings to ids; what is not in it, or is found by its name, is an added token.
GgufTokens tokens_of(const Json& vocab, const Tokenizer& tokenizer) {
  GgufTokens tokens;
  tokens.texts.resize(tokenizer.size());
  tokens.types.assign(tokenizer.size(), GgufTokens::kUnused);
  for (const auto& [spelling, id] : vocab.items()) {
    const auto at = id.get<size_t>();
    tokens.texts[at] = spelling;
    tokens.types[at] = GgufTokens::kNormal;
  }
  for (size_t i = 0; i < tokens.texts.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string name(tokenizer.token_bytes(id));
    if (!name.empty() && tokenizer.special_id(name) == id) {
      tokens.texts[i] = name;
      tokens.types[i] = tokenizer.is_special(id) ? GgufTokens::kControl : GgufTokens::kUserDefined;
    } else if (tokens.types[i] == GgufTokens::kUnused) {
      tokens.texts[i] = "[PAD" + std::to_string(i) + "]";
    }
  }
  return tokens;
}

std::vector<std::string> merges_of(const Json& list) {
  std::vector<std::string> merges;
  for (const Json& entry : list) {
    merges.push_back(entry.is_string()
                         ? entry.get<std::string>()
                         : entry[0].get<std::string>() + " " + entry[1].get<std::string>());
  }
  return merges;
}

std::vector<std::string> merges_of_lines(const std::string& text) {
  std::vector<std::string> merges;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty() && !(at == 0 && line.starts_with("#version"))) merges.push_back(line);
    at = end + 1;
  }
  return merges;
}

void write_ids(const Tokenizer& tokenizer, const std::string& file, GgufWriter& out) {
  const std::vector<TokenId> prefix = tokenizer.prefix();
  const auto bos = tokenizer.bos_id();
  if (!prefix.empty() && (prefix.size() > 1 || prefix[0] != bos)) {
    throw Error(ErrorCode::kUnsupported,
                file + ": puts other tokens than bos in front of a text, which GGUF cannot say.");
  }
  if (bos) out.set(GgufKeys::kBos, static_cast<uint32_t>(*bos));
  if (tokenizer.eos_id()) out.set(GgufKeys::kEos, static_cast<uint32_t>(*tokenizer.eos_id()));
  out.set(GgufKeys::kAddBos, !prefix.empty());
}

}  // namespace

void write_hf_vocabulary(const fs::path& folder, size_t n_rows, GgufWriter& out) {
  const bool one_file = fs::exists(folder / "tokenizer.json");
  const std::string file = (folder / (one_file ? "tokenizer.json" : "vocab.json")).string();
  const Json json = parse_json(read_text_file(file, kMostFileBytes), file);
  // Also checks the files.
  const auto tokenizer = one_file ? load_json_tokenizer(folder) : load_qwen2_tokenizer(folder);
  out.set(GgufKeys::kModel, "gpt2");
  if (one_file) {
    const TokenizerSteps steps = read_tokenizer_steps(JsonObject(json, file));
    if (steps.spelling != Spelling::kByteAlphabet) {
      throw Error(ErrorCode::kUnsupported,
                  file +
                      ": LLaMA-2's vocabulary in this form has no scores, which GGUF needs. "
                      "Fetch tokenizer.model too.");
    }
    const bool take_whole = JsonObject(json["model"], file).boolean_or("ignore_merges", false);
    out.set(GgufKeys::kPre, pre_name(steps, take_whole, file));
  } else {
    out.set(GgufKeys::kPre, "qwen2");
  }
  const Json& vocab = one_file ? json["model"]["vocab"] : json;
  tokens_of(vocab, *tokenizer).write(file, n_rows, out);
  out.set(GgufKeys::kMerges,
          one_file ? merges_of(json["model"]["merges"])
                   : merges_of_lines(read_text_file(folder / "merges.txt", kMostFileBytes)));
  write_ids(*tokenizer, file, out);
}

}  // namespace heng::text
