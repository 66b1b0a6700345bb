#include "checkpoint/meta_shards.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <string_view>

#include "base/message.h"
#include "checkpoint/weight_files.h"
#include "heng/error.h"

namespace heng::checkpoint {
namespace {

constexpr std::string_view kBefore = "consolidated.", kAfter = ".pth";

// Dimension by which a matrix is cut, by the last name of its module.
struct Cut {
  std::string_view module;
  size_t axis;
};
constexpr std::array<Cut, 9> kCuts{{{"wq", 0},
                                    {"wk", 0},
                                    {"wv", 0},
                                    {"w1", 0},
                                    {"w3", 0},
                                    {"output", 0},
                                    {"wo", 1},
                                    {"w2", 1},
                                    {"tok_embeddings", 1}}};

std::string numbered(size_t n) {
  const std::string digits = std::to_string(n);
  return std::string(kBefore) + (digits.size() < 2 ? "0" : "") + digits + std::string(kAfter);
}

// cos and sin are computed anew; the first LLaMA repeats the table in every layer.
bool is_angles(std::string_view name) {
  return name == "rope.freqs" || name.ends_with(".rope.freqs");
}

std::string where(const TensorEntry& entry) {
  return entry.file + ": tensor " + printable(entry.name);
}

constexpr const char* kFetch = " The files do not belong together: fetch them again.";

// "layers.0.attention.wq.weight" -> wq
size_t axis_of(const TensorEntry& entry) {
  constexpr std::string_view kWeight = ".weight";
  std::string_view name = entry.name;
  if (name.ends_with(kWeight)) {
    name.remove_suffix(kWeight.size());
    const size_t dot = name.rfind('.');
    if (dot != std::string_view::npos) name.remove_prefix(dot + 1);
    for (const Cut& cut : kCuts) {
      if (cut.module == name && entry.view.shape.size() == 2) return cut.axis;
    }
  }
  throw Error(ErrorCode::kUnsupported,
              where(entry) + " " + to_string(entry.view.shape) +
                  " is none of LLaMA's matrices, so how the files share it is not known.");
}

void check_alike(const TensorEntry& first, const TensorEntry& other) {
  if (first.view.shape == other.view.shape && first.view.dtype == other.view.dtype) return;
  throw Error(ErrorCode::kCorrupt, where(other) + " is " +
                                       std::string(dtype_name(other.view.dtype)) + " " +
                                       to_string(other.view.shape) + ", in " + first.file +
                                       " it is " + std::string(dtype_name(first.view.dtype)) + " " +
                                       to_string(first.view.shape) + "." + kFetch);
}

using Parts = std::vector<const TensorEntry*>;  // one of each file, in their order

TensorEntry join(const Parts& parts) {
  TensorEntry whole = *parts.front();
  for (const TensorEntry* part : parts) check_alike(whole, *part);
  if (parts.size() == 1) return whole;
  if (whole.view.shape.size() < 2) {
    const uint64_t bytes = byte_count(whole.view.shape, whole.view.dtype, where(whole));
    for (const TensorEntry* part : parts) {
      if (bytes == 0 || std::memcmp(part->view.data, whole.view.data, bytes) == 0) continue;
      throw Error(ErrorCode::kCorrupt, where(*part) + " holds other numbers than in " + whole.file +
                                           ", expected the same in every file." + kFetch);
    }
    return whole;
  }
  whole.axis = axis_of(whole);
  for (const TensorEntry* part : parts) whole.slices.push_back(part->view.data);
  whole.view.data = nullptr;
  uint64_t& cut = whole.view.shape[whole.axis];
  if (__builtin_mul_overflow(cut, uint64_t{parts.size()}, &cut)) {
    throw Error(ErrorCode::kCorrupt, where(whole) + " is too large. The file is damaged.");
  }
  byte_count(whole.view.shape, whole.view.dtype, where(whole));  // throws where it is too large
  return whole;
}

}  // namespace

std::vector<std::string> find_meta_shards(const std::filesystem::path& folder) {
  std::set<std::string> found = list_files(folder);
  std::erase_if(found, [](const std::string& name) {
    return !name.starts_with(kBefore) || !name.ends_with(kAfter);
  });
  std::vector<std::string> names;
  for (size_t i = 0; i < std::max<size_t>(found.size(), 1); ++i) {
    names.push_back(numbered(i));
    if (found.contains(names.back())) continue;
    throw Error(ErrorCode::kNotFound,
                folder.string() + ": has params.json and " + std::to_string(found.size()) +
                    " consolidated.NN.pth" +
                    (found.empty() ? "" : " (the last is " + printable(*found.rbegin()) + ")") +
                    ", but no " + names.back() +
                    ". The download is incomplete: fetch what is missing.");
  }
  return names;
}

std::vector<TensorEntry> join_meta_shards(std::vector<std::vector<TensorEntry>> shards) {
  std::map<std::string_view, Parts> by_name;
  for (const auto& shard : shards) {
    for (const TensorEntry& entry : shard) {
      if (!is_angles(entry.name)) by_name[entry.name].push_back(&entry);
    }
  }
  std::vector<TensorEntry> out;
  for (const auto& [name, parts] : by_name) {
    // A file names each tensor once, so the first gap is where the order breaks off.
    for (size_t i = 0; i < shards.size(); ++i) {
      if (i < parts.size() && parts[i]->file == numbered(i)) continue;
      throw Error(ErrorCode::kCorrupt, numbered(i) + ": tensor " + printable(name) +
                                           " is missing, " + parts.front()->file + " has it." +
                                           kFetch);
    }
    out.push_back(join(parts));
  }
  return out;
}

}  // namespace heng::checkpoint
