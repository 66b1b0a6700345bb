// Options that several sub-commands share, and what they stand for.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heng/model.h"
#include "terminal/phrases.h"

namespace heng::commands {

// In place of CLI11's own words after an option's name ("TEXT REQUIRED Excludes: ...").
inline constexpr const char* kNoOptionText = " ";

// MODEL --lora --dtype --device --threads --ctx --kernels
struct ModelOptions {
  std::string model;
  LoadOptions load;

  void add_to(CLI::App& command);
};

// --greedy --sample --temperature ... --stop --ignore-eos: over the model's generation_config.json.
struct GenerationOptions {
  std::map<std::string, std::string> values;  // by setting's key, as typed
  std::vector<std::string> stop;
  bool greedy = false, sample = false, ignore_eos = false;

  void add_to(CLI::App& command);
  // Whether the values make sense by themselves: before a model is loaded. Throws as apply_to.
  void check() const;
  // Throws Error kInvalidArgument.
  void apply_to(GenerationConfig& config) const;
  bool sets(const std::string& key) const { return values.contains(key); }
};

// --think on|off
struct ThinkOption {
  std::optional<bool> wanted;

  void add_to(CLI::App& command);
  // Throws Error kInvalidArgument where it was asked for and `format` (nullptr: none) has no
  // thoughts.
  bool on(const ChatFormat* format) const;
};

enum class Announce {
  kYes,  // what is loaded, in which precision, why and what it takes: one line on standard error
  kNo,
};

// --lora --dtype --activations --kv --device --threads --ctx --kernels
void add_load_options(CLI::App& command, LoadOptions& load);

// Resolves the name and loads, with a progress bar on standard error. Throws Error.
std::shared_ptr<const Model> load_model(const ModelOptions& options, Announce announce);

// --lora FOLDER, as often as there are adapters.
CLI::Option* add_lora_option(CLI::App& command, std::vector<std::filesystem::path>& loras);

// --dtype auto|bf16|fp16|fp32
void add_plain_dtype(CLI::App& command, Precision& target, terminal::Phrase meaning);

// MODEL alone, and with --lora, for commands that load no model.
void add_model_argument(CLI::App& command, std::string& model);
void add_model_argument(CLI::App& command, std::string& model,
                        std::vector<std::filesystem::path>& loras);

}  // namespace heng::commands
