#include "text/tokenizer_config.h"

#include <algorithm>

#include "base/file_map.h"
#include "base/message.h"

namespace heng::text {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostBytes = 16u << 20;

// A token is written as its text or as an object with it. nullopt where it is absent or null.
std::optional<std::string> token_text(const JsonObject& settings, std::string_view key) {
  if (!settings.has(key)) return std::nullopt;
  const Json& value = *settings.raw().find(key);
  if (value.is_object()) return settings.object(key)->string("content");
  return settings.string(key);
}

void read_additional(const JsonObject& settings, std::vector<std::string>& special) {
  constexpr std::string_view kKey = "additional_special_tokens";
  if (!settings.has(kKey)) return;
  const Json& list = *settings.raw().find(kKey);
  const bool objects = list.is_array() && !list.empty() && list[0].is_object();
  if (objects) {
    for (const JsonObject& token : settings.objects_or_empty(kKey)) {
      special.push_back(token.string("content"));
    }
  } else {
    for (std::string& token : settings.strings_or_empty(kKey)) special.push_back(std::move(token));
  }
}

// Roles of tokens; what a later file says replaces what an earlier one said.
void read_roles(const JsonObject& settings, TokenizerConfig& config) {
  if (auto bos = token_text(settings, "bos_token")) config.bos_token = std::move(bos);
  if (auto eos = token_text(settings, "eos_token")) config.eos_token = std::move(eos);
  for (const char* key : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token",
                          "cls_token", "mask_token"}) {
    if (auto token = token_text(settings, key)) config.special.push_back(std::move(*token));
  }
  read_additional(settings, config.special);
}

void read_decoder(const JsonObject& decoder, std::vector<AddedToken>& added) {
  for (const auto& [id, unused] : decoder.raw().items()) {
    if (id.empty() || id.size() > 7 || id.find_first_not_of("0123456789") != std::string::npos) {
      decoder.fail(printable(id), "expected a token id");
    }
    const auto token = decoder.object(id);
    if (!token) decoder.fail(id, "expected an object");
    added.push_back(read_added_token(*token));
    added.back().id = static_cast<TokenId>(std::stol(id));
  }
}

void read_older_files(const fs::path& folder, TokenizerConfig& config) {
  const Json map = read_json_file(folder / "special_tokens_map.json", kMostBytes);
  read_roles(JsonObject(map, (folder / "special_tokens_map.json").string()), config);
  const Json added = read_json_file(folder / "added_tokens.json", kMostBytes);
  const JsonObject names(added, (folder / "added_tokens.json").string());
  const auto& special = config.special;
  for (const auto& [name, id] : added.items()) {
    const bool is_special = std::find(special.begin(), special.end(), name) != special.end();
    config.added.push_back({.content = name,
                            .id = static_cast<TokenId>(names.integer(name, 0, kMostTokenIds - 1)),
                            .special = is_special,
                            .normalized = !is_special});
  }
}

}  // namespace

Json read_json_file(const fs::path& file, size_t limit_bytes) {
  if (!fs::exists(file)) return Json::object();
  return parse_json(read_text_file(file, limit_bytes), file.string(), {.max_bytes = limit_bytes});
}

AddedToken read_added_token(const JsonObject& token) {
  for (const char* key : {"single_word", "lstrip", "rstrip"}) {
    if (!token.boolean_or(key, false)) continue;
    throw Error(ErrorCode::kUnsupported,
                token.where(key) + ": is true for \"" + printable(token.string("content")) +
                    "\"; supported: added tokens that are found wherever they stand and take no "
                    "space with them.");
  }
  AddedToken added{.content = token.string("content"),
                   .special = token.boolean_or("special", false)};
  added.normalized = token.boolean_or("normalized", !added.special);
  return added;
}

TokenizerConfig tokenizer_config_from_json(const JsonObject& settings) {
  TokenizerConfig config;
  config.tokenizer_class = settings.string_or("tokenizer_class", "");
  // As transformers' class has it where the file is silent.
  const std::string_view name = config.tokenizer_class;
  const bool llama = name == "LlamaTokenizer" || name == "LlamaTokenizerFast";
  if (settings.has("add_bos_token") || llama) {
    config.add_bos_token = settings.boolean_or("add_bos_token", true);
  }
  if (settings.boolean_or("add_eos_token", false)) {
    throw Error(ErrorCode::kUnsupported,
                settings.where("add_eos_token") + ": is true; supported: texts that no token ends");
  }
  read_roles(settings, config);
  if (const auto decoder = settings.object("added_tokens_decoder")) {
    read_decoder(*decoder, config.added);
  }
  return config;
}

TokenizerConfig read_tokenizer_config(const fs::path& folder) {
  const fs::path file = folder / "tokenizer_config.json";
  const Json json = read_json_file(file, kMostBytes);
  const JsonObject settings(json, file.string());
  TokenizerConfig config = tokenizer_config_from_json(settings);
  if (!settings.has("added_tokens_decoder")) read_older_files(folder, config);
  return config;
}

}  // namespace heng::text
