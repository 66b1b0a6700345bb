// What of a model's files tells its chat format; weights are not needed for it. Immutable values.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"

namespace heng::text {

struct ChatFiles {
  checkpoint::Kind kind = checkpoint::Kind::kHuggingFace;
  std::filesystem::path path;
  Json config = Json::object();  // as Checkpoint::config(); of a GGUF file without its lists
  std::string config_file;
  std::optional<Json> generation_config;
  // The Jinja program that the files give: of chat_template.jinja, else of tokenizer_config.json
  // (the one named "default" where there are several); a GGUF file's tokenizer.chat_template. Empty
  // where there is none. Bytes as found.
  std::string chat_template;
  // The name of the token that ends a text: a chat model's ends a message.
  std::string end_token;

  std::string model_type() const;    // config.json's, or general.architecture
  std::string name_or_path() const;  // what the authors called it; empty where it is not said
  // Whether config.json names this class.
  bool has_class(std::string_view name) const;
};

// Throws Error kCorrupt.
ChatFiles read_chat_files(const checkpoint::Checkpoint& checkpoint);
// The same of a folder that may lack everything else, or of a .gguf file. Throws Error kNotFound,
// kCorrupt.
ChatFiles read_chat_files(const std::filesystem::path& path);

}  // namespace heng::text
