// A LoRA adapter as PEFT publishes it: a folder with adapter_config.json and
// adapter_model.safetensors or .bin. Opening maps the file and checks every name and shape that the
// adapter alone can decide; no tensor byte is read. Owns the mapping. Immutable; safe to use from
// many threads.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_map.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/lora_config.h"

namespace heng::checkpoint {

// What is added to one matrix: scale * B A, B [out, rank], A [rank, in].
struct LoraPair {
  const TensorEntry* a = nullptr;
  const TensorEntry* b = nullptr;
  float scale = 0;
};

class LoraAdapter {
 public:
  // Throws Error kNotFound, kCorrupt, kUnsupported naming file, tensor or field.
  static std::shared_ptr<const LoraAdapter> open(const std::filesystem::path& folder);

  const std::filesystem::path& path() const { return path_; }
  std::string name() const;  // the folder's
  const LoraConfig& config() const { return config_; }

  // By the module that they change: "model.layers.0.self_attn.q_proj".
  const std::map<std::string, LoraPair, std::less<>>& pairs() const { return pairs_; }
  // Whole tensors that replace the base's, named as there: "model.embed_tokens.weight".
  const std::map<std::string, const TensorEntry*, std::less<>>& saved() const { return saved_; }

  // What changes the base's tensor of that name; nullptr: nothing.
  const LoraPair* find_pair(std::string_view tensor) const;
  const TensorEntry* find_saved(std::string_view tensor) const;

  uint64_t tensor_bytes() const;

 private:
  LoraAdapter() = default;
  void read_file();
  void place(const TensorEntry& entry);
  void complete(const std::string& module, LoraPair& pair) const;
  void check_targets() const;

  std::filesystem::path path_;
  std::string file_;  // "lora_alpaca/adapter_model.bin", for errors
  LoraConfig config_;
  std::vector<FileMap> files_;
  std::vector<std::unique_ptr<std::byte[]>> owned_;
  std::vector<TensorEntry> tensors_;
  std::map<std::string, LoraPair, std::less<>> pairs_;
  std::map<std::string, const TensorEntry*, std::less<>> saved_;
};

}  // namespace heng::checkpoint
