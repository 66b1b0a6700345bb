// A checkpoint as its authors published it: named tensors, configuration, tokenizer metadata.
// Opening maps the files and checks every header; no tensor byte is read. Owns the mappings: tensor
// data stays valid as long as the Checkpoint lives. Immutable after open; safe to use from many
// threads.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_map.h"
#include "base/json.h"
#include "base/tensor.h"

namespace heng::checkpoint {

struct TensorEntry {
  std::string name;
  TensorView view;   // data lies inside one of the mapped files, or in memory the Checkpoint owns
  std::string file;  // for errors: the file's name without its folder
  // Meta's model-parallel files: slice i of dimension `axis` lies at slices[i], all alike in shape;
  // view.shape is the whole tensor's and view.data is nullptr. Empty otherwise.
  std::vector<const std::byte*> slices = {};
  size_t axis = 0;
};

// One key of a GGUF file's metadata as it lies there.
struct MetadataRecord {
  std::string key;
  std::span<const std::byte> value;  // type number and value; points into the mapped file
};

// kMeta: consolidated.NN.pth and params.json, which config() has.
enum class Kind { kHuggingFace, kGguf, kMeta };

class Checkpoint {
 public:
  // `path`: a folder with config.json and *.safetensors or pytorch_model*.bin (safetensors first);
  // one with params.json and consolidated.NN.pth; or a .gguf file. Throws Error kNotFound,
  // kCorrupt, kUnsupported; each names file, field, expected and found.
  static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& path);

  Kind kind() const { return kind_; }
  const std::filesystem::path& path() const { return path_; }

  // nullptr where there is no such tensor.
  const TensorEntry* find(std::string_view name) const;
  // Sorted by name.
  const std::vector<TensorEntry>& tensors() const { return tensors_; }
  uint64_t tensor_bytes() const;  // sum over all tensors
  size_t file_count() const { return files_.size(); }

  // config.json or params.json of a folder; of a GGUF file its metadata as one object with the keys
  // as they are
  // ("general.architecture", "llama.block_count", "tokenizer.ggml.tokens": [...], ...). Strings of
  // a GGUF file are bytes as found and need not be UTF-8.
  const Json& config() const { return config_; }
  // "config.json", "params.json" or the .gguf file's name, for errors.
  std::string config_file() const;
  // How a Hugging Face folder says that its weights are quantised: config.json's
  // quantization_config, or quantize_config.json, where AutoGPTQ used to write it; nullopt where
  // neither is there. Borrows the Checkpoint.
  std::optional<JsonObject> quantization() const;
  // The same of a GGUF file, in its order, for copying; empty otherwise.
  const std::vector<MetadataRecord>& metadata_records() const { return metadata_records_; }
  // generation_config.json, or nullopt.
  const std::optional<Json>& generation_config() const { return generation_config_; }

  // Gives the mapped pages of a tensor back to the system, after its contents were converted.
  void drop_pages(const TensorEntry& entry) const noexcept;

 private:
  friend struct Builder;
  Checkpoint() = default;

  Kind kind_ = Kind::kHuggingFace;
  std::filesystem::path path_;
  std::vector<FileMap> files_;
  std::vector<std::unique_ptr<std::byte[]>> owned_;  // tensors that had to be made contiguous
  std::vector<TensorEntry> tensors_;
  Json config_;
  std::optional<Json> quantize_config_;  // read where config_ has no quantization_config
  std::vector<MetadataRecord> metadata_records_;
  std::optional<Json> generation_config_;
};

}  // namespace heng::checkpoint
