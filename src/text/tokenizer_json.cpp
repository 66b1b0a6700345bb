#include "text/tokenizer_json.h"

#include <algorithm>
#include <array>

#include "base/file_map.h"
#include "base/message.h"
#include "text/hf_bpe.h"

namespace heng::text {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFileBytes = 64u << 20;   // Qwen3's tokenizer.json has 11 MB
constexpr size_t kMostConfigBytes = 4u << 20;  // config.json

// `key` must be absent, null, or as good as not there.
void require_unused(const JsonObject& model, std::string_view key) {
  const auto found = model.raw().find(key);
  if (found == model.raw().end() || found->is_null()) return;
  const bool nothing = (found->is_string() && found->get_ref<const std::string&>().empty()) ||
                       (found->is_number() && found->get<double>() == 0);
  if (nothing) return;
  throw Error(ErrorCode::kUnsupported,
              model.where(key) + ": is " + printable(found->dump()) + "; supported: null.");
}

const Json& object_member(const JsonObject& model, std::string_view key) {
  const auto found = model.raw().find(key);
  if (found == model.raw().end() || !found->is_object()) model.fail(key, "expected an object");
  return *found;
}

// Entries are "a b" or ["a", "b"].
std::vector<SpelledPair> read_merges(const JsonObject& model) {
  const auto found = model.raw().find("merges");
  if (found == model.raw().end() || !found->is_array()) model.fail("merges", "expected a list");
  std::vector<SpelledPair> pairs;
  pairs.reserve(found->size());
  for (const Json& entry : *found) {
    const bool two =
        entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string();
    if (entry.is_string()) {
      pairs.push_back(pair_of_line(entry.get_ref<const std::string&>()));
    } else if (two) {
      pairs.emplace_back(entry[0].get_ref<const std::string&>(),
                         entry[1].get_ref<const std::string&>());
    } else {
      model.fail("merges", "entry " + std::to_string(pairs.size()) +
                               " is neither \"a b\" nor [\"a\", \"b\"]");
    }
  }
  return pairs;
}

std::vector<AddedToken> read_added(const JsonObject& file) {
  std::vector<AddedToken> added;
  for (const JsonObject& token : file.objects_or_empty("added_tokens")) {
    added.push_back(read_added_token(token));
    added.back().id = static_cast<TokenId>(token.integer("id", 0, kMostTokenIds - 1));
  }
  return added;
}

// A line of merges.txt is a pair; blank lines and the first, if it says a version, are not.
// `numbers`: the line that each pair stands on.
std::vector<SpelledPair> read_merge_lines(std::string_view text, std::vector<size_t>& numbers) {
  constexpr std::string_view kBlank = " \t\r\v\f";
  std::vector<SpelledPair> pairs;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    line = line.substr(0, line.find_last_not_of(kBlank) + 1);
    if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
    pairs.push_back(pair_of_line(line));
    numbers.push_back(number);
  }
  return pairs;
}

// Whether the folder says that its tokenizer is Qwen2's; `found`: what it says instead.
bool is_qwen2(const fs::path& folder, const TokenizerConfig& config, std::string& found) {
  if (!config.tokenizer_class.empty()) {
    found = "tokenizer_class \"" + printable(config.tokenizer_class) + "\"";
    return config.tokenizer_class == "Qwen2Tokenizer" ||
           config.tokenizer_class == "Qwen2TokenizerFast";
  }
  const Json json = read_json_file(folder / "config.json", kMostConfigBytes);
  const std::string type =
      JsonObject(json, (folder / "config.json").string()).string_or("model_type", "");
  found = type.empty() ? "neither tokenizer_class nor model_type"
                       : "model_type \"" + printable(type) + "\"";
  constexpr std::array<std::string_view, 4> kTypes = {"qwen2", "qwen2_moe", "qwen3", "qwen3_moe"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

}  // namespace

std::shared_ptr<const Tokenizer> make_json_tokenizer(const Json& json,
                                                     const TokenizerConfig& config,
                                                     std::string_view file) {
  const JsonObject top(json, file);
  const auto model = top.object("model");
  if (!model) top.fail("model", "missing, expected an object");
  if (const std::string type = model->string_or("type", ""); type != "BPE") {
    throw Error(ErrorCode::kUnsupported,
                model->where("type") + ": is \"" + printable(type) + "\"; supported: BPE.");
  }
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    require_unused(*model, key);
  }
  HfBpe parts{
      .model = *model,
      .vocab = object_member(*model, "vocab"),
      .merges = read_merges(*model),
      .fail_merge =
          [&](size_t index, const std::string& problem) {
            model->fail("merges", "entry " + std::to_string(index) + " " + problem);
          },
      .added = read_added(top),
      .steps = read_tokenizer_steps(top),
      .take_whole = model->boolean_or("ignore_merges", false),
      .byte_fallback = model->boolean_or("byte_fallback", false),
      .has_unknown = model->has("unk_token"),
      .description = "tokenizer.json",
  };
  if (parts.byte_fallback && parts.steps.spelling == Spelling::kByteAlphabet) {
    throw Error(ErrorCode::kUnsupported,
                model->where("byte_fallback") + ": is true; supported with ByteLevel: false.");
  }
  return make_hf_bpe_tokenizer(std::move(parts), config);
}

std::shared_ptr<const Tokenizer> make_qwen2_tokenizer(const Json& vocab, std::string_view merges,
                                                      const TokenizerConfig& config,
                                                      std::string_view vocab_file,
                                                      std::string_view merges_file) {
  std::vector<size_t> numbers;
  HfBpe parts{
      .model = JsonObject(vocab, vocab_file),
      .vocab = vocab,
      .merges = read_merge_lines(merges, numbers),
      .fail_merge =
          [&](size_t index, const std::string& problem) {
            throw Error(ErrorCode::kCorrupt, std::string(merges_file) + ": line " +
                                                 std::to_string(numbers[index]) + " " + problem +
                                                 ". Fetch the file again.");
          },
      .added = {},
      .steps = {.nfc = true, .patterns = {{std::string(qwen_pattern()), std::string(vocab_file)}}},
      .description = "vocab.json",
  };
  return make_hf_bpe_tokenizer(std::move(parts), config);
}

std::shared_ptr<const Tokenizer> load_json_tokenizer(const fs::path& folder) {
  const fs::path file = folder / "tokenizer.json";
  const Json json = parse_json(read_text_file(file, kMostFileBytes), file.string());
  return make_json_tokenizer(json, read_tokenizer_config(folder), file.string());
}

std::shared_ptr<const Tokenizer> load_qwen2_tokenizer(const fs::path& folder) {
  const fs::path vocab_file = folder / "vocab.json", merges_file = folder / "merges.txt";
  const TokenizerConfig config = read_tokenizer_config(folder);
  if (std::string found; !is_qwen2(folder, config, found)) {
    throw Error(ErrorCode::kUnsupported,
                vocab_file.string() + ": how its text is cut depends on the tokenizer, found " +
                    found + "; supported: Qwen2Tokenizer, or a tokenizer.json that says it.");
  }
  const Json vocab = parse_json(read_text_file(vocab_file, kMostFileBytes), vocab_file.string());
  return make_qwen2_tokenizer(vocab, read_text_file(merges_file, kMostFileBytes), config,
                              vocab_file.string(), merges_file.string());
}

}  // namespace heng::text
