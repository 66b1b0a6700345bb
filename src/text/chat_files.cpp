#include "text/chat_files.h"

#include <algorithm>

#include "base/file_map.h"

namespace heng::text {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostBytes = 16u << 20;

Json read_json(const fs::path& file) {
  const std::string name = file.filename().string();
  Json json = parse_json(read_text_file(file, kMostBytes), name);
  JsonObject(json, name);  // throws where it is no object
  return json;
}

// "eos_token" is a text, or an object with "content".
std::string token_name(const JsonObject& settings, std::string_view key) {
  if (!settings.has(key)) return "";
  if (settings.raw().at(std::string(key)).is_string()) return settings.string(key);
  return settings.object(key)->string("content");
}

// "chat_template" is a text, or a list of {"name", "template"}.
std::string template_of(const JsonObject& settings) {
  constexpr std::string_view kKey = "chat_template";
  if (!settings.has(kKey)) return "";
  const Json& value = settings.raw().at(std::string(kKey));
  if (!value.is_array()) return settings.string(kKey);
  for (const Json& item : value) {
    const JsonObject named(item, "tokenizer_config.json", "chat_template.");
    if (named.string("name") == "default") return named.string("template");
  }
  return "";
}

void read_folder(ChatFiles& files) {
  const fs::path config = files.path / "tokenizer_config.json",
                 jinja = files.path / "chat_template.jinja";
  if (fs::exists(config)) {
    const Json json = read_json(config);
    const JsonObject settings(json, "tokenizer_config.json");
    files.end_token = token_name(settings, "eos_token");
    files.chat_template = template_of(settings);
  }
  if (fs::exists(jinja)) files.chat_template = read_text_file(jinja, kMostBytes);
}

void read_gguf(const Json& all, ChatFiles& files) {
  const JsonObject metadata(all, files.config_file);
  for (const auto& [key, value] : all.items()) {
    if (!value.is_array()) files.config[key] = value;  // vocabularies are long
  }
  files.chat_template = metadata.string_or("tokenizer.chat_template", "");
  constexpr std::string_view kEnd = "tokenizer.ggml.eos_token_id",
                             kTokens = "tokenizer.ggml.tokens";
  if (!metadata.has(kEnd) || !metadata.has(kTokens)) return;
  const Json& tokens = metadata.raw().at(std::string(kTokens));
  const int64_t end = metadata.integer(kEnd, 0, int64_t{1} << 32);
  if (!tokens.is_array() || static_cast<size_t>(end) >= tokens.size()) return;
  const Json& name = tokens[static_cast<size_t>(end)];
  if (name.is_string()) files.end_token = name.get<std::string>();
}

}  // namespace

std::string ChatFiles::model_type() const {
  const bool gguf = kind == checkpoint::Kind::kGguf;
  return JsonObject(config, config_file)
      .string_or(gguf ? "general.architecture" : "model_type", "");
}

std::string ChatFiles::name_or_path() const {
  return JsonObject(config, config_file).string_or("_name_or_path", "");
}

bool ChatFiles::has_class(std::string_view name) const {
  const auto classes = JsonObject(config, config_file).strings_or_empty("architectures");
  return std::find(classes.begin(), classes.end(), name) != classes.end();
}

ChatFiles read_chat_files(const checkpoint::Checkpoint& checkpoint) {
  ChatFiles files;
  files.kind = checkpoint.kind();
  files.path = checkpoint.path();
  files.config_file = checkpoint.config_file();
  files.generation_config = checkpoint.generation_config();
  if (files.kind == checkpoint::Kind::kGguf) {
    read_gguf(checkpoint.config(), files);
  } else {
    files.config = checkpoint.config();
    read_folder(files);
  }
  return files;
}

ChatFiles read_chat_files(const fs::path& path) {
  if (!fs::is_directory(path)) return read_chat_files(*checkpoint::Checkpoint::open(path));
  ChatFiles files;
  files.path = path;
  files.config_file = "config.json";
  const fs::path config = path / "config.json", generation = path / "generation_config.json";
  if (fs::exists(config)) {
    files.config = read_json(config);
  } else if (fs::exists(path / "params.json")) {
    files.kind = checkpoint::Kind::kMeta;
  }
  if (fs::exists(generation)) files.generation_config = read_json(generation);
  read_folder(files);
  return files;
}

}  // namespace heng::text
