#include "engine/generation_config.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "base/file_map.h"
#include "base/json.h"

namespace heng {
namespace {

constexpr int64_t kMaxTokens = int64_t{1} << 31;
constexpr int64_t kMaxId = std::numeric_limits<TokenId>::max();

std::vector<TokenId> ids_of(const JsonObject& json, std::string_view key) {
  std::vector<TokenId> ids;
  for (const int64_t id : json.integers_or_empty(key)) {
    if (id < 0 || id > kMaxId) json.fail(key, std::to_string(id) + " is no token id");
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

std::vector<std::vector<TokenId>> sequences_of(const JsonObject& json, std::string_view key,
                                               std::string_view file) {
  std::vector<std::vector<TokenId>> sequences;
  if (!json.has(key)) return sequences;
  const Json& value = json.raw().at(std::string(key));
  if (!value.is_array()) json.fail(key, "expected a list of lists of token ids");
  for (const Json& item : value) {
    const Json wrapped = {{"ids", item}};
    sequences.push_back(ids_of(JsonObject(wrapped, file, std::string(key) + "."), "ids"));
    if (sequences.back().empty()) json.fail(key, "expected lists of token ids, one is empty");
  }
  return sequences;
}

void read_lengths(const JsonObject& json, GenerationConfig& config) {
  config.max_new_tokens = json.integer_or("max_new_tokens", 1, kMaxTokens, config.max_new_tokens);
  config.min_new_tokens = json.integer_or("min_new_tokens", 0, kMaxTokens, 0);
  if (json.has("max_length")) {
    config.max_length = json.integer("max_length", 1, kMaxTokens);
    // As in transformers: max_length alone is the only limit.
    if (!json.has("max_new_tokens")) config.max_new_tokens = *config.max_length;
  }
  if (json.has("min_length")) config.min_length = json.integer("min_length", 0, kMaxTokens);
  config.max_window_size = json.integer_or("max_window_size", 0, kMaxTokens, 0);
}

[[noreturn]] void refuse(const std::string& setting, const std::string& found,
                         const std::string& expected) {
  throw Error(ErrorCode::kInvalidArgument,
              setting + " is " + found + ", expected " + expected + ".");
}

std::string text_of(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

void check_range(const std::string& setting, int64_t value, int64_t low) {
  if (value >= low && value <= kMaxTokens) return;
  refuse(setting, std::to_string(value),
         "an integer from " + std::to_string(low) + " to " + std::to_string(kMaxTokens));
}

void check_positive(const std::string& setting, double value) {
  if (!std::isfinite(value) || value <= 0) refuse(setting, text_of(value), "a number above 0");
}

void check_finite_setting(const std::string& setting, double value) {
  if (!std::isfinite(value)) refuse(setting, text_of(value), "a number");
}

}  // namespace

GenerationConfig engine::generation_config_from_json(const Json& value, std::string_view file) {
  const JsonObject json(value, file);
  GenerationConfig config;
  config.do_sample = json.boolean_or("do_sample", false);
  config.temperature = json.number_or("temperature", config.temperature);
  // An explicit null turns transformers' default of 50 off.
  const bool off = value.contains("top_k") && value.at("top_k").is_null();
  config.top_k = off ? 0 : json.integer_or("top_k", 0, kMaxTokens, config.top_k);
  config.top_p = json.number_or("top_p", config.top_p);
  config.repetition_penalty = json.number_or("repetition_penalty", config.repetition_penalty);
  read_lengths(json, config);
  config.eos_ids = ids_of(json, "eos_token_id");
  config.stop_word_ids = sequences_of(json, "stop_words_ids", file);
  config.chat_format = json.string_or("chat_format", "");
  try {
    config.check();
  } catch (const Error& error) {
    throw Error(ErrorCode::kCorrupt, std::string(file) + ": " + error.what());
  }
  return config;
}

GenerationConfig GenerationConfig::from_pretrained(const std::filesystem::path& path) {
  const bool is_folder = std::filesystem::is_directory(path);
  const auto file = is_folder ? path / "generation_config.json" : path;
  if (is_folder && !std::filesystem::exists(file)) return {};
  const std::string name = file.filename().string();
  const Json json = parse_json(read_text_file(file, JsonLimits{}.max_bytes), name);
  return engine::generation_config_from_json(json, name);
}

void GenerationConfig::check() const {
  if (do_sample) check_positive("temperature", temperature);
  check_range("top_k", top_k, 0);
  if (!(top_p >= 0 && top_p <= 1)) refuse("top_p", text_of(top_p), "a number from 0 to 1");
  check_positive("repetition_penalty", repetition_penalty);
  check_finite_setting("presence_penalty", presence_penalty);
  check_finite_setting("frequency_penalty", frequency_penalty);
  for (const auto& [id, bias] : logit_bias) {
    check_range("logit_bias's token", id, 0);
    check_finite_setting("logit_bias", bias);
  }
  check_range("max_new_tokens", max_new_tokens, 1);
  check_range("min_new_tokens", min_new_tokens, 0);
  if (max_length) check_range("max_length", *max_length, 1);
  if (min_length) check_range("min_length", *min_length, 0);
  check_range("max_window_size", max_window_size, 0);
  if (speculate < 0 || speculate > 16) {
    refuse("speculate", std::to_string(speculate), "an integer from 0 to 16");
  }
  for (const TokenId id : eos_ids) check_range("eos_token_id", id, 0);
  for (const auto& word : stop_word_ids) {
    if (word.empty()) refuse("stop_words_ids", "an empty list", "lists of token ids");
  }
  for (const std::string& text : stop) {
    if (text.empty()) refuse("stop", "an empty text", "texts of at least one character");
  }
  if (!chat_format.empty() && chat_format != "chatml" && chat_format != "raw") {
    refuse("chat_format", '"' + chat_format + '"', "\"chatml\" or \"raw\"");
  }
}

}  // namespace heng
