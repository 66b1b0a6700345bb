// Which files of a Hugging Face folder hold the weights: one file, or shards named by an index.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace heng::checkpoint {

enum class WeightKind { kSafetensors, kTorch };

struct WeightFiles {
  WeightKind kind = WeightKind::kSafetensors;
  std::vector<std::string> names;              // plain names inside the folder, each once
  std::string index;                           // the index file's name; empty where there is none
  std::map<std::string, std::string> tensors;  // tensor -> file, as the index says
};

// Safetensors come first where a folder has both. Throws Error kNotFound where it has no weights or
// a shard is missing, else as parse_index.
WeightFiles find_weight_files(const std::filesystem::path& folder);

// The names of what lies in `folder`, sorted. Throws Error kNotFound.
std::set<std::string> list_files(const std::filesystem::path& folder);

// The text of an index ({"weight_map": {tensor: file}}) -> names and tensors. `extension` is what
// every file must end in. Throws Error kCorrupt, also for file names that lead out of the folder.
WeightFiles parse_index(std::string_view text, std::string_view file, std::string_view extension);

}  // namespace heng::checkpoint
